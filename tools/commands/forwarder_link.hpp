// A simulated forwarder on its UDP socket.
#pragma once

#include "tools/commands/shared_way.hpp"
#include "tools/node/forwarder.hpp"

#include <boost/asio/ip/udp.hpp>

namespace mqttsn::tools {

class ForwarderLink : public SharedWay {
public:
    explicit ForwarderLink(boost::asio::io_context& io) : socket_(io) {}

    /// Error: of the system.
    Result<void> open(const boost::asio::ip::udp::endpoint& gateway);
    void add(Bytes node_id, Deliver deliver) override { forwarder_.add(node_id, std::move(deliver)); }
    void remove(Bytes node_id) override { forwarder_.remove(node_id); }
    void send(Bytes node_id, Bytes frame) override;

private:
    void wait_readable();

    node::Forwarder forwarder_;
    boost::asio::ip::udp::socket socket_;
};

}  // namespace mqttsn::tools
