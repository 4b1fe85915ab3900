#include "transports/radio/transparent.hpp"

#include "transports/radio/air_line.hpp"

#include <fmt/format.h>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;

/// HC-12 in mode FU4 bears 60 octets in 2 seconds, and no more in one go.
constexpr std::size_t fu4_octets = 60;
constexpr Duration fu4_interval = 2s;

constexpr DriverOption option_table[] = {
    framing_option,
    crc_option,
    crc_order_option,
    {"air_rate", "0", "a number from 0 to 1000000",
     "bit/s on the air; 0: as fast as the line. Paces the frames and times the answers"},
    {"half_duplex", "true", "true or false", "deaf while it sends (HC-12, SiK); RFCOMM is not"},
    {"turnaround_ms", "0", "a number from 0 to 60000", "how long a node needs to turn to receive after sending, in ms"},
    {"hc12_fu4", "false", "true or false", "HC-12 in mode FU4: at most 60 octets in 2 seconds"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader read(values, option_table);
    AirLineOptions options;
    options.framing = read_line_framing(read);
    options.air_rate = static_cast<std::uint32_t>(read.number("air_rate", 0, 1'000'000));
    options.half_duplex = read.boolean("half_duplex");
    options.turnaround = std::chrono::milliseconds(read.number("turnaround_ms", 0, 60'000));
    const bool fu4 = read.boolean("hc12_fu4");
    if (!read.error().empty()) return {nullptr, read.error()};
    if (fu4) options.least_interval = fu4_interval;
    const std::size_t limit = fu4 ? options.framing.largest_within(fu4_octets) : 65535;
    if (mtu > limit) return {nullptr, fmt::format("mtu = {}: a frame of this link holds at most {}", mtu, limit)};
    options.mtu = mtu > 0 ? mtu : std::min<std::size_t>(limit, 255);
    return {make_air_line(options), {}};
}

}  // namespace

const DriverKind& transparent_kind() {
    static const DriverKind kind{"transparent", "SiK, HC-12, RFCOMM and other radios that only carry octets", 9600,
                                 option_table, make};
    return kind;
}

}  // namespace mqttsn::transports
