"""Gateway and simulated LoRa modems over real pseudo-terminals with noise: one slow, half-duplex channel for all."""
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from dongle_fleet import DongleTest

# Twenty nodes take about a tenth of the air, as much as a channel without carrier sense carries well.
SPREAD = {"period": 8, "sleep": 8, "retry": "1s", "connect_rate": "3"}
# With two digits per octet noise on the line spoils every fourth packet, and many are sent again; the RN2483 takes three
# times as long for each at its fastest (SF7, 500 kHz).
SLOW_SPREAD = {"period": 20, "sleep": 20, "retry": "3s", "connect_rate": "1"}


class LoraDongles(DongleTest):
    seconds = float(os.environ.get("DONGLE_SECONDS", "16"))

    def test_rylr(self):
        self.run_link("rylr", {"link": "rylr", "parameter": "5,9,1,12", "turnaround_ms": 10}, is_checked=False, **SPREAD)

    def test_rak(self):
        self.run_link("rak,cad=yes", {"link": "rak", "p2p": "868500000:5:500:0:8:14", "cad": "yes", "turnaround_ms": 10},
                      is_checked=False, **SLOW_SPREAD)

    def test_rn2483(self):
        self.run_link("rn2483", {"link": "rn2483", "bw": "500", "turnaround_ms": 10}, is_checked=False, **SLOW_SPREAD)

    def test_ebyte(self):
        self.run_link("ebyte,air_rate=62500,uart=115200,rssi_byte=yes,lbt=yes",
                      {"link": "ebyte", "air_rate": 62500, "rssi_byte": True, "baud": 115200, "turnaround_ms": 10}, **SPREAD)


if __name__ == "__main__":
    unittest.main()
