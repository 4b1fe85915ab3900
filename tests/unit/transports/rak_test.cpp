#include "transports/radio/rak.hpp"

#include "tests/unit/transports/at_talk.hpp"
#include "transports/radio/lora_air_time.hpp"

namespace rak_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

const DriverValues quick{{"configure", "no"}};
const DriverValues quick_65533{{"configure", "no"}, {"precv", "65533"}};

/// A module that receives.
struct Modem : AtTalk {
    explicit Modem(const DriverValues& values = quick) : AtTalk(rak_kind(), values) {
        opens();
        answers("AT", "OK");
        answers("AT+PRECV=0", "OK");
        answers(values.contains("precv") ? "AT+PRECV=65533" : "AT+PRECV=65534", "OK");
        REQUIRE(ready == true);
    }
};

const std::string psend = "AT+PSEND=" + std::string(publish_digits);
const std::string event = "+EVT:RXP2P:-83:9:" + std::string(publish_digits);

}  // namespace

TEST_CASE("A RAK module is put into P2P mode and only differences are written", "[rak]") {
    AtTalk modem(rak_kind());
    modem.opens();
    modem.answers("AT", "OK");
    modem.answers("AT+PRECV=0", "AT_MODE_NO_SUPPORT");
    modem.expects("AT+NWM=?");
    modem.says_octets("AT+NWM=1\r\n\r\nOK\r\n");
    modem.answers("AT+NWM=0", "OK");
    modem.expects("AT+P2P=?");  // lost, for the module restarts
    modem.says("RAKwireless RAK3172");
    modem.says("Version: RUI_4.0.6_RAK3172-E");
    modem.says("Current Work Mode: LoRa P2P.");
    CHECK(modem.counters().resets == 0);  // as expected
    modem.answers("AT", "OK");
    modem.answers("AT+PRECV=0", "OK");
    modem.expects("AT+NWM=?");
    modem.says_octets("AT+NWM=0\r\n\r\nOK\r\n");
    modem.expects("AT+P2P=?");
    modem.says_octets("AT+P2P=868500000:7:125:0:10:14\r\n\r\nOK\r\n");
    modem.answers("AT+P2P=868500000:7:125:0:8:14", "OK");
    CHECK(modem.ready != true);
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.ready == true);
    CHECK(modem.driver->can_send());
}

TEST_CASE("The parameters of a RAK module are recognised in every form", "[rak]") {
    for (const std::string_view value : {"AT+P2P=868500000:7:125:0:8:14", "+P2P:868500000:7:0:0:8:14",
                                         "868500000,7,0,0,8,14", "868500000 7 125 0 8 14"}) {
        AtTalk modem(rak_kind());
        modem.opens();
        modem.answers("AT", "OK");
        modem.answers("AT+PRECV=0", "OK");
        modem.expects("AT+NWM=?");
        modem.says_octets("0\r\nOK\r\n");
        modem.expects("AT+P2P=?");
        modem.says(value);
        modem.says("OK");
        modem.expects("AT+PRECV=65534");
    }
}

TEST_CASE("A value that was lost on the line is asked for again", "[rak]") {
    AtTalk modem(rak_kind());
    modem.opens();
    modem.answers("AT", "OK");
    modem.answers("AT+PRECV=0", "OK");
    modem.answers("AT+NWM=?", "OK");
    modem.passes(1s);
    modem.expects("AT+NWM=?");
    CHECK(modem.counters().check_errors == 1);
}

TEST_CASE("A RAK module stops receiving, sends, and receives again once the packet has left", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("AT+PRECV=0", "OK");
    modem.answers(psend, "OK");
    CHECK(modem.departures() == "");
    CHECK(modem.commands.empty());
    modem.says(event);  // it was on its way
    modem.says("+EVT:TXP2P DONE");
    CHECK(modem.departures() == "1 left");
    CHECK_FALSE(modem.driver->can_send());
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.driver->can_send());
    CHECK(modem.received.size() == 1);
    CHECK(modem.counters().unexpected == 0);
}

TEST_CASE("With 65533 a RAK module sends without stopping reception", "[rak]") {
    Modem modem(quick_65533);
    modem.sends(publish);
    modem.answers(psend, "OK");
    modem.says("+EVT:TXP2P_DONE");
    CHECK(modem.departures() == "1 left");
    modem.expects("AT+PRECV=65533");
}

TEST_CASE("The events of three generations of RAK firmware are read", "[rak]") {
    Modem modem;
    modem.says(event);
    modem.says("+EVT:RXP2P:RSSI -83:SNR 9:" + std::string(publish_digits));
    modem.says("+EVT:RXP2P, RSSI -83, SNR 9");
    modem.says("+EVT:" + std::string(publish));  // lower case
    REQUIRE(modem.received.size() == 3);
    for (const auto& each : modem.received) {
        CHECK(each.hex == publish);
        CHECK(each.from == "");
        REQUIRE(each.signal);
        CHECK(each.signal->rssi_dbm == -83);
        CHECK(each.signal->snr_db == 9);
    }
    modem.says("+EVT:RXP2P:-110:-12:000000");
    CHECK(modem.received.back().signal->snr_db == -12);
    CHECK(modem.received.back().hex == "000000");
}

TEST_CASE("A RAK dialogue may be split at every octet", "[rak]") {
    const std::string talk =
        "OK\r\n" + event + "\r\n+EVT:TXP2P DONE\r\nOK\r\n+EVT:RXP2P, RSSI -83, SNR 9\r\n+EVT:030500\r\n";
    for (std::size_t cut = 1; cut < talk.size(); ++cut) {
        CAPTURE(cut);
        Modem modem(quick_65533);
        modem.sends(connack);
        modem.says_octets(talk.substr(0, cut));
        modem.passes(20ms);
        modem.says_octets(talk.substr(cut));
        CHECK(modem.departures() == "1 left");
        CHECK(modem.received.size() == 2);
        CHECK(modem.counters().unexpected == 0);
    }
}

TEST_CASE("A bad packet of a RAK module costs exactly that packet and is counted", "[rak]") {
    for (const std::string_view line : {"+EVT:RXP2P:-83:9:0C0", "+EVT:RXP2P:-83:9:0Cxx", "+EVT:RXP2P:-83",
                                        "+EVT:RXP2P:-83:9:0C:0C", "+EVT:RXP2P", "+EVT:RXP2P::::::"}) {
        CAPTURE(line);
        Modem modem;
        modem.says(line);
        CHECK(modem.received.empty());
        CHECK(modem.counters().framing_errors == 1);
        modem.says("\x01noise" + event);
        CHECK(modem.received.size() == 1);
        CHECK(modem.counters().skipped_octets == 6);
    }
    SECTION("data nobody announced is no packet") {
        Modem modem;
        modem.says("+EVT:030500");
        CHECK(modem.received.empty());
        CHECK(modem.counters().unexpected == 1);
    }
    SECTION("a signal out of range is none") {
        Modem modem;
        modem.says("+EVT:RXP2P:-8300:9:030500");
        CHECK_FALSE(modem.received.at(0).signal);
    }
}

TEST_CASE("A busy RAK module is asked again, after reception was stopped again", "[rak]") {
    Modem modem;
    modem.sends(publish);
    for (int refusals = 0; refusals < 5; ++refusals) {
        modem.answers("AT+PRECV=0", "OK");
        modem.answers(psend, "AT_BUSY_ERROR");
        CHECK(modem.commands.empty());
        modem.passes(100ms);
    }
    modem.answers("AT+PRECV=0", "OK");
    CHECK(modem.counters().retried == 5);
    SECTION("until it sends") {
        modem.answers(psend, "OK");
        modem.says("+EVT:TXP2P DONE");
        CHECK(modem.departures() == "1 left");
    }
    SECTION("or for the last time") {
        modem.answers(psend, "AT_BUSY_ERROR");
        CHECK(modem.departures() == "1 failed");
        modem.answers("AT+PRECV=65534", "OK");
        CHECK(modem.driver->can_send());
    }
}

TEST_CASE("A refused or lost packet of a RAK module fails and reception goes on", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("AT+PRECV=0", "OK");
    SECTION("refused twice") {
        modem.answers(psend, "AT_PARAM_ERROR");
        modem.answers(psend, "AT_PARAM_ERROR");
    }
    SECTION("accepted and not sent") {
        modem.answers(psend, "OK");
        modem.says("+EVT:TXP2P CHANNEL BUSY");
    }
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.counters().send_failures == 1);
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.driver->can_send());
}

TEST_CASE("A missing DONE fails the frame after twice the air time and two seconds", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("AT+PRECV=0", "OK");
    modem.answers(psend, "OK");
    modem.passes(2 * modem.driver->air_time(12) + 2s - 1us);
    CHECK(modem.departures() == "");
    modem.passes(1us);
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.counters().send_timeouts == 1);
    SECTION("a module that answers goes on") {
        modem.answers("AT", "OK");
        modem.answers("AT+PRECV=0", "OK");
        modem.answers("AT+PRECV=65534", "OK");
        CHECK(modem.driver->can_send());
        modem.says("+EVT:TXP2P DONE");
        CHECK(modem.departures() == "");
        CHECK(modem.counters().unexpected == 1);
    }
    SECTION("a module that does not answer is started anew") {
        for (int attempt = 0; attempt < 3; ++attempt) {
            modem.expects("AT");
            modem.passes(1s);
        }
        modem.expects("ATZ");
        CHECK(modem.ready == false);
        modem.says("Current Work Mode: LoRa P2P.");
        modem.expects("AT");
        CHECK(modem.counters().resets == 0);
    }
}

TEST_CASE("DONE whose OK was lost is a departure", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("AT+PRECV=0", "OK");
    modem.expects(psend);
    modem.says("+EVT:TXP2P DONE");
    CHECK(modem.departures() == "1 left");
    modem.expects("AT+PRECV=65534");
}

TEST_CASE("One damaged answer of a RAK module that is busy is not taken for its last word", "[rak]") {
    Modem modem;
    modem.says("+EVT:RXP2P RECEIVE TIMEOUT");
    for (const std::string_view answer : {"AT_BUSY_ERROR", "AT_BUSY_ERROR", "AT_BSY_ERROR", "AT_BUSY_ERROR"}) {
        modem.answers("AT+PRECV=65534", answer);
        modem.passes(100ms);
    }
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.driver->can_send());
    CHECK(modem.count_notes() == 0);
}

TEST_CASE("A RAK module that stops receiving is told to go on", "[rak]") {
    Modem modem;
    modem.says("+EVT:RXP2P RECEIVE TIMEOUT");
    modem.answers("AT+PRECV=65534", "OK");
    modem.says("+EVT:RXP2P RECEIVE ERROR");
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.counters().check_errors == 1);
    CHECK(modem.driver->can_send());
    SECTION("but not twice, and not while it sends") {
        modem.sends(publish);
        modem.says("+EVT:RXP2P RECEIVE TIMEOUT");
        modem.answers("AT+PRECV=0", "OK");
        modem.answers(psend, "OK");
        modem.says("+EVT:TXP2P DONE");
        modem.answers("AT+PRECV=65534", "OK");
        CHECK(modem.commands.empty());
    }
}

TEST_CASE("A RAK module that starts anew in the middle of a transmission is initialised again", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.answers("AT+PRECV=0", "OK");
    modem.answers(psend, "OK");
    modem.says("Current Work Mode: LoRa P2P.");
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.ready == false);
    CHECK(modem.counters().resets == 1);
    modem.answers("AT", "OK");
    modem.answers("AT+PRECV=0", "OK");
    modem.answers("AT+PRECV=65534", "OK");
    CHECK(modem.ready == true);
}

TEST_CASE("A RAK module may echo commands", "[rak]") {
    Modem modem;
    modem.sends(publish);
    modem.says_octets("AT+PRECV=0\r\nOK\r\n");
    modem.says_octets(psend + "\r\nOK\r\n+EVT:TXP2P DONE\r\n");
    CHECK(modem.departures() == "1 left");
    CHECK(modem.counters().unexpected == 0);
}

TEST_CASE("A quiet RAK module is told to receive every minute, for the command may have been damaged", "[rak]") {
    Modem modem(quick_65533);
    modem.passes(60s);
    modem.answers("AT+PRECV=65533", "OK");
    CHECK(modem.driver->can_send());
}

TEST_CASE("The keys of a RAK link are checked", "[rak]") {
    for (const std::string_view p2p :
         {"", "868500000", "868500000:7:125:0:8:14:1", "868:7:125:0:8:14", "868500000:13:125:0:8:14",
          "868500000:7:100:0:8:14", "868500000:7:125:4:8:14", "868500000:7:125:0:4:14", "868500000:7:125:0:8:23"}) {
        CAPTURE(p2p);
        const MadeDriver made = rak_kind().make({{"p2p", std::string(p2p)}}, 0);
        CHECK(made.driver == nullptr);
        CHECK_THAT(made.error, Catch::StartsWith("p2p = \"" + std::string(p2p) + "\": expected Hz"));
    }
    CHECK_THAT(rak_kind().make({{"precv", "65535"}}, 0).error, Catch::StartsWith("precv = \"65535\": expected"));
    CHECK(rak_kind().make({}, 251).error == "mtu = \"251\": expected a number up to 250");
    const auto driver = rak_kind().make({{"p2p", "868500000:9:125:1:12:14"}}, 0).driver;
    CHECK(driver->traits().mtu == 245);
    CHECK_FALSE(driver->traits().addressed);
    CHECK(driver->traits().broadcast);
    CHECK(driver->traits().half_duplex);
    CHECK(driver->air_time(20) == lora_air_time({.spreading_factor = 9, .coding_rate = 2, .preamble = 12}, 20));
}

TEST_CASE("A RAK module that shall listen first is told so, where it does not yet", "[rak]") {
    AtTalk modem(rak_kind(), {{"cad", "yes"}});
    modem.opens();
    modem.answers("AT", "OK");
    modem.answers("AT+PRECV=0", "OK");
    modem.expects("AT+NWM=?");
    modem.says_octets("AT+NWM=0\r\n\r\nOK\r\n");
    modem.expects("AT+P2P=?");
    modem.says_octets("AT+P2P=868500000:7:125:0:8:14\r\n\r\nOK\r\n");
    modem.expects("AT+CAD=?");
    modem.says_octets("AT+CAD=0\r\n\r\nOK\r\n");
    modem.answers("AT+CAD=1", "OK");
    modem.answers("AT+PRECV=65534", "OK");
    // What it hears on the channel only delays a frame.
    modem.sends(publish_digits);
    for (int busy = 0; busy < 8; ++busy) {
        modem.answers("AT+PRECV=0", "OK");
        modem.answers(psend, "AT_BUSY_ERROR");
        CHECK(modem.departures().empty());
        modem.passes(200ms);
    }
    modem.answers("AT+PRECV=0", "OK");
    modem.answers(psend, "OK");
    modem.says("+EVT:TXP2P DONE");
    CHECK(modem.departures() == "1 left");
}

}  // namespace rak_test
