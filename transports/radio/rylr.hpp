// REYAX RYLR896/406 (SX1276) and RYLR998/498 (SX1262): LoRa modems with AT commands and addresses of 16 bits.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& rylr_kind();

}  // namespace mqttsn::transports
