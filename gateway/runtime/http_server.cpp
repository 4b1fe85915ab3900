// The only place of the gateway that knows Boost.Beast.
#include "gateway/runtime/http_server.hpp"

#include "transports/udp_address.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace mqttsn::gateway {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto request_time = 10s;  ///< until a request is complete, also for the next one on a kept connection
constexpr auto reply_time = 10s;
constexpr auto drain_time = 2s;
constexpr auto accept_pause = 100ms;  ///< without file descriptors every attempt would fail at once

bool is_http_error(const error_code& error) {
    return error.category() == http::make_error_code(http::error::end_of_stream).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
}

http::status status_for(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return http::status::request_header_fields_too_large;
    }
    if (error == http::error::unexpected_body || error == http::error::body_limit) {
        return http::status::payload_too_large;
    }
    return http::status::bad_request;
}

}  // namespace

class HttpServer::Listener : public std::enable_shared_from_this<Listener> {
public:
    Listener(boost::asio::io_context& io, Answer answer) : answer_(std::move(answer)), acceptor_(io), pause_(io) {}

    std::string listen(const std::string& address);
    void stop();
    std::string url() const;

    HttpReply answer(std::string_view target) { return answer_(target); }

    HttpCounters counters;
    std::vector<Connection*> connections;  ///< who has waited for a request for longest comes first

private:
    void accept();
    void accepted(tcp::socket socket);

    Answer answer_;
    tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
};

/// Holds itself alive with the handler that is outstanding.
class HttpServer::Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<Listener> listener, tcp::socket socket)
        : listener_(std::move(listener)), stream_(std::move(socket)) {}
    ~Connection() { std::erase(listener_->connections, this); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void read();
    void close() {
        waits_ = false;
        stream_.close();
    }
    /// For a request; none is answered.
    bool waits() const noexcept { return waits_; }

private:
    void handle_request();
    void reply(HttpReply reply, unsigned version, bool keep_alive, bool with_body);
    void drain();

    std::shared_ptr<Listener> listener_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_{2 * max_request_octets};
    std::optional<http::request_parser<http::empty_body>> parser_;
    http::response<http::string_body> response_;
    std::array<char, 1024> drained_{};
    bool waits_ = false;
};

void HttpServer::Connection::read() {
    waits_ = true;
    std::erase(listener_->connections, this);
    listener_->connections.push_back(this);
    parser_.emplace();
    parser_->header_limit(max_request_octets);
    stream_.expires_after(request_time);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
        self->waits_ = false;
        if (!error) return self->handle_request();
        if (!is_http_error(error)) return self->close();
        const http::status status = status_for(error);
        self->reply({static_cast<unsigned>(status), "text/plain; charset=utf-8",
                     fmt::format("{}\n", std::string(http::obsolete_reason(status)))},
                    11, false, true);
    });
}

void HttpServer::Connection::handle_request() {
    ++listener_->counters.requests;
    const auto& request = parser_->get();
    const bool is_head = request.method() == http::verb::head;
    const bool keep_alive = request.keep_alive();
    if (!is_head && request.method() != http::verb::get) {
        return reply({405, "text/plain; charset=utf-8", "only GET and HEAD\n"}, request.version(), keep_alive, true);
    }
    const auto target = request.target();
    reply(listener_->answer({target.data(), target.size()}), request.version(), keep_alive, !is_head);
}

void HttpServer::Connection::reply(HttpReply reply, unsigned version, bool keep_alive, bool with_body) {
    response_ = {};
    response_.version(version);
    response_.result(reply.status);
    response_.set(http::field::content_type, beast::string_view(reply.content_type.data(), reply.content_type.size()));
    response_.set(http::field::cache_control, "no-store");
    if (reply.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.keep_alive(keep_alive);
    response_.content_length(reply.body.size());
    if (with_body) response_.body() = std::move(reply.body);
    stream_.expires_after(reply_time);
    http::async_write(stream_, response_, [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
        if (error) return self->close();
        if (keep_alive) return self->read();
        error_code ignored;
        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        self->stream_.expires_after(drain_time);
        self->drain();
    });
}

// Closed with octets unread, the connection would be reset, and the peer might never see its reply.
void HttpServer::Connection::drain() {
    stream_.async_read_some(boost::asio::buffer(drained_), [self = shared_from_this()](error_code error, std::size_t) {
        if (error) return self->close();
        self->drain();
    });
}

std::string HttpServer::Listener::listen(const std::string& text) {
    const auto address = transports::parse_socket_address(text);
    if (!address) return fmt::format("\"{}\" is not an address such as \"127.0.0.1:9883\"", text);
    tcp::endpoint endpoint;
    endpoint.resize(address->size);
    std::copy_n(reinterpret_cast<const std::byte*>(address->data()), address->size,
                reinterpret_cast<std::byte*>(endpoint.data()));
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (!error) {
        accept();
        return "";
    }
    error_code ignored;
    acceptor_.close(ignored);
    const char* advice = error == boost::asio::error::address_in_use
                             ? ": another program has this port; set [http] listen to a free one, or to \"\""
                             : ": set [http] listen to an address of this machine, or to \"\"";
    return fmt::format("{}: {}{}", text, error.message(), advice);
}

void HttpServer::Listener::stop() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (Connection* each : connections)
        each->close();  // its handler lets go of it later
}

std::string HttpServer::Listener::url() const {
    error_code ignored;
    const tcp::endpoint endpoint = acceptor_.local_endpoint(ignored);
    const std::string host = endpoint.address().to_string();
    return endpoint.address().is_v6() ? fmt::format("http://[{}]:{}", host, endpoint.port())
                                      : fmt::format("http://{}:{}", host, endpoint.port());
}

void HttpServer::Listener::accept() {
    acceptor_.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
        if (!self->acceptor_.is_open()) return;
        if (!error) {
            self->accepted(std::move(socket));
            return self->accept();
        }
        self->pause_.expires_after(accept_pause);
        self->pause_.async_wait([self](error_code cancelled) {
            if (!cancelled && self->acceptor_.is_open()) self->accept();
        });
    });
}

void HttpServer::Listener::accepted(tcp::socket socket) {
    if (connections.size() >= max_connections) {
        ++counters.refused;
        const auto idle = std::ranges::find_if(connections, &Connection::waits);
        if (idle == connections.end()) return;
        (*idle)->close();
    }
    std::make_shared<Connection>(shared_from_this(), std::move(socket))->read();
}

HttpServer::HttpServer(boost::asio::io_context& io, Answer answer)
    : listener_(std::make_shared<Listener>(io, std::move(answer))) {}

HttpServer::~HttpServer() {
    stop();
}

std::string HttpServer::listen(const std::string& address) {
    return listener_->listen(address);
}
void HttpServer::stop() {
    listener_->stop();
}
std::string HttpServer::url() const {
    return listener_->url();
}
const HttpCounters& HttpServer::counters() const noexcept {
    return listener_->counters;
}

}  // namespace mqttsn::gateway
