// Impairments of the network as people write them on the command line and in scenario files.
#pragma once

#include "tools/node/impairment.hpp"

#include <string>
#include <string_view>

namespace mqttsn::tools {

/// "10%", "0.1"; from 0 to 100%.
std::optional<double> parse_probability(std::string_view text);

struct Delay {
    Duration delay{};
    Duration jitter{};
};
/// "200ms", "200ms±100ms", "200ms+-100ms". The jitter is at most the delay.
std::optional<Delay> parse_delay(std::string_view text);

/// Words in any order: up or down, the name of a message type, one effect (lose, double, reorder, delay), a probability
/// "5%", for delay a time "200ms±100ms", and which of those frames "#3", "#1-3" or "#4-": "up PUBACK lose #1-2".
struct ReadRule {
    std::optional<node::ImpairmentRule> rule;
    std::string error;
};
ReadRule parse_impairment_rule(std::string_view text);

}  // namespace mqttsn::tools
