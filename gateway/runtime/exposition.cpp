#include "gateway/runtime/exposition.hpp"

#include <fmt/format.h>

namespace mqttsn::gateway {

namespace {

std::string escaped(std::string_view text, bool quotes) {
    std::string result;
    for (const char each : text) {
        if (each == '\\') {
            result += "\\\\";
        } else if (each == '\n') {
            result += "\\n";
        } else if (each == '"' && quotes) {
            result += "\\\"";
        } else {
            result += each;
        }
    }
    return result;
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

void Exposition::begin(std::string_view name, std::string_view help, std::string_view type) {
    family_ = name;
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, escaped(help, false), type);
}

void Exposition::append(std::string_view suffix, Labels labels, std::string_view value) {
    text_ += family_;
    text_ += suffix;
    char separator = '{';
    for (const Label& each : labels) {
        text_ += fmt::format("{}{}=\"{}\"", separator, each.name, escaped(each.value, true));
        separator = ',';
    }
    text_ += separator == ',' ? "} " : " ";
    text_ += value;
    text_ += '\n';
}

void Exposition::sample(std::uint64_t value, Labels labels) {
    append("", labels, fmt::format("{}", value));
}

void Exposition::sample(double value, Labels labels) {
    append("", labels, fmt::format("{}", value));
}

void Exposition::histogram(std::string_view name, std::string_view help, const DurationHistogram& durations) {
    begin(name, help, "histogram");
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < DurationHistogram::bounds.size(); ++i) {
        up_to += durations.in_bucket(i);
        append("_bucket", {{"le", fmt::format("{}", seconds(DurationHistogram::bounds[i]))}}, fmt::format("{}", up_to));
    }
    append("_bucket", {{"le", "+Inf"}}, fmt::format("{}", durations.count()));
    append("_sum", {}, fmt::format("{}", seconds(durations.sum())));
    append("_count", {}, fmt::format("{}", durations.count()));
}

}  // namespace mqttsn::gateway
