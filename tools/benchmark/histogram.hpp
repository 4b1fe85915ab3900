// Nanoseconds in logarithmic buckets of 128 steps each: any delay is kept to better than 1 %, in constant space.
#pragma once

#include <cstdint>
#include <vector>

namespace mqttsn::tools::benchmark {

class Histogram {
public:
    /// Below zero counts as zero.
    void record(std::int64_t ns);

    std::uint64_t count() const noexcept { return count_; }
    std::int64_t max() const noexcept { return max_; }
    /// The smallest recorded delay that at least this share (0 to 1) of all does not exceed, rounded up by less than
    /// 1 %; 0 when nothing was recorded.
    std::int64_t percentile(double share) const;
    double mean() const noexcept;

private:
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::int64_t max_ = 0;
    double sum_ = 0;
};

}  // namespace mqttsn::tools::benchmark
