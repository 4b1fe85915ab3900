// The output formats of `mqttsn sub -F`, those of mosquitto_sub that make sense here.
#pragma once

#include "tools/node/client.hpp"
#include "tools/node/discovery.hpp"

#include <chrono>
#include <string>

namespace mqttsn::tools {

/// Error text when the format has a letter without a meaning, or ends behind a % or \.
std::optional<std::string> check_format(std::string_view format);

/// %t topic, %p payload, %x and %X payload in hex, %l its length, %q QoS, %r retain, %m message id, %I local time, %U
/// Unix time, %@C the local time by strftime's %C, %j and %J JSON, %%; \n \r \t \a \e \v \0 \\ as in C.
std::string formatted(std::string_view format, const node::Received& message,
                      std::chrono::system_clock::time_point time);

std::string hex_of(Bytes octets, bool capitals = false);
/// "ADVERTISE", "GWINFO", "GWINFO of a node".
std::string_view source_name(node::KnownGateway::Source source) noexcept;

}  // namespace mqttsn::tools
