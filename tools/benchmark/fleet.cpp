#include "tools/benchmark/fleet.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mqttsn::tools::benchmark {

namespace {

constexpr rlim_t files_besides = 64;  // epoll, broker, echo, standard streams, and some air
constexpr std::size_t longest_frame = 65535;

std::optional<std::string> allow_files(rlim_t needed) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return std::nullopt;
    const rlim_t hard = limit.rlim_max;
    limit.rlim_cur = needed;
    limit.rlim_max = std::max(hard, needed);  // beyond the hard limit only root may go
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return std::nullopt;
    limit.rlim_max = hard;
    if (hard >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0) return std::nullopt;
    return fmt::format(
        "{} clients need {} open files and {} are allowed: raise the limit (ulimit -Hn {}), or use fewer",
        needed - files_besides, needed, hard, needed);
}

}  // namespace

std::optional<std::string> Fleet::open(const sockaddr* gateway, socklen_t size, std::uint32_t clients) {
    if (auto error = allow_files(clients + files_besides)) return error;
    sockets_.reserve(clients);
    for (std::uint32_t client = 0; client < clients; ++client) {
        const int fd = ::socket(gateway->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0) sockets_.push_back(fd);
        if (fd < 0 || ::connect(fd, gateway, size) != 0)
            return fmt::format("cannot open UDP socket {} of {}: {}", client + 1, clients, std::strerror(errno));
    }
    return std::nullopt;
}

void Fleet::close() {
    for (const int fd : sockets_)
        ::close(fd);
    sockets_.clear();
}

void Fleet::send(std::uint32_t client, const sn::Packet& packet) {
    if (sn::encode(packet, longest_frame, frames_)) {
        queue_.push_back({client, frames_.size()});
    } else {
        ++counters_.not_sent;
    }
}

void Fleet::flush() {
    std::size_t begin = 0;
    for (const Queued& each : queue_) {
        const auto put = [&] {
            return ::send(sockets_[each.client], frames_.data() + begin, each.end - begin, MSG_NOSIGNAL) >= 0;
        };
        bool sent = put();
        if (!sent && errno == ECONNREFUSED) {  // speaks of an earlier datagram, and this one has not left
            unreachable_ = true;
            sent = put();
        }
        ++(sent ? counters_.sent : counters_.not_sent);
        begin = each.end;
    }
    queue_.clear();
    frames_.clear();
}

std::optional<sn::Packet> Fleet::receive(std::uint32_t client) {
    const auto size = ::recv(sockets_[client], datagram_.data(), datagram_.size(), 0);
    if (size < 0) {
        if (errno == ECONNREFUSED) unreachable_ = true;
        return std::nullopt;
    }
    ++counters_.received;
    const auto packet = sn::decode({datagram_.data(), static_cast<std::size_t>(size)});
    if (!packet) {
        ++counters_.malformed;
        return std::nullopt;
    }
    return *packet;
}

}  // namespace mqttsn::tools::benchmark
