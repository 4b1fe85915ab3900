"""systemd's side of sd_notify: a socket that a service tells how it does."""
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from unittest import mock

from processes import PATIENCE


class NotifySocket:
    def __init__(self):
        self._directory = Path(tempfile.mkdtemp(prefix="notify-"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._directory / "notify"))

    def environment(self, watchdog_s=None):
        """For `with`: programs started inside are services of this socket."""
        variables = {"NOTIFY_SOCKET": str(self._directory / "notify")}
        if watchdog_s is not None:
            variables["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        return mock.patch.dict(os.environ, variables)

    def next(self, timeout=PATIENCE):
        """The next message as {variable: value}; None when there is none in time."""
        self._socket.settimeout(timeout)
        try:
            text = self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None
        return dict(line.split("=", 1) for line in text.splitlines())

    def next_with(self, variable):
        """The next message that has this variable."""
        deadline = time.monotonic() + PATIENCE
        while (message := self.next(max(0.001, deadline - time.monotonic()))) is not None:
            if variable in message:
                return message
        raise AssertionError(f"nothing said {variable}")

    def drain(self):
        while self.next(0.0) is not None:
            pass

    def close(self):
        self._socket.close()
        shutil.rmtree(self._directory, ignore_errors=True)
