// CONNECT, will prompts excepted (SN 6.2, 6.3).
#include "gateway/core/procedures/procedures.hpp"
#include "protocol/topic.hpp"

namespace mqttsn::gateway {

namespace {

void reject(const Route& route, sn::ReturnCode code, Turn& turn) {
    ++turn.counters().connects_rejected;
    send_to(route, sn::Connack{code}, turn);
}

bool is_acceptable_id(std::string_view id, const Limits& limits) {
    if (id.empty() || !is_usable_text(id)) return false;
    return limits.client_id_strict ? count_code_points(id) <= 23 : id.size() <= limits.client_id_octets;
}

std::string new_client_id(Turn& turn) {
    std::string id;
    do {
        id = fmt::format("auto-{:016x}", turn.core.random.next());
    } while (turn.core.sessions.find(id) != nullptr);
    return id;
}

// SN12-6.2-k
bool may_take_over(const Session& session, const Route& route, const Turn& turn) {
    if (!session.bound || session.route == route) return true;
    switch (turn.config().takeover) {
        case Takeover::allow:
            return true;
        case Takeover::same_host:
            return turn.core.naming.same_host && turn.core.naming.same_host(session.route.endpoint, route.endpoint);
        case Takeover::deny_active:
            return session.state == ClientState::asleep;
    }
    return false;
}

// A CONNECT that only repeats what is being decided or was just accepted (SN12-6.2-g, SN12-6.2-h).
bool is_repetition(Session& session, const Route& route, const sn::Connect& request, Turn& turn) {
    if (session.state == ClientState::connecting && session.handshake->step == Handshake::Step::broker) {
        const Handshake& pending = *session.handshake;
        const bool same = pending.will == request.will && pending.clean_session == request.clean_session &&
                          pending.duration_s == request.duration_s;
        if (same) turn.core.sessions.bind(session, route);
        return same;
    }
    if (session.state == ClientState::active && session.route == route) {
        const AcceptedConnect& last = session.accepted;
        const bool same = last.will == request.will && last.clean_session == request.clean_session &&
                          last.duration_s == request.duration_s;
        return same && repeat_connack(session, turn);
    }
    return false;
}

bool is_within_limits(const Session* known, const Route& route, Turn& turn) {
    const Limits& limits = turn.config().limits;
    const SessionTable& sessions = turn.core.sessions;
    if (known == nullptr && sessions.size() >= limits.clients) {
        ++turn.counters().clients_limit;
        turn.log(LogLevel::warning, "clients", "CONNECT from {} rejected: {} clients already (limits.clients)",
                 turn.core.name_of(route.endpoint), limits.clients);
        return false;
    }
    const bool counted = known != nullptr && known->state == ClientState::connecting;
    if (!counted && (sessions.connecting() >= limits.pending_connects ||
                     sessions.connecting(route.endpoint) >= limits.pending_connects_per_source)) {
        ++turn.counters().pending_limit;
        return false;
    }
    return true;
}

void begin(Session& session, const Route& route, const sn::Connect& request, Turn& turn) {
    auto& sessions = turn.core.sessions;
    auto handshake = std::make_unique<Handshake>();
    handshake->source = route.endpoint;
    handshake->will = request.will;
    handshake->clean_session = request.clean_session;
    handshake->duration_s = request.duration_s;
    handshake->from_sleep = session.state == ClientState::asleep || session.state == ClientState::awake ||
                            (session.handshake && session.handshake->from_sleep);
    if (session.handshake) sessions.end_connecting(session.handshake->source);
    sessions.begin_connecting(route.endpoint);
    session.handshake = std::move(handshake);

    if (session.state == ClientState::lost || session.state == ClientState::disconnected) {
        // Whatever was left to do for the earlier connection ends here, or goes on behind this CONNECT: until the will
        // is known, nothing may open a broker connection for it.
        for (const Timer timer : {Timer::back_off, Timer::upstream, Timer::grace})
            session.stop(timer);
        if (!session.upstream.is_ready()) session.upstream.abort(turn.out);
    }
    if (session.bound && session.route != route) ++turn.counters().takeovers;
    sessions.bind(session, route);
    session.state = ClientState::connecting;
    session.will_due = false;
    session.upstream_gone = false;
    session.will_packet_id = 0;
    for (const Timer timer : {Timer::keep_alive, Timer::probe, Timer::sleep, Timer::retry, Timer::wait, Timer::expiry,
                              Timer::gap, Timer::drain}) {
        session.stop(timer);
    }
    if (request.will) {
        session.handshake->step = Handshake::Step::will_topic;
        prompt_will(session, turn);
    } else {
        ask_broker(session, turn);
    }
}

void clear_session(Session& session, Turn& turn) {
    session.topics.clear();
    session.subscriptions.clear();
    discard_deliveries(session, turn);
    session.inbound.clear();
    session.last_puback.reset();
    session.last_completed = 0;
    session.held.clear();
}

// Client and broker may remember a session that this gateway knows nothing of (it restarted without a store): what they
// know a topic, a message or an exchange by must not come again for another one.
void avoid_ids_of_earlier_life(Session& session, Random& random) {
    session.topics.restore_last_assigned(static_cast<sn::TopicId>(random.below(0x8000)));
    session.last_msg_id = static_cast<sn::MsgId>(random.below(0xFFFF));
    session.upstream.client().start_packet_ids_after(static_cast<mqtt::PacketId>(random.below(0xFFFF)));
}

// "Parameters unchanged" of SN12-6.2-i: the broker has the will that the client wants, and nothing is to be discarded.
bool can_reuse_upstream(const Session& session) {
    const Handshake& handshake = *session.handshake;
    if (!session.upstream.is_ready() || session.upstream.is_clean() || handshake.clean_session || session.will_owned) {
        return false;
    }
    if (!handshake.will) return true;
    const bool both = session.will != nullptr && handshake.new_will.has_value();
    return both ? *session.will == *handshake.new_will : session.will == nullptr && !handshake.new_will;
}

}  // namespace

void client_connects(const Route& route, const sn::Connect& request, Turn& turn) {
    std::string_view id = request.client_id;
    std::string assigned;
    const Session* here = turn.core.sessions.find(route);
    if (id.empty() && turn.config().limits.client_id_assign && request.clean_session) {
        // A repeated CONNECT without id is still the same client.
        assigned = here != nullptr && here->id_assigned ? here->client_id : new_client_id(turn);
        id = assigned;
    }
    if (request.protocol_id != sn::protocol_id || !is_acceptable_id(id, turn.config().limits)) {
        return reject(route, sn::ReturnCode::not_supported, turn);
    }
    Session* known = turn.core.sessions.find(id);
    if (known != nullptr) {
        if (!may_take_over(*known, route, turn)) return reject(route, sn::ReturnCode::not_supported, turn);
        if (is_repetition(*known, route, request, turn)) return;
        const bool is_client = known->state == ClientState::active || known->state == ClientState::asleep ||
                               known->state == ClientState::awake;
        if (is_client && !known->upstream.is_ready() && !known->upstream_gone) {
            // Its broker connection is away: the answer would take as long as the outage (SN12-6.12-e).
            restart_supervision(*known, turn);
            return reject(route, sn::ReturnCode::congestion, turn);
        }
    }
    if (turn.core.store_failing || !is_within_limits(known, route, turn))
        return reject(route, sn::ReturnCode::congestion, turn);
    if (known == nullptr) {
        known = &turn.core.sessions.create(id, ++turn.core.last_session_number, turn.config().broker.client);
        known->id_assigned = !assigned.empty();
    }
    begin(*known, route, request, turn);
}

void ask_broker(Session& session, Turn& turn) {
    session.handshake->step = Handshake::Step::broker;
    if (can_reuse_upstream(session)) return accept_connect(session, true, turn);
    for (const Timer timer : {Timer::back_off, Timer::upstream, Timer::grace})
        session.stop(timer);
    session.set(Timer::handshake, turn.now + turn.config().timers.upstream_connect_timeout);
    session.upstream.disconnect(0x00, turn.out);
    session.pending.clear();
    open_upstream(session, session.handshake->clean_session, turn);
}

void accept_connect(Session& session, bool session_present, Turn& turn) {
    const auto handshake = std::move(session.handshake);
    turn.core.sessions.end_connecting(handshake->source);
    session.stop(Timer::handshake);

    if (handshake->clean_session) {
        clear_session(session, turn);
    } else if (!handshake->from_sleep) {
        session.topics.unconfirm_all();
        // A REGACK of the earlier connection must not confirm anything in this one.
        if (session.outbound.step == OutboundExchange::Step::register_) session.outbound = {};
    }
    for (InboundExchange& each : session.inbound)
        each.is_earlier = true;
    if (handshake->clean_session || handshake->will) {
        session.will = handshake->new_will ? std::make_unique<mqtt::Will>(*handshake->new_will) : nullptr;
    }
    const bool is_new_record = !session.established;
    if (is_new_record && session_present) avoid_ids_of_earlier_life(session, turn.core.random);
    if (handshake->clean_session || !session_present) {
        session.subscriptions_known = true;
        // Packet ids of a session that the broker forgot may come again for other messages.
        forget_packet_ids(session);
    } else if (is_new_record) {
        session.subscriptions_known = false;
    }
    session.established = true;
    session.clean_session = handshake->clean_session;
    session.will_owned = false;
    session.keep_alive_s = handshake->duration_s;
    session.state = ClientState::active;
    session.accepted = {handshake->will, handshake->clean_session, true, handshake->duration_s, turn.now};
    restart_supervision(session, turn);
    ++turn.counters().connects_accepted;
    turn.log(LogLevel::info, session.client_id, "connected from {} (keep-alive {} s{})",
             turn.core.name_of(session.route.endpoint), session.keep_alive_s,
             session.clean_session ? ", clean session" : "");
    send(session, sn::Connack{sn::ReturnCode::accepted}, turn);
    renew_subscriptions(session, session_present, turn);
    if (session.upstream.is_clean()) restart_taken(session);
    forward_taken(session, turn);
    resume_delivery(session, turn);
}

void abandon_connect(Session& session, std::optional<sn::ReturnCode> code, Turn& turn) {
    if (code) {
        ++turn.counters().connects_rejected;
        send(session, sn::Connack{*code}, turn);
    }
    turn.core.sessions.end_connecting(session.handshake->source);
    session.handshake.reset();
    session.upstream.disconnect(0x00, turn.out);
    settle(session, ClientState::disconnected, turn);
}

void handshake_timeout(Session& session, Turn& turn) {
    Handshake& handshake = *session.handshake;
    if (handshake.step == Handshake::Step::broker) {
        ++turn.counters().upstream_failures;
        turn.log(LogLevel::warning, session.client_id, "CONNECT rejected: the broker did not answer in time");
        return abandon_connect(session, sn::ReturnCode::congestion, turn);
    }
    if (handshake.sendings > retries(session, turn)) {
        ++turn.counters().retries_exhausted;
        turn.log(LogLevel::info, session.client_id, "CONNECT abandoned: the will prompt was not answered");
        return abandon_connect(session, std::nullopt, turn);
    }
    ++turn.counters().retransmissions;
    prompt_will(session, turn);
}

bool repeat_connack(Session& session, Turn& turn) {
    const Timers& timers = turn.config().timers;
    if (!session.accepted.untouched || turn.now > session.accepted.at + timers.retry * (timers.retries + 1))
        return false;
    send(session, sn::Connack{sn::ReturnCode::accepted}, turn);
    restart_supervision(session, turn);
    return true;
}

}  // namespace mqttsn::gateway
