#include "transports/radio/ebyte.hpp"

#include "transports/radio/air_line.hpp"

#include <fmt/format.h>

#include <array>

namespace mqttsn::transports {

namespace {

constexpr std::size_t fixed_header = 3;
constexpr std::array<std::size_t, 3> largest_sub_packet{240, 200, 58};  // E22, E220, E32
constexpr std::size_t e32 = 2;

constexpr DriverOption option_table[] = {
    framing_option,
    crc_option,
    crc_order_option,
    {"model", "e22", "e22, e220 or e32", "family of the module"},
    {"mode", "transparent", "transparent or fixed",
     "fixed: every frame goes to the module whose address is the node id of its forwarder header, else to all"},
    {"channel", "23", "a number from 0 to 83", "in fixed mode: the channel of the nodes"},
    {"subpacket", "0", "a number from 32 to the sub-packet limit of the model, or 0",
     "octets that leave in one packet, as set in the module; 0: the largest of the model"},
    {"rssi_byte", "false", "true or false, and false on e32", "the module appends the signal strength (REG3 bit 7)"},
    {"rssi_formula", "256", "256 or half", "dBm = octet - 256 (newer manuals) or -octet / 2 (older ones)"},
    {"air_rate", "2400", "a number from 300 to 62500", "bit/s on the air, as set in the module"},
    {"air_factor", "450", "a number from 100 to 1000",
     "percent of octets * 8 / air_rate that a frame takes; the default is what the E220 manual tells"},
    {"turnaround_ms", "100", "a number from 0 to 60000",
     "how long a node needs to turn to receive after sending, in ms"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader read(values, option_table);
    AirLineOptions options;
    options.framing = read_line_framing(read);
    const std::size_t model = read.choice("model", {"e22", "e220", "e32"});
    const bool fixed = read.choice("mode", {"transparent", "fixed"}) == 1;
    const auto channel = static_cast<std::uint8_t>(read.number("channel", 0, 83));
    auto sub_packet = static_cast<std::size_t>(read.number("subpacket", 0, 240));
    if (sub_packet > largest_sub_packet[model] || (sub_packet > 0 && sub_packet < 32)) read.refuse("subpacket");
    if (sub_packet == 0) sub_packet = largest_sub_packet[model];
    const bool rssi = read.boolean("rssi_byte");
    const auto formula = static_cast<RssiFormula>(read.choice("rssi_formula", {"256", "half"}));
    if (rssi && model == e32) read.refuse("rssi_byte");
    options.air_rate = static_cast<std::uint32_t>(read.number("air_rate", 300, 62'500));
    options.air_factor = static_cast<std::uint32_t>(read.number("air_factor", 100, 1000));
    options.turnaround = std::chrono::milliseconds(read.number("turnaround_ms", 0, 60'000));
    if (!read.error().empty()) return {nullptr, read.error()};
    if (rssi && options.framing.kind == FramingKind::raw) {
        return {nullptr,
                "framing = \"raw\": with rssi_byte = true nothing would tell the signal strength from a message"};
    }
    if (fixed) options.channel = channel;
    if (rssi) options.rssi = formula;
    // The header of fixed transmission is taken as part of the packet: the manuals do not say.
    const std::size_t packet = sub_packet - (fixed ? fixed_header : 0);
    // An RSSI octet stands behind every packet: inside a frame that takes two it would destroy it.
    const std::size_t limit = rssi ? options.framing.largest_within(packet) : packet - options.framing.overhead();
    if (mtu > limit) return {nullptr, fmt::format("mtu = {}: a frame of this link holds at most {}", mtu, limit)};
    options.mtu = mtu > 0 ? mtu : limit;
    return {make_air_line(options), {}};
}

}  // namespace

const DriverKind& ebyte_kind() {
    static const DriverKind kind{"ebyte", "Ebyte LoRa modules E22, E220, E32 as they are set", 9600, option_table,
                                 make};
    return kind;
}

}  // namespace mqttsn::transports
