#include "tools/dongle/line_code.hpp"

#include "protocol/sn/forwarder.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::dongle {

namespace {

constexpr std::byte slip_end{0xC0};
constexpr std::byte slip_escape{0xDB};
constexpr std::byte slip_escaped_end{0xDC};
constexpr std::byte slip_escaped_escape{0xDD};
constexpr std::byte hdlc_flag{0x7E};
constexpr std::byte hdlc_escape{0x7D};
constexpr std::byte hdlc_change{0x20};
constexpr std::size_t cobs_block = 254;
constexpr auto raw_gap = std::chrono::milliseconds(50);

/// What a gateway sends to nodes, and how long it is: at least, at most (0 = exactly the least).
struct Shape {
    std::uint8_t type;
    std::size_t least;
    std::size_t most;
};
constexpr std::size_t any = 65535;
constexpr std::array shapes{Shape{0x00, 5, 0}, Shape{0x02, 3, any}, Shape{0x05, 3, 0}, Shape{0x06, 2, 0},
                            Shape{0x08, 2, 0}, Shape{0x0A, 6, any}, Shape{0x0B, 7, 0}, Shape{0x0C, 7, any},
                            Shape{0x0D, 7, 0}, Shape{0x0E, 4, 0},   Shape{0x0F, 4, 0}, Shape{0x10, 4, 0},
                            Shape{0x13, 8, 0}, Shape{0x15, 4, 0},   Shape{0x17, 2, 0}, Shape{0x18, 2, 4},
                            Shape{0x1B, 3, 0}, Shape{0x1D, 3, 0}};

constexpr std::size_t incomplete = static_cast<std::size_t>(-1);

/// Octets of the message at the front; 0 = there is none; incomplete = too short to tell.
std::size_t raw_message(Bytes octets, std::size_t most) {
    if (octets.empty()) return incomplete;
    const bool is_long = octets[0] == std::byte{1};
    const std::size_t header = is_long ? 3 : 1;
    if (octets.size() <= header) return octets[0] == std::byte{0} ? 0 : incomplete;
    const std::size_t length = is_long ? static_cast<std::size_t>(octets[1]) << 8U | static_cast<std::size_t>(octets[2])
                                       : static_cast<std::size_t>(octets[0]);
    if (length <= header || length > most) return 0;
    const auto type = static_cast<std::uint8_t>(octets[header]);
    if (type == 0xFE) {
        if (is_long || length < 4) return 0;
        if (octets.size() <= length) return incomplete;
        const std::size_t inner = raw_message(octets.subspan(length), most);
        return inner == 0 || inner == incomplete ? inner : length + inner;
    }
    const auto shape = std::ranges::find(shapes, type, &Shape::type);
    const std::size_t counted = length - (is_long ? 2 : 0);
    if (shape == shapes.end() || counted < shape->least) return 0;
    return counted > std::max(shape->least, shape->most) ? 0 : length;
}

bool remove_cobs(Buffer& octets) {
    Buffer plain;
    for (std::size_t at = 0; at < octets.size();) {
        const auto block = static_cast<std::size_t>(octets[at]);
        if (block == 0 || at + block > octets.size()) return false;
        plain.insert(plain.end(), octets.begin() + static_cast<std::ptrdiff_t>(at + 1),
                     octets.begin() + static_cast<std::ptrdiff_t>(at + block));
        at += block;
        if (block <= cobs_block && at < octets.size()) plain.push_back(std::byte{0});
    }
    octets = std::move(plain);
    return true;
}

void append_cobs(Bytes octets, Buffer& wire) {
    std::size_t code_at = wire.size();
    wire.push_back(std::byte{1});
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (octets[i] != std::byte{0}) {
            wire.push_back(octets[i]);
            wire[code_at] = static_cast<std::byte>(static_cast<unsigned>(wire[code_at]) + 1);
        }
        const bool is_full = wire[code_at] == std::byte{0xFF};
        if (octets[i] == std::byte{0} || (is_full && i + 1 < octets.size())) {
            code_at = wire.size();
            wire.push_back(std::byte{1});
        }
    }
    wire.push_back(std::byte{0});
}

}  // namespace

void LineCode::encode(Bytes frame, Buffer& wire) const {
    Buffer checked(frame.begin(), frame.end());
    append_checksum(crc_, checked);
    if (framing_ == Framing::raw) {
        wire.insert(wire.end(), checked.begin(), checked.end());
    } else if (framing_ == Framing::cobs) {
        append_cobs(checked, wire);
    } else if (framing_ == Framing::slip) {
        wire.push_back(slip_end);
        for (const std::byte each : checked) {
            if (each != slip_end && each != slip_escape) {
                wire.push_back(each);
                continue;
            }
            wire.push_back(slip_escape);
            wire.push_back(each == slip_end ? slip_escaped_end : slip_escaped_escape);
        }
        wire.push_back(slip_end);
    } else {
        wire.push_back(hdlc_flag);
        for (const std::byte each : checked) {
            const bool is_special = each == hdlc_flag || each == hdlc_escape;
            if (is_special) wire.push_back(hdlc_escape);
            wire.push_back(is_special ? each ^ hdlc_change : each);
        }
        wire.push_back(hdlc_flag);
    }
}

void LineCode::receive(Bytes octets, TimePoint now, std::vector<Buffer>& frames) {
    if (framing_ != Framing::raw) {
        for (const std::byte each : octets)
            receive_delimited(each, frames);
        return;
    }
    held_.insert(held_.end(), octets.begin(), octets.end());
    scan_raw(frames);
    give_up_at_ = held_.empty() ? std::nullopt : std::optional(now + raw_gap);
}

void LineCode::scan_raw(std::vector<Buffer>& frames) {
    std::size_t at = 0;
    while (at < held_.size()) {
        const Bytes rest = Bytes(held_).subspan(at);
        const std::size_t size = raw_message(rest, most_);
        if (size == incomplete || size > rest.size()) break;
        if (size == 0) {
            ++errors_;
            ++at;
            continue;
        }
        frames.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
        at += size;
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at));
}

void LineCode::timeout(TimePoint now, std::vector<Buffer>& frames) {
    if (!give_up_at_ || *give_up_at_ > now) return;
    // What began a frame did not go on: whatever comes after its first octet may be a frame.
    while (!held_.empty()) {
        ++errors_;
        held_.erase(held_.begin());
        scan_raw(frames);
    }
    give_up_at_.reset();
}

void LineCode::receive_delimited(std::byte octet, std::vector<Buffer>& frames) {
    const std::byte end = framing_ == Framing::slip ? slip_end : framing_ == Framing::hdlc ? hdlc_flag : std::byte{0};
    if (octet == end) return end_frame(frames);
    if (broken_) return;
    if (held_.size() > 2 * most_) {
        broken_ = true;
    } else if (escaped_) {
        escaped_ = false;
        if (framing_ == Framing::hdlc) {
            held_.push_back(octet ^ hdlc_change);
        } else {
            broken_ = octet != slip_escaped_end && octet != slip_escaped_escape;
            held_.push_back(octet == slip_escaped_end ? slip_end : slip_escape);
        }
    } else if (framing_ != Framing::cobs && octet == (framing_ == Framing::slip ? slip_escape : hdlc_escape)) {
        escaped_ = true;
    } else {
        held_.push_back(octet);
    }
}

void LineCode::end_frame(std::vector<Buffer>& frames) {
    Buffer frame = std::exchange(held_, {});
    const bool is_whole = !std::exchange(broken_, false) & !std::exchange(escaped_, false);
    if (frame.empty()) return;
    const bool is_sound = is_whole && (framing_ != Framing::cobs || remove_cobs(frame)) &&
                          remove_checksum(crc_, frame) && !frame.empty() && frame.size() <= most_;
    if (is_sound) {
        frames.push_back(std::move(frame));
    } else {
        ++errors_;
    }
}

void LineCode::reset() noexcept {
    held_.clear();
    escaped_ = broken_ = false;
    give_up_at_.reset();
}

}  // namespace mqttsn::dongle
