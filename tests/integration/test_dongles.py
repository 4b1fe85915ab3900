"""Gateway and simulated dongles over real pseudo-terminals with noise: lines, and radios that share the air by themselves."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from dongle_fleet import DongleTest


class Dongles(DongleTest):
    def test_raw(self):
        self.run_link("raw", {"link": "raw"}, is_checked=False)

    def test_slip(self):
        self.run_link("slip,crc=crc16-x25", {"link": "slip", "crc": "crc16-x25"})

    def test_hdlc(self):
        self.run_link("hdlc", {"link": "hdlc"})

    def test_cobs(self):
        self.run_link("cobs", {"link": "cobs"})

    def test_xbee(self):
        for variant in ("digimesh", "802154"):
            with self.subTest(variant):
                # One in 256 damaged frames has the right sum all the same.
                self.run_link(f"xbee,variant={variant},ap=1", {"link": "xbee", "baud": 115200, "tx_timeout_ms": 300},
                              may_alter=2)

    def test_transparent(self):
        self.run_link("transparent,radio=sik", {"link": "transparent", "baud": 57600}, period=3, sleep=4, retry="1s")

    def test_aquila(self):
        self.run_link("aquila,boot_ms=0,mtu=100",
                      {"link": "aquila", "boot_delay_ms": 0, "ack_timeout_ms": 500, "mtu": 100}, period=3, sleep=4, retry="1s")


if __name__ == "__main__":
    unittest.main()
