// Forwarder encapsulation (SN 5.5). Pure.
#pragma once

#include "protocol/sn/v12_codec.hpp"

namespace mqttsn::sn {

/// Radius bits of Ctrl go from gateway to forwarder only; 0 reaches all nodes.
struct Encapsulated {
    std::uint8_t radius = 0;  ///< 0–3
    Bytes node_id;            ///< 1–252 octets, opaque
    Bytes inner;              ///< one complete message, possibly itself encapsulated
};

/// Whether the frame has MsgType 0xFE in a 1-octet header.
bool is_encapsulated(Bytes frame) noexcept;

/// Splits header and inner message; views into `frame`. Error bad_encapsulation. The inner message must fill the rest
/// by its own Length, but is not decoded here.
Result<Encapsulated> decode_encapsulated(Bytes frame) noexcept;

/// Appends the encapsulation header; the caller appends the inner message behind it. `node_id` has 1–252 octets.
void append_encapsulation(std::uint8_t radius, Bytes node_id, Buffer& out);

}  // namespace mqttsn::sn
