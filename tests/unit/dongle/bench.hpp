// A simulated dongle on the bench: what it says to its host and to nodes, in virtual time.
#pragma once

#include "tests/support/hex.hpp"
#include "tools/dongle/dongle.hpp"
#include "tools/dongle/lora_modem.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace mqttsn::dongle {

inline const Buffer publish = test::hex("0C0C210011007EC0DB7D1300");
inline const Buffer connack = test::hex("030500");
inline const Buffer connect = test::hex("080404 01003C7331");
inline const Buffer advertise = test::hex("0500010384");

class Bench {
public:
    explicit Bench(std::string_view kind, NodeNumber nodes = 5, AirOptions air = {}) {
        auto made = make_dongle(kind, nodes, air);
        INFO(made.error);
        REQUIRE(made.dongle);
        dongle_ = std::move(made.dongle);
    }
    Dongle& operator*() { return *dongle_; }
    Dongle* operator->() { return dongle_.get(); }

    void power_on() { dongle_->power_on(now, out_); }
    void host(Bytes octets) { dongle_->from_host(octets, now, out_); }
    void host(std::string_view hex) { host(Bytes(test::hex(hex))); }
    void line(std::string_view text) { host(as_bytes(std::string(text) + "\r\n")); }
    void node(NodeNumber number, Bytes frame) { dongle_->from_node(number, frame, now, out_); }
    /// Lets this time pass, with every timer at its moment.
    void pass(Duration time) {
        const TimePoint until = now + time;
        while (const auto next = dongle_->next_timeout()) {
            if (*next > until) break;
            now = std::max(now, *next);
            dongle_->timeout(now, out_);
        }
        now = until;
    }
    /// What the dongle said to the host since the last call.
    std::string said() { return dongle::to_hex(std::exchange(out_.host, {})); }
    std::string lines() {
        const Buffer octets = std::exchange(out_.host, {});
        std::string text(as_text(octets));
        std::erase(text, '\r');
        return text;
    }
    /// "2: 030500" of every delivery since the last call; 0 is everyone.
    std::string delivered() {
        std::string text;
        for (const auto& each : std::exchange(out_.deliveries, {}))
            text += (text.empty() ? "" : ", ") + std::to_string(each.to) + ": " + dongle::to_hex(each.frame);
        return text;
    }

    TimePoint now{std::chrono::seconds(100)};

private:
    std::unique_ptr<Dongle> dongle_;
    DongleOutput out_;
};

}  // namespace mqttsn::dongle
