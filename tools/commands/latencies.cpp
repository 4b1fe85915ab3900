#include "tools/commands/latencies.hpp"

#include "tools/benchmark/log_buckets.hpp"

#include <algorithm>
#include <cmath>

namespace mqttsn::tools {

namespace {

using Buckets = benchmark::LogBuckets<6>;

constexpr std::uint64_t longest_us = 86'400'000'000;

}  // namespace

void Latencies::add(Duration latency) {
    const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(0, latency.count()));
    const std::size_t bucket = Buckets::of(std::min(us, longest_us));
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
        if (seen > 0 && seen >= rank) return std::min(max_, Duration(static_cast<Duration::rep>(Buckets::top(bucket))));
    }
    return max_;
}

}  // namespace mqttsn::tools
