// Readiness of thousands of sockets for one wake-up of the loop. Asio arms each wait with a system call of its own and
// runs each handler as an event of its own; here a socket is registered once, and what is ready together is handled
// together, so that one flush serves it all.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>

namespace mqttsn::transports {

class ReadyPoll {
public:
    class Watched {
    public:
        /// Hang-ups and errors show as readable and writable: the next read or write tells what happened.
        virtual void on_ready(bool readable, bool writable) = 0;

    protected:
        ~Watched() = default;
    };

    /// `on_batch_end` is called after everything that was ready has been told. Throws boost::system::system_error when
    /// the system has no file descriptor left for it: before the loop starts.
    ReadyPoll(boost::asio::io_context& io, std::function<void()> on_batch_end);
    ReadyPoll(const ReadyPoll&) = delete;
    ReadyPoll& operator=(const ReadyPoll&) = delete;

    /// Tells `watched` from the loop whenever `fd` is ready, until forget(). False: the system refuses, see errno.
    bool watch(int fd, Watched& watched, bool writable);
    /// The same descriptor, waiting for room to write as well or not any more.
    void change(int fd, Watched& watched, bool writable) noexcept;
    /// Before `fd` is closed. What this turn has still to tell is not told any more.
    void forget(int fd, const Watched& watched) noexcept;

    /// Inside of on_ready(): `on_batch_end` will follow.
    bool is_telling() const noexcept { return batch_size_ != 0; }

private:
    void wait();
    bool tell_batch();

    boost::asio::posix::stream_descriptor epoll_;
    std::function<void()> on_batch_end_;
    std::array<epoll_event, 256> batch_{};
    std::size_t batch_size_ = 0;
    std::size_t watched_ = 0;
    bool waiting_ = false;
};

}  // namespace mqttsn::transports
