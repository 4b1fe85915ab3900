#include "transports/framing/frame_collector.hpp"

#include "transports/framing/message_shape.hpp"

#include <algorithm>

namespace mqttsn::transports {

namespace {

std::size_t word(Bytes octets, std::size_t at) noexcept {
    return static_cast<std::size_t>(octets[at]) << 8U | static_cast<std::size_t>(octets[at + 1]);
}

/// IPv4 or IPv6 with the right length in its header: a device that wants slattach or tunslip6, and the udp link.
bool is_ip_packet(Bytes frame) noexcept {
    if (frame.size() >= 20 && frame[0] == std::byte{0x45}) return word(frame, 2) == frame.size();
    const bool is_v6 = frame.size() >= 40 && (frame[0] & std::byte{0xF0}) == std::byte{0x60};
    return is_v6 && word(frame, 4) + 40 == frame.size();
}

// Room to recognise a device that speaks IP, whatever its messages may measure.
constexpr std::size_t smallest_limit = 1500;

}  // namespace

FrameCollector::FrameCollector(const FrameRules& rules)
    : check_(rules.check),
      largest_(rules.largest),
      limit_(std::max(rules.largest + longest_headers, smallest_limit) + check_.size()),
      messages_(rules.messages) {}

void FrameCollector::put(std::byte octet) {
    if (is_spoilt_) return;
    if (octets_.size() == limit_) return spoil(counters_.oversize);
    octets_.push_back(octet);
}

void FrameCollector::spoil(std::uint64_t& cause) {
    if (!is_spoilt_) ++cause;
    is_spoilt_ = true;
    octets_.clear();
}

void FrameCollector::drop() noexcept {
    octets_.clear();
    is_spoilt_ = false;
}

void FrameCollector::finish(FrameList& frames) {
    if (!is_spoilt_ && !octets_.empty()) judge(octets_, frames);
    drop();
}

void FrameCollector::judge(Bytes frame, FrameList& frames) {
    if (frame.size() <= check_.size()) {
        ++counters_.framing_errors;
        return;
    }
    if (!check_.holds(frame)) {
        ++counters_.check_errors;
        return;
    }
    Bytes body = frame.first(frame.size() - check_.size());
    std::size_t message = body.size();
    if (messages_) {
        const DeclaredSize declared = declared_size(body);
        message = declared.message;
        if (declared.total() != body.size() || message == 0) {
            if (check_.kind == CrcKind::none && is_ip_packet(body)) {
                ++counters_.foreign;
                return;
            }
            ++counters_.framing_errors;
            if (message == 0 || check_.kind == CrcKind::none) return;
            body = body.first(declared.total());
        }
    }
    if (message > largest_) {
        ++counters_.oversize;
        return;
    }
    frames.push(body);
    ++counters_.frames_in;
}

}  // namespace mqttsn::transports
