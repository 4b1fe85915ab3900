#include "tools/benchmark/echo.hpp"

#include "tools/benchmark/network.hpp"
#include "tools/benchmark/process_meter.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::int64_t patience = 500'000'000;  // ns; a datagram on loopback that takes longer is lost

/// The child: one system call in, one out.
[[noreturn]] void echo_forever(int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::array<std::byte, 65536> datagram;
    sockaddr_in from{};
    for (;;) {
        socklen_t size = sizeof from;
        const auto octets =
            ::recvfrom(fd, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (octets < 0) continue;
        ::sendto(fd, datagram.data(), static_cast<std::size_t>(octets), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
}

class EchoProcess {
public:
    std::optional<std::string> start() {
        socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        auto* address = reinterpret_cast<sockaddr*>(&address_);
        if (socket_ < 0 || ::bind(socket_, address, size) != 0 || ::getsockname(socket_, address, &size) != 0)
            return fmt::format("cannot open a socket for the echo reference: {}", std::strerror(errno));
        pid_ = fork();
        if (pid_ == 0) echo_forever(socket_);
        if (pid_ < 0) return fmt::format("cannot start the echo reference: {}", std::strerror(errno));
        return std::nullopt;
    }
    EchoProcess() = default;
    EchoProcess(const EchoProcess&) = delete;
    EchoProcess& operator=(const EchoProcess&) = delete;
    ~EchoProcess() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        if (socket_ >= 0) ::close(socket_);
    }
    pid_t pid() const noexcept { return pid_; }
    const sockaddr* address() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }

private:
    int socket_ = -1;
    pid_t pid_ = -1;
    sockaddr_in address_{};
};

class EchoLoad final : public Listener {
public:
    EchoLoad(Network& network, std::uint32_t echoes, std::size_t size)
        : network_(network), echoes_(echoes), payload_(size), sent_at_(network.fleet().size()) {}

    EchoResult run() {
        const std::int64_t begin = last_ = now_ns();
        for (std::uint32_t client = 0; client < network_.fleet().size() && sent_ < echoes_; ++client)
            send(client);
        while (result_.echoes < echoes_ && network_.failure().empty() && now_ns() - last_ < patience)
            network_.turn(*this, now_ns() + patience);
        result_.elapsed_ns = last_ - begin;
        return std::move(result_);
    }

private:
    void send(std::uint32_t client) {
        sent_at_[client] = now_ns();
        ++sent_;
        network_.fleet().send(client,
                              sn::Publish{false, Qos::at_most_once, false, sn::TopicIdType::normal, 1, 0, payload_});
    }
    void on_frame(std::uint32_t client, const sn::Packet&, std::int64_t now) override {
        ++result_.echoes;
        result_.round_trip.record(now - sent_at_[client]);
        last_ = now;
        if (sent_ < echoes_) send(client);
    }
    void on_message(const mqtt::Publish&, std::int64_t) override {}

    Network& network_;
    std::uint64_t echoes_;
    Buffer payload_;
    std::vector<std::int64_t> sent_at_;
    std::uint64_t sent_ = 0;
    std::int64_t last_ = 0;
    EchoResult result_;
};

}  // namespace

EchoResult measure_echo(std::uint32_t clients, std::uint32_t echoes, std::size_t payload_size,
                        std::optional<std::string>& error) {
    EchoProcess process;
    Network network;
    error = process.start();
    if (!error) error = network.open();
    if (!error) error = network.open_fleet(process.address(), sizeof(sockaddr_in), clients);
    if (error) return {};
    EchoLoad(network, std::min(echoes, clients * 10), payload_size).run();  // until all pages and caches are warm
    const auto before = cpu_ns(process.pid());
    EchoResult result = EchoLoad(network, echoes, payload_size).run();
    const auto after = cpu_ns(process.pid());
    if (before && after) result.cpu_ns = *after - *before;
    if (network.is_interrupted()) error = "interrupted";
    return result;
}

}  // namespace mqttsn::tools::benchmark
