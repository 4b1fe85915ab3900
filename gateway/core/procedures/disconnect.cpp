// DISCONNECT from either side, and the loss of a client (SN 6.12, 6.11, 6.14).
#include "gateway/core/procedures/procedures.hpp"

namespace mqttsn::gateway {

namespace {

void stop_all(Session& session) {
    for (std::size_t i = 0; i < timer_count; ++i)
        session.stop(static_cast<Timer>(i));
}

// The client is out of reach; what it has not answered goes on with its next connection (if any).
void detach(Session& session, ClientState state, Turn& turn) {
    turn.core.sessions.unbind(session);
    session.state = state;
    session.pending.clear();
    session.held.clear();
    session.upstream_gone = false;
    session.accepted.untouched = false;
    if (session.outbound.step != OutboundExchange::Step::pubrel) session.outbound = {};
}

}  // namespace

void client_disconnects(Session& session, const sn::Disconnect& packet, Turn& turn) {
    const bool wants_sleep = packet.duration_s.value_or(0) > 0;
    if (session.state == ClientState::connecting) {
        send(session, sn::Disconnect{}, turn);
        return abandon_connect(session, std::nullopt, turn);
    }
    if (wants_sleep) return client_sleeps(session, *packet.duration_s, turn);
    send(session, sn::Disconnect{}, turn);
    turn.log(LogLevel::info, session.client_id, "disconnected");
    session.upstream.disconnect(0x00, turn.out);
    settle(session, ClientState::disconnected, turn);
}

void client_lost(Session& session, bool tell, std::string_view reason, Turn& turn) {
    ++turn.counters().clients_lost;
    turn.log(LogLevel::warning, session.client_id, "lost: {}", reason);
    if (tell) send(session, sn::Disconnect{}, turn);
    if (!release_will(session, turn)) return settle(session, ClientState::lost, turn);
    // The broker connection outlives the client until the will is through.
    const TimePoint upstream = session.when(Timer::upstream);
    const TimePoint grace = session.when(Timer::grace);
    const TimePoint back_off = session.when(Timer::back_off);
    detach(session, ClientState::lost, turn);
    stop_all(session);
    session.set(Timer::upstream, upstream);
    session.set(Timer::grace, grace);
    session.set(Timer::back_off, back_off);
}

void gateway_disconnects(Session& session, std::string_view reason, Turn& turn) {
    turn.log(LogLevel::warning, session.client_id, "disconnected by the gateway: {}", reason);
    if (session.state != ClientState::lost) send(session, sn::Disconnect{}, turn);
    session.upstream.disconnect(0x00, turn.out);
    settle(session, ClientState::disconnected, turn);
}

void settle(Session& session, ClientState state, Turn& turn) {
    detach(session, state, turn);
    stop_all(session);
    session.will_due = false;
    session.will_packet_id = 0;
    if (session.owes_broker()) {
        // Another connection, without the will, for what the client was told is safe.
        session.will_owned = true;
        session.upstream.abort(turn.out);
        return try_again_later(session, turn);
    }
    if (!session.is_kept()) return turn.core.sessions.end(session);
    session.deliveries.take_if(
        0, [](const Delivery& each) { return each.qos == Qos::at_most_once; }, [](const Delivery&) {});
    if (turn.config().timers.session_expiry > Duration::zero()) {
        session.set(Timer::expiry, turn.now + turn.config().timers.session_expiry);
    }
}

}  // namespace mqttsn::gateway
