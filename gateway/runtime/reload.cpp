#include "gateway/runtime/reload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mqttsn::gateway {

namespace {

constexpr std::array tls_keys{"ca_file", "ca_path",     "certificate", "key",
                              "verify",  "server_name", "tls_version", "alpn"};

bool is_tls(const SettingKey& key) {
    return key.section == "broker" && std::ranges::find(tls_keys, key.name) != tls_keys.end();
}

// A list of tables, as settings that each have one element of it: where a key of such a list looks.
template <class List>
std::vector<Settings> one_by_one(const Settings& settings, List&& list) {
    std::vector<Settings> result;
    for (const auto& each : list(settings)) {
        result.emplace_back();
        list(result.back()) = {each};
    }
    return result;
}

std::vector<Settings> elements(const std::string& section, const Settings& settings) {
    if (section == "[udp]")
        return one_by_one(
            settings, [](auto& in) -> auto& { return in.udp; });
    if (section == "[serial]")
        return one_by_one(
            settings, [](auto& in) -> auto& { return in.serial; });
    if (section == "[delivery.policy]") {
        return one_by_one(
            settings, [](auto& in) -> auto& { return in.core.delivery.policies; });
    }
    return {};
}

bool differs(const SettingKey& key, const Settings& running, const Settings& fresh) {
    if (!key.section.starts_with('[')) return key.show(running) != key.show(fresh);
    return !std::ranges::equal(elements(key.section, running), elements(key.section, fresh),
                               [&](const Settings& a, const Settings& b) { return key.show(a) == key.show(b); });
}

}  // namespace

bool is_reloadable(const SettingKey& key) {
    return key.section == "limits" || key.section == "log" || key.section == "[topic]" || is_tls(key);
}

std::vector<std::string> take_over(Settings& running, Settings fresh) {
    const bool is_same_broker = running.broker_url == fresh.broker_url;
    std::vector<std::string> waiting;
    for (const SettingKey& key : setting_keys()) {
        const bool waits = !is_reloadable(key) || (is_tls(key) && !is_same_broker);
        if (waits && differs(key, running, fresh)) waiting.push_back(fmt::format("[{}] {}", key.section, key.name));
    }
    running.core.topics = std::move(fresh.core.topics);
    running.core.limits = fresh.core.limits;
    running.log = fresh.log;
    if (is_same_broker) {
        running.tls = std::move(fresh.tls);
        running.broker.tls = std::move(fresh.broker.tls);
    }
    return waiting;
}

}  // namespace mqttsn::gateway
