// Times that something took, in a histogram of bounded size: percentiles are exact to 2 %.
#pragma once

#include "protocol/types.hpp"

#include <vector>

namespace mqttsn::tools {

class Latencies {
public:
    void add(Duration latency);
    std::uint64_t count() const noexcept { return count_; }
    /// `share` from 0 to 1; 0 when nothing was added.
    Duration percentile(double share) const noexcept;
    Duration max() const noexcept { return max_; }

private:
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    Duration max_{};
};

}  // namespace mqttsn::tools
