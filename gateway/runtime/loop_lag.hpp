// How late the event loop is: a timer that should fire once a second, and does when the loop gets to it.
#pragma once

#include "gateway/core/duration_histogram.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace mqttsn::gateway {

class LoopLag {
public:
    explicit LoopLag(boost::asio::io_context& io) : timer_(io) {}

    void start();
    /// Its timer does not keep the loop from ending any more.
    void stop() { timer_.cancel(); }

    const DurationHistogram& seen() const noexcept { return seen_; }

private:
    boost::asio::steady_timer timer_;
    DurationHistogram seen_;
};

}  // namespace mqttsn::gateway
