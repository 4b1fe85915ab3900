// One radio channel for all: air time, loss, and two at once.
#include "tools/dongle/channel.hpp"
#include "tests/unit/dongle/bench.hpp"

namespace channel_test {

using namespace mqttsn;
using namespace mqttsn::dongle;
using std::chrono::milliseconds;

namespace {

const TimePoint start{std::chrono::seconds(1)};

}  // namespace

TEST_CASE("LoRa air time is that of Semtech's formula", "[dongle]") {
    struct Row {
        std::size_t octets;
        std::array<int, 6> ms;  // SF 7 to 12
    };
    const Row rows[] = {{10, {41, 72, 144, 289, 578, 991}},       {20, {57, 103, 185, 371, 741, 1319}},
                        {32, {72, 134, 247, 453, 987, 1810}},     {60, {113, 205, 370, 698, 1479, 2630}},
                        {120, {200, 359, 636, 1190, 2544, 4596}}, {240, {379, 666, 1189, 2173, 4755, 8528}}};
    for (const Row& row : rows) {
        for (unsigned i = 0; i < row.ms.size(); ++i) {
            INFO(row.octets << " octets at SF " << i + 7);
            const auto time = lora_air_time(i + 7, 125000, 1, 8, row.octets);
            CHECK(std::chrono::round<milliseconds>(time).count() == row.ms[i]);
        }
    }
}

TEST_CASE("two at once destroy each other, whoever they are", "[dongle]") {
    Channel channel({}, false);
    channel.transmit(1, 0, connect, milliseconds(50), 1, start);
    channel.transmit(0, 0, connack, milliseconds(50), 1, start + milliseconds(49));
    channel.transmit(2, 0, connect, milliseconds(50), 1, start + milliseconds(99));
    const TimePoint later = start + std::chrono::seconds(1);
    CHECK_FALSE(channel.take(later)->heard);
    CHECK_FALSE(channel.take(later)->heard);
    CHECK(channel.take(later)->heard);
    CHECK(channel.collisions() == 1);
}

TEST_CASE("stations that listen first wait for each other", "[dongle]") {
    Channel channel({}, true);
    CHECK(channel.transmit(1, 0, connect, milliseconds(50), 1, start) == start + milliseconds(50));
    CHECK(channel.transmit(0, 0, connack, milliseconds(50), 1, start) == start + milliseconds(100));
    CHECK(channel.is_sending(0, start + milliseconds(99)));
    CHECK_FALSE(channel.take(start + milliseconds(49)));
    CHECK(channel.take(start + milliseconds(50))->from == 1);
    CHECK_FALSE(channel.take(start + milliseconds(99)));
    CHECK(channel.next_timeout() == start + milliseconds(100));
}

TEST_CASE("radios that are acknowledged repeat what was lost, each time on the air", "[dongle]") {
    AirOptions air;
    air.loss = 0.5;
    Channel channel(air, true);
    int heard = 0;
    for (int i = 0; i < 1000; ++i) {
        const TimePoint end = channel.transmit(1, 0, connect, milliseconds(10), 4, start);
        const auto done = channel.take(end);
        REQUIRE(done);
        heard += done->heard ? 1 : 0;
        CHECK(done->end - done->begin == milliseconds(10) * done->sendings);
    }
    CHECK(heard > 900);  // of 1000, 937 are expected
    CHECK(heard < 970);
}

TEST_CASE("one station that listens spares the others, unless the air is said to have collisions", "[dongle]") {
    Channel channel({}, false);
    channel.transmit(1, 0, connect, milliseconds(50), 1, start);
    CHECK(channel.is_busy(start));
    CHECK_FALSE(channel.is_busy(start + milliseconds(50)));
    CHECK(channel.transmit(2, 0, connect, milliseconds(50), 1, start, true) == start + milliseconds(100));
    AirOptions air;
    air.collisions = true;
    Channel crowded(air, true);
    crowded.transmit(1, 0, connect, milliseconds(50), 1, start);
    CHECK(crowded.transmit(2, 0, connect, milliseconds(50), 1, start, true) == start + milliseconds(50));
}

}  // namespace channel_test
