// Check values of framed links, named as in the catalogue of parametrised CRC algorithms. Pure.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::transports {

enum class CrcKind : std::uint8_t {
    none,
    crc16_x25,          ///< of HDLC and PPP (RFC 1662); the only one with 16 bits that notices octets 00 in front
    crc16_ccitt_false,  ///< poly 1021, init FFFF
    crc16_xmodem,       ///< poly 1021, init 0
    crc32,              ///< ISO-HDLC, as in Ethernet
};

enum class OctetOrder : std::uint8_t { little_endian, big_endian };

constexpr std::size_t crc_size(CrcKind kind) noexcept {
    if (kind == CrcKind::none) return 0;
    return kind == CrcKind::crc32 ? 4 : 2;
}

/// The order in which the value usually travels.
constexpr OctetOrder usual_order(CrcKind kind) noexcept {
    const bool is_reflected = kind == CrcKind::crc16_x25 || kind == CrcKind::crc32;
    return is_reflected ? OctetOrder::little_endian : OctetOrder::big_endian;
}

/// Bit by bit: a serial line brings some ten thousand octets a second.
constexpr std::uint32_t crc(CrcKind kind, Bytes octets) noexcept {
    if (kind == CrcKind::none) return 0;
    if (kind == CrcKind::crc16_x25 || kind == CrcKind::crc32) {
        const std::uint32_t ones = kind == CrcKind::crc32 ? 0xFFFFFFFFU : 0xFFFFU;
        const std::uint32_t polynomial = kind == CrcKind::crc32 ? 0xEDB88320U : 0x8408U;  // mirrored
        std::uint32_t value = ones;
        for (const std::byte each : octets) {
            value ^= static_cast<std::uint32_t>(each);
            for (int bit = 0; bit < 8; ++bit)
                value = (value & 1U) != 0 ? (value >> 1U) ^ polynomial : value >> 1U;
        }
        return value ^ ones;
    }
    std::uint32_t value = kind == CrcKind::crc16_ccitt_false ? 0xFFFFU : 0U;
    for (const std::byte each : octets) {
        value ^= static_cast<std::uint32_t>(each) << 8U;
        for (int bit = 0; bit < 8; ++bit)
            value = ((value & 0x8000U) != 0 ? (value << 1U) ^ 0x1021U : value << 1U) & 0xFFFFU;
    }
    return value;
}

/// A check value at the end of a frame.
struct FrameCheck {
    CrcKind kind = CrcKind::none;
    OctetOrder order = OctetOrder::little_endian;

    std::size_t size() const noexcept { return crc_size(kind); }
    /// Octet `index` of the value as it travels.
    std::byte octet(std::uint32_t value, std::size_t index) const noexcept {
        const std::size_t shift = order == OctetOrder::little_endian ? index : size() - 1 - index;
        return static_cast<std::byte>((value >> (8U * shift)) & 0xFFU);
    }
    /// Calls put(octet) for the frame and then for its value: what a sender puts on the line.
    template <class Put>
    void for_each_octet(Bytes frame, Put&& put) const {
        for (const std::byte each : frame)
            put(each);
        const std::uint32_t value = crc(kind, frame);
        for (std::size_t i = 0; i < size(); ++i)
            put(octet(value, i));
    }
    /// Whether the last octets of the frame are the value of those before.
    bool holds(Bytes frame) const noexcept {
        if (frame.size() < size()) return false;
        const std::size_t body = frame.size() - size();
        const std::uint32_t value = crc(kind, frame.first(body));
        for (std::size_t i = 0; i < size(); ++i) {
            if (frame[body + i] != octet(value, i)) return false;
        }
        return true;
    }
};

}  // namespace mqttsn::transports
