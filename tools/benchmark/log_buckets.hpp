// Buckets of a histogram that keeps numbers of any size to the same share of themselves: each power of two is divided
// into 2^StepBits steps; below 2^(StepBits + 1) every number has a bucket of its own.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace mqttsn::tools::benchmark {

template <unsigned StepBits>
struct LogBuckets {
    static constexpr std::uint64_t steps = std::uint64_t{1} << StepBits;

    static constexpr std::size_t of(std::uint64_t value) noexcept {
        if (value < 2 * steps) return static_cast<std::size_t>(value);
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - StepBits - 1;
        return static_cast<std::size_t>(shift * steps + (value >> shift));
    }

    /// The largest number in it.
    static constexpr std::uint64_t top(std::size_t bucket) noexcept {
        if (bucket < 2 * steps) return bucket;
        const std::uint64_t shift = bucket / steps - 1;
        return ((bucket - shift * steps + 1) << shift) - 1;
    }
};

}  // namespace mqttsn::tools::benchmark
