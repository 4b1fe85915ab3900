#include "tools/node/forwarder.hpp"

#include "protocol/sn/forwarder.hpp"

namespace mqttsn::node {

void Forwarder::add(Bytes node_id, Deliver deliver) {
    nodes_[std::string(as_text(node_id))] = std::move(deliver);
}

void Forwarder::remove(Bytes node_id) {
    nodes_.erase(std::string(as_text(node_id)));
}

Buffer Forwarder::wrap(Bytes node_id, Bytes frame) {
    Buffer datagram;
    sn::append_encapsulation(0, node_id, datagram);
    datagram.insert(datagram.end(), frame.begin(), frame.end());
    return datagram;
}

void Forwarder::receive(Bytes datagram) {
    const auto outer = sn::decode_encapsulated(datagram);
    if (!outer) {
        ++counters_.malformed;
        return;
    }
    // Copies: a node may leave when it hears what it gets.
    if (outer->radius != 0) {
        const auto all = nodes_;
        for (const auto& [id, deliver] : all)
            deliver(outer->inner);
        return;
    }
    const auto node = nodes_.find(std::string(as_text(outer->node_id)));
    if (node == nodes_.end()) {
        ++counters_.unknown;
        return;
    }
    const Deliver deliver = node->second;
    deliver(outer->inner);
}

}  // namespace mqttsn::node
