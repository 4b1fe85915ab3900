// Bridges that speak the serial protocol of the Aquila gateway: a microcontroller with a radio that forwards frames of
// addressed nodes in SLIP, tells their signal strength, and answers to each frame it is handed. Pure. Pairing of nodes
// is not part of it.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

const DriverKind& aquila_kind();

}  // namespace mqttsn::transports
