// Impairments of the network, and faults of nodes, as people write them on the command line and in scenario files.
#pragma once

#include "tools/node/faults.hpp"
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

/// Adds the faults of these names, "all" for every one, to `found`. Error text when there is none of a name.
std::string find_faults(const std::vector<std::string>& names, std::vector<const node::Fault*>& found);
/// Every fault with what it does, and how to command those that are impairments, as --help-faults prints it.
std::string list_of_faults();

}  // namespace mqttsn::tools
