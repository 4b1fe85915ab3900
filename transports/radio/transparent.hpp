// Radios and cables that carry octets without a word: SiK, HC-12, Bluetooth RFCOMM. Pure.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& transparent_kind();

}  // namespace mqttsn::transports
