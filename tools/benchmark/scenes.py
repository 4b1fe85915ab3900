"""What `mqttsn bench` does not do: latency against direct MQTT, bursts, and a start with stored sessions. Plain sockets
and octets, so that little else is measured."""

import contextlib
import json
import select
import socket
import statistics
import struct
import sys
import threading
import time
import urllib.request

PATIENCE = 10  # seconds for any single answer
TOPIC = b"bench/scene"
CONNACK, REGACK, PINGRESP = 0x05, 0x0B, 0x17


def mqtt_packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def text(value):
    return struct.pack(">H", len(value)) + value


class Subscriber:
    """A connection to the broker that publishes and hears TOPIC."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(mqtt_packet(0x10, text(b"MQTT") + b"\x04\x02\0\0" + text(b"bench-scene")))
        self.read(4)
        self.socket.sendall(mqtt_packet(0x82, b"\0\1" + text(TOPIC) + b"\0"))
        self.read(5)

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                sys.exit("the broker closed the connection")
            data += part
        return data

    @staticmethod
    def message(payload):
        return mqtt_packet(0x30, text(TOPIC) + payload)


class Node:
    """A device with a socket of its own."""

    def __init__(self, port, name, clean):
        self.name = name
        self.clean = clean
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)

    def ask(self, frame, answer):
        """The answer's octets; repeated after a second, as nodes do."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.socket.send(frame)
            ready, _, _ = select.select([self.socket], [], [], 1)
            if ready:
                got = self.socket.recv(2000)
                if got[1] == answer:
                    return got
        sys.exit(f"{self.name} got no answer {answer:#x}")

    def connect_frame(self):
        body = bytes([0x04 if self.clean else 0, 1]) + struct.pack(">H", 0) + self.name
        return bytes([len(body) + 2, 0x04]) + body

    def connect(self):
        if self.ask(self.connect_frame(), CONNACK)[2] != 0:
            sys.exit(f"{self.name} was refused")

    def register(self):
        frame = bytes([6 + len(TOPIC), 0x0A, 0, 0, 0, 1]) + TOPIC
        self.topic_id = self.ask(frame, REGACK)[2:4]

    def publish(self, payload):
        self.socket.send(bytes([7 + len(payload), 0x0C, 0]) + self.topic_id + b"\0\0" + payload)


def connect_all(nodes, at_once=64):
    """In groups: brokers listen with a backlog of 100."""
    for begin in range(0, len(nodes), at_once):
        group = nodes[begin:begin + at_once]
        for node in group:
            node.socket.send(node.connect_frame())
        for node in group:
            if node.socket.recv(2000)[:3] != bytes([3, CONNACK, 0]):
                sys.exit(f"{node.name} was refused")


def added_latency(broker_port, gateway_port, count):
    """QoS 0, one message at a time: what the way through the gateway takes more than a direct MQTT publish, in us."""
    subscriber = Subscriber(broker_port)
    node = Node(gateway_port, b"latency", True)
    node.connect()
    node.register()
    payload = b"x" * 32
    arrival = len(Subscriber.message(payload))
    ways = {"direct": lambda: subscriber.socket.sendall(Subscriber.message(payload)),
            "gateway": lambda: node.publish(payload)}
    taken = {name: [] for name in ways}
    for _ in range(count):
        for name, send in ways.items():  # in turn, so that a disturbance meets both
            begin = time.perf_counter_ns()
            send()
            subscriber.read(arrival)
            taken[name].append((time.perf_counter_ns() - begin) / 1000)
    result = {}
    for name, values in taken.items():
        cuts = statistics.quantiles(values, n=100)
        result[name] = {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}
    result["added"] = {each: round(result["gateway"][each] - result["direct"][each], 1) for each in ("p50", "p99")}
    return result


def burst(broker_port, gateway_port, nodes, times):
    """All nodes publish at the same instant, again and again: how many messages did not arrive."""
    subscriber = Subscriber(broker_port)
    fleet = [Node(gateway_port, b"burst-%05d" % i, True) for i in range(nodes)]
    connect_all(fleet)
    for node in fleet:
        node.register()
    payload = b"x" * 32
    expected = nodes * len(Subscriber.message(payload))
    lost = 0
    subscriber.socket.settimeout(2)
    for _ in range(times):
        for node in fleet:
            node.publish(payload)
        got = 0
        try:
            while got < expected:
                got += len(subscriber.socket.recv(1 << 16))
        except TimeoutError:
            lost += nodes - got // len(Subscriber.message(payload))
    for node in fleet:
        node.socket.close()
    return {"nodes": nodes, "times": times, "lost": lost}


def restart(bed, directory, sessions):
    """How long a gateway that has stored sessions takes from its start to the first answer to one of them."""
    options = ["--state-dir", directory]
    bed.start_gateway(*options)
    fleet = [Node(bed.port, b"stored-%05d" % i, False) for i in range(sessions)]
    connect_all(fleet)
    port = bed.port
    begin = bed.restart_gateway(port, *options, ready="listening on udp")
    node = fleet[sessions // 2]
    node.socket.settimeout(0.005)
    while time.monotonic() - begin < 60:
        try:
            node.socket.send(b"\x02\x16")  # PINGREQ
            if node.socket.recv(2000) == bytes([2, PINGRESP]):
                break
        except (TimeoutError, ConnectionRefusedError):
            continue
    seconds = time.monotonic() - begin
    for each in fleet:
        each.socket.close()
    return {"sessions": sessions, "seconds": round(seconds, 3)}


def stored(bed, directory, http_port, clients, messages, commit_interval, synchronous):
    """QoS 1 messages that are acknowledged when they are on disk, one outstanding per client."""
    directory.mkdir()
    config = directory / "gateway.toml"
    config.write_text(f"""
[gateway]
state_dir = "{directory}"
[delivery]
up = "store"
replay_per_second = 1000000
[store]
commit_interval = "{commit_interval}"
synchronous = "{synchronous}"
[http]
listen = "127.0.0.1:{http_port}"
""")
    bed.start_gateway("--config", config)

    def commits():
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/api/v1/status", timeout=PATIENCE) as page:
            return json.load(page)["store"]["commits"]

    before, begin = commits(), time.monotonic()
    result = bed.bench("up", "-q", 1, "--clients", clients, "--in-flight", clients, "--messages", messages, "--echoes",
                       0)["messages"]
    rate = (commits() - before) / (time.monotonic() - begin)
    return {"commit_interval": commit_interval, "synchronous": synchronous, "clients": clients,
            "per_second": result["per_second"], "commits_per_second": rate,
            "gateway_cpu_us": result["gateway_cpu_us_per_message"], "acknowledged_us": result["acknowledged_us"]}


def observed(bed, directory, http_port, clients, seconds, messages, repeat):
    """What it costs that the gateway shows itself: pages that are read every second, and status over MQTT. Idle clients
    are measured once and from when they have connected, so that telling the broker about each is part of it."""
    directory.mkdir()
    config = directory / "gateway.toml"
    shown = {"off": ("", "false"), "on": (f"127.0.0.1:{http_port}", "true")}
    figures = {name: {"idle": [], "up 1": [], "down 1": []} for name in shown}
    for run in range(repeat):
        for name, (listen, mqtt) in shown.items():  # in turn, so that a disturbance meets both
            config.write_text(f"""
[http]
listen = "{listen}"
[status]
mqtt = {mqtt}
""")
            bed.start_gateway("--config", config)
            with Reader(f"http://127.0.0.1:{http_port}") if listen else contextlib.nullcontext():
                if run == 0:
                    idle = bed.bench("idle", "--clients", clients, "--seconds", seconds)["idle"]
                    figures[name]["idle"].append(idle["gateway_cpu_us_per_second"])
                for way in ("up", "down"):
                    load = bed.bench(way, "-q", 1, "--clients", clients, "--messages", messages)["messages"]
                    figures[name][f"{way} 1"].append(load["gateway_cpu_us_per_message"])
    return {"clients": clients,
            **{name: {load: statistics.median(values) for load, values in loads.items()}
               for name, loads in figures.items()}}


class Reader:
    """Reads /metrics and /api/v1/status every second, more often than a Prometheus or a dashboard does."""

    def __init__(self, url):
        self._pages = [f"{url}/metrics", f"{url}/api/v1/status"]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _run(self):
        while not self._ended.wait(1):
            for page in self._pages:
                with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
                    answer.read()
