// How long a LoRa packet occupies the channel: the formula of the transceivers' data sheets (Semtech SX1276, 4.1.1.7;
// SX1262, 6.1.4). Pure.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::transports {

struct LoraModulation {
    unsigned spreading_factor = 7;    ///< 5 to 12
    unsigned bandwidth_hz = 125'000;  ///< more than 0
    unsigned coding_rate = 1;         ///< 1 = 4/5 to 4 = 4/8
    unsigned preamble = 8;            ///< symbols
    bool crc = true;                  ///< of the payload, on the air
    bool explicit_header = true;
};

/// Time on air of a packet with so many octets of payload. The optimisation for low data rates is on where a symbol
/// takes 16 ms or longer, as every module does it.
Duration lora_air_time(const LoraModulation& modulation, std::size_t octets) noexcept;

}  // namespace mqttsn::transports
