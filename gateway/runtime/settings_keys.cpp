#include "gateway/runtime/settings_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::gateway {

namespace {

// Edit distance, small texts only.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row.back();
}

template <class Range, class Name>
std::string nearest(const Range& keys, std::string_view wanted, Name&& name) {
    std::string best;
    std::size_t best_distance = wanted.size() / 2 + 2;
    for (const SettingKey& each : keys) {
        const std::string candidate = name(each);
        const std::size_t d = candidate.empty() ? best_distance : distance(wanted, candidate);
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace

std::span<const SettingKey> setting_keys() {
    static const auto keys = [] {
        std::vector<SettingKey> list;
        add_gateway(list);
        add_delivery(list);
        add_sleep(list);
        add_broker(list);
        add_links(list);
        add_serial(list);
        add_timers(list);
        add_limits_and_log(list);
        add_status(list);
        return list;
    }();
    return keys;
}

const SettingKey* find_key(std::string_view section, std::string_view name) {
    const auto keys = setting_keys();
    const auto found =
        std::ranges::find_if(keys, [&](const SettingKey& key) { return key.section == section && key.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

std::string nearest_key(std::string_view section, std::string_view name) {
    return nearest(setting_keys(), name,
                   [&](const SettingKey& key) { return key.section == section ? key.name : std::string(); });
}

std::string nearest_section(std::string_view name) {
    return nearest(setting_keys(), name, [](const SettingKey& key) { return key.section; });
}

std::string describe_settings() {
    Settings defaults;
    defaults.udp.emplace_back();
    defaults.serial.emplace_back();
    defaults.serial.back().link.port.line.device = "/dev/ttyUSB0";
    defaults.core.topics.push_back({1, "predef/one", "*"});
    defaults.core.delivery.policies.push_back({.topics = {"alarm/#"}});
    std::string out = "# Keys of the configuration file with their defaults. Every key may be left out.\n";
    std::string section;
    for (const SettingKey& key : setting_keys()) {
        if (key.section != section) {
            section = key.section;
            // An empty [[topic]] is an error, and every [[udp]] or [[serial]] adds a link: these stay comments.
            const bool is_array = section.starts_with('[');
            out += fmt::format("\n{}[{}]\n", is_array ? "#" : "", section);
        }
        out += fmt::format("# {}{}{}\n#{}{} = {}\n", key.help, key.help.empty() ? "" : ": ", key.expects,
                           key.of_some_links ? " " : "", key.name, key.show(defaults));
    }
    return out;
}

}  // namespace mqttsn::gateway
