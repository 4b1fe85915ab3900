// A small HTTP/1.1 server for pages that are made from what the loop knows: GET and HEAD, no bodies, few connections.
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace mqttsn::gateway {

struct HttpReply {
    unsigned status = 200;
    std::string_view content_type = "text/plain; charset=utf-8";  ///< lives as long as the program
    std::string body;
};

struct HttpCounters {
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;  ///< connections above the limit, or closed for another
};

class HttpServer {
public:
    /// Called on the loop with what stands behind GET: path and query as they came.
    using Answer = std::function<HttpReply(std::string_view target)>;

    static constexpr std::size_t max_connections = 32;  ///< one more takes the place of an idle one
    static constexpr std::uint32_t max_request_octets = 8192;

    HttpServer(boost::asio::io_context& io, Answer answer);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Serves on "127.0.0.1:9883"; port 0 takes a free one. Returns what is wrong and what to do; empty = it listens.
    std::string listen(const std::string& address);
    /// Closes everything: nothing of the server keeps the loop from ending.
    void stop();

    /// After listen(): with the port that was taken.
    std::string url() const;
    const HttpCounters& counters() const noexcept;

private:
    class Listener;
    class Connection;
    std::shared_ptr<Listener> listener_;
};

}  // namespace mqttsn::gateway
