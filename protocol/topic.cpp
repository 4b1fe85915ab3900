#include "protocol/topic.hpp"

#include <cstdint>
#include <cstring>

namespace mqttsn {

namespace {

constexpr std::size_t longest_text = 65535;  // MQTT length prefixes have 16 bits
constexpr std::string_view share_prefix = "$share/";

/// The code point at `at` and how many octets it takes; 0 octets when malformed.
struct CodePoint {
    std::uint32_t value = 0;
    std::size_t octets = 0;
};

CodePoint code_point_at(std::string_view text, std::size_t at) noexcept {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xF0 ? 4U : lead >= 0xE0 ? 3U : 2U;
    if (lead < 0xC2 || lead > 0xF4 || at + size > text.size()) return {};
    std::uint32_t value = lead & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(text[at + i]);
        if ((next & 0xC0U) != 0x80U) return {};
        value = (value << 6U) | (next & 0x3FU);
    }
    const bool is_overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (is_overlong || is_surrogate || value > 0x10FFFF) return {};
    return {value, size};
}

/// How many octets at the beginning are surely ASCII: names are, nearly always, from end to end.
std::size_t ascii_octets(std::string_view text) noexcept {
    constexpr std::uint64_t high_bits = 0x8080808080808080U;
    std::size_t count = 0;
    for (std::uint64_t word = 0; count + sizeof word <= text.size(); count += sizeof word) {
        std::memcpy(&word, text.data() + count, sizeof word);
        if ((word & high_bits) != 0) return count;
    }
    while (count < text.size() && static_cast<unsigned char>(text[count]) < 0x80)
        ++count;
    return count;
}

/// Control characters and noncharacters: MQTT lets a receiver close the connection on them (MQTT 1.5.4), and some do.
bool is_unwelcome(std::uint32_t code_point) noexcept {
    const bool is_control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
    return is_control || (code_point >= 0xFDD0 && code_point <= 0xFDEF) || (code_point & 0xFFFEU) == 0xFFFE;
}

std::string_view take_level(std::string_view& rest, bool& more) noexcept {
    const auto slash = rest.find('/');
    more = slash != std::string_view::npos;
    const auto level = rest.substr(0, slash);
    rest.remove_prefix(more ? slash + 1 : rest.size());
    return level;
}

bool are_levels_usable(std::string_view filter) noexcept {
    bool more = true;
    while (more) {
        const auto level = take_level(filter, more);
        if (!has_wildcard(level)) continue;
        if (level.size() != 1 || (level == "#" && more)) return false;
    }
    return true;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        at += ascii_octets(text.substr(at));
        if (at == text.size()) break;
        const auto point = code_point_at(text, at);
        if (point.octets == 0) return false;
        at += point.octets;
    }
    return true;
}

std::size_t count_code_points(std::string_view text) noexcept {
    std::size_t count = 0;
    for (const char octet : text) {
        if ((static_cast<unsigned char>(octet) & 0xC0U) != 0x80U) ++count;
    }
    return count;
}

bool is_mqtt_text(std::string_view text) noexcept {
    return text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

bool is_usable_text(std::string_view text) noexcept {
    if (text.size() > longest_text) return false;
    for (std::size_t at = 0; at < text.size();) {
        const auto point = code_point_at(text, at);
        if (point.octets == 0 || is_unwelcome(point.value)) return false;
        at += point.octets;
    }
    return true;
}

bool is_usable_topic_name(std::string_view name) noexcept {
    return !name.empty() && !has_wildcard(name) && is_usable_text(name);
}

bool is_usable_topic_filter(std::string_view filter) noexcept {
    if (filter.empty() || !is_usable_text(filter)) return false;
    if (filter.starts_with(share_prefix)) {
        const auto group =
            filter.substr(share_prefix.size(), filter.find('/', share_prefix.size()) - share_prefix.size());
        const auto shared = without_share(filter);
        return !group.empty() && !has_wildcard(group) && !shared.empty() && are_levels_usable(shared);
    }
    return are_levels_usable(filter);
}

std::string_view without_share(std::string_view filter) noexcept {
    if (!filter.starts_with(share_prefix)) return filter;
    const auto slash = filter.find('/', share_prefix.size());
    return slash == std::string_view::npos ? std::string_view() : filter.substr(slash + 1);
}

bool has_wildcard(std::string_view filter) noexcept {
    // Each is one memchr(); find_first_of() would be one per octet.
    return filter.find('+') != std::string_view::npos || filter.find('#') != std::string_view::npos;
}

bool matches(std::string_view filter, std::string_view name) noexcept {
    filter = without_share(filter);
    if (filter.empty() || name.empty()) return false;
    if (name.front() == '$' && (filter.front() == '+' || filter.front() == '#')) return false;
    bool more_filter = true;
    bool more_name = true;
    while (more_filter && more_name) {
        const auto wanted = take_level(filter, more_filter);
        if (wanted == "#") return true;
        const auto level = take_level(name, more_name);
        if (wanted != "+" && wanted != level) return false;
    }
    // "a/#" matches "a" as well.
    if (more_filter) return filter == "#";
    return !more_name;
}

}  // namespace mqttsn
