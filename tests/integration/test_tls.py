"""TLS to a real mosquitto: what is trusted, what is refused, and what the log says about it."""
import os
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import Broker, free_tcp_port
from certificates import Authority
from integration import IntegrationTest
from processes import programs


class Tls(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.authority = cls.share(Authority())
        cls.good = cls.authority.sign("broker", "DNS:localhost,IP:127.0.0.1")

    def tls_broker(self, certificate=None, *config):
        """Plain on .port for the application, TLS on .tls_port."""
        file, key = certificate or self.good
        port = free_tcp_port()
        broker = self.start_broker(f"listener {port} 127.0.0.1", f"certfile {file}", f"keyfile {key}", *config)
        broker.tls_port = port
        return broker

    def gateway_on(self, broker, ready=True, host="localhost", **tls):
        settings = {"ca_file": str(self.authority.certificate), **tls, "url": f"mqtts://{host}:{broker.tls_port}"}
        settings = {key: value for key, value in settings.items() if value is not None}
        return self.start_gateway(broker, ready=ready, broker=settings)

    def refused(self, pattern, broker, **settings):
        """The gateway says so, and tells devices that it is congested."""
        gateway = self.gateway_on(broker, ready=False, **settings)
        gateway.wait_for(pattern)
        self.assertEqual(self.device(gateway).connect(), sn.CONGESTION)

    def test_messages_go_both_ways_over_every_version(self):
        broker = self.tls_broker()
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                gateway = self.gateway_on(broker, tls_version=version)
                device = self.connected(gateway)
                application = self.start_application(broker, "up/#")
                device.publish(device.register("up/x"), b"x" * 1000, qos=2)
                self.assertEqual(application.receive().payload, b"x" * 1000)
                device.subscribe("down", qos=1)
                application.publish("down", b"y" * 1000, qos=1)
                self.assertEqual(device.receive().payload, b"y" * 1000)
                self.assertEqual(gateway.terminate(), 0)

    def test_the_certificate_may_name_an_address(self):
        self.gateway_on(self.tls_broker(), host="127.0.0.1")

    def test_an_unknown_authority_is_refused(self):
        other = self.keep(Authority("somebody else"))
        self.refused(r"certificate is refused: .*; set \[broker\] ca_file", self.tls_broker(),
                     ca_file=str(other.certificate))

    def test_the_systems_authorities_do_not_know_ours(self):
        self.refused(r"certificate is refused: .*; set \[broker\] ca_file", self.tls_broker(), ca_file=None)

    def test_another_host_name_is_refused_unless_it_is_asked_for(self):
        broker = self.tls_broker(self.authority.sign("elsewhere", "DNS:broker.example"))
        self.refused(r"certificate is refused: hostname mismatch; .*server_name", broker)
        self.gateway_on(broker, server_name="broker.example")

    def test_an_expired_certificate_is_refused_unless_nothing_is_verified(self):
        broker = self.tls_broker(self.authority.sign("old", "DNS:localhost", days=-1))
        self.refused(r"certificate is refused: certificate has expired; renew it", broker)
        self.gateway_on(broker, verify=False)

    def test_the_broker_may_want_a_certificate(self):
        broker = self.tls_broker(None, f"cafile {self.authority.certificate}", "require_certificate true")
        self.refused(r"TLS: .*certificate required", broker)
        certificate, key = self.authority.sign("gateway", "DNS:gateway")
        gateway = self.gateway_on(broker, certificate=str(certificate), key=str(key))
        self.connected(gateway)

    def test_a_broker_without_tls_is_named(self):
        broker = self.start_broker()
        broker.tls_port = broker.port
        self.refused(r"does this port of the broker speak TLS\?", broker)

    def test_files_that_cannot_be_used_are_named_at_the_start(self):
        for key, problem in (("ca_file", "/no/such/file.pem"), ("certificate", "/no/such/file.pem"),
                             ("key", str(self.authority.certificate))):
            with self.subTest(key):
                config = self.authority.directory / "gateway.toml"
                config.write_text(f'[broker]\nurl = "mqtts://localhost"\n{key} = "{problem}"\n')
                done = subprocess.run([programs() / "mqttsn-gateway", "--config", config, "--check-config"],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f'[broker] {key} = "{problem}"', done.stderr)


class Credentials(IntegrationTest):
    """Where the password may come from; nothing of it shows in the log."""

    @classmethod
    def setUpClass(cls):
        cls.authority = cls.share(Authority())  # a directory that goes with the test
        cls.directory = cls.authority.directory
        cls.passwords = cls.directory / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", cls.passwords, "barn", "s3cret word"], check=True,
                       capture_output=True)
        (cls.directory / "mqtt-password").write_text("s3cret word\n")
        (cls.directory / "mqtt-user").write_text("barn\n")
        cls.broker = cls.share(Broker("allow_anonymous false", f"password_file {cls.passwords}"))

    def check(self, **keys):
        gateway = self.start_gateway(self.broker, broker=keys)
        self.assertEqual(self.device(gateway).connect(), 0)
        self.assertNotIn("s3cret", gateway.log)

    def test_from_files(self):
        self.check(username_file=str(self.directory / "mqtt-user"), password_file=str(self.directory / "mqtt-password"))

    def test_from_the_environment(self):
        with mock.patch.dict(os.environ, {"MQTT_PASSWORD": "s3cret word"}):
            self.check(username="barn", password_env="MQTT_PASSWORD")

    def test_from_a_systemd_credential(self):
        with mock.patch.dict(os.environ, {"CREDENTIALS_DIRECTORY": str(self.directory)}):
            self.check(username="barn", password_credential="mqtt-password")

    def test_what_is_missing_or_given_twice_is_named(self):
        for lines, message in ((['password_env = "NO_SUCH_VARIABLE"'], "there is no such environment variable"),
                               (['password_credential = "x"'], "not started by systemd with LoadCredential=x"),
                               (['username_file = "/no/such/file"'], "cannot be read: No such file"),
                               (['password = "a"', 'password_env = "HOME"'], "give only one of them")):
            with self.subTest(lines):
                config = self.directory / "gateway.toml"
                config.write_text("\n".join(["[broker]", *lines]) + "\n")
                done = subprocess.run([programs() / "mqttsn-gateway", "--config", config, "--check-config"],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
