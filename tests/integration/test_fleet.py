"""A thousand devices that connect at once."""
import collections
import re
import resource
import selectors
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from integration import IntegrationTest
from processes import PATIENCE, wait_until
from sn import Device

FLEET = 1000
REPEAT_AFTER = 2.0  # seconds; a datagram may get lost while the socket of the gateway is full


class Fleet(IntegrationTest):
    def setUp(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.broker = self.start_broker()

    def all_ask(self, devices, ask, *kinds):
        """Every device asks at once, and again after a while without answer; the answers by device."""
        selector = selectors.DefaultSelector()
        self.addCleanup(selector.close)
        for device in devices:
            selector.register(device.socket, selectors.EVENT_READ, device)
            ask(device, False)
        answers = {}
        deadline, repeat_at = time.monotonic() + PATIENCE, time.monotonic() + REPEAT_AFTER
        while len(answers) < len(devices):
            self.assertLess(time.monotonic(), deadline, f"only {len(answers)} of {len(devices)} were answered")
            for key, _ in selector.select(0.1):
                frame = sn.decode(key.data.socket.recv(1000))
                if frame.type in kinds:
                    answers.setdefault(key.data, frame)
            if time.monotonic() > repeat_at:
                repeat_at += REPEAT_AFTER
                for device in devices:
                    if device not in answers:
                        ask(device, True)
        return answers

    def fleet(self, gateway):
        return [self.keep(Device(gateway, f"fleet-{number}")) for number in range(FLEET)]

    def test_a_thousand_devices_connect_publish_and_leave_at_once(self):
        """[SN12-4.1-a]"""
        gateway = self.start_gateway(self.broker, timers={"upstream_connect_timeout": "20s"})
        application = self.start_application(self.broker, "fl")
        devices = self.fleet(gateway)
        connacks = self.all_ask(devices, lambda device, again: device.send_connect(), sn.CONNACK)
        self.assertEqual({frame.body for frame in connacks.values()}, {b"\0"})
        self.assertEqual(gateway.counters()["clients"], FLEET)

        def connections():
            return set(re.findall(r"New client connected from \S+ as (fleet-\d+) ", "\n".join(self.broker.lines)))

        wait_until(lambda: connections() == {device.client_id for device in devices}, "the broker to log them all")

        def publish(device, again):
            device.send_publish(sn.short("fl"), device.client_id.encode(), qos=1, message_id=1, dup=again)

        pubacks = self.all_ask(devices, publish, sn.PUBACK)
        self.assertEqual({frame.body for frame in pubacks.values()}, {b"fl\0\1\0"})
        received = {message.payload.decode() for message in application.receive_all(FLEET)}
        self.assertEqual(received, {device.client_id for device in devices})
        self.assertEqual(application.leftover(), [])
        self.all_ask(devices, lambda device, again: device.send(sn.DISCONNECT), sn.DISCONNECT)
        self.assertEqual(gateway.counters()["clients"], 0)

    def test_devices_beyond_the_limits_are_told_to_wait(self):
        """[SN12-6.2-d] [SN12-6.2-m]"""
        gateway = self.start_gateway(self.broker, limits={"clients": 100, "pending_connects": 50})
        devices = self.fleet(gateway)
        codes = collections.Counter()
        for device, frame in self.all_ask(devices, lambda device, again: device.send_connect(), sn.CONNACK).items():
            codes[frame.body[0]] += 1
        self.assertEqual(set(codes), {sn.ACCEPTED, sn.CONGESTION})
        self.assertEqual(codes[sn.ACCEPTED], gateway.counters()["clients"])
        self.assertLessEqual(codes[sn.ACCEPTED], 100)
        self.assertGreaterEqual(codes[sn.ACCEPTED], 50)


if __name__ == "__main__":
    unittest.main()
