#include "transports/udp.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace mqttsn::transports {

namespace {

constexpr std::size_t receive_batch = 32;
constexpr std::size_t receives_per_wakeup = 16;  // then the broker and the other links get their turn
constexpr std::size_t send_batch = 64;

boost::system::error_code last_error() {
    return {errno, boost::system::system_category()};
}

template <class T>
bool set_option(int fd, int level, int name, const T& value) {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// The addresses of this host: a datagram from one of them and from our own port is our own, looped back.
std::vector<SocketAddress> host_addresses() {
    std::vector<SocketAddress> result;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return result;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        const int family = each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        SocketAddress address;
        address.size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::memcpy(&address.storage, each->ifa_addr, address.size);
        result.push_back(address);
    }
    freeifaddrs(list);
    return result;
}

bool is_same_ip(const SocketAddress& a, const SocketAddress& b) noexcept {
    if (a.is_v6() != b.is_v6()) return false;
    const Address left = to_address(a);
    const Address right = to_address(b);
    const std::size_t size = a.is_v6() ? 16 : 4;
    return std::memcmp(left.octets().data(), right.octets().data(), size) == 0;
}

}  // namespace

class UdpTransport::Sockets {
public:
    Sockets(ReadyPoll& poll, LinkId link, UdpConfig config) : link_(link), config_(std::move(config)), poll_(poll) {
        traits_.name = config_.name.empty() ? "udp:" + config_.listen : config_.name;
        traits_.max_frame = config_.max_frame;
        traits_.broadcast = !config_.advertise_to.empty();
    }

    Result<void> start(FrameHandler& handler);
    void stop();
    bool send(const Address& to, Bytes frame);
    bool broadcast(std::uint8_t radius, Bytes frame);
    void flush();

    LinkId link_;
    UdpConfig config_;
    LinkTraits traits_;
    LinkCounters counters_;
    std::string error_;
    std::vector<std::string> warnings_;
    SocketAddress local_;

private:
    class Socket final : public ReadyPoll::Watched {
    public:
        Socket(Sockets& owner, int fd) noexcept : owner_(owner), fd_(fd) {}
        ~Socket() { close(); }
        Socket(const Socket&) = delete;
        Socket& operator=(const Socket&) = delete;

        int fd() const noexcept { return fd_; }
        bool is_open() const noexcept { return fd_ >= 0; }
        bool watch() { return is_watched_ = owner_.poll_.watch(fd_, *this, false); }
        void close() noexcept {
            if (is_watched_) owner_.poll_.forget(fd_, *this);
            if (is_open()) ::close(fd_);
            is_watched_ = false;
            fd_ = -1;
        }
        void on_ready(bool readable, bool writable) override { owner_.on_ready(*this, readable, writable); }

    private:
        Sockets& owner_;
        int fd_;
        bool is_watched_ = false;
    };
    struct Queued {
        SocketAddress to;
        std::size_t offset = 0;
        std::size_t size = 0;
    };

    Result<void> fail(boost::system::error_code code, std::string text);
    Result<SocketAddress> parse(const char* key, const std::string& text);
    Result<std::unique_ptr<Socket>> open(const SocketAddress& address, bool is_group);
    void size_buffers(int fd);
    Result<void> join(int fd, const SocketAddress& group);
    Result<void> choose_interface(int fd, bool v6);
    void on_ready(Socket& socket, bool readable, bool writable);
    void wait_writable(bool wait);
    bool receive_some(Socket& socket);
    bool is_own(const SocketAddress& from) const noexcept;
    void set_hops(std::uint8_t radius);
    std::size_t send_some(std::size_t from);

    ReadyPoll& poll_;
    FrameHandler* handler_ = nullptr;
    std::unique_ptr<Socket> service_;
    std::vector<std::unique_ptr<Socket>> groups_;
    std::vector<SocketAddress> advertise_to_;
    std::vector<SocketAddress> own_addresses_;

    std::unique_ptr<std::byte[]> receive_octets_;  // uninitialised: pages that no datagram fills cost nothing
    std::array<mmsghdr, receive_batch> receive_headers_{};
    std::array<iovec, receive_batch> receive_pieces_{};
    std::array<sockaddr_storage, receive_batch> receive_from_{};

    std::vector<Queued> queue_;
    Buffer queue_octets_;
    bool waiting_writable_ = false;
};

Result<void> UdpTransport::Sockets::fail(boost::system::error_code code, std::string text) {
    error_ = std::move(text);
    stop();
    return code;
}

Result<SocketAddress> UdpTransport::Sockets::parse(const char* key, const std::string& text) {
    if (auto address = parse_socket_address(text)) {
        address->set_default_scope(if_nametoindex(config_.multicast_interface.c_str()));
        return *address;
    }
    error_ = fmt::format("[[udp]] {} = \"{}\" is not an address: write \"192.0.2.1:1883\" or \"[2001:db8::1]:1883\"",
                         key, text);
    return boost::system::error_code(EINVAL, boost::system::system_category());
}

void UdpTransport::Sockets::size_buffers(int fd) {
    const auto set = [&](int forced, int plain, const char* key, std::size_t wanted) {
        const int size = static_cast<int>(wanted);
        // Beyond net.core.rmem_max only CAP_NET_ADMIN helps.
        if (!set_option(fd, SOL_SOCKET, forced, size)) set_option(fd, SOL_SOCKET, plain, size);
        int actual = 0;
        socklen_t length = sizeof actual;
        ::getsockopt(fd, SOL_SOCKET, plain, &actual, &length);
        if (actual / 2 < size) {  // the kernel reports twice what it gives
            warnings_.push_back(fmt::format("{}: {} = {} octets, the system gives {}: raise net.core.{}", traits_.name,
                                            key, size, actual / 2, plain == SO_RCVBUF ? "rmem_max" : "wmem_max"));
        }
    };
    set(SO_RCVBUFFORCE, SO_RCVBUF, "receive_buffer", config_.receive_buffer);
    set(SO_SNDBUFFORCE, SO_SNDBUF, "send_buffer", config_.send_buffer);
}

Result<std::unique_ptr<UdpTransport::Sockets::Socket>> UdpTransport::Sockets::open(const SocketAddress& address,
                                                                                   bool is_group) {
    const int fd = ::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_ = fmt::format("{}: {}", traits_.name, last_error().message());
        return last_error();
    }
    auto socket = std::make_unique<Socket>(*this, fd);
    set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (address.is_v6()) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    // Several gateways of one host may listen to a group, but never share the service port.
    if (is_group) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    size_buffers(fd);
    if (::bind(fd, address.data(), address.size) != 0) {
        const auto code = last_error();
        error_ = fmt::format("cannot listen on UDP {}: {}", transports::to_string(address), code.message());
        if (code == boost::system::errc::address_in_use) {
            error_ += "; another process listens there (see: ss -ulpn)";
        } else if (code == boost::system::errc::address_not_available) {
            error_ += "; no interface of this host has this address";
        } else if (code == boost::system::errc::permission_denied) {
            error_ += "; ports below 1024 need CAP_NET_BIND_SERVICE";
        }
        return code;
    }
    // Set behind bind(): another service is still refused, but tools of this host may listen to our group on our port.
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return socket;
}

Result<void> UdpTransport::Sockets::choose_interface(int fd, bool v6) {
    if (config_.multicast_interface.empty()) return {};
    const unsigned index = if_nametoindex(config_.multicast_interface.c_str());
    bool ok = index != 0;
    if (ok && v6) {
        ok = set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
    } else if (ok) {
        ip_mreqn request{};
        request.imr_ifindex = static_cast<int>(index);
        ok = set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, request);
    }
    if (ok) return {};
    const auto code = last_error();
    error_ = fmt::format("[[udp]] multicast_interface = \"{}\": {} (see: ip link)", config_.multicast_interface,
                         code.message());
    return code;
}

Result<void> UdpTransport::Sockets::join(int fd, const SocketAddress& group) {
    group_req request{};
    std::memcpy(&request.gr_group, &group.storage, group.size);
    request.gr_interface = group.scope() != 0 ? group.scope() : if_nametoindex(config_.multicast_interface.c_str());
    const int level = group.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP;
    if (set_option(fd, level, MCAST_JOIN_GROUP, request)) return {};
    const auto code = last_error();
    error_ =
        fmt::format("cannot join multicast group {}{}: {}", transports::to_string(group),
                    config_.multicast_interface.empty() ? "" : " on " + config_.multicast_interface, code.message());
    if (code == boost::system::errc::no_such_device) error_ += "; name one with multicast_interface";
    return code;
}

Result<void> UdpTransport::Sockets::start(FrameHandler& handler) {
    handler_ = &handler;
    const auto listen = parse("listen", config_.listen);
    if (!listen) return fail(listen.error(), error_);
    auto service = open(*listen, false);
    if (!service) return fail(service.error(), error_);
    service_ = std::move(*service);
    local_.size = sizeof local_.storage;
    ::getsockname(service_->fd(), local_.data(), &local_.size);
    if (config_.name.empty()) traits_.name = "udp:" + transports::to_string(local_);
    own_addresses_ = host_addresses();
    own_addresses_.push_back(local_);
    if (const auto chosen = choose_interface(service_->fd(), local_.is_v6()); !chosen) {
        return fail(chosen.error(), error_);
    }
    for (const auto& text : config_.advertise_to) {
        const auto address = parse("advertise_to", text);
        if (!address) return fail(address.error(), error_);
        advertise_to_.push_back(*address);
    }
    for (const auto& text : config_.multicast) {
        const auto group = parse("multicast", text);
        if (!group) return fail(group.error(), error_);
        int fd = service_->fd();
        const bool is_bound_to_any = is_same_ip(local_, *parse_socket_address(local_.is_v6() ? "[::]:0" : "0.0.0.0:0"));
        if (group->port() != local_.port() || !is_bound_to_any) {
            auto socket = open(*group, true);
            if (!socket) return fail(socket.error(), error_);
            fd = (*socket)->fd();
            groups_.push_back(std::move(*socket));
        }
        if (const auto joined = join(fd, *group); !joined) return fail(joined.error(), error_);
    }
    // One octet more than the limit shows a datagram that is too large.
    receive_octets_.reset(new std::byte[receive_batch * (config_.receive_limit + 1)]);
    bool watched = service_->watch();
    for (auto& each : groups_)
        watched = watched && each->watch();
    if (!watched) return fail(last_error(), fmt::format("{}: {}", traits_.name, last_error().message()));
    return {};
}

void UdpTransport::Sockets::stop() {
    if (service_) service_->close();
    for (auto& each : groups_)
        each->close();
}

void UdpTransport::Sockets::on_ready(Socket& socket, bool readable, bool writable) {
    if (writable && waiting_writable_ && &socket == service_.get()) {
        wait_writable(false);
        flush();
    }
    if (!readable) return;
    for (std::size_t i = 0; i < receives_per_wakeup && receive_some(socket); ++i) {
    }
    handler_->on_batch_end();
}

// Returns whether more may be waiting.
bool UdpTransport::Sockets::receive_some(Socket& socket) {
    const std::size_t slot = config_.receive_limit + 1;
    for (std::size_t i = 0; i < receive_batch; ++i) {
        receive_pieces_[i] = {receive_octets_.get() + i * slot, slot};
        receive_headers_[i].msg_hdr = {
            &receive_from_[i], sizeof receive_from_[i], &receive_pieces_[i], 1, nullptr, 0, 0};
    }
    const int count = ::recvmmsg(socket.fd(), receive_headers_.data(), receive_batch, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        // ICMP errors of earlier sendings come up here; they say nothing about what can be received.
        if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
        ++counters_.receive_errors;
        return errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EINTR;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const auto& header = receive_headers_[i];
        SocketAddress from;
        from.size = header.msg_hdr.msg_namelen;
        std::memcpy(&from.storage, &receive_from_[i], from.size);
        if (is_own(from)) continue;
        if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0 || header.msg_len > config_.receive_limit) {
            ++counters_.truncated;
            continue;
        }
        ++counters_.frames_in;
        counters_.octets_in += header.msg_len;
        const FrameInfo info{{link_, to_address(from)}, std::nullopt};
        handler_->on_frame(info, Bytes(receive_octets_.get() + i * slot, header.msg_len));
    }
    return static_cast<std::size_t>(count) == receive_batch && socket.is_open();
}

bool UdpTransport::Sockets::is_own(const SocketAddress& from) const noexcept {
    if (from.port() != local_.port()) return false;
    return std::any_of(own_addresses_.begin(), own_addresses_.end(),
                       [&](const SocketAddress& own) { return is_same_ip(own, from); });
}

bool UdpTransport::Sockets::send(const Address& to, Bytes frame) {
    if (queue_octets_.size() + frame.size() > config_.send_queue) {
        ++counters_.send_queue_full;
        return false;
    }
    queue_.push_back({to_socket_address(to), queue_octets_.size(), frame.size()});
    queue_octets_.insert(queue_octets_.end(), frame.begin(), frame.end());
    return true;
}

void UdpTransport::Sockets::set_hops(std::uint8_t radius) {
    const int hops = radius == 0 ? config_.multicast_hops : std::min(radius, config_.multicast_hops);
    const int fd = service_->fd();
    if (local_.is_v6()) {
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    } else {
        set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops);
    }
}

bool UdpTransport::Sockets::broadcast(std::uint8_t radius, Bytes frame) {
    flush();
    set_hops(radius);
    bool sent = true;
    for (const auto& to : advertise_to_) {
        const auto result =
            ::sendto(service_->fd(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.data(), to.size);
        if (result < 0) {
            ++counters_.send_errors;
            sent = false;
            continue;
        }
        ++counters_.frames_out;
        counters_.octets_out += frame.size();
    }
    return sent;
}

// Sends a batch from `from` on; returns how many entries are done with, 0 when the socket is full.
std::size_t UdpTransport::Sockets::send_some(std::size_t from) {
    std::array<mmsghdr, send_batch> headers{};
    std::array<iovec, send_batch> pieces{};
    const std::size_t count = std::min(send_batch, queue_.size() - from);
    for (std::size_t i = 0; i < count; ++i) {
        Queued& each = queue_[from + i];
        pieces[i] = {queue_octets_.data() + each.offset, each.size};
        headers[i].msg_hdr = {&each.to.storage, each.to.size, &pieces[i], 1, nullptr, 0, 0};
    }
    const int sent =
        ::sendmmsg(service_->fd(), headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return 0;
        ++counters_.send_errors;
        // An ICMP error of an earlier frame is reported once and does not concern this one; others do.
        return errno == ECONNREFUSED || errno == EINTR ? send_some(from) : 1;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(sent); ++i)
        counters_.octets_out += queue_[from + i].size;
    counters_.frames_out += static_cast<std::uint64_t>(sent);
    return static_cast<std::size_t>(sent);
}

void UdpTransport::Sockets::flush() {
    if (queue_.empty() || waiting_writable_ || !service_ || !service_->is_open()) return;
    std::size_t done = 0;
    while (done < queue_.size()) {
        const std::size_t now_done = send_some(done);
        if (now_done == 0) break;
        done += now_done;
    }
    if (done == queue_.size()) {
        queue_.clear();
        queue_octets_.clear();
        return;
    }
    const std::size_t octets_done = queue_[done].offset;
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(done));
    queue_octets_.erase(queue_octets_.begin(), queue_octets_.begin() + static_cast<std::ptrdiff_t>(octets_done));
    for (auto& each : queue_)
        each.offset -= octets_done;
    wait_writable(true);
}

void UdpTransport::Sockets::wait_writable(bool wait) {
    waiting_writable_ = wait;
    poll_.change(service_->fd(), *service_, wait);
}

UdpTransport::UdpTransport(ReadyPoll& poll, LinkId link, UdpConfig config)
    : sockets_(std::make_unique<Sockets>(poll, link, std::move(config))) {}
UdpTransport::~UdpTransport() = default;

Result<void> UdpTransport::start(FrameHandler& handler) {
    return sockets_->start(handler);
}
void UdpTransport::stop() {
    sockets_->stop();
}
bool UdpTransport::send(const Address& to, Bytes frame, FrameToken /*token*/) {
    return sockets_->send(to, frame);
}
bool UdpTransport::broadcast(std::uint8_t radius, Bytes frame) {
    return sockets_->broadcast(radius, frame);
}
void UdpTransport::flush() {
    sockets_->flush();
}
const LinkTraits& UdpTransport::traits() const noexcept {
    return sockets_->traits_;
}
const LinkCounters& UdpTransport::counters() const noexcept {
    return sockets_->counters_;
}
std::string UdpTransport::to_string(const Address& address) const {
    return transports::to_string(to_socket_address(address));
}
bool UdpTransport::same_host(const Address& a, const Address& b) const noexcept {
    return is_same_ip(to_socket_address(a), to_socket_address(b));
}
const std::string& UdpTransport::error() const noexcept {
    return sockets_->error_;
}
const std::vector<std::string>& UdpTransport::warnings() const noexcept {
    return sockets_->warnings_;
}
SocketAddress UdpTransport::local_address() const noexcept {
    return sockets_->local_;
}

}  // namespace mqttsn::transports
