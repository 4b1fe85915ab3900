// COBS: blocks without zeros, and 00 behind every frame. One octet more, and one for each 254, whatever the content.
#pragma once

#include "transports/framing/frame_collector.hpp"

namespace mqttsn::transports {

class CobsFraming : public Framing {
public:
    explicit CobsFraming(const FrameRules& rules) : frame_(rules) {}

    void encode(Bytes frame, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& frames) override;
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return frame_.counters(); }

private:
    void begin() noexcept;

    FrameCollector frame_;
    std::size_t block_left_ = 0;
    bool zero_follows_ = false;  ///< the block stands for a zero behind it, unless the frame ends there
};

}  // namespace mqttsn::transports
