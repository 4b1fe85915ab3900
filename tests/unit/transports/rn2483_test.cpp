#include "transports/radio/rn2483.hpp"

#include "tests/unit/transports/at_talk.hpp"
#include "transports/radio/lora_air_time.hpp"

namespace rn2483_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view new_version = "RN2483 1.0.5 Oct 31 2018 15:06:52";
constexpr std::string_view old_version = "RN2483 1.0.1 Dec 15 2015 09:38:09";
const DriverValues no_signal{{"signal", "false"}};

/// Answers what an initialisation asks; true = it did.
void initialise(AtTalk& modem, std::string_view version) {
    const bool is_new = version == new_version;
    modem.answers("sys get ver", version);
    modem.answers("radio rxstop", is_new ? "ok" : "invalid_param");
    modem.answers("mac pause", "4294967245");
    modem.answers(is_new ? "radio set wdt 0" : "radio set wdt 1000", "ok");
    modem.answers("radio set mod lora", "ok");
    modem.answers("radio set freq 868500000", "ok");
    modem.answers("radio set sf sf7", "ok");
    modem.answers("radio set bw 125", "ok");
    modem.answers("radio set cr 4/5", "ok");
    modem.answers("radio set prlen 8", "ok");
    modem.answers("radio set crc on", "ok");
    modem.answers("radio set sync 12", "ok");
    modem.answers("radio set pwr 14", "ok");
    CHECK(modem.ready != true);
    modem.answers("radio rx 0", "ok");
    REQUIRE(modem.ready == true);
    REQUIRE(modem.commands.empty());
}

/// A module that receives.
struct Modem : AtTalk {
    explicit Modem(std::string_view version = new_version, const DriverValues& values = no_signal)
        : AtTalk(rn2483_kind(), values) {
        opens();
        initialise(*this, version);
    }
};

const std::string radio_tx = "radio tx " + std::string(publish_digits);
const std::string radio_rx = "radio_rx  " + std::string(publish_digits);

}  // namespace

TEST_CASE("An RN2483 is initialised with the LoRaWAN stack paused", "[rn2483]") {
    for (const std::string_view version : {new_version, old_version}) {
        Modem modem(version);
        CHECK(modem.driver->can_send());
        CHECK(modem.counters().unexpected == 0);
    }
}

TEST_CASE("An RN2483 whose LoRaWAN stack cannot pause yet is asked again", "[rn2483]") {
    AtTalk modem(rn2483_kind());
    modem.opens();
    modem.answers("sys get ver", new_version);
    modem.answers("radio rxstop", "ok");
    modem.answers("mac pause", "0");
    modem.passes(100ms);
    modem.answers("mac pause", "4294967245");
    modem.expects("radio set wdt 0");
}

TEST_CASE("An RN2483 that cannot stop receiving, whatever its version, has its watchdog on", "[rn2483]") {
    AtTalk modem(rn2483_kind());
    modem.opens();
    modem.answers("sys get ver", new_version);
    modem.answers("radio rxstop", "invalid_param");
    modem.answers("mac pause", "4294967245");
    modem.expects("radio set wdt 1000");
}

TEST_CASE("An RN2483 stops receiving, sends, and receives again", "[rn2483]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("radio rxstop", "ok");
    modem.answers(radio_tx, "ok");
    CHECK(modem.departures() == "");
    modem.says("radio_tx_ok");
    CHECK(modem.departures() == "1 left");
    CHECK_FALSE(modem.driver->can_send());
    modem.answers("radio rx 0", "ok");
    CHECK(modem.driver->can_send());
    CHECK(modem.counters().unexpected == 0);
}

TEST_CASE("An RN2483 is armed again after every packet", "[rn2483]") {
    Modem modem;
    for (const std::string_view line : {"radio_rx  ", "radio_rx ", "radio_rx     "}) {
        modem.says(std::string(line) + std::string(publish_digits));
        modem.answers("radio rx 0", "ok");
    }
    modem.says("radio_rx  030a00");
    modem.answers("radio rx 0", "ok");
    REQUIRE(modem.received.size() == 4);
    CHECK(modem.received[2].hex == publish);
    CHECK(modem.received[3].hex == "030a00");
    CHECK(modem.received[0].from == "");
    CHECK_FALSE(modem.received[0].signal);
    CHECK(modem.driver->can_send());
}

TEST_CASE("An RN2483 is asked for the signal of a packet before it is armed again", "[rn2483]") {
    Modem modem(new_version, {});
    modem.says(radio_rx);
    CHECK(modem.received.empty());
    modem.answers("radio get snr", "-7");
    SECTION("and the packet goes up with it") {
        modem.answers("radio get rssi", "-83");
        REQUIRE(modem.received.size() == 1);
        CHECK(modem.received[0].signal->rssi_dbm == -83);
        CHECK(modem.received[0].signal->snr_db == -7);
    }
    SECTION("or without it when it is refused") {
        modem.answers("radio get rssi", "invalid_param");
        CHECK_FALSE(modem.received.at(0).signal);
    }
    SECTION("or without it when there is no answer") {
        modem.expects("radio get rssi");
        modem.passes(300ms);
        CHECK_FALSE(modem.received.at(0).signal);
    }
    SECTION("or without it when another packet comes first") {
        modem.says("radio_rx  030500");
        REQUIRE(modem.received.size() == 1);
        CHECK(modem.received[0].hex == publish);
        CHECK_FALSE(modem.received[0].signal);
        modem.answers("radio get rssi", "-83");
        CHECK(modem.received.at(1).hex == "030500");
    }
    modem.answers("radio rx 0", "ok");
    CHECK(modem.commands.empty());
    CHECK(modem.driver->can_send());
}

TEST_CASE("A packet may end reception just when it is to be stopped", "[rn2483]") {
    Modem modem(new_version, {});
    modem.sends(publish);
    modem.expects("radio rxstop");
    modem.says("radio_rx  030500");
    modem.says("ok");
    modem.answers("radio get snr", "9");
    modem.answers("radio get rssi", "-83");
    CHECK(modem.received.size() == 1);
    modem.answers(radio_tx, "ok");
    modem.says("radio_tx_ok");
    CHECK(modem.departures() == "1 left");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.commands.empty());
}

TEST_CASE("An RN2483 dialogue may be split at every octet", "[rn2483]") {
    const std::string talk = "radio_rx  030500\r\nok\r\nok\r\nradio_tx_ok\r\nok\r\n" + radio_rx + "\r\nok\r\n";
    for (std::size_t cut = 1; cut < talk.size(); ++cut) {
        CAPTURE(cut);
        Modem modem;
        modem.sends(connack);
        modem.says_octets(talk.substr(0, cut));
        modem.passes(20ms);
        modem.says_octets(talk.substr(cut));
        CHECK(modem.departures() == "1 left");
        CHECK(modem.received.size() == 2);
        CHECK(modem.counters().unexpected == 0);
        CHECK(modem.driver->can_send());
    }
}

TEST_CASE("An old RN2483 that cannot stop receiving sends when its watchdog has ended reception", "[rn2483]") {
    Modem modem(old_version, {});
    modem.says("radio_err");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.counters().check_errors == 0);
    modem.sends(publish);
    for (int refusals = 0; refusals < 20; ++refusals) {
        modem.answers(radio_tx, "busy");
        modem.passes(50ms);
    }
    modem.says("radio_err");
    modem.answers(radio_tx, "ok");
    modem.says("radio_tx_ok");
    CHECK(modem.departures() == "1 left");
    CHECK(modem.counters().retried == 20);
    modem.answers("radio rx 0", "ok");
    SECTION("a channel that stays busy fails the frame") {
        modem.sends(publish);
        for (int refusals = 0; refusals <= 40; ++refusals) {
            modem.answers(radio_tx, "busy");
            modem.passes(50ms);
        }
        CHECK(modem.departures() == "1 failed");
    }
    SECTION("its packets have no signal to ask for") {
        modem.says(radio_rx);
        CHECK(modem.received.size() == 1);
        modem.expects("radio rx 0");
    }
}

TEST_CASE("radio_err is a broken packet in reception and a failure in transmission", "[rn2483]") {
    Modem modem;
    modem.says("radio_err");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.counters().check_errors == 1);
    modem.sends(publish);
    modem.answers("radio rxstop", "ok");
    modem.answers(radio_tx, "ok");
    modem.says("radio_err");
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.counters().send_failures == 1);
    modem.answers("radio rx 0", "ok");
    CHECK(modem.driver->can_send());
}

TEST_CASE("A lost radio_tx_ok fails the frame after twice the air time and 300 ms", "[rn2483]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("radio rxstop", "ok");
    modem.answers(radio_tx, "ok");
    modem.passes(2 * modem.driver->air_time(12) + 300ms - 1us);
    CHECK(modem.departures() == "");
    modem.passes(1us);
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.counters().send_timeouts == 1);
    modem.answers("sys get ver", new_version);
    modem.answers("radio rxstop", "ok");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.driver->can_send());
    CHECK(modem.counters().resets == 0);
}

TEST_CASE("A lost ok to radio rx 0 does no harm", "[rn2483]") {
    Modem modem;
    modem.says("radio_rx  030500");
    modem.expects("radio rx 0");
    modem.says("radio_rx  030500");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.received.size() == 2);
    CHECK(modem.driver->can_send());
    SECTION("a module that receives already says busy") {
        modem.says("radio_rx  030500");
        modem.expects("radio rx 0");
        modem.passes(300ms);
        for (int attempt = 0; attempt < 4; ++attempt) {
            modem.answers("radio rx 0", "busy");
            modem.passes(100ms);
        }
        CHECK(modem.driver->can_send());
    }
}

TEST_CASE("An RN2483 that starts anew in the middle of a transmission is initialised again", "[rn2483]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("radio rxstop", "ok");
    modem.answers(radio_tx, "ok");
    modem.says(new_version);
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.ready == false);
    CHECK(modem.counters().resets == 1);
    initialise(modem, new_version);
}

TEST_CASE("Bad packets of an RN2483 are counted and it is armed again", "[rn2483]") {
    for (const std::string_view line : {"radio_rx  0C0", "radio_rx  0Cxx", "radio_rx", "radio_rx  0C 0C"}) {
        CAPTURE(line);
        Modem modem;
        modem.says(line);
        modem.answers("radio rx 0", "ok");
        CHECK(modem.received.empty());
        CHECK(modem.counters().framing_errors == 1);
        modem.says("\xfe" + radio_rx);
        CHECK(modem.received.size() == 1);
        CHECK(modem.counters().skipped_octets == 1);
    }
}

TEST_CASE("A quiet RN2483 is armed again every minute", "[rn2483]") {
    Modem modem;
    modem.passes(60s - 1us);
    CHECK(modem.commands.empty());
    modem.passes(1us);
    modem.answers("radio rxstop", "ok");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.driver->can_send());
}

TEST_CASE("A packet that was damaged beyond recognition leaves an RN2483 deaf for a tenth of a second", "[rn2483]") {
    Modem modem;
    modem.says("rxdio_rx  030500");
    CHECK(modem.counters().unexpected == 1);
    modem.passes(100ms - 1us);
    CHECK(modem.commands.empty());
    modem.passes(1us);
    modem.answers("radio rxstop", "ok");
    modem.answers("radio rx 0", "ok");
    CHECK(modem.driver->can_send());
}

TEST_CASE("The keys of an RN2483 link are checked", "[rn2483]") {
    const std::pair<DriverValues, std::string_view> wrong[] = {
        {{{"freq", "868.5"}}, "freq = \"868.5\": expected a frequency in Hz"},
        {{{"sf", "6"}}, "sf = \"6\": expected a number from 7 to 12"},
        {{{"bw", "62"}}, "bw = \"62\": expected 125, 250 or 500"},
        {{{"cr", "4/9"}}, "cr = \"4/9\": expected"},
        {{{"preamble", "5"}}, "preamble = \"5\": expected"},
        {{{"sync", "1234"}}, "sync = \"1234\": expected an octet in hexadecimal"},
        {{{"power", "21"}}, "power = \"21\": expected"},
        {{{"signal", "yes"}}, "signal = \"yes\": expected true or false"},
        {{{"address", "1"}}, "address = \"1\": this kind of link has no such key"},
    };
    for (const auto& [values, error] : wrong) {
        const MadeDriver made = rn2483_kind().make(values, 0);
        CHECK(made.driver == nullptr);
        CHECK_THAT(made.error, Catch::StartsWith(std::string(error)));
    }
    CHECK(rn2483_kind().make({}, 256).error == "mtu = \"256\": expected a number up to 255");
    CHECK(rn2483_kind().baud == 57600);
    const auto driver = rn2483_kind().make({{"sf", "10"}, {"cr", "4/8"}, {"bw", "250"}, {"preamble", "12"}}, 0).driver;
    CHECK(driver->traits().mtu == 250);
    CHECK_FALSE(driver->traits().addressed);
    CHECK(driver->air_time(20) ==
          lora_air_time({.spreading_factor = 10, .bandwidth_hz = 250'000, .coding_rate = 4, .preamble = 12}, 20));
}

}  // namespace rn2483_test
