// The API frames of Digi XBee modules: 7E, length, data, checksum; with AP = 2 four octets are escaped.
#pragma once

#include "protocol/types.hpp"

#include <vector>

namespace mqttsn::dongle {

class XbeeApi {
public:
    static void encode(bool escapes, Bytes data, Buffer& wire);

    /// Appends the data of every sound frame. A module waits for the end of a frame as long as it takes.
    void receive(bool escapes, Bytes octets, std::vector<Buffer>& frames);
    void reset() noexcept;
    std::uint64_t errors() const noexcept { return errors_; }

private:
    Buffer held_;  ///< length, data and checksum of the frame that has begun
    bool begun_ = false;
    bool escaped_ = false;
    std::uint64_t errors_ = 0;
};

}  // namespace mqttsn::dongle
