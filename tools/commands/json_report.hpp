// Results as JSON, for --json and for the formats %j and %J.
#pragma once

#include "tools/commands/fleet.hpp"
#include "tools/node/client.hpp"
#include "tools/node/discovery.hpp"
#include "transports/serial_list.hpp"

#include <string>
#include <vector>

namespace mqttsn::tools {

/// One object per gateway: id, address, heard_by, advertise_s (null = none heard), age_s.
std::string to_json(const std::vector<node::KnownGateway>& gateways, TimePoint now);

/// One object per port: device, by_id, vendor_id, product_id, manufacturer, product, serial (null = unknown), config.
std::string to_json(const std::vector<transports::ListedPort>& ports);

/// Keys as in the summary; with `nodes`, when not empty.
std::string to_json(const FleetReport& report, const std::vector<NodeReport>& nodes);

/// As mosquitto_sub does with %j and %J: the payload as a text, or as the JSON value that it is. A payload that is
/// neither UTF-8 nor JSON is told in hex as payload_hex.
std::string to_json(const node::Received& message, const std::string& time, bool payload_is_json);

}  // namespace mqttsn::tools
