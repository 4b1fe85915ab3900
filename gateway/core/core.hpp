// What the procedures share: sessions, tables, counters; and the one input that is being processed.
#pragma once

#include "gateway/core/counters.hpp"
#include "gateway/core/departures.hpp"
#include "gateway/core/gateway.hpp"
#include "gateway/core/journal.hpp"
#include "gateway/core/pacer.hpp"
#include "gateway/core/predefined_topics.hpp"
#include "gateway/core/report.hpp"
#include "gateway/core/session_table.hpp"
#include "gateway/core/timer_heap.hpp"

#include <fmt/format.h>

namespace mqttsn::gateway {

struct Core {
    Core(Config configuration, Gateway::Naming names)
        : own_config_(std::move(configuration)),
          naming(std::move(names)),
          predefined(config.topics),
          random(config.seed),
          journal(config),
          reconnects(config.limits.reconnects_per_second),
          replays(config.delivery.replay_per_second) {
        for (const LinkConfig& each : config.links)
            link_limits.push_back(each.max_frame);
    }

    void reconfigure(Reconfiguration changed) {
        own_config_.topics = std::move(changed.topics);
        own_config_.limits = changed.limits;
        predefined = PredefinedTopics(config.topics);
    }

private:
    Config own_config_;

public:
    const Config& config = own_config_;
    Gateway::Naming naming;
    Counters counters;
    Traffic traffic;
    PredefinedTopics predefined;
    Random random;
    SessionTable sessions;
    TimerHeap timers;
    UpstreamId last_upstream_id = 0;
    SessionNumber last_session_number = 0;
    Journal journal;
    Pacer reconnects;  ///< limits.reconnects_per_second
    Pacer replays;     ///< delivery.replay_per_second
    Departures departures;
    std::vector<std::size_t> link_limits;  ///< by LinkId; see Gateway::set_link_limit()
    bool store_failing = false;            ///< see Gateway::set_store_failing()

    std::string name_of(const Endpoint& endpoint) const;
    /// Defaults for a link that is not configured.
    const LinkConfig& link(LinkId id) const noexcept;
    std::size_t max_frame(LinkId id) const noexcept {
        return id < link_limits.size() ? link_limits[id] : link(id).max_frame;
    }
    std::function<bool(sn::TopicId)> is_predefined() const {
        return [this](sn::TopicId id) { return predefined.contains(id); };
    }
};

/// One input being processed: everything a procedure may look at or emit to.
struct Turn {
    Core& core;
    TimePoint now;
    Outbox& out;

    Counters& counters() const noexcept { return core.counters; }
    const Config& config() const noexcept { return core.config; }

    template <class... Args>
    void log(LogLevel level, std::string_view subject, fmt::format_string<Args...> format, Args&&... args) const {
        out.log.push_back({level, std::string(subject), fmt::format(format, std::forward<Args>(args)...)});
    }
};

/// Sends one message on a route, encapsulated as the route demands. Returns false, and sends nothing, when it exceeds
/// the packet limit of the link.
bool send_to(const Route& route, const sn::Packet& packet, Turn& turn, std::uint8_t radius = 0);
/// Sends to all nodes of a link.
void broadcast(LinkId link, std::uint8_t radius, const sn::Packet& packet, Turn& turn);

/// Sends to the client if it is bound (SN12-6.2-l: nothing is sent to an address that now belongs to another client); a
/// sleeping client's acknowledgements are held back (SN12-6.14-c). Returns false when the frame does not fit the link.
bool send(Session& session, const sn::Packet& packet, Turn& turn);
/// The same for a message that is repeated until the client answers: sets `timer` to T_retry of the client's link,
/// counted from now on, or from the departure of the frame where the link tells it.
bool send_to_be_answered(Session& session, const sn::Packet& packet, Timer timer, Turn& turn);
/// The frame left its link, or it never will: T_retry begins.
void frame_departed(Session& session, Turn& turn);
/// N_retry of the client's link.
std::uint32_t retries(const Session& session, const Turn& turn) noexcept;

}  // namespace mqttsn::gateway
