#include "tools/dongle/line.hpp"

#include <algorithm>

namespace mqttsn::dongle {

namespace {

constexpr std::size_t longest_burst = 40;
constexpr auto wake_up = std::chrono::milliseconds(1);  // what has arrived by then is taken together

}  // namespace

Line::Line(const LineOptions& options) : options_(options), random_(node::random_of(options.seed, 0xB1, 0)) {}

bool Line::happens(double share) {
    return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

void Line::add(std::byte value) {
    if (options_.baud != 0) last_ += std::chrono::nanoseconds(10'000'000'000ULL / options_.baud);
    waiting_.push_back({value, TimePoint(std::chrono::ceil<Duration>(last_))});
}

void Line::push(Bytes octets, TimePoint now) {
    std::uniform_int_distribution<unsigned> octet(0, 255);
    std::uniform_int_distribution<std::size_t> burst(2, longest_burst);
    last_ = std::max<std::chrono::nanoseconds>(last_, now.time_since_epoch());
    for (const std::byte each : octets) {
        ++counters_.octets;
        if (happens(options_.truncation)) to_drop_ = burst(random_);
        if (to_drop_ > 0) {
            --to_drop_;
            ++counters_.dropped;
            continue;
        }
        const std::size_t garbage = happens(options_.garbage) ? burst(random_) : 0;
        for (std::size_t i = 0; i < garbage; ++i)
            add(static_cast<std::byte>(octet(random_)));
        counters_.inserted += garbage;
        const unsigned what = happens(options_.noise) ? octet(random_) % 3 : 3;
        if (what == 0) {
            ++counters_.dropped;
            continue;
        }
        counters_.corrupted += what == 1 ? 1U : 0U;
        // Half of the bad octets have one bit wrong, half are anything else.
        const unsigned change = octet(random_) % 2 == 0 ? 1U << octet(random_) % 8 : octet(random_) % 255 + 1;
        add(what == 1 ? each ^ static_cast<std::byte>(change) : each);
        if (what == 2) {
            ++counters_.inserted;
            add(static_cast<std::byte>(octet(random_)));
        }
    }
}

void Line::pop(TimePoint now, Buffer& out) {
    while (!waiting_.empty() && waiting_.front().arrives <= now) {
        out.push_back(waiting_.front().value);
        waiting_.pop_front();
    }
}

std::optional<TimePoint> Line::next_timeout() const noexcept {
    if (waiting_.empty()) return std::nullopt;
    return std::min(waiting_.back().arrives, waiting_.front().arrives + wake_up);
}

void Line::clear() noexcept {
    waiting_.clear();
    to_drop_ = 0;
}

}  // namespace mqttsn::dongle
