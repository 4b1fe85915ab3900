#include "tools/node/readings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace mqttsn::node {

namespace {

constexpr double first_hour = 8;
constexpr double empty_battery_v = 2.0;
constexpr std::string_view number_prefix = "{\"n\":";

constexpr std::string_view seal_prefix = ",\"c\":\"";

unsigned crc16_of(std::string_view text) {
    unsigned rest = 0xFFFF;
    for (const char each : text) {
        rest ^= static_cast<unsigned>(static_cast<unsigned char>(each)) << 8U;
        for (int bit = 0; bit < 8; ++bit)
            rest = (rest << 1U ^ ((rest & 0x8000U) != 0 ? 0x1021U : 0U)) & 0xFFFFU;
    }
    return rest;
}

double normal(SmallRandom& random, double deviation) {
    return std::normal_distribution<double>(0, deviation)(random);
}

// Coldest at three in the morning, warmest at three in the afternoon.
double daily_curve(double hour) {
    return 16.0 + 6.0 * std::sin((hour - 9.0) / 24.0 * 2.0 * std::numbers::pi);
}

}  // namespace

Readings::Readings(SmallRandom random, Duration day)
    : random_(random),
      day_s_(std::chrono::duration<double>(day).count()),
      offset_c_(normal(random_, 1.5)),
      battery_v_(std::uniform_real_distribution<double>(3.0, 3.3)(random_)) {}

Reading Readings::next(Duration elapsed) {
    const double at_s = std::chrono::duration<double>(elapsed).count();
    const double days = at_s / day_s_;
    // Each transmission costs a little, each day of waiting too.
    const double spent_v = 0.00002 + 0.002 * (at_s - last_s_) / day_s_;
    last_s_ = at_s;
    battery_v_ = std::max(empty_battery_v, battery_v_ - spent_v);
    weather_c_ = 0.97 * weather_c_ + normal(random_, 0.1);
    const double hour = std::fmod(first_hour + 24.0 * days, 24.0);
    const double temperature = daily_curve(hour) + offset_c_ + weather_c_ + normal(random_, 0.1);
    const double humidity = std::clamp(70.0 - 1.8 * (temperature - 16.0) + normal(random_, 0.8), 5.0, 99.0);
    return {++number_, temperature, humidity, battery_v_};
}

std::string to_json(const Reading& reading, std::size_t size) {
    std::string text = fmt::format("{{\"n\":{},\"t\":{:.2f},\"h\":{:.1f},\"bat\":{:.3f}}}", reading.number,
                                   reading.temperature_c, reading.humidity_percent, reading.battery_v);
    if (size == 0 || text.size() == size) return text;
    if (text.size() > size) text = fmt::format("{{\"n\":{},\"t\":{:.2f}}}", reading.number, reading.temperature_c);
    constexpr std::string_view padding = ",\"pad\":\"\"";
    text.pop_back();
    const std::size_t missing = size - std::min(size, text.size() + 1);
    if (missing >= padding.size()) {
        text += fmt::format(",\"pad\":\"{:x>{}}\"", "", missing - padding.size());
    } else {
        text.append(missing, ' ');
    }
    return text + "}";
}

std::string sealed(std::string json) {
    json.pop_back();
    return fmt::format("{}{}{:04x}\"}}", json, seal_prefix, crc16_of(json));
}

bool is_intact(std::string_view json) {
    const auto seal = json.rfind(seal_prefix);
    if (seal == std::string_view::npos) return false;
    return json == sealed(std::string(json.substr(0, seal)) + "}");
}

std::string to_sealed_json(const Reading& reading, std::size_t size) {
    return sealed(to_json(reading, size == 0 ? 0 : size - seal_size));
}

std::optional<std::uint64_t> number_of(std::string_view json) {
    if (!json.starts_with(number_prefix)) return std::nullopt;
    json.remove_prefix(number_prefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), number);
    if (error != std::errc() || end == json.data() + json.size() || (*end != ',' && *end != '}')) return std::nullopt;
    return number;
}

}  // namespace mqttsn::node
