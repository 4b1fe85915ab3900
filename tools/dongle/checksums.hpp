// The cyclic redundancy checks of serial framings.
#pragma once

#include "protocol/types.hpp"

#include <cstdint>

namespace mqttsn::dongle {

struct Crc {
    unsigned octets = 0;  ///< 0 = none
    std::uint32_t polynomial = 0;
    std::uint32_t initial = 0;
    bool reflected = false;
    std::uint32_t final_xor = 0;
    bool low_octet_first = false;  ///< in the trailer
};

inline constexpr Crc no_crc{};
inline constexpr Crc crc16_x25{2, 0x1021, 0xFFFF, true, 0xFFFF, true};
inline constexpr Crc crc16_xmodem{2, 0x1021, 0, false, 0, false};
inline constexpr Crc crc16_xmodem_le{2, 0x1021, 0, false, 0, true};
inline constexpr Crc crc16_ccitt_false{2, 0x1021, 0xFFFF, false, 0, false};
inline constexpr Crc crc32_iso{4, 0x04C11DB7, 0xFFFFFFFF, true, 0xFFFFFFFF, true};

std::uint32_t checksum(const Crc& crc, Bytes octets) noexcept;
void append_checksum(const Crc& crc, Buffer& octets);
/// Takes the trailer away. False: it disagrees, or is not there.
bool remove_checksum(const Crc& crc, Buffer& octets);

}  // namespace mqttsn::dongle
