#include "transports/radio/lora_air_time.hpp"

#include <algorithm>
#include <cmath>

namespace mqttsn::transports {

Duration lora_air_time(const LoraModulation& modulation, std::size_t octets) noexcept {
    const double factor = modulation.spreading_factor;
    const double symbol_s = std::exp2(factor) / modulation.bandwidth_hz;
    const bool is_low_rate = symbol_s >= 0.016;
    const bool is_short =
        modulation.spreading_factor < 7;  // SF5 and SF6 of the SX126x sync longer and code differently

    double bits = 8.0 * static_cast<double>(octets) - 4.0 * factor;
    if (!is_short) bits += 8.0;
    if (modulation.crc) bits += 16.0;
    if (modulation.explicit_header) bits += 20.0;
    const double bits_a_block = 4.0 * (factor - (is_low_rate ? 2.0 : 0.0));
    const double blocks = std::ceil(std::max(bits, 0.0) / bits_a_block);
    const double payload = 8.0 + blocks * (modulation.coding_rate + 4.0);
    const double preamble = modulation.preamble + (is_short ? 6.25 : 4.25);
    return std::chrono::round<Duration>(std::chrono::duration<double>((preamble + payload) * symbol_s));
}

}  // namespace mqttsn::transports
