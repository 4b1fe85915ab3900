// What a simulated sensor measures: a day's temperature with weather and noise, and a battery that falls. The same seed
// gives the same readings. No clock.
#pragma once

#include "protocol/types.hpp"
#include "tools/node/small_random.hpp"

#include <optional>
#include <string>

namespace mqttsn::node {

struct Reading {
    std::uint64_t number = 0;
    double temperature_c = 0;
    double humidity_percent = 0;
    double battery_v = 0;
};

class Readings {
public:
    /// The simulated day lasts `day`; it begins at eight in the morning.
    Readings(SmallRandom random, Duration day);

    /// The reading at this time since the beginning; times must not go back.
    Reading next(Duration elapsed);

private:
    SmallRandom random_;
    double day_s_;
    double offset_c_;  ///< a sunny or a shady place
    double weather_c_ = 0;
    double battery_v_;
    double last_s_ = 0;
    std::uint64_t number_ = 0;
};

constexpr std::size_t smallest_payload = 24;

/// {"n":1,"t":21.53,"h":64.2,"bat":3.102}, brought to exactly `size` octets: padded, or without what does not fit. 0 =
/// as it is; else at least smallest_payload.
std::string to_json(const Reading& reading, std::size_t size);
/// A JSON object with a checksum as its last member: CRC-16/CCITT-FALSE of the text before it, {…,"c":"29b1"}.
std::string sealed(std::string json);
bool is_intact(std::string_view json);
constexpr std::size_t seal_size = 11;
/// As to_json(), with the checksum within `size`, which is 0 or at least smallest_payload + seal_size.
std::string to_sealed_json(const Reading& reading, std::size_t size);
/// The number in a payload of to_json(); nullopt when it is something else.
std::optional<std::uint64_t> number_of(std::string_view json);

}  // namespace mqttsn::node
