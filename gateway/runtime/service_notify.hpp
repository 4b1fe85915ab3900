// Tells systemd how the service does (sd_notify). Without systemd, that is without $NOTIFY_SOCKET, nothing happens.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>

namespace mqttsn::gateway {

class ServiceNotify {
public:
    /// `status` makes the line that `systemctl status` shows; called on the loop of `io`.
    ServiceNotify(boost::asio::io_context& io, std::function<std::string()> status);
    ServiceNotify(const ServiceNotify&) = delete;
    ServiceNotify& operator=(const ServiceNotify&) = delete;

    /// The gateway serves devices: after the start, and again after a reload. From the first call on the watchdog is
    /// fed, by a timer of the loop itself: a loop that is stuck feeds no more, and systemd starts the service anew.
    void ready();
    void reloading();
    /// The loop is about to run dry: the watchdog's timer must not keep it alive.
    void stopping();

private:
    void tick();

    std::function<std::string()> status_;
    boost::asio::steady_timer timer_;
    std::chrono::microseconds period_{};  ///< zero: nobody listens
    bool feeds_watchdog_ = false;
    bool ticking_ = false;
    std::string last_status_;
};

}  // namespace mqttsn::gateway
