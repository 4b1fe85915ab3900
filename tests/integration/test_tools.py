"""mqttsn pub, sub and sim, end to end."""
import json
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import PATIENCE, Process, programs


class Tools(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateway = cls.share(Gateway(cls.broker.url, topic=[{"id": 3, "name": "predef/three"}]))
        cls.port = str(cls.gateway.address[1])

    def run_tool(self, command, *arguments, standard_input="", port=None):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn", command, "-p", port or self.port, *arguments],
                              input=standard_input, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def start_tool(self, command, *arguments, port=None, **options):
        process = Process([programs() / "mqttsn", command, "-p", port or self.port, *arguments], **options)
        self.addCleanup(process.kill)
        return process

    def subscribed(self, *arguments):
        """mqttsn sub, once its subscriptions are in place."""
        process = self.start_tool("sub", "-d", *arguments)
        for topic in (value for flag, value in zip(arguments, arguments[1:]) if flag == "-t"):
            process.wait_for(f"subscribed to {topic.replace('+', '[+]')} ")
        return process

    def test_pub_sends_with_every_qos(self):
        """[SN12C-5.3.7-a]"""
        application = self.start_application(self.broker, "tool/#", "qm", "predef/three")
        for qos in ("0", "1", "2"):
            self.assertEqual(self.run_tool("pub", "-t", "tool/pub", "-m", "hello", "-q", qos), (0, "", ""))
            message = application.receive()
            self.assertEqual((message.topic, message.payload, message.qos), ("tool/pub", b"hello", int(qos)))
        self.assertEqual(self.run_tool("pub", "-t", "qm", "-m", "beacon", "-q", "-1"), (0, "", ""))
        self.assertEqual(application.receive("qm").payload, b"beacon")
        self.assertEqual(self.run_tool("pub", "-t", "predef/three", "--predefined", "3=predef/three", "-m", "p", "-q", "-1"),
                         (0, "", ""))
        self.assertEqual(application.receive("predef/three").payload, b"p")

    def test_pub_takes_messages_from_everywhere(self):
        application = self.start_application(self.broker, "from/#")
        file = self.broker.directory / "message"
        file.write_bytes(bytes(range(256)))
        self.assertEqual(self.run_tool("pub", "-t", "from/file", "-f", file)[0], 0)
        self.assertEqual(application.receive().payload, bytes(range(256)))
        self.assertEqual(self.run_tool("pub", "-t", "from/stdin", "-s", standard_input="all\nof it\n")[0], 0)
        self.assertEqual(application.receive().payload, b"all\nof it\n")
        self.assertEqual(self.run_tool("pub", "-t", "from/lines", "-l", "-q", "1", standard_input="one\ntwo\nthree\n")[0], 0)
        self.assertEqual([application.receive().payload for _ in range(3)], [b"one", b"two", b"three"])
        file.write_text("four\nfive\n")
        with file.open() as lines:
            subprocess.run([programs() / "mqttsn", "pub", "-p", self.port, "-t", "from/lines", "-l"], stdin=lines, check=True,
                           timeout=PATIENCE)
        self.assertEqual([application.receive().payload for _ in range(2)], [b"four", b"five"])
        self.assertEqual(self.run_tool("pub", "-t", "from/lines", "-l", standard_input="")[0], 0)
        self.assertEqual(self.run_tool("pub", "-t", "from/null", "-n", "-q", "1")[0], 0)
        self.assertEqual(application.receive().payload, b"")

    def test_pub_sends_each_line_when_it_comes(self):
        application = self.start_application(self.broker, "live/lines")
        process = self.start_tool("pub", "-t", "live/lines", "-l", "-q", "1", stdin=subprocess.PIPE)
        for line in ("first", "second"):
            process.write(line + "\n")
            self.assertEqual(application.receive().payload.decode(), line)
        process.write("third, without its end")
        process.end_input()
        self.assertEqual(application.receive().payload, b"third, without its end")
        self.assertEqual(process.wait(), 0, process.log)

    def test_pub_retains(self):
        self.assertEqual(self.run_tool("pub", "-t", "kept", "-m", "value", "-r", "-q", "1")[0], 0)
        message = self.start_application(self.broker, "kept").receive()
        self.assertEqual((message.payload, message.retain), (b"value", True))

    def test_sub_prints_what_arrives(self):
        application = self.start_application(self.broker)
        process = self.subscribed("-t", "print/+", "-t", "pq", "-q", "2", "-v", "-C", "4")
        for topic, payload, qos in (("print/a", "zero", 0), ("print/b", "one", 1), ("print/a", "two", 2), ("pq", "short", 1)):
            application.publish(topic, payload, qos)
        self.assertEqual(process.wait(), 0)
        printed = [line for line in process.lines if line.startswith(("print/", "pq "))]
        self.assertEqual(printed, ["print/a zero", "print/b one", "print/a two", "pq short"])

    def test_sub_formats_and_times_out(self):
        application = self.start_application(self.broker)
        application.publish("format/x", b"\x01\xff", qos=1, retain=True)
        self.assertEqual(self.run_tool("sub", "-t", "format/x", "-q", "1", "-C", "1", "-F", "%t|%x|%l|%q|%r|%%"),
                         (0, "format/x|01ff|2|1|1|%\n", ""))
        self.assertEqual(self.run_tool("sub", "-t", "never", "-W", "0.2")[0], 27)

    def test_sub_ends_in_order_upon_a_signal(self):
        process = self.subscribed("-t", "signal", "-i", "signalled", "--will-topic", "will/signalled")
        application = self.start_application(self.broker, "will/signalled")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0)
        self.broker.wait_for("Received DISCONNECT from signalled")
        self.assertEqual(application.leftover(), [])

    def test_the_will_of_a_killed_sub_is_published(self):
        application = self.start_application(self.broker, "will/tool")
        process = self.subscribed("-t", "x", "-i", "killed", "-k", "1", "--will-topic", "will/tool", "--will-payload", "gone",
                                  "--will-qos", "1")
        process.kill()
        message = application.receive()
        self.assertEqual((message.payload, message.qos), (b"gone", 1))

    def test_a_kept_session_gets_what_it_missed(self):
        application = self.start_application(self.broker)
        arguments = ("-i", "kept-sub", "-c", "-t", "missed", "-q", "1")
        process = self.subscribed(*arguments)
        process.terminate()
        self.broker.wait_for("Received DISCONNECT from kept-sub")
        application.publish("missed", "while away", qos=1)
        self.assertEqual(self.run_tool("sub", *arguments, "-C", "1"), (0, "while away\n", ""))

    def test_a_node_behind_a_forwarder_is_served(self):
        """[SN12-5.5-b] [SN12-5.5-f] [SN12-5.5-h]"""
        application = self.start_application(self.broker, "forwarded")
        self.assertEqual(self.run_tool("pub", "--node-id", "0a0b", "-t", "forwarded", "-m", "x", "-q", "2"), (0, "", ""))
        self.assertEqual(application.receive().payload, b"x")

    def test_sim_runs_a_fleet_without_loss(self):
        application = self.start_application(self.broker, "fleet/#")
        process = self.start_tool("sim", "--nodes", "6", "--forwarded", "2", "--actuators", "1", "--beacons", "1",
                                  "--period", "0.3", "--topic-prefix", "fleet", "--json", "--retry", "1")
        self.broker.wait_for("actuator-1 1 fleet/actuator-1/command")
        application.publish("fleet/actuator-1/command", "open", qos=1)
        self.assertEqual(json.loads(application.receive("fleet/actuator-1/state").payload), {"done": "open"})
        sensors = {f"fleet/sensor-{number}" for number in range(1, 7)} | {"fleet/forwarded-1", "fleet/forwarded-2"}
        seen = set()
        for _ in range(200):
            seen.add("/".join(application.receive().topic.split("/")[:2]))
            if sensors <= seen:
                break
        self.assertLessEqual(sensors, seen, process.log)
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0, process.log)
        self.assertIn("actuator-1 obeys: open", process.lines)
        summary = json.loads(process.lines[-1])
        self.assertEqual((summary["nodes"], summary["lost"], summary["refused"], summary["commands"], summary["connects"]),
                         (10, 0, 0, 1, 9))
        self.assertGreaterEqual(summary["acknowledged"], 5)

    def test_failures_are_told_in_words_and_codes(self):
        free = self.device(self.gateway)
        silent_port = str(free.socket.getsockname()[1])
        code, _, error = self.run_tool("pub", "-t", "x", "-m", "x", "--retry", "0.05", "--retries", "1", port=silent_port)
        self.assertEqual(code, 3)
        self.assertRegex(error, f"no gateway answers at 127.0.0.1:{silent_port}")
        free.close()
        code, _, error = self.run_tool("sub", "-t", "x", port=silent_port)
        self.assertEqual((code, error), (3, f"no gateway answers at 127.0.0.1:{silent_port} (port unreachable)\n"))
        code, _, error = self.run_tool("pub", "-t", "long/topic", "-m", "x", "-q", "-1")
        self.assertEqual(code, 1)
        self.assertRegex(error, "QoS -1 needs a topic of two characters")
        code, _, error = self.run_tool("sub", "-t", "wrong/#/filter", "-q", "1")
        self.assertEqual(code, 1)
        self.assertRegex(error, "not subscribed to wrong/#/filter: not supported")
        for arguments in (("pub", "-t", "x"), ("pub", "-t", "x", "-m", "x", "-q", "3"), ("sub",), ("sim", "--nodes", "-1"),
                          ("pub", "-t", "x", "-m", "x", "--predefined", "0=x"), ("pub", "-t", "x", "-f", "/nowhere/at/all"),
                          ("pub", "-t", "x/+", "-m", "x"), ("sub", "-t", "x", "-F", "%y"), ("sub", "-t", "x", "--sleep", "20h"),
                          ("pub", "-t", "abc", "--topic-type", "short", "-m", "x"),
                          ("pub", "-t", "ab", "-q", "-1", "-m", "x", "--delete-will"), ("sub", "-t", "x", "-W", "soon")):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_tool(*arguments)[0], 2)

    def test_a_refused_connection_is_told_with_its_code(self):
        gateway = self.start_gateway(self.broker, limits={"clients": 1}, broker={"gateway_client_id": "full"})
        self.connected(gateway, "the only one")
        code, _, error = self.run_tool("pub", "-t", "x", "-m", "x", port=str(gateway.address[1]))
        self.assertEqual(code, 1)
        self.assertRegex(error, r"^rejected by the gateway at 127.0.0.1:\d+: congestion \(code 1\)")

    def test_pub_sends_to_several_topics(self):
        application = self.start_application(self.broker, "several/#")
        self.assertEqual(self.run_tool("pub", "-t", "several/a", "-t", "several/b", "-l", "-q", "1",
                                       standard_input="1\n2\n"), (0, "", ""))
        received = {(message.topic, message.payload) for message in application.receive_all(4)}
        self.assertEqual(received, {(f"several/{topic}", line) for topic in "ab" for line in (b"1", b"2")})

    def test_topic_types_can_be_forced(self):
        application = self.start_application(self.broker, "tt", "predef/three")
        for kind, topic, frame in (("normal", "tt", "-> REGISTER 080a0000...." + b"tt".hex()),
                                   ("short", "tt", "-> PUBLISH 080c02" + b"tt".hex()),
                                   ("predefined", "3", "-> PUBLISH 080c010003")):
            process = self.start_tool("pub", "-d", "-t", topic, "--topic-type", kind, "-m", "x", "-q", "0")
            self.assertEqual(process.wait(), 0, process.log)
            self.assertRegex(process.log, frame)
            self.assertEqual(application.receive().topic, "predef/three" if kind == "predefined" else "tt")
        process = self.subscribed("-t", "3", "--topic-type", "predefined", "-C", "1", "-v")
        application.publish("predef/three", "by id")
        self.assertEqual(process.wait(), 0)
        self.assertIn("3 by id", process.lines)

    def test_wills_are_updated_and_deleted(self):
        """[SN12C-6.4-a]"""
        application = self.start_application(self.broker, "will/#")
        common = ("-t", "x", "-k", "1", "--will-topic", "will/old", "--will-payload", "old")
        for update in (("--update-will-topic", "will/new", "--update-will-payload", "new", "--update-will-qos", "1"),
                       ("--update-will-payload", "new")):
            process = self.subscribed("-i", "updater", *common, *update)
            process.kill()
            message = application.receive()
            topic, qos = ("will/new", 1) if len(update) > 2 else ("will/old", 0)
            self.assertEqual((message.topic, message.payload, message.qos), (topic, b"new", qos))
        process = self.subscribed("-i", "deleter", *common, "--delete-will")
        process.kill()
        self.broker.wait_for("(deleter.*(exceeded timeout|closed|disconnected)|Received DISCONNECT from deleter)")
        self.assertEqual(application.leftover(), [])

    def test_a_sleeping_sub_wakes_for_what_the_gateway_kept(self):
        """[SN12C-6.14-a] [SN12C-6.14-b]"""
        application = self.start_application(self.broker)
        process = self.subscribed("-i", "sleeper", "-t", "sleep/+", "-q", "1", "--sleep", "1s", "-C", "2", "-v")
        process.wait_for("^asleep")
        application.publish("sleep/a", "first", qos=1)
        process.wait_for("^sleep/a first$")
        process.wait_for("-> PINGREQ ..16736c6565706572")
        process.wait_for("^asleep", process.lines.index("sleep/a first"))
        application.publish("sleep/b", "second", qos=1)
        self.assertEqual(process.wait(), 0)
        self.assertIn("sleep/b second", process.lines)
        self.broker.wait_for("Received DISCONNECT from sleeper")

    def test_a_kept_subscription_can_be_left(self):
        arguments = ("-i", "leaver", "-c", "-q", "1")
        self.assertEqual(self.run_tool("sub", *arguments, "-t", "left/topic", "-E"), (0, "", ""))
        self.assertEqual(self.run_tool("sub", *arguments, "-U", "left/topic", "-E"), (0, "", ""))
        self.start_application(self.broker).publish("left/topic", "nobody wants it", qos=1)
        self.assertEqual(self.run_tool("sub", *arguments, "-t", "other", "-W", "0.3"), (27, "", ""))

    def test_large_messages_pass_both_ways(self):
        """[SN12C-5.2.1-a]"""
        gateway = self.start_gateway(self.broker, udp=[{"listen": "127.0.0.1:0", "max_frame": 65507}],
                                     broker={"gateway_client_id": "large"})
        port = str(gateway.address[1])
        file = self.broker.directory / "large"
        file.write_bytes(b"0123456789abcdef" * 4000)
        process = self.start_tool("sub", "-d", "-t", "large", "-q", "2", "-C", "1", "-F", "%l octets", port=port)
        process.wait_for("subscribed to large ")
        self.assertEqual(self.run_tool("pub", "-t", "large", "-f", file, "-q", "2", port=port), (0, "", ""))
        self.assertEqual(process.wait(), 0)
        self.assertIn("64000 octets", process.lines)
        file.write_bytes(bytes(65499))
        code, _, error = self.run_tool("pub", "-t", "large", "-f", file, port=port)
        self.assertEqual(code, 2)
        self.assertIn("a message of 65499 octets does not fit into a frame: at most 65498", error)

    def test_help_has_examples_and_exit_codes(self):
        for command in ("pub", "sub", "discover", "sim"):
            code, output, _ = self.run_tool(command, "--help")
            self.assertEqual(code, 0)
            self.assertIn(f"mqttsn {command} ", output)
            self.assertIn("Exit codes: 0 ", output)

    def test_tools_notice_that_the_gateway_ends(self):
        gateway = self.start_gateway(self.broker, broker={"gateway_client_id": "short-lived"})
        process = self.start_tool("sub", "-d", "-t", "x", "--retry", "0.05", "--retries", "1", port=str(gateway.address[1]))
        process.wait_for("subscribed to x ")
        gateway.terminate()
        self.assertEqual(process.wait(), 3)
        self.assertIn("disconnected by the gateway", process.log)


if __name__ == "__main__":
    unittest.main()
