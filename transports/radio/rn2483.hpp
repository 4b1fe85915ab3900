// Microchip RN2483 and RN2903 with the LoRaWAN stack paused: no addresses on the air.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& rn2483_kind();

}  // namespace mqttsn::transports
