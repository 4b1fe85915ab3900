// What outlives a restart is kept by the wall clock, in whole seconds of Unix time; the core itself counts from when
// the machine started.
#pragma once

#include "gateway/core/config.hpp"

#include <algorithm>

namespace mqttsn::gateway {

using UnixSeconds = std::uint64_t;

/// Rounded down: when something happened.
inline UnixSeconds unix_time_s(TimePoint when, const Config& config) noexcept {
    const auto since_epoch = when.time_since_epoch() + config.unix_time_at_zero;
    return static_cast<UnixSeconds>(std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count());
}

/// Rounded up: a deadline must not come early.
inline UnixSeconds unix_deadline_s(TimePoint when, const Config& config) noexcept {
    const auto since_epoch = when.time_since_epoch() + config.unix_time_at_zero;
    return static_cast<UnixSeconds>(std::chrono::ceil<std::chrono::seconds>(since_epoch).count());
}

inline TimePoint from_unix_time(UnixSeconds seconds, const Config& config) noexcept {
    // A time that no clock can show would overflow; nothing here lasts centuries.
    constexpr UnixSeconds latest = 1ULL << 33U;
    return TimePoint(std::chrono::seconds(std::min(seconds, latest)) - config.unix_time_at_zero);
}

}  // namespace mqttsn::gateway
