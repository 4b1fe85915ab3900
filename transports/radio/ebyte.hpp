// Ebyte LoRa modules E22, E220 and E32 in transparent or fixed transmission. Pure. The module is used as it is set:
// reading or changing its settings needs its mode pins, which a serial port does not have.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& ebyte_kind();

}  // namespace mqttsn::transports
