// A searching node on its sockets: the sans-I/O discovery with a clock, one socket to speak from, one for each group.
#pragma once

#include "tools/commands/common.hpp"
#include "tools/commands/node_link.hpp"
#include "tools/node/discovery.hpp"
#include "transports/udp_address.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mqttsn::tools {

class DiscoveryLink {
public:
    struct Handler {
        std::function<void(const node::DiscoveryEvent&)> on_event;
        std::function<void(bool sent, Bytes frame)> on_frame;  ///< every datagram, for -d; may be empty
    };

    /// `answers` false: the searches of other nodes are not answered.
    DiscoveryLink(boost::asio::io_context& io, const node::DiscoveryOptions& options, bool answers, Handler handler);
    ~DiscoveryLink();
    DiscoveryLink(const DiscoveryLink&) = delete;
    DiscoveryLink& operator=(const DiscoveryLink&) = delete;

    /// Where SEARCHGW goes: multicast groups, which are also listened to, broadcast addresses, hosts. `interface` is a
    /// name, or empty. Error text when nothing can be sent.
    std::optional<std::string> open(const std::vector<transports::SocketAddress>& targets,
                                    const std::string& interface);
    void search();
    const std::vector<node::KnownGateway>& gateways() const noexcept { return discovery_.gateways(); }
    /// What open() could not get although it goes on without.
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
    using Socket = boost::asio::ip::udp::socket;

    std::optional<std::string> open_speaker(bool v6);
    void listen(const transports::SocketAddress& group);
    void wait_readable(Socket& socket);
    void receive(Socket& socket);
    bool is_own(const transports::SocketAddress& from, Bytes frame) const noexcept;
    void carry_out();
    void say(const node::Broadcast& broadcast);
    void rearm();

    boost::asio::io_context& io_;
    node::Discovery discovery_;
    bool answers_;
    Handler handler_;
    node::DiscoveryOutbox outbox_;
    std::vector<transports::SocketAddress> targets_;
    std::string interface_;
    std::unique_ptr<Socket> speaker_v4_;
    std::unique_ptr<Socket> speaker_v6_;
    std::vector<std::unique_ptr<Socket>> ears_;
    std::vector<std::string> warnings_;
    Buffer last_said_;
    boost::asio::steady_timer timer_;
};

/// Searches as the options say and runs the loop until the first gateway is found; an error text when none is in time.
ResolvedGateway find_gateway(boost::asio::io_context& io, const GatewayOptions& options);
/// "no gateway answers the search in …".
std::string nobody_found(const GatewayOptions& options);

/// An asio endpoint of the same address.
boost::asio::ip::udp::endpoint to_endpoint(const transports::SocketAddress& address);
transports::SocketAddress to_socket_address(const boost::asio::ip::udp::endpoint& endpoint);

}  // namespace mqttsn::tools
