#include "transports/framing/slip.hpp"

#include <utility>

namespace mqttsn::transports {

namespace {

constexpr std::byte end{0xC0};
constexpr std::byte escape{0xDB};
constexpr std::byte escaped_end{0xDC};
constexpr std::byte escaped_escape{0xDD};

void put_escaped(std::byte octet, Buffer& wire) {
    if (octet != end && octet != escape) {
        wire.push_back(octet);
        return;
    }
    wire.push_back(escape);
    wire.push_back(octet == end ? escaped_end : escaped_escape);
}

}  // namespace

void SlipFraming::encode(Bytes frame, Buffer& wire) const {
    wire.push_back(end);
    frame_.check().for_each_octet(frame, [&](std::byte octet) { put_escaped(octet, wire); });
    wire.push_back(end);
}

void SlipFraming::receive(Bytes octets, TimePoint /*now*/, FrameList& frames) {
    for (const std::byte each : octets) {
        const bool was_escaped = std::exchange(is_escaped_, false);
        if (each == end) {
            if (was_escaped) frame_.spoil(frame_.counters().escape_errors);
            frame_.finish(frames);
        } else if (!was_escaped && each == escape) {
            is_escaped_ = true;
        } else if (!was_escaped) {
            frame_.put(each);
        } else if (each == escaped_end || each == escaped_escape) {
            frame_.put(each == escaped_end ? end : escape);
        } else {
            frame_.spoil(frame_.counters().escape_errors);
        }
    }
}

void SlipFraming::reset() noexcept {
    frame_.drop();
    is_escaped_ = false;
}

}  // namespace mqttsn::transports
