// What LoRa modems with a command line have in common: lines from the host, and one half-duplex channel.
#pragma once

#include "tools/dongle/channel.hpp"
#include "tools/dongle/schedule.hpp"

namespace mqttsn::dongle {

/// Pairs of hex digits of either case; nothing for anything else.
std::optional<Buffer> from_hex(std::string_view text);
std::string to_hex(Bytes octets);
std::optional<Buffer> from_base64(std::string_view text);
std::string to_base64(Bytes octets);

/// "=1:2" and the like: text as a number within bounds.
std::optional<std::int64_t> number_of(std::string_view text, std::int64_t lowest, std::int64_t highest);
std::vector<std::string_view> split(std::string_view text, char separator);

class LoraModem : public Dongle {
public:
    void from_host(Bytes octets, TimePoint now, DongleOutput& out) final;
    void timeout(TimePoint now, DongleOutput& out) final;
    std::optional<TimePoint> next_timeout() const noexcept final;
    const DongleCounters& counters() const noexcept final { return counters_; }

protected:
    struct Radio {
        unsigned spreading_factor = 7;
        std::uint32_t bandwidth_hz = 125000;
        unsigned coding_rate = 1;
        unsigned preamble = 8;
    };

    LoraModem(NodeNumber nodes, const AirOptions& air, double reply_loss)
        : nodes_(nodes),
          channel_(air, false),  // ALOHA
          random_(node::random_of(air.seed, 0xD1, 0)),
          reply_loss_(reply_loss) {}

    /// A line without its end; `proper` when it ended in CR LF.
    virtual void on_line(std::string_view line, bool proper, TimePoint now, DongleOutput& out) = 0;
    /// What the host sent has left; whether it was heard is not known to the module.
    virtual void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) = 0;
    /// What a node sent has been heard.
    virtual void on_heard(const Channel::Transmission& done, TimePoint now, DongleOutput& out) = 0;
    /// Some time passed; for whatever else the module waits for.
    virtual void on_time(TimePoint, DongleOutput&) {}
    virtual std::optional<TimePoint> own_timeout() const noexcept { return std::nullopt; }
    /// A line that does not end is the module's own business; called after this silence.
    virtual void on_unended_line(TimePoint, DongleOutput&) {}

    void restart() noexcept;
    Duration air_time(std::size_t octets) const;
    bool is_sending(TimePoint now) const noexcept { return channel_.is_sending(0, now); }
    bool hears_activity(TimePoint now) const noexcept { return channel_.is_busy(now); }
    /// With CR LF; may be withheld by reply_loss when `may_be_lost`.
    void say(std::string_view text, TimePoint when, bool may_be_lost = false);
    void answer(std::string_view text, DongleOutput& out);
    void transmit(std::uint32_t tag, Buffer octets, std::size_t octets_on_air, TimePoint now);
    void transmit_of_node(NodeNumber node, Buffer octets, std::size_t octets_on_air, TimePoint now);

    NodeNumber nodes_;
    DongleCounters counters_;
    Radio radio_;
    bool nodes_listen_ = false;            ///< before they send
    std::optional<TimePoint> deaf_until_;  ///< the module does not listen to the host: it starts

private:
    Channel channel_;
    node::SmallRandom random_;
    double reply_loss_;
    Schedule<std::string> replies_;
    std::string line_;
    std::optional<TimePoint> line_ends_at_;
};

/// Delivers what a host sent in forwarder encapsulation, on modules without addresses; counts what cannot be.
void deliver_encapsulated(Bytes frame, bool heard, NodeNumber nodes, DongleCounters& counters, DongleOutput& out);

}  // namespace mqttsn::dongle
