"""A broker that is away, restarts, hangs or refuses: devices are told the truth, and all comes back by itself."""
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from broker import free_tcp_port
from integration import IntegrationTest
from processes import wait_until

VERSIONS = ("3.1", "3.1.1", "5")


class ScriptedBroker:
    """Answers every MQTT CONNECT with the same octets, or closes at once if there are none."""

    def __init__(self, answer):
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", free_tcp_port()))
        self.url = "mqtt://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if self._answer and connection.recv(1024):
                    connection.sendall(self._answer)
                    connection.settimeout(1)
                    try:
                        connection.recv(1024)  # the gateway closes first: the answer is not cut off by a reset
                    except OSError:
                        pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class BrokerAway(IntegrationTest):
    def test_a_gateway_starts_before_its_broker(self):
        """[SN12-6.2-d] [SN12-5.3.10-c]"""
        broker = self.start_broker(started=False)
        gateway = self.start_gateway(broker, ready=False)
        gateway.wait_for(f"broker: not connected: 127.0.0.1:{broker.port}: Connection refused")
        device = self.device(gateway)
        self.assertEqual(device.connect(), sn.CONGESTION)
        broker.start()
        gateway.wait_for("broker: connected")
        self.assertEqual(device.connect(), sn.ACCEPTED)
        self.assertEqual(gateway.log.count("broker: not connected"), 1, "an outage is logged once")
        broker.kill()
        gateway.wait_for("broker: not connected: the broker closed the connection")
        gateway.wait_for(f"broker: not connected: 127.0.0.1:{broker.port}: Connection refused", after=gateway.line_of("closed the"))

    def test_two_gateways_with_one_client_id_give_way_to_each_other_ever_longer(self):
        broker = self.start_broker()
        gateways = [self.start_gateway(broker, gateway={"name": "twin"}) for _ in range(2)]
        for gateway in gateways:
            gateway.wait_for('broker: not connected: the broker closed the connection soon after it had accepted it; does '
                             'another gateway use .broker. gateway_client_id = "twin"')
        others = [self.start_gateway(broker, gateway={"name": name}) for name in ("one", "other")]
        for gateway in others:
            self.assertEqual(self.device(gateway).connect(), sn.ACCEPTED)
            self.assertNotIn("not connected", gateway.log)

    def test_devices_survive_a_restart_of_the_broker(self):
        """[SN12-6.12-e] [SN12-6.6-i] [SN12-6.9-h] [SN12-7.1-b]"""
        for version in VERSIONS:
            with self.subTest(mqtt=version):
                broker = self.start_broker()
                gateway = self.start_gateway(broker, broker={"version": version}, qos_minus_one={"allow_retain": True})
                device = self.connected(gateway, "patient")
                device.subscribe("barn/+", qos=1)
                topic = device.register("barn/up")
                broker.kill()
                gateway.wait_for("patient: broker connection lost")
                gateway.wait_for("broker: not connected")
                self.assertEqual(device.publish(topic, b"lost?", qos=1), sn.CONGESTION)
                self.assertEqual(device.publish(topic, b"lost?", qos=2), sn.CONGESTION)
                self.assertEqual(device.subscribe("more").code, sn.CONGESTION)
                device.publish(sn.short("qm"), b"queued", qos=-1, retain=True)
                device.ping()
                broker.start()
                gateway.wait_for("patient: broker connection restored")
                gateway.wait_for("broker: connected", after=gateway.line_of("broker: not connected"))
                application = self.start_application(broker, "qm")
                self.assertEqual(application.receive("qm").payload, b"queued")
                broker.wait_for("patient 1 barn/[+]")
                application.publish("barn/down", b"back", qos=1)
                self.assertEqual(device.receive(), sn.Message("barn/down", b"back", 1, False, False, 0))
                self.assertEqual(device.publish(topic, b"works again", qos=1), sn.ACCEPTED)

    def test_a_message_in_flight_survives_a_restart_of_the_broker(self):
        """[SN12-6.6-n] [SN12-6.6-e]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker)
        device = self.connected(gateway, "in-flight", clean=False)
        topic = device.register("in/flight")
        broker.freeze()
        device.send_publish(topic, b"carried over", qos=1, retain=True, message_id=7)
        device.ping()
        self.assertFalse(device.kept, "no PUBACK before the broker has the message")
        broker.restart()
        self.assertEqual(device.expect(sn.PUBACK).body, topic.octets + b"\0\7\0")
        self.assertEqual(self.start_application(broker, "in/flight").receive().payload, b"carried over")

    def test_devices_are_told_when_the_broker_stays_away(self):
        """[SN12-6.12-d]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, timers={"upstream_grace": "300ms"})
        active = self.connected(gateway, "active")
        asleep = self.connected(gateway, "asleep")
        asleep.disconnect(duration=60)
        broker.kill()
        self.assertEqual(active.next_frame(), sn.Frame(sn.DISCONNECT, b""))
        gateway.wait_for("active: disconnected by the gateway: the broker was out of reach")

        def is_told():  # its turn to try the broker once more may come a moment later
            asleep.send(sn.PINGREQ, b"asleep")
            return asleep.next_frame() == sn.Frame(sn.DISCONNECT, b"")

        wait_until(is_told, "DISCONNECT for the one that slept")
        active.send(sn.PINGREQ)
        self.assertEqual(active.next_frame().type, sn.DISCONNECT)
        broker.start()
        gateway.wait_for("broker: connected", after=gateway.line_of("broker: not connected"))
        self.assertEqual(active.connect(), sn.ACCEPTED)


class BrokerSilent(IntegrationTest):
    def test_a_broker_that_hangs_is_noticed_and_comes_back(self):
        """[SN12-6.2-j] [SN12-6.11-g] [SN12-6.6-i]"""
        broker = self.start_broker()
        gateway = self.start_gateway(broker, broker={"keep_alive": "1s"}, timers={"upstream_connect_timeout": "500ms"})
        device = self.connected(gateway, "patient")
        topic = device.register("hang")
        broker.freeze()
        late = self.device(gateway, "late")
        self.assertEqual(late.connect(), sn.CONGESTION)
        gateway.wait_for("late: CONNECT rejected: the broker did not answer in time")
        device.ping()
        gateway.wait_for("patient: broker connection lost")
        self.assertEqual(device.publish(topic, b"x", qos=1), sn.CONGESTION)
        broker.thaw()
        gateway.wait_for("patient: broker connection restored")
        self.assertEqual(device.publish(topic, b"x", qos=1), sn.ACCEPTED)
        self.assertEqual(late.connect(), sn.ACCEPTED)

    def test_a_gateway_ends_although_its_broker_hangs(self):
        broker = self.start_broker()
        gateway = self.start_gateway(broker)
        device = self.connected(gateway)
        broker.freeze()
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual(device.next_frame().type, sn.DISCONNECT)


class BrokerRefusing(IntegrationTest):
    def password_broker(self):
        broker = self.start_broker(started=False)
        passwords = broker.directory / "passwords"
        passwords.touch()
        subprocess.run(["mosquitto_passwd", "-b", passwords, "gateway", "secret"], check=True)
        broker.configure("allow_anonymous false", f"password_file {passwords}")
        broker.start()
        return broker

    def test_a_wrong_password_is_final_for_devices_and_named_in_the_log(self):
        """[SN12-6.2-d] [SN12-5.3.10-c]"""
        broker = self.password_broker()
        for version in VERSIONS:
            with self.subTest(mqtt=version):
                gateway = self.start_gateway(broker, ready=False, broker={
                    "version": version, "username": "gateway", "password": "guess"})
                gateway.wait_for("broker: not connected: it refused the connection.*check .broker. username, password")
                self.assertEqual(self.device(gateway).connect(), sn.NOT_SUPPORTED)
                gateway.wait_for("device: the broker refused the connection")

    def test_the_right_password_comes_from_a_file(self):
        broker = self.password_broker()
        secret = broker.directory / "secret"
        secret.write_text("secret\n")
        gateway = self.start_gateway(broker, broker={"username": "gateway", "password_file": str(secret)})
        self.connected(gateway)

    def test_refusals_of_the_broker_reach_the_device_as_return_codes(self):
        """[SN12-5.3.10-c] [SN12-6.2-d]"""
        cases = [("3.1.1", 3, sn.CONGESTION), ("3.1.1", 2, sn.NOT_SUPPORTED), ("3.1.1", 5, sn.NOT_SUPPORTED),
                 ("5", 0x88, sn.CONGESTION), ("5", 0x97, sn.CONGESTION), ("5", 0x9F, sn.CONGESTION),
                 ("5", 0x85, sn.NOT_SUPPORTED), ("5", 0x87, sn.NOT_SUPPORTED), ("5", 0x8A, sn.NOT_SUPPORTED)]
        for version, reason, code in cases:
            with self.subTest(mqtt=version, reason=reason):
                connack = bytes([0x20, 3, 0, reason, 0]) if version == "5" else bytes([0x20, 2, 0, reason])
                broker = self.keep(ScriptedBroker(connack))
                gateway = self.start_gateway(broker, ready=False, broker={"version": version})
                self.assertEqual(self.device(gateway).connect(), code)

    def test_a_broker_that_closes_or_talks_nonsense_is_congestion(self):
        """[SN12-6.2-d]"""
        for answer in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64):
            with self.subTest(answer=answer[:8]):
                broker = self.keep(ScriptedBroker(answer))
                gateway = self.start_gateway(broker, ready=False)
                self.assertEqual(self.device(gateway).connect(), sn.CONGESTION)
                self.assertTrue(gateway.is_running())
                self.assertLess(gateway.log.count("broker: not connected"), 3, "an outage is logged once")

    def test_a_publish_that_the_broker_does_not_permit_is_refused(self):
        """[SN12-6.6-m] [SN12-6-h]"""
        broker = self.start_broker(started=False)
        rules = broker.directory / "acl"
        rules.write_text("topic readwrite open/#\n")
        rules.chmod(0o600)
        broker.configure(f"acl_file {rules}")
        broker.start()
        gateway = self.start_gateway(broker, broker={"version": "5"})
        device = self.connected(gateway)
        closed, opened = device.register("closed/x"), device.register("open/x")
        for qos in (1, 2):
            self.assertEqual(device.publish(closed, b"x", qos), sn.NOT_SUPPORTED)
            self.assertEqual(device.publish(opened, b"x", qos), sn.ACCEPTED)

    def test_a_session_taken_over_at_the_broker_ends_the_device(self):
        """[SN12-6-r] [SN12-6.12-d]"""
        taken_over = bytes([0x20, 3, 0, 0, 0, 0xE0, 2, 0x8E, 0])
        broker = self.keep(ScriptedBroker(taken_over))
        gateway = self.start_gateway(broker, ready=False, broker={"version": "5"})
        device = self.connected(gateway, "contested")
        self.assertEqual(device.next_frame(), sn.Frame(sn.DISCONNECT, b""))
        gateway.wait_for("contested: disconnected by the gateway: the broker ended its session .reason 0x8e")


if __name__ == "__main__":
    unittest.main()
