// PINGREQ and the supervision of clients (SN 6.11, 7.2).
#include "gateway/core/procedures/procedures.hpp"

namespace mqttsn::gateway {

Duration tolerance(Duration duration) noexcept {
    if (duration <= std::chrono::seconds(60)) return duration * 3 / 2;
    return duration + std::max<Duration>(duration / 10, std::chrono::seconds(30));
}

void restart_supervision(Session& session, Turn& turn) {
    if (session.state == ClientState::asleep) {
        session.lost_at = turn.now + tolerance(std::chrono::seconds(session.sleep_s));
        session.set(Timer::sleep, session.lost_at);
        return;
    }
    if (session.state != ClientState::active) return;
    const Timers& timers = turn.config().timers;
    Duration keep_alive = std::chrono::seconds(session.keep_alive_s);
    const Duration longest = timers.keep_alive_max;
    if (longest > Duration::zero() && (keep_alive == Duration::zero() || keep_alive > longest)) keep_alive = longest;
    if (keep_alive == Duration::zero()) {
        session.stop(Timer::keep_alive);
        session.stop(Timer::probe);
        return;
    }
    session.set(Timer::keep_alive, turn.now + tolerance(keep_alive));
    if (timers.ping_probe) session.set(Timer::probe, turn.now + keep_alive);
}

void client_pings(Session& session, const Route& route, Turn& turn) {
    switch (session.state) {
        case ClientState::active:
            session.accepted.untouched = false;
            restart_supervision(session, turn);
            send(session, sn::Pingresp{}, turn);
            return;
        case ClientState::asleep:
        case ClientState::awake:
            client_wakes(session, route, turn);
            return;
        default:
            ++turn.counters().unexpected;
            return;
    }
}

}  // namespace mqttsn::gateway
