// Whether an XBee seems to be in API mode 2 while the gateway speaks mode 1: every frame with something to escape fails
// then, all others pass, and users see that "some packets never arrive". Pure.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <cstdint>

namespace mqttsn::transports {

class XbeeModeSuspicion {
public:
    /// `errors`: wrong checksums of frames with 7D inside, so far. Noise spreads its damage over all frames, and a
    /// sound frame with 7D in it is one that mode 2 would have escaped: both clear the module.
    void sound_frame(Bytes frame, std::uint64_t errors) noexcept {
        const bool is_plain = std::ranges::find(frame, std::byte{0x7d}) != frame.end();
        if (!is_plain && ++sound_ < most_sound_between) return;
        sound_ = 0;
        errors_before_ = errors;
    }
    /// True once.
    bool rises(std::uint64_t errors) noexcept {
        if (told_ || errors < errors_before_ + errors_that_suffice) return false;
        told_ = true;
        return true;
    }

private:
    static constexpr std::uint64_t errors_that_suffice = 3;
    static constexpr int most_sound_between = 20;

    std::uint64_t errors_before_ = 0;
    int sound_ = 0;
    bool told_ = false;
};

}  // namespace mqttsn::transports
