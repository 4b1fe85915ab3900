"""mqttsn bench: every scenario, and its own meter checked with frames that a proxy drops, doubles and delays."""
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker, free_tcp_port
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs
from udp_proxy import UdpProxy

LONG = 60  # seconds; a scenario takes one or two


class PublishCounter:
    """A rule for the proxy: numbers the PUBLISH frames of one direction, and does to some what `special` says."""

    def __init__(self, up, special):
        self.up, self.special, self.seen = up, special, 0

    def __call__(self, up, frame):
        if up != self.up or frame[1] != sn.PUBLISH:
            return [frame]
        self.seen += 1
        return self.special(self.seen, frame)


def drop_and_double(dropped, doubled):
    return lambda number, frame: [] if number in dropped else [frame, frame] if number in doubled else [frame]


class Bench(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker("max_queued_messages 0", "set_tcp_nodelay true"))
        cls.gateway = cls.share(Gateway(cls.broker.url))

    def arguments(self, scenario, *options, port=None):
        """The scenario with ten clients, without the echo reference, unless options say otherwise."""
        options = [str(each) for each in options]
        defaults = {"--clients": "10", "--echoes": "0", "--broker": self.broker.url, "--pid": str(self.gateway.pid)}
        added = [part for key, value in defaults.items() if key not in options for part in (key, value)]
        return [programs() / "mqttsn", "bench", scenario, "-p", str(port or self.gateway.address[1]), *options, *added]

    def run_bench(self, scenario, *options, prefix=(), port=None):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([*prefix, *self.arguments(scenario, *options, port=port)], capture_output=True, text=True,
                              timeout=LONG)
        return done.returncode, done.stdout, done.stderr

    def bench(self, scenario, *options, code=0, port=None):
        """The report, after the exit code that is expected."""
        result, output, error = self.run_bench(scenario, "--json", *options, port=port)
        self.assertEqual((result, error), (code, ""), output)
        return json.loads(output)

    def proxied(self, rule):
        """The port of a proxy that goes by this rule."""
        return self.keep(UdpProxy(self.gateway.address, rule)).address[1]

    def check_counts(self, report, **expected):
        counts = report["messages"]
        self.assertEqual({key: counts[key] for key in expected}, expected, counts)

    def test_every_load_arrives_with_every_qos(self):
        for scenario in ("up", "down", "rtt"):
            for qos in (0, 1, 2):
                with self.subTest(scenario=scenario, qos=qos):
                    report = self.bench(scenario, "-q", qos, "--messages", 1003)
                    self.check_counts(report, sent=1003, arrived=1003, lost=0, doubled=0, out_of_order=0, given_up=0,
                                      foreign=0, refused=0)
                    self.assertTrue(report["promises_kept"])
                    messages = report["messages"]
                    self.assertEqual(messages["delay_us"]["count"], 1003)
                    self.assertGreater(messages["delay_us"]["p50"], 0)
                    self.assertLessEqual(messages["delay_us"]["p50"], messages["delay_us"]["max"])
                    self.assertGreater(messages["gateway_cpu_us_per_message"], 0)
                    self.assertGreater(messages["bench_cpu_us_per_message"], 0)
                    acknowledged = 1003 if qos > 0 and scenario != "down" else 0
                    self.assertEqual(messages.get("acknowledged_us", {"count": 0})["count"], acknowledged)
                    self.assertEqual(report["frames"]["malformed"] + report["frames"]["not_sent"], 0)

    def test_a_window_and_large_payloads_go_through(self):
        report = self.bench("up", "-q", 1, "--messages", 500, "--window", 3, "--size", 1000)
        self.check_counts(report, sent=500, arrived=500, lost=0, doubled=0)
        report = self.bench("down", "-q", 2, "--messages", 500, "--window", 5, "--clients", 3)
        self.check_counts(report, sent=500, arrived=500, lost=0, doubled=0, out_of_order=0)

    def test_fewer_messages_than_clients_are_enough(self):
        self.check_counts(self.bench("up", "--messages", 4), sent=4, arrived=4, lost=0)

    def test_the_open_loop_keeps_its_rate(self):
        for scenario, qos in (("up", 0), ("up", 1), ("down", 1), ("rtt", 2)):
            with self.subTest(scenario=scenario, qos=qos):
                report = self.bench(scenario, "-q", qos, "--messages", 500, "--rate", 1000)
                self.check_counts(report, sent=500, arrived=500, lost=0)
                self.assertEqual(report["messages"]["per_second_asked"], 1000)
                self.assertGreaterEqual(report["messages"]["seconds"], 0.499)

    def test_a_stall_shows_in_the_delay_of_all_that_were_due(self):
        """Closed loops would have one message per client in it."""
        def stall(number, frame):
            if number == 200:
                time.sleep(0.5)
            return [frame]

        report = self.bench("up", "-q", 1, "--messages", 1000, "--rate", 500, "--retry", 5,
                            port=self.proxied(PublishCounter(True, stall)))
        self.check_counts(report, sent=1000, arrived=1000, lost=0)
        delay = report["messages"]["delay_us"]
        self.assertGreaterEqual(delay["max"], 450_000)
        self.assertGreaterEqual(delay["p90"], 200_000)  # 250 of 1000 were due meanwhile

    def test_every_dropped_and_doubled_frame_up_is_counted(self):
        dropped, doubled = set(range(5, 1500, 40)), set(range(17, 1500, 60))
        rule = PublishCounter(True, drop_and_double(dropped, doubled))
        report = self.bench("up", "--messages", 1500, "--rate", 1500, port=self.proxied(rule))
        self.assertEqual(rule.seen, 1500)
        self.check_counts(report, sent=1500, arrived=1500 - len(dropped), lost=len(dropped), doubled=len(doubled),
                          out_of_order=0)
        self.assertTrue(report["promises_kept"])  # QoS 0 promises nothing

    def test_every_dropped_and_doubled_frame_down_is_counted(self):
        dropped, doubled = set(range(5, 1500, 40)), set(range(17, 1500, 60))
        rule = PublishCounter(False, drop_and_double(dropped, doubled))
        report = self.bench("down", "--messages", 1500, "--rate", 1500, port=self.proxied(rule))
        self.assertEqual(rule.seen, 1500)
        self.check_counts(report, sent=1500, arrived=1500 - len(dropped), lost=len(dropped), doubled=len(doubled))

    def test_a_closed_loop_goes_on_after_a_loss(self):
        rule = PublishCounter(True, drop_and_double({10, 100, 200}, {20, 120}))
        report = self.bench("up", "--messages", 300, "--lost-after", 0.3, port=self.proxied(rule))
        self.check_counts(report, sent=300, arrived=297, lost=3, doubled=2)

    def test_a_message_behind_a_later_one_is_counted(self):
        held = []

        def swap(number, frame):
            if number == 50:
                held.append(frame)
                return []
            return [frame, held.pop()] if held else [frame]

        report = self.bench("up", "--messages", 200, "--rate", 1000, "--clients", 1,
                            port=self.proxied(PublishCounter(True, swap)))
        self.check_counts(report, arrived=200, lost=0, out_of_order=1)

    def test_frames_dropped_with_qos_1_and_2_are_repeated_and_nothing_is_lost(self):
        for qos, copies in ((1, set()), (2, {50, 250})):
            with self.subTest(qos=qos):
                rule = PublishCounter(True, drop_and_double({20, 21, 200}, copies))
                report = self.bench("up", "-q", qos, "--messages", 300, "--retry", 1.5, port=self.proxied(rule))
                self.assertEqual(rule.seen, 303)
                self.check_counts(report, sent=300, arrived=300, lost=0, doubled=0, repeated=3, given_up=0)

    def test_a_dropped_pubrel_or_pubcomp_is_repeated(self):
        seen = {sn.PUBREL: 0, sn.PUBCOMP: 0}

        def rule(up, frame):
            if frame[1] not in seen:
                return [frame]
            seen[frame[1]] += 1
            return [] if seen[frame[1]] == 10 else [frame]

        report = self.bench("up", "-q", 2, "--messages", 100, "--retry", 1.5, port=self.proxied(rule))
        self.check_counts(report, sent=100, arrived=100, lost=0, doubled=0, repeated=2, given_up=0)

    def test_the_gateway_repeats_what_a_device_missed(self):
        for qos in (1, 2):
            with self.subTest(qos=qos):
                rule = PublishCounter(False, drop_and_double({20, 200}, {50}))
                report = self.bench("down", "-q", qos, "--messages", 300, port=self.proxied(rule))
                # A copy on the wire is a copy for the application with QoS 1; with QoS 2 its message id gives it away.
                self.check_counts(report, sent=300, arrived=300, lost=0, doubled=2 - qos)
                self.assertTrue(report["promises_kept"])

    def test_an_acknowledged_message_that_is_lost_ends_with_code_2(self):
        def lie(number, frame):
            return ([], [sn.encode(sn.PUBACK, frame[3:7] + b"\0")]) if number == 100 else [frame]

        report = self.bench("up", "-q", 1, "--messages", 200, "--lost-after", 0.5, code=2,
                            port=self.proxied(PublishCounter(True, lie)))
        self.check_counts(report, sent=200, arrived=199, lost=1, given_up=0, repeated=0)
        self.assertFalse(report["promises_kept"])

    def test_a_qos_1_message_lost_on_its_way_down_ends_with_code_2(self):
        def lie(number, frame):
            return ([], [sn.encode(sn.PUBACK, frame[3:7] + b"\0")]) if number == 100 else [frame]

        report = self.bench("down", "-q", 1, "--messages", 200, "--lost-after", 0.5, code=2,
                            port=self.proxied(PublishCounter(False, lie)))
        self.check_counts(report, sent=200, arrived=199, lost=1)

    def test_a_doubled_qos_2_message_ends_with_code_2(self):
        def copy(number, frame):
            if number not in (50, 70, 90):
                return [frame]
            return [frame, frame[:2] + bytes([frame[2] & 0x9F]) + frame[3:5] + b"\0\0" + frame[7:]]  # with QoS 0

        report = self.bench("up", "-q", 2, "--messages", 200, code=2, port=self.proxied(PublishCounter(True, copy)))
        self.check_counts(report, sent=200, arrived=200, lost=0, doubled=3)
        code, output, _ = self.run_bench("up", "-q", "2", "--messages", "200",
                                         port=self.proxied(PublishCounter(True, copy)))
        self.assertEqual(code, 2)
        self.assertIn("PROMISE BROKEN: a QoS 2 message was lost or doubled", output)

    def test_a_qos_2_message_doubled_on_its_way_down_ends_with_code_2(self):
        def copy(number, frame):
            other_id = struct.pack(">H", struct.unpack(">H", frame[5:7])[0] ^ 0x4000)
            return [frame, frame[:5] + other_id + frame[7:]] if number == 50 else [frame]

        report = self.bench("down", "-q", 2, "--messages", 200, code=2, port=self.proxied(PublishCounter(False, copy)))
        self.check_counts(report, sent=200, arrived=200, lost=0, doubled=1)

    def test_a_message_that_is_never_acknowledged_is_given_up(self):
        victims = set()

        def mute(number, frame):
            if number == 50:
                victims.add(frame[7:])
            return [] if frame[7:] in victims else [frame]

        report = self.bench("up", "-q", 1, "--messages", 100, "--retry", 0.3, "--retries", 2, "--lost-after", 0.5, code=2,
                            port=self.proxied(PublishCounter(True, mute)))
        self.check_counts(report, sent=100, arrived=99, lost=1, given_up=1, repeated=2)

    def test_connects_are_measured_and_repeated(self):
        report = self.bench("connect", "--clients", 200)
        self.assertEqual(report["connect"]["done"], 200)
        self.assertGreater(report["connect"]["per_second"], 0)
        self.assertGreater(report["connect"]["gateway_cpu_us_per_connect"], 0)
        connects = []

        def rule(up, frame):
            if frame[1] == sn.CONNECT:
                connects.append(frame)
            return [] if frame[1] == sn.CONNECT and len(connects) in (3, 7) else [frame]

        report = self.bench("connect", "--clients", 20, "--retry", 1.5, port=self.proxied(rule))
        self.assertEqual((report["connect"]["done"], report["connect"]["repeated"]), (20, 2))
        self.assertEqual(len(connects), 22)
        report = self.bench("connect", "--clients", 20, "--rate", 100)
        self.assertGreaterEqual(report["connect"]["seconds"], 0.189)

    def test_idle_clients_are_weighed(self):
        report = self.bench("idle", "--clients", 200, "--seconds", 2, "-k", 2)
        self.assertGreater(report["resident_octets"]["connected"], 1_000_000)
        self.assertIn("per_client", report["resident_octets"])
        self.assertGreater(report["idle"]["gateway_cpu_us_per_second"], 0)
        self.assertGreaterEqual(report["idle"]["pings_answered"], 240)
        self.assertEqual(report["idle"]["pings_unanswered"], 0)

    def test_the_echo_reference_gives_the_unit(self):
        report = self.bench("up", "--messages", 2000, "--echoes", 2000)
        self.assertEqual(report["echo"]["echoes"], 2000)
        self.assertGreater(report["echo"]["cpu_us"], 0)
        messages = report["messages"]
        ratio = messages["gateway_cpu_us_per_message"] / report["echo"]["cpu_us"]
        self.assertAlmostEqual(messages["echoes_per_message"], ratio, delta=0.01)

    def test_the_search_finds_a_rate(self):
        budget = {"left": 600.0, "at": time.monotonic()}

        def limit(number, frame):  # no more than about 2000 frames per second pass
            now = time.monotonic()
            budget["left"] = min(600.0, budget["left"] + (now - budget["at"]) * 2000)
            budget["at"] = now
            if budget["left"] < 1:
                return []
            budget["left"] -= 1
            return [frame]

        report = self.bench("up", "--search", "--rate", 500, "--seconds", 1, "--lost-after", 0.2,
                            port=self.proxied(PublishCounter(True, limit)))
        self.assertGreaterEqual(len(report["trials"]), 4)
        self.assertEqual(report["messages"]["per_second_asked"], report["highest_per_second"])
        self.assertTrue(report["messages"]["held"])
        self.assertGreaterEqual(report["highest_per_second"], 500)
        self.assertLess(report["highest_per_second"], 4000)
        self.assertFalse(all(trial["held"] for trial in report["trials"]))

    def test_a_signal_ends_it_in_order(self):
        application = self.start_application(self.broker, "bench/#")
        process = Process(self.arguments("up", "-q", 1, "--messages", 1_000_000, "--rate", 100, "--seed", 77))
        self.addCleanup(process.kill)
        application.receive()
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 1)
        self.assertIn("interrupted", process.lines)
        self.broker.wait_for("Received DISCONNECT from bench-0000004d-9")
        self.broker.wait_for("Received DISCONNECT from bench-0000004d$")

    def test_the_table_is_for_people(self):
        code, output, error = self.run_bench("up", "-q", "1", "--messages", "500", "--echoes", "500")
        self.assertEqual((code, error), (0, ""))
        for pattern in (r"up: 10 clients, QoS 1, 32 octets, window 1", r"echo: [\d.]+ us CPU each",
                        r"arrived 500, lost 0, doubled 0", r"end to end +\d+", r"acknowledged +\d+",
                        r"gateway: [\d.]+ us CPU per message = [\d.]+ echoes", r"KB per client"):
            self.assertRegex(output, pattern)

    def test_failures_are_told_in_words_and_codes(self):
        silent_port = self.device(self.gateway).socket.getsockname()[1]
        code, _, error = self.run_bench("connect", "--retry", "0.05", "--retries", "1", port=silent_port)
        self.assertEqual(code, 1)
        self.assertRegex(error, f"no gateway answers at 127.0.0.1:{silent_port}")
        nobody = f"mqtt://127.0.0.1:{free_tcp_port()}"
        code, _, error = self.run_bench("up", "--broker", nobody)
        self.assertEqual((code, error), (1, f"no broker answers at {nobody}: Connection refused\n"))
        code, _, error = self.run_bench("up", "--broker", "http://x")
        self.assertEqual((code, error), (1, "--broker http://x: expected mqtt://HOST:PORT\n"))
        for arguments, words in ((("up", "--size", "10"), "at least 20 octets"), (("up", "-q", "3"), "--qos"),
                                 (("sideways",), "sideways"), (("idle", "--pid", "1073741823"), "no such process")):
            with self.subTest(arguments=arguments):
                code, _, error = self.run_bench(*arguments)
                self.assertEqual(code, 2)
                self.assertIn(words, error)

    def test_too_few_open_files_are_told(self):
        as_user = ["setpriv", "--bounding-set", "-sys_resource"] if os.geteuid() == 0 else []
        code, _, error = self.run_bench("connect", "--clients", "500",
                                        prefix=["prlimit", "--nofile=200:200", *as_user])
        self.assertEqual(code, 1)
        self.assertRegex(error, "500 clients need 564 open files and 200 are allowed: raise the limit")

    def test_the_script_makes_a_table_of_all_loads(self):
        script = Path(__file__).resolve().parents[2] / "tools" / "bench"
        output = self.broker.directory / "bench.json"
        done = subprocess.run([script, "--quick", "--no-build", "--clients", "5,20", "--messages", "200", "--output", output],
                              capture_output=True, text=True, timeout=LONG, env={**os.environ, "MQTTSN_BIN": str(programs())})
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(output.read_text())
        self.assertEqual([figures["clients"] for figures in result["figures"]], [5, 20])
        for figures in result["figures"]:
            for load in ("up 0", "up 1", "up 2", "down 0", "down 1", "down 2", "rtt 0", "rtt 1", "rtt 2"):
                self.assertEqual(figures[load]["messages"]["lost"], 0)
        self.assertRegex(done.stdout, r"\| clients \| up QoS 0 \|")
        self.assertEqual(len(re.findall(r"^\| 20 \|", done.stdout, re.M)), 4)

    def test_a_gateway_that_ends_is_noticed(self):
        gateway = self.start_gateway(self.broker, broker={"gateway_client_id": "short-lived"})
        application = self.start_application(self.broker, "bench/#")
        process = Process(self.arguments("up", "-q", 1, "--messages", 1_000_000, "--rate", 100, "--pid", gateway.pid,
                                         port=gateway.address[1]))
        self.addCleanup(process.kill)
        application.receive()
        gateway.terminate()
        self.assertEqual(process.wait(), 1)
        self.assertRegex(process.log, "the gateway disconnected a client|port unreachable")


if __name__ == "__main__":
    unittest.main()
