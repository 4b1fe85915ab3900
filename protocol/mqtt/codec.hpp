// MQTT control packets on the wire (MQTT 3.1, 3.1.1 and 5.0, chapters 2 and 3). Pure.
#pragma once

#include "protocol/mqtt/packet.hpp"

namespace mqttsn::mqtt {

enum class CodecError {
    malformed = 1,     ///< cut off, trailing octets, reserved bits, bad text, bad property
    packet_too_large,  ///< over the limit, or over 268,435,455 octets
};
const boost::system::error_category& codec_category() noexcept;
inline boost::system::error_code make_error_code(CodecError error) noexcept {
    return {static_cast<int>(error), codec_category()};
}

/// Decodes one packet: its first octet, and what follows Remaining Length. Views into `body`. CONNECT carries its own
/// version, which must be `version`.
Result<Packet> decode(Version version, std::uint8_t first_octet, Bytes body);

/// Appends the packet with its fixed header. Texts must be at most 65535 octets long.
void encode(Version version, const Packet& packet, Buffer& out);

/// As encode(), for the hot path: no properties.
void encode_publish(Version version, const Publish& packet, Buffer& out);
/// PUBACK, PUBREC, PUBREL and PUBCOMP in their short form, reason 0.
void encode_acknowledgement(PacketType type, PacketId packet_id, Buffer& out);

}  // namespace mqttsn::mqtt

template <>
struct boost::system::is_error_code_enum<mqttsn::mqtt::CodecError> : std::true_type {};
