"""A real mosquitto on a port of its own."""
import os
import random
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from processes import Process


def free_tcp_port():
    """Below the range of ephemeral ports: no outgoing connection takes it while the broker is down."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Broker:
    """mosquitto with `config` lines added; anonymous, talkative and without persistence unless they say otherwise."""

    def __init__(self, *config, started=True):
        self.directory = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self.port = free_tcp_port()
        self._config = list(config)
        self._process = None
        try:
            if started:
                self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def lines(self):
        return self._process.lines

    def configure(self, *config):
        """Adds lines for the next start."""
        self._config += config

    def start(self):
        """Starts, also after a stop: on the same port."""
        lines = [f"listener {self.port} 127.0.0.1", "log_dest stderr", *self._config]
        if not any(line.startswith("log_type") for line in self._config):
            lines.append("log_type all")
        if not any(line.startswith("allow_anonymous") for line in self._config):
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            lines.append("user root")
        path = self.directory / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        self._process = Process([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", path])
        self._process.wait_for("mosquitto version .* running")

    def wait_for(self, pattern, after=0):
        return self._process.wait_for(pattern, after)

    def stop(self):
        self._process.terminate()

    def kill(self):
        self._process.kill()

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        """Keeps its connections and says nothing."""
        self._process.signal(signal.SIGSTOP)

    def thaw(self):
        self._process.signal(signal.SIGCONT)

    def close(self):
        if self._process is not None:
            self._process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
