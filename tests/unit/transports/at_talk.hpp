// A conversation between a driver and a scripted modem, in virtual time: modem.says(…), modem.expects(…).
#pragma once

#include "protocol/hex.hpp"
#include "transports/radio/driver.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <deque>
#include <functional>
#include <string>

namespace mqttsn::transports {

class AtTalk {
public:
    struct Frame {
        std::string from;
        std::string hex;
        std::optional<Signal> signal;
    };

    explicit AtTalk(const DriverKind& kind, const DriverValues& values = {}, std::size_t mtu = 0) {
        MadeDriver made = kind.make(values, mtu);
        REQUIRE(made.error == "");
        driver = std::move(made.driver);
    }

    void opens() {
        act([&] { driver->opened(now, out_); });
    }
    void closes() {
        act([&] { driver->closed(now, out_); });
    }
    void says_octets(std::string_view octets) {
        act([&] { driver->receive(as_bytes(octets), now, out_); });
    }
    /// One line of the modem.
    void says(std::string_view line) { says_octets(std::string(line) + "\r\n"); }
    /// The next command of the driver.
    void expects(std::string_view command) {
        REQUIRE_FALSE(commands.empty());
        CHECK(commands.front() == command);
        commands.pop_front();
    }
    /// A command and its answer.
    void answers(std::string_view command, std::string_view line) {
        expects(command);
        says(line);
    }
    void sends(std::string_view hex, std::string_view to_hex = {}, FrameToken token = 1) {
        REQUIRE(driver->can_send());
        const Buffer frame = *parse_hex(hex);
        const Buffer to = *parse_hex(to_hex);
        OutgoingFrame outgoing{.token = token, .broadcast = false, .radius = 0, .to = Address(to), .frame = frame};
        act([&] { driver->send(outgoing, now, out_); });
    }
    void broadcasts(std::string_view hex, FrameToken token = 1) {
        const Buffer frame = *parse_hex(hex);
        OutgoingFrame outgoing{.token = token, .broadcast = true, .radius = 0, .to = {}, .frame = frame};
        act([&] { driver->send(outgoing, now, out_); });
    }
    /// Time passes, with every time-out at its time.
    void passes(Duration duration) {
        const TimePoint end = now + duration;
        for (auto next = driver->next_timeout(); next && *next <= end; next = driver->next_timeout()) {
            now = std::max(now, *next);
            act([&] { driver->timeout(now, out_); });
            const auto later = driver->next_timeout();
            REQUIRE((!later || *later > now));  // or the loop of a port would spin
        }
        now = end;
    }
    /// The departures since the last call: "1 left, 2 failed".
    std::string departures() {
        std::string text;
        for (const auto& each : departed_) {
            constexpr std::array names{"left", "confirmed", "failed"};
            if (!text.empty()) text += ", ";
            text += std::to_string(each.token) + " " + names[static_cast<std::size_t>(each.departure)];
        }
        departed_.clear();
        return text;
    }
    std::string notes() {
        std::string text;
        for (const auto& each : notes_)
            text += each.text + "\n";
        notes_.clear();
        return text;
    }
    std::size_t count_notes() const { return notes_.size(); }
    const DriverCounters& counters() const { return driver->counters(); }

    std::unique_ptr<Driver> driver;
    TimePoint now{};
    /// Answers every command, until it gives nothing; commands are not collected then.
    std::function<std::string(std::string_view command)> robot;
    std::deque<std::string> commands;
    std::vector<Frame> received;
    std::optional<bool> ready;
    unsigned reopens = 0;

private:
    template <class Input>
    void act(Input input) {
        input();
        take();
        while (robot && !commands.empty()) {
            const std::string answer = robot(commands.front());
            commands.pop_front();
            if (answer.empty()) continue;
            driver->receive(as_bytes(answer), now, out_);
            take();
        }
    }
    void take() {
        if (out_.ready) ready = out_.ready;
        if (out_.reopen) ++reopens;
        for (const auto& each : out_.received) {
            received.push_back({driver->to_string(each.from), to_hex(out_.frame(each)), each.signal});
        }
        departed_.insert(departed_.end(), out_.departed.begin(), out_.departed.end());
        notes_.insert(notes_.end(), out_.notes.begin(), out_.notes.end());
        written_ += as_text(out_.wire);
        out_.clear();
        for (auto end = written_.find("\r\n"); end != std::string::npos; end = written_.find("\r\n")) {
            commands.push_back(written_.substr(0, end));
            written_.erase(0, end + 2);
        }
    }

    DriverOutput out_;
    std::string written_;
    std::vector<DriverOutput::Departed> departed_;
    std::vector<DriverOutput::Note> notes_;
};

/// PUBLISH with every octet that some framing must escape.
inline constexpr std::string_view publish = "0c0c210011007ec0db7d1300";
inline constexpr std::string_view publish_digits = "0C0C210011007EC0DB7D1300";
inline constexpr std::string_view connack = "030500";

}  // namespace mqttsn::transports
