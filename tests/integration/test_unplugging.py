"""Simulated dongles that are unplugged and plugged in again under load: lines, and radios that share the air by themselves."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from dongle_fleet import DongleTest


class Unplugging(DongleTest):
    def test_raw(self):
        self.run_unplugged("raw", {"link": "raw"})

    def test_slip(self):
        self.run_unplugged("slip,crc=crc16-x25", {"link": "slip", "crc": "crc16-x25"})

    def test_hdlc(self):
        self.run_unplugged("hdlc", {"link": "hdlc"})

    def test_cobs(self):
        self.run_unplugged("cobs", {"link": "cobs"})

    def test_xbee(self):
        self.run_unplugged("xbee,ap=1", {"link": "xbee", "baud": 115200, "tx_timeout_ms": 300}, up="1500ms")

    def test_transparent(self):
        self.run_unplugged("transparent,radio=sik", {"link": "transparent", "baud": 57600}, up="1500ms", period="3s", retry="1s")

    def test_aquila(self):
        self.run_unplugged("aquila,boot_ms=0,mtu=100",
                           {"link": "aquila", "boot_delay_ms": 0, "ack_timeout_ms": 500, "mtu": 100}, up="1500ms", period="3s",
                           retry="1s")


if __name__ == "__main__":
    unittest.main()
