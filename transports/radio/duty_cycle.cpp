#include "transports/radio/duty_cycle.hpp"

#include <algorithm>
#include <cmath>

namespace mqttsn::transports {

DutyCycle::DutyCycle(double share, Duration window) : window_(window), slot_(window / std::int64_t{slots}) {
    if (!(share > 0) || share >= 1 || slot_ <= Duration::zero()) return;
    budget_ = Duration(std::llround(static_cast<double>(window.count()) * share));
    most_ = budget_ / 4;
    saved_ = most_;
}

// What flows in over a window and what can be saved up make the budget together, so that no window exceeds it.
Duration DutyCycle::saved_at(TimePoint now) const noexcept {
    if (!since_) return saved_;
    const double passed = static_cast<double>((now - *since_).count()) / static_cast<double>(window_.count());
    if (passed >= 2) return most_;
    const auto inflow = static_cast<Duration::rep>(passed * static_cast<double>((budget_ - most_).count()));
    return std::min(most_, saved_ + Duration(inflow));
}

// A frame longer than what can be saved up leaves on credit; then only the record of the window keeps the promise.
TimePoint DutyCycle::window_allows(Duration air_time, TimePoint now) const noexcept {
    // A slot counts until its last moment has left the window.
    const auto expiry = [&](const Slot& each) { return TimePoint(slot_ * (each.number + 1)) + window_; };
    TimePoint at = now;
    while (true) {
        Duration spent{};
        std::optional<TimePoint> next;
        for (const Slot& each : spent_) {
            if (each.air_time == Duration::zero() || expiry(each) <= at) continue;
            spent += each.air_time;
            if (!next || expiry(each) < *next) next = expiry(each);
        }
        if (!next || spent + air_time <= budget_) return at;
        at = *next;
    }
}

std::optional<TimePoint> DutyCycle::earliest(Duration air_time, TimePoint now) const noexcept {
    if (!limits()) return now;
    if (air_time > budget_) return std::nullopt;
    const Duration needed = std::min(air_time, most_);
    const Duration saved = saved_at(now);
    TimePoint at = now;
    if (saved < needed) {
        const double share =
            static_cast<double>((needed - saved).count()) / static_cast<double>((budget_ - most_).count());
        at += Duration(static_cast<Duration::rep>(std::ceil(share * static_cast<double>(window_.count()))) + 1);
    }
    return window_allows(air_time, at);
}

void DutyCycle::wait(TimePoint now) noexcept {
    if (!waiting_since_) waiting_since_ = now;
}

void DutyCycle::spend(Duration air_time, TimePoint now) noexcept {
    counters_.air_time += air_time;
    if (waiting_since_) {
        ++counters_.waits;
        counters_.waited += now - *waiting_since_;
        waiting_since_.reset();
    }
    if (!limits()) return;
    saved_ = saved_at(now) - air_time;
    since_ = now;
    const std::int64_t number = slot_at(now);
    Slot& slot = spent_[static_cast<std::size_t>(number) % spent_.size()];
    if (slot.number != number) slot = {number, {}};
    slot.air_time += air_time;
}

}  // namespace mqttsn::transports
