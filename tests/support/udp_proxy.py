"""A UDP proxy between devices and a gateway that does to each frame what a test says."""
import heapq
import itertools
import random
import selectors
import socket
import threading
import time


class Later(bytes):
    """A frame that goes on only after `delay` seconds."""

    def __new__(cls, frame, delay):
        result = super().__new__(cls, frame)
        result.delay = delay
        return result


class Impairment:
    """A rule: a bad network, from one seed. Shares from 0 to 1, the same both ways; times in seconds.

    A reordered frame is overtaken by the next one of its way, whichever device that belongs to.
    """

    def __init__(self, seed, loss=0.0, duplication=0.0, reorder=0.0, delay=0.0, jitter=0.0):
        self._shares = (loss, duplication, reorder)
        self._delay, self._jitter = delay, jitter
        self._random = {up: random.Random(f"{seed} {up}") for up in (True, False)}
        self.frames = {True: 0, False: 0}
        self.lost, self.doubled, self.reordered = 0, 0, 0

    def __call__(self, up, frame):
        luck = self._random[up]
        # As many numbers for every frame: what befalls one does not change the luck of the next.
        is_lost, is_doubled, is_reordered = (luck.random() < share for share in self._shares)
        delay = self._delay + self._jitter * (2 * luck.random() - 1)
        self.frames[up] += 1
        if is_lost:
            self.lost += 1
            return []
        if is_reordered:
            self.reordered += 1
            delay += 0.02
        if is_doubled:
            self.doubled += 1
        frame = Later(frame, delay) if delay > 0 else frame
        return [frame, frame] if is_doubled else [frame]


class UdpProxy:
    """Every device that sends here gets a port of its own towards the gateway.

    `rule(up, frame)` is asked for every frame; it returns the frames that go on instead, or a pair: those, and the frames
    that go back to where this one came from. `up` is true from device to gateway. It runs in the proxy's thread, one frame
    after the other.
    """

    def __init__(self, gateway_address, rule=lambda _, frame: [frame]):
        self._gateway = gateway_address
        self._rule = rule
        self._rebindings = 0
        self._routes = {}  # device -> (socket, how many rebindings there were before)
        self._later = []  # (when, number, what to do)
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._front = self._socket()
        self._front.bind(("127.0.0.1", 0))
        self._ended, self._wake = socket.socketpair()
        self._selector.register(self._front, selectors.EVENT_READ, self._from_device)
        self._selector.register(self._ended, selectors.EVENT_READ, None)
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return self._front.getsockname()

    def rebind(self):
        """As a NAT that forgets: the ports of all devices are dead, and their next frames leave from new ones."""
        self._rebindings += 1

    def close(self):
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()
        if self.error is not None:
            raise self.error

    @staticmethod
    def _socket():
        result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        return result

    def _run(self):
        try:
            while True:
                timeout = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
                for key, _ in self._selector.select(timeout):
                    if key.data is None:
                        return
                    key.data(key.fileobj)
                while self._later and self._later[0][0] <= time.monotonic():
                    heapq.heappop(self._later)[2]()
        except Exception as error:  # the test's thread reports it
            self.error = error

    def _apply(self, up, frame):
        result = self._rule(up, frame)
        return result if isinstance(result, tuple) else (result, [])

    def _carry(self, frames, send):
        for each in frames:
            if isinstance(each, Later):
                heapq.heappush(self._later, (time.monotonic() + each.delay, next(self._numbers), lambda e=each: send(e)))
            else:
                send(each)

    def _route(self, device):
        known = self._routes.get(device)
        if known is not None:
            route, since = known
            if since == self._rebindings:
                return route
            self._selector.unregister(route)
            route.close()
        route = self._socket()
        route.connect(self._gateway)
        self._routes[device] = (route, self._rebindings)
        self._selector.register(route, selectors.EVENT_READ, lambda each: self._from_gateway(each, device))
        return route

    def _from_device(self, front):
        frame, device = front.recvfrom(65536)
        onward, back = self._apply(True, frame)
        self._carry(onward, lambda each: self._route(device).send(each))
        self._carry(back, lambda each: front.sendto(each, device))

    def _from_gateway(self, route, device):
        if self._routes[device][0] is not route:
            return  # closed in the same turn
        frame = route.recv(65536)
        if self._routes[device][1] != self._rebindings:
            return  # to a dead port
        onward, back = self._apply(False, frame)
        self._carry(onward, lambda each: self._front.sendto(each, device))
        self._carry(back, lambda each: self._route(device).send(each))
