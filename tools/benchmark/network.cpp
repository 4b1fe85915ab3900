#include "tools/benchmark/network.hpp"

#include "tools/benchmark/process_meter.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::uint32_t broker_key = 0xFFFFFFFF;  // other keys are client numbers
constexpr std::uint32_t signal_key = 0xFFFFFFFE;
constexpr int events_per_turn = 256;

std::string with_errno(std::string_view what) {
    return fmt::format("{}: {}", what, std::strerror(errno));
}

}  // namespace

Network::~Network() {
    if (signals_ >= 0) ::close(signals_);
    if (epoll_ >= 0) ::close(epoll_);
}

std::optional<std::string> Network::open() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return with_errno("epoll");
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM})
        sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals_ < 0) return with_errno("signalfd");
    return watch(signals_, signal_key);
}

std::optional<std::string> Network::open_fleet(const sockaddr* gateway, socklen_t size, std::uint32_t clients) {
    if (auto error = fleet_.open(gateway, size, clients)) return error;
    for (std::uint32_t client = 0; client < clients; ++client) {
        if (auto error = watch(fleet_.socket(client), client)) return error;
    }
    return std::nullopt;
}

std::optional<std::string> Network::open_broker(const std::string& url, std::string_view client_id) {
    if (auto error = broker_.open(url, client_id)) return error;
    return watch(broker_.socket(), broker_key);
}

std::optional<std::string> Network::watch(int fd, std::uint32_t key) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = key;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return with_errno("epoll_ctl");
    return std::nullopt;
}

void Network::await_writable(bool wanted) {
    if (wanted == awaits_writable_) return;
    awaits_writable_ = wanted;
    epoll_event event{};
    event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u32 = broker_key;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, broker_.socket(), &event);
}

bool Network::turn(Listener& listener, std::int64_t until) {
    fleet_.flush();
    if (broker_.is_open()) {
        broker_.flush();
        await_writable(broker_.wants_to_write());
    }
    const std::int64_t left = std::max<std::int64_t>(until - now_ns(), 0);
    const timespec timeout{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    std::array<epoll_event, events_per_turn> events;
    const int count = epoll_pwait2(epoll_, events.data(), events_per_turn, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        const std::uint32_t key = events[static_cast<std::size_t>(i)].data.u32;
        if (key == broker_key) {
            // Level-triggered: what one read leaves comes in the next turn, after the clients' share.
            broker_.receive([&](const mqtt::Publish& message) { listener.on_message(message, now_ns()); });
        } else if (key == signal_key) {
            signalfd_siginfo info{};
            interrupted_ = ::read(signals_, &info, sizeof info) > 0 || interrupted_;
        } else if (const auto packet = fleet_.receive(key)) {
            listener.on_frame(key, *packet, now_ns());
        }
    }
    return count > 0;
}

std::string Network::failure() const {
    if (interrupted_) return "interrupted";
    if (fleet_.is_unreachable()) return "port unreachable";
    return broker_.error();
}

}  // namespace mqttsn::tools::benchmark
