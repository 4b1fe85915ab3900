#include "tools/commands/latencies.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mqttsn::tools {

namespace {

// Each power of two is divided into 64 steps; below 128 µs every microsecond is one.
constexpr unsigned step_bits = 6;
constexpr std::uint64_t steps = 1U << step_bits;
constexpr std::uint64_t longest_us = 86'400'000'000;

std::size_t bucket_of(std::uint64_t us) noexcept {
    if (us < 2 * steps) return static_cast<std::size_t>(us);
    const unsigned shift = static_cast<unsigned>(std::bit_width(us)) - step_bits - 1;
    return static_cast<std::size_t>(shift * steps + (us >> shift));
}

std::uint64_t upper_end(std::size_t bucket) noexcept {
    if (bucket < 2 * steps) return bucket;
    const std::uint64_t shift = bucket / steps - 1;
    return ((bucket - shift * steps + 1) << shift) - 1;
}

}  // namespace

void Latencies::add(Duration latency) {
    const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(0, latency.count()));
    const std::size_t bucket = bucket_of(std::min(us, longest_us));
    if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
    ++buckets_[bucket];
    ++count_;
    max_ = std::max(max_, latency);
}

Duration Latencies::percentile(double share) const noexcept {
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen > 0 && seen >= rank) return std::min(max_, Duration(static_cast<Duration::rep>(upper_end(bucket))));
    }
    return max_;
}

}  // namespace mqttsn::tools
