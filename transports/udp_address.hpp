// UDP addresses as text, as socket addresses, and as the opaque Address of the core: 6 octets for IPv4 (address, port),
// 22 for IPv6 (address, port, scope), all in network order.
#pragma once

#include "protocol/address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace mqttsn::transports {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    bool is_v6() const noexcept { return storage.ss_family == AF_INET6; }
    bool is_multicast() const noexcept;
    /// The interface that an IPv6 address belongs to ("%eth0"); 0 = not given, or IPv4.
    std::uint32_t scope() const noexcept;
    /// Puts an IPv6 link-local multicast address that names no interface on this one; leaves all others alone.
    void set_default_scope(std::uint32_t interface) noexcept;
    std::uint16_t port() const noexcept;
};

/// "192.0.2.1:1883", "[2001:db8::1]:1883", "[fe80::1%eth0]:1883". No host names: a listener or a multicast group is an
/// address. nullopt when the text is not one.
std::optional<SocketAddress> parse_socket_address(const std::string& text);
std::string to_string(const SocketAddress& address);

Address to_address(const SocketAddress& socket_address) noexcept;
/// Of an Address made by to_address().
SocketAddress to_socket_address(const Address& address) noexcept;

}  // namespace mqttsn::transports
