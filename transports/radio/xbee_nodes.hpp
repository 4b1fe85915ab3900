// What is worth remembering of the nodes behind an XBee: where a frame went last time, and how many did not arrive.
// Pure.
#pragma once

#include "transports/radio/xbee_frame.hpp"

#include <unordered_map>

namespace mqttsn::transports {

/// Bounded: forgetting a node costs the network one search for its 16-bit address, nothing more.
class XbeeNodes {
public:
    static constexpr std::size_t capacity = 4096;

    struct Node {
        std::uint16_t short_address = xbee::no_short_address;
        std::uint32_t failures = 0;  ///< in a row
    };

    /// Makes room by forgetting another.
    Node& of(const Address& address) {
        const auto found = nodes_.find(address);
        if (found != nodes_.end()) return found->second;
        if (nodes_.size() == capacity) nodes_.erase(nodes_.begin());
        return nodes_[address];
    }
    std::size_t size() const noexcept { return nodes_.size(); }

private:
    struct Hash {
        std::size_t operator()(const Address& address) const noexcept {
            return std::hash<std::string_view>{}(as_text(address.octets()));
        }
    };
    std::unordered_map<Address, Node, Hash> nodes_;
};

}  // namespace mqttsn::transports
