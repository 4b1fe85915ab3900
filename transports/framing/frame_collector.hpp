// What the framings with delimiters have in common: octets of a frame gather until its delimiter, and are judged. Pure.
#pragma once

#include "transports/framing/crc.hpp"
#include "transports/framing/framing.hpp"

namespace mqttsn::transports {

struct FrameRules {
    std::size_t largest = 255;  ///< MQTT-SN message without forwarder headers, or frame if it is none
    FrameCheck check;
    /// The frame is an MQTT-SN message, so its Length has to agree. Octets behind the message are dropped, and the
    /// message delivered, where a check value says that the sender meant it so; without one the frame is dropped.
    bool messages = true;
};

class FrameCollector {
public:
    explicit FrameCollector(const FrameRules& rules);

    const FrameCheck& check() const noexcept { return check_; }
    FramingCounters& counters() noexcept { return counters_; }
    const FramingCounters& counters() const noexcept { return counters_; }

    /// What exceeds the limit is dropped with its frame, so memory stays bounded.
    void put(std::byte octet);
    /// Something is wrong with the frame: counted in `cause`, and dropped up to its delimiter.
    void spoil(std::uint64_t& cause);
    /// The delimiter: appends the frame if it is sound, and begins a new one. A frame without octets is none.
    void finish(FrameList& frames);
    /// Begins a new frame as if nothing had been.
    void drop() noexcept;
    bool empty() const noexcept { return octets_.empty() && !is_spoilt_; }
    bool is_spoilt() const noexcept { return is_spoilt_; }

private:
    void judge(Bytes frame, FrameList& frames);

    FrameCheck check_;
    std::size_t largest_;
    std::size_t limit_;
    bool messages_;
    bool is_spoilt_ = false;
    Buffer octets_;
    FramingCounters counters_;
};

}  // namespace mqttsn::transports
