#include "protocol/sn/forwarder.hpp"

namespace mqttsn::sn {

namespace {

constexpr std::size_t header_without_node_id = 3;  // Length, MsgType, Ctrl

// The length that a message declares for itself; 0 if it is cut off.
std::size_t declared_length(Bytes message) noexcept {
    const auto first = static_cast<std::size_t>(message[0]);
    if (first != 1) return first;
    if (message.size() < 4) return 0;
    return (static_cast<std::size_t>(message[1]) << 8U) | static_cast<std::size_t>(message[2]);
}

// An encapsulated message fills more than its Length says, which covers the header only (SN12-5.5-b).
bool fills_exactly(Bytes message) noexcept {
    const std::size_t declared = declared_length(message);
    return is_encapsulated(message) ? declared < message.size() : declared == message.size();
}

}  // namespace

bool is_encapsulated(Bytes frame) noexcept {
    return frame.size() >= 2 && frame[0] != std::byte{1} && frame[1] == static_cast<std::byte>(MsgType::encapsulated);
}

Result<Encapsulated> decode_encapsulated(Bytes frame) noexcept {
    const auto bad = make_error_code(CodecError::bad_encapsulation);
    if (!is_encapsulated(frame)) return bad;
    const auto header = static_cast<std::size_t>(frame[0]);
    if (header <= header_without_node_id || header >= frame.size()) return bad;
    const Bytes inner = frame.subspan(header);
    if (!fills_exactly(inner)) return bad;
    return Encapsulated{static_cast<std::uint8_t>(frame[2] & std::byte{3}),
                        frame.subspan(header_without_node_id, header - header_without_node_id), inner};
}

void append_encapsulation(std::uint8_t radius, Bytes node_id, Buffer& out) {
    out.push_back(static_cast<std::byte>(header_without_node_id + node_id.size()));
    out.push_back(static_cast<std::byte>(MsgType::encapsulated));
    out.push_back(static_cast<std::byte>(radius & 3U));
    out.insert(out.end(), node_id.begin(), node_id.end());
}

}  // namespace mqttsn::sn
