#include "tools/dongle/xbee_command_mode.hpp"

#include <fmt/format.h>

namespace mqttsn::dongle {

namespace {

constexpr auto guard_time = std::chrono::seconds(1);
constexpr auto command_timeout = std::chrono::seconds(10);
constexpr std::size_t longest_line = 64;

void say(std::string_view text, Buffer& reply) {
    const Bytes octets = as_bytes(text);
    reply.insert(reply.end(), octets.begin(), octets.end());
    reply.push_back(std::byte{'\r'});
}

}  // namespace

void XbeeCommandMode::reset(TimePoint now) noexcept {
    last_ = now;
    line_.clear();
    pluses_ = 0;
    active_ = false;
}

Buffer XbeeCommandMode::receive(Bytes octets, TimePoint now, XbeeSettings& settings, Buffer& reply) {
    Buffer other;
    for (const std::byte each : octets) {
        const bool was_quiet = now - last_ >= guard_time;
        last_ = now;
        if (active_) {
            if (each == std::byte{'\r'}) {
                on_line(settings, reply);
            } else if (line_.size() < longest_line) {
                line_ += static_cast<char>(each);
            }
            continue;
        }
        if (each == std::byte{'+'} && (was_quiet || (pluses_ > 0 && pluses_ < 3))) {
            ++pluses_;
            continue;
        }
        other.insert(other.end(), static_cast<std::size_t>(std::exchange(pluses_, 0)), std::byte{'+'});
        other.push_back(each);
    }
    return other;
}

std::optional<TimePoint> XbeeCommandMode::next_timeout() const noexcept {
    if (active_) return last_ + command_timeout;
    return pluses_ == 3 ? std::optional(last_ + guard_time) : std::nullopt;
}

void XbeeCommandMode::timeout(TimePoint now, Buffer& reply) {
    const auto due = next_timeout();
    if (!due || *due > now) return;
    active_ = !active_;
    pluses_ = 0;
    line_.clear();
    last_ = now;
    if (active_) say("OK", reply);
}

void XbeeCommandMode::on_line(XbeeSettings& settings, Buffer& reply) {
    const std::string line = std::exchange(line_, {});
    if (line.size() < 4 || line.substr(0, 2) != "AT") return say("ERROR", reply);
    const std::string name = line.substr(2, 2);
    std::string digits = line.substr(4);
    std::erase(digits, ' ');
    Buffer value;
    if (digits.size() % 2 != 0) digits.insert(digits.begin(), '0');
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return say("ERROR", reply);
        value.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    const auto answer = settings.command(name, value);
    if (answer.status != XbeeSettings::Status::ok) return say("ERROR", reply);
    if (answer.value.empty()) {
        say("OK", reply);
    } else {
        std::uint64_t number = 0;
        for (const std::byte each : answer.value)
            number = number << 8U | static_cast<std::uint64_t>(each);
        say(name == "NI" ? std::string(as_text(answer.value)) : fmt::format("{:X}", number), reply);
    }
    // The mode that ATAP has chosen takes effect when command mode ends.
    if (name == "CN") active_ = false;
    reset_ = reset_ || answer.reset;
}

}  // namespace mqttsn::dongle
