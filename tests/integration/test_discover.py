"""mqttsn discover, and the other tools that find their gateway with --discover."""
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker
from integration import IntegrationTest
from neighbour import GROUP, Neighbour
from processes import PATIENCE, Process, programs


class Discover(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())

    def setUp(self):
        self.neighbour = self.keep(Neighbour())

    def gateway(self, gateway_id, **sections):
        sections.setdefault("udp", [self.neighbour.listener()])
        return self.start_gateway(self.broker, gateway={"id": gateway_id},
                                  broker={"gateway_client_id": f"discovered-{os.getpid()}-{gateway_id}"}, **sections)

    def places(self):
        return ("--group", self.neighbour.group, "--interface", "lo", "--search-delay", "100ms")

    def run_tool(self, command, *arguments):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn", command, *arguments], capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def start_tool(self, command, *arguments):
        process = Process([programs() / "mqttsn", command, *arguments])
        self.addCleanup(process.kill)
        return process

    def test_all_gateways_of_a_group_are_listed(self):
        """[SN12C-6.1-a]"""
        gateways = {7: self.gateway(7), 8: self.gateway(8)}
        code, output, errors = self.run_tool("discover", *self.places(), "-C", "2", "--json")
        self.assertEqual((code, errors), (0, ""))
        found = {each["id"]: each for each in json.loads(output)}
        for gateway_id, gateway in gateways.items():
            self.assertEqual(found[gateway_id]["address"], "%s:%d" % gateway.address)
            self.assertEqual((found[gateway_id]["heard_by"], found[gateway_id]["advertise_s"]), ("GWINFO", None))
            self.assertLess(found[gateway_id]["age_s"], 10)
        code, output, _ = self.run_tool("discover", *self.places(), "-C", "2")
        self.assertEqual(code, 0)
        for gateway_id, gateway in gateways.items():
            self.assertRegex(output, rf"(?m)^ *{gateway_id}  {re.escape('%s:%d' % gateway.address)} +GWINFO +- +[0-9.]+ s$")

    def test_listening_shows_who_advertises(self):
        gateway = self.gateway(9, timers={"advertise": "1s"})
        code, output, _ = self.run_tool("discover", *self.places(), "--passive", "-C", "1", "-v")
        self.assertEqual(code, 0)
        self.assertIn("found gateway 9 at %s:%d (ADVERTISE)" % gateway.address, output)
        self.assertRegex(output, r"(?m)^ *9 .* ADVERTISE +1 s +")

    def test_one_host_is_asked_directly(self):
        gateway = self.gateway(10, udp=[{"listen": "127.0.0.1:0"}])
        code, output, _ = self.run_tool("discover", "-p", str(gateway.address[1]), "-h", "127.0.0.1", "-C", "1", "--json",
                                        "--search-delay", "0")
        self.assertEqual((code, json.loads(output)[0]["id"]), (0, 10))

    def test_a_gateway_of_the_same_host_with_the_port_of_the_group_is_found(self):
        port = self.neighbour.ear.getsockname()[1]
        self.neighbour.ear.close()
        group = f"{GROUP}:{port}"
        self.gateway(11, udp=[{"listen": f"0.0.0.0:{port}", "multicast_interface": "lo", "multicast": [group],
                               "advertise_to": [group]}])
        code, output, errors = self.run_tool("discover", *self.places(), "-C", "1", "--json")
        self.assertEqual((code, json.loads(output)[0]["id"], errors), (0, 11, ""))

    def test_the_tool_searches_again_and_tells_others_what_it_found(self):
        """[SN12C-6.1-d] [SN12C-6.1-e] [SN12C-5.3.5-a]"""
        process = self.start_tool("discover", *self.places(), "--answer", "-d", "-W", "60s", "-v")
        process.wait_for("-> SEARCHGW 030101")
        self.neighbour.mouth.sendto(sn.encode(sn.GWINFO, bytes([77])), self.neighbour.ear.getsockname())
        process.wait_for("found gateway 77 at 127.0.0.1:%d " % self.neighbour.mouth.getsockname()[1])
        self.neighbour.search()
        process.wait_for("-> GWINFO 0a024d067f000001")

    def test_nobody_there_is_told(self):
        code, output, errors = self.run_tool("discover", *self.places(), "-W", "0.3")
        self.assertEqual((code, output), (3, ""))
        self.assertIn(f"no gateway answers at {self.neighbour.group} within 0.3 s", errors)
        code, output, _ = self.run_tool("discover", *self.places(), "-W", "0.1", "--json")
        self.assertEqual((code, json.loads(output)), (3, []))
        code, _, errors = self.run_tool("pub", "--discover", *self.places(), "--discover-timeout", "0.3", "-t", "x", "-m", "x")
        self.assertEqual(code, 3)
        self.assertIn("no gateway answers the search", errors)

    def test_places_that_make_no_sense_are_named(self):
        for arguments, text in ((("--group", "nowhere"), "--group nowhere"), (("--interface", "none0"), "interface none0")):
            code, _, errors = self.run_tool("discover", *arguments)
            self.assertEqual(code, 2)
            self.assertIn(text, errors)

    def test_pub_and_sim_find_their_gateway(self):
        application = self.start_application(self.broker, "found/#", "fd")
        self.gateway(12)
        self.assertEqual(self.run_tool("pub", "--discover", *self.places(), "-t", "found/it", "-m", "x", "-q", "2"), (0, "", ""))
        self.assertEqual(application.receive("found/it").payload, b"x")
        self.assertEqual(self.run_tool("pub", "--discover", *self.places(), "-t", "fd", "-m", "y", "-q", "-1"), (0, "", ""))
        self.assertEqual(application.receive("fd").payload, b"y")

    def test_sub_turns_to_another_gateway_when_its_own_is_gone(self):
        """[SN12C-6.13-a] [SN12C-6.1-f]"""
        application = self.start_application(self.broker)
        gateways = [self.gateway(13), self.gateway(14)]
        process = self.start_tool("sub", "--discover", *self.places(), "-d", "-t", "both", "-q", "1", "-k", "1", "--retry",
                                  "100ms")
        process.wait_for("subscribed to both ")
        port = int(process.wait_for(r"found gateway \d+ at 127.0.0.1:(\d+)").group(1))
        used, other = sorted(gateways, key=lambda gateway: gateway.address[1] != port)
        seen = len(process.lines)
        used.kill()
        process.wait_for("stopped answering.*; trying 127.0.0.1:%d" % other.address[1], seen)
        process.wait_for("subscribed to both ", seen)
        application.publish("both", "still here", qos=1)
        process.wait_for("^still here$")


if __name__ == "__main__":
    unittest.main()
