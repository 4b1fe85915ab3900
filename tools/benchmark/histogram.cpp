#include "tools/benchmark/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mqttsn::tools::benchmark {

namespace {

constexpr unsigned step_bits = 7;
constexpr std::uint64_t steps = 1U << step_bits;  // of each power of two

std::size_t bucket_of(std::uint64_t value) {
    if (value < 2 * steps) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
    return static_cast<std::size_t>(shift * steps + (value >> shift));
}

/// The largest value of a bucket.
std::uint64_t top_of(std::size_t bucket) {
    if (bucket < 2 * steps) return bucket;
    const std::uint64_t shift = bucket / steps - 1;
    return ((bucket - shift * steps + 1) << shift) - 1;
}

}  // namespace

void Histogram::record(std::int64_t ns) {
    const std::int64_t value = std::max<std::int64_t>(ns, 0);
    const std::size_t bucket = bucket_of(static_cast<std::uint64_t>(value));
    if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
    ++buckets_[bucket];
    ++count_;
    max_ = std::max(max_, value);
    sum_ += static_cast<double>(value);
}

std::int64_t Histogram::percentile(double share) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen >= rank) return std::min(static_cast<std::int64_t>(top_of(bucket)), max_);
    }
    return max_;
}

double Histogram::mean() const noexcept {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

}  // namespace mqttsn::tools::benchmark
