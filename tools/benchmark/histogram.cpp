#include "tools/benchmark/histogram.hpp"

#include "tools/benchmark/log_buckets.hpp"

#include <algorithm>
#include <cmath>

namespace mqttsn::tools::benchmark {

namespace {

using Buckets = LogBuckets<7>;

}  // namespace

void Histogram::record(std::int64_t ns) {
    const std::int64_t value = std::max<std::int64_t>(ns, 0);
    const std::size_t bucket = Buckets::of(static_cast<std::uint64_t>(value));
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
        if (seen >= rank) return std::min(static_cast<std::int64_t>(Buckets::top(bucket)), max_);
    }
    return max_;
}

double Histogram::mean() const noexcept {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

}  // namespace mqttsn::tools::benchmark
