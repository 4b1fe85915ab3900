// The kinds of links over a serial port.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

std::span<const DriverKind* const> driver_kinds();
/// Null when there is no kind of this name.
const DriverKind* find_kind(std::string_view name);

}  // namespace mqttsn::transports
