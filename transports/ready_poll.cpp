#include "transports/ready_poll.hpp"

#include <boost/system/system_error.hpp>

#include <cerrno>

namespace mqttsn::transports {

namespace {

constexpr std::uint32_t always = EPOLLIN | EPOLLRDHUP;
constexpr std::uint32_t trouble = EPOLLERR | EPOLLHUP;
constexpr int batches_per_wakeup = 8;  // then timers, signals and serial lines get their turn

epoll_event event_for(ReadyPoll::Watched& watched, bool writable) {
    epoll_event event{};
    event.events = writable ? always | EPOLLOUT : always;
    event.data.ptr = &watched;
    return event;
}

int make_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw boost::system::system_error(errno, boost::system::system_category(), "epoll");
    return fd;
}

}  // namespace

ReadyPoll::ReadyPoll(boost::asio::io_context& io, std::function<void()> on_batch_end)
    : epoll_(io, make_epoll()), on_batch_end_(std::move(on_batch_end)) {}

bool ReadyPoll::watch(int fd, Watched& watched, bool writable) {
    epoll_event event = event_for(watched, writable);
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) return false;
    ++watched_;
    wait();
    return true;
}

void ReadyPoll::change(int fd, Watched& watched, bool writable) noexcept {
    epoll_event event = event_for(watched, writable);
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_MOD, fd, &event);
}

void ReadyPoll::forget(int fd, const Watched& watched) noexcept {
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
    for (std::size_t i = 0; i < batch_size_; ++i) {
        if (batch_[i].data.ptr == &watched) batch_[i].data.ptr = nullptr;
    }
    // With nothing to watch the loop may run dry.
    if (--watched_ == 0) epoll_.cancel();
}

void ReadyPoll::wait() {
    if (waiting_) return;
    waiting_ = true;
    epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        waiting_ = false;
        // Under load the answers to one batch arrive while it is handled: looking again is cheaper than waiting anew.
        for (int i = 0; !error && i < batches_per_wakeup && tell_batch(); ++i) {
        }
        if (watched_ > 0) wait();
    });
}

// False: nothing was ready.
bool ReadyPoll::tell_batch() {
    const int count = ::epoll_wait(epoll_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
    if (count <= 0) return false;
    batch_size_ = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < batch_size_; ++i) {
        if (batch_[i].data.ptr == nullptr) continue;
        const std::uint32_t events = batch_[i].events;
        const bool is_trouble = (events & trouble) != 0;
        static_cast<Watched*>(batch_[i].data.ptr)
            ->on_ready((events & always) != 0 || is_trouble, (events & EPOLLOUT) != 0 || is_trouble);
    }
    batch_size_ = 0;
    on_batch_end_();
    return true;
}

}  // namespace mqttsn::transports
