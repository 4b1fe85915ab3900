#include "transports/framing/message_shape.hpp"

#include "protocol/sn/v12_packet.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::transports {

namespace {

using sn::MsgType;
using Verdict = Shape::Verdict;

/// Sizes behind the MsgType.
struct TypeSizes {
    MsgType type;
    bool from_nodes;
    bool from_gateway;
    std::size_t shortest;
    std::size_t longest;
};

constexpr std::size_t any_size = 65535;
constexpr std::size_t longest_client_id = 23;  // SN 5.3.1

// SN 5.4. DISCONNECT (0 or 2) and WILLTOPIC (0, or 2 and more) have a hole in the middle: see has_size().
constexpr std::array types{
    TypeSizes{MsgType::advertise, false, true, 3, 3},
    TypeSizes{MsgType::searchgw, true, false, 1, 1},
    TypeSizes{MsgType::gwinfo, true, true, 1, any_size},
    TypeSizes{MsgType::connect, true, false, 4, 4 + longest_client_id},
    TypeSizes{MsgType::connack, false, true, 1, 1},
    TypeSizes{MsgType::willtopicreq, false, true, 0, 0},
    TypeSizes{MsgType::willtopic, true, false, 0, any_size},
    TypeSizes{MsgType::willmsgreq, false, true, 0, 0},
    TypeSizes{MsgType::willmsg, true, false, 0, any_size},
    TypeSizes{MsgType::register_, true, true, 5, any_size},
    TypeSizes{MsgType::regack, true, true, 5, 5},
    TypeSizes{MsgType::publish, true, true, 5, any_size},
    TypeSizes{MsgType::puback, true, true, 5, 5},
    TypeSizes{MsgType::pubcomp, true, true, 2, 2},
    TypeSizes{MsgType::pubrec, true, true, 2, 2},
    TypeSizes{MsgType::pubrel, true, true, 2, 2},
    TypeSizes{MsgType::subscribe, true, false, 4, any_size},
    TypeSizes{MsgType::suback, false, true, 6, 6},
    TypeSizes{MsgType::unsubscribe, true, false, 4, any_size},
    TypeSizes{MsgType::unsuback, false, true, 2, 2},
    TypeSizes{MsgType::pingreq, true, true, 0, any_size},
    TypeSizes{MsgType::pingresp, false, true, 0, 0},
    TypeSizes{MsgType::disconnect, true, true, 0, 2},
    TypeSizes{MsgType::willtopicupd, true, false, 0, any_size},
    TypeSizes{MsgType::willtopicresp, false, true, 1, 1},
    TypeSizes{MsgType::willmsgupd, true, false, 0, any_size},
    TypeSizes{MsgType::willmsgresp, false, true, 1, 1},
};

bool has_size(const TypeSizes& each, std::size_t size) noexcept {
    const bool has_hole =
        each.type == MsgType::disconnect || each.type == MsgType::willtopic || each.type == MsgType::willtopicupd;
    return size >= each.shortest && size <= each.longest && !(has_hole && size == 1);
}

bool is_plausible(MsgType type, std::size_t size, Peer peer) noexcept {
    const auto found = std::ranges::find(types, type, &TypeSizes::type);
    if (found == types.end()) return false;
    if (peer == Peer::any) return true;
    return (peer == Peer::nodes ? found->from_nodes : found->from_gateway) && has_size(*found, size);
}

std::size_t octet(Bytes octets, std::size_t index) noexcept {
    return static_cast<std::size_t>(octets[index]);
}

// One message without forwarder headers.
Shape shape_of_message(Bytes octets, Peer peer, std::size_t largest) noexcept {
    const std::size_t first = octet(octets, 0);
    const std::size_t header = first == 1 ? 4 : 2;  // Length and MsgType
    if (first == 0 || (first != 1 && first > largest)) return {};
    if (octets.size() < header) return {Verdict::incomplete, 0, false};
    const std::size_t size = first == 1 ? octet(octets, 1) << 8U | octet(octets, 2) : first;
    if (size < header || size > largest) return {};
    const auto type = static_cast<MsgType>(octets[header - 1]);
    if (!is_plausible(type, size - header, peer)) return {};
    if (type == MsgType::connect && peer != Peer::any) {
        if (octets.size() < header + 2) return {Verdict::incomplete, 0, false};
        const std::size_t protocol = octet(octets, header + 1);  // 1, or 2 for MQTT-SN 2.0
        if (protocol != 1 && protocol != 2) return {};
    }
    if (octets.size() < size) return {Verdict::incomplete, 0, true};
    return {Verdict::whole, size, true};
}

}  // namespace

Shape shape_of(Bytes octets, Peer peer, std::size_t largest) noexcept {
    std::size_t headers = 0;
    for (int depth = 0;; ++depth) {
        const Bytes rest = octets.subspan(headers);
        if (rest.empty()) return {Verdict::incomplete, 0, false};
        // May become a forwarder header, which `largest` does not limit.
        if (rest.size() == 1 && octet(rest, 0) >= 4 && depth < deepest_encapsulation)
            return {Verdict::incomplete, 0, false};
        const bool is_header = rest.size() >= 2 && static_cast<MsgType>(rest[1]) == MsgType::encapsulated;
        if (!is_header || rest[0] == std::byte{1}) {
            Shape shape = shape_of_message(rest, peer, largest);
            if (shape.verdict == Verdict::whole) shape.size += headers;
            return shape;
        }
        if (octet(rest, 0) < 4 || depth == deepest_encapsulation) return {};
        if (rest.size() < octet(rest, 0)) return {Verdict::incomplete, 0, false};
        headers += octet(rest, 0);
    }
}

DeclaredSize declared_size(Bytes frame) noexcept {
    std::size_t headers = 0;
    while (true) {
        const Bytes rest = frame.subspan(headers);
        if (rest.size() < 2) return {};
        if (rest[0] == std::byte{1}) {
            const std::size_t size = rest.size() < 4 ? 0 : octet(rest, 1) << 8U | octet(rest, 2);
            return size >= 4 && size <= rest.size() ? DeclaredSize{headers, size} : DeclaredSize{};
        }
        const std::size_t size = octet(rest, 0);
        if (size < 2 || size > rest.size()) return {};
        if (static_cast<MsgType>(rest[1]) != MsgType::encapsulated) return {headers, size};
        headers += size;
    }
}

}  // namespace mqttsn::transports
