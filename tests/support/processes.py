"""Child processes whose output is read line by line, and deadlines."""
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

PATIENCE = 20.0  # seconds until an event that must come counts as missing; never waited when it comes


def programs():
    """The folder with the built programs: $MQTTSN_BIN, or the newest build of this tree."""
    if "MQTTSN_BIN" in os.environ:
        return Path(os.environ["MQTTSN_BIN"])
    builds = Path(__file__).resolve().parents[2] / "build"
    found = sorted(builds.glob("*/bin/mqttsn-gateway"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError("nothing is built: set MQTTSN_BIN to the folder with mqttsn-gateway and mqttsn")
    return found[-1].parent


def wait_until(condition, what, timeout=PATIENCE):
    """For events that nothing announces: asks again until `condition()` is true, and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)


class Process:
    """A running program. It dies with the test, even if the test is killed."""

    def __init__(self, arguments, stdin=subprocess.DEVNULL):
        self.name = Path(arguments[0]).name
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, arguments)],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._child.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            return list(self._lines)

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait_for(self, pattern, after=0, timeout=PATIENCE):
        """The first match of `pattern` in the lines from number `after` on."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for number in range(after, len(self._lines)):
                    match = expression.search(self._lines[number])
                    if match:
                        return match
                after = max(after, len(self._lines))
                remaining = deadline - time.monotonic()
                if self._ended or remaining <= 0:
                    why = "ended" if self._ended else f"waited {timeout} s"
                    said = "\n".join(self._lines)
                    raise AssertionError(f"{self.name} ({why}) did not say {pattern!r} but:\n{said}")
                self._changed.wait(remaining)

    @property
    def pid(self):
        return self._child.pid

    def is_running(self):
        return self._child.poll() is None

    def write(self, text):
        """To its standard input, if started with stdin=subprocess.PIPE."""
        self._child.stdin.write(text)
        self._child.stdin.flush()

    def end_input(self):
        self._child.stdin.close()

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout=PATIENCE):
        """The exit code, once the program has ended and its output is read."""
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s:\n{self.log}") from None
        self._reader.join(timeout)
        self._child.stdout.close()
        return code

    def terminate(self):
        """Ends it by SIGTERM; its exit code."""
        if self.is_running():
            self._child.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.is_running():
            self._child.kill()
        self._child.wait()
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._reader.join()
        self._child.stdout.close()
