// All kinds of modules, and what they share.
#pragma once

#include "tools/dongle/checksums.hpp"
#include "tools/dongle/dongle.hpp"

#include <array>

namespace mqttsn::dongle {

extern const DongleKind raw_kind;
extern const DongleKind slip_kind;
extern const DongleKind hdlc_kind;
extern const DongleKind cobs_kind;
extern const DongleKind xbee_kind;
extern const DongleKind rylr_kind;
extern const DongleKind rak_kind;
extern const DongleKind rn2483_kind;
extern const DongleKind ebyte_kind;
extern const DongleKind transparent_kind;
extern const DongleKind aquila_kind;

inline constexpr std::string_view crc_names_text =
    "none, crc16-x25, crc16-ccitt-false, crc16-xmodem, crc16-xmodem-le or crc32";
Crc crc_of(Values& values, std::string_view key);

}  // namespace mqttsn::dongle
