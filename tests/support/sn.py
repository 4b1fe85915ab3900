"""A small MQTT-SN 1.2 device over UDP or another link, written from the specification and independent of the C++ code."""
import collections
import socket
import struct
import time

from processes import PATIENCE

ADVERTISE, SEARCHGW, GWINFO = 0x00, 0x01, 0x02
CONNECT, CONNACK, WILLTOPICREQ, WILLTOPIC, WILLMSGREQ, WILLMSG = 0x04, 0x05, 0x06, 0x07, 0x08, 0x09
REGISTER, REGACK, PUBLISH, PUBACK, PUBCOMP, PUBREC, PUBREL = 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 0x12, 0x13, 0x14, 0x15
PINGREQ, PINGRESP, DISCONNECT = 0x16, 0x17, 0x18
WILLTOPICUPD, WILLTOPICRESP, WILLMSGUPD, WILLMSGRESP = 0x1A, 0x1B, 0x1C, 0x1D
ENCAPSULATED = 0xFE

ACCEPTED, CONGESTION, INVALID_TOPIC_ID, NOT_SUPPORTED = 0, 1, 2, 3

Frame = collections.namedtuple("Frame", "type body")
Message = collections.namedtuple("Message", "topic payload qos retain dup id_type")
Suback = collections.namedtuple("Suback", "code topic_id qos")
Will = collections.namedtuple("Will", "topic message qos retain", defaults=(0, False))
TopicId = collections.namedtuple("TopicId", "type octets")


def normal(topic_id):
    return TopicId(0, struct.pack(">H", topic_id))


def predefined(topic_id):
    return TopicId(1, struct.pack(">H", topic_id))


def short(name):
    return TopicId(2, name.encode())


def encode(kind, body=b"", long=False):
    if long or len(body) + 2 > 255:
        return struct.pack(">BHB", 1, len(body) + 4, kind) + body
    return struct.pack("BB", len(body) + 2, kind) + body


def decode(datagram):
    start, length = (3, struct.unpack(">H", datagram[1:3])[0]) if datagram[0] == 1 else (1, datagram[0])
    if length != len(datagram):
        raise AssertionError(f"the gateway sent a frame of {len(datagram)} octets with length {length}")
    return Frame(datagram[start], datagram[start + 1:])


def flags(dup=False, qos=0, retain=False, will=False, clean=False, id_type=0):
    return dup << 7 | (qos & 3) << 5 | retain << 4 | will << 3 | clean << 2 | id_type


class Device:
    """One socket, one client id. Frames that come while it waits for another are kept in order."""

    def __init__(self, gateway, client_id="device"):
        """`gateway` is a Gateway, the address of one of its listeners, or a node of a SerialLine."""
        self.client_id = client_id
        self.names = {}
        self.kept = collections.deque()
        self._message_id = 0
        self._unreleased = {}
        if hasattr(gateway, "recv"):
            self.socket = gateway
            return
        address = gateway if isinstance(gateway, tuple) else gateway.address
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)

    def close(self):
        self.socket.close()

    # Frames

    def send(self, kind, body=b"", long=False):
        self.socket.send(encode(kind, body, long))

    def send_raw(self, datagram):
        self.socket.send(datagram)

    def _receive(self, deadline, what):
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return decode(self.socket.recv(65536))
        except TimeoutError:
            raise AssertionError(f"{self.client_id} waited in vain for {what}; it has {list(self.kept)}") from None

    def expect(self, *kinds):
        """The first frame of one of these types."""
        for frame in self.kept:
            if frame.type in kinds:
                self.kept.remove(frame)
                return frame
        deadline = time.monotonic() + PATIENCE
        while (frame := self._receive(deadline, f"types {[hex(kind) for kind in kinds]}")).type not in kinds:
            self.kept.append(frame)
        return frame

    def next_frame(self):
        return self.kept.popleft() if self.kept else self._receive(time.monotonic() + PATIENCE, "any frame")

    def next_id(self):
        self._message_id = self._message_id % 65535 + 1
        return self._message_id

    # Procedures

    def connect(self, clean=True, duration=60, will=None):
        """The return code of CONNACK."""
        self.send_connect(clean, duration, will is not None)
        if will is not None:
            self.expect(WILLTOPICREQ)
            self.send(WILLTOPIC, bytes([flags(qos=will.qos, retain=will.retain)]) + will.topic.encode())
            self.expect(WILLMSGREQ)
            self.send(WILLMSG, will.message)
        return self.expect(CONNACK).body[0]

    def send_connect(self, clean=True, duration=60, will=False):
        self.send(CONNECT, struct.pack(">BBH", flags(will=will, clean=clean), 1, duration) + self.client_id.encode())

    def register(self, name):
        message_id = self.next_id()
        self.send(REGISTER, struct.pack(">HH", 0, message_id) + name.encode())
        topic_id, acknowledged, code = struct.unpack(">HHB", self.expect(REGACK).body)
        assert (acknowledged, code) == (message_id, ACCEPTED), f"REGACK {acknowledged} {code}"
        self.names[topic_id] = name
        return normal(topic_id)

    def publish(self, topic, payload, qos=0, retain=False):
        """For QoS 1 and 2 until acknowledged; the return code (0 for QoS 0 and -1: there is no answer)."""
        message_id = self.next_id() if qos > 0 else 0
        self.send_publish(topic, payload, qos, retain, message_id)
        if qos <= 0:
            return ACCEPTED
        answer = self.expect(PUBACK, PUBREC)
        if answer.type == PUBACK:
            assert answer.body[:4] == topic.octets + struct.pack(">H", message_id), answer
            return answer.body[4]
        assert qos == 2 and answer.body == struct.pack(">H", message_id), answer
        self.send(PUBREL, answer.body)
        assert self.expect(PUBCOMP).body == answer.body
        return ACCEPTED

    def send_publish(self, topic, payload, qos=0, retain=False, message_id=0, dup=False):
        head = bytes([flags(dup=dup, qos=qos, retain=retain, id_type=topic.type)])
        self.send(PUBLISH, head + topic.octets + struct.pack(">H", message_id) + payload)

    def subscribe(self, topic, qos=0):
        """`topic` is a filter, or a predefined or short topic."""
        message_id = self.next_id()
        id_type, octets = topic if isinstance(topic, TopicId) else (0, topic.encode())
        self.send(SUBSCRIBE, struct.pack(">BH", flags(qos=qos, id_type=id_type), message_id) + octets)
        granted, topic_id, acknowledged, code = struct.unpack(">BHHB", self.expect(SUBACK).body)
        assert acknowledged == message_id, f"SUBACK of {acknowledged} instead of {message_id}"
        if isinstance(topic, str) and topic_id != 0:
            self.names[topic_id] = topic
        return Suback(code, topic_id, granted >> 5 & 3)

    def unsubscribe(self, topic):
        message_id = self.next_id()
        id_type, octets = topic if isinstance(topic, TopicId) else (0, topic.encode())
        self.send(UNSUBSCRIBE, struct.pack(">BH", flags(id_type=id_type), message_id) + octets)
        assert self.expect(UNSUBACK).body == struct.pack(">H", message_id)

    def ping(self):
        self.send(PINGREQ)
        self.expect(PINGRESP)

    def disconnect(self, duration=None):
        self.send(DISCONNECT, b"" if duration is None else struct.pack(">H", duration))
        self.expect(DISCONNECT)

    def receive(self):
        """The next message, registered and acknowledged as its QoS asks."""
        while True:
            message = self._answer(self.expect(REGISTER, PUBLISH, PUBREL))
            if message is not None:
                return message

    def wake(self):
        """All messages between the PINGREQ of a sleeping device and the PINGRESP."""
        self.send(PINGREQ, self.client_id.encode())
        messages = []
        while (frame := self.next_frame()).type != PINGRESP:
            message = self._answer(frame)
            if message is not None:
                messages.append(message)
        return messages

    def _answer(self, frame):
        if frame.type == REGISTER:
            topic_id, message_id = struct.unpack(">HH", frame.body[:4])
            self.names[topic_id] = frame.body[4:].decode()
            self.send(REGACK, struct.pack(">HHB", topic_id, message_id, ACCEPTED))
            return None
        if frame.type == PUBREL:
            self.send(PUBCOMP, frame.body)
            return self._unreleased.pop(frame.body, None)
        head, octets, message_id = struct.unpack(">B2sH", frame.body[:5])
        qos, id_type = head >> 5 & 3, head & 3
        number = struct.unpack(">H", octets)[0]
        topic = {0: self.names.get(number), 1: number, 2: octets.decode(errors="replace")}[id_type]
        message = Message(topic, frame.body[5:], qos, bool(head & 0x10), bool(head & 0x80), id_type)
        if qos == 1:
            self.send(PUBACK, octets + struct.pack(">HB", message_id, ACCEPTED))
        elif qos == 2:
            key = struct.pack(">H", message_id)
            self._unreleased.setdefault(key, message)
            self.send(PUBREC, key)
            return None
        return message
