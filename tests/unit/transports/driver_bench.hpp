// A driver on the bench: octets in and out as text, virtual time, everything that it said kept until it is read.
#pragma once

#include "tests/support/hex.hpp"
#include "transports/radio/driver.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <utility>

namespace mqttsn::test {

class DriverBench {
public:
    explicit DriverBench(const transports::DriverKind& kind, const transports::DriverValues& values = {},
                         std::size_t mtu = 0) {
        auto made = kind.make(values, mtu);
        INFO(made.error);
        REQUIRE(made.driver != nullptr);
        driver_ = std::move(made.driver);
    }

    transports::Driver& driver() noexcept { return *driver_; }
    const transports::DriverCounters& counters() const noexcept { return driver_->counters(); }

    void open() {
        driver_->opened(now_, out_);
        drain();
    }
    void close() {
        driver_->closed(now_, out_);
        drain();
    }
    void receive(Bytes octets) {
        driver_->receive(octets, now_, out_);
        drain();
    }
    void receive(std::string_view digits) { receive(hex(digits)); }
    /// "" = broadcast
    void send(transports::FrameToken token, std::string_view to, std::string_view digits, std::uint8_t radius = 0) {
        REQUIRE(driver_->can_send());
        const Buffer frame = hex(digits);
        driver_->send({token, to.empty(), radius, Address(hex(to)), frame}, now_, out_);
        drain();
    }
    /// To the single node of a link without addresses.
    void send_unaddressed(transports::FrameToken token, std::string_view digits) {
        REQUIRE(driver_->can_send());
        const Buffer frame = hex(digits);
        driver_->send({token, false, 0, Address(), frame}, now_, out_);
        drain();
    }
    /// Lets time pass, with every timeout at its time.
    void advance(Duration duration) {
        const TimePoint end = now_ + duration;
        for (int calls = 0; driver_->next_timeout() && *driver_->next_timeout() <= end; ++calls) {
            REQUIRE(calls < 100000);
            now_ = std::max(now_, *driver_->next_timeout());
            driver_->timeout(now_, out_);
            drain();
        }
        now_ = end;
    }

    /// What was written, received, … since the last call.
    std::string wire() { return to_hex(std::exchange(wire_, {})); }
    std::string text() { return std::string(as_text(std::exchange(wire_, {}))); }
    /// "0013a20040401122: 030500", with " -40 dBm" where the signal is known
    std::vector<std::string> received() { return std::exchange(received_, {}); }
    std::vector<std::string> departed() { return std::exchange(departed_, {}); }
    std::vector<std::string> notes() { return std::exchange(notes_, {}); }
    std::vector<std::uint32_t> bauds() { return std::exchange(bauds_, {}); }
    bool reopen() { return std::exchange(reopen_, false); }
    bool ready() const noexcept { return ready_; }
    bool noted(std::string_view part) {
        for (const std::string& each : notes_) {
            if (each.find(part) != std::string::npos) return true;
        }
        return false;
    }

private:
    void drain() {
        using transports::Departure;
        if (out_.baud) bauds_.push_back(*out_.baud);
        wire_.insert(wire_.end(), out_.wire.begin(), out_.wire.end());
        reopen_ = reopen_ || out_.reopen;
        ready_ = out_.ready.value_or(ready_);
        for (const auto& each : out_.received) {
            std::string line = driver_->to_string(each.from) + ": " + to_hex(out_.frame(each));
            if (each.signal) line += fmt::format(" {} dBm", each.signal->rssi_dbm);
            received_.push_back(line);
        }
        for (const auto& each : out_.departed) {
            constexpr std::string_view names[] = {"left", "confirmed", "failed"};
            departed_.push_back(fmt::format("{} {}", each.token, names[static_cast<std::size_t>(each.departure)]));
        }
        for (const auto& each : out_.notes) {
            constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
            notes_.push_back(fmt::format("{}: {}", names[static_cast<std::size_t>(each.level)], each.text));
        }
        out_.clear();
    }

    std::unique_ptr<transports::Driver> driver_;
    transports::DriverOutput out_;
    TimePoint now_ = TimePoint(std::chrono::hours(1));
    Buffer wire_;
    bool ready_ = false;
    bool reopen_ = false;
    std::vector<std::string> received_;
    std::vector<std::string> departed_;
    std::vector<std::string> notes_;
    std::vector<std::uint32_t> bauds_;
};

using Lines = std::vector<std::string>;
using Values = transports::DriverValues;

}  // namespace mqttsn::test
