// What the gateway shows over HTTP: metrics, health, and its state as JSON.
#pragma once

#include "gateway/runtime/loop_lag.hpp"
#include "gateway/runtime/snapshot.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::gateway {

/// Why the gateway cannot serve devices as it should; empty = it can.
std::vector<std::string> obstacles(const Snapshot& snapshot);

/// The page for a request target.
HttpReply page_for(std::string_view target, const Snapshot& snapshot, TimePoint now);

class StatusPages {
public:
    /// `collect` is called for each request; what only this class knows, loop lag and HTTP counters, it leaves empty.
    StatusPages(boost::asio::io_context& io, std::function<Snapshot()> collect, std::function<TimePoint()> now);

    /// See HttpServer::listen().
    std::string start(const std::string& listen);
    void stop();
    std::string url() const { return server_.url(); }

private:
    HttpReply answer(std::string_view target) const;

    std::function<Snapshot()> collect_;
    std::function<TimePoint()> now_;
    LoopLag lag_;
    HttpServer server_;
};

}  // namespace mqttsn::gateway
