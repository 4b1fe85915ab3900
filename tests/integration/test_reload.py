"""SIGHUP: the configuration changes, and no device notices."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import free_tcp_port
from certificates import Authority
from gateway import toml
from integration import IntegrationTest
from notify_socket import NotifySocket

DONE = "the configuration is read again"
REFUSED = "the new configuration is refused and the old one stays"


class Reload(IntegrationTest):
    def reload(self, gateway, text, answer=DONE):
        """Adds `text` to the configuration; the lines of the log since."""
        path = gateway.directory / "gateway.toml"
        before = path.read_text()
        seen = len(gateway.lines)
        path.write_text(before + text)
        gateway.hang_up()
        gateway.wait_for(answer, after=seen)
        path.write_text(before)
        return seen

    def test_topics_limits_and_log_change_under_a_connected_device(self):
        broker = self.start_broker()
        application = self.start_application(broker, "new/#")
        gateway = self.start_gateway(broker)
        device = self.connected(gateway)
        self.reload(gateway, toml({"topic": [{"id": 7, "name": "new/seven"}], "limits": {"clients": 1},
                                   "log": {"level": "debug"}}))
        device.publish(sn.predefined(7), b"x", qos=1)
        self.assertEqual(application.receive().payload, b"x")
        self.assertEqual(self.device(gateway, "second").connect(), sn.CONGESTION)
        self.device(gateway, "broken").send_raw(b"\x03\x04\x00")
        gateway.wait_for("malformed frame")
        self.assertEqual(gateway.counters()["connects_accepted"], 1)

    def test_a_bad_file_is_refused_whole_with_the_reason(self):
        gateway = self.start_gateway(self.start_broker())
        device = self.connected(gateway)
        seen = self.reload(gateway, '[limits]\nclients = 1\n[log]\nlevle = "debug"\n', REFUSED)
        gateway.wait_for(r"gateway.toml:\d+:1: \[log\] levle: unknown key; did you mean level\?", after=seen)
        self.connected(gateway, "second")
        device.ping()

    def test_what_waits_for_the_next_start_is_named(self):
        gateway = self.start_gateway(self.start_broker())
        seen = self.reload(gateway, '[gateway]\nname = "other"\nid = 9\n')
        gateway.wait_for(r"takes effect at the next start: \[gateway\] id, \[gateway\] name$", after=seen)

    def test_a_new_authority_is_trusted_from_the_next_connection_on(self):
        good, bad = self.keep(Authority()), self.keep(Authority("somebody else"))
        certificate, key = good.sign("broker", "DNS:localhost")
        port = free_tcp_port()
        broker = self.start_broker(f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
        trusted = bad.directory / "trusted.pem"
        trusted.write_bytes(bad.certificate.read_bytes())
        gateway = self.start_gateway(broker, ready=False,
                                     broker={"url": f"mqtts://localhost:{port}", "ca_file": str(trusted)})
        gateway.wait_for("certificate is refused")
        trusted.write_bytes(good.certificate.read_bytes())
        self.reload(gateway, "")
        gateway.wait_for("broker: connected")
        self.connected(gateway)

    def test_systemd_is_told(self):
        manager = self.keep(NotifySocket())
        broker = self.start_broker()
        with manager.environment():
            gateway = self.start_gateway(broker)
        manager.next_with("READY")
        for text, answer in (("", DONE), ("nonsense = 1\n", REFUSED)):
            self.reload(gateway, text, answer)
            self.assertGreater(int(manager.next_with("RELOADING")["MONOTONIC_USEC"]), 0)
            self.assertEqual(manager.next_with("READY")["READY"], "1")


if __name__ == "__main__":
    unittest.main()
