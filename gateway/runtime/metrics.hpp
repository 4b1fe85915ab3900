// The metrics of a gateway in the Prometheus exposition format. Their number depends on links and message types, never
// on devices.
#pragma once

#include "gateway/runtime/snapshot.hpp"

#include <string>
#include <string_view>

namespace mqttsn::gateway {

std::string show_metrics(const Snapshot& snapshot, const ProcessUsage& usage, std::string_view version);

}  // namespace mqttsn::gateway
