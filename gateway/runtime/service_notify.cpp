// The only place that knows libsystemd.
#include "gateway/runtime/service_notify.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdlib>

namespace mqttsn::gateway {

namespace {

constexpr auto status_period = std::chrono::seconds(10);

}  // namespace

ServiceNotify::ServiceNotify(boost::asio::io_context& io, std::function<std::string()> status)
    : status_(std::move(status)), timer_(io) {
    if (std::getenv("NOTIFY_SOCKET") == nullptr) return;
    std::uint64_t limit_us = 0;
    feeds_watchdog_ = sd_watchdog_enabled(0, &limit_us) > 0;
    // Half of the limit: one tick may come late without a restart.
    period_ = feeds_watchdog_ ? std::chrono::microseconds(limit_us / 2) : std::chrono::microseconds(status_period);
}

void ServiceNotify::ready() {
    if (period_.count() == 0) return;
    last_status_ = status_();
    sd_notify(0, fmt::format("READY=1\nSTATUS={}", last_status_).c_str());
    if (ticking_) return;
    ticking_ = true;
    tick();
}

void ServiceNotify::reloading() {
    using namespace std::chrono;
    const auto now = duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
    sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration", now).c_str());
}

void ServiceNotify::stopping() {
    period_ = {};
    timer_.cancel();
    sd_notify(0, "STOPPING=1\nSTATUS=ending in order");
}

void ServiceNotify::tick() {
    if (feeds_watchdog_) sd_notify(0, "WATCHDOG=1");
    if (std::string status = status_(); status != last_status_) {
        last_status_ = std::move(status);
        sd_notify(0, fmt::format("STATUS={}", last_status_).c_str());
    }
    timer_.expires_after(period_);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error && period_.count() != 0) tick();
    });
}

}  // namespace mqttsn::gateway
