// The MQTT connection of one session: opened, lost, opened again (SN 4.1, SN12-6.12-d, SN12-6.12-e).
#include "gateway/core/procedures/procedures.hpp"
#include "gateway/core/reason_codes.hpp"

namespace mqttsn::gateway {

namespace {

bool is_connected_client(const Session& session) {
    return session.state == ClientState::active || session.state == ClientState::asleep ||
           session.state == ClientState::awake;
}

bool is_away(const Session& session) {
    return session.state == ClientState::disconnected || session.state == ClientState::lost;
}

// The will that belongs into the next MQTT CONNECT (SN12-6.3-f: the stored one is armed again).
const mqtt::Will* will_to_arm(const Session& session) {
    const Handshake* handshake = session.handshake.get();
    if (handshake != nullptr && (handshake->clean_session || handshake->will)) {
        return handshake->new_will ? &*handshake->new_will : nullptr;
    }
    // A connection that only brings taken messages speaks for nobody who could be lost.
    if (is_away(session) && !session.will_due) return nullptr;
    return session.will.get();
}

void give_up(Session& session, Turn& turn) {
    if (session.state == ClientState::asleep) {
        // Told when it wakes; nobody may wake it (SN12-6.12-d). It is not lost: no will.
        session.upstream_gone = true;
        session.upstream.disconnect(0x00, turn.out);
        for (const Timer timer : {Timer::back_off, Timer::upstream, Timer::grace})
            session.stop(timer);
        return;
    }
    if (session.state == ClientState::lost) {
        session.upstream.abort(turn.out);
        return settle(session, ClientState::lost, turn);
    }
    gateway_disconnects(session, "the broker was out of reach for too long (timers.upstream_grace)", turn);
}

// Exchanges that a broker without our session knows nothing about: the client repeats them.
void drop_unresumable(Session& session) {
    if (!session.clean_session) return;
    std::erase_if(session.inbound, [](const InboundExchange& each) { return !each.at_broker; });
}

}  // namespace

bool may_give_up(const Session& session, const Turn& turn) {
    const bool store = turn.config().durable && turn.config().delivery.uses_store();
    return !store && !session.owes_broker();
}

void try_again_later(Session& session, Turn& turn) {
    const Timers& timers = turn.config().timers;
    session.stop(Timer::upstream);
    session.may_open = false;
    session.set(Timer::back_off, session.upstream.back_off(timers, turn.core.random, turn.now));
    if (may_give_up(session, turn) && !session.is_set(Timer::grace)) {
        session.set(Timer::grace, turn.now + timers.upstream_grace);
    }
}

void open_upstream(Session& session, bool clean, Turn& turn) {
    auto& sessions = turn.core.sessions;
    sessions.disown_upstream(session.upstream.id());
    const UpstreamId id = ++turn.core.last_upstream_id;
    sessions.own_upstream(id, session);
    session.upstream.open(id, clean, turn.out);
}

void upstream_opened(Session& session, Turn& turn) {
    const BrokerConfig& broker = turn.config().broker;
    const std::string client_id = broker.client_id_prefix + session.client_id;
    session.upstream.connect(
        {client_id, session.upstream.is_clean(), will_to_arm(session), broker.username, broker.password}, turn.now,
        turn.out);
}

void upstream_accepted(Session& session, const mqtt::Connected& event, Turn& turn) {
    ++turn.counters().upstream_connects;
    session.upstream.accepted();
    session.upstream.end_outage();
    if (session.state == ClientState::connecting) return accept_connect(session, event.session_present, turn);
    for (const Timer timer : {Timer::back_off, Timer::upstream, Timer::grace})
        session.stop(timer);
    if (session.will_due) {
        // It has begun a session at the broker that the next CONNACK calls present.
        if (!event.session_present) session.subscriptions_doubted = true;
        session.upstream.abort(turn.out);
        return settle(session, ClientState::lost, turn);
    }
    if (session.upstream.is_clean()) restart_taken(session);
    if (!event.session_present) forget_packet_ids(session);
    // Also for a client that is away: the broker has to keep what comes for it.
    renew_subscriptions(session, event.session_present, turn);
    if (is_away(session)) return forward_taken(session, turn);
    session.will_owned = false;
    turn.log(LogLevel::info, session.client_id, "broker connection restored");
    send_waiting_unsubscribes(session, turn);
    forward_taken(session, turn);
}

void upstream_refused(Session& session, const mqtt::Refused& event, Turn& turn) {
    ++turn.counters().upstream_failures;
    const sn::ReturnCode code = connack_code(event.reason);
    turn.log(LogLevel::warning, session.client_id, "the broker refused the connection (reason 0x{:02x})", event.reason);
    if (session.state == ClientState::connecting) return abandon_connect(session, code, turn);
    session.upstream.abort(turn.out);
    const bool has_to_insist = is_away(session) && session.owes_broker();
    if (code == sn::ReturnCode::congestion || has_to_insist) return try_again_later(session, turn);
    if (session.state == ClientState::lost) return settle(session, ClientState::lost, turn);
    if (session.state == ClientState::asleep) return give_up(session, turn);
    gateway_disconnects(session, "the broker refuses it", turn);
}

void upstream_ended(Session& session, const mqtt::ConnectionEnded& event, Turn& turn) {
    session.upstream.abort(turn.out);
    if (is_final_disconnect(event.reason) && is_connected_client(session)) {
        ++turn.counters().upstream_failures;
        if (session.state == ClientState::asleep) return give_up(session, turn);
        return gateway_disconnects(session, fmt::format("the broker ended its session (reason 0x{:02x})", event.reason),
                                   turn);
    }
    upstream_lost(session,
                  event.error ? event.error.message() : fmt::format("DISCONNECT, reason 0x{:02x}", event.reason), turn);
}

void upstream_lost(Session& session, std::string_view reason, Turn& turn) {
    ++turn.counters().upstream_failures;
    session.upstream.lost();
    if (session.state == ClientState::connecting) {
        if (session.handshake->step != Handshake::Step::broker) return;  // an earlier connection; a new one follows
        turn.log(LogLevel::warning, session.client_id, "CONNECT rejected: {}", reason);
        return abandon_connect(session, sn::ReturnCode::congestion, turn);
    }
    if (is_away(session) && session.owes_broker()) return try_again_later(session, turn);
    if (session.state == ClientState::disconnected) return;
    if (session.state == ClientState::lost && !session.will_due) return settle(session, ClientState::lost, turn);
    turn.log(LogLevel::warning, session.client_id, "broker connection lost: {}", reason);
    if (session.state != ClientState::lost) {
        suspend_subscriptions(session, turn);
        drop_unresumable(session);
    }
    try_again_later(session, turn);
}

namespace {

// All sessions lose their connections at once; they must not open them at once (limits.reconnects_per_second). False:
// the timer is set for its turn.
bool is_its_turn(Session& session, Turn& turn) {
    const TimePoint mine = turn.core.reconnects.reserve(turn.now);
    if (mine <= turn.now) return true;
    ++turn.counters().upstream_paced;
    session.may_open = true;
    session.set(Timer::back_off, mine);
    // Standing in line is not the broker's failure.
    if (session.is_set(Timer::grace)) session.set(Timer::grace, session.when(Timer::grace) + (mine - turn.now));
    return false;
}

}  // namespace

void upstream_timeout(Session& session, Turn& turn) {
    if (session.is_due(Timer::grace, turn.now)) return give_up(session, turn);
    if (session.is_due(Timer::upstream, turn.now)) {
        session.stop(Timer::upstream);
        if (session.will_packet_id != 0) {
            // The broker takes a DISCONNECT only behind the will; without one it would publish the earlier will as
            // well.
            session.upstream.disconnect(0x00, turn.out);
            return settle(session, session.state, turn);
        }
        // The broker may have accepted the CONNECT, and would publish a will that is not due, or due once only.
        session.upstream.disconnect(0x00, turn.out);
        return upstream_lost(session, "the broker did not answer in time", turn);
    }
    if (session.is_due(Timer::back_off, turn.now)) {
        if (!std::exchange(session.may_open, false) && !is_its_turn(session, turn)) return;
        session.stop(Timer::back_off);
        session.set(Timer::upstream, turn.now + turn.config().timers.upstream_connect_timeout);
        open_upstream(session, session.clean_session, turn);
    }
}

}  // namespace mqttsn::gateway
