"""The status pages of a running gateway: metrics that move, health, devices as JSON, and bad requests."""
import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from integration import IntegrationTest
from processes import PATIENCE, Process, programs, wait_until

ON = {"http": {"listen": "127.0.0.1:0"}}


def port_of(gateway):
    return int(gateway.wait_for(r"status pages: http://127\.0\.0\.1:(\d+)/metrics").group(1))


def get(gateway, target, method="GET"):
    """(status, headers, body)"""
    request = urllib.request.Request(f"http://127.0.0.1:{port_of(gateway)}{target}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def metric(gateway, sample):
    """The value of a sample such as mqttsn_sessions{state="active"}."""
    _, _, text = get(gateway, "/metrics")
    return float(re.search(rf"^{re.escape(sample)} (\S+)$", text, re.M).group(1))


def raw(gateway, octets):
    """Everything that comes back on one connection until the gateway closes it."""
    with socket.create_connection(("127.0.0.1", port_of(gateway)), timeout=PATIENCE) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


class StatusPages(IntegrationTest):
    def setUp(self):
        self.broker = self.start_broker()
        self.gateway = self.start_gateway(self.broker, **ON)

    def test_metrics_move_with_messages(self):
        watched = ['mqttsn_publish_in_qos1_total', 'mqttsn_messages_received_total{type="PUBLISH"}',
                   'mqttsn_messages_sent_total{type="PUBACK"}', "mqttsn_broker_round_trip_seconds_count"]
        device = self.connected(self.gateway)
        topic = device.register("barn/temperature")
        before = [metric(self.gateway, each) for each in watched]
        for _ in range(3):
            device.publish(topic, b"21.5", qos=1)
        self.assertEqual([metric(self.gateway, each) for each in watched], [each + 3 for each in before])
        device.publish(topic, b"21.5", qos=2)
        self.assertEqual(metric(self.gateway, "mqttsn_broker_round_trip_seconds_count"), before[-1] + 4)
        self.assertEqual(metric(self.gateway, 'mqttsn_sessions{state="active"}'), 1)
        self.assertEqual(metric(self.gateway, "mqttsn_broker_connections"), 2)
        _, headers, text = get(self.gateway, "/metrics")
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        link = re.search(r'^mqttsn_link_received_frames_total(\{link="udp:127.0.0.1:\d+"\}) (\d+)$', text, re.M)
        self.assertGreaterEqual(int(link.group(2)), 6)
        self.assertEqual(metric(self.gateway, "mqttsn_link_up" + link.group(1)), 1)
        for sample in ("process_resident_memory_bytes", "process_open_fds", "process_max_fds"):
            self.assertGreater(metric(self.gateway, sample), 0)

    def test_readiness_follows_the_broker_and_the_process_stays_healthy(self):
        self.assertEqual(get(self.gateway, "/readyz")[::2], (200, "ready\n"))
        self.broker.stop()
        wait_until(lambda: get(self.gateway, "/readyz")[0] == 503, "not ready without the broker")
        self.assertIn(f"no connection to the broker {self.broker.url}", get(self.gateway, "/readyz")[2])
        self.assertEqual(get(self.gateway, "/healthz")[::2], (200, "ok\n"))
        self.assertEqual(metric(self.gateway, "mqttsn_broker_up"), 0)
        status = json.loads(get(self.gateway, "/api/v1/status")[2])
        self.assertEqual((status["ready"], status["broker"]["connected"]), (False, False))
        self.broker.start()
        wait_until(lambda: get(self.gateway, "/readyz")[0] == 200, "ready again with the broker")

    def test_devices_come_in_pages_by_client_id(self):
        for number in (3, 1, 2):
            device = self.connected(self.gateway, f"device-{number}", duration=77)
        device.subscribe("barn/#")
        first = json.loads(get(self.gateway, "/api/v1/devices?limit=2")[2])
        self.assertEqual([each["client_id"] for each in first["devices"]], ["device-1", "device-2"])
        self.assertEqual(first["next"], "device-2")
        last = json.loads(get(self.gateway, "/api/v1/devices?limit=2&after=device%2D2")[2])
        self.assertEqual([each["client_id"] for each in last["devices"]], ["device-3"])
        self.assertIsNone(last["next"])
        subscriber = first["devices"][1]
        self.assertEqual((subscriber["state"], subscriber["broker"], subscriber["keep_alive_s"],
                          subscriber["subscriptions"]), ("active", "ready", 77, 1))
        self.assertLess(subscriber["heard_s"], PATIENCE)
        self.assertIn("127.0.0.1", subscriber["address"])
        device.disconnect(duration=100)
        asleep = json.loads(get(self.gateway, "/api/v1/devices?after=device-1&limit=1")[2])["devices"][0]
        self.assertEqual((asleep["state"], asleep["sleep_s"]), ("asleep", 100))
        sessions = json.loads(get(self.gateway, "/api/v1/status")[2])["sessions"]
        self.assertEqual((sessions["active"], sessions["asleep"]), (2, 1))

    def test_a_wrong_query_is_explained(self):
        for query in ("limit=0", "limit=1001", "limit=many", "limit=", "after=%zz", "after=%2", "page=2"):
            with self.subTest(query=query):
                code, _, body = get(self.gateway, f"/api/v1/devices?{query}")
                self.assertEqual(code, 400)
                self.assertIn(query.split("=")[0], body)

    def test_requests_are_counted(self):
        before = metric(self.gateway, "mqttsn_http_requests_total")
        self.assertEqual(metric(self.gateway, "mqttsn_http_requests_total"), before + 1)

    def test_head_tells_the_length_alone(self):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(self.gateway), timeout=PATIENCE)
        self.addCleanup(connection.close)
        for target, length in (("/healthz", "3"), ("/readyz", "6")):  # both on the same connection
            connection.request("HEAD", target)
            reply = connection.getresponse()
            self.assertEqual((reply.status, reply.headers["Content-Length"], reply.read()), (200, length, b""))

    def test_other_pages_and_methods_are_refused(self):
        code, _, body = get(self.gateway, "/nowhere")
        self.assertEqual(code, 404)
        self.assertIn("/metrics", body)
        self.assertIn("/metrics", get(self.gateway, "/")[2])
        code, headers, _ = get(self.gateway, "/metrics", method="DELETE")
        self.assertEqual((code, headers["Allow"]), (405, "GET, HEAD"))

    def test_requests_that_are_none_are_answered_and_harm_nothing(self):
        for octets, status in ((b"\x00\xff\x00\r\n\r\n", b"400"), (b"GET /\r\n\r\n", b"400"),
                               (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
                               (b"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", b"413")):
            with self.subTest(octets=octets[:20]):
                self.assertRegex(raw(self.gateway, octets), b"^HTTP/1.1 " + status)
        self.assertEqual(raw(self.gateway, b"GET / HTTP/1.1\r\nHo"), b"")
        self.assertEqual(get(self.gateway, "/healthz")[0], 200)

    def test_connections_are_bounded(self):
        port = port_of(self.gateway)
        held = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(32)]
        for each in held:
            self.addCleanup(each.close)
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200", each.recv(4096))
        held[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # the second one has waited for longer now
        self.assertIn(b"200", held[0].recv(4096))
        self.assertEqual(metric(self.gateway, "mqttsn_http_refused_total"), 1)  # takes the place of an idle one
        try:
            self.assertEqual(held[1].recv(1), b"")
        except ConnectionResetError:
            pass
        held[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200", held[0].recv(4096))
        self.assertEqual(self.gateway.terminate(), 0)  # open connections do not hold it


class Dongle(IntegrationTest):
    """Gateway and nodes with a simulated radio between them, whose receiver tells how well it hears."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="dongle-")
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / "dongle0")
        self.gateway = self.start_gateway(
            self.start_broker(), **ON, udp=[], serial=[{"device": self.path, "name": "radio", "link": "aquila", "mtu": 100,
                                                        "boot_delay_ms": 0, "reopen_min": "50ms", "reopen_max": "200ms"}])
        nodes = Process([programs() / "mqttsn", "sim", "--link", "aquila,boot_ms=0,mtu=100", "--pty", self.path, "-n", "2",
                         "-i", "node-", "--period", "200ms"])
        self.addCleanup(nodes.kill)
        wait_until(lambda: metric(self.gateway, "mqttsn_publish_in_qos0_total") > 3, "readings", 60)

    def test_what_the_radio_tells_is_shown_everywhere(self):
        label = '{link="radio"'
        self.assertEqual(metric(self.gateway, f"mqttsn_link_signal_devices{label}}}"), 2)
        self.assertLess(metric(self.gateway, f'mqttsn_link_rssi_dbm{label},of="weakest"}}'), 0)
        self.assertEqual(metric(self.gateway, f'mqttsn_link_events_total{label},event="times_opened"}}'), 1)
        self.assertEqual(metric(self.gateway, f'mqttsn_link_events_total{label},event="check_errors"}}'), 0)
        self.assertGreater(metric(self.gateway, f'mqttsn_link_line_bytes_total{label},of="line_octets_in"}}'), 100)
        device = json.loads(get(self.gateway, "/api/v1/devices?limit=1")[2])["devices"][0]
        self.assertLess(device["signal"]["rssi_dbm"], 0)
        self.assertLessEqual(device["signal"]["rssi_lowest_dbm"], device["signal"]["rssi_mean_dbm"])
        self.assertGreater(device["signal"]["frames"], 2)
        table = subprocess.run([programs() / "mqttsn", "status", "--url", f"http://127.0.0.1:{port_of(self.gateway)}"],
                               capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
        self.assertRegex(table, rf"(?m)^{device['client_id']} +active .* -\d+ dBm  radio/\S+$")
        more = json.loads(get(self.gateway, "/api/v1/status")[2])["links"][0]["more"]
        self.assertEqual((more["times_opened"], more["check_errors"]), (1, 0))


class StatusCommand(IntegrationTest):
    def status(self, *options):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn", "status", *options], capture_output=True, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def test_it_shows_links_broker_and_devices(self):
        gateway = self.start_gateway(self.start_broker(), **ON, gateway={"name": "farm\x1b[2J"},
                                     broker={"gateway_client_id": "farm"}, status={"mqtt": False})
        url = f"http://127.0.0.1:{port_of(gateway)}"
        self.assertIn("no devices", self.status("--url", url)[1])
        self.connected(gateway, "barn").disconnect(duration=100)
        self.connected(gateway, "zebra")
        code, table, _ = self.status("--url", url)
        self.assertEqual(code, 0)
        self.assertRegex(table, r"(?m)^farm\?\[2J \d\S*: ready$")
        self.assertRegex(table, r"(?m)^broker +mqtt://127\.0\.0\.1:\d+: connected, 2 device connections$")
        self.assertRegex(table, r"(?m)^udp:127\.0\.0\.1:\d+ +up +\d+ +\d+ +0$")
        self.assertRegex(table, r"(?m)^barn +asleep +\d+\.\ds +0 +0 +0 +ready +- +127\.0\.0\.1:\d+$")
        self.assertRegex(table, r"(?m)^zebra +active ")
        _, first, _ = self.status("--url", url, "--devices", "1")
        self.assertRegex(first, r"(?m)^more: --after barn$")
        self.assertNotIn("zebra", first)
        self.assertNotIn("asleep  ", self.status("--url", url, "--after", "barn")[1])
        told = json.loads(self.status("--url", url, "--json")[1])
        self.assertEqual([each["client_id"] for each in told["page"]["devices"]], ["barn", "zebra"])
        self.assertTrue(told["status"]["ready"])

    def test_watching_goes_on_without_the_broker(self):
        broker = self.start_broker()
        gateway = self.start_gateway(broker, **ON)
        watching = Process([programs() / "mqttsn", "status", "--url", f"http://127.0.0.1:{port_of(gateway)}", "--watch",
                            "--interval", "50ms"])
        self.addCleanup(watching.kill)
        watching.wait_for("mqttsn-gateway .*: ready")
        broker.stop()
        watching.wait_for("NOT READY; no connection to the broker")

    def test_what_is_no_gateway_is_told(self):
        broker = self.start_broker()
        code, _, error = self.status("--url", "ftp://localhost")
        self.assertEqual(code, 2, error)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        code, _, error = self.status("--url", f"http://127.0.0.1:{port}")
        self.assertEqual(code, 3)
        self.assertIn("Connection refused; does the gateway run", error)
        code, output, error = self.status("--url", f"http://127.0.0.1:{broker.port}")  # speaks, but not HTTP
        self.assertEqual((code, output), (3, ""), error)


class WithoutStatusPages(IntegrationTest):
    def test_a_port_in_use_is_a_warning_with_advice(self):
        broker = self.start_broker()
        with socket.create_server(("127.0.0.1", 0)) as other:
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            gateway = self.start_gateway(broker, http={"listen": listen})
            line = gateway.wait_for(r".*no status pages on .*").group(0)
        self.assertIn(f"{listen}: Address already in use", line)
        self.assertIn("set [http] listen", line)
        self.connected(gateway).ping()

    def test_they_can_be_off(self):
        gateway = self.start_gateway(self.start_broker(), http={"listen": ""})
        self.connected(gateway).ping()
        self.assertNotIn("status pages", gateway.log)

    def test_a_store_is_shown(self):
        broker = self.start_broker()
        gateway = self.start_gateway(broker, **ON, gateway={"state_dir": str(broker.directory / "state")},
                                     delivery={"up": "store"})
        device = self.connected(gateway, clean=False)
        device.publish(device.register("barn/temperature"), b"21.5", qos=1)
        wait_until(lambda: metric(gateway, "mqttsn_broker_round_trip_seconds_count") == 1, "the broker has the message")
        self.assertEqual(metric(gateway, "mqttsn_taken_waiting"), 0)
        self.assertEqual(metric(gateway, "mqttsn_store_up"), 1)
        self.assertGreater(metric(gateway, "mqttsn_store_commits_total"), 0)
        self.assertGreater(metric(gateway, "mqttsn_store_written_bytes_total"), 0)
        self.assertTrue(json.loads(get(gateway, "/api/v1/status")[2])["store"]["takes_records"])


if __name__ == "__main__":
    unittest.main()
