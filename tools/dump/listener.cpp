#include "tools/dump/listener.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <csignal>

namespace mqttsn::tools {

namespace {

constexpr std::size_t receive_buffer = 208U << 10;  // what Linux gives without a privilege

}  // namespace

Listener::Listener(const std::string& at, const std::string& interface) {
    const bool is_port = at.find_first_not_of("0123456789") == std::string::npos;
    const auto wanted = transports::parse_socket_address(is_port ? "0.0.0.0:" + at : at);
    if (!wanted) {
        error_ =
            fmt::format("cannot listen on {}: expected an address and a port, such as 0.0.0.0:1883 or [::]:1883", at);
        return;
    }
    if (!interface.empty() && if_nametoindex(interface.c_str()) == 0) {
        error_ = fmt::format("there is no interface {} (see: ip link)", interface);
        return;
    }
    transports::UdpConfig config;
    config.receive_buffer = receive_buffer;
    config.send_buffer = receive_buffer;
    config.listen = to_string(*wanted);
    if (wanted->is_multicast()) {
        // The group has a socket of its own, which a gateway on this host does not mind; the other one takes any port.
        config.listen = wanted->is_v6() ? "[::]:0" : "0.0.0.0:0";
        config.multicast = {to_string(*wanted)};
        config.multicast_interface = interface;
    }
    socket_ = std::make_unique<transports::UdpTransport>(poll_, 0, std::move(config));
    if (const auto started = socket_->start(*this); !started) error_ = socket_->error();
    address_ = wanted->is_multicast() ? *wanted : socket_->local_address();
}

Listener::Ended Listener::run(double timeout_s, Handler handler) {
    handler_ = std::move(handler);
    boost::asio::signal_set signals(io_, SIGINT, SIGTERM);
    signals.async_wait([this](boost::system::error_code error, int) {
        if (!error) stop(Ended::by_signal);
    });
    boost::asio::steady_timer limit(io_);
    if (timeout_s > 0) {
        limit.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(timeout_s * 1e6)));
        limit.async_wait([this](boost::system::error_code error) {
            if (!error) stop(Ended::timed_out);
        });
    }
    io_.run();
    return ended_;
}

void Listener::on_frame(const FrameInfo& info, Bytes frame) {
    // The rest of a batch may follow the last datagram that is wanted.
    if (is_stopped_) return;
    const auto from = transports::to_socket_address(info.from.address);
    if (!handler_({from, address_, frame, frame.size()})) stop(Ended::by_handler);
}

void Listener::stop(Ended ended) {
    is_stopped_ = true;
    ended_ = ended;
    io_.stop();
}

}  // namespace mqttsn::tools
