#include "transports/radio/aquila.hpp"
#include "tests/unit/transports/driver_bench.hpp"
#include "transports/framing/slip.hpp"

namespace aquila_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace std::chrono_literals;

namespace {

const std::string config = "c0130201" + std::string(32, 'f') + "bda2c0";
const std::string ack = "C0 00 00 02 01 43 76 C0";
const std::string nack = "C0 00 00 02 00 62 66 C0";
const std::string config_request = "C0 00 00 02 02 20 46 C0";
const std::string up_publish = "C0 55 60 11 FE 01 17 00 0C 0C 21 00 11 00 7E DB DC DB DD 7D 13 00 86 0A C0";

struct Bridge : DriverBench {
    explicit Bridge(const Values& values = {}, std::size_t mtu = 0)
        : DriverBench(transports::aquila_kind(), values, mtu) {}

    /// SLIP and check value around what the bridge says.
    void says(std::string_view digits) {
        Buffer wire;
        transports::SlipFraming({300, {transports::CrcKind::crc16_xmodem}, false}).encode(hex(digits), wire);
        receive(wire);
    }
    void open_ready() {
        open();
        advance(3s);
        REQUIRE(ready());
        wire();
    }
};

}  // namespace

TEST_CASE("an Aquila bridge gets its configuration when its board has started, and frames after it") {
    Bridge bench;
    bench.open();
    bench.advance(2199ms);
    CHECK(bench.wire().empty());
    bench.advance(1ms);
    CHECK(bench.wire() == config);
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    bench.receive(nack);  // of old bridges to CONFIG
    bench.advance(200ms);
    CHECK(bench.ready());
    CHECK(bench.driver().can_send());
    CHECK(bench.counters().unexpected == 1);
    const auto traits = bench.driver().traits();
    CHECK(traits.addressed);
    CHECK(traits.broadcast);
    CHECK(traits.confirms_departure);
    CHECK(traits.mtu == 60);
}

TEST_CASE("an Aquila bridge that asks for its configuration does not wait for it") {
    Bridge bench(Values{{"pan", "7"}, {"key", "000102030405060708090a0b0c0d0e0f"}});
    bench.open();
    bench.receive(ack);
    bench.receive(config_request);
    CHECK(bench.wire().find("c0130207000102030405060708090a0b0c0d0e0f") == 0);
    bench.advance(200ms);
    CHECK(bench.ready());
    bench.advance(10s);
    CHECK(bench.wire().empty());
    CHECK(bench.counters().resets == 0);
    CHECK(bench.notes().empty());
}

TEST_CASE("frames of Aquila nodes come with address and signal, whatever their length counts") {
    Bridge bench;
    bench.open_ready();
    bench.receive(up_publish);
    CHECK(bench.received() == Lines{"0017: 0c0c210011007ec0db7d1300 -96 dBm"});
    bench.says(
        "55B0"
        "05FE011701"
        "0216");  // the length of SN 5.5, and dBm as a signed octet
    CHECK(bench.received() == Lines{"0117: 0216 -80 dBm"});
    bench.says(
        "0000"
        "05FE011701"
        "0216");
    CHECK(bench.received() == Lines{"0117: 0216"});
    CHECK(bench.counters().frames_in == 3);
    CHECK(bench.counters().framing_errors == 0);
}

TEST_CASE("an Aquila frame leaves when the bridge says so, one at a time") {
    Bridge bench;
    bench.open_ready();
    bench.send(1, "0017", "030500");
    CHECK(bench.wire() == "c005fe01170003050025d5c0");
    CHECK_FALSE(bench.driver().can_send());
    bench.receive(ack);
    CHECK(bench.departed() == Lines{"1 left"});
    bench.send(2, "0017", "030500");
    bench.receive(nack);
    CHECK(bench.departed() == Lines{"2 failed"});
    bench.receive(ack);  // twice
    CHECK(bench.departed().empty());
    CHECK(bench.counters().sent == 2);
    CHECK(bench.counters().departed == 1);
    CHECK(bench.counters().send_failures == 1);
    CHECK(bench.counters().unexpected == 1);
}

TEST_CASE("an Aquila broadcast goes to FFFF with the radius that fits") {
    Bridge bench;
    bench.open_ready();
    bench.send(1, "", "0500010384", 0);
    CHECK(bench.wire().find("c005fe00ffff0500010384") == 0);
    bench.receive(ack);
    bench.send(2, "", "0500010384", 9);
    CHECK(bench.wire().find("c005fe03ffff0500010384") == 0);
}

TEST_CASE("an Aquila bridge that does not answer delays each frame by its time only") {
    Bridge bench(Values{{"ack_timeout_ms", "1000"}});
    bench.open_ready();
    bench.send(1, "0017", "030500");
    bench.advance(999ms);
    CHECK(bench.departed().empty());
    bench.advance(1ms);
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.driver().can_send());
    CHECK(bench.counters().send_timeouts == 1);
    bench.receive(ack);  // late
    CHECK(bench.counters().unexpected == 1);
}

TEST_CASE("a silent Aquila bridge has its port opened again, and is told of once") {
    Bridge bench;
    bench.open_ready();
    for (int round = 0; round < 3; ++round) {
        for (transports::FrameToken token = 1; token <= 3; ++token) {
            CHECK_FALSE(bench.reopen());
            bench.send(token, "0017", "030500");
            bench.advance(5s);
        }
        CHECK(bench.departed() == Lines{"1 failed", "2 failed", "3 failed"});
        CHECK(bench.reopen());
        CHECK_FALSE(bench.ready());
        CHECK_FALSE(bench.driver().can_send());
        bench.receive(up_publish);
        CHECK(bench.received().empty());
        bench.close();
        bench.open_ready();
    }
    CHECK(bench.notes().size() == 1);
    bench.send(1, "0017", "030500");
    bench.receive(ack);
    CHECK(bench.departed() == Lines{"1 left"});
    for (int i = 0; i < 3; ++i) {
        bench.send(1, "0017", "030500");
        bench.advance(5s);
    }
    CHECK(bench.noted("error: the bridge is silent"));
}

TEST_CASE("an Aquila bridge that starts anew is configured anew, and what it had is lost") {
    Bridge bench;
    bench.open_ready();
    bench.send(1, "0017", "030500");
    bench.wire();
    bench.receive(config_request);
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.wire() == config);
    CHECK(bench.counters().resets == 1);
    CHECK(bench.noted("warning: the bridge started anew"));
    CHECK_FALSE(bench.driver().can_send());
    bench.receive(ack);
    bench.advance(200ms);
    CHECK(bench.driver().can_send());
    CHECK(bench.departed().empty());
}

TEST_CASE("a port that goes away fails the frame that an Aquila bridge had") {
    Bridge bench;
    bench.open_ready();
    bench.send(1, "0017", "030500");
    bench.close();
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    CHECK_FALSE(bench.driver().next_timeout().has_value());
    bench.open_ready();
    CHECK(bench.driver().can_send());
}

TEST_CASE("what cannot be right from an Aquila bridge is dropped and counted") {
    Bridge bench;
    bench.open_ready();
    const auto refused = [&](std::string_view digits) {
        const auto before = bench.counters().framing_errors;
        bench.says(digits);
        CHECK(bench.received().empty());
        return bench.counters().framing_errors == before + 1;
    };
    CHECK(refused("5560"));
    CHECK(refused("556005"));
    CHECK(refused("556006FE0117000216"));  // a length that is neither
    CHECK(refused("556005FE011700"));      // no message
    CHECK(refused("556005FE0117"));
    CHECK(
        refused("00000301"
                "00"));  // a long ACK
    CHECK(
        refused("00000201"
                "00"));
    CHECK(refused("00000299"));
    bench.receive("C0 00 00 02 01 43 77 C0");  // check value
    CHECK(bench.counters().check_errors == 1);
    bench.receive("C0 00 00 DB 41 C0");
    CHECK(bench.counters().framing_errors == 9);
    bench.receive("C0 00 00 02" + up_publish);  // cut short
    CHECK(bench.received().size() == 1);
}

TEST_CASE("addresses that no Aquila node has are dropped and counted") {
    Bridge bench;
    bench.open_ready();
    bench.says("556005FE0100000216");  // not paired
    bench.says("556005FE01FFFF0216");
    bench.says(
        "00000303"
        "02"
        "0000"
        "030355");  // asks to be paired
    CHECK(bench.received().empty());
    CHECK(bench.counters().unexpected == 3);
    CHECK(bench.noted("info: a node asks to be paired"));
    bench.send(1, "010203", "030500");
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK(bench.wire().empty());
    CHECK(bench.driver().can_send());
}

}  // namespace aquila_test
