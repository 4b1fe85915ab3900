#include "transports/radio/lora_air_time.hpp"

#include <catch2/catch.hpp>

#include <cmath>

namespace lora_air_time_test {

using namespace mqttsn;
using namespace mqttsn::transports;

namespace {

long milliseconds(const LoraModulation& modulation, std::size_t octets) {
    return std::lround(static_cast<double>(lora_air_time(modulation, octets).count()) / 1000.0);
}

}  // namespace

TEST_CASE("The air time of a LoRa packet is that of the data sheet's formula", "[lora]") {
    struct Row {
        std::size_t octets;
        long by_factor[6];
    };
    // 125 kHz, 4/5, 8 symbols of preamble, explicit header, CRC; SF7 to SF12
    constexpr Row rows[] = {
        {10, {41, 72, 144, 289, 578, 991}},       {20, {57, 103, 185, 371, 741, 1319}},
        {32, {72, 134, 247, 453, 987, 1810}},     {60, {113, 205, 370, 698, 1479, 2630}},
        {120, {200, 359, 636, 1190, 2544, 4596}}, {240, {379, 666, 1189, 2173, 4755, 8528}},
    };
    for (const Row& row : rows) {
        for (unsigned factor = 7; factor <= 12; ++factor) {
            CAPTURE(row.octets, factor);
            CHECK(milliseconds({.spreading_factor = factor}, row.octets) == row.by_factor[factor - 7]);
        }
    }
}

TEST_CASE("Bandwidth, coding rate, preamble, CRC and header change the air time", "[lora]") {
    const LoraModulation usual{};
    const Duration time = lora_air_time(usual, 20);
    SECTION("twice the bandwidth takes half the time") {
        CHECK(lora_air_time({.bandwidth_hz = 250'000}, 20) == time / 2);
    }
    SECTION("a symbol of preamble takes a symbol's time") {
        CHECK(lora_air_time({.preamble = 12}, 20) - time == std::chrono::microseconds(4 * 1024));
    }
    SECTION("4/8 sends eight symbols where 4/5 sends five") {
        // 7 blocks of 5 or 8 symbols of 1.024 ms
        CHECK(lora_air_time({.coding_rate = 4}, 20) - time == std::chrono::microseconds(7 * 3 * 1024));
    }
    SECTION("without CRC and header it is shorter") {
        CHECK(lora_air_time({.crc = false, .explicit_header = false}, 20) < time);
    }
    SECTION("an empty packet still has preamble and header") {
        CHECK(milliseconds(usual, 0) == 26);
    }
    SECTION("SF5 has a longer preamble") {
        // 160 - 20 + 16 + 20 bits are 9 blocks of 20: 12 + 6.25 + 8 + 9 x 5 symbols of 0.256 ms
        CHECK(lora_air_time({.spreading_factor = 5, .preamble = 12}, 20) == std::chrono::microseconds(18'240));
    }
}

}  // namespace lora_air_time_test
