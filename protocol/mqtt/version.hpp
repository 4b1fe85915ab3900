// The vocabulary of MQTT that needs no packets.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::mqtt {

enum class Version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

using PacketId = std::uint16_t;

/// A reason code of MQTT 5; values ≥ 0x80 are failures. What the client reports of older versions is translated:
/// CONNACK 1→0x84, 2→0x85, 3→0x88, 4→0x86, 5→0x87; SUBACK 0x80 stays 0x80.
using ReasonCode = std::uint8_t;
constexpr bool is_failure(ReasonCode code) noexcept {
    return code >= 0x80;
}

}  // namespace mqttsn::mqtt
