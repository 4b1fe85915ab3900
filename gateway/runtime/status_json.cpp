// The only place of the gateway that knows Boost.JSON.
#include "gateway/runtime/status_json.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace mqttsn::gateway {

namespace {

namespace json = boost::json;

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

// Milliseconds say enough, and floating-point tails say nothing.
double seconds(Duration duration) {
    return std::round(std::chrono::duration<double>(duration).count() * 1000) / 1000;
}

json::object show_link(const LinkSnapshot& link) {
    const auto& c = link.counters;
    json::object more;
    for (const transports::NamedCount& each : link.more)
        more[each.identifier()] = each.value;
    return {{"name", link.name},
            {"up", link.up},
            {"frames_received", c.frames_in},
            {"bytes_received", c.octets_in},
            {"frames_sent", c.frames_out},
            {"bytes_sent", c.octets_out},
            {"truncated", c.truncated},
            {"receive_errors", c.receive_errors},
            {"send_errors", c.send_errors},
            {"send_queue_full", c.send_queue_full},
            {"more", std::move(more)}};
}

json::object show_store(const StoreSnapshot& store) {
    return {{"takes_records", store.takes_records},      {"commits", store.counters.commits},
            {"records", store.counters.records_written}, {"bytes", store.counters.octets_written},
            {"failures", store.counters.failures},       {"sessions_waiting", store.sessions_waiting}};
}

// The last one, and how many frames stand behind the mean and the lowest.
json::object show_signal(const SignalQuality& signal) {
    const auto tenths = [](double value) { return std::round(value * 10) / 10; };
    return {{"rssi_dbm", signal.last.rssi_dbm},
            {"rssi_mean_dbm", tenths(signal.mean_rssi_dbm())},
            {"rssi_lowest_dbm", signal.worst.rssi_dbm},
            {"snr_db", signal.last.snr_db},
            {"snr_mean_db", tenths(signal.mean_snr_db())},
            {"snr_lowest_db", signal.worst.snr_db},
            {"frames", signal.frames}};
}

json::object show_device(const DeviceReport& device, const std::vector<LinkSnapshot>& links) {
    json::object shown{{"client_id", device.client_id},
                       {"state", view(name_of(device.state))},
                       {"link", nullptr},
                       {"address", nullptr},
                       {"heard_s", nullptr},
                       {"keep_alive_s", device.keep_alive_s},
                       {"sleep_s", device.sleep_s},
                       {"clean_session", device.clean_session},
                       {"deliveries", device.deliveries},
                       {"delivery_bytes", device.delivery_octets},
                       {"taken", device.taken},
                       {"topics", device.topics},
                       {"subscriptions", device.subscriptions},
                       {"broker", view(name_of(device.broker))},
                       {"signal", nullptr}};
    if (device.link) {
        if (*device.link < links.size()) shown["link"] = links[*device.link].name;
        shown["address"] = device.address;
    }
    if (device.heard) shown["heard_s"] = seconds(*device.heard);
    if (device.signal) shown["signal"] = show_signal(*device.signal);
    return shown;
}

}  // namespace

std::string show_status(const Snapshot& snapshot, const std::vector<std::string>& obstacles, const ProcessUsage& usage,
                        std::string_view version) {
    const Totals totals = snapshot.gateway.totals();
    json::object sessions;
    for (std::size_t state = 0; state < client_state_count; ++state)
        sessions[view(name_of(static_cast<ClientState>(state)))] = totals.sessions[state];
    json::array links;
    for (const LinkSnapshot& each : snapshot.links)
        links.push_back(show_link(each));
    json::object counters;
    snapshot.gateway.counters().for_each(
        [&](std::string_view name, std::string_view, std::uint64_t value) { counters[view(name)] = value; });
    json::object status{{"name", snapshot.name},
                        {"version", view(version)},
                        {"ready", obstacles.empty()},
                        {"not_ready_because", json::value_from(obstacles)},
                        {"started_at", std::floor(usage.started_at)},
                        {"resident_bytes", usage.resident_bytes},
                        {"broker",
                         {{"url", snapshot.broker_url},
                          {"connected", snapshot.gateway.is_broker_connected()},
                          {"device_connections", totals.broker_connections}}},
                        {"links", std::move(links)},
                        {"sessions", std::move(sessions)},
                        {"deliveries", totals.deliveries},
                        {"delivery_bytes", totals.delivery_octets},
                        {"taken", totals.taken},
                        {"taken_bytes", totals.taken_octets},
                        {"store", nullptr},
                        {"counters", std::move(counters)}};
    if (snapshot.store) status["store"] = show_store(*snapshot.store);
    return json::serialize(status) + "\n";
}

std::string show_info(const Settings& settings) {
    json::array links;
    for (const LinkConfig& each : settings.core.links)
        links.push_back(json::string(each.name));
    return json::serialize(json::object{{"name", settings.core.name},
                                        {"version", MQTTSN_VERSION},
                                        {"gateway_id", settings.core.gateway_id},
                                        {"links", std::move(links)}});
}

std::string show_device_status(const DeviceReport& device, const std::vector<LinkConfig>& links,
                               std::chrono::system_clock::time_point now) {
    json::object shown{{"client_id", device.client_id},
                       {"state", view(name_of(device.state))},
                       {"link", nullptr},
                       {"address", nullptr},
                       {"heard_at", nullptr},
                       {"keep_alive_s", device.keep_alive_s},
                       {"sleep_s", device.sleep_s},
                       {"clean_session", device.clean_session},
                       {"signal", nullptr}};
    if (device.link) {
        if (*device.link < links.size()) shown["link"] = links[*device.link].name;
        shown["address"] = device.address;
    }
    const auto since_epoch = std::chrono::duration_cast<Duration>(now.time_since_epoch());
    if (device.heard) shown["heard_at"] = seconds(since_epoch - *device.heard);
    if (device.signal) shown["signal"] = show_signal(*device.signal);
    return json::serialize(shown);
}

std::string show_devices(const std::vector<DeviceReport>& devices, const std::vector<LinkSnapshot>& links, bool more) {
    json::array list;
    for (const DeviceReport& each : devices)
        list.push_back(show_device(each, links));
    json::object page{{"devices", std::move(list)}, {"next", nullptr}};
    if (more) page["next"] = devices.back().client_id;
    return json::serialize(page) + "\n";
}

}  // namespace mqttsn::gateway
