#include "transports/udp_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <charconv>
#include <cstring>

namespace mqttsn::transports {

namespace {

constexpr std::size_t v4_octets = 6;
constexpr std::size_t v6_octets = 22;

sockaddr_in& v4(SocketAddress& address) {
    return reinterpret_cast<sockaddr_in&>(address.storage);
}
sockaddr_in6& v6(SocketAddress& address) {
    return reinterpret_cast<sockaddr_in6&>(address.storage);
}
const sockaddr_in& v4(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& v6(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return port;
}

std::optional<SocketAddress> parse_v6(const std::string& text) {
    const auto close = text.find("]:");
    if (close == std::string::npos) return std::nullopt;
    std::string host = text.substr(1, close - 1);
    const auto port = parse_port(std::string_view(text).substr(close + 2));
    SocketAddress address;
    auto& socket_address = v6(address);
    if (const auto percent = host.find('%'); percent != std::string::npos) {
        socket_address.sin6_scope_id = if_nametoindex(host.c_str() + percent + 1);
        if (socket_address.sin6_scope_id == 0) return std::nullopt;
        host.resize(percent);
    }
    if (!port || inet_pton(AF_INET6, host.c_str(), &socket_address.sin6_addr) != 1) return std::nullopt;
    socket_address.sin6_family = AF_INET6;
    socket_address.sin6_port = htons(*port);
    address.size = sizeof(sockaddr_in6);
    return address;
}

}  // namespace

bool SocketAddress::is_multicast() const noexcept {
    return is_v6() ? IN6_IS_ADDR_MULTICAST(&v6(*this).sin6_addr) : IN_MULTICAST(ntohl(v4(*this).sin_addr.s_addr));
}

std::uint32_t SocketAddress::scope() const noexcept {
    return is_v6() ? v6(*this).sin6_scope_id : 0;
}

void SocketAddress::set_default_scope(std::uint32_t interface) noexcept {
    if (scope() == 0 && is_v6() && IN6_IS_ADDR_MC_LINKLOCAL(&v6(*this).sin6_addr)) v6(*this).sin6_scope_id = interface;
}

std::uint16_t SocketAddress::port() const noexcept {
    return ntohs(is_v6() ? v6(*this).sin6_port : v4(*this).sin_port);
}

std::optional<SocketAddress> parse_socket_address(const std::string& text) {
    if (text.starts_with('[')) return parse_v6(text);
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto port = parse_port(std::string_view(text).substr(colon + 1));
    SocketAddress address;
    auto& socket_address = v4(address);
    if (!port || inet_pton(AF_INET, text.substr(0, colon).c_str(), &socket_address.sin_addr) != 1) return std::nullopt;
    socket_address.sin_family = AF_INET;
    socket_address.sin_port = htons(*port);
    address.size = sizeof(sockaddr_in);
    return address;
}

std::string to_string(const SocketAddress& address) {
    char host[INET6_ADDRSTRLEN] = {};
    if (!address.is_v6()) {
        inet_ntop(AF_INET, &v4(address).sin_addr, host, sizeof host);
        return fmt::format("{}:{}", host, address.port());
    }
    inet_ntop(AF_INET6, &v6(address).sin6_addr, host, sizeof host);
    char interface[IF_NAMESIZE] = {};
    const auto scope = v6(address).sin6_scope_id;
    if (scope != 0 && if_indextoname(scope, interface) != nullptr) {
        return fmt::format("[{}%{}]:{}", host, interface, address.port());
    }
    return fmt::format("[{}]:{}", host, address.port());
}

Address to_address(const SocketAddress& socket_address) noexcept {
    std::array<std::byte, v6_octets> octets{};
    if (!socket_address.is_v6()) {
        std::memcpy(octets.data(), &v4(socket_address).sin_addr, 4);
        std::memcpy(octets.data() + 4, &v4(socket_address).sin_port, 2);
        return Address(Bytes(octets).first(v4_octets));
    }
    const auto scope = htonl(v6(socket_address).sin6_scope_id);
    std::memcpy(octets.data(), &v6(socket_address).sin6_addr, 16);
    std::memcpy(octets.data() + 16, &v6(socket_address).sin6_port, 2);
    std::memcpy(octets.data() + 18, &scope, 4);
    return Address(octets);
}

SocketAddress to_socket_address(const Address& address) noexcept {
    SocketAddress result;
    const Bytes octets = address.octets();
    if (octets.size() == v4_octets) {
        v4(result).sin_family = AF_INET;
        std::memcpy(&v4(result).sin_addr, octets.data(), 4);
        std::memcpy(&v4(result).sin_port, octets.data() + 4, 2);
        result.size = sizeof(sockaddr_in);
    } else if (octets.size() == v6_octets) {
        std::uint32_t scope = 0;
        v6(result).sin6_family = AF_INET6;
        std::memcpy(&v6(result).sin6_addr, octets.data(), 16);
        std::memcpy(&v6(result).sin6_port, octets.data() + 16, 2);
        std::memcpy(&scope, octets.data() + 18, 4);
        v6(result).sin6_scope_id = ntohl(scope);
        result.size = sizeof(sockaddr_in6);
    }
    return result;
}

}  // namespace mqttsn::transports
