#include "transports/radio/driver_values.hpp"

#include "protocol/hex.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace mqttsn::transports {

namespace {

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

DriverValueReader::DriverValueReader(const DriverValues& values, std::span<const DriverOption> options)
    : values_(values), options_(options) {
    for (const auto& [name, value] : values) {
        if (std::ranges::find(options, std::string_view(name), &DriverOption::name) == options.end() &&
            error_.empty()) {
            error_ = fmt::format("{} = \"{}\": this kind of link has no such key", name, value);
        }
    }
}

const DriverOption& DriverValueReader::option(std::string_view name) const {
    const auto found = std::ranges::find(options_, name, &DriverOption::name);
    assert(found != options_.end());
    return *found;
}

std::string DriverValueReader::text(std::string_view name) {
    const auto given = values_.find(name);
    return given == values_.end() ? std::string(option(name).standard) : given->second;
}

void DriverValueReader::refuse(std::string_view name) {
    if (error_.empty()) error_ = fmt::format("{} = \"{}\": expected {}", name, text(name), option(name).expects);
}

std::int64_t DriverValueReader::number(std::string_view name, std::int64_t lowest, std::int64_t highest) {
    const auto value = parse_number(text(name));
    if (value && *value >= lowest && *value <= highest) return *value;
    refuse(name);
    return parse_number(option(name).standard).value_or(lowest);
}

bool DriverValueReader::boolean(std::string_view name) {
    return choice(name, {"false", "true"}) == 1;
}

std::size_t DriverValueReader::choice(std::string_view name, std::initializer_list<std::string_view> choices) {
    const auto find = [&](std::string_view value) {
        return static_cast<std::size_t>(std::ranges::find(choices, value) - choices.begin());
    };
    const std::size_t found = find(text(name));
    if (found < choices.size()) return found;
    refuse(name);
    return find(option(name).standard);
}

Buffer DriverValueReader::hex(std::string_view name, std::size_t shortest, std::size_t longest) {
    auto value = parse_hex(text(name));
    if (value && value->size() >= shortest && value->size() <= longest) return *std::move(value);
    refuse(name);
    return parse_hex(option(name).standard).value_or(Buffer{});
}

}  // namespace mqttsn::transports
