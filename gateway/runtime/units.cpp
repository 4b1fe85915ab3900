#include "gateway/runtime/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace mqttsn::gateway {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr std::array duration_units{Unit{"ms", 1000},        Unit{"s", 1000000},       Unit{"m", 60000000},
                                    Unit{"h", 3600000000LL}, Unit{"d", 86400000000LL}, Unit{"us", 1}};
constexpr std::array octet_units{Unit{"", 1}, Unit{"KiB", 1 << 10}, Unit{"MiB", 1 << 20}, Unit{"GiB", 1 << 30}};

constexpr double largest = 9e18;  // fits into 64 bits

template <class Units>
std::optional<std::int64_t> parse(std::string_view text, const Units& units) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !(value >= 0) || value > 1e12) return std::nullopt;
    const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& each : units) {
        if (each.name != unit) continue;
        const double product = value * static_cast<double>(each.factor) + 0.5;
        return product < largest ? std::optional(static_cast<std::int64_t>(product)) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    const auto microseconds = parse(text, duration_units);
    return microseconds ? std::optional(Duration(*microseconds)) : std::nullopt;
}

std::string show_duration(Duration duration) {
    const auto microseconds = duration.count();
    if (microseconds % 1000 != 0) return fmt::format("{}us", microseconds);
    if (microseconds % 1000000 != 0) return fmt::format("{}ms", microseconds / 1000);
    return fmt::format("{}s", microseconds / 1000000);
}

std::optional<std::size_t> parse_octets(std::string_view text) {
    const auto octets = parse(text, octet_units);
    return octets ? std::optional(static_cast<std::size_t>(*octets)) : std::nullopt;
}

}  // namespace mqttsn::gateway
