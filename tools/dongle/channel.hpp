// A half-duplex radio channel: what a station sends occupies it for the air time, is heard by the others unless it is
// lost, and two at once destroy each other.
#pragma once

#include "tools/dongle/dongle.hpp"
#include "tools/node/small_random.hpp"

#include <map>

namespace mqttsn::dongle {

/// 0 is the dongle, then the nodes.
using Station = NodeNumber;

/// Semtech's formula: explicit header, CRC on, low data rate optimization for SF 11 and 12 at 125 kHz.
/// `bandwidth_hz` 7800 … 500000; `coding_rate` 1 (4/5) … 4 (4/8).
Duration lora_air_time(unsigned spreading_factor, std::uint32_t bandwidth_hz, unsigned coding_rate, unsigned preamble,
                       std::size_t octets);

class Channel {
public:
    struct Signal {
        std::int16_t rssi_dbm = 0;
        std::int8_t snr_db = 0;
    };
    struct Transmission {
        Station from = 0;
        std::uint32_t tag = 0;  ///< of the sender
        Buffer octets;
        TimePoint begin{};
        TimePoint end{};
        unsigned sendings = 1;
        bool heard = true;
        bool collided = false;
        Signal signal;
    };

    /// `waits`: stations listen before they talk, so that nothing collides.
    Channel(const AirOptions& options, bool waits);

    /// Sends for `air_time`, and again up to `most` times in all while it is lost, as radios with acknowledgements do.
    /// One that `listens` waits until the channel is free, unless the air is said to have collisions.
    /// Returns when the station has ended.
    TimePoint transmit(Station from, std::uint32_t tag, Buffer octets, Duration air_time, unsigned most, TimePoint now,
                       bool listens = false);
    /// The next one that has ended, in the order of the ends.
    std::optional<Transmission> take(TimePoint now);
    std::optional<TimePoint> next_timeout() const noexcept;
    /// Whether the station sends, or waits to.
    bool is_sending(Station station, TimePoint now) const noexcept;
    /// Whether a station that listens hears somebody.
    bool is_busy(TimePoint now) const noexcept;
    std::uint64_t collisions() const noexcept { return collisions_; }
    void clear() noexcept;
    /// What the dongle had begun ends here, unheard by anybody.
    void silence(Station station) noexcept;

private:
    Signal signal_of(Station station);

    AirOptions options_;
    bool waits_;
    node::SmallRandom random_;
    std::multimap<TimePoint, Transmission> on_air_;  ///< by end
    TimePoint free_at_{};
    std::map<Station, TimePoint> busy_until_;
    std::uint64_t collisions_ = 0;
};

}  // namespace mqttsn::dongle
