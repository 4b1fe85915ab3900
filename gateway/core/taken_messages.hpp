// Messages of one client that the gateway has taken into its care: they are on disk, the client was told so, and the
// broker has yet to get them, in order.
#pragma once

#include "protocol/mqtt/packet.hpp"
#include "protocol/types.hpp"

#include <deque>
#include <string>

namespace mqttsn::gateway {

constexpr std::uint64_t no_drop = UINT64_MAX;

struct TakenMessage {
    std::uint64_t sequence = 0;  ///< of its record
    std::string topic;
    Buffer payload;
    Qos qos = Qos::at_least_once;
    bool retain = false;
    std::uint64_t taken_at_s = 0;       ///< Unix time
    std::uint64_t drop_at_s = no_drop;  ///< Unix time
    mqtt::PacketId packet_id = 0;       ///< on its way to the broker
    bool at_broker = false;             ///< QoS 2: PUBREC came, PUBCOMP is awaited; payload and record are gone
    bool restored = false;              ///< QoS 2: was on its way before a restart
    bool waited = false;                ///< the broker was away, or the gateway restarted: its sending is paced
    TimePoint sent_at{};                ///< to the broker
};

struct TakenMessages {
    std::deque<TakenMessage> list;
    std::size_t octets = 0;
    std::uint64_t last_sequence = 0;
    std::uint64_t next_drop_s = no_drop;  ///< Unix time at which one may be too old
    bool may_replay = false;              ///< its moment, given by Core::replays, is here
};

}  // namespace mqttsn::gateway
