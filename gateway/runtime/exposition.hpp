// Text in the Prometheus exposition format 0.0.4: families with HELP and TYPE, and their samples.
#pragma once

#include "gateway/core/duration_histogram.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace mqttsn::gateway {

class Exposition {
public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

    struct Label {
        std::string_view name;
        std::string_view value;  ///< any text: it is escaped
    };
    using Labels = std::initializer_list<Label>;

    /// Begins a family; its samples follow before the next one begins. Names follow the conventions of Prometheus: a
    /// base unit at the end (_seconds, _bytes), and _total for counters.
    void counter(std::string_view name, std::string_view help) { begin(name, help, "counter"); }
    void gauge(std::string_view name, std::string_view help) { begin(name, help, "gauge"); }
    void sample(std::uint64_t value, Labels labels = {});
    void sample(double value, Labels labels = {});

    /// A whole family.
    void histogram(std::string_view name, std::string_view help, const DurationHistogram& durations);
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        counter(name, help);
        sample(value);
    }
    void gauge(std::string_view name, std::string_view help, double value) {
        gauge(name, help);
        sample(value);
    }

    const std::string& text() const noexcept { return text_; }

private:
    void begin(std::string_view name, std::string_view help, std::string_view type);
    void append(std::string_view suffix, Labels labels, std::string_view value);

    std::string text_;
    std::string family_;
};

}  // namespace mqttsn::gateway
