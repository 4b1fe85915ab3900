// From a captured packet to its UDP datagram: link layer, VLAN tags, IPv4 or IPv6. Pure.
#pragma once

#include "tools/dump/datagram.hpp"

#include <optional>

namespace mqttsn::tools {

/// Whether find_udp() knows this LINKTYPE (tcpdump.org/linktypes.html): Ethernet, Linux cooked v1 and v2, raw IP, the
/// loopback types of BSD.
bool is_known_link_type(int link_type) noexcept;

struct Found {
    enum class What {
        udp,
        other,     ///< not IP, or not UDP
        fragment,  ///< a part of a fragmented IP packet
        cut_off,   ///< the capture ends before the addresses and ports do
    };
    What what = What::other;
    UdpDatagram datagram;  ///< with What::udp
};

/// `packet` is what was captured of it. Lengths on the wire are trusted as far as octets are there; what follows the
/// datagram (padding, a frame check sequence) is left out.
Found find_udp(int link_type, Bytes packet) noexcept;

}  // namespace mqttsn::tools
