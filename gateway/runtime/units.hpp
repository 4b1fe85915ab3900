// Durations and sizes as people write them.
#pragma once

#include "protocol/types.hpp"

#include <optional>
#include <string>

namespace mqttsn::gateway {

/// "10s", "250ms", "5m", "1h", "2d", "1.5s". nullopt for anything else.
std::optional<Duration> parse_duration(std::string_view text);
/// The shortest text that parse_duration() reads back.
std::string show_duration(Duration duration);

/// "4096", "64KiB", "4MiB", "1GiB".
std::optional<std::size_t> parse_octets(std::string_view text);

}  // namespace mqttsn::gateway
