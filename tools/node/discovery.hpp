// How a node finds its gateway (SN 6.1) as a state machine: no socket, no clock. Datagrams in, broadcasts and events
// out.
#pragma once

#include "protocol/address.hpp"
#include "protocol/sn/v12_packet.hpp"

#include <random>
#include <variant>
#include <vector>

namespace mqttsn::node {

struct DiscoveryOptions {
    Duration search_delay = std::chrono::seconds(5);   ///< T_SEARCHGW
    Duration info_delay = std::chrono::seconds(5);     ///< T_GWINFO
    Duration first_gap = std::chrono::seconds(5);      ///< between the first two SEARCHGW; doubles each time
    Duration longest_gap = std::chrono::seconds(320);  ///< where the doubling ends
    std::uint32_t missed = 3;                          ///< N_ADV, at least 1
    std::uint8_t radius = 1;                           ///< of SEARCHGW, in hops; 0 = the whole network
    std::uint16_t default_port = 1883;                 ///< of a GwAdd that has none
    std::uint64_t seed = 1;                            ///< of the random delays; nodes need different ones
};

struct KnownGateway {
    enum class Source : std::uint8_t { advertise, gwinfo, neighbour };  ///< neighbour: GWINFO of another node

    std::uint8_t gw_id = 0;
    Address address;
    Source source{};
    std::optional<std::uint16_t> duration_s;  ///< period of its ADVERTISE; none heard = it never counts as gone
    TimePoint heard_at{};                     ///< the last time that itself or a neighbour told of it
    std::optional<TimePoint> gone_at;         ///< when N_ADV periods will have been missed
};

struct GatewayFound {
    KnownGateway gateway;
};
struct GatewayGone {
    KnownGateway gateway;
};
using DiscoveryEvent = std::variant<GatewayFound, GatewayGone>;

struct Broadcast {
    std::uint8_t radius = 0;
    Buffer frame;
};
struct DiscoveryOutbox {
    std::vector<Broadcast> broadcasts;
    std::vector<DiscoveryEvent> events;
};

/// The address that GwAdd names (SN 5.3.5): a length octet, 4 or 16 octets of the address, 2 of the port; the forms
/// without length octet or without port are understood too. The scope of an IPv6 address is that of the `teller`.
std::optional<Address> read_gw_add(Bytes gw_add, std::uint16_t default_port, const Address& teller);
/// The form with length octet and port, of an address with 6 (IPv4) or 22 octets (IPv6).
Buffer make_gw_add(const Address& address);

class Discovery {
public:
    static constexpr std::size_t most_gateways = 256;

    explicit Discovery(const DiscoveryOptions& options);

    /// From now on a list without gateways is a reason to search. The first SEARCHGW follows within T_SEARCHGW even
    /// when the list has gateways.
    void search(TimePoint now);
    /// A datagram of someone else: ADVERTISE and GWINFO update the list (GatewayFound), SEARCHGW of another node takes
    /// the place of the own first one and is answered from the list within T_GWINFO. Anything else is ignored.
    void receive(Bytes datagram, const Address& from, TimePoint now, DiscoveryOutbox& out);
    /// Sends what is due; GatewayGone.
    void timeout(TimePoint now, DiscoveryOutbox& out);
    std::optional<TimePoint> next_timeout() const noexcept;

    /// In the order in which they were found.
    const std::vector<KnownGateway>& gateways() const noexcept { return gateways_; }

private:
    struct Answer {
        TimePoint at;
        std::uint8_t radius = 0;
    };

    TimePoint within(Duration longest, TimePoint now);
    void searched(TimePoint now);
    void heard(const KnownGateway& told, TimePoint now, DiscoveryOutbox& out);
    void answer(DiscoveryOutbox& out);

    DiscoveryOptions options_;
    std::mt19937_64 random_;
    std::vector<KnownGateway> gateways_;
    bool searching_ = false;
    bool is_first_ = true;                ///< the next SEARCHGW is the first of this search
    std::optional<TimePoint> search_at_;  ///< when to send SEARCHGW
    Duration gap_{};
    std::optional<Answer> answer_;  ///< when to tell another node of a gateway
};

}  // namespace mqttsn::node
