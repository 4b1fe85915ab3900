#include "transports/framing/raw.hpp"

#include <algorithm>

namespace mqttsn::transports {

namespace {

using Verdict = Shape::Verdict;

// Scanned between slices, so that what waits stays small however much arrives at once.
constexpr std::size_t slice = 1024;

}  // namespace

void RawFraming::encode(Bytes frame, Buffer& wire) const {
    wire.insert(wire.end(), frame.begin(), frame.end());
}

void RawFraming::receive(Bytes octets, TimePoint now, FrameList& frames) {
    if (!octets.empty()) last_octet_ = now;
    while (!octets.empty()) {
        const Bytes some = octets.first(std::min(octets.size(), slice));
        octets = octets.subspan(some.size());
        waiting_.insert(waiting_.end(), some.begin(), some.end());
        scan(false, frames);
    }
}

void RawFraming::timeout(TimePoint now, FrameList& frames) {
    const auto due = next_timeout();
    if (due && now >= *due) scan(true, frames);
}

std::optional<TimePoint> RawFraming::next_timeout() const noexcept {
    if (waiting_.empty()) return std::nullopt;
    return last_octet_ + options_.gap;
}

void RawFraming::reset() noexcept {
    waiting_.clear();
    is_locked_ = false;
}

void RawFraming::scan(bool silent, FrameList& frames) {
    std::size_t at = 0;
    while (at < waiting_.size()) {
        const Bytes rest = Bytes(waiting_).subspan(at);
        const Shape shape = shape_of(rest, options_.peer, options_.largest);
        if (shape.verdict == Verdict::incomplete && !silent) break;
        bool is_frame = shape.verdict == Verdict::whole;
        if (is_frame && !is_locked_) {
            const Bytes following = rest.subspan(shape.size);
            const Shape next = shape_of(following, options_.peer, options_.largest);
            const bool is_undecided = next.verdict == Verdict::incomplete && !next.is_decided;
            if (is_undecided && !silent) break;
            is_frame = next.verdict != Verdict::implausible && (!is_undecided || following.empty());
        }
        if (is_frame) {
            frames.push(rest.first(shape.size));
            ++counters_.frames_in;
            is_locked_ = true;
            at += shape.size;
        } else {
            ++counters_.skipped_octets;
            is_locked_ = false;
            ++at;
        }
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace mqttsn::transports
