#include "gateway/core/gateway.hpp"

#include "gateway/core/discovery.hpp"
#include "gateway/core/gateway_link.hpp"
#include "gateway/core/procedures/procedures.hpp"
#include "gateway/core/restore.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

// Messages that need a client: from anyone else they are answered with DISCONNECT (SN12-5.4.21-b, SN12-5.4.21-c).
bool needs_client(sn::MsgType type) {
    switch (type) {
        case sn::MsgType::advertise:
        case sn::MsgType::searchgw:
        case sn::MsgType::gwinfo:
        case sn::MsgType::connect:
            return false;
        default:
            return true;
    }
}

// SN12-5.2.2-c
bool is_sent_by_gateways_only(sn::MsgType type) {
    switch (type) {
        case sn::MsgType::connack:
        case sn::MsgType::willtopicreq:
        case sn::MsgType::willmsgreq:
        case sn::MsgType::suback:
        case sn::MsgType::unsuback:
        case sn::MsgType::willtopicresp:
        case sn::MsgType::willmsgresp:
            return true;
        default:
            return false;
    }
}

/// What keeps strangers from costing much.
struct Guards {
    explicit Guards(const Config& config)
        : unknown_total(config.limits.replies_to_unknown_per_second, config.limits.replies_to_unknown_per_second),
          unknown_per_source(1.0 / std::chrono::duration<double>(config.timers.retry).count(), 1.0,
                             config.limits.tracked_sources),
          flood(config.limits.frames_per_second_per_source, 2 * config.limits.frames_per_second_per_source,
                config.limits.tracked_sources) {}

    RateLimit unknown_total;
    SourceRateLimit unknown_per_source;
    SourceRateLimit flood;
};

}  // namespace

class Gateway::State {
public:
    State(Config config, Naming naming)
        : core(std::move(config), std::move(naming)), link(core.config), discovery(core.config), guards_(core.config) {}

    void on_frame(const FrameInfo& info, Bytes datagram, Turn& turn);
    void on_upstream_data(UpstreamId id, Bytes octets, Turn& turn);
    void on_upstream_closed(UpstreamId id, std::string_view reason, Turn& turn);
    void timeout(Turn& turn);
    void reconfigure(Reconfiguration changed) {
        core.reconfigure(std::move(changed));
        link.reconfigure(core.config);
        discovery.reconfigure(core.config);
        guards_ = Guards(core.config);
    }

    /// After every input: erases ended sessions, follows the broker's reachability.
    void finish(Turn& turn);
    /// The session was touched: its deadlines and records may have changed.
    void touched(Session& session, Turn& turn) {
        if (session.dead) return;
        core.timers.update(session);
        note(session, turn);
    }
    /// What the disk and who watches devices are to know of the change.
    void note(Session& session, Turn& turn) {
        core.journal.note(session, core.store_failing, turn.out);
        link.touched(session, turn);
    }

    Core core;
    GatewayLink link;
    Discovery discovery;
    Restoration restoration;

private:
    void dispatch(const Route& route, const sn::Packet& packet, Turn& turn);
    void note_signal(const Route& route, const Signal& signal);
    void handle_events(Session& session, UpstreamId id, Turn& turn);
    bool is_heard_by_all(const Route& route);
    void answer_unknown(const Route& route, Turn& turn);
    void mqtt_timeout(Session& session, Turn& turn);

    Guards guards_;
    std::vector<mqtt::Event> events_;
    bool was_reachable_ = false;
};

void Gateway::State::on_frame(const FrameInfo& info, Bytes datagram, Turn& turn) {
    ++core.counters.frames_in;
    const LinkId link_id = info.from.link;
    const std::size_t receive_limit =
        link_id < core.config.links.size() ? core.config.links[link_id].receive_limit : LinkConfig{}.receive_limit;
    if (datagram.size() > receive_limit) {
        ++core.counters.oversized;
        return;
    }
    if (core.config.limits.frames_per_second_per_source > 0 && !guards_.flood.allow({info.from, {}}, turn.now)) {
        ++core.counters.flood_dropped;
        return;
    }
    Route route{info.from, {}};
    const auto unwrapped = unwrap(datagram, core.config.forwarder.max_depth, route);
    const auto& forwarder = core.config.forwarder;
    if (!unwrapped || (unwrapped->depth > 0 && forwarder.only_listed &&
                       std::ranges::find(forwarder.endpoints, info.from) == forwarder.endpoints.end())) {
        ++core.counters.forwarder_refused;
        if (!unwrapped) core.traffic.count_undecodable(unwrapped.error());
        return;
    }
    const auto packet = sn::decode(unwrapped->message);
    if (!packet) {
        ++core.counters.malformed;
        core.traffic.count_undecodable(packet.error());
        turn.log(LogLevel::debug, core.name_of(info.from), "malformed frame of {} octets dropped: {}", datagram.size(),
                 packet.error().message());
        return;
    }
    dispatch(route, *packet, turn);
    if (info.signal) note_signal(route, *info.signal);
}

void Gateway::State::note_signal(const Route& route, const Signal& signal) {
    Session* session = core.sessions.find(route);
    if (session == nullptr) return;
    if (!session->signal) session->signal = std::make_unique<SignalQuality>();
    session->signal->add(signal);
}

void Gateway::State::dispatch(const Route& route, const sn::Packet& packet, Turn& turn) {
    const sn::MsgType type = sn::type_of(packet);
    core.traffic.count_received(type);
    if (is_sent_by_gateways_only(type)) {
        ++core.counters.gateway_only_type;
        return;
    }
    if (const auto* search = std::get_if<sn::SearchGw>(&packet)) return discovery.search(route, *search, turn);
    if (const auto* advertise = std::get_if<sn::Advertise>(&packet)) return discovery.hear(route, *advertise, turn);
    if (type == sn::MsgType::gwinfo) return;

    Session* session = core.sessions.find(route);
    const auto* publish = std::get_if<sn::Publish>(&packet);
    if (publish != nullptr && publish->qos == Qos::minus_one) {
        link.publish(route, session, *publish, turn);
        if (session != nullptr) {
            session->accepted.untouched = false;
            session->heard = turn.now;
            restart_supervision(*session, turn);
            touched(*session, turn);
        }
        return;
    }
    if (const auto* connect = std::get_if<sn::Connect>(&packet)) {
        client_connects(route, *connect, turn);
        // Also an earlier client of this route, or a session created just now.
        if (session != nullptr) touched(*session, turn);
        if (Session* now_here = core.sessions.find(route)) {
            now_here->heard = turn.now;
            touched(*now_here, turn);
        }
        return;
    }
    const auto* ping = std::get_if<sn::Pingreq>(&packet);
    Session* named = ping != nullptr && !ping->client_id.empty() ? core.sessions.find(ping->client_id) : session;
    const bool is_reachable =
        named != nullptr && named->state != ClientState::disconnected && named->state != ClientState::lost;
    // The id of a client that is active elsewhere proves nothing (SN12-6.11-f).
    const bool is_elsewhere = named != session && named != nullptr && named->state == ClientState::active;
    if (!is_reachable || is_elsewhere) {
        if (needs_client(type)) answer_unknown(route, turn);
        return;
    }
    named->heard = turn.now;
    if (ping != nullptr) {
        client_pings(*named, route, turn);
    } else {
        handle(*named, packet, turn);
    }
    touched(*named, turn);
}

// On a line without addresses a message without a forwarder header is for everybody. It may well be what noise has left
// of one with a header: the nodes behind such headers are not to be disconnected for it.
bool Gateway::State::is_heard_by_all(const Route& route) {
    if (!route.endpoint.address.octets().empty() || !route.forwarders.empty()) return false;
    bool heard = false;
    core.sessions.for_each([&](const Session& each) {
        heard = heard || (each.bound && each.route.endpoint == route.endpoint && !each.route.forwarders.empty());
    });
    return heard;
}

void Gateway::State::answer_unknown(const Route& route, Turn& turn) {
    ++core.counters.unknown_sender;
    if (!guards_.unknown_per_source.allow(route, turn.now) || !guards_.unknown_total.allow(turn.now) ||
        is_heard_by_all(route)) {
        ++core.counters.disconnects_suppressed;
        return;
    }
    send_to(route, sn::Disconnect{}, turn);
}

void Gateway::State::on_upstream_data(UpstreamId id, Bytes octets, Turn& turn) {
    if (link.owns(id)) return link.received(octets, turn);
    Session* session = core.sessions.find(id);
    if (session == nullptr || session->upstream.id() != id) return;
    events_.clear();
    session->upstream.write(
        turn.out, [&](mqtt::Client& client, Buffer& wire) { client.receive(octets, turn.now, wire, events_); });
    handle_events(*session, id, turn);
}

void Gateway::State::handle_events(Session& session, UpstreamId id, Turn& turn) {
    for (const mqtt::Event& event : events_) {
        handle(session, event, turn);
        // The rest was said on a connection that this event ended.
        if (session.dead || session.upstream.id() != id || session.upstream.phase() == Upstream::Phase::closed) break;
    }
    touched(session, turn);
}

void Gateway::State::on_upstream_closed(UpstreamId id, std::string_view reason, Turn& turn) {
    if (link.owns(id)) return link.closed(reason, turn);
    Session* session = core.sessions.find(id);
    const bool is_current = session != nullptr && session->upstream.id() == id &&
                            session->upstream.phase() != Upstream::Phase::closed &&
                            session->upstream.phase() != Upstream::Phase::waiting;
    if (!is_current) return;
    upstream_lost(*session, reason, turn);
    touched(*session, turn);
}

void Gateway::State::mqtt_timeout(Session& session, Turn& turn) {
    const auto phase = session.upstream.phase();
    if (phase != Upstream::Phase::ready && phase != Upstream::Phase::handshake) return;
    const auto when = session.upstream.client().next_timeout();
    if (!when || *when > turn.now) return;
    events_.clear();
    session.upstream.write(turn.out,
                           [&](mqtt::Client& client, Buffer& wire) { client.timeout(turn.now, wire, events_); });
    handle_events(session, session.upstream.id(), turn);
}

void Gateway::State::timeout(Turn& turn) {
    link.timeout(turn);
    discovery.timeout(turn);
    while (Session* session = core.timers.first()) {
        if (session->heap_deadline > turn.now) break;
        if (!session->dead) {
            gateway::timeout(*session, turn);
            if (!session->dead) mqtt_timeout(*session, turn);
        }
        if (session->dead) {
            core.timers.erase(*session);
        } else {
            core.timers.reschedule(*session);
            note(*session, turn);
        }
    }
}

void Gateway::State::finish(Turn& turn) {
    core.sessions.sweep([&](Session& session) {
        core.timers.erase(session);
        core.departures.forget(session);
        core.journal.forget(session, turn.out);
        link.ended(session, turn);
    });
    link.tell_devices(turn);
    if (link.is_ready() != was_reachable_) {
        was_reachable_ = link.is_ready();
        discovery.set_reachable(was_reachable_, turn);
    }
}

Gateway::Gateway(Config config, Naming naming)
    : state_(std::make_unique<State>(std::move(config), std::move(naming))) {}
Gateway::~Gateway() = default;

void Gateway::restore(const RecordKey& key, Bytes image) {
    state_->restoration.add(key, image, state_->core);
}

void Gateway::start(TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->link.start(turn);
    state_->restoration.finish(turn);
    state_->finish(turn);
}

void Gateway::on_frame(const FrameInfo& info, Bytes datagram, TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->on_frame(info, datagram, turn);
    state_->finish(turn);
}

void Gateway::on_upstream_open(UpstreamId id, TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    if (state_->link.owns(id)) {
        state_->link.opened(turn);
    } else if (Session* session = state_->core.sessions.find(id);
               session != nullptr && session->upstream.phase() == Upstream::Phase::opening) {
        upstream_opened(*session, turn);
        state_->touched(*session, turn);
    }
    state_->finish(turn);
}

void Gateway::on_upstream_data(UpstreamId id, Bytes octets, TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->on_upstream_data(id, octets, turn);
    state_->finish(turn);
}

void Gateway::on_upstream_closed(UpstreamId id, std::string_view reason, TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->on_upstream_closed(id, reason, turn);
    state_->finish(turn);
}

void Gateway::on_departed(FrameToken token, Departure departure, TimePoint now, Outbox& out) {
    if (departure == Departure::failed) ++state_->core.counters.departures_failed;
    Session* session = state_->core.departures.take(token);
    if (session == nullptr) return;
    Turn turn{state_->core, now, out};
    frame_departed(*session, turn);
    state_->touched(*session, turn);
}

void Gateway::set_link_limit(LinkId link, std::size_t octets) noexcept {
    if (link < state_->core.link_limits.size()) state_->core.link_limits[link] = octets;
}

void Gateway::timeout(TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->timeout(turn);
    state_->finish(turn);
}

std::optional<TimePoint> Gateway::next_timeout() const noexcept {
    std::optional<TimePoint> earliest = state_->link.next_timeout();
    const auto consider = [&](std::optional<TimePoint> when) {
        if (when && (!earliest || *when < *earliest)) earliest = when;
    };
    consider(state_->discovery.next_timeout());
    if (const Session* first = state_->core.timers.first()) consider(first->heap_deadline);
    return earliest;
}

void Gateway::set_store_failing(bool failing) noexcept {
    state_->core.store_failing = failing;
}

void Gateway::reconfigure(Reconfiguration changed) {
    state_->reconfigure(std::move(changed));
}

void Gateway::shutdown(TimePoint now, Outbox& out) {
    Turn turn{state_->core, now, out};
    state_->core.sessions.for_each([&](Session& session) {
        const bool hears = session.state == ClientState::active || session.state == ClientState::awake ||
                           session.state == ClientState::connecting;
        if (hears && !turn.config().durable) send(session, sn::Disconnect{}, turn);
        session.upstream.disconnect(0x00, turn.out);
    });
    state_->link.stop(turn);
    state_->finish(turn);
}

const Counters& Gateway::counters() const noexcept {
    return state_->core.counters;
}
std::vector<DeviceSignal> Gateway::signals() const {
    std::vector<DeviceSignal> result;
    state_->core.sessions.for_each([&](const Session& session) {
        if (session.signal) result.push_back({session.client_id, session.route.endpoint.link, *session.signal});
    });
    return result;
}
std::size_t Gateway::session_count() const noexcept {
    return state_->core.sessions.size();
}
bool Gateway::is_broker_connected() const noexcept {
    return state_->link.is_ready();
}
const Traffic& Gateway::traffic() const noexcept {
    return state_->core.traffic;
}
Totals Gateway::totals() const {
    return totals_of(state_->core);
}
std::vector<DeviceReport> Gateway::devices(std::string_view after, std::size_t limit, TimePoint now) const {
    return devices_of(state_->core, after, limit, now);
}

}  // namespace mqttsn::gateway
