// Hands out moments at a limited rate, so that ten thousand sessions that want the same thing get it one by one.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::gateway {

class Pacer {
public:
    /// 0 = no limit.
    explicit Pacer(std::uint32_t per_second) noexcept
        : gap_(per_second == 0 ? Duration::zero() : Duration(std::chrono::seconds(1)) / per_second) {}

    /// The next free moment, `now` or later; it belongs to the caller.
    TimePoint reserve(TimePoint now) noexcept {
        const TimePoint mine = std::max(now, free_from_);
        free_from_ = mine + gap_;
        return mine;
    }

private:
    Duration gap_;
    TimePoint free_from_{};
};

}  // namespace mqttsn::gateway
