// MQTT-SN 1.2 on the wire (SN 5.2–5.4). Pure.
#pragma once

#include "protocol/sn/v12_packet.hpp"

namespace mqttsn::sn {

/// Why a frame was refused; also the label of the decode-error counters.
enum class CodecError {
    empty = 1,          ///< no octets at all
    bad_length,         ///< Length 0, a 3-octet form below 4, or a header that is cut off
    length_mismatch,    ///< Length differs from the size of the datagram (SN12-5.2.1-g)
    reserved_type,      ///< a MsgType without a meaning (SN12-5.2.2-b)
    wrong_size,         ///< the type does not have this size (SN12-5.4-a, SN12-5.4-b)
    bad_encapsulation,  ///< forwarder header in 3-octet form, without node id or without an inner message
    too_long,           ///< encode: the frame would exceed the limit or 65535 octets
};
constexpr std::size_t codec_error_count = 7;
/// "length_mismatch"; empty for what is none.
std::string_view name_of(CodecError error) noexcept;
const boost::system::error_category& codec_category() noexcept;
inline boost::system::error_code make_error_code(CodecError error) noexcept {
    return {static_cast<int>(error), codec_category()};
}

/// Decodes exactly one message filling the whole datagram, 1- or 3-octet Length (SN 5.2.1). The packet holds views
/// into `frame`. Encapsulated frames are refused with reserved_type: see forwarder.hpp.
/// Semantics are not judged here: empty names, reserved ids, wildcards, foreign protocol ids come through.
Result<Packet> decode(Bytes frame) noexcept;

/// Appends the frame to `out`: 1-octet Length up to a total of 255 octets, else 3-octet Length (SN12-5.2.1-d). Error
/// too_long, and nothing appended, if the frame would be longer than `limit` octets.
Result<void> encode(const Packet& packet, std::size_t limit, Buffer& out);

}  // namespace mqttsn::sn

template <>
struct boost::system::is_error_code_enum<mqttsn::sn::CodecError> : std::true_type {};
