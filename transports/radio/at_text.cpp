#include "transports/radio/at_text.hpp"

#include "protocol/hex.hpp"

#include <algorithm>
#include <charconv>

namespace mqttsn::transports {

namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string_view trim(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::int64_t> parse_decimal(std::string_view text) noexcept {
    text = trim(text);
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::vector<std::int64_t>> parse_decimals(std::string_view text, std::string_view separators) {
    std::vector<std::int64_t> values;
    for (;;) {
        const auto end = text.find_first_of(separators);
        const auto value = parse_decimal(text.substr(0, end));
        if (!value) return std::nullopt;
        values.push_back(*value);
        if (end == std::string_view::npos) return values;
        text.remove_prefix(end + 1);
    }
}

std::string to_digits(Bytes octets) {
    std::string text = to_hex(octets);
    std::ranges::transform(text, text.begin(),
                           [](char digit) { return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit; });
    return text;
}

std::optional<Buffer> parse_digits(std::string_view text) {
    if (text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return std::nullopt;
    return parse_hex(text);
}

std::string to_base64(Bytes octets) {
    std::string text;
    text.reserve((octets.size() + 2) / 3 * 4);
    for (; !octets.empty(); octets = octets.subspan(std::min<std::size_t>(octets.size(), 3))) {
        const auto octet = [&](std::size_t at) { return at < octets.size() ? static_cast<unsigned>(octets[at]) : 0U; };
        const unsigned group = octet(0) << 16U | octet(1) << 8U | octet(2);
        text += base64_digits[group >> 18U];
        text += base64_digits[group >> 12U & 63U];
        text += octets.size() > 1 ? base64_digits[group >> 6U & 63U] : '=';
        text += octets.size() > 2 ? base64_digits[group & 63U] : '=';
    }
    return text;
}

std::optional<Buffer> parse_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    Buffer octets;
    octets.reserve(text.size() / 4 * 3);
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(4)) {
        const std::size_t padding = rest.size() > 4 ? 0 : rest.ends_with("==") ? 2 : rest.ends_with('=') ? 1 : 0;
        unsigned group = 0;
        for (std::size_t at = 0; at < 4; ++at) {
            const auto digit = at >= 4 - padding ? 0 : base64_digits.find(rest[at]);
            if (digit == std::string_view::npos) return std::nullopt;
            group = group << 6U | static_cast<unsigned>(digit);
        }
        for (std::size_t at = 0; at < 3 - padding; ++at) {
            octets.push_back(static_cast<std::byte>(group >> (16U - 8U * at) & 0xFFU));
        }
    }
    if (to_base64(octets) != text) return std::nullopt;  // digits after the last octet that are not zero
    return octets;
}

std::optional<Signal> to_signal(std::int64_t rssi_dbm, std::int64_t snr_db) noexcept {
    if (rssi_dbm < -256 || rssi_dbm > 127 || snr_db < -128 || snr_db > 127) return std::nullopt;
    return Signal{static_cast<std::int16_t>(rssi_dbm), static_cast<std::int8_t>(snr_db)};
}

}  // namespace mqttsn::transports
