#include "tools/commands/serial_option.hpp"

#include "transports/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mqttsn::tools {

namespace {

std::optional<std::uint32_t> whole(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string kind_names() {
    std::string names;
    for (const transports::DriverKind* each : transports::driver_kinds())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", each->name);
    return names;
}

/// Takes name=value pairs into `keys`; the one without "=" is the device.
std::string take_apart(const std::string& text, transports::DriverValues& keys) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto end = std::min(rest.find(','), rest.size());
        const auto item = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = item.find('=');
        const bool is_device = equals == std::string_view::npos;
        if (is_device && keys.contains("device")) return fmt::format("{}: expected key=value", item);
        keys[std::string(is_device ? "device" : item.substr(0, equals))] = item.substr(is_device ? 0 : equals + 1);
    }
    return {};
}

}  // namespace

ReadSerial read_serial(const std::string& text) {
    transports::DriverValues keys;
    transports::SerialConfig config;
    if (auto error = take_apart(text, keys); !error.empty()) return {std::nullopt, error};
    const auto take = [&](const char* name, const char* standard) {
        const auto node = keys.extract(name);
        return node ? node.mapped() : std::string(standard);
    };
    config.port.line.device = take("device", "");
    config.port.line.usb = take("usb", "");
    if (config.port.line.device.empty() == config.port.line.usb.empty()) {
        return {std::nullopt, "expected a port, or usb=VID:PID (see: mqttsn ports)"};
    }
    const std::string link = take("link", "raw");
    config.kind = transports::find_kind(link);
    if (config.kind == nullptr) return {std::nullopt, fmt::format("link={}: expected {}", link, kind_names())};
    const std::string baud = take("baud", "");
    const auto speed = baud.empty() ? std::optional(config.kind->baud) : whole(baud);
    if (!speed || *speed == 0) return {std::nullopt, fmt::format("baud={}: expected a number", baud)};
    config.port.line.baud = *speed;
    const std::string mtu = take("mtu", "0");
    const auto size = whole(mtu);
    if (!size) return {std::nullopt, fmt::format("mtu={}: expected a number", mtu)};
    config.mtu = *size;
    for (const auto& [name, value] : keys) {
        if (std::ranges::find(config.kind->options, name, &transports::DriverOption::name) ==
            config.kind->options.end()) {
            return {std::nullopt, fmt::format("link={} has no key {}", link, name)};
        }
    }
    config.values = std::move(keys);
    config.name = fmt::format("{}:{}", link, config.port.line.to_string());
    if (const auto made = config.kind->make(config.values, config.mtu); !made.driver) return {std::nullopt, made.error};
    return {std::move(config), {}};
}

}  // namespace mqttsn::tools
