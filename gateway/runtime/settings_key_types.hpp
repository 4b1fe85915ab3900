// What a configuration key may hold: one function per type makes the key that checks, stores and shows such a value.
#pragma once

#include "gateway/runtime/settings_keys.hpp"
#include "gateway/runtime/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mqttsn::gateway {

/// A key whose place in Settings is given by `at`, a callable Settings& -> T&.
template <class At>
struct Place {
    At at;
    auto& in(Settings& settings) const { return at(settings); }
    const auto& in(const Settings& settings) const { return at(const_cast<Settings&>(settings)); }
};

inline std::string in_quotes(std::string_view text) {
    return fmt::format("\"{}\"", text);
}

template <class At>
SettingKey boolean(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "true or false",
            [place](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<bool>(&value);
                if (given != nullptr) place.in(settings) = *given;
                return given != nullptr;
            },
            [place](const Settings& settings) { return place.in(settings) ? "true" : "false"; }};
}

template <class At>
SettingKey integer(std::string section, std::string name, std::string help, std::int64_t lowest, std::int64_t highest,
                   At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("an integer from {} to {}", lowest, highest),
            [place, lowest, highest](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<std::int64_t>(&value);
                if (given == nullptr || *given < lowest || *given > highest) return false;
                place.in(settings) = static_cast<std::remove_reference_t<decltype(place.in(settings))>>(*given);
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{}", place.in(settings)); }};
}

template <class At>
SettingKey number(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "a number of at least 0",
            [place](Settings& settings, const SettingValue& value) {
                double given = -1;
                if (const auto* real = std::get_if<double>(&value)) given = *real;
                if (const auto* whole = std::get_if<std::int64_t>(&value)) given = static_cast<double>(*whole);
                if (!(given >= 0) || given > 1e9) return false;
                place.in(settings) = given;
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{:g}", place.in(settings)); }};
}

template <class At>
SettingKey octets(std::string section, std::string name, std::string help, std::size_t lowest, std::size_t highest,
                  At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("a size from {} to {}, such as 4096, \"64KiB\" or \"4MiB\"", lowest, highest),
            [place, lowest, highest](Settings& settings, const SettingValue& value) {
                std::optional<std::size_t> given;
                if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0) {
                    given = static_cast<std::size_t>(*whole);
                }
                if (const auto* text = std::get_if<std::string>(&value)) given = parse_octets(*text);
                if (!given || *given < lowest || *given > highest) return false;
                place.in(settings) = static_cast<std::remove_reference_t<decltype(place.in(settings))>>(*given);
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{}", place.in(settings)); }};
}

template <class At>
SettingKey duration(std::string section, std::string name, std::string help, Duration lowest, Duration highest, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("a duration from {} to {}, such as \"10s\", \"250ms\", \"5m\" or a number of seconds",
                        show_duration(lowest), show_duration(highest)),
            [place, lowest, highest](Settings& settings, const SettingValue& value) {
                std::optional<Duration> given;
                if (const auto* whole = std::get_if<std::int64_t>(&value);
                    whole != nullptr && *whole >= 0 && *whole < 1000000000) {
                    given = std::chrono::seconds(*whole);
                }
                if (const auto* text = std::get_if<std::string>(&value)) given = parse_duration(*text);
                if (!given || *given < lowest || *given > highest) return false;
                using Target = std::remove_reference_t<decltype(place.in(settings))>;
                if constexpr (std::is_arithmetic_v<Target>) {
                    place.in(settings) = static_cast<Target>(std::chrono::ceil<std::chrono::seconds>(*given).count());
                } else {
                    place.in(settings) = std::chrono::duration_cast<Target>(*given);
                }
                return true;
            },
            [place](const Settings& settings) {
                const auto& value = place.in(settings);
                if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
                    return in_quotes(show_duration(std::chrono::seconds(value)));
                } else {
                    return in_quotes(show_duration(value));
                }
            }};
}

template <class At>
SettingKey text(std::string section, std::string name, std::string help, At at, std::size_t shortest = 0) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            shortest == 0 ? "a text" : "a text that is not empty",
            [place, shortest](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<std::string>(&value);
                if (given == nullptr || given->size() < shortest) return false;
                place.in(settings) = *given;
                return true;
            },
            [place](const Settings& settings) { return in_quotes(place.in(settings)); }};
}

template <class At>
SettingKey texts(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "a list of texts",
            [place](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<std::vector<std::string>>(&value);
                if (given != nullptr) place.in(settings) = *given;
                return given != nullptr;
            },
            [place](const Settings& settings) {
                std::vector<std::string> list;
                for (const auto& each : place.in(settings))
                    list.push_back(in_quotes(each));
                return fmt::format("[{}]", fmt::join(list, ", "));
            }};
}

template <class Enum, class At>
SettingKey choice(std::string section, std::string name, std::string help,
                  std::vector<std::pair<std::string, Enum>> choices, At at) {
    const Place<At> place{at};
    std::vector<std::string> names;
    names.reserve(choices.size());
    for (const auto& each : choices)
        names.push_back(in_quotes(each.first));
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("one of {}", fmt::join(names, ", ")),
            [place, choices](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<std::string>(&value);
                if (given == nullptr) return false;
                const auto found = std::ranges::find(choices, *given, &std::pair<std::string, Enum>::first);
                if (found != choices.end()) place.in(settings) = found->second;
                return found != choices.end();
            },
            [place, choices](const Settings& settings) {
                const auto found =
                    std::ranges::find(choices, place.in(settings), &std::pair<std::string, Enum>::second);
                return in_quotes(found->first);
            }};
}

// The place of a value in Settings, as the functions above take it.
#define MQTTSN_AT(expression) [](Settings& s) -> decltype(auto) { return (s.expression); }

}  // namespace mqttsn::gateway
