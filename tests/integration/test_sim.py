"""mqttsn sim against the real gateway and mosquitto."""
import json
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from neighbour import Neighbour
from processes import PATIENCE, Process, programs


class Simulator(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateway = cls.share(Gateway(cls.broker.url))
        cls.port = str(cls.gateway.address[1])

    def start_sim(self, *arguments, port=None):
        process = Process([programs() / "mqttsn", "sim", "-p", port or self.port, "--retry", "1s", "--json", *arguments])
        self.addCleanup(process.kill)
        return process

    def end(self, process, code=0):
        """The summary, after Ctrl-C."""
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), code, process.log)
        return json.loads(process.lines[-1])

    def run_sim(self, *arguments):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn", "sim", *arguments], capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def scenario(self, text):
        path = self.broker.directory / f"{self.id().rsplit('.', 1)[-1]}.toml"
        path.write_text(text)
        return path

    def test_a_sleeper_publishes_sleeps_and_obeys_when_it_wakes(self):
        """[SN12C-6.14-a] [SN12C-6.14-e]"""
        application = self.start_application(self.broker, "sleepers/#")
        process = self.start_sim("-n", "0", "--sleepers", "1", "--sleep", "1s", "--period", "3s", "-q", "1", "-i", "zz-",
                                 "--topic-prefix", "sleepers")
        self.broker.wait_for("zz-sleeper-1 1 sleepers/sleeper-1/command")
        self.assertEqual(json.loads(application.receive("sleepers/sleeper-1/reading").payload)["n"], 1)
        application.publish("sleepers/sleeper-1/command", "open", qos=1)
        self.assertEqual(json.loads(application.receive("sleepers/sleeper-1/state").payload), {"done": "open"})
        self.assertEqual(json.loads(application.receive("sleepers/sleeper-1/reading").payload)["n"], 2)
        summary = self.end(process)
        self.assertEqual((summary["commands"], summary["lost"], summary["connects"]), (1, 0, 1))
        # Its session went with it: a subscription that stayed would collect messages for ever.
        application.publish("sleepers/sleeper-1/command", "nobody hears", qos=1)
        device = self.connected(self.gateway, "zz-sleeper-1", clean=False)
        device.ping()
        self.assertFalse(device.kept)

    def test_readings_come_back_when_asked(self):
        """[SN12C-7.3-a]"""
        process = self.start_sim("-n", "4", "--echo", "-q", "0,1,2,1", "--period", "200ms", "--topic-prefix", "echo",
                                 "--per-node", "--progress")
        process.wait_for(r"4 of 4 connected, [1-9]\d* sent \(\d+/s\), [1-9]\d* acknowledged")
        summary = self.end(process)
        self.assertEqual((summary["echoes_lost"], summary["echoes_duplicated"]), (0, 0))
        # Readings that went out before the subscription was in place do not count.
        self.assertGreaterEqual(summary["echoes"], max(1, summary["sent"] - 4))
        self.assertGreater(summary["echo_latency_ms"]["max"], 0)
        self.assertEqual(sorted(each["id"] for each in summary["per_node"]), [f"sensor-{number}" for number in range(1, 5)])
        self.assertEqual(sum(each["sent"] for each in summary["per_node"]), summary["sent"])
        self.assertTrue(all(each["lost"] == 0 for each in summary["per_node"]))

    def test_nodes_behind_forwarders_share_their_sockets(self):
        """[SN12C-5.5-a]"""
        application = self.start_application(self.broker, "behind/#")
        process = self.start_sim("-n", "0", "--forwarded", "20", "--forwarders", "2", "-q", "2", "--period", "500ms",
                                 "--topic-prefix", "behind")
        seen = set()
        while len(seen) < 20:
            seen.add(application.receive().topic)
        routes = set(re.findall(r" forwarded-\d+: connected from (\S+?:\d+)", self.gateway.log))
        self.assertEqual(len(routes), 2, routes)
        self.assertEqual(self.end(process)["lost"], 0)

    def test_a_scenario_file_makes_the_fleet_and_flags_win_over_it(self):
        application = self.start_application(self.broker, "barn/#", "b1")
        path = self.scenario('[fleet]\ntopic_prefix = "shed"\nseed = 3\nduration = "1h"\n'
                             '[[nodes]]\nname = "thermo"\ncount = 2\nqos = [1, 2]\nperiod = "300ms"\npayload = 80\n'
                             '[[nodes]]\nprofile = "beacon"\nperiod = "300ms"\n'
                             '[[nodes]]\nprofile = "actuator"\n')
        process = self.start_sim("--scenario", path, "--topic-prefix", "barn")
        for topic, qos in (("barn/thermo-1/reading", 1), ("barn/thermo-2/reading", 2), ("b1", 0)):
            message = application.receive(topic)
            self.assertEqual(message.qos, qos)
            self.assertEqual(len(message.payload) == 80, qos > 0)
            self.assertIn("bat", json.loads(message.payload))
        self.assertEqual(self.end(process)["nodes"], 4)

    def test_the_same_seed_repeats_the_readings(self):
        runs = []
        for seed in ("11", "11", "12"):
            application = self.start_application(self.broker, "seed/#")
            process = self.start_sim("-n", "2", "-q", "1", "--period", "100ms", "--seed", seed, "--topic-prefix", "seed")
            readings = {}
            while len(readings) < 2 or min(map(len, readings.values())) < 3:
                message = application.receive()
                readings.setdefault(message.topic, []).append(message.payload)
            self.end(process)
            runs.append({topic: payloads[:3] for topic, payloads in readings.items()})
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])

    def test_a_large_fleet_loses_nothing(self):
        """[SN12C-7.3-a]"""
        code, output, errors = self.run_sim("-p", self.port, "-n", "500", "--forwarded", "500", "--forwarders", "4", "-q", "1",
                                            "-i", "large-", "--period", "2s", "--seconds", "4", "--json")
        self.assertEqual((code, errors), (0, ""), output)
        summary = json.loads(output)
        self.assertEqual((summary["connects"], summary["lost"], summary["refused"]), (1000, 0, 0))
        self.assertEqual(summary["acknowledged"], summary["sent"])
        self.assertGreater(summary["sent"], 500)

    def test_messages_that_the_gateway_does_not_acknowledge_are_lost(self):
        broker = self.start_broker()
        gateway = self.start_gateway(broker)
        process = self.start_sim("-n", "2", "-q", "1", "--period", "100ms", "--retries", "0", "--progress",
                                 port=str(gateway.address[1]))
        process.wait_for(r"2 of 2 connected, \d+ sent \(\d+/s\), [1-9]")
        gateway.kill()
        process.wait_for(r" 0 of 2 connected")
        summary = self.end(process, code=1)
        self.assertGreater(summary["lost"], 0)
        self.assertGreaterEqual(summary["connections_lost"], 2)

    def test_the_fleet_finds_its_gateway(self):
        neighbour = self.keep(Neighbour())
        self.start_gateway(self.broker, udp=[neighbour.listener()], broker={"gateway_client_id": "found-by-sim"})
        code, output, errors = self.run_sim("--discover", "--group", neighbour.group, "--interface", "lo", "--search-delay", "0",
                                            "-i", "f-", "-n", "3", "--period", "100ms", "--seconds", "500ms", "--json")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(json.loads(output)["connects"], 3)

    def test_failures_are_told(self):
        unknown = self.scenario("[[nodes]]\ncount = 3\ncolour = 1\n")
        for arguments, text in ((("--scenario", unknown), f"{unknown}:3: [[nodes]] colour is unknown"),
                                (("--scenario", "/nowhere.toml"), "cannot read /nowhere.toml"),
                                (("--scenario", unknown, "-n", "3"), "excludes"),
                                (("-n", "10001"), "10001"), (("-n", "0"), "no nodes"), (("--payload", "5"), "at least 24")):
            with self.subTest(arguments=arguments):
                code, _, errors = self.run_sim(*arguments)
                self.assertEqual(code, 2)
                self.assertIn(text, errors)
        code, output, errors = self.run_sim("-h", "127.0.0.1", "-p", "1", "-n", "1", "--seconds", "200ms", "--retry", "50ms",
                                            "--retries", "1")
        self.assertEqual(code, 3)
        self.assertIn("no gateway answers at 127.0.0.1:1", errors)

    def test_more_sockets_than_the_system_allows_are_refused_with_a_way_out(self):
        done = subprocess.run(["prlimit", "--nofile=200:200", programs() / "mqttsn", "sim", "-p", self.port, "-n", "500"],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 2)
        self.assertIn("500 sockets need 564 open files, but this process may have 200", done.stderr)
        self.assertIn("behind forwarders", done.stderr)
        done = subprocess.run(["prlimit", "--nofile=200:20000", programs() / "mqttsn", "sim", "-p", self.port, "-n", "300",
                               "-i", "r-", "--seconds", "1s", "--json"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_example_scenario_runs(self):
        code, output, _ = self.run_sim("--help-scenario")
        self.assertEqual(code, 0)
        code, _, errors = self.run_sim("--scenario", self.scenario(output), "-p", self.port, "--seconds", "300ms", "-i", "x-")
        self.assertEqual((code, errors), (0, ""))


if __name__ == "__main__":
    unittest.main()
