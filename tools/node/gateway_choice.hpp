// Which gateway a node tries next (SN 6.13): another one first, then the former one. No socket, no clock.
#pragma once

#include "tools/node/discovery.hpp"

#include <optional>
#include <vector>

namespace mqttsn::node {

class GatewayChoice {
public:
    /// The gateway of the list that was tried longest ago or never; it counts as tried now. nullopt when the list is
    /// empty, or when each gateway of it failed twice since the last success.
    std::optional<KnownGateway> next(const std::vector<KnownGateway>& gateways);
    /// The gateway chosen last accepted the node.
    void succeeded();

private:
    struct Tried {
        Address address;
        std::uint64_t turn = 0;
        std::uint32_t times = 0;  ///< since the last success
    };
    std::vector<Tried> tried_;
    std::uint64_t turn_ = 0;
};

}  // namespace mqttsn::node
