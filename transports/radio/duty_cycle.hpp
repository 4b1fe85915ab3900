// How much of the time a radio may send: 1 % of every hour, say (EN 300 220). Pure.
#pragma once

#include "protocol/types.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace mqttsn::transports {

struct DutyCycleCounters {
    std::uint64_t waits = 0;  ///< frames that had to wait
    Duration waited{};        ///< all of them together
    Duration air_time{};      ///< spent since the start
};

/// In no window is more air time spent than the share of it. A quarter of this budget may go at once, for a node that
/// connects; the rest flows in evenly, so that a busy link becomes slow and not silent for most of an hour.
class DutyCycle {
public:
    /// `share` of the time, 0.01 for 1 %; 0 or less, or 1 and more = no limit.
    explicit DutyCycle(double share = 0, Duration window = std::chrono::hours(1));

    bool limits() const noexcept { return budget_ > Duration::zero(); }
    /// When a frame of this air time may leave: `now` or later. nullopt: never, it exceeds the budget of a window.
    std::optional<TimePoint> earliest(Duration air_time, TimePoint now) const noexcept;
    /// A frame waits from now on, because earliest() is later. Repeating it for the same frame does not count again.
    void wait(TimePoint now) noexcept;
    /// A frame leaves.
    void spend(Duration air_time, TimePoint now) noexcept;
    const DutyCycleCounters& counters() const noexcept { return counters_; }

private:
    static constexpr std::size_t slots = 64;  // of a window: how exactly it is remembered when air time was spent

    Duration saved_at(TimePoint now) const noexcept;
    std::int64_t slot_at(TimePoint now) const noexcept { return now.time_since_epoch() / slot_; }
    TimePoint window_allows(Duration air_time, TimePoint now) const noexcept;

    struct Slot {
        std::int64_t number = -1;
        Duration air_time{};
    };

    Duration budget_{};
    Duration window_{};
    Duration slot_{};
    Duration most_{};   ///< that can be saved up
    Duration saved_{};  ///< at `since_`; negative after a frame longer than most_
    std::optional<TimePoint> since_;
    std::array<Slot, slots + 2> spent_;  ///< ring by slot number
    std::optional<TimePoint> waiting_since_;
    DutyCycleCounters counters_;
};

}  // namespace mqttsn::transports
