// What is inside the API frames of a Digi XBee: transmit requests, received packets, statuses, AT commands. Pure. Start
// octet, length, escapes and checksum belong to the framing. Fields are big-endian.
#pragma once

#include "protocol/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace mqttsn::transports::xbee {

/// "Not known" as a 16-bit address.
inline constexpr std::uint16_t no_short_address = 0xfffe;

/// 90, 91, 80, 81. The sender is a 64-bit address (8 octets); a 16-bit one (2 octets) only where the sender has no
/// other: a 16-bit address can change when a node joins again.
struct ReceivePacket {
    Address from;
    std::uint16_t short_address = no_short_address;  ///< beside a 64-bit address: a hint
    std::optional<Signal> signal;                    ///< 80 and 81 only
    bool legacy = false;                             ///< 80, 81: the radio speaks plain 802.15.4
    Bytes payload;
};

/// 8B and 89.
struct TransmitStatus {
    std::uint8_t id = 0;
    std::uint8_t status = 0;
    std::uint16_t short_address = no_short_address;  ///< 8B: where the frame went
};

/// 8A
struct ModemStatus {
    std::uint8_t status = 0;
};

/// 88
struct AtResponse {
    std::uint8_t id = 0;
    std::array<char, 2> command{};
    std::uint8_t status = 0;
    Bytes value;

    bool is(std::string_view name) const noexcept { return std::string_view(command.data(), 2) == name; }
    /// Up to 4 octets; nullopt for none or more.
    std::optional<std::uint32_t> number() const noexcept;
};

/// Any other type: modules tell a lot that a gateway does not need.
struct OtherFrame {
    std::uint8_t type = 0;
};

using Frame = std::variant<ReceivePacket, TransmitStatus, ModemStatus, AtResponse, OtherFrame>;

/// Views into `data`. nullopt: too short for what its type promises, or a packet without payload.
std::optional<Frame> decode(Bytes data) noexcept;

struct TransmitRequest {
    bool legacy = false;  ///< 00 or 01 instead of 10
    std::uint8_t id = 0;  ///< 1–255; with 0 the module would not report
    bool broadcast = false;
    Address to{};  ///< 8 or 2 octets; not with broadcast
    std::uint16_t short_address = no_short_address;
    std::uint8_t radius = 0;  ///< of a broadcast in a frame 10; 0 = as far as the network reaches
    std::uint8_t options = 0;
    Bytes payload{};
};

/// Whether the address has a size that a request can carry.
inline bool is_address(const Address& address) noexcept {
    return address.octets().size() == 8 || address.octets().size() == 2;
}

/// Both append to `out`.
void append(const TransmitRequest& request, Buffer& out);
void append_at_command(std::uint8_t id, std::string_view command, Bytes value, Buffer& out);

/// What a delivery status means, for people.
std::string_view delivery_text(std::uint8_t status) noexcept;

}  // namespace mqttsn::transports::xbee
