// The simulated XBee, against the frames of its manual.
#include "tests/unit/dongle/bench.hpp"

namespace xbee_test {

using namespace mqttsn;
using namespace mqttsn::dongle;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Node 1 is 0013A200 40401001.
const char* const transmit_connack = "7E001110010013A20040401001FFFE0000030500A3";

std::string compact(std::string text) {
    std::erase(text, ' ');
    return text;
}

/// A module that has started, and has said so.
struct Started : Bench {
    explicit Started(std::string_view kind, AirOptions air = {}) : Bench(kind, 5, air) {
        power_on();
        pass(seconds(1));
        said();
    }
};

}  // namespace

TEST_CASE("an XBee in API mode 1 waits for the end of a frame as long as it takes", "[dongle]") {
    Started xbee("xbee,ap=1");
    xbee.host("7E 01 2C");  // 300 octets: what comes next is inside
    const std::string ask = "7E 00 04 08 51 41 50 15";
    xbee.host(ask);
    xbee.pass(seconds(60));
    CHECK(xbee.said().empty());
    xbee.host(Bytes(Buffer(304)));
    xbee.host(ask);
    xbee.pass(seconds(1));
    CHECK(xbee.said() == compact("7E 00 06 88 51 41 50 00 01 94"));
}

TEST_CASE("an XBee says what it is when it starts", "[dongle]") {
    Bench digimesh("xbee");
    digimesh.power_on();
    CHECK(digimesh.said().empty());
    digimesh.pass(seconds(1));
    CHECK(digimesh.said() == compact("7E 00 02 8A 00 75"));
    Bench zigbee("xbee,variant=zigbee,ap=1");
    zigbee.power_on();
    zigbee.pass(seconds(1));
    CHECK(zigbee.said() == compact("7E 00 02 8A 00 75 7E 00 02 8A 06 6F"));
}

TEST_CASE("an XBee answers AT commands as in the manual", "[dongle]") {
    Started xbee("xbee");
    xbee.host("7E 00 04 08 51 41 50 15");
    CHECK(xbee.said() == compact("7E 00 06 88 51 41 50 00 02 93"));
    xbee.host("7E 00 04 08 52 4E 50 07");
    CHECK(xbee.said() == compact("7E 00 07 88 52 4E 50 00 00 49 3E"));
    xbee.host("7E 00 04 08 53 41 4F 14");
    CHECK(xbee.said() == compact("7E 00 06 88 53 41 4F 00 00 94"));
    xbee.host("7E 00 04 08 54 53 48 08");
    CHECK(xbee.said() == compact("7E 00 09 88 54 53 48 00 00 7D 33 A2 00 D3"));
    xbee.host("7E 00 04 08 01 51 51 54");  // there is no QQ
    CHECK(xbee.said() == compact("7E 00 05 88 01 51 51 02 D2"));
    xbee.host("7E 00 05 08 01 41 50 09 5C");  // AP = 9
    CHECK(xbee.said() == compact("7E 00 05 88 01 41 50 03 E2"));
}

TEST_CASE("an XBee carries a message to the node and tells the delivery", "[dongle]") {
    Started xbee("xbee,ap=1");
    xbee.host(transmit_connack);
    CHECK(xbee.delivered().empty());
    xbee.pass(milliseconds(100));
    CHECK(xbee.delivered() == "1: 030500");
    CHECK(xbee.said() == compact("7E 00 07 8B 01 FF FE 00 00 00 76"));
}

TEST_CASE("an XBee in AP 2 takes and gives escaped octets", "[dongle]") {
    Started xbee("xbee,ap=2");
    xbee.host("7E 00 7D 31 10 01 00 7D 33 A2 00 40 40 10 01 FF FE 00 00 03 05 00 A3");
    xbee.pass(milliseconds(100));
    CHECK(xbee.delivered() == "1: 030500");
    xbee.said();
    xbee.node(2, publish);
    xbee.pass(milliseconds(100));
    CHECK(
        xbee.said() ==
        compact("7E 00 18 90 00 7D 33 A2 00 40 40 10 02 FF FE C1 0C 0C 21 00 7D 31 00 7D 5E C0 DB 7D 5D 7D 33 00 77"));
}

TEST_CASE("an XBee tells where a message is from in the form that was chosen", "[dongle]") {
    Started with_endpoints("xbee,ap=1,ao=1");
    with_endpoints.node(1, connect);
    with_endpoints.pass(milliseconds(100));
    CHECK(with_endpoints.said() == compact("7E 00 1A 91 00 13 A2 00 40 40 10 01 FF FE E8 E8 00 11 C1 05 C1"
                                           "08 04 04 01 00 3C 73 31 D2"));
    AirOptions air;
    air.rssi_dbm = -40;
    Started long_address("xbee,ap=1,variant=802154", air);
    long_address.node(1, connect);
    long_address.pass(milliseconds(100));
    CHECK(long_address.said().substr(0, 24) == compact("7E 00 13 80 00 13 A2 00 40 40 10 01"));
    Started short_address("xbee,ap=1,variant=802154,my=1", air);
    short_address.node(1, connect);
    short_address.pass(milliseconds(100));
    CHECK(short_address.said().substr(0, 12) == compact("7E 00 0D 81 10 01"));
}

TEST_CASE("an XBee of series 1 sends to both kinds of address", "[dongle]") {
    Started xbee("xbee,ap=1,variant=802154");
    xbee.host("7E 00 0E 00 04 00 13 A2 00 40 40 10 01 00 03 05 00 AD");
    xbee.host("7E 00 08 01 05 10 02 00 03 05 00 DF");
    xbee.host("7E 00 0A 01 06 FF FF 00 05 00 01 03 84 6D");
    xbee.host(transmit_connack);  // frame 10 came later
    xbee.pass(milliseconds(100));
    CHECK(xbee.delivered() == "1: 030500, 2: 030500, 0: 0500010384");
    CHECK(xbee.said() == compact("7E 00 03 89 04 00 72 7E 00 03 89 05 00 71 7E 00 03 89 06 00 70"));
}

TEST_CASE("an XBee broadcasts, and says when it cannot deliver", "[dongle]") {
    Started xbee("xbee,ap=1,variant=zigbee");
    xbee.host("7E 00 13 10 02 00 00 00 00 00 00 FF FF FF FE 00 00 05 00 01 03 84 65");
    xbee.pass(milliseconds(100));
    CHECK(xbee.delivered() == "0: 0500010384");
    xbee.said();
    xbee.host("7E 00 11 10 03 00 13 A2 00 40 40 11 22 FF FE 00 00 03 05 00 7F");  // nobody is there
    xbee.pass(milliseconds(100));
    CHECK(xbee.said() == compact("7E 00 07 8B 03 FF FE 00 24 00 50"));
    CHECK(xbee->counters().unknown_node == 1);
}

TEST_CASE("an XBee whose radio hears no acknowledgement says so", "[dongle]") {
    AirOptions air;
    air.loss = 1;
    Started xbee("xbee,ap=1", air);
    xbee.host(transmit_connack);
    xbee.pass(milliseconds(100));
    CHECK(xbee.delivered().empty());
    CHECK(xbee.said() == compact("7E 00 07 8B 01 FF FE 03 21 00 52"));
}

TEST_CASE("transmit status can be late, lost or a failure", "[dongle]") {
    Started late("xbee,ap=1,status_delay_ms=3000");
    late.host(transmit_connack);
    late.pass(milliseconds(2900));
    CHECK(late.said().empty());
    late.pass(milliseconds(200));
    CHECK_FALSE(late.said().empty());
    Started lost("xbee,ap=1,reply_loss=1");
    lost.host(transmit_connack);
    lost.pass(seconds(10));
    CHECK(lost.said().empty());
    CHECK(lost.delivered() == "1: 030500");
    Started failing("xbee,ap=1,failure=1,failure_status=2");
    failing.host(transmit_connack);
    failing.pass(seconds(1));
    CHECK(failing.said() == compact("7E 00 07 8B 01 FF FE 00 02 00 74"));
    CHECK(failing.delivered().empty());
}

TEST_CASE("an XBee refuses what is too large and what it has no buffers for", "[dongle]") {
    Started small("xbee,ap=1,np=2");
    small.host(transmit_connack);
    CHECK(small.said() == compact("7E 00 07 8B 01 FF FE 00 74 00 02"));
    Started xbee("xbee,ap=1");
    for (int i = 0; i < 6; ++i)
        xbee.host(transmit_connack);
    CHECK(xbee.said() == compact("7E 00 07 8B 01 FF FE 00 32 00 44"));
}

TEST_CASE("an XBee finds the next frame after noise", "[dongle]") {
    for (const char* kind : {"xbee,ap=1", "xbee,ap=2"}) {
        Started xbee(kind);
        xbee.host("FF 00 7E FF FF 7E 00 00 41");
        xbee.host("7E 00 04 08 51 41 50 16");  // bad sum
        CHECK(xbee.said().empty());
        xbee.host("7E 00 04 08 51 41 50 15");
        CHECK_FALSE(xbee.said().empty());
        CHECK(xbee->counters().malformed >= 2);
    }
}

TEST_CASE("a restart in the middle forgets what was under way", "[dongle]") {
    Started xbee("xbee,ap=1");
    xbee.host(transmit_connack);
    xbee.power_on();
    xbee.pass(seconds(1));
    CHECK(xbee.said() == compact("7E 00 02 8A 00 75"));
    CHECK(xbee.delivered().empty());
}

TEST_CASE("an XBee in transparent mode can be talked into API mode", "[dongle]") {
    Started xbee("xbee,ap=0");
    xbee.host("7E 00 04 08 51 41 50 15");
    CHECK(xbee.said().empty());
    xbee.pass(milliseconds(1100));
    xbee.host(as_bytes("+++"));
    xbee.pass(milliseconds(1100));
    CHECK(xbee.lines() == "OK");
    for (const std::string_view each : {"ATAP\r", "ATAP2\r", "ATSL\r", "ATZZ\r", "ATCN\r"})
        xbee.host(as_bytes(each));
    CHECK(xbee.lines() == "0OK40A01000ERROROK");
    xbee.host("7E 00 04 08 51 41 50 15");
    CHECK(xbee.said() == compact("7E 00 06 88 51 41 50 00 02 93"));
}

}  // namespace xbee_test
