#include "tools/dongle/lora_modem.hpp"

#include "tools/dongle/forwarding.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mqttsn::dongle {

namespace {

constexpr std::size_t longest_line = 1100;
constexpr auto line_patience = std::chrono::seconds(1);
// From receiving to sending. A node that answered at once would find the dongle deaf: it has still to be told to
// receive.
constexpr auto node_turnaround = std::chrono::milliseconds(20);
constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Buffer> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Buffer octets;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit_of(text[i]);
        const int low = digit_of(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        octets.push_back(static_cast<std::byte>(high * 16 + low));
    }
    return octets;
}

std::string to_hex(Bytes octets) {
    std::string text;
    for (const std::byte each : octets)
        text += fmt::format("{:02X}", static_cast<unsigned>(each));
    return text;
}

std::optional<Buffer> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    while (text.ends_with('='))
        text.remove_suffix(1);
    Buffer octets;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char each : text) {
        const auto value = base64_digits.find(each);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        octets.push_back(static_cast<std::byte>(bits >> count & 0xFFU));
    }
    return octets;
}

std::string to_base64(Bytes octets) {
    std::string text;
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k)
            bits = bits << 8U | (i + k < octets.size() ? static_cast<std::uint32_t>(octets[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            text += i + k <= octets.size() ? base64_digits[bits >> (18 - 6 * k) & 63U] : '=';
    }
    return text;
}

std::optional<std::int64_t> number_of(std::string_view text, std::int64_t lowest, std::int64_t highest) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && value >= lowest && value <= highest ? std::optional(value) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (auto end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    parts.push_back(text);
    return parts;
}

void LoraModem::from_host(Bytes octets, TimePoint now, DongleOutput& out) {
    timeout(now, out);
    if (deaf_until_) {
        if (now < *deaf_until_) return;
        deaf_until_.reset();
    }
    for (const std::byte each : octets) {
        const char c = static_cast<char>(each);
        if (c != '\n') {
            if (line_.size() < longest_line) line_ += c;
            continue;
        }
        std::string line = std::exchange(line_, {});
        const bool proper = line.ends_with('\r');
        if (proper) line.pop_back();
        if (!line.empty()) on_line(line, proper, now, out);
    }
    line_ends_at_ = line_.empty() ? std::nullopt : std::optional(now + line_patience);
}

void LoraModem::timeout(TimePoint now, DongleOutput& out) {
    while (const auto done = channel_.take(now)) {
        if (done->from == 0) {
            on_sent(*done, now, out);
        } else if (done->heard) {
            on_heard(*done, now, out);
        } else {
            ++counters_.lost_on_air;
        }
    }
    counters_.collisions = channel_.collisions();
    while (const auto reply = replies_.take(now))
        answer(*reply, out);
    on_time(now, out);
    if (line_ends_at_ && *line_ends_at_ <= now) {
        line_ends_at_.reset();
        line_.clear();
        ++counters_.malformed;
        on_unended_line(now, out);
    }
}

std::optional<TimePoint> LoraModem::next_timeout() const noexcept {
    return earliest(earliest(channel_.next_timeout(), replies_.next()), earliest(line_ends_at_, own_timeout()));
}

void LoraModem::restart() noexcept {
    channel_.silence(0);
    replies_.clear();
    line_.clear();
    line_ends_at_.reset();
}

Duration LoraModem::air_time(std::size_t octets) const {
    return lora_air_time(radio_.spreading_factor, radio_.bandwidth_hz, radio_.coding_rate, radio_.preamble, octets);
}

void LoraModem::say(std::string_view text, TimePoint when, bool may_be_lost) {
    if (may_be_lost && std::uniform_real_distribution<double>(0, 1)(random_) < reply_loss_) {
        ++counters_.replies_withheld;
        return;
    }
    replies_.add(when, std::string(text));
}

void LoraModem::answer(std::string_view text, DongleOutput& out) {
    for (const std::string_view each : {text, std::string_view("\r\n")}) {
        const Bytes octets = as_bytes(each);
        out.host.insert(out.host.end(), octets.begin(), octets.end());
    }
}

void LoraModem::transmit(std::uint32_t tag, Buffer octets, std::size_t octets_on_air, TimePoint now) {
    channel_.transmit(0, tag, std::move(octets), air_time(octets_on_air), 1, now);
}

void LoraModem::transmit_of_node(NodeNumber node, Buffer octets, std::size_t octets_on_air, TimePoint now) {
    channel_.transmit(node, 0, std::move(octets), air_time(octets_on_air), 1, now + node_turnaround, nodes_listen_);
}

void deliver_encapsulated(Bytes frame, bool heard, NodeNumber nodes, DongleCounters& counters, DongleOutput& out) {
    const auto inner = unwrapped(frame, nodes);
    if (!heard) {
        ++counters.lost_on_air;
    } else if (!inner) {
        ++counters.malformed;
    } else if (inner->to > nodes) {
        ++counters.unknown_node;
    } else {
        ++counters.frames_down;
        out.deliveries.push_back({inner->to, Buffer(inner->inner.begin(), inner->inner.end())});
    }
}

}  // namespace mqttsn::dongle
