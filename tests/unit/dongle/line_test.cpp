// A serial line takes ten bits an octet, and noise takes its share, the same for the same seed.
#include "tools/dongle/line.hpp"
#include "tests/unit/dongle/bench.hpp"

namespace line_test {

using namespace mqttsn;
using namespace mqttsn::dongle;

TEST_CASE("octets take ten bits each at the speed of the line", "[dongle]") {
    Line line({.baud = 9600});
    const TimePoint begin{std::chrono::seconds(5)};
    line.push(Buffer(960, std::byte{1}), begin);
    Buffer out;
    line.pop(begin + std::chrono::milliseconds(500), out);
    CHECK(out.size() == 480);
    CHECK(line.waiting() == 480);
    line.pop(begin + std::chrono::milliseconds(1000), out);
    CHECK(out.size() == 960);
    CHECK_FALSE(line.next_timeout());
}

TEST_CASE("a long stream does not drift from the speed of the line", "[dongle]") {
    Line line({.baud = 115200});
    TimePoint now{};
    Buffer out;
    for (int i = 0; i < 115200; i += 64)
        line.push(Buffer(64, std::byte{1}), now);
    while (const auto next = line.next_timeout()) {
        now = *next;
        line.pop(now, out);
    }
    CHECK(out.size() == 115200);
    CHECK(now.time_since_epoch() > std::chrono::milliseconds(9990));
    CHECK(now.time_since_epoch() < std::chrono::milliseconds(10010));
}

TEST_CASE("noise corrupts, drops and inserts its share of octets", "[dongle]") {
    const Buffer octets(100000, std::byte{0x55});
    const auto run = [&](std::uint64_t seed) {
        Line line({.baud = 0, .noise = 1.0 / 500, .seed = seed});
        Buffer out;
        line.push(octets, {});
        line.pop({}, out);
        CHECK(line.counters().corrupted + line.counters().dropped + line.counters().inserted > 140);
        CHECK(line.counters().corrupted + line.counters().dropped + line.counters().inserted < 260);
        CHECK(line.counters().corrupted > 30);
        CHECK(line.counters().dropped > 30);
        CHECK(line.counters().inserted > 30);
        CHECK(out.size() == octets.size() - line.counters().dropped + line.counters().inserted);
        return out;
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
}

TEST_CASE("garbage and truncation come in runs", "[dongle]") {
    Line line({.baud = 0, .garbage = 0.001, .truncation = 0.001});
    Buffer out;
    line.push(Buffer(100000, std::byte{0x55}), {});
    line.pop({}, out);
    CHECK(line.counters().inserted > 1000);
    CHECK(line.counters().dropped > 1000);
    CHECK(line.counters().corrupted == 0);
}

TEST_CASE("a cut line forgets what was on its way", "[dongle]") {
    Line line({.baud = 9600});
    line.push(Buffer(10, std::byte{1}), {});
    line.clear();
    CHECK(line.waiting() == 0);
    CHECK_FALSE(line.next_timeout());
}

}  // namespace line_test
