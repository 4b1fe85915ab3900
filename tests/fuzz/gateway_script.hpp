// The language of fuzz_gateway_core's inputs: two octets of settings, then steps. Unknown or cut-off steps read as
// zeros.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::fuzz {

/// The low 3 bits of a step's first octet. The high 5 bits choose a device, a connection or a unit.
enum class Step : std::uint8_t {
    datagram,       ///< size(1) octets: a datagram as it is
    message,        ///< size(1) octets: MsgType and what follows; Length is put in front
    broker_octets,  ///< size(1) octets on a broker connection, as they are
    broker_packet,  ///< first octet(1) size(1) octets: Remaining Length is put between
    wait,           ///< count(2) in the chosen unit
    next_deadline,  ///< to the gateway's next deadline
    socket,         ///< the chosen socket opens, or is gone
    shut_down,
};

namespace setting {
// First octet
constexpr std::uint8_t version = 0x03;         ///< 0 = 3.1, 1 = 3.1.1, 2 and 3 = 5.0
constexpr std::uint8_t broker_answers = 0x04;  ///< sockets open and requests are answered at once
constexpr std::uint8_t session_present = 0x08;
constexpr std::uint8_t takeover = 0x30;  ///< value of Takeover, 3 = allow
constexpr std::uint8_t drop_exhausted = 0x40;
constexpr std::uint8_t assign_ids = 0x80;
// Second octet
constexpr std::uint8_t will_update = 0x03;  ///< value of WillUpdate, 3 = local
constexpr std::uint8_t probe = 0x04;
constexpr std::uint8_t nested = 0x08;  ///< forwarder.max_depth = 2
constexpr std::uint8_t expiry = 0x10;  ///< sessions expire
constexpr std::uint8_t flood_guard = 0x20;
constexpr std::uint8_t keep_alive_limit = 0x40;
}  // namespace setting

/// Bits of a datagram or message step.
constexpr std::uint8_t from_shift = 3;  ///< 2 bits: one of four addresses, the last one on the narrow link
constexpr std::uint8_t through_forwarder = 0x20;

/// Units of a wait step, chosen by the two bits above the step.
constexpr std::uint32_t wait_unit_ms[] = {1, 100, 1000, 60000};

}  // namespace mqttsn::fuzz
