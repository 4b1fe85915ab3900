#include "tests/unit/transports/xbee_bench.hpp"

namespace xbee_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace std::chrono_literals;

namespace {

const std::string node = "0013a20040401122";
const std::string other = "0013a20040401133";
const std::string connack = "030500";
const std::string publish = "0C0C210011007EC0DB7D1300";

std::string request(int id, std::string_view short_address = "fffe", std::string_view to = node, int mode = 1) {
    return xbee_wire(fmt::format("10{:02x}{}{}0000{}", id, to, short_address, connack), mode);
}

}  // namespace

TEST_CASE("an XBee frame leaves with an id and is confirmed by its status") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(7, node, connack);
    CHECK(bench.wire() ==
          "7e0011"
          "1001"
          "0013a20040401122"
          "fffe"
          "0000"
          "030500"
          "81");
    CHECK(bench.departed().empty());
    bench.receive("7E 00 07 8B 01 FF FE 00 00 00 76");
    CHECK(bench.departed() == Lines{"7 confirmed"});
    CHECK(bench.counters().sent == 1);
    CHECK(bench.counters().departed == 1);
    CHECK_FALSE(bench.driver().next_timeout().has_value());
}

TEST_CASE("in API mode 2 the frames of an XBee are escaped both ways") {
    XbeeBench bench;
    bench.mode = 2;
    bench.open_ready();
    bench.send(1, node, connack);
    CHECK(bench.wire() ==
          "7e007d3110"
          "01007d33a20040407d3122fffe0000"
          "030500"
          "81");
    bench.send(2, "", "0500010384");
    CHECK(bench.wire() ==
          "7e007d33"
          "1002000000000000fffffffe0000"
          "0500010384"
          "65");
    bench.send(3, node, publish);
    CHECK(bench.wire() ==
          "7e001a1003007d33a20040407d3122fffe0000"
          "0c0c21007d31007d5ec0db7d5d7d330094");
    bench.receive(
        "7E 00 18 90 00 7D 33 A2 00 40 40 7D 31 22 FF FE C1 0C 0C 21 00 7D 31 00 7D 5E C0 DB 7D 5D 7D 33 00 56");
    CHECK(bench.received() == Lines{node + ": 0c0c210011007ec0db7d1300"});
}

TEST_CASE("packets of XBee nodes come with their address, in any split") {
    const std::string wire = to_hex(xbee_frame("90" + node + "fffec1" + publish)) +
                             to_hex(xbee_frame("91" + node + "fffee8e80011c105c10216"));
    const Buffer octets = hex(wire);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{7}, octets.size()}) {
        XbeeBench bench;
        bench.open_ready();
        for (std::size_t at = 0; at < octets.size(); at += step) {
            bench.receive(Bytes(octets).subspan(at, std::min(step, octets.size() - at)));
        }
        CHECK(bench.received() == Lines{node + ": 0c0c210011007ec0db7d1300", node + ": 0216"});
        CHECK(bench.counters().check_errors == 0);
    }
}

TEST_CASE("packets of 802.15.4 nodes tell their strength and are answered in kind") {
    XbeeBench bench;
    bench.open_ready();
    bench.receive("7E 00 13 80 00 13 A2 00 40 40 11 22 28 00 08 04 04 01 00 3C 73 31 FE");
    CHECK(bench.received() == Lines{node + ": 08040401003c7331 -40 dBm"});
    bench.send(1, node, connack);
    CHECK(bench.wire() == xbee_wire("0001" + node + "00030500"));
    bench.receive("7E 00 0D 81 12 34 28 00 08 04 04 01 00 3C 73 31 1F");
    CHECK(bench.received() == Lines{"1234: 08040401003c7331 -40 dBm"});
    bench.send(2, "1234", connack);
    CHECK(bench.wire() == xbee_wire("0102123400030500"));
    bench.send(3, "", "0500010384");
    CHECK(bench.wire() == xbee_wire("0103ffff000500010384"));
    bench.module_says("890100");
    bench.receive("7E 00 03 89 02 00 74");
    bench.module_says("890300");
    CHECK(bench.departed() == Lines{"1 confirmed", "2 confirmed", "3 left"});
    // A module that hands packets over as 90 also takes 10.
    bench.module_says(
        "90ffffffffffffffff12340102"
        "16");
    bench.send(4, "1234", connack);
    CHECK(bench.wire() == xbee_wire("1004ffffffffffffffff12340000030500"));
}

TEST_CASE("tx_frame decides what an XBee is handed, and its protocol where nothing was heard") {
    XbeeBench legacy(Values{{"tx_frame", "00"}});
    legacy.open_ready();
    legacy.module_says("90" + node + "fffec10216");
    legacy.send(1, node, connack);
    CHECK(legacy.wire() == xbee_wire("0001" + node + "00030500"));

    XbeeBench modern(Values{{"tx_frame", "10"}, {"tx_options", "1"}});
    modern.open_ready();
    modern.module_says("80" + node + "28000216");
    modern.send(1, node, connack);
    CHECK(modern.wire() == xbee_wire("1001" + node + "fffe0001030500"));
    modern.module_says("8b01fffe000000");
    CHECK(modern.departed() == Lines{"1 left"});  // option 1: no acknowledgement

    XbeeBench plain(Values{{"variant", "802154"}});
    plain.open_ready();
    plain.send(1, node, connack);
    CHECK(plain.wire() == xbee_wire("0001" + node + "00030500"));
}

TEST_CASE("a broadcast carries its radius, and one that nobody repeats has left") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, "", "0500010384", 2);
    CHECK(bench.wire() == xbee_wire("1001000000000000fffffffe02000500010384"));
    bench.module_says("8b01fffe002600");
    CHECK(bench.departed() == Lines{"1 left"});
    bench.send(2, "", "0500010384");
    bench.module_says("8b02fffe002400");
    CHECK(bench.departed() == Lines{"2 failed"});
}

TEST_CASE("a full window of an XBee waits, and a lost status opens it after its time") {
    XbeeBench bench;
    bench.open_ready();
    for (transports::FrameToken token = 1; token <= 3; ++token) {
        bench.send(token, node, connack);
        bench.advance(1s);
    }
    CHECK_FALSE(bench.driver().can_send());
    bench.module_says("8b02fffe000000");
    CHECK(bench.departed() == Lines{"2 confirmed"});
    CHECK(bench.driver().can_send());
    bench.advance(2s);
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.counters().send_timeouts == 1);
    bench.module_says("8b01fffe000000");  // late
    bench.module_says("8b02fffe000000");  // twice
    bench.module_says("8b63fffe000000");  // never asked for
    CHECK(bench.departed().empty());
    CHECK(bench.notes().empty());
    CHECK(bench.counters().unexpected == 3);
    bench.module_says("8b03fffe000000");
    CHECK(bench.departed() == Lines{"3 confirmed"});
}

TEST_CASE("a series 1 XBee gets one frame at a time") {
    XbeeBench bench;
    bench.open();
    bench.set_up("1744", "10EF");
    bench.send(1, node, connack);
    CHECK_FALSE(bench.driver().can_send());
    bench.module_says("890100");
    CHECK(bench.driver().can_send());
}

TEST_CASE("frame ids of an XBee run from 1 to 255 and leave out those under way") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, node, connack);
    CHECK(bench.wire() == request(1));
    for (int i = 2; i <= 255; ++i) {
        bench.send(2, node, connack);
        bench.wire();
        bench.module_says(fmt::format("8b{:02x}fffe000000", i));
    }
    bench.send(3, node, connack);
    CHECK(bench.wire() == request(2));
}

TEST_CASE("the 16-bit address of an XBee node is a hint, its identity is the 64-bit one") {
    XbeeBench bench;
    bench.open_ready();
    bench.module_says("90" + node + "1234c10216");
    bench.send(1, node, connack);
    CHECK(bench.wire() == request(1, "1234"));
    bench.module_says("8b015678000000");  // it is elsewhere now
    bench.send(2, node, connack);
    CHECK(bench.wire() == request(2, "5678"));
    bench.module_says("90" + node + "9abcc10216");  // joined again
    CHECK(bench.received() == Lines{node + ": 0216", node + ": 0216"});
    bench.send(3, node, connack);
    CHECK(bench.wire() == request(3, "9abc"));
}

TEST_CASE("an address that is not found is tried once more without its hint") {
    const std::string status = GENERATE("24", "25");
    XbeeBench bench;
    bench.open_ready();
    bench.module_says("90" + node + "1234c10216");
    bench.send(1, node, connack);
    bench.wire();
    bench.module_says("8b01fffe00" + status + "00");
    CHECK(bench.departed().empty());
    CHECK(bench.wire().empty());
    bench.advance(100ms);
    CHECK(bench.wire() == request(2));
    bench.module_says("8b02fffe00" + status + "00");
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.counters().retried == 1);
    CHECK(bench.counters().send_failures == 1);
}

TEST_CASE("a busy channel is tried once more, a busy module three times") {
    XbeeBench bench;
    bench.open_ready();
    SECTION("channel") {
        bench.send(1, node, connack);
        bench.module_says("8b01fffe000200");
        bench.advance(100ms);
        bench.module_says("8b02fffe000200");
        CHECK(bench.departed() == Lines{"1 failed"});
        CHECK(bench.counters().retried == 1);
    }
    SECTION("module") {
        const std::string status = GENERATE("2c", "31", "32");
        bench.send(1, node, connack);
        for (int id = 1; id <= 3; ++id) {
            bench.module_says(fmt::format("8b{:02x}fffe00{}00", id, status));
            CHECK(bench.departed().empty());
            bench.advance(100ms);
        }
        bench.module_says("8b04fffe00" + status + "00");
        CHECK(bench.departed() == Lines{"1 failed"});
        CHECK(bench.counters().retried == 3);
    }
    SECTION("a status that comes while it waits is not for it") {
        bench.send(1, node, connack);
        bench.module_says("8b01fffe000200");
        bench.module_says("8b01fffe000000");
        CHECK(bench.departed().empty());
        CHECK(bench.counters().unexpected == 1);
        bench.advance(100ms);
        bench.module_says("8b02fffe000000");
        CHECK(bench.departed() == Lines{"1 confirmed"});
    }
}

TEST_CASE("a node that does not answer is told once, and once when it is back") {
    XbeeBench bench;
    bench.open_ready();
    for (int id = 1; id <= 5; ++id) {
        bench.send(1, node, connack);
        bench.module_says(fmt::format("8b{:02x}fffe002100", id));
        bench.send(2, other, connack);
        ++id;
        bench.module_says(fmt::format("8b{:02x}fffe000000", id));
    }
    CHECK(bench.noted("warning: node 0013a20040401122 does not answer"));
    int told = 0;
    for (const std::string& note : bench.notes())
        told += note.find("does not answer") != std::string::npos ? 1 : 0;
    CHECK(told == 1);
    bench.send(1, node, connack);
    bench.module_says("8b07fffe000000");
    CHECK(bench.notes() == Lines{"info: node 0013a20040401122 is back"});
}

TEST_CASE("an XBee out of its network holds all frames until it is in again") {
    XbeeBench bench;
    bench.open_ready();
    const bool told_by_status = GENERATE(false, true);
    if (told_by_status) {
        bench.send(1, node, connack);
        bench.module_says("8b01fffe002200");
        CHECK(bench.departed() == Lines{"1 failed"});
        CHECK(bench.noted("warning: the XBee has not joined a network: sending waits"));
    } else {
        bench.module_says("8a03");
        CHECK(bench.noted("warning: the XBee has left its network: sending waits"));
    }
    CHECK_FALSE(bench.driver().can_send());
    const std::string end = GENERATE("joined", "coordinator started", "the word was lost");
    if (end == "joined") {
        bench.module_says("8a02");
    } else if (end == "coordinator started") {
        bench.receive("7E 00 02 8A 06 6F");
    } else {
        bench.advance(30s);
    }
    CHECK(bench.driver().can_send());
}

TEST_CASE("a sleeping DigiMesh network holds all frames until it wakes") {
    XbeeBench bench;
    bench.open_ready();
    bench.module_says("8a0c");
    CHECK_FALSE(bench.driver().can_send());
    bench.advance(1min);
    CHECK_FALSE(bench.driver().can_send());
    bench.module_says("8a0b");
    CHECK(bench.driver().can_send());
}

TEST_CASE("a frame that is too large for the XBee makes it tell its limit again") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, node, connack);
    bench.wire();
    bench.module_says("8b01fffe007400");
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.noted("warning: a frame of 3 octets to 0013a20040401122 failed: too large (status 74)"));
    CHECK(bench.wire() == "7e000408524e5007");
    bench.module_says("88524e50000041");
    CHECK(bench.driver().traits().mtu == 65);
}

TEST_CASE("every other failure of an XBee fails its frame") {
    for (const std::string status : {"01", "03", "18", "21", "23", "2d", "75", "ff"}) {
        XbeeBench bench;
        bench.open_ready();
        bench.send(1, node, connack);
        bench.module_says("8b01fffe00" + status + "00");
        CHECK(bench.departed() == Lines{"1 failed"});
        CHECK(bench.driver().can_send());
        CHECK(bench.counters().send_failures == 1);
    }
}

TEST_CASE("an XBee that starts anew is set up anew, and what it had is lost") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, node, connack);
    bench.send(2, node, connack);
    bench.wire();
    const bool watchdog = GENERATE(false, true);
    bench.module_says(watchdog ? "8a01" : "8a00");
    CHECK(bench.departed() == Lines{"1 failed", "2 failed"});
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    CHECK(bench.counters().resets == 1);
    CHECK(bench.noted(watchdog ? "its watchdog" : "power or reset"));
    CHECK(bench.wire() == "7e00040851415015");
    bench.set_up();
    CHECK(bench.driver().can_send());
    bench.module_says("8b01fffe000000");
    CHECK(bench.departed().empty());
}

TEST_CASE("an XBee that stops to report is asked whether it is still there") {
    XbeeBench bench;
    bench.open_ready();
    for (transports::FrameToken token = 1; token <= 3; ++token)
        bench.send(token, node, connack);
    bench.wire();
    bench.advance(5s);
    CHECK(bench.departed() == Lines{"1 failed", "2 failed", "3 failed"});
    CHECK_FALSE(bench.ready());
    CHECK(bench.noted("error: the XBee is silent"));
    CHECK(bench.wire() == xbee_unblocked + "7e00040851415015");
    bench.set_up();
    CHECK(bench.driver().can_send());
}

TEST_CASE("missing statuses of an XBee that still talks are the network's matter") {
    XbeeBench bench;
    bench.open_ready();
    for (int i = 0; i < 10; ++i) {
        bench.send(1, node, connack);
        bench.advance(5s);
        bench.module_says("90" + other + "fffec10216");
    }
    CHECK(bench.ready());
    CHECK(bench.counters().send_timeouts == 10);
}

TEST_CASE("a port that goes away fails what an XBee had, and comes back with a new setup") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, node, connack);
    bench.module_says("8b01fffe000200");  // waits to be sent again
    bench.send(2, node, connack);
    bench.close();
    CHECK(bench.departed() == Lines{"1 failed", "2 failed"});
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    CHECK_FALSE(bench.driver().next_timeout().has_value());
    bench.wire();
    bench.open();
    CHECK(bench.wire() == "7e00040851415015");
    bench.set_up();
    CHECK(bench.driver().can_send());
}

TEST_CASE("an address of another kind of link cannot be reached by an XBee") {
    XbeeBench bench;
    bench.open_ready();
    bench.send(1, "010203", connack);
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.wire().empty());
    CHECK(bench.counters().send_failures == 1);
}

TEST_CASE("an XBee that gets its power with the port is no news, one that loses it again is") {
    XbeeBench bench;
    bench.open();
    bench.module_says("8a00");
    CHECK(bench.notes() == Lines{"debug: the XBee started anew (power or reset)"});
    bench.module_says("8a00");
    CHECK(bench.notes() == Lines{"warning: the XBee started anew (power or reset)"});
    CHECK(bench.counters().resets == 2);
}

TEST_CASE("frames that an XBee gateway does not need are ignored") {
    XbeeBench bench;
    bench.open_ready();
    for (const std::string_view type : {"92", "94", "95", "97", "98", "a0", "a1", "00", "10"}) {
        bench.module_says(std::string(type) + "0102030405");
    }
    bench.module_says("8a3e");
    CHECK(bench.received().empty());
    CHECK(bench.departed().empty());
    CHECK(bench.counters().framing_errors == 0);
    CHECK(bench.counters().unexpected == 0);
    CHECK(bench.ready());
}

TEST_CASE("any number of XBee nodes is served with bounded memory") {
    XbeeBench bench;
    bench.open_ready();
    for (int i = 0; i < 5000; ++i)
        bench.module_says(fmt::format("900013a200{:08x}{:04x}c10216", i, i));
    CHECK(bench.received().size() == 5000);
    bench.send(1, "0013a20000001387", connack);
    CHECK(bench.wire() == request(1, "1387", "0013a20000001387"));
}

}  // namespace xbee_test
