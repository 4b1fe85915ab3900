// What a benchmark is asked to do.
#pragma once

#include "protocol/types.hpp"

#include <string>

namespace mqttsn::tools::benchmark {

enum class Scenario : std::uint8_t {
    connect,  ///< connects per second
    up,       ///< device to broker
    down,     ///< broker to device
    rtt,      ///< up, and back down to the same device
    idle,     ///< memory and CPU of connected devices that say nothing
};
std::string_view name_of(Scenario scenario) noexcept;

struct Options {
    Scenario scenario = Scenario::up;
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::string broker = "mqtt://127.0.0.1:1883";
    std::uint32_t clients = 100;
    std::uint64_t messages = 20000;
    int qos = 0;
    std::size_t size = 32;        ///< of the payload
    std::uint32_t window = 1;     ///< messages of one client on their way
    std::uint32_t in_flight = 0;  ///< of all clients together; 0 = by phase
    double rate = 0;              ///< messages per second of all clients; 0 = closed loop
    bool search = false;
    double seconds = 0;               ///< idle: how long; search: of each trial
    std::uint16_t keep_alive_s = 60;  ///< of the idle scenario
    double retry_s = 1;
    std::uint32_t retries = 5;
    double lost_after_s = 0;  ///< 0 = by QoS
    std::uint32_t echoes = 20000;
    int pid = 0;             ///< of the gateway; 0 = not measured
    std::uint32_t seed = 0;  ///< 0 = by chance
    bool json = false;

    bool is_open_loop() const noexcept { return rate > 0; }
    bool needs_broker() const noexcept { return scenario == Scenario::up || scenario == Scenario::down; }
    std::int64_t retry_ns() const noexcept { return static_cast<std::int64_t>(retry_s * 1e9); }
    /// A burst of more would only fill the gateway's socket buffer, and measure how it drops.
    std::uint32_t messages_in_flight() const noexcept { return in_flight > 0 ? in_flight : 512; }
    /// Brokers listen with a backlog of 100; beyond, TCP repeats after a second.
    std::uint32_t requests_in_flight() const noexcept { return in_flight > 0 ? in_flight : 64; }
    /// A gateway repeats after 10 to 15 s (SN 6.13); without acknowledgements nothing is repeated.
    std::int64_t lost_after_ns() const noexcept {
        const double default_s = qos == 0 ? 1 : 15;
        return static_cast<std::int64_t>((lost_after_s > 0 ? lost_after_s : default_s) * 1e9);
    }
};

}  // namespace mqttsn::tools::benchmark
