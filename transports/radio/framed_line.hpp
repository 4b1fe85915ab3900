// A serial line, or a radio that is as transparent as one, with one framing over it and no addresses: several nodes
// need forwarder encapsulation (SN 5.5).
#pragma once

#include "transports/framing/make_framing.hpp"
#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

struct FramedLineOptions {
    FramingKind framing = FramingKind::raw;
    FramingOptions framing_options;  ///< `largest` is the mtu of the link too
    bool half_duplex = false;
    Duration turnaround{};
    std::uint32_t air_rate = 0;  ///< bit/s of the radio behind the line; 0 = the line itself is the channel
};

/// A frame departs with its octets, so nothing is ever outstanding here. A broadcast is a frame like any other: all who
/// listen to the line get it.
class FramedLine : public Driver {
public:
    explicit FramedLine(const FramedLineOptions& options);

    /// Output: ready.
    void opened(TimePoint now, DriverOutput& out) override;
    /// Output: not ready.
    void closed(TimePoint now, DriverOutput& out) override;
    /// Output: received frames; notes when the other end seems to speak something else, once per opening.
    void receive(Bytes octets, TimePoint now, DriverOutput& out) override;
    bool can_send() const noexcept override { return is_open_; }
    /// Output: wire.
    void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) override;
    /// Output: received frames that silence has ended.
    void timeout(TimePoint now, DriverOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override { return framing_->next_timeout(); }

    DriverTraits traits() const noexcept override;
    Duration air_time(std::size_t octets) const noexcept override;
    const DriverCounters& counters() const noexcept override { return counters_; }
    std::string to_string(const Address& address) const override;

private:
    void deliver(DriverOutput& out);
    void take_counters() noexcept;

    FramedLineOptions options_;
    std::unique_ptr<Framing> framing_;
    FrameList frames_;
    bool is_open_ = false;
    std::size_t octets_without_frame_ = 0;
    bool has_hinted_ = false;
    std::uint64_t foreign_before_ = 0;
    DriverCounters counters_;
};

const DriverKind& raw_kind() noexcept;
const DriverKind& slip_kind() noexcept;
const DriverKind& hdlc_kind() noexcept;
const DriverKind& cobs_kind() noexcept;

}  // namespace mqttsn::transports
