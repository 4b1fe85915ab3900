// The API frames of XBee modules: 7E, length (2), data, checksum; in API mode 2 with escapes.
#pragma once

#include "transports/framing/framing.hpp"

namespace mqttsn::transports {

struct XbeeApiOptions {
    bool escapes = false;                           ///< API mode 2 (ATAP2); else API mode 1
    std::size_t largest = 300;                      ///< data of a frame; modules carry up to 256 octets of payload
    Duration gap = std::chrono::milliseconds(100);  ///< silence inside a frame that proves it broken
};

/// A frame is the data between length and checksum. Mode 2: a start delimiter always begins a frame, whatever came
/// before. Mode 1: 7E can be data, so what proves broken is searched again for frames inside it.
/// framing_errors counts frames cut short and impossible lengths; check_errors the wrong checksums.
class XbeeApiFraming : public Framing {
public:
    explicit XbeeApiFraming(XbeeApiOptions options = {}) : options_(options) {}

    /// `frame`: 1 to `largest` octets of data.
    void encode(Bytes frame, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& frames) override;
    void timeout(TimePoint now, FrameList& frames) override;
    std::optional<TimePoint> next_timeout() const noexcept override;
    /// Also the way to change the mode: reset() and set_escapes().
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return counters_; }

    bool escapes() const noexcept { return options_.escapes; }
    /// Octets of the largest frame on the wire, with all around its data and without escapes.
    std::size_t largest_on_wire() const noexcept;
    /// When the module has told its API mode. Drops what had begun.
    void set_escapes(bool escapes) noexcept;
    /// Wrong checksums of mode 1 frames with 7D inside: many of them mean that the module is in mode 2.
    std::uint64_t check_errors_with_escape() const noexcept { return check_errors_with_escape_; }

private:
    void scan(bool silent, FrameList& frames);
    void receive_escaped(std::byte octet, FrameList& frames);
    void cut_short();

    XbeeApiOptions options_;
    Buffer waiting_;  ///< from the start delimiter on; with escapes behind it and without them
    bool is_escaped_ = false;
    TimePoint last_octet_;
    FramingCounters counters_;
    std::uint64_t check_errors_with_escape_ = 0;
};

}  // namespace mqttsn::transports
