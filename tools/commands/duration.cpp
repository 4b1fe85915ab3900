#include "tools/commands/duration.hpp"

#include <array>
#include <charconv>

namespace mqttsn::tools {

std::optional<Duration> parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        double seconds;
    };
    static constexpr std::array units{Unit{"", 1},   Unit{"ms", 0.001}, Unit{"s", 1},
                                      Unit{"m", 60}, Unit{"h", 3600},   Unit{"d", 86400}};
    constexpr double longest_s = 100.0 * 365 * 86400;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0)) return std::nullopt;
    const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& each : units) {
        if (each.name != unit) continue;
        const double seconds = number * each.seconds;
        if (seconds > longest_s) return std::nullopt;
        return std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
    }
    return std::nullopt;
}

}  // namespace mqttsn::tools
