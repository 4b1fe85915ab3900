#include "tools/commands/message_format.hpp"

#include "tools/commands/json_report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>

namespace mqttsn::tools {

namespace {

constexpr std::string_view letters = "tpxXlqrmIUjJ%";
constexpr std::string_view strftime_letters = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";
constexpr std::string_view escapes = "nrtaev0\\";
constexpr std::string_view escaped{"\n\r\t\a\x1B\v\0\\", 8};

std::string local_time(char letter, std::time_t seconds) {
    const std::array<char, 3> format{'%', letter, '\0'};
    std::array<char, 128> text{};
    const std::tm local = fmt::localtime(seconds);
    return {text.data(), std::strftime(text.data(), text.size(), format.data(), &local)};
}

std::string iso_time(std::time_t seconds) {
    return local_time('F', seconds) + "T" + local_time('T', seconds) + local_time('z', seconds);
}

std::string value_of(char letter, const node::Received& message, std::chrono::system_clock::time_point time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    switch (letter) {
        case 't':
            return message.topic;
        case 'p':
            return std::string(as_text(message.payload));
        case 'x':
            return hex_of(message.payload);
        case 'X':
            return hex_of(message.payload, true);
        case 'l':
            return std::to_string(message.payload.size());
        case 'q':
            return std::to_string(static_cast<int>(message.qos));
        case 'r':
            return message.retain ? "1" : "0";
        case 'm':
            return std::to_string(message.msg_id);
        case 'I':
            return iso_time(seconds);
        case 'U': {
            const auto nanoseconds =
                std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
            return fmt::format("{}.{:09}", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
        }
        case 'j':
        case 'J':
            return to_json(message, iso_time(seconds), letter == 'J');
        default:
            return "%";
    }
}

}  // namespace

std::optional<std::string> check_format(std::string_view format) {
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' && format[i] != '\\') continue;
        const bool is_time = format[i] == '%' && i + 1 < format.size() && format[i + 1] == '@';
        const std::string_view known = format[i] == '\\' ? escapes : is_time ? strftime_letters : letters;
        const std::size_t begin = i;
        i += is_time ? 2 : 1;
        if (i >= format.size()) return fmt::format("-F: nothing follows {}", format.substr(begin));
        if (known.find(format[i]) == std::string_view::npos) {
            return fmt::format("-F: {} means nothing (see: mqttsn sub --help)", format.substr(begin, i + 1 - begin));
        }
    }
    return std::nullopt;
}

std::string formatted(std::string_view format, const node::Received& message,
                      std::chrono::system_clock::time_point time) {
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
        const bool is_special = (format[i] == '%' || format[i] == '\\') && i + 1 < format.size();
        if (!is_special) {
            out += format[i];
        } else if (format[i] == '\\') {
            const auto which = escapes.find(format[++i]);
            out += which == std::string_view::npos ? format[i] : escaped[which];
        } else if (format[i + 1] == '@' && i + 2 < format.size()) {
            i += 2;
            out += local_time(format[i], std::chrono::system_clock::to_time_t(time));
        } else {
            out += value_of(format[++i], message, time);
        }
    }
    return out;
}

std::string hex_of(Bytes octets, bool capitals) {
    std::string text;
    for (const std::byte each : octets) {
        const auto value = static_cast<unsigned>(each);
        text += capitals ? fmt::format("{:02X}", value) : fmt::format("{:02x}", value);
    }
    return text;
}

std::string_view source_name(node::KnownGateway::Source source) noexcept {
    switch (source) {
        case node::KnownGateway::Source::advertise:
            return "ADVERTISE";
        case node::KnownGateway::Source::gwinfo:
            return "GWINFO";
        case node::KnownGateway::Source::neighbour:
            break;
    }
    return "GWINFO of a node";
}

}  // namespace mqttsn::tools
