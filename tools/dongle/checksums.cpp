#include "tools/dongle/checksums.hpp"

#include <algorithm>

namespace mqttsn::dongle {

namespace {

std::uint32_t mirrored(std::uint32_t value, unsigned bits) noexcept {
    std::uint32_t result = 0;
    for (unsigned i = 0; i < bits; ++i)
        result |= (value >> i & 1U) << (bits - 1 - i);
    return result;
}

}  // namespace

std::uint32_t checksum(const Crc& crc, Bytes octets) noexcept {
    const unsigned bits = crc.octets * 8;
    const std::uint32_t top = 1U << (bits - 1);
    const std::uint32_t mask = top | (top - 1);
    std::uint32_t rest = crc.initial;
    for (const std::byte each : octets) {
        const auto value = static_cast<std::uint32_t>(each);
        rest ^= (crc.reflected ? mirrored(value, 8) : value) << (bits - 8);
        for (int bit = 0; bit < 8; ++bit)
            rest = ((rest & top) != 0 ? rest << 1U ^ crc.polynomial : rest << 1U) & mask;
    }
    return (crc.reflected ? mirrored(rest, bits) : rest) ^ crc.final_xor;
}

void append_checksum(const Crc& crc, Buffer& octets) {
    if (crc.octets == 0) return;
    const std::uint32_t value = checksum(crc, octets);
    for (unsigned i = 0; i < crc.octets; ++i) {
        const unsigned place = crc.low_octet_first ? i : crc.octets - 1 - i;
        octets.push_back(static_cast<std::byte>(value >> 8 * place & 0xFFU));
    }
}

bool remove_checksum(const Crc& crc, Buffer& octets) {
    if (octets.size() < crc.octets) return false;
    Buffer right(octets.begin(), octets.end() - crc.octets);
    const std::size_t size = right.size();
    append_checksum(crc, right);
    const bool is_right = right == octets;
    octets.resize(size);
    return is_right;
}

}  // namespace mqttsn::dongle
