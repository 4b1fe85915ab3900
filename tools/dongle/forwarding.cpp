#include "tools/dongle/forwarding.hpp"

#include "protocol/sn/forwarder.hpp"
#include "protocol/sn/v12_packet.hpp"

#include <array>

namespace mqttsn::dongle {

namespace {

constexpr NodeNumber broadcast_id = 0xFFFF;

bool is_broadcast(Bytes frame) {
    const std::size_t header = !frame.empty() && frame[0] == std::byte{1} ? 4 : 2;  // Length and MsgType
    if (frame.size() < header) return false;
    const auto type = static_cast<sn::MsgType>(frame[header - 1]);
    return type == sn::MsgType::advertise || type == sn::MsgType::gwinfo;
}

}  // namespace

Buffer encapsulated(NodeNumber node, Bytes frame) {
    const std::array id{static_cast<std::byte>(node >> 8U), static_cast<std::byte>(node & 0xFFU)};
    Buffer wrapped;
    sn::append_encapsulation(0, id, wrapped);
    wrapped.insert(wrapped.end(), frame.begin(), frame.end());
    return wrapped;
}

std::optional<Unwrapped> unwrapped(Bytes frame, NodeNumber nodes) {
    Bytes inner = frame;
    if (sn::is_encapsulated(frame)) {
        const auto outer = sn::decode_encapsulated(frame);
        if (!outer) return std::nullopt;
        inner = outer->inner;
        if (outer->radius == 0) {
            if (outer->node_id.size() != 2) return std::nullopt;
            const auto node = static_cast<NodeNumber>(static_cast<unsigned>(outer->node_id[0]) << 8U |
                                                      static_cast<unsigned>(outer->node_id[1]));
            if (node == 0) return std::nullopt;
            if (node != broadcast_id) return Unwrapped{node, inner};
        }
    }
    return nodes == 1 || is_broadcast(inner) ? std::optional(Unwrapped{everyone, inner}) : std::nullopt;
}

}  // namespace mqttsn::dongle
