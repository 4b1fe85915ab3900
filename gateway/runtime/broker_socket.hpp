// One TCP connection to the broker. Reads and writes are driven by readiness, so that an idle connection holds no
// buffer.
#pragma once

#include "protocol/types.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mqttsn::gateway {

struct BrokerAddress {
    std::string host = "localhost";
    std::string port = "1883";
    std::string bind_address;  ///< source address of connections; empty = the system's choice
    std::chrono::milliseconds connect_timeout{10000};
    std::size_t max_unsent = 8U << 20;  ///< octets; a broker that takes no more is disconnected
};

/// Where the broker is, resolved once and for a while: ten thousand reconnecting sessions ask the name server once.
class BrokerResolver {
public:
    using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
    using Callback = std::function<void(boost::system::error_code, const Endpoints&)>;

    BrokerResolver(boost::asio::io_context& io, BrokerAddress address);
    /// Calls back once, at once if the answer is fresh.
    void resolve(Callback callback);
    /// A question is under way; it cannot be taken back.
    bool is_busy() const noexcept { return !waiting_.empty(); }

private:
    boost::asio::ip::tcp::resolver resolver_;
    BrokerAddress address_;
    Endpoints endpoints_;
    std::chrono::steady_clock::time_point fresh_until_{};
    std::vector<Callback> waiting_;
};

class BrokerSocket : public std::enable_shared_from_this<BrokerSocket> {
public:
    /// Called from the event loop; never from inside a call to the socket.
    struct Handler {
        std::function<void()> on_open;
        std::function<void(Bytes)> on_data;                        ///< octets are valid for the call
        std::function<void(const std::string& reason)> on_closed;  ///< not after close() or abort()
    };

    /// `read_buffer` is shared by all sockets of the loop and outlives them.
    BrokerSocket(boost::asio::io_context& io, BrokerAddress address, Buffer& read_buffer, Handler handler);

    void open(BrokerResolver& resolver);
    /// Appends; leaves at flush(). True when a flush() is needed that no earlier send() or full socket has made due
    /// already. More than max_unsent ends the connection.
    bool send(Bytes octets);
    void flush();
    /// Sends what is queued, then closes in order. No more callbacks.
    void close();
    /// Closes at once; what is unsent is dropped. No more callbacks.
    void abort();

private:
    enum class State : std::uint8_t { idle, resolving, connecting, open, closing, closed };

    void connect_next();
    void connected();
    void wait_readable();
    void read();
    void wait_writable();
    void finish_closing();
    void fail(const std::string& reason);
    void shut(bool notify, const std::string& reason);

    boost::asio::io_context& io_;
    BrokerAddress address_;
    Buffer& read_buffer_;
    Handler handler_;
    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<boost::asio::steady_timer> timer_;  ///< only while connecting or closing
    BrokerResolver::Endpoints endpoints_;
    std::size_t next_endpoint_ = 0;
    std::string last_failure_;
    Buffer unsent_;
    State state_ = State::idle;
    bool waiting_writable_ = false;
};

}  // namespace mqttsn::gateway
