// How frames stand in a stream of octets, as the firmware of a node has it: raw, SLIP, HDLC or COBS.
#pragma once

#include "tools/dongle/checksums.hpp"

#include <optional>
#include <vector>

namespace mqttsn::dongle {

enum class Framing : std::uint8_t { raw, slip, hdlc, cobs };

class LineCode {
public:
    /// Frames longer than `most` octets are dropped.
    LineCode(Framing framing, const Crc& crc, std::size_t most = 1024) : framing_(framing), crc_(crc), most_(most) {}

    void encode(Bytes frame, Buffer& wire) const;
    /// Appends the frames that are complete; bad ones are counted.
    void receive(Bytes octets, TimePoint now, std::vector<Buffer>& frames);
    /// Only `raw` has any: a frame that does not end is given up after a silence.
    void timeout(TimePoint now, std::vector<Buffer>& frames);
    std::optional<TimePoint> next_timeout() const noexcept { return give_up_at_; }
    void reset() noexcept;
    std::uint64_t errors() const noexcept { return errors_; }

private:
    void receive_delimited(std::byte octet, std::vector<Buffer>& frames);
    void end_frame(std::vector<Buffer>& frames);
    void scan_raw(std::vector<Buffer>& frames);

    Framing framing_;
    Crc crc_;
    std::size_t most_;
    Buffer held_;  ///< of the frame that has begun; still stuffed with COBS
    bool escaped_ = false;
    bool broken_ = false;  ///< up to the next delimiter
    std::optional<TimePoint> give_up_at_;
    std::uint64_t errors_ = 0;
};

}  // namespace mqttsn::dongle
