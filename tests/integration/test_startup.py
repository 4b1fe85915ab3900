"""Configuration, the command line, starting and ending of mqttsn-gateway."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from integration import IntegrationTest
from processes import PATIENCE, Process, programs

WRONG = [  # (configuration, line, what the message must say)
    ('[timers]\nretri = "1s"\n', 2, r"\[timers\] retri: unknown key; did you mean retry\?"),
    ('[timer]\nretry = "1s"\n', 1, r'"timer"; did you mean \[timers\]\?'),
    ('\n\n[timers]\nretry = "soon"\n', 4, r"\[timers\] retry: expected a duration from 10ms"),
    ('[timers]\nretry = "1ms"\n', 2, r"\[timers\] retry: expected a duration from 10ms"),
    ("[timers]\nretries = 1.5\n", 2, r"\[timers\] retries: expected an integer from 0 to 100"),
    ("[gateway]\nid = 256\n", 2, r"\[gateway\] id: expected an integer from 0 to 255"),
    ("[gateway]\ndiscovery = 1\n", 2, r"\[gateway\] discovery: expected true or false"),
    ('[broker]\nversion = "4"\n', 2, r'\[broker\] version: expected one of "3.1", "3.1.1", "5"'),
    ('[limits]\nqueue_octets = "many"\n', 2, r"\[limits\] queue_octets: expected a size"),
    ("[broker]\nurl = mqtt://localhost\n", 2, r"."),
    ('[udp]\nlisten = "0.0.0.0:1883"\n', 1, r"write \[\[udp\]\] instead of \[udp\]"),
    ('[[udp]]\nlisten = 1883\n', 2, r"\[\[udp\]\] listen: expected a text"),
    ('[[topic]]\nid = 0\nname = "x"\n', 2, r"\[\[topic\]\] id: expected an integer from 1 to 65534"),
    ('[[topic]]\nid = 65535\nname = "x"\n', 2, r"\[\[topic\]\] id: expected an integer from 1 to 65534"),
    ('[[topic]]\nid = 7\n', 1, r"\[\[topic\]\] needs name"),
    ('[[udp]]\nlisten = "nowhere"\n', None, r'\[\[udp\]\] listen = "nowhere": expected an address'),
    ('[[udp]]\nmulticast = ["192.0.2.1:1883"]\n', None, r'multicast = "192.0.2.1:1883": not a multicast address'),
    ('[gateway]\nname = "barn #1"\n', None, r'name = "barn #1" make no topic .*set \[status\] mqtt = false'),
    ('[http]\nlisten = "everywhere"\n', None, r'\[http\] listen = "everywhere": expected an address'),
    ('[broker]\nurl = "http://localhost"\n', None, r'\[broker\] url = "http://localhost": unknown scheme'),
    ('[broker]\npassword_file = "/nowhere/at/all"\n', None, r'password_file = "/nowhere/at/all" cannot be read'),
    ('[[topic]]\nid = 1\nname = "a/#"\n', None, r'\[\[topic\]\] id = 1: name "a/#" is not a topic name'),
    ('[[topic]]\nid = 1\nname = "a"\n[[topic]]\nid = 1\nname = "b"\n', None, r"\[\[topic\]\] id = 1 is given twice"),
]


class CommandLine(IntegrationTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def run_gateway(self, *arguments):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn-gateway", *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def config(self, text):
        path = self.directory / "gateway.toml"
        path.write_text(text)
        return path

    def test_a_wrong_configuration_is_refused_with_file_line_and_key(self):
        """[SN12-5.3.11-a]"""
        for text, line, words in WRONG:
            with self.subTest(config=text):
                path = self.config(text)
                for options in ([], ["--check-config"]):
                    code, _, error = self.run_gateway("--config", path, *options)
                    self.assertEqual(code, 2, error)
                    self.assertRegex(error, words)
                    self.assertIn(f"{path}:{line}:" if line else f"{path}:", error)

    def test_all_errors_are_told_at_once(self):
        _, _, error = self.run_gateway("--config", self.config("[gateway]\nid = 256\nnmae = 1\n[limits]\nclients = 0\n"))
        self.assertEqual(sorted(line.split(":")[1] for line in error.splitlines()), ["2", "3", "5"])

    def test_a_configuration_that_cannot_be_read_is_named(self):
        missing = self.directory / "missing.toml"
        code, _, error = self.run_gateway("--config", missing)
        self.assertEqual((code, error), (2, f"{missing}: cannot be read: No such file or directory\n"))
        code, _, error = self.run_gateway("--config", self.directory)
        self.assertEqual((code, error), (2, f"{self.directory}: is a directory, not a configuration file\n"))
        if os.geteuid() != 0:
            secret = self.config("")
            secret.chmod(0)
            code, _, error = self.run_gateway("--config", secret)
            self.assertEqual((code, error), (2, f"{secret}: cannot be read: Permission denied\n"))

    def test_wrong_flags_are_refused(self):
        for flags, words in [(["--nonsense"], "--nonsense"), (["--id", "x"], "--id"), (["--id", "256"], "--id: expected"),
                             (["--broker", "here"], r"\[broker\] url = .here."), (["--udp", "here"], "here"),
                             (["--topic", "x=y"], "--topic x=y: expected ID=NAME"), (["--topic", "0=y"], "--topic: expected"),
                             (["--log-level", "loud"], "--log-level: expected one of")]:
            with self.subTest(flags=flags):
                code, _, error = self.run_gateway(*flags)
                self.assertEqual(code, 2)
                self.assertRegex(error, words)

    def test_check_config_accepts_without_starting(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            path = self.config('[[udp]]\nlisten = "127.0.0.1:%d"\n' % taken.getsockname()[1])
            self.assertEqual(self.run_gateway("--config", path, "--check-config"), (0, "configuration ok\n", ""))

    def test_the_printed_reference_loads_and_so_does_each_default(self):
        code, reference, error = self.run_gateway("--help-config")
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(self.run_gateway("--config", self.config(reference), "--check-config")[0], 0)
        # A line "#key = value" is a default, a line "# …" is prose.
        defaults = "".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line
                           for line in reference.splitlines(keepends=True))
        self.assertIn('\nretry = "10s"\n', defaults)
        defaults = defaults.replace('password_file = ""\n', "")
        self.assertEqual(self.run_gateway("--config", self.config(defaults), "--check-config"),
                         (0, "configuration ok\n", ""))

    def test_help_and_version(self):
        self.assertRegex(self.run_gateway("--version")[1], r"mqttsn-gateway \d+\.\d+")
        self.assertRegex(self.run_gateway("--help")[1], r"--config.*\n")


class StartAndEnd(IntegrationTest):
    def start(self, *flags):
        process = Process([programs() / "mqttsn-gateway", *flags])
        self.addCleanup(process.kill)
        return process

    def test_a_port_in_use_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            gateway = self.start("--udp", address)
            self.assertEqual(gateway.wait(), 1)
        self.assertIn(f"cannot listen on UDP {address}: Address already in use", gateway.log)

    def test_a_second_gateway_cannot_take_the_port_of_the_first(self):
        broker = self.start_broker()
        first = self.start_gateway(broker)
        second = self.start("--broker", broker.url, "--udp", "127.0.0.1:%d" % first.address[1])
        self.assertEqual(second.wait(), 1)
        self.assertIn("another process listens there", second.log)
        self.connected(first)

    def test_flags_win_over_the_file(self):
        broker = self.start_broker()
        path = broker.directory / "gateway.toml"
        path.write_text('[broker]\nurl = "mqtt://127.0.0.1:1"\n[[udp]]\nlisten = "192.0.2.1:1883"\n')
        gateway = self.start("--config", path, "--broker", broker.url, "--udp", "127.0.0.1:0", "--topic", "5=from/flag")
        port = int(gateway.wait_for(r"listening on udp:127.0.0.1:(\d+)").group(1))
        gateway.wait_for("broker: connected")
        application = self.start_application(broker, "from/flag")
        self.device(("127.0.0.1", port)).publish(sn.predefined(5), b"x", qos=-1)
        self.assertEqual(application.receive().payload, b"x")

    def test_sigterm_and_sigint_end_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for is_up in (True, False):
                with self.subTest(signal=number.name, broker=is_up):
                    broker = self.start_broker(started=is_up)
                    gateway = self.start("--broker", broker.url, "--udp", "127.0.0.1:0")
                    gateway.wait_for("broker: connected" if is_up else "broker: not connected")
                    gateway.signal(number)
                    self.assertEqual(gateway.wait(), 0)
                    self.assertIn(f"ending in order ({number.name})", gateway.log)
                    self.assertRegex(gateway.lines[-1], r"udp:127.0.0.1:\d+: in 0 frames")

    def test_the_counters_are_logged_on_request(self):
        """[SN12-6.8-c]"""
        gateway = self.start_gateway(self.start_broker())
        device = self.connected(gateway)
        device.publish(device.register("counted"), b"x", qos=1)
        self.device(gateway, "beacon").publish(sn.short("ab"), b"x", qos=-1)
        device.ping()
        counters = gateway.counters()
        self.assertEqual({name: counters.get(name) for name in ("clients", "connects_accepted", "publish_in_qos1",
                                                                "publish_in_qos_minus1", "malformed")},
                         {"clients": 1, "connects_accepted": 1, "publish_in_qos1": 1, "publish_in_qos_minus1": 1,
                          "malformed": None})


if __name__ == "__main__":
    unittest.main()
