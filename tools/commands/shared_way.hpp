// A way to the gateway that many nodes share: a forwarder with its socket, a radio dongle.
#pragma once

#include "protocol/types.hpp"

#include <functional>

namespace mqttsn::tools {

class SharedWay {
public:
    /// A frame of the gateway for the node.
    using Deliver = std::function<void(Bytes frame)>;

    virtual void add(Bytes node_id, Deliver deliver) = 0;
    virtual void remove(Bytes node_id) = 0;
    /// A frame of the node for the gateway.
    virtual void send(Bytes node_id, Bytes frame) = 0;

protected:
    ~SharedWay() = default;
};

}  // namespace mqttsn::tools
