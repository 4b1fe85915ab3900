"""What the gateway tells of itself over MQTT: online or offline, retained, whatever ends it."""
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from integration import IntegrationTest

STATE = "mqttsn/barn/bridge/state"
ON = {"gateway": {"name": "barn", "id": 7}, "status": {"mqtt": True}}


class StatusTopics(IntegrationTest):
    def setUp(self):
        self.broker = self.start_broker()
        self.watcher = self.start_application(self.broker, "mqttsn/#")

    def receive(self, topic=STATE, watcher=None):
        return json.loads((watcher or self.watcher).receive(topic).payload)

    def test_the_state_is_retained_with_what_the_gateway_is(self):
        self.start_gateway(self.broker, **ON)
        self.assertEqual(self.receive(), {"state": "online"})
        info = self.receive("mqttsn/barn/bridge/info")
        self.assertEqual((info["name"], info["gateway_id"], info["links"]), ("barn", 7, ["udp:127.0.0.1:0"]))
        self.assertRegex(info["version"], r"^\d+\.\d+")
        late = self.start_application(self.broker, "mqttsn/#")
        self.assertEqual({each.topic: each.retain for each in late.leftover()},
                         {STATE: True, "mqttsn/barn/bridge/info": True})

    def test_an_orderly_end_says_offline(self):
        gateway = self.start_gateway(self.broker, **ON)
        self.assertEqual(self.receive(), {"state": "online"})
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual(self.receive(), {"state": "offline"})

    def test_after_a_crash_the_will_says_offline(self):
        for version in ("3.1", "3.1.1", "5"):
            with self.subTest(version=version):
                gateway = self.start_gateway(self.broker, **ON, broker={"version": version})
                self.assertEqual(self.receive(), {"state": "online"})
                gateway.kill()
                self.assertEqual(self.receive(), {"state": "offline"})
                late = self.start_application(self.broker, STATE)
                self.assertEqual(self.receive(watcher=late), {"state": "offline"})

    def test_a_broker_that_forgot_is_told_again(self):
        gateway = self.start_gateway(self.broker, **ON)
        self.assertEqual(self.receive(), {"state": "online"})
        seen = len(gateway.lines)
        self.broker.restart()
        gateway.wait_for("broker: connected", after=seen)
        late = self.start_application(self.broker, STATE)
        self.assertEqual(self.receive(watcher=late), {"state": "online"})

    def test_topics_can_be_elsewhere_or_not_at_all(self):
        self.watcher.subscribe("#")
        elsewhere = {**ON, "status": {"mqtt": True, "base_topic": "farm/gateways"}}
        self.start_gateway(self.broker, **elsewhere).terminate()
        self.assertEqual(self.receive("farm/gateways/barn/bridge/state"), {"state": "online"})
        self.assertEqual(self.receive("farm/gateways/barn/bridge/state"), {"state": "offline"})
        self.watcher.leftover()
        self.start_gateway(self.broker, **{**ON, "status": {"mqtt": False}}).terminate()
        self.assertEqual(self.watcher.leftover(), [])


if __name__ == "__main__":
    unittest.main()
