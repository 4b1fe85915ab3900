#include "gateway/core/core.hpp"

#include "protocol/sn/v12_codec.hpp"

namespace mqttsn::gateway {

std::string Core::name_of(const Endpoint& endpoint) const {
    if (naming.to_string) return naming.to_string(endpoint);
    return fmt::format("link {}", endpoint.link);
}

const LinkConfig& Core::link(LinkId id) const noexcept {
    static const LinkConfig defaults;
    return id < config.links.size() ? config.links[id] : defaults;
}

namespace {

bool append_frame(FrameOut frame, const Route& route, const sn::Packet& packet, Turn& turn) {
    Buffer& octets = turn.out.octets;
    frame.offset = octets.size();
    const std::size_t limit = turn.core.max_frame(frame.to.link);
    const std::size_t around = route.forwarders.empty() ? 0 : encapsulation_size(route);
    if (around >= limit) return false;
    append_encapsulation(route, std::min<std::uint8_t>(frame.radius, 3), octets);
    if (!sn::encode(packet, limit - around, octets)) {
        octets.resize(frame.offset);
        return false;
    }
    frame.size = octets.size() - frame.offset;
    turn.out.frames.push_back(frame);
    ++turn.counters().frames_out;
    turn.core.traffic.count_sent(sn::type_of(packet));
    return true;
}

}  // namespace

bool send_to(const Route& route, const sn::Packet& packet, Turn& turn, std::uint8_t radius) {
    return append_frame({.to = route.endpoint, .radius = radius}, route, packet, turn);
}

void broadcast(LinkId link, std::uint8_t radius, const sn::Packet& packet, Turn& turn) {
    append_frame({.to = Endpoint{link, {}}, .broadcast = true, .radius = radius}, Route{}, packet, turn);
}

bool send(Session& session, const sn::Packet& packet, Turn& turn) {
    return !session.bound ||
           append_frame({.to = session.route.endpoint, .owner = session.key}, session.route, packet, turn);
}

namespace {

Duration retry_time(const Session& session, Turn& turn) noexcept {
    const LinkConfig& link = turn.core.link(session.route.endpoint.link);
    const Duration time = link.retry > Duration::zero() ? link.retry : turn.config().timers.retry;
    const auto most = static_cast<std::uint64_t>(static_cast<double>(time.count()) * link.retry_jitter);
    return most == 0 ? time : time + Duration(static_cast<Duration::rep>(turn.core.random.below(most + 1)));
}

}  // namespace

bool send_to_be_answered(Session& session, const sn::Packet& packet, Timer timer, Turn& turn) {
    const LinkConfig& link = turn.core.link(session.route.endpoint.link);
    if (!link.confirms_departure || !session.bound) {
        if (!send(session, packet, turn)) return false;
        session.set(timer, turn.now + retry_time(session, turn));
        return true;
    }
    FrameOut frame{.to = session.route.endpoint, .owner = session.key};
    frame.token = turn.core.departures.expect(session, timer);
    if (!append_frame(frame, session.route, packet, turn)) {
        turn.core.departures.forget(session);
        return false;
    }
    session.set(timer, turn.now + link.departure_limit + retry_time(session, turn));
    return true;
}

void frame_departed(Session& session, Turn& turn) {
    // Stopped: answered, or of no interest any more.
    if (session.is_set(session.departing_timer)) {
        session.set(session.departing_timer, turn.now + retry_time(session, turn));
    }
}

std::uint32_t retries(const Session& session, const Turn& turn) noexcept {
    return turn.core.link(session.route.endpoint.link).retries.value_or(turn.config().timers.retries);
}

}  // namespace mqttsn::gateway
