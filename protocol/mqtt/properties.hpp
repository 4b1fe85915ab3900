// MQTT 5 properties: which type each has, and where it may stand (MQTT 5.0, table 2-4).
#pragma once

#include "protocol/mqtt/packet.hpp"

namespace mqttsn::mqtt {

enum class PropertyKind : std::uint8_t { octet, two_octets, four_octets, variable, text, binary, pair };

/// Where a property may stand: a packet type, or the will inside CONNECT.
constexpr unsigned will_place = 0;
constexpr unsigned place_of(PacketType type) noexcept {
    return static_cast<unsigned>(type);
}

struct PropertyRule {
    PropertyId id;
    PropertyKind kind;
    std::uint32_t places;  ///< bit `place` set: allowed there
    bool repeatable;
};

/// nullptr for ids without a meaning.
const PropertyRule* find_rule(std::uint32_t id) noexcept;

}  // namespace mqttsn::mqtt
