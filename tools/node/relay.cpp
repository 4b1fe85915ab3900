#include "tools/node/relay.hpp"

#include "protocol/sn/forwarder.hpp"

#include <algorithm>

namespace mqttsn::node {

namespace {

constexpr std::array only_node{std::byte{0}};

}  // namespace

Buffer Relay::up(const Address& from, Bytes frame) {
    ++counters_.up;
    const bool has_address = !from.octets().empty();
    has_addresses_ = has_addresses_ || has_address;
    if (!has_address && sn::is_encapsulated(frame)) return {frame.begin(), frame.end()};
    Buffer datagram;
    sn::append_encapsulation(0, has_address ? from.octets() : Bytes(only_node), datagram);
    datagram.insert(datagram.end(), frame.begin(), frame.end());
    return datagram;
}

std::optional<Relay::Down> Relay::down(Bytes datagram) {
    const auto done = taken_apart(datagram);
    if (!done) {
        ++counters_.malformed;
        return std::nullopt;
    }
    ++counters_.down;
    counters_.broadcasts += done->broadcast ? 1U : 0U;
    return done;
}

std::optional<Relay::Down> Relay::taken_apart(Bytes datagram) const {
    if (!sn::is_encapsulated(datagram)) return Down{true, 0, {}, datagram};
    const auto outer = sn::decode_encapsulated(datagram);
    if (!outer) return std::nullopt;
    if (outer->radius != 0) return Down{true, outer->radius, {}, outer->inner};
    if (std::ranges::equal(outer->node_id, only_node)) return Down{false, 0, {}, outer->inner};
    if (!has_addresses_) return Down{false, 0, {}, datagram};
    if (outer->node_id.size() > Address::capacity) return std::nullopt;
    return Down{false, 0, Address(outer->node_id), outer->inner};
}

}  // namespace mqttsn::node
