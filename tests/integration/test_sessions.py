"""Clean and persistent sessions, sleep, and who a device is."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from integration import IntegrationTest
from processes import wait_until


class Sessions(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateways = cls.share_gateway_of_each_version(cls.broker)
        cls.gateway = cls.gateways["3.1.1"]

    def test_a_persistent_session_delivers_offline_messages_upon_reconnect(self):
        """[SN12-6.12-c] [SN12-6.3-f] [SN12-6.10-a]"""
        application = self.start_application(self.broker)
        for version, gateway in self.gateways.items():
            with self.subTest(mqtt=version):
                topic = f"keep/{version}"
                device = self.connected(gateway, "keeper", clean=False)
                device.subscribe(topic, qos=1)
                device.disconnect()
                self.broker.wait_for(f"Received DISCONNECT from {version}-keeper")
                application.publish(topic, b"one", qos=1)
                application.publish(topic, b"two", qos=2)
                application.publish(topic, b"not kept", qos=0)
                again = self.connected(gateway, "keeper", clean=False)
                self.assertEqual([again.receive() for _ in range(2)],
                                 [sn.Message(topic, payload, 1, False, False, 0) for payload in (b"one", b"two")])
                again.ping()
                self.assertFalse(again.kept)
                again.disconnect()

    def test_a_clean_session_forgets_subscriptions_and_topic_ids(self):
        """[SN12-6.3-a] [SN12-6.3-d]"""
        application = self.start_application(self.broker)
        for version, gateway in self.gateways.items():
            with self.subTest(mqtt=version):
                device = self.connected(gateway, "forgetful", clean=False)
                device.subscribe("forget", qos=1)
                topic = device.register("forget/up")
                device.disconnect()
                self.broker.wait_for(f"Received DISCONNECT from {version}-forgetful")
                application.publish("forget", b"offline", qos=1)
                again = self.connected(gateway, "forgetful", clean=True)
                application.publish("forget", b"online", qos=1)
                self.assertEqual(again.publish(topic, b"x", qos=1), sn.INVALID_TOPIC_ID)
                again.ping()
                self.assertFalse(again.kept)
                again.disconnect()

    def test_topic_ids_stay_valid_over_a_persistent_reconnect(self):
        """[SN12-6.3-b]"""
        application = self.start_application(self.broker, "stay")
        device = self.connected(self.gateway, "stayer", clean=False)
        topic = device.register("stay")
        device.disconnect()
        again = self.connected(self.gateway, "stayer", clean=False)
        self.assertEqual(again.publish(topic, b"same id", qos=1), sn.ACCEPTED)
        self.assertEqual(application.receive().payload, b"same id")

    def test_a_persistent_session_survives_the_gateway_at_the_broker(self):
        """[SN12-6.12-f]"""
        application = self.start_application(self.broker)
        first = self.start_gateway(self.broker, broker={"gateway_client_id": "first"})
        device = self.connected(first, "survivor", clean=False)
        device.subscribe("survive/#", qos=1)
        first.kill()
        application.publish("survive/all", b"meanwhile", qos=1)
        second = self.start_gateway(self.broker, broker={"gateway_client_id": "second"})
        stranger = self.device(second, "survivor")
        stranger.send(sn.PINGREQ)
        stranger.expect(sn.DISCONNECT)
        again = self.connected(second, "survivor", clean=False)
        self.assertEqual(again.receive(), sn.Message("survive/all", b"meanwhile", 1, False, False, 0))

    def test_a_message_is_the_devices_only_when_it_acknowledged_it(self):
        """[SN12-6.10-s] [SN12-6.12-f]"""
        application = self.start_application(self.broker)
        for version in self.gateways:
            for qos in (1, 2):
                with self.subTest(mqtt=version, qos=qos):
                    settings = {"version": version, "gateway_client_id": "custody"}
                    topic = f"custody/{version}/{qos}"
                    gateway = self.start_gateway(self.broker, broker=settings)
                    device = self.connected(gateway, "custodian", clean=False)
                    device.subscribe(topic, qos=qos)
                    application.publish(topic, b"must arrive", qos=qos)
                    self.assertEqual(device.expect(sn.PUBLISH).body[5:], b"must arrive")
                    gateway.kill()
                    gateway = self.start_gateway(self.broker, broker=settings)
                    device = self.connected(gateway, "custodian", clean=False)
                    self.assertEqual(device.receive(), sn.Message(topic, b"must arrive", qos, False, False, 0))
                    device.ping()
                    self.assertFalse(device.kept)
                    self.connected(gateway, "custodian", clean=True).disconnect()
                    gateway.terminate()

    def test_a_silent_device_gets_its_message_again_now_and_later(self):
        """[SN12-6.10-q] [SN12-6.13-a] [SN12-6.13-c]"""
        application = self.start_application(self.broker)
        device = self.connected(self.gateway, "silent", clean=False)
        device.subscribe("silent", qos=1)
        application.publish("silent", b"hello?", qos=1)
        first, *again = [device.expect(sn.PUBLISH).body for _ in range(4)]
        self.assertEqual(first[0] & 0x80, 0)
        for repeat in again:
            self.assertEqual((repeat[0], repeat[1:]), (first[0] | 0x80, first[1:]))
        self.gateway.wait_for("silent: lost: ")
        device.send(sn.PINGREQ)
        self.assertEqual(device.next_frame().type, sn.DISCONNECT)
        later = self.connected(self.gateway, "silent", clean=False)
        self.assertEqual(later.receive().payload, b"hello?")
        later.ping()
        self.assertFalse(later.kept)

    def test_a_sleeping_device_gets_its_messages_when_it_wakes(self):
        """[SN12-6.14-e] [SN12-6.14-m]"""
        application = self.start_application(self.broker)
        device = self.connected(self.gateway, "sleeper")
        device.subscribe("sleep/#", qos=2)
        device.disconnect(duration=60)
        for qos in (0, 1, 2):
            application.publish("sleep/now", f"qos {qos}".encode(), qos)
        application.publish("sleep/last", b"last", qos=1)
        messages = []
        wait_until(lambda: messages.extend(device.wake()) or len(messages) >= 4, "four messages for the sleeper")
        self.assertEqual([(each.topic, each.payload, each.qos) for each in messages],
                         [("sleep/now", b"qos 0", 0), ("sleep/now", b"qos 1", 1), ("sleep/now", b"qos 2", 2),
                          ("sleep/last", b"last", 1)])
        self.assertEqual(device.wake(), [])
        self.assertEqual(device.connect(), sn.ACCEPTED)

    def test_a_device_may_come_back_from_another_address(self):
        """[SN12-6.2-k]"""
        application = self.start_application(self.broker)
        old = self.connected(self.gateway, "wanderer", clean=False)
        old.subscribe("wander", qos=1)
        new = self.connected(self.gateway, "wanderer", clean=False)
        application.publish("wander", b"found you", qos=1)
        self.assertEqual(new.receive().payload, b"found you")
        old.send(sn.PINGREQ)
        self.assertEqual(old.next_frame().type, sn.DISCONNECT)

    def test_a_lost_connack_costs_nothing(self):
        """[SN12-6.2-h]"""
        device = self.connected(self.gateway, "repeater")
        device.send_connect()
        self.assertEqual(device.expect(sn.CONNACK).body, b"\0")
        device.disconnect()
        self.broker.wait_for("Received DISCONNECT from 3.1.1-repeater")
        connected = [line for line in self.broker.lines if "New client" in line and "as 3.1.1-repeater" in line]
        self.assertEqual(len(connected), 1)


if __name__ == "__main__":
    unittest.main()
