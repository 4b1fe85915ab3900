// A forwarder (SN 5.5): carries the frames of nodes that the gateway cannot reach, as they are. No socket, no clock.
#pragma once

#include "protocol/types.hpp"

#include <functional>
#include <string>
#include <unordered_map>

namespace mqttsn::node {

class Forwarder {
public:
    /// A frame of the gateway for the node.
    using Deliver = std::function<void(Bytes frame)>;

    struct Counters {
        std::uint64_t malformed = 0;  ///< not encapsulated, or badly
        std::uint64_t unknown = 0;    ///< for a node that is not here
    };

    /// `node_id` has 1 to 252 octets; a node of the same id is replaced.
    void add(Bytes node_id, Deliver deliver);
    void remove(Bytes node_id);

    /// The datagram that brings this frame to the gateway; radius 0, which only the gateway sets (SN12-5.5-g).
    static Buffer wrap(Bytes node_id, Bytes frame);
    /// A datagram of the gateway: radius 0 goes to the node it names alone, a larger one, a broadcast, to every node:
    /// all of them are one hop away.
    void receive(Bytes datagram);

    const Counters& counters() const noexcept { return counters_; }

private:
    std::unordered_map<std::string, Deliver> nodes_;
    Counters counters_;
};

}  // namespace mqttsn::node
