// SIGHUP: which settings change while the gateway runs, and which wait for its next start.
#pragma once

#include "gateway/runtime/settings_keys.hpp"

#include <string>
#include <vector>

namespace mqttsn::gateway {

/// [limits], [log], [[topic]] and the TLS keys of [broker].
bool is_reloadable(const SettingKey& key);

/// Moves what may change from `fresh` to `running`: predefined topics, limits, the log, TLS (also when only the content
/// of its files is new). Both are complete. Returns the names of the keys that differ and wait for the next start, as
/// "[timers] retry"; with a new broker URL the TLS keys belong to the new broker and wait with it.
std::vector<std::string> take_over(Settings& running, Settings fresh);

}  // namespace mqttsn::gateway
