"""Gateway and simulated dongles over real pseudo-terminals, with noise on the line, and dongles that are unplugged.

DONGLE_SECONDS is how long each kind of link works [5], DONGLE_UNPLUGS how often a dongle is unplugged [4].
DONGLE_ALL also runs the kinds that do not hold yet under noise: those without checksum, and the slow radios."""
import binascii
import json
import os
import re
import signal
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs, wait_until

SECONDS = float(os.environ.get("DONGLE_SECONDS", "5"))
UNPLUGS = int(os.environ.get("DONGLE_UNPLUGS", "4"))
QOS = (0, 1, 2)


def is_intact(payload):
    """Whether the checksum that the simulated nodes put at the end is right."""
    text, _, seal = payload.rpartition(b',"c":"')
    return seal == b'%04x"}' % binascii.crc_hqx(text, 0xFFFF)


class Fleet:
    """`mqttsn sim` behind a dongle, and what an application at the broker gets of it."""

    count = 0

    def __init__(self, test, link, path, *arguments, sensors=14, period="1s", retry="400ms"):
        Fleet.count += 1
        self.prefix = f"f{Fleet.count}"  # of topics and client ids: the broker's log has former fleets too
        self.application = test.start_application(test.broker, f"{self.prefix}/#")
        self.process = Process([
            programs() / "mqttsn", "sim", "--link", link, "--pty", path, "-n", str(sensors), "-q", "0,1,2", "--period", period,
            "--retry", retry, "--retries", "8", "--connect-rate", "20", "--json", "-v", "--topic-prefix", self.prefix, "-i",
            f"{self.prefix}-", *arguments])
        test.addCleanup(self.process.kill)

    def end(self):
        """Its summary."""
        self.process.signal(signal.SIGINT)
        self.code = self.process.wait(60)
        self.summary = json.loads(self.process.lines[-1])
        return self.summary

    def sent(self):
        """(topic, payload) of every reading and state that a node published."""
        found = (re.match(r"\S+ -> (\S+) (\{.*\})$", line) for line in self.process.lines)
        return [(each[1], each[2].encode()) for each in found if each]

    def obeyed(self):
        """(node, command) as often as it was obeyed."""
        found = (re.match(r"f\d+-(\S+) obeys: (.*)$", line) for line in self.process.lines)
        return Counter((each[1], each[2]) for each in found if each)

    @staticmethod
    def qos_of(topic):
        """A state is published at QoS 1, readings by the number of the node."""
        _, node, what = topic.split("/")
        return 1 if what == "state" else QOS[(int(node.rpartition("-")[2]) - 1) % len(QOS)]


class Dongles(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="dongle-")
        self.addCleanup(self.directory.cleanup)
        self.path = str(Path(self.directory.name) / "dongle0")

    def gateway_on(self, retry="400ms", **link):
        gateway = Gateway(self.broker.url, serial=[{"device": self.path, "reopen_min": "50ms", "reopen_max": "200ms", **link}],
                          timers={"retry": retry, "retries": 8})
        self.addCleanup(gateway.close)
        return gateway

    def broker_log(self):
        return "\n".join(self.broker.lines)

    def commands(self, fleet, round_, nodes):
        """Sends one command to each of these nodes; returns what they are to obey."""
        sent = [(node, f"{round_} {node}") for node in nodes]
        fleet.application.publish_all([(f"{fleet.prefix}/{node}/command", text, 1) for node, text in sent])
        return sent

    def run_link(self, link, gateway_link, is_checked=True, sensors=14, sleepers=4, actuators=2, period="1s", retry="400ms",
                 noise="1/500"):
        """Messages both ways over a noisy line; nothing that was acknowledged may be missing."""
        gateway = self.gateway_on(retry=retry, **gateway_link)
        fleet = Fleet(self, link, self.path, "--noise", noise, "--sleepers", str(sleepers), "--sleep", "1s", "--actuators",
                      str(actuators), "--echo", sensors=sensors, period=period, retry=retry)
        nodes = [f"sleeper-{n + 1}" for n in range(sleepers)] + [f"actuator-{n + 1}" for n in range(actuators)]
        # Where no checksum protects it, a node may have subscribed to something else.
        for node in nodes if is_checked else []:
            wait_until(lambda: f"{fleet.prefix}-{node} 1 {fleet.prefix}/{node}/command" in self.broker_log(), f"{node}", 60)
        commands = []
        for round_ in range(max(1, int(SECONDS / 2))):
            commands += self.commands(fleet, round_, nodes)
            if is_checked:
                wait_until(lambda: not set(commands) - set(fleet.obeyed()), "commands to be obeyed", 60)
        wait_until(lambda: len(fleet.sent()) > SECONDS * sensors / 2, "readings", 60)
        summary = fleet.end()
        received = Counter((each.topic, each.payload) for each in fleet.application.leftover())
        self.check(fleet, summary, received, commands, is_checked)
        print(f"{link}: {summary['sent']} sent, {summary['retransmitted']} frames again, {summary['altered']} echoes altered, "
              f"p99 {summary['latency_ms']['p99']:.0f} ms", file=sys.stderr)
        gateway.close()

    def check(self, fleet, summary, received, commands, is_checked):
        self.assertEqual((summary["lost"], summary["refused"]), (0, 0), summary)
        self.assertGreater(summary["dongle"]["line_to_gateway"]["corrupted"] + summary["dongle"]["line_to_gateway"]["dropped"], 0)
        self.assertGreater(summary["acknowledged"], 0)
        sent = fleet.sent()
        altered = [each for each in received if each not in set(sent) and not each[0].endswith("/command")]
        for _, payload in altered:
            self.assertFalse(is_intact(payload), payload)
        missing = [each for each in sent if fleet.qos_of(each[0]) >= 1 and not received[each]]
        doubled = [each for each in sent if fleet.qos_of(each[0]) == 2 and received[each] > 1]
        obeyed = fleet.obeyed()
        disobeyed = [each for each in commands if not obeyed[each]]
        if is_checked:
            self.assertEqual((altered, missing, doubled, disobeyed), ([], [], [], []))
        else:
            # Without a checksum some arrive as something else, or in the name of something else; they are counted.
            spoiled = len(altered) + summary["altered"] + summary["dongle"]["malformed"]
            print(f"  unchecked: {len(altered)} altered, {len(missing)} missing, {len(doubled)} doubled", file=sys.stderr)
            self.assertLessEqual(len(missing), spoiled)

    @unittest.skipUnless("DONGLE_ALL" in os.environ, "not yet proven")
    def test_raw(self):
        self.run_link("raw", {"link": "raw"}, is_checked=False)

    def test_slip(self):
        self.run_link("slip,crc=crc16-x25", {"link": "slip", "crc": "crc16-x25"})

    def test_hdlc(self):
        self.run_link("hdlc", {"link": "hdlc"})

    def test_cobs(self):
        self.run_link("cobs", {"link": "cobs"})

    def test_xbee(self):
        for variant in ("digimesh", "802154"):
            with self.subTest(variant):
                self.run_link(f"xbee,variant={variant},ap=1", {"link": "xbee", "baud": 115200, "tx_timeout_ms": 300})

    @unittest.skipUnless("DONGLE_ALL" in os.environ, "not yet proven")
    def test_rylr(self):
        self.run_link("rylr", {"link": "rylr", "parameter": "7,9,1,12", "turnaround_ms": 10}, is_checked=False, sensors=4,
                      sleepers=1, actuators=1, period="3s", retry="2s")

    @unittest.skipUnless("DONGLE_ALL" in os.environ, "not yet proven")
    def test_rak(self):
        self.run_link("rak", {"link": "rak", "p2p": "868500000:7:500:0:8:14", "turnaround_ms": 10}, is_checked=False, sensors=4,
                      sleepers=1, actuators=1, period="3s", retry="2s")

    @unittest.skipUnless("DONGLE_ALL" in os.environ, "not yet proven")
    def test_rn2483(self):
        self.run_link("rn2483", {"link": "rn2483", "bw": "500", "turnaround_ms": 10}, is_checked=False, sensors=4, sleepers=1,
                      actuators=1, period="3s", retry="2s")

    @unittest.skipUnless("DONGLE_ALL" in os.environ, "not yet proven")
    def test_ebyte(self):
        self.run_link("ebyte,air_rate=62500,uart=115200,rssi_byte=yes",
                      {"link": "ebyte", "air_rate": 62500, "rssi_byte": True, "baud": 115200, "turnaround_ms": 10}, sensors=4,
                      sleepers=1, actuators=1, period="3s", retry="2s")

    def test_transparent(self):
        self.run_link("transparent,radio=sik", {"link": "transparent", "baud": 57600}, sensors=4, period="2s", retry="1s")

    def test_aquila(self):
        self.run_link("aquila,boot_ms=0,mtu=100",
                      {"link": "aquila", "boot_delay_ms": 0, "ack_timeout_ms": 500, "mtu": 100}, sensors=6, period="2s",
                      retry="1s")

    def test_unplugged_under_load(self):
        """Sessions survive, and nothing at QoS 1 or 2 is lost."""
        gateway = self.gateway_on(link="hdlc")
        fleet = Fleet(self, "hdlc", self.path, "--unplug", "500ms", "--unplugged", "300ms", "--unplug-times", str(UNPLUGS),
                      period="200ms")
        wait_until(lambda: fleet.process.is_running() and len(fleet.sent()) > UNPLUGS * 5 * 14, "load", 60)
        summary = fleet.end()
        received = Counter((each.topic, each.payload) for each in fleet.application.leftover())
        self.assertEqual(summary["dongle"]["unplugged"], UNPLUGS)
        self.assertEqual((summary["lost"], summary["refused"]), (0, 0), summary)
        missing = [each for each in fleet.sent() if fleet.qos_of(each[0]) >= 1 and not received[each]]
        self.assertEqual(missing, [])
        self.assertEqual(summary["connections_lost"], 0)
        self.assertEqual(gateway.counters()["clients"], 0)


if __name__ == "__main__":
    unittest.main()
