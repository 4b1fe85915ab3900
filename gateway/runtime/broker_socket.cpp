#include "gateway/runtime/broker_socket.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mqttsn::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto resolved_for = std::chrono::seconds(10);
constexpr auto closing_time = std::chrono::seconds(2);
constexpr int reads_per_wakeup = 4;

std::string text_of_errno(int error) {
    return boost::system::error_code(error, boost::system::system_category()).message();
}

std::string text_of(const tcp::endpoint& endpoint) {
    const auto host = endpoint.address().to_string();
    return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                      : fmt::format("{}:{}", host, endpoint.port());
}

}  // namespace

BrokerResolver::BrokerResolver(asio::io_context& io, BrokerAddress address)
    : resolver_(io), address_(std::move(address)) {}

void BrokerResolver::resolve(Callback callback) {
    if (std::chrono::steady_clock::now() < fresh_until_) return callback({}, endpoints_);
    waiting_.push_back(std::move(callback));
    if (waiting_.size() > 1) return;
    resolver_.async_resolve(address_.host, address_.port,
                            [this](boost::system::error_code error, const tcp::resolver::results_type& results) {
                                endpoints_.clear();
                                for (const auto& each : results)
                                    endpoints_.push_back(each.endpoint());
                                if (!error) fresh_until_ = std::chrono::steady_clock::now() + resolved_for;
                                for (const auto& each : std::exchange(waiting_, {}))
                                    each(error, endpoints_);
                            });
}

BrokerSocket::BrokerSocket(asio::io_context& io, transports::ReadyPoll& poll, const BrokerAddress& address,
                           Buffer& read_buffer, Handler handler)
    : io_(io), poll_(poll), address_(address), read_buffer_(read_buffer), handler_(std::move(handler)) {}

BrokerSocket::~BrokerSocket() {
    close_descriptor();
}

void BrokerSocket::limit_time(std::chrono::milliseconds time, std::function<void()> then) {
    timer_ = std::make_unique<asio::steady_timer>(io_, time);
    timer_->async_wait([self = shared_from_this(), then = std::move(then)](boost::system::error_code error) {
        if (!error) then();
    });
}

void BrokerSocket::open(BrokerResolver& resolver) {
    state_ = State::resolving;
    limit_time(address_.connect_timeout, [this] {
        if (state_ != State::resolving && state_ != State::connecting && state_ != State::handshake) return;
        fail(fmt::format("no connection to {}:{} within {} ms", address_.host, address_.port,
                         address_.connect_timeout.count()));
    });
    // Through the loop, so that no callback happens inside open().
    asio::post(io_, [self = shared_from_this(), &resolver] {
        if (self->state_ != State::resolving) return;
        resolver.resolve([self](boost::system::error_code error, const BrokerResolver::Endpoints& endpoints) {
            if (self->state_ != State::resolving) return;
            if (error) return self->fail(fmt::format("cannot resolve {}: {}", self->address_.host, error.message()));
            self->attempt_ = std::make_unique<Attempt>();
            self->attempt_->endpoints = endpoints;
            self->state_ = State::connecting;
            self->connect_next();
        });
    });
}

void BrokerSocket::connect_next() {
    Attempt& attempt = *attempt_;
    while (attempt.next < attempt.endpoints.size()) {
        const tcp::endpoint endpoint = attempt.endpoints[attempt.next++];
        close_descriptor();
        const std::string failure = try_connect(endpoint);
        if (failure.empty()) return;
        attempt.last_failure = failure;
    }
    fail(attempt.last_failure.empty() ? "the broker's name has no address" : std::string(attempt.last_failure));
}

std::string BrokerSocket::try_connect(const tcp::endpoint& endpoint) {
    fd_ = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd_ < 0) return fmt::format("cannot make a socket: {} (see: ulimit -n)", text_of_errno(errno));
    if (!address_.bind_address.empty()) {
        boost::system::error_code error;
        tcp::endpoint source(asio::ip::make_address(address_.bind_address, error), 0);
        if (!error && ::bind(fd_, source.data(), static_cast<socklen_t>(source.size())) != 0) {
            error.assign(errno, boost::system::system_category());
        }
        if (error) return fmt::format("[broker] bind_address = \"{}\": {}", address_.bind_address, error.message());
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const bool under_way =
        ::connect(fd_, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 || errno == EINPROGRESS;
    if (!under_way) return fmt::format("{}: {}", text_of(endpoint), text_of_errno(errno));
    if (!poll_.watch(fd_, *this, true)) return fmt::format("cannot watch a socket: {}", text_of_errno(errno));
    watched_ = true;
    waiting_writable_ = true;
    return {};
}

void BrokerSocket::connect_result() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return connected();
    attempt_->last_failure =
        fmt::format("{}: {}", text_of(attempt_->endpoints[attempt_->next - 1]), text_of_errno(error));
    connect_next();
}

void BrokerSocket::connected() {
    wait_writable(false);
    attempt_.reset();
    if (!address_.tls) return opened();
    state_ = State::handshake;
    tls_ = std::make_unique<TlsSession>(address_.tls, address_.host);
    tls_->start(unsent_);
    flush();
}

void BrokerSocket::opened() {
    timer_.reset();
    state_ = State::open;
    handler_.on_open();
}

void BrokerSocket::on_ready(bool readable, bool writable) {
    const auto self = shared_from_this();  // a handler may let go of it
    if (state_ == State::connecting) {
        if (writable) connect_result();
        return;
    }
    if (writable && waiting_writable_) {
        wait_writable(false);
        flush();
    }
    if (!readable) return;
    if (state_ == State::open || state_ == State::handshake) {
        read();
    } else if (state_ == State::closing) {
        read_until_end();
    }
}

void BrokerSocket::read() {
    for (int i = 0; i < reads_per_wakeup && (state_ == State::open || state_ == State::handshake); ++i) {
        const auto size = ::recv(fd_, read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
        if (size == 0) return fail("the broker closed the connection");
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
            return fail(text_of_errno(errno));
        }
        const Bytes octets = Bytes(read_buffer_).first(static_cast<std::size_t>(size));
        if (tls_) {
            decrypt(octets);
        } else {
            handler_.on_data(octets);
        }
        if (static_cast<std::size_t>(size) < read_buffer_.size()) return;
    }
}

void BrokerSocket::decrypt(Bytes octets) {
    Buffer plain;
    const bool goes_on = tls_->receive(octets, plain, unsent_);
    flush();
    if (state_ == State::handshake && tls_->is_established()) opened();
    if (!plain.empty() && state_ == State::open) handler_.on_data(plain);
    if (!goes_on) fail(tls_->error().empty() ? "the broker closed the connection" : tls_->error());
}

bool BrokerSocket::send(Bytes octets) {
    if (state_ != State::open) return false;
    const bool is_first = unsent_.empty();
    if (tls_) {
        tls_->send(octets, unsent_);
    } else {
        unsent_.insert(unsent_.end(), octets.begin(), octets.end());
    }
    if (unsent_.size() > address_.max_unsent) {
        // Told through the loop: the caller is in the middle of its turn.
        asio::post(io_, [self = shared_from_this()] {
            if (self->state_ == State::open) self->fail("the broker takes no more data");
        });
    }
    return is_first;
}

void BrokerSocket::flush() {
    const bool may_send = state_ == State::open || state_ == State::closing || state_ == State::handshake;
    if (unsent_.empty() || waiting_writable_ || !may_send) return;
    const auto size = ::send(fd_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        unsent_ = Buffer();
        if (state_ == State::closing) shut(false, {});
        return;  // reading reports the broken connection
    }
    if (size > 0) unsent_.erase(unsent_.begin(), unsent_.begin() + size);
    if (!unsent_.empty()) return wait_writable(true);
    if (unsent_.capacity() > 4096) unsent_ = Buffer();
    if (state_ == State::closing) finish_closing();
}

void BrokerSocket::wait_writable(bool wait) {
    waiting_writable_ = wait;
    poll_.change(fd_, *this, wait);
}

void BrokerSocket::close() {
    if (state_ != State::open) return shut(false, {});
    state_ = State::closing;
    self_ = shared_from_this();
    limit_time(closing_time, [this] { shut(false, {}); });
    if (tls_) tls_->close(unsent_);
    if (unsent_.empty()) {
        finish_closing();
    } else {
        flush();
    }
}

// Half-close and read until the broker closes too: a close with unread octets would reset the connection, and the
// broker could lose the DISCONNECT.
void BrokerSocket::finish_closing() {
    ::shutdown(fd_, SHUT_WR);
}

void BrokerSocket::read_until_end() {
    const auto size = ::recv(fd_, read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
    const bool goes_on = size > 0 || (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
    if (!goes_on) shut(false, {});
}

void BrokerSocket::abort() {
    shut(false, {});
}

void BrokerSocket::fail(const std::string& reason) {
    const bool is_unexplained = state_ == State::handshake && tls_->error().empty();
    shut(true,
         is_unexplained ? fmt::format("TLS handshake: {}; does this port of the broker speak TLS?", reason) : reason);
}

void BrokerSocket::shut(bool notify, const std::string& reason) {
    if (state_ == State::closed) return;
    const auto last = std::move(self_);
    state_ = State::closed;
    timer_.reset();
    attempt_.reset();
    unsent_ = Buffer();
    close_descriptor();
    if (notify) handler_.on_closed(reason);
}

void BrokerSocket::close_descriptor() noexcept {
    if (fd_ < 0) return;
    if (watched_) poll_.forget(fd_, *this);
    ::close(fd_);
    fd_ = -1;
    watched_ = false;
    waiting_writable_ = false;
}

}  // namespace mqttsn::gateway
