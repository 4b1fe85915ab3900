// A simulated forwarder on its UDP socket.
#pragma once

#include "tools/node/forwarder.hpp"

#include <boost/asio/ip/udp.hpp>

namespace mqttsn::tools {

class ForwarderLink {
public:
    explicit ForwarderLink(boost::asio::io_context& io) : socket_(io) {}

    /// Error: of the system.
    Result<void> open(const boost::asio::ip::udp::endpoint& gateway);
    /// A frame of a node, on its way to the gateway.
    void send(Bytes node_id, Bytes frame);
    node::Forwarder& forwarder() noexcept { return forwarder_; }

private:
    void wait_readable();

    node::Forwarder forwarder_;
    boost::asio::ip::udp::socket socket_;
};

}  // namespace mqttsn::tools
