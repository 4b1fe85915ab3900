"""Wills: published once when a device or its gateway is lost, and never when they leave in order."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from integration import IntegrationTest


class Wills(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateways = cls.share_gateway_of_each_version(cls.broker)
        cls.gateway = cls.gateways["3.1.1"]

    def assertWill(self, message, will):
        self.assertEqual((message.topic, message.payload, message.qos), (will.topic, will.message, will.qos))

    def test_the_will_of_a_lost_device_is_published_once_with_its_qos(self):
        """[SN12-6.4-g] [SN12-6.14-a] [SN12-6.2-b] [SN12-6.11-c] [SN12-6-q]"""
        application = self.start_application(self.broker, "will/#")
        devices = []
        for version, gateway in self.gateways.items():
            for qos in (0, 1, 2):
                will = sn.Will(f"will/{version}/{qos}", f"gone {qos}".encode(), qos)
                devices.append((self.connected(gateway, f"mortal-{qos}", duration=1, will=will), will))
        for device, will in devices:
            device.expect(sn.DISCONNECT)
            self.assertWill(application.receive(will.topic), will)
        self.assertEqual(application.leftover(), [])

    def test_a_retained_will_is_kept_by_the_broker(self):
        """[SN12-6.4-g]"""
        will = sn.Will("kept/will", b"offline", 1, True)
        device = self.connected(self.gateway, "retained", duration=1, will=will)
        device.expect(sn.DISCONNECT)
        self.broker.wait_for("Client 3.1.1-retained closed its connection")
        message = self.start_application(self.broker, "kept/will").receive()
        self.assertWill(message, will)
        self.assertTrue(message.retain)
        self.start_application(self.broker).publish("kept/will", b"", qos=1, retain=True)

    def test_a_device_that_disconnects_leaves_no_will(self):
        """[SN12-6.4-g] [SN12-6.12-a] [SN12-6-o]"""
        application = self.start_application(self.broker, "clean/#")
        for version, gateway in self.gateways.items():
            with self.subTest(mqtt=version):
                device = self.connected(gateway, "leaver", will=sn.Will("clean/will", b"gone", 1))
                device.disconnect()
                self.broker.wait_for(f"Received DISCONNECT from {version}-leaver")
                self.assertEqual(application.leftover(), [])

    def test_an_empty_will_topic_is_no_will(self):
        """[SN12-6.2-c]"""
        application = self.start_application(self.broker, "#")
        device = self.device(self.gateway, "willless")
        device.send_connect(duration=1, will=True)
        device.expect(sn.WILLTOPICREQ)
        device.send(sn.WILLTOPIC)
        self.assertEqual(device.expect(sn.CONNACK).body, b"\0")
        device.expect(sn.DISCONNECT)
        self.broker.wait_for("Client 3.1.1-willless closed its connection|Received DISCONNECT from 3.1.1-willless")
        self.assertEqual(application.leftover(), [])

    def test_an_updated_will_replaces_the_first(self):
        """[SN12-6.4-a] [SN12-6.4-b] [SN12-6.4-f] [SN12-6.4-g]"""
        application = self.start_application(self.broker, "update/#")
        devices = {}
        for version, gateway in self.gateways.items():
            will = sn.Will("update/first", b"first", 0)
            device = devices[version] = self.connected(gateway, "updater", duration=1, will=will)
            device.send(sn.WILLTOPICUPD, bytes([sn.flags(qos=2)]) + f"update/{version}".encode())
            self.assertEqual(device.expect(sn.WILLTOPICRESP).body, b"\0")
            device.send(sn.WILLMSGUPD, b"second")
            self.assertEqual(device.expect(sn.WILLMSGRESP).body, b"\0")
        for version, device in devices.items():
            device.expect(sn.DISCONNECT)
            self.assertWill(application.receive(f"update/{version}"), sn.Will(f"update/{version}", b"second", 2))
            self.broker.wait_for(f"Received DISCONNECT from {version}-updater")
        self.assertEqual(application.leftover(), [])

    def test_a_deleted_will_is_not_published(self):
        """[SN12-6.4-c] [SN12-6.4-f]"""
        application = self.start_application(self.broker, "delete/#")
        device = self.connected(self.gateway, "deleter", duration=1, will=sn.Will("delete/will", b"gone", 1))
        device.send(sn.WILLTOPICUPD)
        self.assertEqual(device.expect(sn.WILLTOPICRESP).body, b"\0")
        device.expect(sn.DISCONNECT)
        self.broker.wait_for("Received DISCONNECT from 3.1.1-deleter")
        self.assertEqual(application.leftover(), [])

    def test_a_stored_will_is_armed_again_without_being_repeated(self):
        """[SN12-6.3-f] [SN12-6.3-i]"""
        application = self.start_application(self.broker, "again/#")
        will = sn.Will("again/will", b"gone again", 1)
        self.connected(self.gateway, "phoenix", clean=False, will=will).disconnect()
        for _ in range(2):
            device = self.connected(self.gateway, "phoenix", clean=False, duration=1)
            device.expect(sn.DISCONNECT)
            self.assertWill(application.receive(), will)
        self.assertEqual(application.leftover(), [])

    def test_a_takeover_fires_no_will(self):
        """[SN12-6.2-i] [SN12-6.4-g]"""
        application = self.start_application(self.broker, "takeover/#")
        for version, gateway in self.gateways.items():
            with self.subTest(mqtt=version):
                self.connected(gateway, "moved", will=sn.Will("takeover/will", b"gone", 1))
                again = self.connected(gateway, "moved")
                self.assertEqual(application.leftover(), [])
                again.disconnect()


class WillsAndTheGateway(IntegrationTest):
    def setUp(self):
        self.broker = self.start_broker()
        self.application = self.start_application(self.broker, "will/#")

    def test_the_broker_publishes_the_wills_of_a_killed_gateway(self):
        """[SN12-6-c]"""
        for version in ("3.1", "3.1.1", "5"):
            with self.subTest(mqtt=version):
                gateway = self.start_gateway(self.broker, broker={"version": version})
                for number in range(3):
                    self.connected(gateway, f"device-{number}", will=sn.Will(f"will/{number}", b"gateway died", 1))
                gateway.kill()
                self.assertEqual(sorted(each.topic for each in self.application.receive_all(3)),
                                 ["will/0", "will/1", "will/2"])
                self.assertEqual(self.application.leftover(), [])

    def test_a_gateway_that_ends_in_order_says_goodbye_and_fires_no_will(self):
        """[SN12-6.12-d] [SN12-6.4-g]"""
        for version in ("3.1", "3.1.1", "5"):
            with self.subTest(mqtt=version):
                gateway = self.start_gateway(self.broker, broker={"version": version})
                devices = [self.connected(gateway, f"device-{number}", will=sn.Will(f"will/{number}", b"gone", 1))
                           for number in range(3)]
                asleep = self.connected(gateway, "asleep", will=sn.Will("will/asleep", b"gone", 1))
                asleep.disconnect(duration=60)
                seen = len(self.broker.lines)
                self.assertEqual(gateway.terminate(), 0, gateway.log)
                for device in devices:
                    self.assertEqual(device.next_frame(), sn.Frame(sn.DISCONNECT, b""))
                for client in ("device-0", "device-1", "device-2", "asleep", "mqttsn-gateway"):
                    self.broker.wait_for(f"Received DISCONNECT from {client}", after=seen)
                self.assertEqual(self.application.leftover(), [])
                self.assertRegex(gateway.log, "ending in order")


if __name__ == "__main__":
    unittest.main()
