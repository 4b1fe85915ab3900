#include "protocol/hex.hpp"

namespace mqttsn {

namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::string_view separators = " \t\r:-,";

std::optional<unsigned> value_of(char digit) noexcept {
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const auto value = digits.find(lower);
    if (value == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(value);
}

}  // namespace

std::string to_hex(Bytes octets) {
    std::string text;
    text.reserve(octets.size() * 2);
    for (const std::byte each : octets) {
        text += digits[static_cast<unsigned>(each) >> 4U];
        text += digits[static_cast<unsigned>(each) & 0xFU];
    }
    return text;
}

std::optional<Buffer> parse_hex(std::string_view text) {
    Buffer octets;
    bool is_group_begin = true;
    for (std::size_t at = 0; at < text.size();) {
        if (separators.find(text[at]) != std::string_view::npos) {
            is_group_begin = true;
            ++at;
            continue;
        }
        if (at + 1 == text.size()) return std::nullopt;
        if (is_group_begin && text[at] == '0' && (text[at + 1] == 'x' || text[at + 1] == 'X')) {
            is_group_begin = false;
            at += 2;
            if (at == text.size()) return std::nullopt;
            continue;
        }
        const auto high = value_of(text[at]);
        const auto low = value_of(text[at + 1]);
        if (!high || !low) return std::nullopt;
        octets.push_back(static_cast<std::byte>(*high << 4U | *low));
        is_group_begin = false;
        at += 2;
    }
    return octets;
}

}  // namespace mqttsn
