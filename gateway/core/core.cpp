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
           append_frame({.to = session.route.endpoint, .owner = session.number}, session.route, packet, turn);
}

}  // namespace mqttsn::gateway
