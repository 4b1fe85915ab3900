// Listening on a UDP port, for `mqttsn dump -l`.
#pragma once

#include "tools/dump/datagram.hpp"
#include "transports/udp.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>

namespace mqttsn::tools {

class Listener final : private transports::FrameHandler {
public:
    enum class Ended { by_handler, timed_out, by_signal };
    /// Returns whether to go on.
    using Handler = std::function<bool(const UdpDatagram&)>;

    /// "192.0.2.1:1883", "[::]:1883", a multicast group to join, or a port alone. `interface` is for groups; empty is
    /// the system's choice. There is an error() if that cannot be done.
    Listener(const std::string& at, const std::string& interface);

    const std::string& error() const noexcept { return error_; }
    /// Where it listens, with the port that was taken for port 0. Datagrams have it as their destination: which address
    /// of the host a datagram came to is not known.
    const transports::SocketAddress& address() const noexcept { return address_; }
    /// Until the handler has enough, SIGINT or SIGTERM, or the time is over (0 = no limit).
    Ended run(double timeout_s, Handler handler);

private:
    void on_frame(const FrameInfo& info, Bytes frame) override;
    void on_link_state(LinkId, bool, const std::string&) override {}
    void on_batch_end() override {}
    void stop(Ended ended);

    std::string error_;
    transports::SocketAddress address_;
    boost::asio::io_context io_{1};
    transports::ReadyPoll poll_{io_, [] {}};
    std::unique_ptr<transports::UdpTransport> socket_;
    Handler handler_;
    Ended ended_ = Ended::by_handler;
    bool is_stopped_ = false;
};

}  // namespace mqttsn::tools
