"""Malformed frames and floods: counted, dropped, and no harm to anyone else."""
import random
import struct
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import wait_until

GATEWAY_ONLY = (sn.CONNACK, sn.WILLTOPICREQ, sn.WILLMSGREQ, sn.SUBACK, sn.UNSUBACK, sn.WILLTOPICRESP, sn.WILLMSGRESP)
RESERVED = (0x03, 0x11, 0x19, *range(0x1E, 0xFE), 0xFF)
# Totals that the type can have, in the header form of one octet.
FIXED_TOTALS = {sn.ADVERTISE: (5,), sn.SEARCHGW: (3,), sn.WILLTOPICREQ: (2,), sn.WILLMSGREQ: (2,), sn.CONNACK: (3,),
                sn.REGACK: (7,), sn.PUBACK: (7,), sn.PUBCOMP: (4,), sn.PUBREC: (4,), sn.PUBREL: (4,), sn.SUBACK: (8,),
                sn.UNSUBACK: (4,), sn.PINGRESP: (2,), sn.DISCONNECT: (2, 4), sn.WILLTOPICRESP: (3,), sn.WILLMSGRESP: (3,)}
SHORTEST_TOTALS = {sn.PUBLISH: 7, sn.REGISTER: 6, sn.SUBSCRIBE: 5, sn.UNSUBSCRIBE: 5, sn.CONNECT: 6, sn.GWINFO: 3}


def malformed_frames(noise):
    """Every type in every length that it cannot have, and every way to get the length wrong."""
    for kind, totals in FIXED_TOTALS.items():
        for total in set(range(2, 20)) - set(totals):
            yield sn.encode(kind, noise.randbytes(total - 2))
    for kind, shortest in SHORTEST_TOTALS.items():
        for total in range(2, shortest):
            yield sn.encode(kind, noise.randbytes(total - 2))
    for kind in RESERVED:
        yield sn.encode(kind, noise.randbytes(noise.randrange(20)))
    for kind in range(0xFE):
        body = noise.randbytes(6)
        for wrong in (0, 2, 7, 9, 200, 255):
            yield bytes([wrong, kind]) + body
        for wrong in (0, 3, 9, 11, 65535):
            yield struct.pack(">BHB", 1, wrong, kind) + body
    for size in range(0, 4):
        yield bytes([1]) + noise.randbytes(size)
        yield bytes(size)
    ping = sn.encode(sn.PINGREQ)
    for encapsulated in (b"\3\xfe\0" + ping, b"\5\xfe\0\1\2", b"\5\xfe\0\1\2\3\x16", b"\1\0\7\xfe\0\1\2" + ping,
                         b"\5\xfe\0\1\2" + ping + b"\0", b"\4\xfe\0\1" + b"\4\xfe\0\2" + ping):
        yield encapsulated


class MalformedFrames(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateway = cls.share(Gateway(cls.broker.url, log={"level": "debug"}))

    def test_malformed_frames_of_a_connected_device_change_nothing(self):
        """[SN12-5.2.1-f] [SN12-5.2.1-g] [SN12-5.2.1-k] [SN12-5.2.2-b] [SN12-5.4-a] [SN12-5.4-b] [SN12-5.5-c]"""
        device = self.connected(self.gateway, "noisy")
        topic = device.register("noisy/up")
        before = self.gateway.counters()
        sent = 0
        for sent, datagram in enumerate(malformed_frames(random.Random(1)), start=1):
            device.send_raw(datagram)
            if sent % 100 == 0:
                device.ping()
        device.ping()
        self.assertFalse(device.kept, "no frame was answered")
        self.assertEqual(device.publish(topic, b"still here", qos=1), sn.ACCEPTED)
        after = self.gateway.counters()
        dropped = sum(after.get(name, 0) - before.get(name, 0) for name in ("malformed", "forwarder_refused"))
        self.assertEqual(dropped, sent)
        source = ":%d: malformed frame" % device.socket.getsockname()[1]
        self.assertIn(len([line for line in self.gateway.lines if source in line]), range(1, 60),
                      "the log is limited per source")

    def test_frames_that_only_gateways_send_are_never_answered(self):
        """[SN12-5.2.2-c]"""
        bodies = {sn.CONNACK: 1, sn.SUBACK: 6, sn.UNSUBACK: 2, sn.WILLTOPICRESP: 1, sn.WILLMSGRESP: 1}
        stranger = self.device(self.gateway, "stranger")
        for kind in GATEWAY_ONLY:
            stranger.send(kind, bytes(bodies.get(kind, 0)))
        self.assertEqual(stranger.connect(), sn.ACCEPTED)
        self.assertFalse(stranger.kept)

    def test_a_storm_of_random_frames_harms_nobody_else(self):
        """Every type with every length up to 300, well-formed headers and random contents, from strangers."""
        noise = random.Random(2)
        strangers = [self.device(self.gateway, f"stranger-{number}") for number in range(8)]
        served = self.connected(self.gateway, "served")
        topic = served.register("served/up")
        for kind in range(256):
            for size in (*range(24), 252, 253, 254, 300):
                stranger = noise.choice(strangers)
                stranger.send(kind, noise.randbytes(size), long=noise.random() < 0.3)
            self.assertEqual(served.publish(topic, b"x", qos=1), sn.ACCEPTED)
        self.assertTrue(self.gateway.is_running())


class Floods(IntegrationTest):
    def flood(self, gateway, datagram, until):
        """Sends as fast as it can from one socket; the count."""
        flooder = self.connected(gateway, "flooder")
        sent = 0

        def run():
            nonlocal sent
            while not until.is_set():
                flooder.send_raw(datagram)
                sent += 1

        thread = threading.Thread(target=run)
        thread.start()
        return thread, lambda: sent

    def publish_with_retries(self, device, topic, payload, message_id):
        """As a device would: a datagram may get lost while the socket of the gateway is full."""
        for attempt in range(20):
            device.send_publish(topic, payload, qos=1, message_id=message_id, dup=attempt > 0)
            device.socket.settimeout(0.5)
            try:
                frame = sn.decode(device.socket.recv(1000))
            except TimeoutError:
                continue
            if frame.type == sn.PUBACK and frame.body[2:4] == struct.pack(">H", message_id):
                return frame.body[4]
        self.fail("no PUBACK after 20 attempts")

    def test_a_device_is_served_while_another_floods(self):
        """A limit per source: what is above is dropped and counted, and the log stays short."""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, limits={"frames_per_second_per_source": 50})
        application = self.start_application(broker, "served/up")
        served = self.connected(gateway, "served")
        topic = served.register("served/up")
        stop = threading.Event()
        self.addCleanup(stop.set)
        thread, sent = self.flood(gateway, sn.encode(sn.PUBLISH, b"\x22zz\0\1" + bytes(20)), stop)
        began = time.monotonic()
        for number in range(1, 61):
            self.assertEqual(self.publish_with_retries(served, topic, str(number).encode(), number), sn.ACCEPTED)
        wait_until(lambda: sent() > 1000, "a flood worth its name")
        took = time.monotonic() - began
        stop.set()
        thread.join()
        self.assertEqual([message.payload for message in application.receive_all(60)],
                         [str(number).encode() for number in range(1, 61)])
        self.assertEqual(application.leftover(), [])
        counters = gateway.counters()
        self.assertGreater(counters["flood_dropped"], 500)
        self.assertLess(counters["frames_in"] - counters["flood_dropped"], 400 + 60 * took, "the flood is held back")
        self.assertLess(len(gateway.lines), 60)

    def test_beacons_that_flood_are_limited(self):
        """[SN12-6.8-e]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, qos_minus_one={"messages_per_second_per_source": 10})
        application = self.start_application(broker, "zz", "yy")
        beacon, other = self.device(gateway, "beacon"), self.device(gateway, "other")
        for number in range(500):
            beacon.publish(sn.short("zz"), str(number).encode(), qos=-1)
        other.publish(sn.short("yy"), b"heard", qos=-1)
        self.assertEqual(application.receive("yy").payload, b"heard")
        self.assertLess(len(application.leftover()), 100)
        self.assertGreater(gateway.counters()["qos_minus1_dropped"], 400)

    def test_strangers_get_one_disconnect_at_a_time(self):
        """[SN12-5.4.21-b] [SN12-5.4.21-d]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, timers={"retry": "60s"})
        stranger = self.device(gateway, "stranger")
        for _ in range(200):
            stranger.send(sn.PINGREQ)
        self.assertEqual(stranger.connect(), sn.ACCEPTED)
        self.assertEqual([frame.type for frame in stranger.kept], [sn.DISCONNECT])


if __name__ == "__main__":
    unittest.main()
