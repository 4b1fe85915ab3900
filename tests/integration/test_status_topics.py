"""What the gateway tells of itself over MQTT: online or offline, retained, whatever ends it."""
import json
import sys
import time
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


DEVICE = "mqttsn/barn/devices/device"


class DeviceTopics(IntegrationTest):
    def setUp(self):
        self.broker = self.start_broker()
        self.watcher = self.start_application(self.broker, "mqttsn/+/devices/#")

    def told(self, topic=DEVICE):
        payload = self.watcher.receive(topic).payload
        return json.loads(payload) if payload else None

    def retained(self):
        return [each.topic for each in self.start_application(self.broker, "mqttsn/+/devices/#").leftover()]

    def test_a_device_is_told_on_change_and_forgotten_with_its_session(self):
        began = time.time()
        gateway = self.start_gateway(self.broker, **ON)
        device = self.connected(gateway, duration=77)
        told = self.told()
        self.assertEqual((told["client_id"], told["state"], told["keep_alive_s"], told["clean_session"],
                          told["signal"]), ("device", "active", 77, True, None))
        self.assertRegex(told["link"] + " " + told["address"], r"^udp:127\.0\.0\.1:0 127\.0\.0\.1:\d+$")
        self.assertTrue(began - 1 < told["heard_at"] < time.time() + 1, told)
        self.assertEqual(self.retained(), [DEVICE])
        device.disconnect(duration=100)
        told = self.told()
        self.assertEqual((told["state"], told["sleep_s"]), ("asleep", 100))
        device.connect()
        device.disconnect()
        while self.told() is not None:
            pass
        self.assertEqual(self.retained(), [])

    def test_any_client_id_has_a_topic(self):
        self.connected(self.start_gateway(self.broker, **ON), "barn/1+#")
        self.assertEqual(self.told("mqttsn/barn/devices/barn%2F1%2B%23")["client_id"], "barn/1+#")

    def test_topics_of_devices_that_a_killed_gateway_left_are_emptied_by_the_next(self):
        gateway = self.start_gateway(self.broker, **ON)
        self.connected(gateway)
        self.connected(gateway, "other")
        self.assertEqual((self.told()["state"], self.told("mqttsn/barn/devices/other")["state"]), ("active", "active"))
        gateway.kill()
        self.assertEqual(len(self.retained()), 2)
        gateway = self.start_gateway(self.broker, **ON)
        self.assertIsNone(self.told())
        self.assertIsNone(self.told("mqttsn/barn/devices/other"))
        self.connected(gateway, "other")
        self.assertEqual(self.told("mqttsn/barn/devices/other")["state"], "active")

    def test_a_broker_that_forgot_is_told_again_at_a_limited_rate(self):
        gateway = self.start_gateway(self.broker, gateway=ON["gateway"], status={"mqtt": True, "devices_per_second": 10})
        for number in range(5):
            self.connected(gateway, f"device-{number}", duration=0)
        self.watcher.receive_all(5)
        self.broker.restart()
        began = time.monotonic()
        self.watcher.receive_all(5)
        self.assertGreater(time.monotonic() - began, 0.35)
        self.assertEqual(len(self.retained()), 5)

    def test_an_orderly_end_leaves_nothing_unless_the_sessions_are_kept(self):
        for kept in (False, True):
            with self.subTest(kept=kept):
                on = {**ON, "gateway": {**ON["gateway"], "state_dir": str(self.broker.directory / "state") if kept else ""}}
                gateway = self.start_gateway(self.broker, **on)
                self.connected(gateway, clean=False)
                self.assertEqual(self.told()["state"], "active")
                self.assertEqual(gateway.terminate(), 0)
                self.assertEqual(self.retained(), [DEVICE] if kept else [])
                self.watcher.leftover()

    def test_they_can_be_off_alone(self):
        watcher = self.start_application(self.broker, "mqttsn/#")
        gateway = self.start_gateway(self.broker, gateway=ON["gateway"], status={"mqtt": True, "devices": False})
        self.connected(gateway).disconnect()
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual({each.topic for each in watcher.leftover()}, {STATE, "mqttsn/barn/bridge/info"})


if __name__ == "__main__":
    unittest.main()
