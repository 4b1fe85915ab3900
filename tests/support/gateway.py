"""The real mqttsn-gateway program on UDP ports of its own."""
import json
import re
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from processes import Process, programs

QUICK_TIMERS = {
    "retry": "200ms",
    "wait": "200ms",
    "upstream_backoff_min": "20ms",
    "upstream_backoff_max": "100ms",
    "upstream_connect_timeout": "5s",
}


def toml(sections):
    """{"timers": {...}, "topic": [{...}, ...]} as TOML; a list of tables becomes [[name]]."""
    text = ""
    for name, content in sections.items():
        tables = content if isinstance(content, list) else [content]
        for table in tables:
            text += f"[[{name}]]\n" if isinstance(content, list) else f"[{name}]\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    return text


def free_udp_port():
    """Of the loopback, for a gateway that comes back on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """Started from a configuration file made of `sections`; stopped by SIGTERM, which must end with code 0."""

    def __init__(self, broker_url, /, ready=True, **sections):
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-"))
        sections["broker"] = {"url": broker_url, **sections.get("broker", {})}
        sections["timers"] = {**QUICK_TIMERS, **sections.get("timers", {})}
        sections.setdefault("udp", [{"listen": "127.0.0.1:0"}])
        sections.setdefault("http", {"listen": ""})
        sections.setdefault("status", {"mqtt": False})  # applications of tests see messages of devices alone
        self._listeners = len(sections["udp"])
        (self.directory / "gateway.toml").write_text(toml(sections))
        self.start(ready)

    def start(self, ready=True):
        """Also after kill() or terminate(); then on the same ports if the configuration names them."""
        self._process = Process([programs() / "mqttsn-gateway", "--config", self.directory / "gateway.toml"])
        try:
            self.addresses = [self._listener(number) for number in range(self._listeners)]
            if ready:
                self.wait_for("broker: connected")
        except BaseException:
            self._process.kill()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def _listener(self, number):
        pattern = r"listening on \S*?(\[\S+\]|[\d.]+):(\d+) "
        self._process.wait_for(pattern)
        while len(found := re.findall(pattern, self._process.log)) <= number:
            self._process.wait_for(pattern, after=len(self._process.lines))
        return found[number][0].strip("[]"), int(found[number][1])

    @property
    def address(self):
        return self.addresses[0]

    @property
    def log(self):
        return self._process.log

    @property
    def lines(self):
        return self._process.lines

    def wait_for(self, pattern, after=0):
        """A line of the log."""
        return self._process.wait_for(pattern, after)

    def line_of(self, text):
        """The number of the line that has `text`: where to look on for what must follow it."""
        return next(number for number, line in enumerate(self.lines) if text in line)

    @property
    def pid(self):
        return self._process.pid

    def is_running(self):
        return self._process.is_running()

    def hang_up(self):
        """Has it read its configuration again."""
        self._process.signal(signal.SIGHUP)

    def counters(self):
        """What it counted so far, by name; those at zero are absent."""
        seen = len(self._process.lines)
        self._process.signal(signal.SIGUSR1)
        line = self._process.wait_for(r"\d+ clients known(, .*)?$", after=seen).group(0)
        counters = {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", line)}
        counters["clients"] = int(line.split()[0])
        return counters

    def terminate(self):
        """Its exit code after SIGTERM."""
        return self._process.terminate()

    def kill(self):
        self._process.kill()

    def close(self):
        was_running = self._process.is_running()
        code = self._process.terminate()
        shutil.rmtree(self.directory, ignore_errors=True)
        if was_running and code != 0:
            raise AssertionError(f"mqttsn-gateway ended with code {code}:\n{self.log}")
