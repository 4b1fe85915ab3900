// The one table of configuration keys: it validates files, and it prints the reference.
#pragma once

#include "gateway/runtime/settings.hpp"

#include <functional>
#include <span>
#include <variant>

namespace mqttsn::gateway {

/// A value as it stands in the file, free of the TOML library.
using SettingValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct SettingKey {
    std::string section;  ///< "timers"; arrays of tables as "[udp]"
    std::string name;
    std::string help;
    std::string expects;  ///< "a duration of at least 1ms, such as \"10s\" or \"250ms\""
    /// Stores the value; false when it is not what `expects` says. For arrays of tables, into the last element.
    std::function<bool(Settings&, const SettingValue&)> set;
    /// The present value as TOML.
    std::function<std::string(const Settings&)> show;
    bool of_some_links = false;  ///< only some kinds of [[serial]] links have it; these check the value
};

// The parts of the table, in the order of the reference.
void add_gateway(std::vector<SettingKey>& keys);
void add_delivery(std::vector<SettingKey>& keys);
void add_sleep(std::vector<SettingKey>& keys);
void add_broker(std::vector<SettingKey>& keys);
void add_links(std::vector<SettingKey>& keys);
void add_serial(std::vector<SettingKey>& keys);
void add_timers(std::vector<SettingKey>& keys);
void add_limits_and_log(std::vector<SettingKey>& keys);
void add_status(std::vector<SettingKey>& keys);

std::span<const SettingKey> setting_keys();
const SettingKey* find_key(std::string_view section, std::string_view name);
/// The known names that look most like a mistyped one, for "did you mean".
std::string nearest_key(std::string_view section, std::string_view name);
std::string nearest_section(std::string_view name);

}  // namespace mqttsn::gateway
