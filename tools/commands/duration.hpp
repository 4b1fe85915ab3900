// Times as people write them on the command line and in scenario files.
#pragma once

#include "protocol/types.hpp"

#include <optional>
#include <string_view>

namespace mqttsn::tools {

/// "500ms", "30s", "1.5m", "2h", "1d"; a number alone is in seconds. nullopt for anything else, and beyond a hundred
/// years.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace mqttsn::tools
