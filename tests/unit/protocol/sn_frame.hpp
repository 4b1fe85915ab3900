// Building and judging MQTT-SN frames, for the tests of the codec.
#pragma once

#include "protocol/sn/v12_codec.hpp"

namespace mqttsn::test {

/// A heap block of exactly this size, so that the address sanitizer sees a read behind the frame.
inline Buffer exact(Bytes octets) {
    return Buffer(octets.begin(), octets.end());
}

/// A frame with a 1-octet Length; the body has at most 253 octets.
inline Buffer short_frame(std::uint8_t type, Bytes body) {
    Buffer frame{static_cast<std::byte>(body.size() + 2), static_cast<std::byte>(type)};
    frame.insert(frame.end(), body.begin(), body.end());
    return exact(frame);
}

inline Buffer long_frame(std::uint8_t type, Bytes body) {
    const std::size_t total = body.size() + 4;
    Buffer frame{std::byte{1}, static_cast<std::byte>(total >> 8U), static_cast<std::byte>(total & 0xFFU),
                 static_cast<std::byte>(type)};
    frame.insert(frame.end(), body.begin(), body.end());
    return exact(frame);
}

inline std::uint8_t code_of(sn::MsgType type) {
    return static_cast<std::uint8_t>(type);
}

/// The error of a refused frame; no error if it decodes.
inline boost::system::error_code refusal(Bytes frame) {
    const auto packet = sn::decode(frame);
    return packet ? boost::system::error_code() : packet.error();
}

inline Buffer encoded(const sn::Packet& packet) {
    Buffer frame;
    if (!sn::encode(packet, 65535, frame)) frame.clear();
    return frame;
}

}  // namespace mqttsn::test
