"""Simulated LoRa modems that are unplugged and plugged in again under load; each time they are set up anew."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from dongle_fleet import DongleTest

SPREAD = {"up": "3s", "period": "5s", "retry": "1s", "connect_rate": "5"}
SLOW_SPREAD = {"up": "6s", "period": "8s", "retry": "3s", "connect_rate": "1"}


class LoraUnplugging(DongleTest):
    def test_rylr(self):
        self.run_unplugged("rylr", {"link": "rylr", "parameter": "5,9,1,12", "turnaround_ms": 10}, **SPREAD)

    def test_rak(self):
        self.run_unplugged("rak,cad=yes", {"link": "rak", "p2p": "868500000:5:500:0:8:14", "cad": "yes", "turnaround_ms": 10},
                           **SLOW_SPREAD)

    def test_rn2483(self):
        self.run_unplugged("rn2483", {"link": "rn2483", "bw": "500", "turnaround_ms": 10}, **SLOW_SPREAD)

    def test_ebyte(self):
        self.run_unplugged("ebyte,air_rate=62500,uart=115200,rssi_byte=yes,lbt=yes",
                           {"link": "ebyte", "air_rate": 62500, "rssi_byte": True, "baud": 115200, "turnaround_ms": 10}, **SPREAD)


if __name__ == "__main__":
    unittest.main()
