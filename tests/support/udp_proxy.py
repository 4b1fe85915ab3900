"""A UDP proxy between devices and a gateway that does to each frame what a test says."""
import selectors
import socket
import threading


class UdpProxy:
    """Every device that sends here gets a port of its own towards the gateway.

    `rule(up, frame)` is asked for every frame; it returns the frames that go on instead, or a pair: those, and the frames
    that go back to where this one came from. `up` is true from device to gateway. It runs in the proxy's thread, one frame
    after the other.
    """

    def __init__(self, gateway_address, rule):
        self._gateway = gateway_address
        self._rule = rule
        self._routes = {}
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
                for key, _ in self._selector.select():
                    if key.data is None:
                        return
                    key.data(key.fileobj)
        except Exception as error:  # the test's thread reports it
            self.error = error

    def _apply(self, up, frame):
        result = self._rule(up, frame)
        return result if isinstance(result, tuple) else (result, [])

    def _from_device(self, front):
        frame, device = front.recvfrom(65536)
        if device not in self._routes:
            route = self._socket()
            route.connect(self._gateway)
            self._routes[device] = route
            self._selector.register(route, selectors.EVENT_READ, lambda each: self._from_gateway(each, device))
        onward, back = self._apply(True, frame)
        for each in onward:
            self._routes[device].send(each)
        for each in back:
            front.sendto(each, device)

    def _from_gateway(self, route, device):
        onward, back = self._apply(False, route.recv(65536))
        for each in onward:
            self._front.sendto(each, device)
        for each in back:
            route.send(each)
