// The clients of a benchmark as sockets: one UDP port each, as real devices have. What they mean by their frames is
// the business of the phase that runs (Listener).
#pragma once

#include "protocol/sn/v12_codec.hpp"

#include <sys/socket.h>

#include <array>
#include <string>

namespace mqttsn::tools::benchmark {

struct FleetCounters {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t malformed = 0;  ///< received, not MQTT-SN
    std::uint64_t not_sent = 0;   ///< the system refused
};

class Fleet {
public:
    Fleet() = default;
    ~Fleet() { close(); }
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// One connected socket per client; raises the limit of open files as far as it must. Error text otherwise.
    std::optional<std::string> open(const sockaddr* gateway, socklen_t size, std::uint32_t clients);
    void close();

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(sockets_.size()); }
    int socket(std::uint32_t client) const noexcept { return sockets_[client]; }

    /// Appends a frame to those that the next flush() sends. Many at once cost less than one by one: the gateway is
    /// woken up once for all of them.
    void send(std::uint32_t client, const sn::Packet& packet);
    void flush();
    /// One datagram, if one is there; its views are valid until the next call. nullopt: none, or malformed.
    std::optional<sn::Packet> receive(std::uint32_t client);

    const FleetCounters& counters() const noexcept { return counters_; }
    bool is_unreachable() const noexcept { return unreachable_; }  ///< ICMP said that nobody listens there

private:
    struct Queued {
        std::uint32_t client = 0;
        std::size_t end = 0;  // in frames_
    };

    std::vector<int> sockets_;
    Buffer frames_;
    std::vector<Queued> queue_;
    std::array<std::byte, 65536> datagram_{};
    FleetCounters counters_;
    bool unreachable_ = false;
};

}  // namespace mqttsn::tools::benchmark
