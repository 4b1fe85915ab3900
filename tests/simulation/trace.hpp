// What happened, as text: the last events before a violation.
#pragma once

#include "protocol/mqtt/codec.hpp"

#include <fmt/format.h>

#include <deque>
#include <stdexcept>
#include <string>

namespace mqttsn::simulation {

/// An invariant does not hold.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// "PUBLISH q2 dup id=5 a/b m17;xxx"
std::string text_of(const mqtt::Packet& packet);
/// A frame of the device's link, forwarder headers included.
std::string text_of_frame(Bytes frame);

/// Off while runs are explored: text costs more than everything else. A seed that fails is run again with it.
class Trace {
public:
    bool is_on = false;

    template <class... Args>
    void add(TimePoint now, fmt::format_string<Args...> format, Args&&... args) {
        if (!is_on) return;
        const auto us = now.time_since_epoch().count();
        lines_.push_back(fmt::format("{:5}.{:06}  {}", us / 1'000'000, us % 1'000'000,
                                     fmt::format(format, std::forward<Args>(args)...)));
        if (lines_.size() > keep) lines_.pop_front();
    }
    const std::deque<std::string>& lines() const noexcept { return lines_; }
    std::size_t keep = 60;

private:
    std::deque<std::string> lines_;
};

}  // namespace mqttsn::simulation
