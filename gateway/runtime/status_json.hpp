// The state of the gateway as JSON, for programs and for `mqttsn status`.
#pragma once

#include "gateway/runtime/settings.hpp"
#include "gateway/runtime/snapshot.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::gateway {

/// `obstacles` is why the gateway is not ready; empty = it is.
std::string show_status(const Snapshot& snapshot, const std::vector<std::string>& obstacles, const ProcessUsage& usage,
                        std::string_view version);

/// What the gateway tells of itself over MQTT: name, version, gateway id, links, broker.
std::string show_info(const Settings& settings);

/// What it tells there of a device: only what does not grow old, and when the device was heard.
std::string show_device_status(const DeviceReport& device, const std::vector<LinkConfig>& links,
                               std::chrono::system_clock::time_point now);

/// One page; with `more`, "next" is the client id to ask on after.
std::string show_devices(const std::vector<DeviceReport>& devices, const std::vector<LinkSnapshot>& links, bool more);

}  // namespace mqttsn::gateway
