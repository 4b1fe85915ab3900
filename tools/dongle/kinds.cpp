#include "tools/dongle/kinds.hpp"

#include "tools/dongle/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::dongle {

std::span<const DongleKind* const> dongle_kinds() noexcept {
    static constexpr std::array kinds{&raw_kind, &slip_kind,   &hdlc_kind,  &cobs_kind,        &xbee_kind,  &rylr_kind,
                                      &rak_kind, &rn2483_kind, &ebyte_kind, &transparent_kind, &aquila_kind};
    return kinds;
}

MadeDongle make_dongle(std::string_view text, NodeNumber nodes, const AirOptions& air) {
    const auto name = text.substr(0, text.find(','));
    const auto kinds = dongle_kinds();
    const auto kind = std::ranges::find(kinds, name, [](const DongleKind* each) { return each->name; });
    if (kind == kinds.end()) {
        std::string names;
        for (const DongleKind* each : kinds)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", each->name);
        return {nullptr, fmt::format("{} is no kind of link; there are {}", name, names)};
    }
    Values values(text.substr(std::min(text.size(), name.size() + 1)), (*kind)->keys);
    MadeDongle made{(*kind)->make(values, nodes, air), values.error()};
    if (!made.error.empty()) made.dongle.reset();
    return made;
}

Crc crc_of(Values& values, std::string_view key) {
    static constexpr std::array crcs{no_crc, crc16_x25, crc16_ccitt_false, crc16_xmodem, crc16_xmodem_le, crc32_iso};
    return crcs[values.choice(key,
                              {"none", "crc16-x25", "crc16-ccitt-false", "crc16-xmodem", "crc16-xmodem-le", "crc32"})];
}

}  // namespace mqttsn::dongle
