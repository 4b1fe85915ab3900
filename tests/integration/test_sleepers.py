"""Many sleeping devices with commands that wait for them, over a clean and over a bad network."""
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from integration import IntegrationTest
from load import QUIET
from sleepers import Sleeper, Sleepers
from udp_proxy import Impairment

# The full run: SLEEPERS=1000 SLEEP_SECONDS=30 tests/integration/test_sleepers.py
NODES = int(os.environ.get("SLEEPERS", "300"))
SLEEP_S = int(os.environ.get("SLEEP_SECONDS", "3"))
COMMANDS = 10  # to each
LOSS = 0.1     # each way
PATIENCE = 30 + 10 * SLEEP_S


class SleepingDevices(IntegrationTest):
    def start(self, name, rule_of, retry_s):
        """Every other device subscribes to one topic, which has an id from SUBACK; the others with a wildcard."""
        self.name = name
        self.broker = self.start_broker("max_queued_messages 0", *QUIET)
        self.gateway = self.start_gateway(self.broker, timers={"retry": f"{retry_s}s", "retries": 5})
        self.application = self.start_application(self.broker)
        # They wake at different times, all within the first half of what they announced.
        self.sleepers = self.keep(Sleepers([
            Sleeper(self.gateway.address, f"sleeper-{number}", f"{name}/{number}" + ("/+" if number % 2 else ""), SLEEP_S,
                    rule_of(number), SLEEP_S * (0.25 + 0.5 * number / NODES), retry_s) for number in range(NODES)]))
        self.run_until(lambda: all(each.state == "asleep" or each.wake_ups for each in self.sleepers.sleepers),
                       "all asleep")

    def run_until(self, condition, what):
        self.sleepers.run_until(condition, what, PATIENCE)

    def topic(self, number, command):
        return f"{self.name}/{number}" + (f"/{'ab'[command % 2]}" if number % 2 else "")

    def command_all(self):
        """Half of them with QoS 1, half with QoS 2."""
        self.application.publish_all([(self.topic(number, command), b"%d" % command, 1 + command // 2 % 2)
                                      for command in range(COMMANDS) for number in range(NODES)])

    def check_deliveries(self):
        def expected(number):
            return {(self.topic(number, command), b"%d" % command, 1 + command // 2 % 2) for command in range(COMMANDS)}
        self.run_until(lambda: all(len(each.received) >= COMMANDS for each in self.sleepers.sleepers), "all commands")
        before = [len(each.wake_ups) for each in self.sleepers.sleepers]
        self.run_until(lambda: all(len(each.wake_ups) > count for each, count in zip(self.sleepers.sleepers, before)),
                       "one more wake-up of everybody: what would come twice has come")
        for number, each in enumerate(self.sleepers.sleepers):
            self.assertEqual(set(each.received), expected(number))
            twice = [message for message, count in each.received.items() if message[2] == 2 and count > 1]
            self.assertFalse(twice, f"{each.client_id} got a QoS 2 command twice")

    def report(self):
        wake_ups = self.sleepers.wake_ups()
        messages = sum(each.messages.total() for each in wake_ups)
        frames = sum(each.frames for each in wake_ups)
        minimum = sum(each.minimum() for each in wake_ups)
        busy = [each for each in wake_ups if each.messages.total() > 0]
        print(f"{NODES} devices asleep for {SLEEP_S} s, {self.name}: {messages} commands in {len(busy)} wake-ups "
              f"({len(wake_ups) - len(busy)} more found nothing, {sum(e.given_up for e in self.sleepers.sleepers)} ended in "
              f"silence, {sum(e.connects for e in self.sleepers.sleepers) - NODES} devices had to connect again), "
              f"{sum(each.frames for each in busy) / len(busy):.1f} frames per wake-up with commands, "
              f"{frames / minimum:.3f} of the minimum", file=sys.stderr)
        return wake_ups

    def test_a_wake_up_takes_no_frame_more_than_the_protocol_needs(self):
        """[SN12-6.14-d] [SN12-6.14-e]"""
        self.start("clean", lambda _: lambda up, frame: [frame], retry_s=20)  # a slow machine is no reason to repeat
        self.command_all()
        self.check_deliveries()
        for each in self.report():
            self.assertEqual(each.frames, each.minimum(), each)

    def test_every_command_arrives_over_a_bad_network(self):
        """[SN12-6.14-d] [SN12-6.14-q]"""
        self.start("lossy", lambda number: Impairment(number, loss=LOSS), retry_s=0.5)
        self.command_all()
        self.check_deliveries()
        self.report()


if __name__ == "__main__":
    unittest.main(verbosity=2)
