// Token buckets: one for all, or one per source in a bounded memory.
#pragma once

#include "gateway/core/route.hpp"

#include <unordered_map>

namespace mqttsn::gateway {

class RateLimit {
public:
    /// At most `per_second` on average and `burst` at once; the bucket starts full.
    RateLimit(double per_second, double burst) noexcept : per_second_(per_second), burst_(burst), tokens_(burst) {}

    bool allow(TimePoint now) noexcept {
        const auto elapsed = std::chrono::duration<double>(now - last_).count();
        if (elapsed > 0) {
            tokens_ = std::min(burst_, tokens_ + elapsed * per_second_);
            last_ = now;
        }
        if (tokens_ < 1.0) return false;
        tokens_ -= 1.0;
        return true;
    }

private:
    double per_second_;
    double burst_;
    double tokens_;
    TimePoint last_{};
};

/// One bucket per source; nodes behind one forwarder are sources of their own (SN12-5.5-e). Sources over `capacity`
/// make the whole memory start anew, so a spoofing sender cannot grow it; each source then gets its burst once more,
/// which the global limits absorb.
class SourceRateLimit {
public:
    SourceRateLimit(double per_second, double burst, std::size_t capacity)
        : fresh_(per_second, burst), capacity_(capacity) {}

    bool allow(const Route& source, TimePoint now) {
        auto it = buckets_.find(source);
        if (it == buckets_.end()) {
            if (buckets_.size() >= capacity_) buckets_.clear();
            it = buckets_.emplace(source, fresh_).first;
        }
        return it->second.allow(now);
    }

private:
    RateLimit fresh_;
    std::size_t capacity_;
    std::unordered_map<Route, RateLimit, RouteHash> buckets_;
};

}  // namespace mqttsn::gateway
