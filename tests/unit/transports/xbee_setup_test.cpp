#include "tests/unit/transports/xbee_bench.hpp"

namespace xbee_setup_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace std::chrono_literals;

namespace {

const std::string ask_mode = "7e00040851415015";

std::string at(std::string_view digits, int mode = 1) {
    return xbee_wire(digits, mode);
}

}  // namespace

TEST_CASE("an XBee is asked for its API mode, then for what it is, and told in one line") {
    XbeeBench bench;
    bench.open();
    CHECK(bench.wire() == ask_mode);
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    bench.receive("7E 00 06 88 51 41 50 00 02 93");
    CHECK(bench.wire() == "7e000408524e5007");
    bench.receive("7E 00 07 88 52 4E 50 00 00 49 3E");
    CHECK(bench.wire() == "7e00040853414f14");
    bench.receive("7E 00 06 88 53 41 4F 00 00 94");
    CHECK(bench.wire() == "7e00040854534808");
    bench.receive("7E 00 09 88 54 53 48 00 00 7D 33 A2 00 D3");
    CHECK(bench.wire() == at("0855534C"));
    bench.receive(xbee_frame("8855534C0040401122", 2));
    CHECK(bench.wire() == at("08564856"));
    bench.receive(
        xbee_frame("8856485600"
                   "4147",
                   2));
    CHECK(bench.wire() == at("08575652"));
    CHECK_FALSE(bench.ready());
    bench.receive(
        xbee_frame("8857565200"
                   "300B",
                   2));
    CHECK(bench.ready());
    CHECK(bench.driver().can_send());
    CHECK(bench.notes() == Lines{"info: XBee 0013a20040401122: DigiMesh, hardware 4147, firmware 300b, API mode 2, "
                                 "output mode 0, payload limit 73"});
    const auto traits = bench.driver().traits();
    CHECK(traits.mtu == 73);
    CHECK(traits.addressed);
    CHECK(traits.broadcast);
    CHECK(traits.confirms_departure);
    CHECK_FALSE(traits.half_duplex);
    CHECK(bench.wire().empty());
    CHECK_FALSE(bench.driver().next_timeout().has_value());
}

TEST_CASE("an XBee whose first answers are lost is asked once more") {
    XbeeBench bench;
    bench.open();
    bench.wire();
    bench.advance(1s);
    CHECK(bench.wire() == xbee_unblocked + ask_mode);  // it may wait for the end of a damaged frame
    bench.receive(xbee_frame("885141500001"));
    bench.wire();
    bench.advance(1s);
    CHECK(bench.wire() == at("08524E50"));
}

TEST_CASE("what an XBee does not know or does not answer is unknown, not fatal") {
    XbeeBench bench;
    bench.open();
    bench.module_says("885141500001");
    bench.module_says("88524E5002");
    bench.advance(12s);
    CHECK_FALSE(bench.notes().empty());
    CHECK(bench.ready());
    CHECK(bench.driver().traits().mtu == 73);
}

TEST_CASE("the payload limit of an XBee that does not tell comes from its protocol") {
    const auto limit_of = [](std::string_view hardware, std::string_view firmware) {
        XbeeBench bench;
        bench.open();
        bench.module_says("885141500001");
        bench.module_says("88524E5002");
        bench.module_says("8853414F02");
        bench.module_says("8854534802");
        bench.module_says("8855534C02");
        bench.module_says("8856485600" + std::string(hardware));
        bench.module_says("8857565200" + std::string(firmware));
        REQUIRE(bench.ready());
        return bench.driver().traits().mtu;
    };
    CHECK(limit_of("1744", "10EF") == 94);  // series 1
    CHECK(limit_of("1744", "8075") == 73);  // series 1 with DigiMesh
    CHECK(limit_of("2E41", "2003") == 94);  // S2C
    CHECK(limit_of("2E41", "4060") == 84);
    CHECK(limit_of("2E41", "9002") == 73);
    CHECK(limit_of("4147", "2013") == 94);  // XBee 3
    CHECK(limit_of("4247", "100A") == 84);
    CHECK(limit_of("4247", "0000300B") == 73);
    CHECK(limit_of("1941", "21A7") == 84);  // S2
    CHECK(limit_of("2641", "8071") == 73);  // 900HP
    CHECK(limit_of("4041", "1234") == 73);  // cellular: no such link, no harm
}

TEST_CASE("variant and mtu keys come before what an XBee says of itself") {
    XbeeBench bench(Values{{"variant", "zigbee"}}, 60);
    CHECK(bench.driver().traits().mtu == 60);
    XbeeBench zigbee(Values{{"variant", "zigbee"}});
    CHECK(zigbee.driver().traits().mtu == 84);
    zigbee.open_ready();
    CHECK(zigbee.driver().traits().mtu == 73);
    XbeeBench large({}, 200);
    large.open_ready();
    CHECK(large.driver().traits().mtu == 73);
}

TEST_CASE("a silent XBee is asked for ever and complained of once, with what to look at") {
    XbeeBench bench;
    bench.open();
    bench.advance(10min);
    CHECK_FALSE(bench.ready());
    auto notes = bench.notes();
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find("error: no XBee answers here: nothing arrives: look at power, wiring and speed") == 0);
    CHECK(notes[0].find("probe = true") != std::string::npos);
    CHECK(bench.bauds().empty());
    CHECK_FALSE(bench.reopen());
    CHECK(bench.wire().size() > 20 * ask_mode.size());
    bench.module_says("885141500001");
    bench.advance(1s);
    bench.wire();
    bench.set_up();
    CHECK(bench.ready());
}

TEST_CASE("an XBee at another speed is noticed by its octets") {
    XbeeBench bench;
    bench.open();
    bench.receive("F8 00 80 78 F8");
    bench.advance(5s);
    const auto notes = bench.notes();
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find("octets arrive, but no API frames: the speed is wrong") != std::string::npos);
}

TEST_CASE("probing tries the XBee at other speeds and tells the one that works") {
    XbeeBench bench(Values{{"probe", "true"}});
    bench.open();
    bench.wire();
    bench.advance(3s);
    CHECK(bench.wire() == xbee_unblocked + ask_mode);
    bench.advance(200ms);
    CHECK(bench.text() == "+++");
    bench.advance(2s);
    CHECK(bench.bauds() == std::vector<std::uint32_t>{9600});
    bench.advance(5100ms);
    CHECK(bench.bauds() == std::vector<std::uint32_t>{38400});
    bench.wire();
    bench.module_says("885141500001");
    CHECK(bench.notes() == Lines{"warning: the XBee talks at 38400 baud: set baud = 38400"});
    bench.set_up();
    CHECK_FALSE(bench.reopen());
}

TEST_CASE("probing without any answer ends with the port opened anew at its own speed") {
    XbeeBench bench(Values{{"probe", "true"}});
    bench.open();
    bench.advance(31s);
    CHECK(bench.bauds() == std::vector<std::uint32_t>{9600, 38400, 57600, 115200, 19200});
    CHECK(bench.notes().size() == 1);
    CHECK_FALSE(bench.reopen());
    bench.advance(10s);
    CHECK(bench.reopen());
    CHECK_FALSE(bench.driver().next_timeout().has_value());
    bench.close();
    bench.wire();
    bench.open();
    CHECK(bench.wire() == ask_mode);
    bench.advance(60s);
    CHECK(bench.notes().empty());
}

TEST_CASE("an XBee in transparent mode is found by probing, told, and left as it is") {
    XbeeBench bench(Values{{"probe", "true"}});
    bench.open();
    bench.advance(3100ms);
    bench.wire();
    bench.receive(as_bytes("pack"));
    bench.receive(as_bytes("etOK\r"));
    CHECK(bench.text() == "ATAP\r");
    bench.receive(as_bytes("0\r"));
    CHECK(bench.text() == "ATCN\r");
    bench.receive(as_bytes("OK\r"));
    const auto notes = bench.notes();
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find("error: the XBee is in transparent mode: set AP to 1 or 2 with XCTU") == 0);
    CHECK(notes[0].find("configure = true") != std::string::npos);
    CHECK(bench.wire().empty());
    CHECK_FALSE(bench.ready());
    bench.advance(10s);
    CHECK(bench.wire() == ask_mode);
}

TEST_CASE("an XBee in transparent mode is changed where that is allowed") {
    const bool persist = GENERATE(false, true);
    XbeeBench bench(Values{{"probe", "true"}, {"configure", "true"}, {"persist", persist ? "true" : "false"}});
    bench.open();
    bench.advance(3100ms);
    bench.wire();
    bench.receive(as_bytes("OK\r"));
    bench.receive(as_bytes("0\r"));
    CHECK(bench.text() == "ATAP\rATAP2\r");
    bench.receive(as_bytes("OK\r"));
    CHECK(bench.text() == "ATAO0\r");
    bench.receive(as_bytes("ERROR\r"));  // not known to series 1
    if (persist) {
        CHECK(bench.text() == "ATWR\r");
        bench.receive(as_bytes("OK\r"));
    }
    CHECK(bench.text() == "ATCN\r");
    bench.receive(as_bytes("OK\r"));
    CHECK(bench.wire() == ask_mode);
    bench.mode = 2;
    bench.set_up();
}

TEST_CASE("an XBee that refuses to leave transparent mode is told of") {
    XbeeBench bench(Values{{"probe", "true"}, {"configure", "true"}});
    bench.open();
    bench.advance(3100ms);
    bench.wire();
    bench.receive(as_bytes("OK\r0\r"));
    bench.receive(as_bytes("ERROR\r"));
    CHECK(bench.text() == "ATAP\rATAP2\rATCN\r");
    CHECK(bench.noted("refuses to leave it"));
    bench.receive(as_bytes("OK\r"));
    bench.advance(9s);
    CHECK(bench.wire().empty());
    CHECK_FALSE(bench.ready());
    CHECK(bench.bauds().empty());
}

TEST_CASE("a line of text without end stays bounded") {
    XbeeBench bench(Values{{"probe", "true"}});
    bench.open();
    bench.advance(3100ms);
    bench.wire();
    for (int i = 0; i < 1000; ++i)
        bench.receive(as_bytes("0123456789abcdef0123456789abcdef"));
    bench.receive(as_bytes("OK\r"));
    CHECK(bench.text() == "ATAP\r");
}

TEST_CASE("settings of an XBee are changed only where that is allowed") {
    SECTION("not allowed: the module's mode is used and told") {
        XbeeBench bench(Values{{"api_mode", "1"}});
        bench.mode = 2;
        bench.open();
        bench.module_says("885141500002");
        CHECK(bench.noted("warning: the XBee is in API mode 2, not 1: going with the module (configure = true"));
        bench.wire();
        bench.set_up();
    }
    SECTION("allowed: mode, output and, where wanted, flash") {
        const bool persist = GENERATE(false, true);
        XbeeBench bench(Values{{"api_mode", "1"}, {"configure", "true"}, {"persist", persist ? "true" : "false"}});
        bench.open();
        bench.wire();
        bench.module_says("885141500002");
        CHECK(bench.wire() == at("0851415001", 2));
        bench.module_says("8851415000");
        CHECK(bench.wire() == at("08524E50"));
        bench.module_says("88524E50000049");
        bench.module_says("8853414F0001");
        bench.module_says("8854534802");
        bench.module_says("8855534C02");
        bench.module_says("8856485602");
        bench.wire();
        bench.module_says("8857565202");
        CHECK(bench.wire() == at("0853414F00"));
        bench.module_says("8853414F00");
        if (persist) {
            CHECK(bench.wire() == at("08585752"));
            CHECK_FALSE(bench.ready());
            bench.module_says("8858575200");
        }
        CHECK(bench.wire().empty());
        CHECK(bench.ready());
        CHECK(bench.noted("output mode 0"));
    }
    SECTION("legacy output with RSSI is worth keeping") {
        XbeeBench bench(Values{{"configure", "true"}});
        bench.open();
        bench.module_says("885141500001");
        bench.module_says("88524E50000064");
        bench.module_says("8853414F0002");
        bench.module_says("8854534802");
        bench.module_says("8855534C02");
        bench.module_says("8856485602");
        bench.wire();
        bench.module_says("8857565202");
        CHECK(bench.ready());
        CHECK(bench.wire().empty());
    }
}

TEST_CASE("an XBee that does not take the wanted mode is used in its own") {
    XbeeBench bench(Values{{"api_mode", "2"}, {"configure", "true"}});
    bench.open();
    bench.module_says("885141500001");
    bench.advance(2s);  // no answer to the change
    bench.wire();
    bench.module_says("885141500001");
    CHECK(bench.noted("going with the module"));
    CHECK(bench.wire() == at("08524E50"));
    bench.set_up();
}

TEST_CASE("an XBee that answers the first question only is asked again later") {
    XbeeBench bench;
    bench.open();
    bench.module_says("885141500001");
    bench.advance(12s);
    CHECK_FALSE(bench.ready());
    CHECK(bench.notes().size() == 1);
    bench.wire();
    bench.advance(10s);
    CHECK(bench.wire().find(ask_mode) == 0);
}

TEST_CASE("an answer in a mode that is none is told") {
    XbeeBench bench;
    bench.open();
    bench.module_says("885141500004");
    CHECK(bench.noted("error: the XBee answers AP = 4"));
    bench.advance(10s);
    CHECK_FALSE(bench.ready());
}

TEST_CASE("late and unasked AT answers of an XBee count as unexpected") {
    XbeeBench bench;
    bench.open_ready();
    bench.module_says("885141500001");
    bench.module_says(
        "8899494400"
        "3332");
    CHECK(bench.counters().unexpected == 2);
    CHECK(bench.ready());
    CHECK(bench.wire().empty());
}

}  // namespace xbee_setup_test
