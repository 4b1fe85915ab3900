"""Brokers that come and go while devices and applications work: with delivery.up = "store" nobody at the devices notices.

What is promised rests on a broker that keeps what it has acknowledged. mosquitto does so when it is stopped by SIGTERM: it
writes its sessions, with every exchange under way, to its file. Killed by SIGKILL it forgets what it acknowledged since it
last wrote that file, and may deliver again what was delivered since: no gateway can know. Without persistence it forgets
its sessions at every stop: what it had acknowledged, in either direction, and had not passed on, is gone; what the gateway
still holds (everything that it acknowledged and the broker did not) arrives.
"""
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from gateway import free_udp_port
from integration import IntegrationTest
from load import Load, QUIET
from processes import wait_until

# The long runs: BROKER_CYCLES=20 BOTH_CYCLES=20 tests/integration/test_broker_restarts.py
BROKER_CYCLES = int(os.environ.get("BROKER_CYCLES", "2"))
BOTH_CYCLES = int(os.environ.get("BOTH_CYCLES", "2"))
KILL_CYCLES = int(os.environ.get("BROKER_KILL_CYCLES", "1"))
NODES = int(os.environ.get("LOAD_NODES", "200"))
MESSAGES = NODES  # in both directions together, between two restarts


class BrokerRestarts(IntegrationTest):
    def setUp(self):
        self.broker = self.start_broker("max_queued_messages 0", *QUIET, started=False)
        self.broker.configure("persistence true", f"persistence_location {self.broker.directory}/")
        self.broker.start()
        state = tempfile.mkdtemp(prefix="state-")
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)
        self.gateway = self.start_gateway(
            self.broker, gateway={"state_dir": state}, udp=[{"listen": f"127.0.0.1:{free_udp_port()}"}],
            delivery={"up": "store"}, store={"commit_interval": "10ms"}, timers={"retry": "1s", "retries": 20})
        self.load = self.keep(Load(self.gateway.address, self.broker, NODES))

    def work(self):
        target = self.load.progress() + MESSAGES
        wait_until(lambda: self.load.progress() >= target, f"{MESSAGES} more messages", timeout=60)

    def check_nothing_lost_or_doubled(self, what):
        result = self.load.finish()
        print(f"{what} under load of {NODES} nodes: {result}", file=sys.stderr)
        self.assertEqual(result.lost, 0)
        # mosquitto that restarts repeats QoS 2 messages that were past PUBREC. Towards the application they are told apart
        # by their packet ids; a device cannot tell, so that direction is printed only.
        self.assertEqual(result.doubled_qos2 - result.doubled_qos2_down, 0)
        self.assertEqual(result.disconnects, 0, "a device was told DISCONNECT")

    def test_nothing_is_lost_or_doubled_when_the_broker_restarts(self):
        """[SN12-6.12-e] [SN12-6.6-f] [SN12-6.10-t]"""
        for _ in range(BROKER_CYCLES):
            self.work()
            self.broker.stop()
            self.broker.start()
        self.work()
        self.check_nothing_lost_or_doubled(f"{BROKER_CYCLES} restarts of the broker")

    def test_nothing_is_lost_or_doubled_when_both_end(self):
        """[SN12-6.12-e] [SN12-6.12-f] [SN12-6.6-f] [SN12-6.10-t]"""
        for number in range(BOTH_CYCLES):
            self.work()
            ends = [self.gateway.kill, self.broker.stop]
            for end in ends if number % 2 == 0 else reversed(ends):
                end()
            if number % 3 == 0:
                self.gateway.start(ready=False)  # before its broker
                self.broker.start()
            else:
                self.broker.start()
                self.gateway.start()
            self.load.wait_for_sessions(self.gateway)
        self.work()
        self.check_nothing_lost_or_doubled(f"{BOTH_CYCLES} times both ended")

    def test_after_a_kill_of_the_broker_all_goes_on_without_loss(self):
        """[SN12-6.12-e]"""
        for _ in range(KILL_CYCLES):
            self.work()
            self.broker.restart()
        before = self.load.sequences()
        wait_until(lambda: self.load.is_past(before), "a new message of every device", timeout=60)
        self.load.begin_books()
        self.work()
        self.work()
        self.check_nothing_lost_or_doubled(f"{KILL_CYCLES} kills of the broker")


if __name__ == "__main__":
    unittest.main(verbosity=2)
