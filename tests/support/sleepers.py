"""Many sleeping devices in one thread: they wake, take what the gateway kept for them (SN 6.14), and count every frame."""
import collections
import dataclasses
import heapq
import selectors
import socket
import struct
import time

import sn

RETRIES = 3  # N_retry
EARLY = 0.9  # a device wakes after this share of the time that it announced


@dataclasses.dataclass
class WakeUp:
    """One drain, from PINGREQ to PINGRESP, with the frames of both directions."""
    frames: int = 0
    messages: dict = dataclasses.field(default_factory=collections.Counter)  # by QoS
    new_names: int = 0  # normal topic ids that the device did not know

    def minimum(self):
        """PINGREQ and PINGRESP; REGISTER, REGACK; PUBLISH, PUBACK; PUBLISH, PUBREC, PUBREL, PUBCOMP."""
        return 2 + 2 * self.new_names + self.messages[0] + 2 * self.messages[1] + 4 * self.messages[2]


class Sleeper:
    """Subscribes with QoS 2 to `topic_filter` in a session that stays, then sleeps; `rule` is its network, `retry` T_retry."""

    def __init__(self, address, client_id, topic_filter, sleep_s, rule, first_wake, retry):
        self.client_id = client_id
        self.state = "new"
        self.received = collections.Counter()  # (topic, payload, qos)
        self.wake_ups = []
        self.connects = 0
        self.given_up = 0  # wake-ups that ended in silence
        self.due = 0.0  # when to repeat, or to wake
        self._filter = topic_filter
        self._sleep_s = sleep_s
        self._rule = rule
        self._first_wake = first_wake
        self._retry = retry
        self._names = {}
        self._unreleased = {}
        self._asked = None
        self._repeats = 0
        self._current = WakeUp()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.socket.setblocking(False)

    # Frames out

    def _send(self, kind, body=b""):
        self._current.frames += 1
        for each in self._rule(True, sn.encode(kind, body)):
            self.socket.send(each)

    def _ask(self, now, kind, body):
        self._asked, self._repeats = (kind, body), 0
        self.due = now + self._retry
        self._send(kind, body)

    def connect(self, now):
        self.state = "connecting"
        self.connects += 1
        self._ask(now, sn.CONNECT, struct.pack(">BBH", 0, 1, 600) + self.client_id.encode())

    def _wake(self, now):
        self.state = "awake"
        self._current = WakeUp()
        self._ask(now, sn.PINGREQ, self.client_id.encode())

    def _fall_asleep(self, now):
        self.state = "asleep"
        self._asked = None
        wait = self._first_wake if self._first_wake is not None else self._sleep_s * EARLY
        self._first_wake = None
        self.due = now + wait

    def on_time(self, now):
        if self.state == "asleep":
            return self._wake(now)
        self._repeats += 1
        if self._repeats <= RETRIES:
            self.due = now + self._retry
            return self._send(*self._asked)
        if self.state == "awake":
            self.given_up += 1
            return self._fall_asleep(now)
        return self.connect(now)

    # Frames in

    def on_datagram(self, datagram, now):
        for each in self._rule(False, datagram):
            self._on_frame(*sn.decode(each), now)

    def _on_frame(self, kind, body, now):
        if self.state == "asleep":
            return  # its receiver is off
        self._current.frames += 1
        if self.state == "awake":
            self._repeats = 0
            self.due = now + self._retry  # a drain goes on with every message
        if kind == sn.REGISTER:
            self._learn(body[:2], body[4:].decode())
            self._send(sn.REGACK, body[:4] + b"\0")
        elif kind == sn.PUBLISH:
            self._on_message(body)
        elif kind == sn.PUBREL:
            message = self._unreleased.pop(body, None)
            if message is not None:
                self._take(*message)
            self._send(sn.PUBCOMP, body)
        elif kind == sn.DISCONNECT and self.state != "falling":
            self.connect(now)
        else:
            self._on_answer(kind, body, now)

    def _on_answer(self, kind, body, now):
        if kind == sn.PINGRESP and self.state == "awake":
            self.wake_ups.append(self._current)
            self._fall_asleep(now)
        elif kind == sn.CONNACK and self.state == "connecting" and body[0] == sn.ACCEPTED:
            self.state = "subscribing"
            self._ask(now, sn.SUBSCRIBE, struct.pack(">BH", sn.flags(qos=2), 1) + self._filter.encode())
        elif kind == sn.SUBACK and self.state == "subscribing":
            if body[1:3] != b"\0\0":
                self._names[body[1:3]] = self._filter
            self.state = "falling"
            self._ask(now, sn.DISCONNECT, struct.pack(">H", self._sleep_s))
        elif kind == sn.DISCONNECT:
            self._fall_asleep(now)

    def _learn(self, topic_id, name):
        if self._names.get(topic_id) != name:
            self._names[topic_id] = name
            self._current.new_names += 1

    def _on_message(self, body):
        qos, topic_id, message_id, payload = body[0] >> 5 & 3, body[1:3], body[3:5], body[5:]
        if topic_id not in self._names:
            self._send(sn.PUBACK, topic_id + message_id + bytes([sn.INVALID_TOPIC_ID]))
            return
        message = (self._names[topic_id], payload, qos)
        if qos == 2:
            self._unreleased.setdefault(message_id, message)
            self._send(sn.PUBREC, message_id)
            return
        self._take(*message)
        if qos == 1:
            self._send(sn.PUBACK, topic_id + message_id + b"\0")

    def _take(self, topic, payload, qos):
        self._current.messages[qos] += 1
        self.received[topic, payload, qos] += 1


class Sleepers:
    def __init__(self, sleepers):
        self.sleepers = sleepers
        self._selector = selectors.DefaultSelector()
        self._due = []
        now = time.monotonic()
        for number, each in enumerate(sleepers):
            self._selector.register(each.socket, selectors.EVENT_READ, each)
            each.due = now + number / 2000  # at first, when to connect
            self._due.append((each.due, number))
        heapq.heapify(self._due)

    def run_until(self, condition, what, timeout):
        """Lets them live until `condition()`, asked some times a second, holds."""
        deadline = time.monotonic() + timeout
        ask_at = 0.0
        while (now := time.monotonic()) < deadline:
            if now >= ask_at:
                if condition():
                    return
                ask_at = now + 0.05
            for key, _ in self._selector.select(max(0.0, min(0.05, self._due[0][0] - now))):
                self._read(key.data)
            now = time.monotonic()
            while self._due[0][0] <= now:
                number = self._due[0][1]
                each = self.sleepers[number]
                if each.due <= now:
                    each.connect(now) if each.state == "new" else each.on_time(now)
                again = min(max(each.due, now + 0.01), now + 0.2)  # what it hears may bring it forward
                heapq.heapreplace(self._due, (again, number))
        raise AssertionError(f"not within {timeout} s: {what}; {collections.Counter(e.state for e in self.sleepers)}")

    @staticmethod
    def _read(sleeper):
        while True:
            try:
                datagram = sleeper.socket.recv(2048)
            except OSError:
                return
            sleeper.on_datagram(datagram, time.monotonic())

    def are_asleep(self):
        return all(each.state == "asleep" for each in self.sleepers)

    def wake_ups(self):
        return [each for sleeper in self.sleepers for each in sleeper.wake_ups]

    def close(self):
        for each in self.sleepers:
            each.socket.close()
        self._selector.close()
