// One direction of a serial line: octets take their time, and noise takes its share of them.
#pragma once

#include "protocol/types.hpp"
#include "tools/node/small_random.hpp"

#include <deque>
#include <optional>

namespace mqttsn::dongle {

struct LineOptions {
    std::uint32_t baud = 115200;  ///< 0 = at once; an octet is ten bits
    double noise = 0;             ///< share of octets that are corrupted, dropped, or followed by one more
    double garbage = 0;           ///< share of octets that some random ones go before
    double truncation = 0;        ///< share of octets that are dropped together with some that follow
    std::uint64_t seed = 1;
};

struct LineCounters {
    std::uint64_t octets = 0;  ///< that entered
    std::uint64_t corrupted = 0;
    std::uint64_t dropped = 0;
    std::uint64_t inserted = 0;
};

class Line {
public:
    explicit Line(const LineOptions& options);

    /// Octets begin to travel when those before them have.
    void push(Bytes octets, TimePoint now);
    /// Appends what has arrived.
    void pop(TimePoint now, Buffer& out);
    /// When there will be something to pop; not for every octet, so that a process can keep up.
    std::optional<TimePoint> next_timeout() const noexcept;
    /// Octets on their way.
    std::size_t waiting() const noexcept { return waiting_.size(); }
    void set_baud(std::uint32_t baud) noexcept { options_.baud = baud; }
    /// Cut off: what was on its way is gone.
    void clear() noexcept;
    const LineCounters& counters() const noexcept { return counters_; }

private:
    struct Octet {
        std::byte value{};
        TimePoint arrives{};
    };
    bool happens(double share);
    void add(std::byte value);

    LineOptions options_;
    node::SmallRandom random_;
    std::deque<Octet> waiting_;
    std::chrono::nanoseconds last_{};  ///< when the last octet arrives
    std::size_t to_drop_ = 0;
    LineCounters counters_;
};

}  // namespace mqttsn::dongle
