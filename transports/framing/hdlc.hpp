// HDLC-like framing (RFC 1662) without address and control octets: flags, one escape, FCS-16.
#pragma once

#include "transports/framing/frame_collector.hpp"

namespace mqttsn::transports {

/// What the sender escapes beside flag and escape; a receiver takes any octet escaped or not.
enum class HdlcEscapes : std::uint8_t {
    minimal,
    xonxoff,  ///< 11 and 13: for lines with software flow control
    spinel,   ///< 11, 13 and F8
};

/// Every flag both ends and begins a frame: who takes one for the beginning only stays out of step for ever after a
/// lost flag. The FCS is CRC-16/X-25, low octet first, whatever FrameRules::check says.
class HdlcFraming : public Framing {
public:
    explicit HdlcFraming(FrameRules rules = {}, HdlcEscapes escapes = HdlcEscapes::minimal);

    void encode(Bytes frame, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& frames) override;
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return frame_.counters(); }

private:
    void put_escaped(std::byte octet, Buffer& wire) const;

    FrameCollector frame_;
    HdlcEscapes escapes_;
    bool is_escaped_ = false;
};

}  // namespace mqttsn::transports
