// All sockets of a benchmark on one epoll: the clients, the broker connection, and the signals that end it.
#pragma once

#include "tools/benchmark/broker_link.hpp"
#include "tools/benchmark/fleet.hpp"

namespace mqttsn::tools::benchmark {

/// What a phase of the benchmark hears. Views are valid for the call.
class Listener {
public:
    virtual void on_frame(std::uint32_t client, const sn::Packet& packet, std::int64_t now) = 0;
    virtual void on_message(const mqtt::Publish& message, std::int64_t now) = 0;

protected:
    ~Listener() = default;
};

class Network {
public:
    Network() = default;
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    /// SIGINT and SIGTERM then set is_interrupted(). Each returns an error text.
    std::optional<std::string> open();
    std::optional<std::string> open_fleet(const sockaddr* gateway, socklen_t size, std::uint32_t clients);
    std::optional<std::string> open_broker(const std::string& url, std::string_view client_id);

    Fleet& fleet() noexcept { return fleet_; }
    BrokerLink& broker() noexcept { return broker_; }

    /// Sends what was appended, waits until `until` (monotonic ns) at most, and hands out what came. False: nothing
    /// came.
    bool turn(Listener& listener, std::int64_t until);

    bool is_interrupted() const noexcept { return interrupted_; }
    /// Why going on makes no sense; empty while it does.
    std::string failure() const;
    void forget_interruption() noexcept { interrupted_ = false; }

private:
    std::optional<std::string> watch(int fd, std::uint32_t key);
    void await_writable(bool wanted);

    Fleet fleet_;
    BrokerLink broker_;
    int epoll_ = -1;
    int signals_ = -1;
    bool awaits_writable_ = false;
    bool interrupted_ = false;
};

}  // namespace mqttsn::tools::benchmark
