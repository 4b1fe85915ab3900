#include "tools/dongle/xbee_api.hpp"

namespace mqttsn::dongle {

namespace {

constexpr std::byte start{0x7E};
constexpr std::byte escape{0x7D};
constexpr std::byte change{0x20};
constexpr std::size_t length_octets = 2;
constexpr std::size_t longest = 300;  // of data, more than any of these modules takes

bool is_escaped(std::byte octet) noexcept {
    return octet == start || octet == escape || octet == std::byte{0x11} || octet == std::byte{0x13};
}

std::byte sum_of(Bytes data) noexcept {
    unsigned sum = 0;
    for (const std::byte each : data)
        sum += static_cast<unsigned>(each);
    return static_cast<std::byte>(0xFFU - (sum & 0xFFU));
}

}  // namespace

void XbeeApi::encode(bool escapes, Bytes data, Buffer& wire) {
    wire.push_back(start);
    const auto add = [&](std::byte octet) {
        const bool special = escapes && is_escaped(octet);
        if (special) wire.push_back(escape);
        wire.push_back(special ? octet ^ change : octet);
    };
    add(static_cast<std::byte>(data.size() >> 8U & 0xFFU));
    add(static_cast<std::byte>(data.size() & 0xFFU));
    for (const std::byte each : data)
        add(each);
    add(sum_of(data));
}

void XbeeApi::receive(bool escapes, Bytes octets, std::vector<Buffer>& frames) {
    for (std::byte each : octets) {
        if (each == start && (escapes || !begun_)) {
            errors_ += begun_ ? 1U : 0U;
            reset();
            begun_ = true;
            continue;
        }
        if (!begun_) continue;
        if (escapes && each == escape && !escaped_) {
            escaped_ = true;
            continue;
        }
        held_.push_back(std::exchange(escaped_, false) ? each ^ change : each);
        if (held_.size() < length_octets) continue;
        const std::size_t length = static_cast<std::size_t>(held_[0]) << 8U | static_cast<std::size_t>(held_[1]);
        if (length == 0 || length > longest) {
            ++errors_;
            reset();
        } else if (held_.size() == length_octets + length + 1) {
            const Bytes data = Bytes(held_).subspan(length_octets, length);
            if (sum_of(data) == held_.back()) {
                frames.emplace_back(data.begin(), data.end());
            } else {
                ++errors_;
            }
            reset();
        }
    }
}

void XbeeApi::reset() noexcept {
    held_.clear();
    begun_ = escaped_ = false;
}

}  // namespace mqttsn::dongle
