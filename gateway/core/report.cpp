#include "gateway/core/report.hpp"

#include "gateway/core/core.hpp"

#include <algorithm>

namespace mqttsn::gateway {

std::string_view name_of(ClientState state) noexcept {
    switch (state) {
        case ClientState::disconnected:
            return "disconnected";
        case ClientState::connecting:
            return "connecting";
        case ClientState::active:
            return "active";
        case ClientState::asleep:
            return "asleep";
        case ClientState::awake:
            return "awake";
        case ClientState::lost:
            return "lost";
    }
    return "";
}

std::string_view name_of(Upstream::Phase phase) noexcept {
    switch (phase) {
        case Upstream::Phase::closed:
            return "closed";
        case Upstream::Phase::opening:
            return "opening";
        case Upstream::Phase::handshake:
            return "handshake";
        case Upstream::Phase::ready:
            return "ready";
        case Upstream::Phase::waiting:
            return "waiting";
    }
    return "";
}

Totals totals_of(Core& core) {
    Totals totals;
    core.sessions.for_each([&](const Session& session) {
        ++totals.sessions[static_cast<std::size_t>(session.state)];
        totals.deliveries += session.deliveries.size();
        totals.delivery_octets += session.deliveries.octets();
        totals.taken += session.taken.list.size();
        totals.taken_octets += session.taken.octets;
        totals.broker_connections += session.upstream.is_ready() ? 1 : 0;
    });
    return totals;
}

DeviceReport report_of(const Core& core, const Session& session, TimePoint now) {
    DeviceReport report;
    report.client_id = session.client_id;
    report.state = session.state;
    if (session.bound) {
        report.link = session.route.endpoint.link;
        report.address = core.name_of(session.route.endpoint);
    }
    if (session.heard != TimePoint{}) report.heard = now - session.heard;
    report.keep_alive_s = session.keep_alive_s;
    report.sleep_s = session.sleep_s;
    report.clean_session = session.clean_session;
    report.deliveries = session.deliveries.size();
    report.delivery_octets = session.deliveries.octets();
    report.taken = session.taken.list.size();
    report.topics = session.topics.size();
    report.subscriptions = session.subscriptions.all().size();
    report.broker = session.upstream.phase();
    if (session.signal) report.signal = *session.signal;
    return report;
}

std::vector<DeviceReport> devices_of(Core& core, std::string_view after, std::size_t limit, TimePoint now) {
    std::vector<const Session*> sessions;
    core.sessions.for_each([&](const Session& session) {
        if (session.client_id > after) sessions.push_back(&session);
    });
    const auto end = sessions.begin() + static_cast<std::ptrdiff_t>(std::min(limit, sessions.size()));
    std::partial_sort(sessions.begin(), end, sessions.end(),
                      [](const Session* a, const Session* b) { return a->client_id < b->client_id; });
    std::vector<DeviceReport> page;
    for (auto each = sessions.begin(); each != end; ++each)
        page.push_back(report_of(core, **each, now));
    return page;
}

}  // namespace mqttsn::gateway
