// A serial line carries octets, a link carries frames: a Framing finds the frames in the stream and makes octets of
// them. Pure: no port, no clock. A bad frame costs exactly that frame, and is counted.
#pragma once

#include "protocol/types.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace mqttsn::transports {

/// Frames back to back in one buffer, in the order of their arrival. Keeps its capacity when cleared.
class FrameList {
public:
    void push(Bytes frame) {
        octets_.insert(octets_.end(), frame.begin(), frame.end());
        ends_.push_back(octets_.size());
    }
    std::size_t size() const noexcept { return ends_.size(); }
    bool empty() const noexcept { return ends_.empty(); }
    /// Valid until the next push() or clear().
    Bytes operator[](std::size_t index) const noexcept {
        const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
        return Bytes(octets_).subspan(begin, ends_[index] - begin);
    }
    void clear() noexcept {
        octets_.clear();
        ends_.clear();
    }

private:
    Buffer octets_;
    std::vector<std::size_t> ends_;
};

struct FramingCounters {
    std::uint64_t frames_in = 0;
    std::uint64_t check_errors = 0;    ///< FCS, CRC or checksum disagrees: frame dropped
    std::uint64_t framing_errors = 0;  ///< runt, or the length octet of the message disagrees with the frame
    std::uint64_t escape_errors = 0;   ///< an escape in front of something that is never escaped: frame dropped
    std::uint64_t oversize = 0;        ///< longer than the limit: dropped up to the next delimiter
    std::uint64_t foreign = 0;         ///< frames of another protocol (IP over SLIP): dropped
    std::uint64_t skipped_octets = 0;  ///< noise between frames, and what resynchronisation passed over
};

class Framing {
public:
    virtual ~Framing() = default;

    /// Appends the octets of one frame to `wire`.
    virtual void encode(Bytes frame, Buffer& wire) const = 0;
    /// Octets from the line, in any split; appends every frame that is complete and sound. Only timeout() ends a frame
    /// by silence: octets that were read late, after a stall of the process, still belong together.
    virtual void receive(Bytes octets, TimePoint now, FrameList& frames) = 0;
    /// Silence can end a frame or prove it broken: call when next_timeout() has come. Calling early is harmless.
    virtual void timeout(TimePoint /*now*/, FrameList& /*frames*/) {}
    virtual std::optional<TimePoint> next_timeout() const noexcept { return std::nullopt; }
    /// The line was opened anew: what had begun never ends. Counters go on.
    virtual void reset() noexcept = 0;
    virtual const FramingCounters& counters() const noexcept = 0;
};

}  // namespace mqttsn::transports
