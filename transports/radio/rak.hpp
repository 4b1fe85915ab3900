// RAKwireless modules with RUI3 firmware (RAK3172, RAK4630, RAK11720 ...) in the mode LoRa P2P: no addresses on the
// air.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& rak_kind();

}  // namespace mqttsn::transports
