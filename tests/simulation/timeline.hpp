// Virtual time: what is to happen, in order.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

namespace mqttsn::simulation {

class Timeline {
public:
    TimePoint now() const noexcept { return now_; }
    void at(TimePoint when, std::function<void()> what) {
        events_.push({std::max(when, now_), ++last_, std::move(what)});
    }
    void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

    /// When the next event is due; TimePoint::max() without any.
    TimePoint next() const noexcept { return events_.empty() ? TimePoint::max() : events_.top().when; }
    void move_to(TimePoint when) noexcept { now_ = std::max(now_, when); }
    void run_next() {
        // The event may add others.
        auto what = std::move(const_cast<Event&>(events_.top()).what);
        move_to(events_.top().when);
        events_.pop();
        what();
    }

private:
    struct Event {
        TimePoint when;
        std::uint64_t number;  ///< what was asked for first happens first
        std::function<void()> what;
        bool operator<(const Event& other) const noexcept {
            return when != other.when ? when > other.when : number > other.number;
        }
    };

    TimePoint now_ = TimePoint{} + std::chrono::seconds(1000);
    std::uint64_t last_ = 0;
    std::priority_queue<Event> events_;
};

}  // namespace mqttsn::simulation
