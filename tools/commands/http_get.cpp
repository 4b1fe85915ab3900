// The only place of the tools that knows Boost.Beast.
#include "tools/commands/http_get.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <fmt/format.h>

#include <chrono>

namespace mqttsn::tools {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::string_view scheme = "http://";
constexpr std::uint64_t max_body_octets = 16U << 20;
constexpr auto patience = std::chrono::seconds(10);

/// Connects, asks and reads, each step started by the one before.
class Exchange {
public:
    Exchange(std::string host, std::string port) : host_(std::move(host)), port_(std::move(port)) {
        parser_.body_limit(max_body_octets);
    }

    HttpPage run(const std::string& target) {
        error_code failure;
        const auto places = tcp::resolver(io_).resolve(host_, port_, failure);
        if (failure) return {failure.message(), 0, ""};
        request_ = {http::verb::get, target, 11};
        request_.set(http::field::host, host_);
        request_.keep_alive(false);
        stream_.expires_after(patience);
        stream_.async_connect(places, [this](error_code error, const tcp::endpoint&) {
            if (!is_bad(error)) write();
        });
        io_.run();
        if (error_) return {error_.message(), 0, ""};
        return {"", parser_.get().result_int(), std::move(parser_.get().body())};
    }

private:
    void write() {
        http::async_write(stream_, request_, [this](error_code error, std::size_t) {
            if (!is_bad(error)) read();
        });
    }
    void read() {
        http::async_read(stream_, buffer_, parser_, [this](error_code error, std::size_t) {
            is_bad(error);
            stream_.close();
        });
    }
    bool is_bad(error_code error) {
        error_ = error;
        if (error) stream_.close();
        return error.failed();
    }

    std::string host_;
    std::string port_;
    boost::asio::io_context io_{1};
    beast::tcp_stream stream_{io_};
    beast::flat_buffer buffer_;
    http::request<http::empty_body> request_;
    http::response_parser<http::string_body> parser_;
    error_code error_;
};

}  // namespace

HttpPage http_get(const std::string& url, const std::string& target) {
    if (!url.starts_with(scheme)) return {fmt::format("{}: expected http://HOST[:PORT]", url), 0, ""};
    std::string host = url.substr(scheme.size());
    while (host.ends_with('/'))
        host.pop_back();
    std::string port = "80";
    const auto colon = host.rfind(':');
    if (colon != std::string::npos && !host.ends_with(']')) {
        port = host.substr(colon + 1);
        host.resize(colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || port.empty() || host.find('/') != std::string::npos) {
        return {fmt::format("{}: expected http://HOST[:PORT]", url), 0, ""};
    }
    HttpPage page = Exchange(host, port).run(target);
    if (!page.error.empty()) page.error = fmt::format("{}: {}", url, page.error);
    return page;
}

}  // namespace mqttsn::tools
