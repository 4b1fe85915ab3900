// What the core shows of itself to operators: values copied between turns, never live state.
#pragma once

#include "gateway/core/duration_histogram.hpp"
#include "gateway/core/session.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::gateway {

struct Core;

/// Counted as it happens, too often for anything but plain arrays.
struct Traffic {
    static constexpr std::size_t type_count = 32;  ///< by type code; encapsulations count as what is inside

    std::array<std::uint64_t, type_count> received{};
    std::array<std::uint64_t, type_count> sent{};
    std::array<std::uint64_t, sn::codec_error_count> undecodable{};  ///< by CodecError, which begins at 1
    DurationHistogram round_trips;  ///< PUBLISH QoS 1/2 to the broker until its PUBACK or PUBREC

    void count_received(sn::MsgType type) noexcept { ++received[static_cast<std::size_t>(type) % type_count]; }
    void count_sent(sn::MsgType type) noexcept { ++sent[static_cast<std::size_t>(type) % type_count]; }
    void count_undecodable(const boost::system::error_code& error) noexcept {
        ++undecodable[static_cast<std::size_t>(error.value() - 1) % sn::codec_error_count];
    }
    /// The epoch as `sent_at` counts nothing: the PUBLISH left before a restart.
    void count_round_trip(TimePoint sent_at, TimePoint now) noexcept {
        if (sent_at != TimePoint{}) round_trips.add(now - sent_at);
    }
};

std::string_view name_of(ClientState state) noexcept;
std::string_view name_of(Upstream::Phase phase) noexcept;

/// Sums over all sessions.
struct Totals {
    std::array<std::size_t, client_state_count> sessions{};  ///< by ClientState
    std::size_t deliveries = 0;                              ///< messages waiting for clients
    std::size_t delivery_octets = 0;
    std::size_t taken = 0;  ///< messages in the store waiting for the broker
    std::size_t taken_octets = 0;
    std::size_t broker_connections = 0;  ///< of clients, ready
};
Totals totals_of(Core& core);

struct DeviceReport {
    std::string client_id;
    ClientState state = ClientState::disconnected;
    std::optional<LinkId> link;  ///< none: it is not bound to a route
    std::string address;
    std::optional<Duration> heard;  ///< how long ago; none: not since the gateway started
    std::uint16_t keep_alive_s = 0;
    std::uint16_t sleep_s = 0;
    bool clean_session = true;
    std::size_t deliveries = 0;
    std::size_t delivery_octets = 0;
    std::size_t taken = 0;
    std::size_t topics = 0;
    std::size_t subscriptions = 0;
    Upstream::Phase broker = Upstream::Phase::closed;
    std::optional<SignalQuality> signal;  ///< none: its link reports none
};
DeviceReport report_of(const Core& core, const Session& session, TimePoint now);
/// The `limit` devices that follow `after` in the order of their client ids; "" = from the first.
std::vector<DeviceReport> devices_of(Core& core, std::string_view after, std::size_t limit, TimePoint now);

}  // namespace mqttsn::gateway
