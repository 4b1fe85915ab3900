#include "tools/dump/link_layer.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::tools {

namespace {

// Numbers of tcpdump.org/linktypes.html; libpcap's DLT_RAW has another value on some systems.
enum LinkType : int {
    bsd_loopback = 0,
    ethernet = 1,
    raw_of_linux = 12,
    raw_of_openbsd = 14,
    raw_ip = 101,
    openbsd_loopback = 108,
    linux_cooked = 113,
    raw_ipv4 = 228,
    raw_ipv6 = 229,
    linux_cooked_2 = 276,
};

namespace ether_type {
constexpr std::uint16_t ipv4 = 0x0800;
constexpr std::uint16_t ipv6 = 0x86DD;
constexpr bool is_vlan(std::uint16_t type) noexcept {
    return type == 0x8100 || type == 0x88A8 || type == 0x9100;
}
}  // namespace ether_type

namespace ip_protocol {
constexpr unsigned hop_by_hop = 0;
constexpr unsigned udp = 17;
constexpr unsigned routing = 43;
constexpr unsigned fragment = 44;
constexpr unsigned authentication = 51;
constexpr unsigned destination_options = 60;
}  // namespace ip_protocol

constexpr std::size_t udp_header = 8;
constexpr std::size_t ipv6_header = 40;

Found found(Found::What what) noexcept {
    return Found{what};
}

unsigned octet(Bytes octets, std::size_t at) noexcept {
    return static_cast<unsigned>(octets[at]);
}
std::uint16_t word(Bytes octets, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(octet(octets, at) << 8U | octet(octets, at + 1));
}
Bytes behind(Bytes octets, std::size_t size) noexcept {
    return octets.subspan(std::min(size, octets.size()));
}

transports::SocketAddress socket_address(Bytes host, std::uint16_t port) noexcept {
    // The form that the transports give an address: host, port, and for IPv6 the scope, which a capture does not have.
    std::array<std::byte, 22> octets{};
    std::ranges::copy(host, octets.begin());
    octets[host.size()] = static_cast<std::byte>(port >> 8U);
    octets[host.size() + 1] = static_cast<std::byte>(port & 0xFFU);
    const std::size_t size = host.size() == 4 ? 6 : octets.size();
    return transports::to_socket_address(Address(Bytes(octets).first(size)));
}

/// `size` is that of the IP payload on the wire; of a jumbogram, whose length is elsewhere, what was captured.
Found udp(Bytes octets, std::size_t size, Bytes from, Bytes to) noexcept {
    if (size < udp_header) return found(Found::What::other);
    if (octets.size() < udp_header) return found(Found::What::cut_off);
    const std::size_t length = word(octets, 4);
    if (length < udp_header || length > size) return found(Found::What::other);
    const Bytes payload = behind(octets, udp_header);
    Found result = found(Found::What::udp);
    result.datagram.from = socket_address(from, word(octets, 0));
    result.datagram.to = socket_address(to, word(octets, 2));
    result.datagram.real_size = length - udp_header;
    result.datagram.payload = payload.first(std::min(payload.size(), result.datagram.real_size));
    return result;
}

Found part(const Fragment& fragment, std::size_t size) noexcept {
    if (fragment.octets.size() < size) return found(Found::What::cut_off);
    Found result{Found::What::fragment};
    result.fragment = fragment;
    result.fragment.octets = fragment.octets.first(size);
    return result;
}

Found ipv4(Bytes packet) noexcept {
    constexpr std::size_t smallest_header = 20;
    if (packet.size() < smallest_header) return found(Found::What::cut_off);
    const std::size_t header = std::size_t{4} * (octet(packet, 0) & 0xFU);
    // Some systems leave 0 to the network card, which cuts large packets (segmentation offload).
    const std::size_t total = word(packet, 2) == 0 ? packet.size() : word(packet, 2);
    if (octet(packet, 0) >> 4U != 4 || header < smallest_header || total < header) return found(Found::What::other);
    if (octet(packet, 9) != ip_protocol::udp) return found(Found::What::other);
    const Bytes from = packet.subspan(12, 4);
    const Bytes to = packet.subspan(16, 4);
    const Bytes rest = behind(packet, header);
    const unsigned flags = word(packet, 6);
    constexpr unsigned offset = 0x1FFF;
    constexpr unsigned more_fragments = 0x2000;
    if ((flags & (offset | more_fragments)) == 0) return udp(rest, total - header, from, to);
    const std::size_t at = std::size_t{8} * (flags & offset);
    return part({from, to, word(packet, 4), at, (flags & more_fragments) == 0, rest}, total - header);
}

// From the fragment header on.
Found ipv6_part(Bytes octets, std::size_t size, Bytes from, Bytes to) noexcept {
    constexpr std::size_t header = 8;
    if (octets.size() < header) return found(Found::What::cut_off);
    if (size < header || octet(octets, 0) != ip_protocol::udp) return found(Found::What::other);
    const std::uint32_t id = static_cast<std::uint32_t>(word(octets, 4)) << 16U | word(octets, 6);
    const unsigned flags = word(octets, 2);
    return part({from, to, id, flags & 0xFFF8U, (flags & 1U) == 0, behind(octets, header)}, size - header);
}

Found ipv6(Bytes packet) noexcept {
    if (packet.size() < ipv6_header) return found(Found::What::cut_off);
    if (octet(packet, 0) >> 4U != 6) return found(Found::What::other);
    const Bytes from = packet.subspan(8, 16);
    const Bytes to = packet.subspan(24, 16);
    std::size_t size = word(packet, 4);
    unsigned next = octet(packet, 6);
    Bytes rest = behind(packet, ipv6_header);
    while (next != ip_protocol::udp) {
        if (next == ip_protocol::fragment) return ipv6_part(rest, size, from, to);
        const bool is_extension = next == ip_protocol::hop_by_hop || next == ip_protocol::routing ||
                                  next == ip_protocol::destination_options || next == ip_protocol::authentication;
        if (!is_extension) return found(Found::What::other);
        if (rest.size() < 8) return found(Found::What::cut_off);
        const std::size_t units = octet(rest, 1);
        const std::size_t extension = next == ip_protocol::authentication ? (units + 2) * 4 : (units + 1) * 8;
        if (extension > size) return found(Found::What::other);
        next = octet(rest, 0);
        rest = behind(rest, extension);
        size -= extension;
    }
    return udp(rest, size, from, to);
}

Found ip(Bytes packet) noexcept {
    if (packet.empty()) return found(Found::What::cut_off);
    return octet(packet, 0) >> 4U == 6 ? ipv6(packet) : ipv4(packet);
}

Found by_ether_type(std::uint16_t type, Bytes packet) noexcept {
    while (ether_type::is_vlan(type)) {
        if (packet.size() < 4) return found(Found::What::cut_off);
        type = word(packet, 2);
        packet = packet.subspan(4);
    }
    if (type == ether_type::ipv4) return ipv4(packet);
    if (type == ether_type::ipv6) return ipv6(packet);
    return found(Found::What::other);
}

// A link header of `header` octets with the EtherType at `type_at`.
Found linked(Bytes packet, std::size_t header, std::size_t type_at) noexcept {
    if (packet.size() < header) return found(Found::What::cut_off);
    return by_ether_type(word(packet, type_at), packet.subspan(header));
}

}  // namespace

bool is_known_link_type(int link_type) noexcept {
    switch (link_type) {
        case bsd_loopback:
        case ethernet:
        case raw_of_linux:
        case raw_of_openbsd:
        case raw_ip:
        case openbsd_loopback:
        case linux_cooked:
        case raw_ipv4:
        case raw_ipv6:
        case linux_cooked_2:
            return true;
        default:
            return false;
    }
}

Found find_udp(int link_type, Bytes packet) noexcept {
    switch (link_type) {
        case ethernet:
            return linked(packet, 14, 12);
        case linux_cooked:
            return linked(packet, 16, 14);
        case linux_cooked_2:
            return linked(packet, 20, 0);
        case bsd_loopback:
        case openbsd_loopback:
            // The family of the protocol in front has other numbers on every system; the IP version tells the same.
            return ip(behind(packet, 4));
        case raw_of_linux:
        case raw_of_openbsd:
        case raw_ip:
        case raw_ipv4:
        case raw_ipv6:
            return ip(packet);
        default:
            return found(Found::What::other);
    }
}

Found find_udp(const Fragment& whole) noexcept {
    return udp(whole.octets, whole.octets.size(), whole.from, whole.to);
}

}  // namespace mqttsn::tools
