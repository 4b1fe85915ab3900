#include "transports/radio/rylr.hpp"

#include "transports/radio/lora_air_time.hpp"

#include "tests/unit/transports/at_talk.hpp"

namespace rylr_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

/// A modem that has been asked nothing but whether it is there.
struct Modem : AtTalk {
    explicit Modem(DriverValues values = {}, std::size_t mtu = 0)
        : AtTalk(rylr_kind(), with_configure(std::move(values)), mtu) {
        opens();
        answers("AT", "+OK");
        REQUIRE(ready == true);
        REQUIRE(commands.empty());
    }
    static DriverValues with_configure(DriverValues values) {
        values.try_emplace("configure", "no");
        return values;
    }
};

const std::string send_to_5 = "AT+SEND=5,24," + std::string(publish_digits);
const std::string from_5 = "+RCV=5,24," + std::string(publish_digits) + ",-83,9";

}  // namespace

TEST_CASE("A RYLR modem is asked for its configuration and only differences are written", "[rylr]") {
    AtTalk modem(rylr_kind(),
                 {{"address", "2"}, {"network_id", "5"}, {"parameter", "9, 7, 1, 12"}, {"cpin", "EEDCAA90"}});
    modem.opens();
    modem.answers("AT", "+OK");
    modem.answers("AT+MODE?", "+MODE=0");
    modem.answers("AT+ADDRESS?", "+ADDRESS=2");
    modem.answers("AT+NETWORKID?", "+NETWORK=18");  // as the manual prints it
    modem.answers("AT+NETWORKID=5", "+OK");
    modem.answers("AT+BAND?", "+BAND=915000000");
    modem.answers("AT+BAND=868500000", "+OK");
    modem.answers("AT+PARAMETER?", "+PARAMETER=9, 7 ,1,12");
    modem.answers("AT+CRFOP?", "+CRFOP=22");
    modem.answers("AT+CRFOP=14", "+OK");
    CHECK_FALSE(modem.driver->can_send());
    modem.answers("AT+CPIN?", "+CPIN=eedcaa90");
    CHECK(modem.ready == true);
    CHECK(modem.driver->can_send());
    CHECK(modem.commands.empty());
    CHECK(modem.counters().unexpected == 0);
}

TEST_CASE("With configure = check a RYLR modem keeps what it has and the log says so", "[rylr]") {
    AtTalk modem(rylr_kind(), {{"configure", "check"}});
    modem.robot = [](std::string_view command) -> std::string {
        if (command == "AT") return "+OK\r\n";
        if (command == "AT+BAND?") return "+BAND=915000000\r\n";
        if (command == "AT+MODE?") return "+MODE=0\r\n";
        if (command == "AT+ADDRESS?") return "+ADDRESS=1\r\n";
        if (command == "AT+NETWORKID?") return "+NETWORKID=18\r\n";
        if (command == "AT+PARAMETER?") return "+PARAMETER=9,7,1,12\r\n";
        if (command == "AT+CRFOP?") return "+CRFOP=14\r\n";
        FAIL("unexpected " << command);
        return {};
    };
    modem.opens();
    CHECK(modem.ready == true);
    CHECK(modem.notes() == "RYLR answers AT+BAND? with 915000000, not 868500000: left as it is\n");
}

TEST_CASE("A RYLR modem that refuses its configuration is not ready and is tried again", "[rylr]") {
    AtTalk modem(rylr_kind(), {{"parameter", "9,7,1,8"}, {"network_id", "5"}});
    bool is_mended = false;
    modem.robot = [&](std::string_view command) -> std::string {
        if (command == "AT+PARAMETER?") return "+PARAMETER=9,7,1,12\r\n";
        if (command.starts_with("AT+PARAMETER=")) return is_mended ? "+OK\r\n" : "+ERR=18\r\n";
        if (command.ends_with("?")) return "+" + std::string(command.substr(3, command.size() - 4)) + "=0\r\n";
        return "+OK\r\n";
    };
    modem.opens();
    modem.passes(10s);
    CHECK(modem.ready == false);
    CHECK(modem.notes().find("answers AT+PARAMETER=9,7,1,8 with preamble not allowed") != std::string::npos);
    modem.passes(30s);
    CHECK(modem.notes().find("answers AT+PARAMETER=9,7,1,8 with") == std::string::npos);  // said once
    is_mended = true;
    modem.passes(40s);
    CHECK(modem.ready == true);
}

TEST_CASE("A RYLR modem sends hexadecimal digits to an address and OK means that they are on the air", "[rylr]") {
    Modem modem;
    modem.sends(publish, "0005", 7);
    CHECK_FALSE(modem.driver->can_send());
    modem.expects(send_to_5);
    CHECK(modem.departures() == "");
    modem.says("+OK");
    CHECK(modem.departures() == "7 left");
    CHECK(modem.driver->can_send());
    modem.broadcasts("0500010384");
    modem.answers("AT+SEND=0,10,0500010384", "+OK");
    CHECK(modem.departures() == "1 left");
    CHECK(modem.counters().sent == 2);
    CHECK(modem.counters().departed == 2);
}

TEST_CASE("Base64 and raw octets are other ways to write a message for a RYLR modem", "[rylr]") {
    SECTION("base64") {
        Modem modem(DriverValues{{"payload", "base64"}});
        modem.sends(publish, "0005");
        modem.expects("AT+SEND=5,16,DAwhABEAfsDbfRMA");
        modem.says("+RCV=5,16,DAwhABEAfsDbfRMA,-83,9");
        REQUIRE(modem.received.size() == 1);
        CHECK(modem.received[0].hex == publish);
        CHECK(modem.driver->traits().mtu == 180);
    }
    SECTION("raw, with every octet that could end a line or a field") {
        Modem modem(DriverValues{{"payload", "raw"}});
        modem.sends("092c0d0a002b4f4b2c", "0005");
        modem.commands.clear();
        modem.says("+OK");
        const std::string data("\x09,\r\n\0+OK,", 9);
        modem.says("+RCV=5,9," + data + ",-83,9");
        modem.says("+RCV=6,3,\x03\x05,\r\n");
        REQUIRE(modem.received.size() == 2);
        CHECK(modem.received[0].hex == "092c0d0a002b4f4b2c");
        CHECK(modem.received[1].hex == "03052c");
        CHECK(modem.driver->traits().mtu == 240);
        CHECK(modem.counters().unexpected == 0);
    }
}

TEST_CASE("A packet arrives with the address of its node and its signal", "[rylr]") {
    Modem modem;
    modem.says(from_5);
    modem.says("+RCV=65535,6,030500,-99,-12");
    modem.says("+RCV=5,6,03050A");        // firmware that tells no signal
    modem.says("+RCV=5,6,0305ff,-83,9");  // lower case
    modem.says("+RCV=5,6,000000,-83");
    REQUIRE(modem.received.size() == 5);
    CHECK(modem.received[0].from == "0005");
    CHECK(modem.received[0].hex == publish);
    CHECK(modem.received[0].signal->rssi_dbm == -83);
    CHECK(modem.received[0].signal->snr_db == 9);
    CHECK(modem.received[1].from == "FFFF");
    CHECK(modem.received[1].signal->snr_db == -12);
    CHECK_FALSE(modem.received[2].signal);
    CHECK(modem.received[3].hex == "0305ff");
    CHECK(modem.received[4].hex == "000000");
    CHECK(modem.counters().frames_in == 5);
}

TEST_CASE("A packet may be split at every octet and come between a command and its OK", "[rylr]") {
    const std::string talk = from_5 + "\r\n+OK\r\n" + from_5 + "\r\n";
    for (std::size_t cut = 1; cut < talk.size(); ++cut) {
        CAPTURE(cut);
        Modem modem;
        modem.sends(connack, "0005");
        modem.says_octets(talk.substr(0, cut));
        modem.passes(20ms);
        modem.says_octets(talk.substr(cut));
        CHECK(modem.departures() == "1 left");
        CHECK(modem.received.size() == 2);
        CHECK(modem.counters().unexpected == 0);
    }
}

TEST_CASE("A bad packet costs exactly that packet and is counted", "[rylr]") {
    const std::string_view bad[] = {
        "+RCV=5,200,0C0C21",                         // the length lies
        "+RCV=5,22,0C0C210011007EC0DB7D1300,-83,9",  // too short
        "+RCV=5,26,0C0C210011007EC0DB7D1300,-83,9",  // takes in what follows
        "+RCV=5,23,0C0C210011007EC0DB7D130,-83,9",   // half an octet
        "+RCV=5,24,0C0C210011007EC0DB7D13zz,-83,9",  // no digits
        "+RCV=5,0,,-83,9",
        "+RCV=5,,0C0C,-83,9",
        "+RCV=70000,6,030500,-83,9",
        "+RCV=-1,6,030500,-83,9",
        "+RCV=5,999,030500,-83,9",
        "+RCV=5,6",
        "+RCV=",
    };
    for (const std::string_view line : bad) {
        CAPTURE(line);
        Modem modem;
        modem.says(line);
        CHECK(modem.received.empty());
        CHECK(modem.counters().framing_errors == 1);
        modem.says(from_5);
        CHECK(modem.received.size() == 1);
    }
}

TEST_CASE("A raw length that lies loses its packet and no other", "[rylr]") {
    Modem modem(DriverValues{{"payload", "raw"}});
    modem.says_octets("+RCV=5,40,abc,-83,9\r\n+RCV=6,3,abc,-83,9\r\n");
    modem.passes(1s);
    REQUIRE(modem.received.size() == 1);
    CHECK(modem.received[0].from == "0006");
    CHECK(modem.counters().framing_errors == 1);
}

TEST_CASE("Noise in front of a line costs nothing but is counted", "[rylr]") {
    Modem modem;
    modem.says_octets("\xff\x01+x" + from_5 + "\r\n");
    modem.sends(publish, "0005");
    modem.says_octets(std::string("\0\0+OK\r\n", 7));
    CHECK(modem.received.size() == 1);
    CHECK(modem.departures() == "1 left");
    CHECK(modem.counters().skipped_octets == 6);
}

TEST_CASE("A RYLR modem that still sends is asked again after the air time", "[rylr]") {
    Modem modem;
    const Duration air_time = modem.driver->air_time(12);
    modem.sends(publish, "0005");
    for (unsigned refusals = 1; refusals <= 3; ++refusals) {
        modem.answers(send_to_5, "+ERR=17");
        modem.passes(air_time - 1us);
        CHECK(modem.commands.empty());
        modem.passes(1us);
        CHECK(modem.counters().retried == refusals);
    }
    SECTION("until it takes the frame") {
        modem.answers(send_to_5, "+OK");
        CHECK(modem.departures() == "1 left");
    }
    SECTION("or until it has refused four times") {
        modem.answers(send_to_5, "+ERR=17");
        CHECK(modem.departures() == "1 failed");
        CHECK(modem.counters().send_failures == 1);
        CHECK(modem.driver->can_send());
    }
}

TEST_CASE("Another error of a RYLR modem is tried once more", "[rylr]") {
    for (const std::string_view error : {"+ERR=10", "+ERR=4", "+ERR=5", "+ERR=15"}) {
        Modem modem;
        modem.sends(publish, "0005");
        modem.answers(send_to_5, error);
        CHECK(modem.departures() == "");
        modem.answers(send_to_5, error);
        CHECK(modem.departures() == "1 failed");
        CHECK(modem.counters().retried == 1);
        CHECK(modem.counters().send_failures == 1);
    }
}

TEST_CASE("Errors of packets from the air are counted and answer no command", "[rylr]") {
    Modem modem;
    modem.sends(publish, "0005");
    modem.says("+ERR=12");
    modem.says("+ERR=19");
    modem.says("+ERR=11");
    CHECK(modem.departures() == "");
    modem.says("+OK");
    CHECK(modem.departures() == "1 left");
    CHECK(modem.counters().check_errors == 3);
}

TEST_CASE("A lost OK fails the frame after twice the air time and a second", "[rylr]") {
    Modem modem;
    modem.sends(publish, "0005");
    modem.commands.clear();
    modem.passes(2 * modem.driver->air_time(12) + 1s - 1us);
    CHECK(modem.departures() == "");
    modem.passes(1us);
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.counters().send_timeouts == 1);
    CHECK_FALSE(modem.driver->can_send());
    modem.answers("AT", "+OK");
    CHECK(modem.driver->can_send());
    SECTION("and a second one in a row starts the modem anew") {
        modem.sends(publish, "0005", 2);
        modem.commands.clear();
        modem.passes(10s);
        CHECK(modem.departures() == "2 failed");
        modem.expects("AT+RESET");
        CHECK(modem.ready == false);
        modem.says("+RESET");
        modem.says("+READY");
        CHECK(modem.counters().resets == 0);
    }
}

TEST_CASE("A RYLR modem that starts anew in the middle of a transmission is initialised again", "[rylr]") {
    AtTalk modem(rylr_kind(), {{"configure", "no"}});
    modem.opens();
    modem.answers("AT", "+OK");
    modem.sends(publish, "0005");
    modem.commands.clear();
    modem.says("+RESET");
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.ready == false);
    CHECK(modem.commands.empty());
    SECTION("as soon as it says that it has started") {
        modem.says("+READY");
        modem.answers("AT", "+OK");
        CHECK(modem.ready == true);
        CHECK(modem.notes() == "RYLR has started anew by itself\n");
        CHECK(modem.counters().resets == 1);
    }
    SECTION("or two seconds later when that line is lost") {
        modem.passes(2s);
        modem.answers("AT", "+OK");
        CHECK(modem.ready == true);
    }
}

TEST_CASE("A late answer is not taken for the value of a query", "[rylr]") {
    AtTalk modem(rylr_kind());
    modem.opens();
    modem.answers("AT", "+OK");
    modem.expects("AT+MODE?");
    modem.says("+OK");
    modem.says("+BAND=868500000");
    CHECK(modem.commands.empty());
    CHECK(modem.counters().unexpected == 2);
    modem.says("+MODE=0");
    modem.expects("AT+ADDRESS?");
}

TEST_CASE("A node that has no address of its own is received and warned of once", "[rylr]") {
    Modem modem;
    modem.says("+RCV=0,6,030500,-83,9");
    modem.says("+RCV=0,6,030500,-83,9");
    CHECK(modem.received.size() == 2);
    CHECK(modem.count_notes() == 1);
}

TEST_CASE("A frame to something that is no address of this link fails", "[rylr]") {
    Modem modem;
    modem.sends(publish, "000501");
    CHECK(modem.departures() == "1 failed");
    CHECK(modem.commands.empty());
    CHECK(modem.counters().send_failures == 1);
}

TEST_CASE("The keys of a RYLR link are checked", "[rylr]") {
    const std::pair<DriverValues, std::string_view> wrong[] = {
        {{{"address", "0"}}, "address = \"0\": expected a number from 1 to 65535"},
        {{{"network_id", "19"}}, "network_id = \"19\": expected"},
        {{{"band", "868"}}, "band = \"868\": expected"},
        {{{"parameter", "9,7,1"}}, "parameter = \"9,7,1\": expected"},
        {{{"parameter", "9,7,5,12"}}, "parameter = \"9,7,5,12\": expected"},
        {{{"parameter", "nine"}}, "parameter = \"nine\": expected"},
        {{{"power", "23"}}, "power = \"23\": expected"},
        {{{"cpin", "123"}}, "cpin = \"123\": expected 8 hexadecimal digits"},
        {{{"cpin", "1234567x"}}, "cpin = \"1234567x\": expected"},
        {{{"payload", "text"}}, "payload = \"text\": expected hex, base64 or raw"},
        {{{"configure", "maybe"}}, "configure = \"maybe\": expected"},
        {{{"turnaround_ms", "-1"}}, "turnaround_ms = \"-1\": expected"},
        {{{"frequency", "868500000"}}, "frequency = \"868500000\": this kind of link has no such key"},
    };
    for (const auto& [values, error] : wrong) {
        const MadeDriver made = rylr_kind().make(values, 0);
        CHECK(made.driver == nullptr);
        CHECK_THAT(made.error, Catch::StartsWith(std::string(error)));
    }
    CHECK(rylr_kind().make({}, 121).error == "mtu = \"121\": expected a number up to 120");
    CHECK(rylr_kind().make({{"payload", "raw"}}, 240).error == "");
}

TEST_CASE("A RYLR link tells its traits and counts the eight octets that the module adds", "[rylr]") {
    const auto driver = rylr_kind().make({{"parameter", "7,7,1,8"}, {"turnaround_ms", "250"}}, 60).driver;
    const DriverTraits traits = driver->traits();
    CHECK(traits.mtu == 60);
    CHECK(traits.addressed);
    CHECK(traits.broadcast);
    CHECK(traits.half_duplex);
    CHECK(traits.confirms_departure);
    CHECK(traits.turnaround == 250ms);
    CHECK(driver->air_time(26) == lora_air_time({}, 60));
    CHECK(driver->to_string(Address{}) == "");
}

}  // namespace rylr_test
