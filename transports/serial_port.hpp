// A serial port that stays: it is read and written without blocking, and when it goes it is opened again, for ever.
#pragma once

#include "transports/serial_device.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <memory>

namespace mqttsn::transports {

struct SerialPortConfig {
    SerialLine line;
    Duration open_delay{};                                 ///< from opening to use: a board that resets needs it
    Duration reopen_min = std::chrono::milliseconds(500);  ///< waits double from one attempt to the next …
    Duration reopen_max = std::chrono::seconds(5);         ///< … up to this
    Duration remind = std::chrono::hours(1);               ///< a port that stays away is mentioned again
    std::size_t write_queue = 64U << 10;                   ///< octets that the system has not taken yet
};

/// Called from the event loop, never from inside a call to the port.
class SerialPortHandler {
public:
    /// The port is open (again).
    virtual void on_port_open() = 0;
    /// The port is gone, or not to be had; again for each new cause, and every `remind`.
    virtual void on_port_closed(const std::string& reason) = 0;
    virtual void on_octets(Bytes octets) = 0;
    /// The system has taken everything that was written.
    virtual void on_written() = 0;

protected:
    ~SerialPortHandler() = default;
};

class SerialPort {
public:
    /// Both live longer than the port.
    SerialPort(boost::asio::io_context& io, SerialPortConfig config, SerialPortHandler& handler);
    ~SerialPort();
    SerialPort(const SerialPort&) = delete;
    SerialPort& operator=(const SerialPort&) = delete;

    /// Opens the port, or starts trying. An error only for what no time heals (the path is a directory …).
    std::optional<std::string> start();
    /// What was written leaves first, if that takes no longer than a moment.
    void stop();

    bool is_open() const noexcept { return is_ready_; }
    /// Octets have come that on_octets() was not told yet.
    bool has_input() const noexcept;
    /// Reads them at the next turn of the loop, however busy the line is.
    void hurry();
    /// In the order of the calls; false, with nothing taken, when the queue is full or the port is not open.
    bool write(Bytes octets);
    /// While one lives, what is written waits for its end, to leave at once.
    class Gathering {
    public:
        explicit Gathering(SerialPort& port) noexcept : port_(port) { ++port_.gatherings_; }
        ~Gathering() {
            if (--port_.gatherings_ == 0) port_.write_pending();
        }
        Gathering(const Gathering&) = delete;
        Gathering& operator=(const Gathering&) = delete;

    private:
        SerialPort& port_;
    };
    /// The system takes no more for now: on_written() follows.
    bool is_congested() const noexcept { return is_waiting_to_write_; }
    /// Octets that the system has not taken yet.
    std::size_t unwritten() const noexcept { return pending_.size() - written_; }
    /// For this opening: the next one begins with the configured speed.
    bool set_baud(std::uint32_t baud);
    /// Closes the port and opens it again soon.
    void reopen(const std::string& reason);

    const SerialLine& line() const noexcept { return config_.line; }
    std::uint64_t times_opened() const noexcept { return times_opened_; }

private:
    using Life = std::weak_ptr<char>;

    std::optional<SerialDevice::Failure> open();
    void use();
    void read_more();
    void read_later();
    bool is_busy_line() noexcept;
    void write_pending();
    void write_more();
    SerialDevice::Failure unplugged() const;
    void lost(SerialDevice::Failure failure);
    void close() noexcept;
    void tell_closed(const SerialDevice::Failure& failure);
    void try_again();
    template <class F>
    auto while_open(F&& f);

    boost::asio::io_context& io_;
    SerialPortConfig config_;
    SerialPortHandler& handler_;
    SerialDevice device_;
    boost::asio::posix::stream_descriptor stream_;  ///< borrows the device's descriptor
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer read_timer_;
    std::shared_ptr<char> opening_;  ///< handlers of an earlier opening find it gone
    std::array<std::byte, 4096> input_{};
    Buffer pending_;
    std::size_t written_ = 0;
    std::chrono::steady_clock::time_point read_at_;
    unsigned reads_in_a_row_ = 0;  ///< with less than a pause in between
    bool is_read_later_ = false;
    bool is_ready_ = false;
    unsigned gatherings_ = 0;
    bool is_waiting_to_write_ = false;
    bool is_losing_ = false;
    Duration next_wait_;
    std::optional<SerialDevice::Cause> told_;
    std::chrono::steady_clock::time_point told_at_;
    std::uint64_t times_opened_ = 0;
};

}  // namespace mqttsn::transports
