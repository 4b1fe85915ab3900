// One TCP connection to the broker, with TLS in it if wanted. Reads and writes are driven by readiness, so that an idle
// connection holds no buffer.
#pragma once

#include "gateway/runtime/tls.hpp"
#include "protocol/types.hpp"
#include "transports/ready_poll.hpp"

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
    std::size_t max_unsent = 8U << 20;      ///< octets; a broker that takes no more is disconnected
    std::shared_ptr<const TlsContext> tls;  ///< null: without TLS
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

class BrokerSocket : public std::enable_shared_from_this<BrokerSocket>, private transports::ReadyPoll::Watched {
public:
    /// Called from the event loop; never from inside a call to the socket.
    struct Handler {
        std::function<void()> on_open;
        std::function<void(Bytes)> on_data;                        ///< octets are valid for the call
        std::function<void(const std::string& reason)> on_closed;  ///< not after close() or abort()
    };

    /// `address` and `read_buffer` are shared by all sockets of the loop and outlive them, as `poll` does.
    BrokerSocket(boost::asio::io_context& io, transports::ReadyPoll& poll, const BrokerAddress& address,
                 Buffer& read_buffer, Handler handler);
    ~BrokerSocket();
    BrokerSocket(const BrokerSocket&) = delete;
    BrokerSocket& operator=(const BrokerSocket&) = delete;

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
    enum class State : std::uint8_t { idle, resolving, connecting, handshake, open, closing, closed };

    void on_ready(bool readable, bool writable) override;
    void connect_next();
    /// Error text, empty when the connection is under way.
    std::string try_connect(const boost::asio::ip::tcp::endpoint& endpoint);
    void connect_result();
    void connected();
    void opened();
    void read();
    void decrypt(Bytes octets);
    void wait_writable(bool wait);
    void finish_closing();
    void read_until_end();
    void fail(const std::string& reason);
    void shut(bool notify, const std::string& reason);
    void close_descriptor() noexcept;
    void limit_time(std::chrono::milliseconds time, std::function<void()> then);

    /// What is needed only until the connection stands.
    struct Attempt {
        BrokerResolver::Endpoints endpoints;
        std::size_t next = 0;
        std::string last_failure;
    };

    boost::asio::io_context& io_;
    transports::ReadyPoll& poll_;
    const BrokerAddress& address_;
    Buffer& read_buffer_;
    Handler handler_;
    int fd_ = -1;
    std::unique_ptr<boost::asio::steady_timer> timer_;  ///< only while connecting or closing
    std::unique_ptr<Attempt> attempt_;
    std::unique_ptr<TlsSession> tls_;
    std::shared_ptr<BrokerSocket> self_;  ///< while closing, when nobody else holds it
    Buffer unsent_;
    State state_ = State::idle;
    bool watched_ = false;
    bool waiting_writable_ = false;
};

}  // namespace mqttsn::gateway
