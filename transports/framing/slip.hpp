// SLIP (RFC 1055): END around every frame, two escapes, and a check value if one is wanted.
#pragma once

#include "transports/framing/frame_collector.hpp"

namespace mqttsn::transports {

/// Sends END at both ends: some receivers lose every second frame otherwise. An escape in front of anything but the two
/// that exist drops its frame, because RFC 1055 has no check that would find the damage.
class SlipFraming : public Framing {
public:
    explicit SlipFraming(const FrameRules& rules = {}) : frame_(rules) {}

    void encode(Bytes frame, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& frames) override;
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return frame_.counters(); }

private:
    FrameCollector frame_;
    bool is_escaped_ = false;
};

}  // namespace mqttsn::transports
