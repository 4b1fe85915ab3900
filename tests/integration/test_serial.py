"""Nodes on serial lines: the real gateway on pseudo-terminals, link = "raw"."""
import re
import struct
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs, wait_until
from serial_line import SerialLine

QUICK_REOPEN = {"reopen_min": "10ms", "reopen_max": "40ms"}


class SerialTest(IntegrationTest):
    def start(self, broker, line, **sections):
        """A gateway on this line, which is up."""
        options = {"name": "line0", "device": line.path, "link": "raw", **QUICK_REOPEN, **sections.pop("serial", {})}
        gateway = self.keep(Gateway(broker.url, serial=[options], **{"udp": [], **sections}))
        gateway.wait_for("line0 is up: works at 115200 baud")
        return gateway


class Messages(SerialTest):
    def test_a_node_exchanges_messages_of_every_qos(self):
        broker, line = self.start_broker(), self.keep(SerialLine())
        gateway = self.start(broker, line)
        application = self.start_application(broker, "up")
        node = self.keep(sn.Device(line.node(), "node"))
        self.assertEqual(node.connect(), 0)
        topic = node.register("up")
        node.subscribe("down/#", 2)
        for qos in (0, 1, 2):
            self.assertEqual(node.publish(topic, b"reading", qos), sn.ACCEPTED)
            self.assertEqual(application.receive().qos, qos)
            application.publish(f"down/{qos}", b"command", qos)
            self.assertEqual(node.receive()[:3], (f"down/{qos}", b"command", qos))
        node.disconnect()
        self.assertRegex(gateway.log, "node: connected from line0 ")

    def test_several_nodes_share_a_line_beside_udp(self):
        broker, line = self.start_broker(), self.keep(SerialLine())
        gateway = self.start(broker, line, udp=[{"listen": "127.0.0.1:0"}])
        application = self.start_application(broker, "from/#")
        nodes = [self.keep(sn.Device(line.node(bytes([0, number])), f"node{number}")) for number in range(1, 6)]
        nodes.append(self.device(gateway, "node6"))
        for node in nodes:
            self.assertEqual(node.connect(), 0)
            node.subscribe(f"to/{node.client_id}", 1)
        for node in nodes:
            node.publish(node.register(f"from/{node.client_id}"), b"x", 1)
            application.publish(f"to/{node.client_id}", b"y", 1)
        self.assertEqual({each.topic for each in application.receive_all(6)}, {f"from/node{n}" for n in range(1, 7)})
        for node in nodes:
            self.assertEqual(node.receive().topic, f"to/{node.client_id}")

    def test_noise_between_frames_costs_nothing(self):
        broker, line = self.start_broker(), self.keep(SerialLine())
        gateway = self.start(broker, line)
        line.send(b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET)\r\n")
        node = self.keep(sn.Device(line.node(), "node"))
        # The first message may go under; a node repeats it.
        answers = []
        node.socket.settimeout(1)
        for _ in range(10):
            node.send_connect()
            try:
                while sn.CONNACK not in answers:
                    answers.append(sn.decode(node.socket.recv(255)).type)
                break
            except TimeoutError:
                continue
        self.assertIn(sn.CONNACK, answers)
        node.ping()
        self.assertTrue(gateway.is_running())


class Unplugging(SerialTest):
    def test_a_port_that_is_away_at_the_start_is_used_when_it_comes(self):
        broker, line = self.start_broker(), self.keep(SerialLine())
        line.unplug()
        gateway = self.keep(Gateway(broker.url, udp=[], serial=[{"name": "line0", "device": line.path, **QUICK_REOPEN}]))
        gateway.wait_for("line0 is down: .* is not there: is it plugged in")
        line.plug()
        gateway.wait_for("line0 is up")
        self.assertEqual(self.keep(sn.Device(line.node(), "node")).connect(), 0)
        self.assertEqual(len(re.findall("line0 is down", gateway.log)), 1)

    def test_sessions_and_messages_survive_twenty_unplugs_under_load(self):
        broker, line = self.start_broker(), self.keep(SerialLine())
        gateway = self.start(broker, line, timers={"retries": 10})
        application = self.start_application(broker, "up")
        node = BusyNode(line)
        sent = 0
        for round_number in range(1, 21):
            for _ in range(10):
                application.publish("down", b"%d" % sent, 1)
                sent += 1
            wait_until(lambda: node.progress() > 3, "the node makes progress")
            line.unplug()
            wait_until(lambda: len(re.findall("line0 is down", gateway.log)) == round_number, "the unplug is noticed")
            line.plug()
            wait_until(lambda: len(re.findall("line0 is up", gateway.log)) == round_number + 1, "the port is opened")
        published = node.finish(lambda: len(node.received) == sent)
        self.assertEqual(node.received, {b"%d" % number for number in range(sent)})
        self.assertEqual({each.payload for each in application.leftover()}, published)
        self.assertGreater(len(published), 60)
        self.assertEqual(len(re.findall("node: connected from", gateway.log)), 1, gateway.log)
        self.assertEqual(len(re.findall("line0 is down", gateway.log)), 20)


class BusyNode(threading.Thread):
    """Publishes one QoS 1 message after the other, repeats what is not acknowledged, and acknowledges what it gets."""

    def __init__(self, line):
        super().__init__(daemon=True)
        self.received = set()
        self._published = set()
        self._ending = False
        self._progress = 0
        self._line_node = line.node()
        device = sn.Device(self._line_node, "node")
        assert device.connect() == 0
        self._topic = device.register("up")
        assert device.subscribe("down", 1).code == sn.ACCEPTED
        self._device = device
        self.start()

    def progress(self):
        """Acknowledged messages since the last call that returned more than three."""
        progress = self._progress
        if progress > 3:
            self._progress = 0
        return progress

    def finish(self, has_all):
        """Everything that it published and the gateway has acknowledged."""
        wait_until(has_all, "the node has everything", 60)
        self._ending = True
        self.join(60)
        assert not self.is_alive()
        return self._published

    def run(self):
        number = 0
        while not self._ending:
            number += 1
            payload = b"%d" % number
            self._publish(payload, number)
            self._published.add(payload)
            self._progress += 1

    def _publish(self, payload, message_id):
        dup = False
        while True:
            self._device.send_publish(self._topic, payload, 1, message_id=message_id, dup=dup)
            dup = True
            repeat_at = time.monotonic() + 0.3
            while (left := repeat_at - time.monotonic()) > 0:
                self._line_node.settimeout(left)
                try:
                    frame = sn.decode(self._line_node.recv(255))
                except TimeoutError:
                    break
                if frame.type == sn.PUBACK and struct.unpack(">H", frame.body[2:4])[0] == message_id:
                    assert frame.body[4] == sn.ACCEPTED
                    return
                if frame.type == sn.PUBLISH:
                    self.received.add(frame.body[5:])
                    self._device.send(sn.PUBACK, frame.body[1:5] + b"\0")


class Startup(IntegrationTest):
    def test_a_device_that_is_no_port_ends_the_start_with_a_reason(self):
        for path, what in (("/tmp", "a directory"), ("/etc/hostname", "a file"), ("/dev/null", "a device of another")):
            gateway = Process([programs() / "mqttsn-gateway", "--serial", path])
            self.addCleanup(gateway.kill)
            gateway.wait_for(f"{path} is {what}.*not a serial port")
            self.assertEqual(gateway.wait(), 1)

    def test_ports_are_listed(self):
        for arguments, expected in ((["ports"], "No serial port|device = "), (["ports", "--json"], r"^\[")):
            process = Process([programs() / "mqttsn", *arguments])
            self.addCleanup(process.kill)
            process.wait_for(expected)
            self.assertEqual(process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
