#include "gateway/runtime/broker_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

namespace mqttsn::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto resolved_for = std::chrono::seconds(10);
constexpr auto closing_time = std::chrono::seconds(2);
constexpr int reads_per_wakeup = 4;

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

BrokerSocket::BrokerSocket(asio::io_context& io, BrokerAddress address, Buffer& read_buffer, Handler handler)
    : io_(io), address_(std::move(address)), read_buffer_(read_buffer), handler_(std::move(handler)), socket_(io) {}

void BrokerSocket::open(BrokerResolver& resolver) {
    state_ = State::resolving;
    timer_ = std::make_unique<asio::steady_timer>(io_, address_.connect_timeout);
    timer_->async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (error || (self->state_ != State::resolving && self->state_ != State::connecting)) return;
        self->fail(fmt::format("no connection to {}:{} within {} ms", self->address_.host, self->address_.port,
                               self->address_.connect_timeout.count()));
    });
    // Through the loop, so that no callback happens inside open().
    asio::post(io_, [self = shared_from_this(), &resolver] {
        if (self->state_ != State::resolving) return;
        resolver.resolve([self](boost::system::error_code error, const BrokerResolver::Endpoints& endpoints) {
            if (self->state_ != State::resolving) return;
            if (error) return self->fail(fmt::format("cannot resolve {}: {}", self->address_.host, error.message()));
            self->endpoints_ = endpoints;
            self->state_ = State::connecting;
            self->connect_next();
        });
    });
}

void BrokerSocket::connect_next() {
    if (next_endpoint_ >= endpoints_.size()) {
        return fail(last_failure_.empty() ? "the broker's name has no address" : last_failure_);
    }
    const tcp::endpoint endpoint = endpoints_[next_endpoint_++];
    boost::system::error_code error;
    const auto next = [this, endpoint](boost::system::error_code why) {
        last_failure_ = fmt::format("{}: {}", text_of(endpoint), why.message());
        connect_next();
    };
    if (socket_.is_open()) socket_.close(error);
    socket_.open(endpoint.protocol(), error);
    if (error) return fail(fmt::format("cannot make a socket: {} (see: ulimit -n)", error.message()));
    if (!address_.bind_address.empty()) {
        const auto source = asio::ip::make_address(address_.bind_address, error);
        if (!error) socket_.bind({source, 0}, error);
        if (error)
            return fail(fmt::format("[broker] bind_address = \"{}\": {}", address_.bind_address, error.message()));
    }
    socket_.async_connect(endpoint, [self = shared_from_this(), next](boost::system::error_code why) {
        if (self->state_ != State::connecting) return;
        if (why) return next(why);
        self->connected();
    });
}

void BrokerSocket::connected() {
    boost::system::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    socket_.non_blocking(true, ignored);
    timer_.reset();
    endpoints_ = {};
    state_ = State::open;
    wait_readable();
    handler_.on_open();
}

void BrokerSocket::wait_readable() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
        if (error || self->state_ != State::open) return;
        self->read();
    });
}

void BrokerSocket::read() {
    for (int i = 0; i < reads_per_wakeup && state_ == State::open; ++i) {
        const auto size = ::recv(socket_.native_handle(), read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
        if (size == 0) return fail("the broker closed the connection");
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) break;
            return fail(boost::system::error_code(errno, boost::system::system_category()).message());
        }
        handler_.on_data(Bytes(read_buffer_).first(static_cast<std::size_t>(size)));
        if (static_cast<std::size_t>(size) < read_buffer_.size()) break;
    }
    if (state_ == State::open) wait_readable();
}

bool BrokerSocket::send(Bytes octets) {
    if (state_ != State::open) return false;
    const bool is_first = unsent_.empty();
    unsent_.insert(unsent_.end(), octets.begin(), octets.end());
    if (unsent_.size() > address_.max_unsent) {
        // Told through the loop: the caller is in the middle of its turn.
        asio::post(io_, [self = shared_from_this()] {
            if (self->state_ == State::open) self->fail("the broker takes no more data");
        });
    }
    return is_first;
}

void BrokerSocket::flush() {
    if (unsent_.empty() || waiting_writable_ || (state_ != State::open && state_ != State::closing)) return;
    const auto size = ::send(socket_.native_handle(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        unsent_ = Buffer();
        if (state_ == State::closing) shut(false, {});
        return;  // reading reports the broken connection
    }
    if (size > 0) unsent_.erase(unsent_.begin(), unsent_.begin() + size);
    if (!unsent_.empty()) return wait_writable();
    if (unsent_.capacity() > 4096) unsent_ = Buffer();
    if (state_ == State::closing) finish_closing();
}

void BrokerSocket::wait_writable() {
    waiting_writable_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](boost::system::error_code error) {
        self->waiting_writable_ = false;
        if (!error) self->flush();
    });
}

void BrokerSocket::close() {
    if (state_ != State::open) return shut(false, {});
    state_ = State::closing;
    timer_ = std::make_unique<asio::steady_timer>(io_, closing_time);
    timer_->async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->shut(false, {});
    });
    if (unsent_.empty()) {
        finish_closing();
    } else {
        flush();
    }
}

// Half-close and read until the broker closes too: a close with unread octets would reset the connection, and the
// broker could lose the DISCONNECT.
void BrokerSocket::finish_closing() {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
        if (error || self->state_ != State::closing) return;
        const auto size =
            ::recv(self->socket_.native_handle(), self->read_buffer_.data(), self->read_buffer_.size(), MSG_DONTWAIT);
        if (size > 0) return self->finish_closing();
        self->shut(false, {});
    });
}

void BrokerSocket::abort() {
    shut(false, {});
}

void BrokerSocket::fail(const std::string& reason) {
    shut(true, reason);
}

void BrokerSocket::shut(bool notify, const std::string& reason) {
    if (state_ == State::closed) return;
    state_ = State::closed;
    timer_.reset();
    unsent_ = Buffer();
    boost::system::error_code ignored;
    socket_.close(ignored);
    if (notify) handler_.on_closed(reason);
}

}  // namespace mqttsn::gateway
