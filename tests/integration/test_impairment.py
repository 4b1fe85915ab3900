"""Devices on bad networks: frames are lost, doubled, late and out of order, and a NAT changes the devices' addresses."""
import json
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs, wait_until
from udp_proxy import Impairment, UdpProxy

BAD = ("--loss", "10%", "--dup", "5%", "--reorder", "5%", "--delay", "20ms±10ms")


class BadNetworks(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())
        cls.gateway = cls.share(Gateway(cls.broker.url, timers={"retry": "200ms", "retries": 8}))

    def simulate(self, *arguments, port=None):
        """The summary of a fleet to which nothing was lost in the end."""
        command = [programs() / "mqttsn", "sim", "-p", str(port or self.gateway.address[1]), "--retry", "200ms",
                   "--retries", "12", "--json", "--quiet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def readings(self, application, prefix):
        """What came, by node: QoS 1 and 2 readings carry a number."""
        came = {}
        for message in application.leftover():
            if message.topic.startswith(prefix) and message.topic.endswith("reading"):
                came.setdefault((message.topic, message.qos), []).append(json.loads(message.payload)["n"])
        return came

    def check_promises(self, application, prefix, summary):
        came = self.readings(application, prefix)
        distinct = sum(len(set(numbers)) for numbers in came.values())
        self.assertEqual(distinct, summary["acknowledged"], "every acknowledged reading arrived")
        for (topic, qos), numbers in came.items():
            if qos == 2:
                self.assertEqual(len(numbers), len(set(numbers)), f"{topic} arrived twice")
                self.assertEqual(numbers, sorted(numbers), f"{topic} out of order")

    def test_readings_cross_a_bad_network(self):
        """[SN12C-6.13-b] [SN12-6.6-f] [SN12-6.13-a]"""
        application = self.start_application(self.broker, "bad/#")
        summary = self.simulate("-n", "20", "-q", "1,2", "--period", "200ms", "--seconds", "3s", "--topic-prefix", "bad",
                                *BAD)
        self.check_promises(application, "bad/", summary)
        for way in (summary["network"]["up"], summary["network"]["down"]):
            self.assertTrue(all(way[what] > 0 for what in ("lost", "doubled", "reordered", "delayed")), way)

    def test_the_proxy_is_a_bad_network_too(self):
        """[SN12C-6.13-b] [SN12-6.6-f]"""
        application = self.start_application(self.broker, "proxied/#")
        network = Impairment(seed=7, loss=0.1, duplication=0.05, reorder=0.05, delay=0.01, jitter=0.005)
        proxy = self.keep(UdpProxy(self.gateway.address, network))
        summary = self.simulate("-n", "20", "-q", "1,2", "--period", "200ms", "--seconds", "2s", "-i", "px-",
                                "--topic-prefix", "proxied", port=proxy.address[1])
        self.check_promises(application, "proxied/", summary)
        self.assertTrue(network.lost and network.doubled and network.reordered)

    def test_a_fleet_behind_a_nat_loses_nothing(self):
        """[SN12-5.4.21-b] [SN12-6.14-h] [SN12C-6.12-a]"""
        application = self.start_application(self.broker, "nat/#")
        summary = self.simulate("-n", "10", "--sleepers", "10", "--sleep", "2s", "-q", "1,2", "--period", "400ms",
                                "--seconds", "4s", "-i", "nat-", "--topic-prefix", "nat", "--nat-rebind", "1s")
        self.assertGreater(summary["network"]["new_addresses"], 20)
        self.assertGreater(summary["connections_lost"], 0, "an active node is told DISCONNECT and connects again")
        # A publish that was under way when the address changed may be sent again in a new connection, and arrive twice.
        distinct = sum(len(set(numbers)) for numbers in self.readings(application, "nat/").values())
        self.assertEqual(distinct, summary["acknowledged"])

    def test_a_fleet_with_every_fault_harms_nobody_else(self):
        """[SN12C-5.2.1-b] [SN12C-5.3.4-a] [SN12C-6.2-d] [SN12C-6.5-c] [SN12C-6.14-f] [SN12C-5.5-b]"""
        neighbour = self.connected(self.gateway, "neighbour")
        application = self.start_application(self.broker, "neighbour/up")
        topic = neighbour.register("neighbour/up")
        neighbour.subscribe("neighbour/down", qos=1)
        command = [programs() / "mqttsn", "sim", "-p", str(self.gateway.address[1]), "-n", "20", "--echo", "--sleepers", "10",
                   "--forwarded", "5", "--sleep", "1s", "-q", "1,2", "--period", "100ms", "--retry", "100ms", "-i", "bad-",
                   "--topic-prefix", "faulty", "--fault", "all", "--fault-share", "20%", "--json", "--quiet",
                   "--progress"]
        process = self.keep_process(command)
        number = 0
        while not (sent := re.findall(r" (\d+) sent ", process.log)) or int(sent[-1]) < 1500:
            number += 1
            application.publish(f"faulty/sleeper-{1 + number % 10}/command", "obey", qos=1 + number % 2)
            self.assertEqual(neighbour.publish(topic, b"%d" % number, qos=1), sn.ACCEPTED)
            self.assertEqual(application.receive().payload, b"%d" % number)
            application.publish("neighbour/down", b"%d" % number, qos=1)
            self.assertEqual(neighbour.receive().payload, b"%d" % number)
        process.signal(signal.SIGINT)
        process.wait()
        faults = json.loads(process.lines[-1])["faults"]
        self.assertGreater(sum(faults.values()), 500)
        # Which of the rare ones come up in some seconds is left to chance; each has its test in virtual time.
        self.assertGreater(sum(count > 0 for count in faults.values()), 30, faults)
        self.assertFalse(neighbour.kept)

    def keep_process(self, command):
        process = Process(command)
        self.addCleanup(process.kill)
        return process

    def test_faults_and_impairments_that_do_not_exist_are_named(self):
        for arguments, said in ((("--fault", "nesded"), '"nesded" is no fault'),
                                (("--loss", "120%"), "--loss 120%: expected a share"),
                                (("--delay", "1s±2s"), "--delay 1s±2s: expected a time"),
                                (("--impair", "up PUBACK loose"), '"loose": expected up, down')):
            done = subprocess.run([programs() / "mqttsn", "sim", *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
        done = subprocess.run([programs() / "mqttsn", "sim", "--help-faults"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        for item in ("5.2.1-b", "5.3.4-a", "6.2-d", "6.5-c", "6.13-b", "6.13-c", "6.14-f", "5.5-b"):
            self.assertIn(f"SN12C-{item}", done.stdout)

    def nat(self):
        return self.keep(UdpProxy(self.gateway.address))

    def test_a_sleeping_device_wakes_from_a_new_address(self):
        """[SN12-6.14-h]"""
        nat = self.nat()
        application = self.start_application(self.broker)
        device = self.connected(nat.address, "wanderer", clean=False)
        device.subscribe("wanderer", qos=2)
        device.disconnect(60)
        for number in range(3):
            application.publish("wanderer", b"%d" % number, qos=number)
        nat.rebind()
        received = []
        wait_until(lambda: received.extend(device.wake()) or len(received) == 3, "the messages of its sleep")
        self.assertEqual([each.payload for each in received], [b"0", b"1", b"2"])
        nat.rebind()
        self.assertEqual(device.wake(), [])
        nat.rebind()
        self.assertEqual(device.connect(clean=False), sn.ACCEPTED)
        application.publish("wanderer", b"active again", qos=1)
        self.assertEqual(device.receive().payload, b"active again")

    def test_an_active_device_at_a_new_address_is_told_to_connect_again(self):
        """[SN12-5.4.21-b] [SN12-6.2-k]"""
        nat = self.nat()
        application = self.start_application(self.broker, "moved/up")
        device = self.connected(nat.address, "moved", clean=False)
        topic = device.register("moved/up")
        device.subscribe("moved/down", qos=1)
        nat.rebind()
        device.send_publish(topic, b"who am I?", qos=1, message_id=9)
        self.assertEqual(device.next_frame(), sn.Frame(sn.DISCONNECT, b""))
        self.assertEqual(device.connect(clean=False), sn.ACCEPTED)
        self.assertEqual(device.publish(device.register("moved/up"), b"it is me", qos=1), sn.ACCEPTED)
        self.assertEqual(application.receive().payload, b"it is me")
        application.publish("moved/down", b"still subscribed", qos=1)
        self.assertEqual(device.receive().payload, b"still subscribed")

    def test_a_command_to_a_dead_address_waits_until_the_device_connects(self):
        """[SN12-6.2-k] [SN12-6.13-b]"""
        nat = self.nat()
        application = self.start_application(self.broker)
        device = self.connected(nat.address, "unreachable", clean=False)
        device.subscribe("unreachable", qos=2)
        nat.rebind()
        before = self.gateway.counters().get("retransmissions", 0)
        application.publish("unreachable", b"are you there?", qos=2)
        wait_until(lambda: self.gateway.counters().get("retransmissions", 0) > before, "a retransmission into the void")
        self.assertEqual(device.connect(clean=False), sn.ACCEPTED)
        self.assertEqual(device.receive().payload, b"are you there?")
        device.ping()
        self.assertFalse(device.kept)


if __name__ == "__main__":
    unittest.main(verbosity=2)
