#include "tools/commands/forwarder_link.hpp"

#include <sys/socket.h>

#include <array>

namespace mqttsn::tools {

using boost::asio::ip::udp;

namespace {

constexpr int receive_buffer = 4 << 20;  // answers to many nodes may come at once

}  // namespace

Result<void> ForwarderLink::open(const udp::endpoint& gateway) {
    boost::system::error_code error;
    socket_.open(gateway.protocol(), error);
    if (!error) socket_.connect(gateway, error);
    if (!error) socket_.non_blocking(true, error);
    if (error) return error;
    boost::system::error_code ignored;  // a smaller buffer works too
    socket_.set_option(udp::socket::receive_buffer_size(receive_buffer), ignored);
    wait_readable();
    return {};
}

void ForwarderLink::send(Bytes node_id, Bytes frame) {
    const Buffer datagram = node::Forwarder::wrap(node_id, frame);
    boost::system::error_code ignored;  // a lost datagram: T_retry of the node takes care
    socket_.send(boost::asio::buffer(datagram), 0, ignored);
}

void ForwarderLink::wait_readable() {
    socket_.async_wait(udp::socket::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        std::array<std::byte, 65536> datagram;
        while (true) {
            const auto size = ::recv(socket_.native_handle(), datagram.data(), datagram.size(), MSG_DONTWAIT);
            if (size < 0) break;
            forwarder_.receive(Bytes(datagram).first(static_cast<std::size_t>(size)));
        }
        wait_readable();
    });
}

}  // namespace mqttsn::tools
