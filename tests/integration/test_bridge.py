"""mqttsn bridge: a simulated dongle here, the gateway reached over UDP; what is on the wire is decoded by tshark."""
import json
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from broker import Broker
from gateway import Gateway
from integration import IntegrationTest
from processes import Process, programs, wait_until


class Recorder:
    """Passes datagrams between a bridge and a gateway on, and keeps them as a pcap file (raw IPv4)."""

    def __init__(self, gateway_address):
        self.gateway = gateway_address
        self.datagrams = []
        self._peer = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                data, sender = self._socket.recvfrom(65536)
            except OSError:
                return
            is_up = sender != self.gateway
            if is_up:
                self._peer = sender
            self.datagrams.append((is_up, data))
            to = self.gateway if is_up else self._peer
            if to is not None:
                self._socket.sendto(data, to)

    def write(self, path, port=1883):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
            for number, (is_up, data) in enumerate(self.datagrams):
                ports = (40000, port) if is_up else (port, 40000)
                udp = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
                ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
                file.write(struct.pack("<IIII", number, 0, len(ip + udp), len(ip + udp)) + ip + udp)

    def close(self):
        self._socket.close()


class Bridge(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.share(Broker())

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="bridge-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def start(self, *arguments):
        process = Process([programs() / "mqttsn", *arguments])
        self.addCleanup(process.kill)
        return process

    def carry(self, sim_link, bridge_link, *more):
        """A fleet behind a dongle, a bridge and a gateway; returns the bridge and what was on the wire."""
        gateway = Gateway(self.broker.url)
        self.addCleanup(gateway.close)
        recorder = Recorder(gateway.address)
        self.addCleanup(recorder.close)
        port = self.directory / "dongle0"
        bridge = self.start("bridge", "--serial", f"{port},{bridge_link}", "-p", str(recorder.port))
        application = self.start_application(self.broker, "sim/#")
        fleet = self.start("sim", "--link", sim_link, "--pty", port, "-n", "6", "-q", "0,1,2", "--echo", "--period", "300ms",
                           "--sleepers", "2", "--sleep", "1s", "--retry", "1s", "--retries", "8", "--json", *more)
        seen = set()
        while len(seen) < 8:
            seen.add(application.receive().topic)
        fleet.signal(signal.SIGINT)
        fleet.wait()
        summary = json.loads(fleet.lines[-1])
        self.assertEqual((summary["lost"], summary["refused"]), (0, 0), summary)
        return bridge, recorder

    def assert_tshark_finds_no_fault(self, recorder):
        path = self.directory / "bridge.pcap"
        recorder.write(path)
        done = subprocess.run(
            ["tshark", "-n", "-r", path, "-d", "udp.port==1883,mqttsn", "-o", "ip.check_checksum:FALSE", "-T", "fields", "-e",
             "_ws.malformed", "-e", "mqttsn.msg.type"], capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual(len(rows), len(recorder.datagrams))
        self.assertEqual([row for row in rows if row[0]], [])
        # Every frame of a node is encapsulated.
        self.assertTrue(all(data[1] == 0xFE for is_up, data in recorder.datagrams if is_up))
        return rows

    def test_an_addressed_link_becomes_a_forwarder(self):
        """[SN12-5.5-a]"""
        # Wireshark reads ids of up to four octets: the modules have short addresses here.
        bridge, recorder = self.carry("xbee,variant=802154,my=1", "link=xbee,baud=115200")
        self.assert_tshark_finds_no_fault(recorder)
        ids = {data[3:5] for is_up, data in recorder.datagrams if is_up}
        self.assertEqual(len(ids), 8)
        bridge.signal(signal.SIGUSR1)
        bridge.wait_for(r"[1-9]\d* frames up \(0 not sent\), [1-9]\d* down")
        self.assertEqual(bridge.terminate(), 0)

    def test_nodes_that_say_who_they_are_go_through_as_they_are(self):
        """[SN12-5.5-a]"""
        bridge, recorder = self.carry("hdlc", "link=hdlc", "--unplug", "700ms", "--unplugged", "100ms", "--unplug-times", "2")
        self.assert_tshark_finds_no_fault(recorder)
        self.assertEqual({data[:3] for is_up, data in recorder.datagrams if is_up}, {b"\x05\xfe\x00"})
        self.assertEqual(bridge.terminate(), 0)

    def test_what_is_not_encapsulated_goes_to_all_nodes(self):
        port = self.directory / "dongle0"
        gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(gateway.close)
        gateway.bind(("127.0.0.1", 0))
        gateway.settimeout(20)
        bridge = self.start("bridge", "--serial", f"{port},link=hdlc", "-p", str(gateway.getsockname()[1]))
        self.start("sim", "--link", "hdlc", "--pty", port, "-n", "2", "--retry", "300ms", "--retries", "50")
        _, peer = gateway.recvfrom(1000)
        gateway.sendto(bytes.fromhex("0500010384"), peer)
        def is_counted():
            before = len(bridge.lines)
            bridge.signal(signal.SIGUSR1)
            return "(1 broadcast" in bridge.wait_for("frames up", after=before).string
        wait_until(is_counted, "the broadcast to be counted")

    def test_wrong_usage_says_what_is_right(self):
        for serial, text in (("x,link=nonsense", "expected raw"), ("x,link=raw,nonsense=1", "has no key nonsense"),
                             ("link=raw", "expected a port"), ("x,link=raw,baud=fast", "expected a number")):
            done = subprocess.run([programs() / "mqttsn", "bridge", "--serial", serial], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main()
