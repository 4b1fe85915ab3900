"""Many devices that publish and obey all the time, and an application that keeps the books of both directions."""
import collections
import dataclasses
import heapq
import itertools
import selectors
import socket
import struct
import sys
import threading
import time

import sn
from application import Application
from processes import wait_until

RETRY = 0.3  # seconds: T_retry of the devices; they repeat without end, as a gateway that restarts deserves
QUIET = ("log_type error", "log_type warning", "log_type notice", "log_type information")  # of the broker
WINDOW_DOWN = 4  # commands under way to one device
COMMANDS_AT_ONCE = 20
PAUSE = 0.05  # seconds at least between two messages of a device: the application has to keep up with all of them


@dataclasses.dataclass
class Result:
    acknowledged: int = 0  # up, by the gateway
    commanded: int = 0     # down, taken by the broker
    lost: int = 0
    doubled_qos1: int = 0  # allowed
    doubled_qos2: int = 0
    doubled_qos2_down: int = 0  # of these, to the devices
    repeated_by_broker: int = 0  # QoS 2 to the application, under the packet id that the broker had completed before
    disconnects: int = 0
    congestion: int = 0
    examples: list = dataclasses.field(default_factory=list)  # of what should not be


class Node:
    """One device with one publish outstanding. Up: QoS 1 and 2 in turn. Down: whatever the gateway sends."""

    def __init__(self, number, address):
        self.number = number
        self.sequence = 0
        self.acknowledged = []
        self.received = collections.Counter()
        self.congestion = 0
        self.disconnects = 0
        self.paused = False
        self.topic_id = None
        self.names = {}
        self._unreleased = {}
        self._message_id = 0
        self.outstanding = None  # (frame to repeat, type of the answer that it waits for)
        self.repeat_at = 0.0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.socket.setblocking(False)

    def _next_id(self):
        self._message_id = self._message_id % 65535 + 1
        return self._message_id

    def send(self, frame):
        try:
            self.socket.send(frame)
        except OSError:
            pass  # nobody there just now: as good as lost on the air

    def _ask(self, frame, answers, now):
        self.outstanding = (frame, answers)
        self.repeat_at = now + RETRY
        self.send(frame)

    def connect(self, now):
        body = struct.pack(">BBH", 0, 1, 600) + b"load-%d" % self.number
        self._ask(sn.encode(sn.CONNECT, body), (sn.CONNACK,), now)

    def repeat(self, now):
        if self.outstanding is None:
            self.publish(now)
            return
        frame, answers = self.outstanding
        if frame[1] == sn.PUBLISH:
            frame = frame[:2] + bytes([frame[2] | 0x80]) + frame[3:]
        self._ask(frame, answers, now)

    def publish(self, now):
        if self.paused:
            return
        self.sequence += 1
        qos = 1 + self.sequence % 2
        body = struct.pack(">BHH", sn.flags(qos=qos), self.topic_id, self._next_id()) + b"%d" % self.sequence
        self._ask(sn.encode(sn.PUBLISH, body), (sn.PUBACK,) if qos == 1 else (sn.PUBACK, sn.PUBREC), now)

    def on_frame(self, frame, now):
        kind, body = frame
        if kind == sn.REGISTER:
            self.names[body[:2]] = body[4:]
            self.send(sn.encode(sn.REGACK, body[:4] + b"\0"))
        elif kind == sn.PUBLISH:
            self._on_message(body)
        elif kind == sn.PUBREL:
            message = self._unreleased.pop(body, None)
            if message is not None:
                self.received[message] += 1
            self.send(sn.encode(sn.PUBCOMP, body))
        elif kind == sn.DISCONNECT:
            self.disconnects += 1
        elif self.outstanding is not None and kind in self.outstanding[1]:
            self._on_answer(kind, body, now)

    def _on_message(self, body):
        qos, topic_id, message_id, payload = body[0] >> 5 & 3, body[1:3], body[3:5], int(body[5:])
        if qos == 1:
            self.received[payload] += 1
            self.send(sn.encode(sn.PUBACK, topic_id + message_id + b"\0"))
        else:
            self._unreleased.setdefault(message_id, payload)
            self.send(sn.encode(sn.PUBREC, message_id))

    def _on_answer(self, kind, body, now):
        if kind == sn.CONNACK:
            if body[0] != sn.ACCEPTED:
                return  # asks again
            frame = sn.encode(sn.REGISTER, struct.pack(">HH", 0, self._next_id()) + b"load/up/%d" % self.number)
            self._ask(frame, (sn.REGACK,), now)
        elif kind == sn.REGACK:
            self.topic_id = struct.unpack(">H", body[:2])[0]
            frame = struct.pack(">BH", sn.flags(qos=2), self._next_id()) + b"load/down/%d" % self.number
            self._ask(sn.encode(sn.SUBSCRIBE, frame), (sn.SUBACK,), now)
        elif kind == sn.SUBACK:
            self.names[body[1:3]] = b"load/down/%d" % self.number
            self.publish(now)
        elif kind == sn.PUBACK and body[4] == sn.CONGESTION:
            self.congestion += 1
        elif kind == sn.PUBREC:
            if body == self.outstanding[0][5:7]:
                self._ask(sn.encode(sn.PUBREL, body), (sn.PUBCOMP,), now)
        elif body[2:4] == self.outstanding[0][5:7] or (kind == sn.PUBCOMP and body == self.outstanding[0][2:4]):
            self.acknowledged.append(self.sequence)
            self.outstanding = None
            self.repeat_at = now + PAUSE


class Load:
    def __init__(self, address, broker, nodes):
        self._nodes = [Node(number, address) for number in range(nodes)]
        self._arrived = collections.defaultdict(collections.Counter)
        self._completed = {}  # packet id of the broker -> what it brought
        self._repeated = 0
        self._counted_from = collections.Counter()  # (way, number of the node) -> the last message that does not count
        self._commands = collections.Counter()
        self._lock = threading.Lock()
        self._stop = False
        self._commanding = True
        # Threads that take turns only every 5 ms would make the application a hundred times slower than the devices.
        sys.setswitchinterval(0.0002)
        self._application = Application(broker, "load-application", clean=False, on_each=self._on_arrival)
        self._application.subscribe("load/up/#", 2)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        try:
            wait_until(lambda: all(node.acknowledged for node in self._nodes), "every device's first message", 60)
        except BaseException:
            self.close()
            raise
        self._commander = threading.Thread(target=self._command, daemon=True)
        self._commander.start()

    def _on_arrival(self, message):
        with self._lock:
            if message.qos == 2:
                content = (message.topic, message.payload)
                if message.dup and self._completed.get(message.mid) == content:
                    # mosquitto that restarts may forget that an exchange was past PUBREC: not the gateway's repeat.
                    self._repeated += 1
                    return
                self._completed[message.mid] = content
            self._arrived[int(message.topic.rsplit("/", 1)[1])][int(message.payload)] += 1

    def _run(self):
        selector = selectors.DefaultSelector()
        now = time.monotonic()
        for node in self._nodes:
            selector.register(node.socket, selectors.EVENT_READ, node)
            node.connect(now)
        repeats = [(node.repeat_at, node.number) for node in self._nodes]
        heapq.heapify(repeats)
        while not self._stop:
            for key, _ in selector.select(0.05):
                try:
                    key.data.on_frame(sn.decode(key.data.socket.recv(2048)), time.monotonic())
                except OSError:
                    pass
            now = time.monotonic()
            while repeats[0][0] <= now:
                node = self._nodes[repeats[0][1]]
                if node.repeat_at <= now:
                    node.repeat(now)
                heapq.heapreplace(repeats, (max(node.repeat_at, now + RETRY / 4), node.number))

    def _obeyed(self, node):
        return max(len(node.received), self._counted_from["down", node.number])

    def _command(self):
        numbers = itertools.cycle(range(len(self._nodes)))
        while self._commanding:
            ready = [number for number in itertools.islice(numbers, min(COMMANDS_AT_ONCE, len(self._nodes)))
                     if self._commands[number] - self._obeyed(self._nodes[number]) < WINDOW_DOWN]
            if not ready:
                time.sleep(0.001)
                continue
            next_ones = [(number, self._commands[number] + 1) for number in ready]
            self._application.publish_all([(f"load/down/{number}", b"%d" % sequence, 1 + sequence % 2)
                                           for number, sequence in next_ones])
            self._commands.update(ready)

    def wait_for_sessions(self, gateway):
        """Until a gateway that was started again has the broker connections of all devices back.

        mosquitto whose client goes away while it repeats PUBREL, in the first moment of a connection, repeats the PUBLISH
        in the next one, against [MQTT-4.3.3-1]: a QoS 2 message twice, and no gateway can tell it from a new one.
        """
        def restored():
            return sum("load-" in line and "broker connection restored" in line for line in gateway.lines)
        wait_until(lambda: restored() >= len(self._nodes), "the broker connections of all devices", 60)

    def progress(self):
        """Messages finished up to now, both ways."""
        return sum(len(node.acknowledged) + len(node.received) for node in self._nodes)

    def sequences(self):
        return [node.sequence for node in self._nodes]

    def is_past(self, sequences):
        """Whether a later message of every device has arrived."""
        with self._lock:
            return all(max(self._arrived[number], default=0) > sequence for number, sequence in enumerate(sequences))

    def begin_books(self):
        """What was sent before does not count: the broker may have lost it."""
        for node in self._nodes:
            self._counted_from["up", node.number] = node.sequence
            self._counted_from["down", node.number] = self._commands[node.number] + 1

    def _is_settled(self):
        with self._lock:
            return all(node.outstanding is None and not self._missing(node) for node in self._nodes)

    def _missing(self, node):
        """Acknowledged to its sender and not arrived, as texts."""
        due = {"up": (node.acknowledged, self._arrived[node.number]),
               "down": (range(1, self._commands[node.number] + 1), node.received)}
        return [f"{way}/{node.number} lost {sequence}" for way, (sent, came) in due.items() for sequence in sent
                if sequence > self._counted_from[way, node.number] and came[sequence] == 0]

    def finish(self, timeout=60):
        """Ends the load, waits until all that is on its way has come, and says what did not."""
        self._commanding = False
        self._commander.join()
        for node in self._nodes:
            node.paused = True
        try:
            wait_until(self._is_settled, "the end of all exchanges", timeout)
        except AssertionError:
            pass  # the result tells what is missing
        self._application.leftover()
        result = Result(repeated_by_broker=self._repeated)
        for node in self._nodes:
            arrived = self._arrived[node.number]
            result.acknowledged += len(node.acknowledged)
            result.commanded += self._commands[node.number]
            result.congestion += node.congestion
            result.disconnects += node.disconnects
            missing = self._missing(node)
            result.lost += len(missing)
            result.examples += missing
            for way, came in (("up", arrived), ("down", node.received)):
                for sequence, count in came.items():
                    if sequence <= self._counted_from[way, node.number] or count == 1:
                        continue
                    if sequence % 2 == 0:
                        result.doubled_qos1 += count - 1
                    else:
                        result.doubled_qos2 += count - 1
                        result.doubled_qos2_down += count - 1 if way == "down" else 0
                        result.examples.append(f"{way}/{node.number} doubled {sequence}")
        del result.examples[10:]
        return result

    def close(self):
        self._commanding = False
        self._stop = True
        self._thread.join()
        self._application.close()
        for node in self._nodes:
            node.socket.close()
