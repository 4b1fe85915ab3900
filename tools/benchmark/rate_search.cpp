#include "tools/benchmark/rate_search.hpp"

#include <algorithm>

namespace mqttsn::tools::benchmark {

void RateSearch::held() {
    best_ = std::max(best_, rate_);
    next();
}

void RateSearch::failed() {
    too_high_ = rate_;
    next();
}

void RateSearch::next() {
    if (too_high_ == 0) {
        rate_ = best_ * 2;
    } else if (best_ == 0) {
        rate_ = too_high_ / 2;
        is_over_ = rate_ < lowest;
    } else {
        rate_ = (best_ + too_high_) / 2;
        is_over_ = too_high_ - best_ <= precision * best_;
    }
}

}  // namespace mqttsn::tools::benchmark
