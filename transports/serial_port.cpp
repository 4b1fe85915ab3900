#include "transports/serial_port.hpp"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mqttsn::transports {

using boost::system::error_code;

namespace {

// A line that is never silent wakes its reader for each octet or two. After some reads in a row it is read no more
// often than this, or than so many octets need on a fast line; a single message is read as it comes.
constexpr Duration read_pause = std::chrono::milliseconds(10);
constexpr std::size_t read_pause_octets = 1024;
constexpr unsigned most_reads_in_a_row = 8;

}  // namespace

SerialPort::SerialPort(boost::asio::io_context& io, SerialPortConfig config, SerialPortHandler& handler)
    : io_(io),
      config_(std::move(config)),
      handler_(handler),
      stream_(io),
      timer_(io),
      read_timer_(io),
      next_wait_(config_.reopen_min) {}

SerialPort::~SerialPort() {
    stop();
}

SerialDevice::Failure SerialPort::unplugged() const {
    return {SerialDevice::Cause::missing, config_.line.to_string() + " was unplugged"};
}

template <class F>
auto SerialPort::while_open(F&& f) {
    return [this, life = Life(opening_), f = std::forward<F>(f)](auto... arguments) {
        if (!life.expired()) f(arguments...);
    };
}

std::optional<std::string> SerialPort::start() {
    const auto failure = open();
    if (!failure) return std::nullopt;
    if (failure->cause == SerialDevice::Cause::no_port) return failure->text;
    boost::asio::post(io_, while_open([this, failure] { tell_closed(*failure); }));
    try_again();
    return std::nullopt;
}

void SerialPort::stop() {
    // The last words of a gateway that ends; there is nothing else for this thread to do.
    for (int tries = 0; is_ready_ && device_.is_sending() && tries < 20; ++tries)
        ::usleep(10'000);
    close();
    timer_.cancel();
    read_timer_.cancel();
}

std::optional<SerialDevice::Failure> SerialPort::open() {
    opening_ = std::make_shared<char>();
    auto failure = device_.open(config_.line);
    if (failure) return failure;
    stream_.assign(device_.descriptor());
    timer_.expires_after(config_.open_delay);
    timer_.async_wait(while_open([this](error_code) { use(); }));
    return std::nullopt;
}

void SerialPort::use() {
    // What came before, such as the greeting of a boot loader, is for nobody.
    if (config_.open_delay > Duration::zero()) ::tcflush(device_.descriptor(), TCIFLUSH);
    is_ready_ = true;
    ++times_opened_;
    next_wait_ = config_.reopen_min;
    told_.reset();
    read_more();
    handler_.on_port_open();
}

void SerialPort::read_more() {
    stream_.async_read_some(boost::asio::buffer(input_), while_open([this](error_code error, std::size_t size) {
                                // No octets from a port that waits for at least one: it hung up.
                                if (error) return lost(unplugged());
                                const Life life = opening_;
                                handler_.on_octets(Bytes(input_).first(size));
                                if (life.expired()) return;
                                is_busy_line() ? read_later() : read_more();
                            }));
}

// To be asked after each read.
bool SerialPort::is_busy_line() noexcept {
    const auto now = std::chrono::steady_clock::now();
    const bool is_in_a_row = now - read_at_ < 2 * read_pause;
    read_at_ = now;
    reads_in_a_row_ = is_in_a_row ? std::min(reads_in_a_row_ + 1, most_reads_in_a_row) : 0;
    return reads_in_a_row_ == most_reads_in_a_row;
}

void SerialPort::read_later() {
    is_read_later_ = true;
    read_timer_.expires_after(std::min(read_pause, config_.line.time_for(read_pause_octets)));
    read_timer_.async_wait(while_open([this](error_code) {
        if (std::exchange(is_read_later_, false)) read_more();
    }));
}

void SerialPort::hurry() {
    if (is_read_later_) read_timer_.cancel();
}

bool SerialPort::has_input() const noexcept {
    int count = 0;
    return is_ready_ && ::ioctl(device_.descriptor(), FIONREAD, &count) == 0 && count > 0;
}

bool SerialPort::write(Bytes octets) {
    if (!is_ready_ || unwritten() + octets.size() > config_.write_queue) return false;
    pending_.insert(pending_.end(), octets.begin(), octets.end());
    if (gatherings_ == 0) write_pending();
    return true;
}

void SerialPort::write_pending() {
    if (is_ready_ && !is_waiting_to_write_) write_more();
}

void SerialPort::write_more() {
    while (unwritten() > 0) {
        const auto taken = ::write(device_.descriptor(), pending_.data() + written_, unwritten());
        if (taken > 0) {
            written_ += static_cast<std::size_t>(taken);
            continue;
        }
        if (taken < 0 && errno == EINTR) continue;
        is_waiting_to_write_ = true;
        if (taken < 0 && errno != EAGAIN) {
            boost::asio::post(io_, while_open([this] { lost(unplugged()); }));
            return;
        }
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(written_));
        written_ = 0;
        stream_.async_wait(boost::asio::posix::descriptor_base::wait_write, while_open([this](error_code error) {
                               if (error) return lost(unplugged());
                               is_waiting_to_write_ = false;
                               write_more();
                               if (unwritten() == 0) handler_.on_written();
                           }));
        return;
    }
    pending_.clear();
    written_ = 0;
}

bool SerialPort::set_baud(std::uint32_t baud) {
    return device_.is_open() && device_.set_baud(baud);
}

void SerialPort::reopen(const std::string& reason) {
    if (!device_.is_open() || is_losing_) return;
    is_losing_ = true;
    boost::asio::post(io_, while_open([this, reason] { lost({SerialDevice::Cause::other, reason}); }));
}

void SerialPort::lost(SerialDevice::Failure failure) {
    close();
    opening_ = std::make_shared<char>();
    try_again();
    tell_closed(failure);
}

// At once: as long as the old descriptor is open, the device comes back under another name.
void SerialPort::close() noexcept {
    opening_.reset();
    if (stream_.is_open()) stream_.release();
    device_.close();
    pending_.clear();
    written_ = 0;
    is_read_later_ = false;
    is_ready_ = false;
    is_waiting_to_write_ = false;
    is_losing_ = false;
}

void SerialPort::tell_closed(const SerialDevice::Failure& failure) {
    const auto now = std::chrono::steady_clock::now();
    if (failure.cause == told_ && now < told_at_ + config_.remind) return;
    told_ = failure.cause;
    told_at_ = now;
    handler_.on_port_closed(failure.text);
}

void SerialPort::try_again() {
    timer_.expires_after(next_wait_);
    next_wait_ = next_wait_ * 4 > config_.reopen_max ? config_.reopen_max : next_wait_ * 2;
    timer_.async_wait(while_open([this](error_code) {
        const auto failure = open();
        if (!failure) return;
        try_again();
        tell_closed(*failure);
    }));
}

}  // namespace mqttsn::transports
