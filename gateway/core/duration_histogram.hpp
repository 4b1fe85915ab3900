// Durations, counted in fixed buckets: cheap enough for every message, and nothing is allocated.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mqttsn::gateway {

class DurationHistogram {
public:
    /// Each bucket holds what took at most this long, and longer than the bound before; one more holds the rest.
    static constexpr std::array<Duration, 12> bounds{
        std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
        std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
        std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
        std::chrono::milliseconds(500), std::chrono::seconds(1),        std::chrono::seconds(5)};

    void add(Duration took) noexcept {
        const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), took) - bounds.begin();
        ++counts_[static_cast<std::size_t>(bucket)];
        ++count_;
        sum_ += took;
    }

    /// Of one bucket alone; `bounds.size()` is the one without bound.
    std::uint64_t in_bucket(std::size_t bucket) const noexcept { return counts_[bucket]; }
    std::uint64_t count() const noexcept { return count_; }
    Duration sum() const noexcept { return sum_; }

private:
    std::array<std::uint64_t, bounds.size() + 1> counts_{};
    std::uint64_t count_ = 0;
    Duration sum_{};
};

}  // namespace mqttsn::gateway
