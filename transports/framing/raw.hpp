// MQTT-SN messages back to back, with nothing between them and no checksum: the Length octet is the only framing.
#pragma once

#include "transports/framing/framing.hpp"
#include "transports/framing/message_shape.hpp"

namespace mqttsn::transports {

struct RawOptions {
    Peer peer = Peer::nodes;
    std::size_t largest = 255;                     ///< message, without forwarder headers
    Duration gap = std::chrono::milliseconds(50);  ///< silence inside a message that proves it broken
};

/// Frames are found by what they must look like: Length, MsgType and the sizes of the type. What cannot be a message is
/// passed over octet by octet. In step ("locked") a message is delivered as soon as it is whole; out of step only when
/// silence or another plausible message follows.
///
/// What holds: after a silence of `gap` nothing of the past is left, so a message sent into silence gets through
/// whatever came before it, at the latest another `gap` later. Without silence the messages behind a disturbance are
/// found again as soon as what the disturbance made up proves implausible. An altered octet inside a message is not
/// noticed unless it breaks the shape: only framings with a check value can do that.
class RawFraming : public Framing {
public:
    explicit RawFraming(RawOptions options = {}) : options_(options) {}

    void encode(Bytes frame, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& frames) override;
    void timeout(TimePoint now, FrameList& frames) override;
    std::optional<TimePoint> next_timeout() const noexcept override;
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return counters_; }

private:
    void scan(bool silent, FrameList& frames);

    RawOptions options_;
    Buffer waiting_;  ///< begins a message, or something that looks like one
    TimePoint last_octet_;
    bool is_locked_ = false;
    FramingCounters counters_;
};

}  // namespace mqttsn::transports
