"""A gateway with a state directory may be killed at any time: devices do not notice, and nothing is lost."""
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from gateway import free_udp_port
from integration import IntegrationTest
from load import Load, QUIET
from processes import wait_until

# The long run of the README: RESTART_CYCLES=100 tests/integration/test_restart.py
CYCLES = int(os.environ.get("RESTART_CYCLES", "5"))
PERSISTENT_BROKER = ("max_queued_messages 0", "max_inflight_messages 20")


class Restart(IntegrationTest):
    def start_lasting_gateway(self, broker, **sections):
        state = tempfile.mkdtemp(prefix="state-")
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)
        sections["gateway"] = {"state_dir": state, **sections.get("gateway", {})}
        return self.start_gateway(broker, udp=[{"listen": f"127.0.0.1:{free_udp_port()}"}], **sections)

    def test_a_device_goes_on_after_kill_and_after_sigterm(self):
        """[SN12-6.12-f]"""
        broker = self.start_broker()
        application = self.start_application(broker, "up")
        gateway = self.start_lasting_gateway(broker)
        for clean in (False, True):
            device = self.connected(gateway, f"device-{clean}", clean=clean)
            up = device.register("up")
            device.subscribe(f"down/{clean}", qos=2)
            for end in (gateway.kill, gateway.terminate):
                with self.subTest(clean=clean, end=end.__name__):
                    end()
                    gateway.start()
                    gateway.wait_for(f"device-{clean}: broker connection restored")
                    self.assertEqual(device.publish(up, b"still here", qos=1), sn.ACCEPTED)
                    self.assertEqual(application.receive().payload, b"still here")
                    self.assertEqual(device.publish(up, b"twice never", qos=2), sn.ACCEPTED)
                    self.assertEqual(application.receive().payload, b"twice never")
                    application.publish(f"down/{clean}", b"command", qos=2)
                    self.assertEqual(device.receive().payload, b"command")
                    self.assertFalse(device.kept)

    def test_a_sleeping_device_finds_its_commands(self):
        """[SN12-6.12-f] [SN12-6.14-h]"""
        broker = self.start_broker()
        application = self.start_application(broker)
        gateway = self.start_lasting_gateway(broker)
        device = self.connected(gateway, "sleeper", clean=False)
        device.subscribe("command", qos=2)
        device.disconnect(60)
        for payload, qos in ((b"one", 1), (b"two", 2), (b"three", 1)):
            application.publish("command", payload, qos=qos)
        gateway.kill()
        gateway.start()
        gateway.wait_for("sleeper: broker connection restored")
        messages = []
        wait_until(lambda: messages.extend(device.wake()) or len(messages) == 3, "three commands")
        self.assertEqual([each.payload for each in messages], [b"one", b"two", b"three"])

    def test_commands_in_the_care_of_the_gateway_outlive_it_and_the_broker(self):
        """[SN12-6.12-f] [SN12-6.14-k]"""
        broker = self.start_broker()
        application = self.start_application(broker)
        gateway = self.start_lasting_gateway(broker, sleep={"custody": "gateway"})
        device = self.connected(gateway, "sleeper", clean=False)
        device.subscribe("command", qos=2)
        device.disconnect(60)
        for number in range(30):
            application.publish("command", b"%d" % number, qos=1 + number % 2)

        def is_on_disk():
            seen = len(gateway.lines)
            kept = gateway.counters().get("deliveries_kept")
            return kept == 30 and gateway.wait_for(r"(\d+) sessions wait", after=seen).group(1) == "0"

        wait_until(is_on_disk, "thirty commands in the store")
        gateway.kill()
        broker.stop()  # it keeps nothing
        gateway.start(ready=False)
        messages = []
        wait_until(lambda: messages.extend(device.wake()) or len({each.payload for each in messages}) == 30,
                   "thirty commands")
        numbers = [int(each.payload) for each in messages]
        self.assertEqual(list(dict.fromkeys(numbers)), list(range(30)))
        self.assertEqual([each for each in numbers if each % 2], list(range(1, 30, 2)))  # at QoS 2 each once
        self.assertEqual(device.wake(), [])

    def test_messages_in_the_store_outlive_the_gateway_and_reach_the_broker_when_it_is_back(self):
        """[SN12-6.12-e] [SN12-6.12-f]"""
        broker = self.start_broker()
        broker.configure("persistence true", f"persistence_location {broker.directory}/")
        broker.restart()
        self.start_application(broker, "up", client_id="reader", clean=False).close()
        gateway = self.start_lasting_gateway(broker, delivery={"up": "store"})
        device = self.connected(gateway, "barn", clean=False)
        up = device.register("up")
        broker.stop()
        for number in range(20):
            self.assertEqual(device.publish(up, b"%d" % number, qos=1 + number % 2), sn.ACCEPTED)
        gateway.kill()
        gateway.start(ready=False)
        self.assertEqual(device.publish(up, b"20", qos=1), sn.ACCEPTED)
        broker.start()
        application = self.start_application(broker, client_id="reader", clean=False)
        received = application.receive_all(21)
        for qos in (1, 2):
            numbers = [int(each.payload) for each in received if each.qos == qos]
            self.assertEqual(numbers, [number for number in range(21) if 1 + number % 2 == qos], "in order")

    @staticmethod
    def state_of(gateway):
        lines = (gateway.directory / "gateway.toml").read_text().splitlines()
        return Path(next(line.split('"')[1] for line in lines if line.startswith("state_dir")))

    def test_two_gateways_cannot_share_a_state_directory(self):
        broker = self.start_broker()
        gateway = self.start_lasting_gateway(broker)
        with self.assertRaisesRegex(AssertionError, "in use by another gateway"):
            self.start_gateway(broker, gateway={"state_dir": str(self.state_of(gateway))})

    def test_a_damaged_file_is_set_aside_and_the_gateway_starts(self):
        broker = self.start_broker()
        gateway = self.start_lasting_gateway(broker)
        self.connected(gateway, "one", clean=False)
        gateway.kill()
        state = self.state_of(gateway)
        (state / "gateway.db").write_bytes(b"\xAA" * 8192)
        (state / "gateway.db-wal").unlink(missing_ok=True)
        gateway.start()
        gateway.wait_for("damaged")
        self.assertEqual(len(list(state.glob("gateway.db.damaged-*[0-9]"))), 1)
        self.connected(gateway, "one", clean=False)

    def test_killed_under_load_nothing_is_lost_and_nothing_doubled(self):
        """[SN12-6.12-f] [SN12-6.6-f] [SN12-6.10-t]"""
        broker = self.start_broker(*PERSISTENT_BROKER, *QUIET)
        gateway = self.start_lasting_gateway(broker, delivery={"up": "store"}, store={"commit_interval": "10ms"},
                                             timers={"retry": "1s", "retries": 20})
        load = self.keep(Load(gateway.address, broker, nodes=200))
        for _ in range(CYCLES):
            target = load.progress() + 400
            wait_until(lambda: load.progress() >= target, "400 more messages", timeout=60)
            gateway.kill()
            gateway.start()
            load.wait_for_sessions(gateway)
        result = load.finish()
        print(f"{CYCLES} kills under load of 200 nodes: {result}", file=sys.stderr)
        self.assertEqual(result.lost, 0)
        self.assertEqual(result.doubled_qos2, 0)
        self.assertEqual(result.disconnects, 0, "a device was told DISCONNECT")


if __name__ == "__main__":
    unittest.main(verbosity=2)
