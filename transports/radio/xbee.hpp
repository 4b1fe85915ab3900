// Digi XBee modules in API mode: 802.15.4, Zigbee, DigiMesh, 868 and 900 MHz. Pure.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& xbee_kind();

}  // namespace mqttsn::transports
