#include "tools/dongle/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace mqttsn::dongle {

Values::Values(std::string_view text, std::span<const DongleKey> keys) : keys_(keys) {
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        const auto item = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto equals = item.find('=');
        const auto name = item.substr(0, equals);
        const bool is_known = std::ranges::find(keys, name, &DongleKey::name) != keys.end();
        if (!is_known && error_.empty()) {
            std::string names;
            for (const DongleKey& each : keys)
                names += fmt::format("{}{}", names.empty() ? "" : ", ", each.name);
            error_ = fmt::format("{} is unknown; known are {}", name, names.empty() ? "none" : names);
        }
        values_.emplace(name, equals == std::string_view::npos ? "" : item.substr(equals + 1));
    }
}

std::string Values::text(std::string_view name) {
    const auto key = std::ranges::find(keys_, name, &DongleKey::name);
    assert(key != keys_.end());
    const auto given = values_.find(name);
    return given == values_.end() ? std::string(key->standard) : given->second;
}

std::int64_t Values::number(std::string_view name, std::int64_t lowest, std::int64_t highest) {
    const std::string value = text(name);
    std::int64_t result = lowest;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error == std::errc() && end == value.data() + value.size() && result >= lowest && result <= highest) {
        return result;
    }
    refuse(name, value);
    return lowest;
}

double Values::share(std::string_view name) {
    const std::string value = text(name);
    double result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error == std::errc() && end == value.data() + value.size() && result >= 0 && result <= 1) return result;
    refuse(name, value);
    return 0;
}

bool Values::flag(std::string_view name) {
    return choice(name, {"no", "yes"}) == 1;
}

std::size_t Values::choice(std::string_view name, std::initializer_list<std::string_view> choices) {
    const std::string value = text(name);
    const auto found = std::ranges::find(choices, value);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    refuse(name, value);
    return 0;
}

void Values::refuse(std::string_view name, std::string_view value) {
    const auto key = std::ranges::find(keys_, name, &DongleKey::name);
    if (error_.empty()) error_ = fmt::format("{}={}: expected {}", name, value, key->expects);
}

}  // namespace mqttsn::dongle
