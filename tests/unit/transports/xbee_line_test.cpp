// The line to an XBee: noise, damaged frames, and the wrong API mode.
#include "tests/unit/transports/xbee_bench.hpp"

namespace xbee_line_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace std::chrono_literals;

namespace {

const std::string node = "0013a20040401122";
const std::string publish = "0C0C210011007EC0DB7D1300";

}  // namespace

TEST_CASE("a damaged length of an XBee frame holds up what follows for less than one frame of the longest") {
    XbeeBench bench;
    bench.open_ready();
    const Buffer good = xbee_frame("90" + node + "fffec10216");
    bench.receive("7E 04 0D");  // no module sends as much: nothing is waited for
    bench.receive(good);
    CHECK(bench.received() == Lines{node + ": 0216"});
    bench.receive("7E 00 FF");
    std::size_t held_up = 0;
    while (bench.received().empty()) {
        bench.receive(good);
        bench.advance(20ms);  // the line is never silent
        held_up += good.size();
        REQUIRE(held_up < 300);
    }
}

TEST_CASE("lengths that lie and frames cut short cost an XBee link one frame, and are counted") {
    XbeeBench bench;
    bench.open_ready();
    const std::string good = to_hex(xbee_frame("90" + node + "fffec10216"));
    bench.receive("7EFFFF" + good);
    bench.advance(1s);
    CHECK(bench.received() == Lines{node + ": 0216"});
    bench.receive("7E 00 07 8B 4E FF 7E 00 00 00 29" + good);  // as seen without flow control
    bench.advance(1s);
    CHECK(bench.received() == Lines{node + ": 0216"});
    const auto before = bench.counters().framing_errors;
    bench.module_says("90" + node + "fffec1");  // no payload
    bench.module_says("8b01");
    bench.module_says("8a");
    CHECK(bench.received().empty());
    CHECK(bench.counters().framing_errors == before + 3);
    bench.receive(good);
    CHECK(bench.received() == Lines{node + ": 0216"});
}

TEST_CASE("an XBee switched to API mode 2 behind our back is suspected by its checksums") {
    XbeeBench bench;
    bench.open_ready();
    for (int i = 0; i < 5; ++i) {
        bench.receive(xbee_frame("90" + node + "fffec1" + publish, 2));
        bench.advance(1s);
    }
    CHECK(bench.noted("API mode 2"));
    CHECK(bench.notes().size() == 1);
    CHECK(bench.counters().check_errors >= 3);
}

TEST_CASE("noise on an XBee line raises no suspicion of its API mode") {
    XbeeBench bench;
    bench.open_ready();
    Buffer damaged = xbee_frame("90" + node + "fffec1" + publish);
    damaged.back() ^= std::byte{1};
    SECTION("sound frames hold 7D") {
        for (int i = 0; i < 10; ++i) {
            bench.receive(damaged);
            bench.advance(1s);
            bench.module_says("90" + node + "fffec1" + publish);
        }
    }
    SECTION("many sound frames between") {
        for (int i = 0; i < 10; ++i) {
            bench.receive(damaged);
            bench.advance(1s);
            for (int sound = 0; sound < 10; ++sound)
                bench.module_says("90" + node + "fffec10216");
        }
    }
    CHECK(bench.notes().empty());
    CHECK(bench.counters().check_errors == 10);
}

}  // namespace xbee_line_test
