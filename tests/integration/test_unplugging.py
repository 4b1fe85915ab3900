"""Simulated dongles of every kind that are unplugged and plugged in again under load."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from dongle_fleet import DongleTest


class Unplugging(DongleTest):
    def test_raw(self):
        self.run_unplugged("raw", {"link": "raw"})

    def test_hdlc(self):
        self.run_unplugged("hdlc", {"link": "hdlc"})

    def test_xbee(self):
        self.run_unplugged("xbee,ap=1", {"link": "xbee", "baud": 115200, "tx_timeout_ms": 300}, up="1500ms")

    def test_rylr(self):
        self.run_unplugged("rylr", {"link": "rylr", "parameter": "5,9,1,12", "turnaround_ms": 10}, up="3s", period="3s",
                           retry="1s", connect_rate="5")


if __name__ == "__main__":
    unittest.main()
