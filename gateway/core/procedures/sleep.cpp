// Sleeping clients (SN 6.14): nothing is sent to them until they ask.
#include "gateway/core/procedures/procedures.hpp"
#include "protocol/sn/v12_codec.hpp"

namespace mqttsn::gateway {

namespace {

void fall_asleep(Session& session, Turn& turn) {
    session.state = ClientState::asleep;
    for (const Timer timer : {Timer::keep_alive, Timer::probe, Timer::retry, Timer::wait, Timer::gap, Timer::drain}) {
        session.stop(timer);
    }
    restart_supervision(session, turn);
    drop_unkept_deliveries(session, turn);
    keep_waiting_deliveries(session, turn);
}

}  // namespace

void client_sleeps(Session& session, std::uint16_t duration_s, Turn& turn) {
    send(session, sn::Disconnect{}, turn);
    session.sleep_s = duration_s;
    fall_asleep(session, turn);
    turn.log(LogLevel::info, session.client_id, "asleep for {} s", duration_s);
}

void answer(Session& session, const sn::Packet& packet, bool began_asleep, Turn& turn) {
    if (session.state != ClientState::asleep || began_asleep) {
        send(session, packet, turn);
        return;
    }
    Buffer frame;
    if (!sn::encode(packet, turn.core.max_frame(session.route.endpoint.link), frame)) return;
    session.held.push_back(static_cast<std::byte>(frame.size()));  // acknowledgements have at most 8 octets
    session.held.insert(session.held.end(), frame.begin(), frame.end());
}

namespace {

void send_held(Session& session, Turn& turn) {
    const Buffer held = std::move(session.held);
    session.held.clear();
    for (std::size_t at = 0; at < held.size();) {
        const auto size = static_cast<std::size_t>(held[at]);
        if (const auto packet = sn::decode(Bytes(held).subspan(at + 1, size))) send(session, *packet, turn);
        at += 1 + size;
    }
}

}  // namespace

void client_wakes(Session& session, const Route& route, Turn& turn) {
    turn.core.sessions.bind(session, route);
    if (session.upstream_gone) {
        gateway_disconnects(session, "its broker connection was lost while it slept", turn);
        return;
    }
    if (session.state == ClientState::asleep) {
        // For restarts of the gateway: a client that hears no PINGRESP sleeps again, but what it says until then makes
        // no record.
        restart_supervision(session, turn);
        session.lost_at += turn.config().awake.max_time;
        session.stop(Timer::sleep);
        session.state = ClientState::awake;
        session.drained = 0;
        session.set(Timer::drain, turn.now + turn.config().awake.max_time);
    }
    send_held(session, turn);
    resume_delivery(session, turn);
}

bool is_drain_full(const Session& session, const Turn& turn) {
    const std::size_t most = turn.config().awake.max_messages;
    return session.state == ClientState::awake && most != 0 && session.drained >= most;
}

void end_drain(Session& session, bool pingresp, Turn& turn) {
    if (pingresp) send(session, sn::Pingresp{}, turn);
    fall_asleep(session, turn);
}

}  // namespace mqttsn::gateway
