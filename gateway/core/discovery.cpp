#include "gateway/core/discovery.hpp"

namespace mqttsn::gateway {

namespace {

RateLimit total_limit(const Limits& limits) {
    return {limits.searchgw_per_second, limits.searchgw_per_second};
}

SourceRateLimit source_limit(const Limits& limits) {
    return {1.0, 1.0, limits.tracked_sources};
}

}  // namespace

Discovery::Discovery(const Config& config)
    : total_(total_limit(config.limits)), per_source_(source_limit(config.limits)) {}

void Discovery::reconfigure(const Config& config) {
    total_ = total_limit(config.limits);
    per_source_ = source_limit(config.limits);
}

void Discovery::set_reachable(bool reachable, Turn& turn) {
    reachable_ = reachable;
    if (!reachable) {
        advertise_at_.reset();
    } else if (turn.config().discovery) {
        advertise(turn);
    }
}

void Discovery::search(const Route& route, const sn::SearchGw& packet, Turn& turn) {
    ++turn.counters().searchgw;
    const auto link = route.endpoint.link;
    const auto& links = turn.config().links;
    const LinkConfig settings = link < links.size() ? links[link] : LinkConfig{};
    const bool wanted = turn.config().discovery && settings.discovery && reachable_;
    if (!wanted || !per_source_.allow(route, turn.now) || !total_.allow(turn.now)) {
        ++turn.counters().searchgw_suppressed;
        return;
    }
    const sn::GwInfo info{turn.config().gateway_id, {}};
    if (settings.gwinfo_unicast || !route.forwarders.empty()) {
        send_to(route, info, turn, packet.radius);
    } else {
        broadcast(link, packet.radius, info, turn);
    }
}

void Discovery::hear(const Route& route, const sn::Advertise& packet, Turn& turn) {
    if (packet.gw_id != turn.config().gateway_id) return;
    ++turn.counters().gateway_id_conflicts;
    turn.log(LogLevel::warning, turn.core.name_of(route.endpoint),
             "another gateway advertises our gateway id {}: give each gateway its own [gateway] id", packet.gw_id);
}

void Discovery::timeout(Turn& turn) {
    if (advertise_at_ && *advertise_at_ <= turn.now) advertise(turn);
}

void Discovery::advertise(Turn& turn) {
    const Config& config = turn.config();
    advertise_at_ = turn.now + config.timers.advertise;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(config.timers.advertise).count();
    const sn::Advertise packet{config.gateway_id,
                               static_cast<std::uint16_t>(std::clamp<decltype(seconds)>(seconds, 1, 65535))};
    for (std::size_t link = 0; link < config.links.size(); ++link) {
        if (!config.links[link].discovery || !config.links[link].advertise) continue;
        ++turn.counters().advertises;
        broadcast(static_cast<LinkId>(link), config.links[link].advertise_radius, packet, turn);
    }
    if (!config.forwarder.advertise) return;
    std::string all_nodes(1, static_cast<char>(config.forwarder.broadcast_node_id.size()));
    all_nodes += as_text(config.forwarder.broadcast_node_id);
    for (const Endpoint& forwarder : config.forwarder.endpoints) {
        ++turn.counters().advertises;
        const bool is_configured = forwarder.link < config.links.size();
        send_to({forwarder, all_nodes}, packet, turn,
                is_configured ? config.links[forwarder.link].advertise_radius : 0);
    }
}

}  // namespace mqttsn::gateway
