// Checks the [[serial]] links as a whole: what no single key shows.
#pragma once

#include "gateway/runtime/settings.hpp"

namespace mqttsn::gateway {

/// Chooses the kind of each link, checks its options and derives its entry in core.links. Appends what is wrong;
/// `where` names the source of links that do not know their line.
void complete_serial(Settings& settings, const std::string& where, SettingErrors& errors);

}  // namespace mqttsn::gateway
