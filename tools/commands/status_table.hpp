// The state of a gateway as text for a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqttsn::tools {

/// `status` and `devices` are the pages /api/v1/status and /api/v1/devices. nullopt: no gateway of ours said this.
std::optional<std::string> status_table(std::string_view status, std::string_view devices);

}  // namespace mqttsn::tools
