"""Messages in both directions, with every quality of service and MQTT version."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from gateway import Gateway
from integration import IntegrationTest

PREDEFINED = [{"id": 1, "name": "predef/one"}, {"id": 2, "name": "own/topic", "clients": "owner"}]


class MessagesOverEveryMqttVersion(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateways = cls.share_gateway_of_each_version(cls.broker, topic=PREDEFINED)

    def test_each_gateway_speaks_its_mqtt_version(self):
        """[SN12-4.1-a]"""
        for (version, gateway), protocol in zip(self.gateways.items(), ("p1", "p2", "p5")):
            device = self.connected(gateway, "speaker")
            self.broker.wait_for(f"New client connected from .* as {version}-speaker [(]{protocol}, c1, ")
            device.disconnect()
            self.broker.wait_for(f"Received DISCONNECT from {version}-speaker")

    def test_a_device_publishes_with_every_qos(self):
        """[SN12-6.6-d] [SN12-6.6-e] [SN12-6.6-f] [SN12-6.8-a] [SN12-7.1-a] [SN12-4.1-b]"""
        application = self.start_application(self.broker, "up/#", "ab")
        for version, gateway in self.gateways.items():
            device = self.connected(gateway, "publisher")
            topic = device.register(f"up/{version}")
            for qos in (0, 1, 2):
                self.assertEqual(device.publish(topic, b"reading", qos), sn.ACCEPTED)
                message = application.receive()
                self.assertEqual((message.topic, message.payload, message.qos, message.retain),
                                 (f"up/{version}", b"reading", qos, False))
            self.device(gateway).publish(sn.short("ab"), b"beacon", qos=-1)
            message = application.receive()
            self.assertEqual((message.topic, message.payload, message.qos), ("ab", b"beacon", 0))
            device.disconnect()
        self.assertEqual(application.leftover(), [])

    def test_a_device_receives_with_every_qos(self):
        """[SN12-6.9-b] [SN12-6.10-m] [SN12-6.10-o] [SN12-4.1-b]"""
        application = self.start_application(self.broker)
        for version, gateway in self.gateways.items():
            device = self.connected(gateway, "subscriber")
            for qos in (0, 1, 2):
                topic = f"down/{version}/{qos}"
                suback = device.subscribe(topic, qos)
                self.assertEqual((suback.code, suback.qos), (sn.ACCEPTED, qos))
                self.assertNotIn(suback.topic_id, (0, 0xFFFF))
                application.publish(topic, b"command", qos=2)
                self.assertEqual(device.receive(), sn.Message(topic, b"command", qos, False, False, 0))
            device.ping()
            self.assertFalse(device.kept, "every message came once")
            device.disconnect()

    def test_retained_messages_work_in_both_directions(self):
        """[SN12-6.6-k] [SN12-6.10-m]"""
        for version, gateway in self.gateways.items():
            device = self.connected(gateway, "retainer")
            device.publish(device.register(f"kept/{version}"), b"last value", qos=1, retain=True)
            message = self.start_application(self.broker, f"kept/{version}").receive()
            self.assertEqual((message.payload, message.retain), (b"last value", True))
            device.subscribe(f"kept/{version}", qos=1)
            received = device.receive()
            self.assertEqual((received.payload, received.retain), (b"last value", True))
            device.publish(device.register(f"kept/{version}"), b"", qos=1, retain=True)
            self.assertFalse(device.receive().retain)
            self.assertEqual(self.start_application(self.broker, f"kept/{version}").leftover(), [])

    def test_payloads_of_any_length_pass_unchanged(self):
        """[SN12-5.3.2-a] [SN12-5.2.1-d] [SN12-5.2.1-b]"""
        application = self.start_application(self.broker, "length")
        for version, gateway in self.gateways.items():
            device = self.connected(gateway, "lengths")
            device.subscribe("length", qos=1)
            topic = device.register("length")
            for size in (0, 1, 247, 248, 249, 250, 1000):
                payload = bytes(number % 256 for number in range(size))
                self.assertEqual(device.publish(topic, payload, qos=1), sn.ACCEPTED)
                self.assertEqual(application.receive().payload, payload)
                self.assertEqual(device.receive().payload, payload)
            device.disconnect()


class TopicIds(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateway = cls.share(Gateway(cls.broker.url, topic=PREDEFINED))

    def test_a_wildcard_subscription_announces_each_topic_once(self):
        """[SN12-6.9-a] [SN12-6.10-a]"""
        application = self.start_application(self.broker)
        device = self.connected(self.gateway)
        self.assertEqual(device.subscribe("barn/+/state", qos=1), sn.Suback(sn.ACCEPTED, 0, 1))
        self.assertEqual(device.subscribe("yard/#", qos=0).topic_id, 0)
        for topic in ("barn/door/state", "yard/gate/left"):
            application.publish(topic, b"first", qos=0)
            register = device.next_frame()
            self.assertEqual((register.type, register.body[4:].decode()), (sn.REGISTER, topic))
            self.assertNotIn(register.body[:2], (b"\0\0", b"\xff\xff"))
            device.send(sn.REGACK, register.body[:4] + b"\0")
            self.assertEqual(device.next_frame().body[5:], b"first")
            application.publish(topic, b"second", qos=0)
            publish = device.next_frame()
            self.assertEqual((publish.type, publish.body[1:3], publish.body[5:]),
                             (sn.PUBLISH, register.body[:2], b"second"))

    def test_a_wildcard_subscription_delivers_only_what_it_matches(self):
        """[SN12-4.1-b]"""
        application = self.start_application(self.broker)
        device = self.connected(self.gateway)
        device.subscribe("barn/+/state", qos=1)
        device.subscribe("yard/#", qos=0)
        for topic in ("barn/door/state", "barn/state", "barn/a/b/state", "yard", "yard/gate/left"):
            application.publish(topic, topic.encode(), qos=1)
        received = [device.receive() for _ in range(3)]
        self.assertEqual([(each.topic, each.qos) for each in received],
                         [("barn/door/state", 1), ("yard", 0), ("yard/gate/left", 0)])
        for each in received:
            self.assertEqual(each.payload.decode(), each.topic)
        device.ping()

    def test_predefined_topics_need_no_registration(self):
        """[SN12-6.7-a] [SN12-6.7-f] [SN12-6.9-d]"""
        application = self.start_application(self.broker, "predef/one")
        device = self.connected(self.gateway)
        for qos in (0, 1, 2):
            self.assertEqual(device.publish(sn.predefined(1), b"up", qos), sn.ACCEPTED)
            self.assertEqual(application.receive("predef/one").payload, b"up")
        self.assertEqual(device.subscribe(sn.predefined(1), qos=1), sn.Suback(sn.ACCEPTED, 1, 1))
        application.publish("predef/one", b"down", qos=1)
        self.assertEqual(device.receive(), sn.Message(1, b"down", 1, False, False, 1))
        device.unsubscribe(sn.predefined(1))
        application.publish("predef/one", b"unheard", qos=1)
        device.ping()
        self.assertFalse(device.kept)

    def test_a_predefined_topic_of_one_client_is_unknown_to_others(self):
        """[SN12-6.7-c] [SN12-6.7-e] [SN12-6.8-d]"""
        application = self.start_application(self.broker, "own/topic")
        owner = self.connected(self.gateway, "owner")
        other = self.connected(self.gateway, "other")
        self.assertEqual(other.publish(sn.predefined(2), b"x", qos=1), sn.INVALID_TOPIC_ID)
        self.assertEqual(other.subscribe(sn.predefined(2)).code, sn.INVALID_TOPIC_ID)
        other.publish(sn.predefined(2), b"x", qos=-1)
        self.assertEqual(owner.publish(sn.predefined(2), b"mine", qos=1), sn.ACCEPTED)
        self.assertEqual([each.payload for each in application.leftover()], [b"mine"])

    def test_short_topics_need_no_registration(self):
        """[SN12-6.7-g] [SN12-6.7-h]"""
        application = self.start_application(self.broker, "ab")
        device = self.connected(self.gateway)
        for qos in (0, 1, 2):
            self.assertEqual(device.publish(sn.short("ab"), b"up", qos), sn.ACCEPTED)
            self.assertEqual(application.receive("ab").payload, b"up")
        self.assertEqual(device.subscribe(sn.short("ab"), qos=2).code, sn.ACCEPTED)
        application.publish("ab", b"down", qos=2)
        self.assertEqual(device.receive(), sn.Message("ab", b"down", 2, False, False, 2))

    def test_a_normal_id_of_one_device_means_nothing_to_another(self):
        """[SN12-7.3-a] [SN12-6.6-a] [SN12-6.6-b]"""
        application = self.start_application(self.broker, "private/#")
        first = self.connected(self.gateway, "first")
        second = self.connected(self.gateway, "second")
        topic = first.register("private/first")
        self.assertEqual(second.publish(topic, b"x", qos=1), sn.INVALID_TOPIC_ID)
        self.assertEqual(second.register("private/second"), topic, "ids are counted per device")
        self.assertEqual(second.publish(topic, b"y", qos=1), sn.ACCEPTED)
        self.assertEqual([each.topic for each in application.leftover()], ["private/second"])


if __name__ == "__main__":
    unittest.main()
