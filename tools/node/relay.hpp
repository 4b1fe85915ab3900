// Between a link with its nodes and a gateway elsewhere: frames travel in forwarder encapsulation (SN 5.5), node ids
// are the addresses on the link. No socket, no clock.
#pragma once

#include "protocol/address.hpp"

namespace mqttsn::node {

class Relay {
public:
    struct Counters {
        std::uint64_t up = 0;
        std::uint64_t down = 0;
        std::uint64_t broadcasts = 0;  ///< of `down`
        std::uint64_t malformed = 0;   ///< from the gateway: badly encapsulated, or for an address that no link has
    };
    struct Down {
        bool broadcast = false;
        std::uint8_t radius = 0;  ///< of a broadcast
        Address to;               ///< not with broadcast
        Bytes frame;
    };

    /// The datagram for the gateway. A node of a link without addresses has the id 00, unless it, or its forwarder, has
    /// put an id of its own into the frame: that goes through as it is.
    Buffer up(const Address& from, Bytes frame);
    /// What to do with a datagram of the gateway; views into it. What is not encapsulated is for all nodes (ADVERTISE,
    /// GWINFO). Nothing when it is malformed.
    std::optional<Down> down(Bytes datagram);

    const Counters& counters() const noexcept { return counters_; }

private:
    std::optional<Down> taken_apart(Bytes datagram) const;

    bool has_addresses_ = false;  ///< the link told some
    Counters counters_;
};

}  // namespace mqttsn::node
