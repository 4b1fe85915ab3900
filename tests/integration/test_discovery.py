"""Discovery by multicast on the loopback interface, and listeners of both IP versions."""
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from integration import IntegrationTest
from neighbour import Neighbour


class Discovery(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())

    def setUp(self):
        self.neighbour = self.keep(Neighbour())

    def gateway(self, gateway_id, broker=None, **sections):
        return self.start_gateway(broker or self.broker, udp=[self.neighbour.listener()],
                                  gateway={"id": gateway_id, **sections.pop("gateway", {})},
                                  broker={"gateway_client_id": f"gateway-{gateway_id}"}, **sections)

    def test_two_gateways_answer_one_search_and_serve_from_where_they_answer(self):
        """[SN12-6.1-c] [SN12-6.1-d] [SN12-6.1-f] [SN12-5.3.6-a]"""
        gateways = {7: self.gateway(7), 8: self.gateway(8)}
        self.neighbour.search()
        answers = dict(self.neighbour.hear(sn.GWINFO) for _ in gateways)
        self.assertEqual({frame.body[0]: source for frame, source in answers.items()},
                         {gateway_id: gateway.address for gateway_id, gateway in gateways.items()})
        self.assertTrue(all(len(frame.body) == 1 for frame in answers))
        for frame, source in answers.items():
            self.assertEqual(gateways[frame.body[0]].counters()["clients"], 0)
            self.connected(source, f"found-{frame.body[0]}")

    def test_gateways_advertise_themselves_periodically(self):
        """[SN12-6.1-a] [SN12-6.1-d] [SN12-5.3.6-a]"""
        gateway = self.gateway(9, timers={"advertise": "1s"})
        for _ in range(2):
            frame, source = self.neighbour.hear(sn.ADVERTISE)
            self.assertEqual((frame.body, source), (struct.pack(">BH", 9, 1), gateway.address))

    def test_a_gateway_without_broker_keeps_quiet(self):
        """[SN12-6.1-b]"""
        broker = self.start_broker(started=False)
        gateway = self.gateway(10, broker, ready=False)
        gateway.wait_for("broker: not connected")
        self.neighbour.search()
        stranger = self.device(gateway, "stranger")
        stranger.send(sn.SEARCHGW, b"\0")
        stranger.send(sn.PINGREQ)
        self.assertEqual(stranger.next_frame().type, sn.DISCONNECT)
        self.assertEqual(self.neighbour.overheard(), [])
        broker.start()
        self.assertEqual(self.neighbour.hear(sn.ADVERTISE, sn.GWINFO)[0].type, sn.ADVERTISE)

    def test_discovery_can_be_switched_off(self):
        """[SN12-6.1-h]"""
        gateway = self.gateway(11, gateway={"discovery": False})
        self.neighbour.search()
        device = self.device(gateway)
        device.send(sn.SEARCHGW, b"\0")
        self.assertEqual(device.connect(), sn.ACCEPTED)
        self.assertFalse(device.kept)
        self.assertEqual(self.neighbour.overheard(), [])

    def test_a_gateway_id_given_twice_raises_an_alarm(self):
        """[SN12-6.1-e]"""
        first = self.gateway(12)
        second = self.start_gateway(self.broker, udp=[self.neighbour.listener()], gateway={"id": 12},
                                    broker={"gateway_client_id": "gateway-12-again"}, timers={"advertise": "1s"})
        first.wait_for("127.0.0.1:%d: another gateway advertises our gateway id 12" % second.address[1])
        self.assertNotIn("another gateway", second.log)

    def test_a_searcher_alone_gets_its_answer_where_no_group_is_configured(self):
        """[SN12-6.1-c] [SN12-6.1-f]"""
        gateway = self.start_gateway(self.broker, gateway={"id": 13}, broker={"gateway_client_id": "gateway-13"})
        device = self.device(gateway)
        device.send(sn.SEARCHGW, b"\0")
        self.assertEqual(device.next_frame(), sn.Frame(sn.GWINFO, bytes([13])))
        self.assertEqual(gateway.counters()["clients"], 0)


class Listeners(IntegrationTest):
    def test_one_gateway_serves_ipv4_and_ipv6(self):
        """[SN12-6.2-k]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, udp=[{"listen": "127.0.0.1:0"}, {"listen": "[::1]:0"}])
        application = self.start_application(broker, "over/#")
        self.assertEqual([address[0] for address in gateway.addresses], ["127.0.0.1", "::1"])
        for address in gateway.addresses:
            device = self.connected(address, f"over-{address[0]}")
            self.assertEqual(device.publish(device.register("over/ip"), b"up", qos=1), sn.ACCEPTED)
            self.assertEqual(application.receive().payload, b"up")
        wanderer = self.connected(gateway.addresses[0], "wanderer", clean=False)
        wanderer.subscribe("wander", qos=1)
        wanderer = self.connected(gateway.addresses[1], "wanderer", clean=False)
        application.publish("wander", b"found", qos=1)
        self.assertEqual(wanderer.receive().payload, b"found")


if __name__ == "__main__":
    unittest.main()
