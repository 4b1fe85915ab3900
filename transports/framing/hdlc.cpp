#include "transports/framing/hdlc.hpp"

#include <utility>

namespace mqttsn::transports {

namespace {

constexpr std::byte flag{0x7E};
constexpr std::byte escape{0x7D};
constexpr std::byte flip{0x20};
constexpr std::byte xon{0x11};
constexpr std::byte xoff{0x13};
constexpr std::byte spinel_special{0xF8};

FrameRules with_fcs(FrameRules rules) {
    rules.check = {CrcKind::crc16_x25, OctetOrder::little_endian};
    return rules;
}

}  // namespace

HdlcFraming::HdlcFraming(FrameRules rules, HdlcEscapes escapes) : frame_(with_fcs(rules)), escapes_(escapes) {}

void HdlcFraming::put_escaped(std::byte octet, Buffer& wire) const {
    const bool is_special = octet == flag || octet == escape ||
                            (escapes_ != HdlcEscapes::minimal && (octet == xon || octet == xoff)) ||
                            (escapes_ == HdlcEscapes::spinel && octet == spinel_special);
    if (is_special) {
        wire.push_back(escape);
        octet ^= flip;
    }
    wire.push_back(octet);
}

void HdlcFraming::encode(Bytes frame, Buffer& wire) const {
    wire.push_back(flag);
    frame_.check().for_each_octet(frame, [&](std::byte octet) { put_escaped(octet, wire); });
    wire.push_back(flag);
}

void HdlcFraming::receive(Bytes octets, TimePoint /*now*/, FrameList& frames) {
    for (const std::byte each : octets) {
        const bool was_escaped = std::exchange(is_escaped_, false);
        if (each == flag) {
            // Escape and flag: the sender gave the frame up (RFC 1662, 4.3).
            if (was_escaped) frame_.drop();
            frame_.finish(frames);
        } else if (!was_escaped && each == escape) {
            is_escaped_ = true;
        } else {
            frame_.put(was_escaped ? each ^ flip : each);
        }
    }
}

void HdlcFraming::reset() noexcept {
    frame_.drop();
    is_escaped_ = false;
}

}  // namespace mqttsn::transports
