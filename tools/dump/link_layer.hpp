// From a captured packet to its UDP datagram: link layer, VLAN tags, IPv4 or IPv6. Pure.
#pragma once

#include "tools/dump/datagram.hpp"

#include <optional>

namespace mqttsn::tools {

/// Whether find_udp() knows this LINKTYPE (tcpdump.org/linktypes.html): Ethernet, Linux cooked v1 and v2, raw IP, the
/// loopback types of BSD.
bool is_known_link_type(int link_type) noexcept;

/// A part of an IP packet that carries UDP.
struct Fragment {
    Bytes from;  ///< 4 octets, or 16
    Bytes to;
    std::uint32_t id = 0;
    std::size_t offset = 0;
    bool is_last = false;
    Bytes octets;
};

struct Found {
    enum class What {
        udp,
        fragment,
        other,    ///< not IP, or not UDP
        cut_off,  ///< the capture ends before the addresses and ports do, or within a fragment
    };
    What what = What::other;
    UdpDatagram datagram{};  ///< with What::udp
    Fragment fragment{};     ///< with What::fragment
};

/// `packet` is what was captured of it. Lengths on the wire are trusted as far as octets are there; what follows the
/// datagram (padding, a frame check sequence) is left out.
Found find_udp(int link_type, Bytes packet) noexcept;

/// The datagram in the IP payload of all fragments together.
Found find_udp(const Fragment& whole) noexcept;

}  // namespace mqttsn::tools
