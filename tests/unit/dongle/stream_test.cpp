// Simulated lines and radios that carry a stream of octets: plain lines, Ebyte modules, aquila bridges.
#include "tests/unit/dongle/bench.hpp"
#include "tools/dongle/line_code.hpp"

namespace stream_test {

using namespace mqttsn;
using namespace mqttsn::dongle;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("one node on a line stands for itself, several are told apart", "[dongle]") {
    Bench one("raw", 1);
    one.node(1, publish);
    CHECK(one.said() == dongle::to_hex(publish));
    one.host("030500");
    CHECK(one.delivered() == "0: 030500");
    Bench some("slip", 5);
    some.node(1, publish);
    CHECK(some.said() == "C005FE0000010C0C210011007EDBDCDBDD7D1300C0");
    some.host("C0 05FE000002 030500 C0");
    CHECK(some.delivered() == "2: 030500");
    some.host("C0 05FE00FFFF 0500010384 C0 C0 05FE010001 0500010384 C0 C0 0500010384 C0");
    CHECK(some.delivered() == "0: 0500010384, 0: 0500010384, 0: 0500010384");
    some.host("C0 05FE000006 030500 C0 C0 05FE0000 C0");
    CHECK(some.delivered().empty());
    CHECK(some->counters().unknown_node == 1);
    CHECK(some->counters().malformed == 1);
    some.host("C0 030500 C0 C0 05FE010001 0218 C0 C0 05FE00FFFF 0218 C0");  // for whom? not all are told to leave
    CHECK(some.delivered().empty());
    CHECK(some->counters().malformed == 4);
}

TEST_CASE("wrong kinds and keys are refused with what is right", "[dongle]") {
    CHECK(make_dongle("nonsense", 1, {}).error.find("xbee") != std::string::npos);
    CHECK(make_dongle("xbee,nonsense=1", 1, {}).error.find("nonsense is unknown; known are variant") == 0);
    CHECK(make_dongle("xbee,ap=7", 1, {}).error.find("ap=7: expected 0") == 0);
    CHECK(make_dongle("ebyte,framing=morse", 1, {}).error == "framing=morse: expected raw, slip, hdlc or cobs");
    CHECK(make_dongle("rylr,reply_loss=2", 1, {}).error == "reply_loss=2: expected a share from 0 to 1");
}

TEST_CASE("an Ebyte module sends after a pause and carries octets as they are", "[dongle]") {
    Bench ebyte("ebyte,framing=slip,crc=none");
    ebyte.power_on();
    ebyte.host("C0 05FE000002");
    ebyte.pass(milliseconds(2));
    ebyte.host("030500 C0");
    ebyte.pass(milliseconds(30));
    CHECK(ebyte.delivered().empty());  // 2,400 bit/s
    ebyte.pass(milliseconds(100));
    CHECK(ebyte.delivered() == "2: 030500");
    ebyte.node(1, publish);
    ebyte.pass(seconds(1));
    CHECK(ebyte.said() == "C005FE0000010C0C210011007EDBDCDBDD7D1300C0");
}

TEST_CASE("an Ebyte module in fixed mode sends to one address or to all of a channel", "[dongle]") {
    Bench ebyte("ebyte,mode=fixed,framing=slip,crc=none");
    ebyte.power_on();
    ebyte.host("000517 C0 05FE000005 0C0C210011007EDBDCDBDD7D1300 C0");
    ebyte.pass(seconds(1));
    CHECK(ebyte.delivered() == "5: " + dongle::to_hex(publish));
    ebyte.host("FFFF17 C0 0500010384 C0");
    ebyte.pass(seconds(1));
    CHECK(ebyte.delivered() == "0: 0500010384");
    ebyte.host("000518 C0 05FE000005 030500 C0");  // another channel
    ebyte.pass(seconds(1));
    CHECK(ebyte.delivered().empty());
}

TEST_CASE("an Ebyte module puts the signal behind every packet, also inside a long frame", "[dongle]") {
    AirOptions air;
    air.rssi_dbm = -83;
    Bench ebyte("ebyte,model=e22,subpacket=16,rssi_byte=yes,framing=slip,crc=none", 5, air);
    ebyte.power_on();
    ebyte.node(1, publish);
    ebyte.pass(seconds(2));
    const Buffer said = test::hex(ebyte.said());
    REQUIRE(said.size() == 21 + 2);
    CHECK(said[16] > std::byte{0x80});
    CHECK(said[17] == std::byte{0xDD});
    CHECK(said.back() > std::byte{0x80});
}

TEST_CASE("an Ebyte module in configuration mode has registers and no radio", "[dongle]") {
    Bench e220("ebyte,model=e220,pins=config");
    e220.power_on();
    e220.host("C1 04 01");
    CHECK(e220.said() == "C1040117");
    e220.host("C0 04 01 10");
    CHECK(e220.said() == "C1040110");
    e220.host("C1 00 20");
    CHECK(e220.said() == "FFFFFF");
    e220.node(1, publish);
    e220.pass(seconds(1));
    CHECK(e220.said().empty());
    Bench e32("ebyte,model=e32,pins=config");
    e32.power_on();
    e32.host("C1 C1 C1");
    CHECK(e32.said() == "C000001A1744");
    Bench e22("ebyte");
    e22.power_on();
    e22.host("C0 C1 C2 C3 02 02");
    CHECK(e22.said() == "C1C1C2C30202");
    e22.host("C1 05 01");
    CHECK(e22.said() == "C1050117");
}

TEST_CASE("a module's buffer is bounded", "[dongle]") {
    Bench ebyte("ebyte,model=e220");
    ebyte.power_on();
    ebyte.host(Buffer(1000, std::byte{1}));
    CHECK(ebyte->counters().refused == 1);
}

TEST_CASE("a transparent radio takes frames apart and puts nothing together", "[dongle]") {
    Bench radio("transparent,chunk=20,framing=cobs");
    radio.power_on();
    Buffer frame = test::hex("28 00 00 0001 0000");  // an ADVERTISE is for all
    frame.resize(40, std::byte{0x33});
    Buffer wire;
    LineCode(Framing::cobs, crc16_x25).encode(frame, wire);
    radio.host(wire);
    radio.pass(seconds(1));
    CHECK(radio.delivered() == "0: " + dongle::to_hex(frame));
}

TEST_CASE("an aquila bridge asks for its configuration and acknowledges what it sends", "[dongle]") {
    Bench aquila("aquila", 30);
    aquila.power_on();
    aquila.host("C0 05FE01 1700 030500 25D5 C0");  // the boot loader eats it
    aquila.pass(milliseconds(1900));
    CHECK(aquila.said().empty());
    aquila.pass(milliseconds(200));
    CHECK(aquila.said() == "C0000002014376C0C0000002022046C0");
    aquila.host("C0 05FE01 1700 030500 25D5 C0");
    CHECK(aquila.said() == "C0000002006266C0");  // not configured yet
    aquila.host("C0 13 02 01 FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF BDA2 C0");
    CHECK(aquila.said().empty());
    aquila.host("C0 05FE01 1700 030500 25D5 C0");
    aquila.pass(milliseconds(100));
    CHECK(aquila.said() == "C0000002014376C0");
    CHECK(aquila.delivered() == "23: 030500");
    aquila.host("C0 05FE01 1700 030500 25D4 C0");
    CHECK(aquila.said() == "C0000002006266C0");
}

TEST_CASE("an aquila bridge passes messages on with the quality of their link", "[dongle]") {
    Bench aquila("aquila,boot_ms=0", 30);
    aquila.power_on();
    aquila.host("C0 13 02 01 FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF BDA2 C0");
    aquila.said();
    aquila.node(0x17, publish);
    aquila.pass(milliseconds(100));
    std::vector<Buffer> frames;
    LineCode code(Framing::slip, crc16_xmodem_le);
    code.receive(test::hex(aquila.said()), {}, frames);
    REQUIRE(frames.size() == 1);
    CHECK(dongle::to_hex(Bytes(frames[0]).subspan(2)) == "11FE0117000C0C210011007EC0DB7D1300");
}

}  // namespace stream_test
