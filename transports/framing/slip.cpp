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
    for (const std::byte each : frame)
        put_escaped(each, wire);
    const FrameCheck& check = frame_.check();
    const std::uint32_t value = crc(check.kind, frame);
    for (std::size_t i = 0; i < check.size(); ++i)
        put_escaped(check.octet(value, i), wire);
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
