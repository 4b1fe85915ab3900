"""`mqttsn sim` behind a simulated dongle on a real pseudo-terminal, the gateway at the other end, and what became of the
messages.

DONGLE_SECONDS is how long each kind of link works, DONGLE_UNPLUGS how often a dongle is unplugged; README has both."""
import binascii
import contextlib
import difflib
import json
import os
import re
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs, wait_until

QOS = (0, 1, 2)
LIMIT = 240  # seconds that anything may take on a busy machine
# Messages, where no checksum protects the line: an acknowledgement can turn into one for another; two accidents at once.
MAY_VANISH = 1
MOST_OPEN = 8  # messages of a node without acknowledgement; it measures nothing while it has no connection
ALIKE = 0.8  # of what an altered message has in common with what was sent


def is_intact(payload):
    """Whether the checksum that the simulated nodes put at the end is right."""
    text, _, seal = payload.rpartition(b',"c":"')
    return seal == b'%04x"}' % binascii.crc_hqx(text, 0xFFFF)


class Fleet:
    """The simulated nodes, and an application at the broker that hears all of them."""

    count = 0

    def __init__(self, test, link, path, *arguments, sensors=14, period="1s", retry="400ms", connect_rate="20"):
        Fleet.count += 1
        self.prefix = f"f{Fleet.count}"  # of topics and client ids: the broker's log has former fleets too
        self.broker = test.broker
        self.former_lines = len(self.broker.lines)
        self.application = test.start_application(test.broker, "#")  # an altered topic may begin with anything
        self.process = Process([
            programs() / "mqttsn", "sim", "--link", link, "--pty", path, "-n", str(sensors), "-q", "0,1,2", "--period", period,
            "--retry", retry, "--retries", "8", "--connect-rate", connect_rate, "--json", "-v", "--topic-prefix", self.prefix,
            "-i", f"{self.prefix}-", *arguments])
        test.addCleanup(self.process.kill)

    def end(self):
        """Its summary."""
        self.process.signal(signal.SIGINT)
        self.code = self.process.wait(LIMIT)
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

    def received(self):
        """(topic, payload) of what nodes said, as often as it arrived."""
        def is_of_node(message):
            # Noise may have turned the topic of what a node says into that of its commands.
            is_command = message.topic.endswith("/command") and not message.payload.startswith(b"{")
            return not is_command and not message.topic.startswith("mqttsn/")
        return Counter((each.topic, each.payload) for each in self.application.leftover() if is_of_node(each))

    def has_subscribed(self, node):
        """Whether the broker knows what the node wants to obey."""
        return any(f"{self.prefix}-{node} 2 {self.prefix}/{node}/command" in line for line in self.broker.lines)

    def clean_sessions(self, node):
        """How many it has begun: what was under way to it in the former one is gone."""
        return sum(f" as {self.prefix}-{node} (p2, c1" in line for line in self.broker.lines)

    def subscriptions(self):
        """How many the broker granted to nodes, whatever to: noise may have altered the topic or the client id."""
        return sum("Sending SUBACK to " in line and "SUBACK to application-" not in line
                   for line in self.broker.lines[self.former_lines:])

    @staticmethod
    def qos_of(topic):
        """A state is published at QoS 1, readings by the number of the node."""
        _, node, what = topic.split("/")
        return 1 if what == "state" else QOS[(int(node.rpartition("-")[2]) - 1) % len(QOS)]


def unlike(missing, altered):
    """What is missing although nothing that resembles it came in its place."""
    left, lost = list(altered), []
    for name, text in missing:
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        ratios = [difflib.SequenceMatcher(None, name + text, other, autojunk=False).ratio() for other in left]
        if ratios and max(ratios) >= ALIKE:
            left.pop(ratios.index(max(ratios)))
        else:
            lost.append((name, text))
    return lost


class DongleTest(IntegrationTest):
    seconds = float(os.environ.get("DONGLE_SECONDS", "5"))
    unplugs = int(os.environ.get("DONGLE_UNPLUGS", "3"))

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

    # ---- messages both ways over a noisy line ----

    def run_link(self, link, gateway_link, is_checked=True, may_alter=0, sensors=14, sleepers=4, actuators=2, period=1, sleep=2,
                 retry="400ms", noise="1/500", connect_rate="20"):
        """Nothing that was acknowledged to either end may be missing, and at QoS 2 nothing may come twice, but for nodes
        that run out of retries on a busy machine: they connect again and send it as a new message. Where no checksum
        protects the line, some of it comes altered: that is counted and reported. A weak one lets through `may_alter`."""
        gateway = self.gateway_on(retry=retry, **gateway_link)
        fleet = Fleet(self, link, self.path, "--noise", noise, "--sleepers", str(sleepers), "--sleep", f"{sleep}s",
                      "--actuators", str(actuators), "--command-qos", "2", "--echo", sensors=sensors, period=f"{period}s",
                      retry=retry, connect_rate=connect_rate)
        self.a_while = 20 + 6 * period
        commands = self.command_all(fleet, sensors, sleepers, actuators, is_checked,
                                    max(1, int(self.seconds / max(period, 2))))
        wanted = self.seconds * (sensors + sleepers) / period / 2
        wait_until(lambda: len(fleet.sent()) > wanted, "readings", LIMIT)
        summary = fleet.end()
        print(f"{link}: {summary['sent']} sent, {summary['retransmitted']} frames again, "
              f"{summary['dongle']['collisions']} collisions, "
              f"{summary['connections_lost']} connections lost, p99 {summary['latency_ms']['p99']:.0f} ms", file=sys.stderr)
        line = summary["dongle"]["line_to_gateway"]
        self.assertGreater(line["corrupted"] + line["dropped"], 0)
        self.assertGreater(summary["acknowledged"], 0)
        # A node that had to connect again may not be done at the end.
        may_be_open = summary["connections_lost"] + (0 if is_checked else MAY_VANISH)
        self.assertLessEqual(summary["lost"], may_be_open * MOST_OPEN, summary)
        received = fleet.received()
        if is_checked:
            self.check_all(fleet, received, commands, may_alter)
        else:
            self.check_rest(fleet, received, commands)
        gateway.close()

    def command_all(self, fleet, sensors, sleepers, actuators, is_checked, rounds):
        """Sends `rounds` commands at QoS 2 to each node that obeys; returns what they are to obey, without what was under
        way to a node that began a new session."""
        nodes = [f"sleeper-{n + 1}" for n in range(sleepers)] + [f"actuator-{n + 1}" for n in range(actuators)]
        if is_checked:
            for node in nodes:
                wait_until(lambda: fleet.has_subscribed(node), f"{node} to subscribe", LIMIT)
        else:  # where no checksum protects it, a node may have subscribed to something else
            self.wait_a_while(lambda: fleet.subscriptions() >= sensors + len(nodes))
            nodes = [node for node in nodes if fleet.has_subscribed(node)]
            self.assertTrue(nodes, "no node subscribed to its commands")
        commands = []
        for number in range(rounds):
            sent = [(node, f"{number} {node}") for node in nodes]
            sessions = {node: fleet.clean_sessions(node) for node in nodes}
            fleet.application.publish_all([(f"{fleet.prefix}/{node}/command", text, 2) for node, text in sent])
            def all_are_obeyed():
                obeyed = fleet.obeyed()
                return all(obeyed[each] or fleet.clean_sessions(each[0]) > sessions[each[0]] for each in sent)
            if is_checked:
                wait_until(all_are_obeyed, "commands to be obeyed", LIMIT)
            else:
                self.wait_a_while(all_are_obeyed)  # check_rest counts what is missing
            commands += [each for each in sent if fleet.clean_sessions(each[0]) == sessions[each[0]]]
        return commands

    def wait_a_while(self, condition):
        """For what noise may prevent; with a connection that it ended, what was under way is gone."""
        with contextlib.suppress(AssertionError):
            wait_until(condition, "what noise may prevent", self.a_while)

    def check_all(self, fleet, received, commands, may_alter):
        sent = fleet.sent()
        self.assertEqual(fleet.summary["refused"], 0, fleet.summary)
        altered = [each for each in received if each not in set(sent)]
        missing = [each for each in sent if fleet.qos_of(each[0]) >= 1 and not received[each]]
        doubled = [each for each in sent if fleet.qos_of(each[0]) == 2 and received[each] > 1]
        self.assertLessEqual(len(altered) + fleet.summary["altered"], may_alter, (altered, fleet.summary))
        self.assertLessEqual(len(missing), fleet.summary["lost"] + len(altered), missing)
        self.assertLessEqual(len(doubled), fleet.summary["connections_lost"], doubled)
        obeyed = fleet.obeyed()
        self.assertEqual([each for each in commands if not obeyed[each]], [])
        self.assertEqual([each for each, times in obeyed.items() if times != 1], [])

    def check_rest(self, fleet, received, commands):
        sent, obeyed = fleet.sent(), fleet.obeyed()
        altered = [each for each in received if each not in set(sent)]
        missing = [each for each in sent if fleet.qos_of(each[0]) >= 1 and not received[each]]
        lost = unlike(missing, [topic + payload.decode(errors="replace") for topic, payload in altered])
        disobeyed = [each for each in commands if not obeyed[each]]
        lost_commands = unlike(disobeyed, [node + text for node, text in obeyed if (node, text) not in set(commands)])
        spoiled = sum(not is_intact(payload) for _, payload in altered)
        print(f"  no checksum: {spoiled} payloads and {len(altered) - spoiled} topics altered on the way up, "
              f"{fleet.summary['altered']} payloads on the way down, {len(disobeyed) - len(lost_commands)} commands; "
              f"{len(lost)} messages of {len(sent)} and {len(lost_commands)} commands of {len(commands)} gone without a trace, "
              f"{fleet.summary['refused']} refused", file=sys.stderr)
        unconfirmed = fleet.summary["refused"] + fleet.summary["lost"]
        self.assertLessEqual(len(lost), unconfirmed + MAY_VANISH + len(sent) // 100, lost)
        self.assertLessEqual(len(lost_commands), fleet.summary["connections_lost"] + MAY_VANISH, lost_commands)
        self.assertTrue(any(obeyed[each] for each in commands), obeyed)

    # ---- a dongle that is unplugged ----

    def run_unplugged(self, link, gateway_link, up="500ms", down="300ms", period="200ms", **fleet_options):
        """Sessions survive, and nothing at QoS 1 or 2 is lost."""
        gateway = self.gateway_on(retry=fleet_options.get("retry", "400ms"), **gateway_link)
        fleet = Fleet(self, link, self.path, "--unplug", up, "--unplugged", down, "--unplug-times", str(self.unplugs),
                      period=period, **fleet_options)
        wait_until(lambda: " is up: " in "".join(gateway.log.split(" was unplugged")[self.unplugs:]), "the dongle to be back", LIMIT)
        before = len(fleet.sent())
        wait_until(lambda: len(fleet.sent()) > before, "messages after that", LIMIT)
        summary = fleet.end()
        received = fleet.received()
        missing = [each for each in fleet.sent() if fleet.qos_of(each[0]) >= 1 and not received[each]]
        doubled = [each for each in fleet.sent() if fleet.qos_of(each[0]) == 2 and received[each] > 1]
        print(f"{link}: unplugged {summary['dongle']['unplugged']} times, {summary['sent']} sent, {len(missing)} missing, "
              f"{summary['retransmitted']} frames again, {summary['connections_lost']} connections lost", file=sys.stderr)
        self.assertEqual(summary["dongle"]["unplugged"], self.unplugs)
        self.assertEqual((summary["lost"], summary["refused"]), (0, 0), summary)
        self.assertEqual((missing, doubled), ([], []))
        self.assertEqual(summary["connections_lost"], 0)
        self.assertEqual(gateway.counters()["clients"], 0)
        gateway.close()
