"""The gateway as a systemd service: what it tells the service manager, and that a stuck loop is seen."""
import fcntl
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from integration import IntegrationTest
from notify_socket import NotifySocket
from processes import Process, programs

WATCHDOG_S = 0.5


class Service(IntegrationTest):
    def setUp(self):
        self.manager = self.keep(NotifySocket())

    def start(self, watchdog_s=None):
        broker = self.start_broker()  # not inside: mosquitto talks to systemd as well
        with self.manager.environment(watchdog_s):
            return self.start_gateway(broker)

    def test_it_is_ready_when_the_links_are_open_and_says_how_it_does(self):
        gateway = self.start()
        message = self.manager.next()
        self.assertEqual(message["READY"], "1")
        self.assertRegex(message["STATUS"], r"^0 clients known, broker mqtt://127\.0\.0\.1:\d+$")
        self.connected(gateway)
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual(self.manager.next_with("STOPPING")["STOPPING"], "1")
        self.assertIsNone(self.manager.next(0.0))

    def test_a_gateway_that_cannot_listen_is_never_ready(self):
        with self.manager.environment():
            failed = Process([programs() / "mqttsn-gateway", "--udp", "192.0.2.1:1883"])
        self.assertEqual(failed.wait(), 1)
        self.assertIsNone(self.manager.next(0.0))

    def test_without_systemd_nothing_is_needed(self):
        self.connected(self.start_gateway(self.start_broker()))

    def test_the_loop_feeds_the_watchdog_twice_in_its_time(self):
        gateway = self.start(WATCHDOG_S)
        for _ in range(5):
            self.assertEqual(self.manager.next_with("WATCHDOG")["WATCHDOG"], "1")
        self.connected(gateway)
        while not self.manager.next_with("STATUS")["STATUS"].startswith("1 clients known"):
            pass

    def test_without_a_watchdog_none_is_fed(self):
        self.start()
        self.assertIn("READY", self.manager.next())
        self.assertIsNone(self.manager.next(2 * WATCHDOG_S))

    def test_a_stalled_loop_misses_the_watchdog(self):
        """The loop writes its log to a pipe that nobody empties: it stands still in the middle of its work."""
        broker = self.start_broker()
        listeners = ["--udp", "127.0.0.1:0"] * 20  # a line of the counters for each
        with self.manager.environment(WATCHDOG_S):
            child = subprocess.Popen([programs() / "mqttsn-gateway", "--broker", broker.url, *listeners],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for cleanup in (child.stderr.close, child.wait, child.kill):
            self.addCleanup(cleanup)
        fcntl.fcntl(child.stderr, fcntl.F_SETPIPE_SZ, 4096)
        self.manager.next_with("WATCHDOG")
        for _ in range(200):
            child.send_signal(signal.SIGUSR1)
            if self.manager.next(2 * WATCHDOG_S) is None and self.manager.next(WATCHDOG_S) is None:
                break
        else:
            self.fail("a loop that cannot go on feeds the watchdog")
        threading.Thread(target=child.stderr.read, daemon=True).start()
        self.manager.next_with("WATCHDOG")
        child.kill()


UNIT = Path(__file__).resolve().parents[2] / "tools/packaging/mqttsn-gateway.service"


class Unit(IntegrationTest):
    def test_systemd_has_nothing_to_complain_of(self):
        """But that the program is not where the package puts it."""
        with tempfile.TemporaryDirectory() as directory:
            unit = Path(directory) / UNIT.name
            unit.write_text(UNIT.read_text().replace("/usr/bin/mqttsn-gateway", str(programs() / "mqttsn-gateway")))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
            complaints = [line for line in done.stderr.splitlines() if "mqttsn-gateway" in line]
            self.assertEqual((done.returncode, complaints), (0, []), done.stderr)

    def test_the_sandbox_is_tight(self):
        """Where 0 is the best; serial lines and the network cost the most of what is left."""
        done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=25", UNIT],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
