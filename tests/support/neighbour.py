"""A multicast group on the loopback interface, and a node in it."""
import socket
import struct

import sn
from processes import PATIENCE

GROUP = "225.1.1.1"


class Neighbour:
    """A device that listens to the group and searches it, from two sockets of the loopback interface."""

    def __init__(self):
        everybody_here = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo"))
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.ear.bind((GROUP, 0))
        self.group = f"{GROUP}:{self.ear.getsockname()[1]}"
        self.ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + everybody_here[4:])
        self.mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.mouth.bind(("127.0.0.1", 0))
        self.mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, everybody_here)

    def listener(self):
        """A [[udp]] section for a gateway of this neighbourhood."""
        return {"listen": "127.0.0.1:0", "multicast_interface": "lo", "multicast": [self.group],
                "advertise_to": [self.group]}

    def search(self, radius=1):
        self.mouth.sendto(sn.encode(sn.SEARCHGW, bytes([radius])), self.ear.getsockname())

    def hear(self, *kinds):
        """The next frame of these types that gateways send to the group, and its source."""
        self.ear.settimeout(PATIENCE)
        while True:
            datagram, source = self.ear.recvfrom(1000)
            if source != self.mouth.getsockname() and (frame := sn.decode(datagram)).type in kinds:
                return frame, source

    def overheard(self):
        """What arrived in the group until now, searches excepted."""
        self.ear.settimeout(0)
        frames = []
        try:
            while True:
                frames.append(sn.decode(self.ear.recv(1000)))
        except BlockingIOError:
            return [frame for frame in frames if frame.type != sn.SEARCHGW]

    def close(self):
        self.ear.close()
        self.mouth.close()
