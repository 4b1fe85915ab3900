// What becomes of a frame after a link has taken it: slow links hold frames for seconds, and those that can tell do.
#pragma once

#include <cstdint>

namespace mqttsn {

/// Names a frame handed to a link until its departure is reported; 0 = nobody wants to know.
using FrameToken = std::uint32_t;

enum class Departure : std::uint8_t {
    left,       ///< on the air, or in the hands of a dongle that says no more
    confirmed,  ///< the receiving radio acknowledged it
    failed,     ///< it never left, or the dongle says that nobody has it
};

}  // namespace mqttsn
