#include "tools/commands/discovery_link.hpp"

#include "protocol/sn/v12_packet.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace mqttsn::tools {

namespace {

using boost::asio::ip::udp;
using transports::SocketAddress;

constexpr int most_hops = 255;

boost::system::error_code last_error() {
    return {errno, boost::system::system_category()};
}

template <class T>
bool set_option(int fd, int level, int name, const T& value) {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int level_of(bool v6) noexcept {
    return v6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

bool choose_interface(int fd, bool v6, unsigned index) {
    if (v6) return set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(index);
    return set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, request);
}

}  // namespace

udp::endpoint to_endpoint(const SocketAddress& address) {
    udp::endpoint endpoint;
    endpoint.resize(address.size);
    std::memcpy(endpoint.data(), address.data(), address.size);
    return endpoint;
}

SocketAddress to_socket_address(const udp::endpoint& endpoint) {
    SocketAddress address;
    address.size = static_cast<socklen_t>(endpoint.size());
    std::memcpy(address.data(), endpoint.data(), endpoint.size());
    return address;
}

DiscoveryLink::DiscoveryLink(boost::asio::io_context& io, const node::DiscoveryOptions& options, bool answers,
                             Handler handler)
    : io_(io), discovery_(options), answers_(answers), handler_(std::move(handler)), timer_(io) {}

DiscoveryLink::~DiscoveryLink() = default;

std::optional<std::string> DiscoveryLink::open(const std::vector<SocketAddress>& targets,
                                               const std::string& interface) {
    interface_ = interface;
    const unsigned index = if_nametoindex(interface_.c_str());
    if (!interface_.empty() && index == 0) return fmt::format("there is no interface {} (see: ip link)", interface_);
    targets_ = targets;
    for (SocketAddress& each : targets_) {
        each.set_default_scope(index);
        if (const auto error = open_speaker(each.is_v6())) return error;
        if (each.is_multicast()) listen(each);
    }
    return std::nullopt;
}

std::optional<std::string> DiscoveryLink::open_speaker(bool v6) {
    auto& speaker = v6 ? speaker_v6_ : speaker_v4_;
    if (speaker) return std::nullopt;
    speaker = std::make_unique<Socket>(io_);
    boost::system::error_code error;
    speaker->open(v6 ? udp::v6() : udp::v4(), error);
    if (!error) speaker->non_blocking(true, error);
    // Bound before it speaks, so that what comes back from it can be told apart.
    if (!error) speaker->bind(udp::endpoint(v6 ? udp::v6() : udp::v4(), 0), error);
    if (error) return fmt::format("cannot open a UDP socket: {}", error.message());
    const int fd = speaker->native_handle();
    set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (!interface_.empty() && !choose_interface(fd, v6, if_nametoindex(interface_.c_str()))) {
        return fmt::format("cannot send on {}: {}", interface_, last_error().message());
    }
    wait_readable(*speaker);
    return std::nullopt;
}

void DiscoveryLink::listen(const SocketAddress& group) {
    auto ear = std::make_unique<Socket>(io_);
    boost::system::error_code error;
    ear->open(group.is_v6() ? udp::v6() : udp::v4(), error);
    if (!error) ear->set_option(Socket::reuse_address(true), error);
    if (!error) ear->bind(to_endpoint(group), error);
    if (!error) {
        group_req request{};
        std::memcpy(&request.gr_group, group.data(), group.size);
        request.gr_interface = group.scope() != 0 ? group.scope() : if_nametoindex(interface_.c_str());
        if (!set_option(ear->native_handle(), level_of(group.is_v6()), MCAST_JOIN_GROUP, request)) error = last_error();
    }
    if (error) {
        warnings_.push_back(
            fmt::format("cannot listen to {}{}: {}; only answers that come directly are heard{}",
                        transports::to_string(group), interface_.empty() ? "" : " on " + interface_, error.message(),
                        error == boost::system::errc::no_such_device ? "; name one with --interface" : ""));
        return;
    }
    wait_readable(*ear);
    ears_.push_back(std::move(ear));
}

void DiscoveryLink::search() {
    discovery_.search(NodeLink::now());
    rearm();
}

void DiscoveryLink::wait_readable(Socket& socket) {
    socket.async_wait(Socket::wait_read, [this, &socket](boost::system::error_code error) {
        if (error) return;
        receive(socket);
        wait_readable(socket);
    });
}

void DiscoveryLink::receive(Socket& socket) {
    std::array<std::byte, 1024> datagram;  // the longest discovery message has 255 octets
    while (true) {
        SocketAddress from;
        from.size = sizeof from.storage;
        const auto size =
            ::recvfrom(socket.native_handle(), datagram.data(), datagram.size(), MSG_DONTWAIT, from.data(), &from.size);
        if (size < 0 && errno == ECONNREFUSED) continue;
        if (size < 0) return;
        const Bytes frame(datagram.data(), static_cast<std::size_t>(size));
        if (is_own(from, frame)) continue;
        if (handler_.on_frame) handler_.on_frame(false, frame);
        discovery_.receive(frame, transports::to_address(from), NodeLink::now(), outbox_);
        carry_out();
    }
}

// Our own multicasts come back. A neighbour that took the same port and says the same is as good as an echo.
bool DiscoveryLink::is_own(const SocketAddress& from, Bytes frame) const noexcept {
    const auto& speaker = from.is_v6() ? speaker_v6_ : speaker_v4_;
    boost::system::error_code error;
    return speaker && from.port() == speaker->local_endpoint(error).port() && std::ranges::equal(frame, last_said_);
}

void DiscoveryLink::carry_out() {
    node::DiscoveryOutbox out = std::exchange(outbox_, {});
    for (const node::Broadcast& each : out.broadcasts) {
        const bool is_search = each.frame.size() > 1 && each.frame[1] == static_cast<std::byte>(sn::MsgType::searchgw);
        if (is_search || answers_) say(each);
    }
    for (const node::DiscoveryEvent& each : out.events)
        handler_.on_event(each);
    rearm();
}

void DiscoveryLink::say(const node::Broadcast& broadcast) {
    last_said_ = broadcast.frame;
    if (handler_.on_frame) handler_.on_frame(true, broadcast.frame);
    const int hops = broadcast.radius == 0 ? most_hops : broadcast.radius;
    for (const SocketAddress& each : targets_) {
        const int fd = (each.is_v6() ? speaker_v6_ : speaker_v4_)->native_handle();
        if (each.is_multicast()) {
            set_option(fd, level_of(each.is_v6()), each.is_v6() ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, hops);
        }
        // What does not leave is repeated like what nobody answers.
        static_cast<void>(::sendto(fd, broadcast.frame.data(), broadcast.frame.size(), 0, each.data(), each.size));
    }
}

void DiscoveryLink::rearm() {
    const auto next = discovery_.next_timeout();
    if (!next) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        discovery_.timeout(NodeLink::now(), outbox_);
        carry_out();
    });
}

ResolvedGateway find_gateway(boost::asio::io_context& io, const GatewayOptions& options) {
    const auto places = search_places(options);
    if (!places.error.empty()) return {std::nullopt, places.error};
    ResolvedGateway result{std::nullopt, nobody_found(options)};
    DiscoveryLink::Handler handler;
    handler.on_event = [&](const node::DiscoveryEvent& event) {
        const auto* found = std::get_if<node::GatewayFound>(&event);
        if (found == nullptr || result.endpoint) return;
        result.endpoint = to_endpoint(transports::to_socket_address(found->gateway.address));
        io.stop();
    };
    DiscoveryLink link(io, make_discovery_options(options), false, std::move(handler));
    if (auto error = link.open(places.targets, options.interface)) return {std::nullopt, std::move(*error)};
    boost::asio::steady_timer limit(io, std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                            std::chrono::duration<double>(options.discover_within_s)));
    limit.async_wait([&](boost::system::error_code error) {
        if (!error) io.stop();
    });
    link.search();
    io.run();
    io.restart();
    return result;
}

std::string nobody_found(const GatewayOptions& options) {
    std::string places;
    for (const SocketAddress& each : search_places(options).targets)
        places += (places.empty() ? "" : ", ") + transports::to_string(each);
    return fmt::format("no gateway answers the search in {} within {} s", places, options.discover_within_s);
}

}  // namespace mqttsn::tools
