// How a client is reached: an endpoint of a link, directly or through forwarders (SN 5.5).
#pragma once

#include "protocol/address.hpp"

#include <string>

namespace mqttsn::gateway {

/// `forwarders` holds the wireless node ids of the encapsulation headers, outermost first, each behind one octet with
/// its length; empty = direct. So two nodes behind one forwarder, and one node id behind two forwarders, differ
/// (SN12-5.5-e).
struct Route {
    Endpoint endpoint;
    std::string forwarders;
    bool operator==(const Route&) const noexcept = default;
};

struct RouteHash {
    std::size_t operator()(const Route& route) const noexcept {
        const std::size_t endpoint = EndpointHash{}(route.endpoint);
        return route.forwarders.empty() ? endpoint : endpoint * 31U + std::hash<std::string_view>{}(route.forwarders);
    }
};

/// Result of taking the encapsulation headers off a datagram.
struct Unwrapped {
    Bytes message;
    std::size_t depth = 0;
};

/// Removes up to `max_depth` headers, appending their node ids to `route.forwarders`. Errors: bad_encapsulation, also
/// for deeper nesting (SN12-5.5-i).
Result<Unwrapped> unwrap(Bytes datagram, std::size_t max_depth, Route& route);

/// Octets that the headers of this route add to every frame.
std::size_t encapsulation_size(const Route& route) noexcept;

/// Appends the headers of this route, all with the same radius (SN12-5.5-f, SN12-5.5-g).
void append_encapsulation(const Route& route, std::uint8_t radius, Buffer& out);

}  // namespace mqttsn::gateway
