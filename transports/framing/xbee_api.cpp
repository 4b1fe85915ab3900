#include "transports/framing/xbee_api.hpp"

#include <algorithm>
#include <cassert>

namespace mqttsn::transports {

namespace {

constexpr std::byte start{0x7E};
constexpr std::byte escape{0x7D};
constexpr std::byte flip{0x20};
constexpr std::byte xon{0x11};
constexpr std::byte xoff{0x13};
constexpr std::size_t head = 3;  // start and length
constexpr std::size_t around = head + 1;
constexpr std::size_t slice = 1024;

std::byte checksum(Bytes data) noexcept {
    unsigned sum = 0;
    for (const std::byte each : data)
        sum += static_cast<unsigned>(each);
    return static_cast<std::byte>(0xFFU - (sum & 0xFFU));
}

std::size_t length_of(Bytes frame) noexcept {
    return static_cast<std::size_t>(frame[1]) << 8U | static_cast<std::size_t>(frame[2]);
}

}  // namespace

void XbeeApiFraming::encode(Bytes frame, Buffer& wire) const {
    assert(!frame.empty() && frame.size() <= 0xFFFF);
    const auto put = [&](std::byte octet) {
        const bool is_special = octet == start || octet == escape || octet == xon || octet == xoff;
        if (options_.escapes && is_special) {
            wire.push_back(escape);
            octet ^= flip;
        }
        wire.push_back(octet);
    };
    wire.push_back(start);
    put(static_cast<std::byte>(frame.size() >> 8U));
    put(static_cast<std::byte>(frame.size() & 0xFFU));
    for (const std::byte each : frame)
        put(each);
    put(checksum(frame));
}

void XbeeApiFraming::receive(Bytes octets, TimePoint now, FrameList& frames) {
    if (!octets.empty()) last_octet_ = now;
    if (options_.escapes) {
        for (const std::byte each : octets)
            receive_escaped(each, frames);
        return;
    }
    while (!octets.empty()) {
        const Bytes some = octets.first(std::min(octets.size(), slice));
        octets = octets.subspan(some.size());
        waiting_.insert(waiting_.end(), some.begin(), some.end());
        scan(false, frames);
    }
}

void XbeeApiFraming::timeout(TimePoint now, FrameList& frames) {
    const auto due = next_timeout();
    if (!due || now < *due) return;
    if (options_.escapes) {
        cut_short();
    } else {
        scan(true, frames);
    }
}

std::optional<TimePoint> XbeeApiFraming::next_timeout() const noexcept {
    if (waiting_.empty()) return std::nullopt;
    return last_octet_ + options_.gap;
}

void XbeeApiFraming::reset() noexcept {
    waiting_.clear();
    is_escaped_ = false;
}

void XbeeApiFraming::set_escapes(bool escapes) noexcept {
    options_.escapes = escapes;
    reset();
}

std::size_t XbeeApiFraming::largest_on_wire() const noexcept {
    return options_.largest + around;
}

void XbeeApiFraming::cut_short() {
    ++counters_.framing_errors;
    reset();
}

// Mode 1. What turns out to be no frame costs one octet, and the rest is searched again.
void XbeeApiFraming::scan(bool silent, FrameList& frames) {
    std::size_t at = 0;
    while (at < waiting_.size()) {
        const Bytes rest = Bytes(waiting_).subspan(at);
        std::size_t consumed = 1;
        if (rest[0] == start) {
            const bool has_length = rest.size() >= head;
            const std::size_t length = has_length ? length_of(rest) : 0;
            const bool is_possible = !has_length || (length >= 1 && length <= options_.largest);
            const bool is_whole = has_length && is_possible && rest.size() >= length + around;
            if (is_possible && !is_whole && !silent) break;
            const Bytes data = is_whole ? rest.subspan(head, length) : Bytes();
            if (!is_whole) {
                ++counters_.framing_errors;
            } else if (checksum(data) != rest[head + length]) {
                ++counters_.check_errors;
                if (std::ranges::find(data, escape) != data.end()) ++check_errors_with_escape_;
            } else {
                frames.push(data);
                ++counters_.frames_in;
                consumed = length + around;
            }
        }
        if (consumed == 1) ++counters_.skipped_octets;
        at += consumed;
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(at));
}

void XbeeApiFraming::receive_escaped(std::byte octet, FrameList& frames) {
    if (octet == start) {
        if (!waiting_.empty()) cut_short();
        waiting_.push_back(start);
        return;
    }
    if (waiting_.empty()) {
        ++counters_.skipped_octets;
        return;
    }
    if (is_escaped_) {
        octet ^= flip;
    } else if (octet == escape) {
        is_escaped_ = true;
        return;
    }
    is_escaped_ = false;
    waiting_.push_back(octet);
    if (waiting_.size() < head) return;
    const std::size_t length = length_of(waiting_);
    if (length < 1 || length > options_.largest) return cut_short();
    if (waiting_.size() < length + around) return;
    const Bytes data = Bytes(waiting_).subspan(head, length);
    if (checksum(data) == waiting_.back()) {
        frames.push(data);
        ++counters_.frames_in;
    } else {
        ++counters_.check_errors;
    }
    reset();
}

}  // namespace mqttsn::transports
