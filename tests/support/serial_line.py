"""The far end of a serial line: a pseudo-terminal with nodes behind it that can be unplugged and plugged in again."""
import collections
import os
import queue
import select
import shutil
import tempfile
import threading
import tty

import sn


class SerialLine:
    """Frames of link = "raw", plain or behind forwarder headers: one queue per node id, b"" for plain ones."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="line-")
        self.path = os.path.join(self.directory, "line")
        self._lock = threading.Lock()
        self._far = self._near = -1
        self._received = collections.defaultdict(queue.Queue)
        self._buffer = b""
        self._closed = False
        self.plug()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def plug(self):
        with self._lock:
            self._far, self._near = os.openpty()
            tty.setraw(self._near)
            os.set_blocking(self._far, False)
            self._buffer = b""
            os.symlink(os.ttyname(self._near), self.path)

    def unplug(self):
        """As pulling the plug: what is on its way is lost."""
        with self._lock:
            if self._far < 0:
                return
            os.remove(self.path)
            os.close(self._near)
            os.close(self._far)
            self._far = self._near = -1

    def send(self, octets):
        with self._lock:
            try:
                if self._far >= 0:
                    os.write(self._far, octets)
            except (BlockingIOError, OSError):
                pass  # the line is full, or nobody has opened it

    def node(self, node_id=b""):
        return Node(self, node_id)

    def _read(self):
        while not self._closed:
            with self._lock:
                far = self._far
                if far >= 0 and select.select([far], [], [], 0)[0]:
                    try:
                        self._buffer += os.read(far, 4096)
                    except OSError:
                        pass
                    self._sort()
            # Also in between: a line that is pulled must not be read.
            select.select([], [], [], 0.002)

    def _sort(self):
        while len(self._buffer) >= 2:
            size = frame_size(self._buffer)
            if size is None or len(self._buffer) < size:
                return
            frame, node_id = self._buffer[:size], b""
            if frame[1] == sn.ENCAPSULATED:
                # The length of the header covers the header alone; the message stands behind it.
                message = frame_size(self._buffer[size:])
                if message is None or len(self._buffer) < size + message:
                    return
                node_id, frame = frame[3:], self._buffer[size:size + message]
                size += message
            self._buffer = self._buffer[size:]
            self._received[node_id].put(frame)

    def received(self, node_id):
        return self._received[node_id]

    def close(self):
        self._closed = True
        self._reader.join()
        self.unplug()
        shutil.rmtree(self.directory, ignore_errors=True)


def frame_size(octets):
    """None while too little is there to know."""
    if not octets or (octets[0] == 1 and len(octets) < 3):
        return None
    return int.from_bytes(octets[1:3], "big") if octets[0] == 1 else octets[0]


class Node:
    """One node on the line, with the interface of a connected datagram socket."""

    def __init__(self, line, node_id):
        self._line = line
        self._node_id = node_id
        self._timeout = None

    def send(self, frame):
        header = bytes([3 + len(self._node_id), sn.ENCAPSULATED, 1]) + self._node_id if self._node_id else b""
        self._line.send(header + frame)

    def settimeout(self, timeout):
        self._timeout = timeout

    def recv(self, _limit):
        try:
            return self._line.received(self._node_id).get(timeout=self._timeout)
        except queue.Empty:
            raise TimeoutError from None

    def close(self):
        pass
