// One simulated node of the fleet: a sensor, an actuator or a beacon.
#pragma once

#include "tools/commands/node_link.hpp"

#include <map>
#include <random>
#include <string>
#include <vector>

namespace mqttsn::tools {

/// What the whole fleet did.
struct FleetTotals {
    std::uint64_t sent = 0;         ///< messages handed to the gateway
    std::uint64_t confirmed = 0;    ///< QoS 1/2 acknowledged by the gateway
    std::uint64_t unconfirmed = 0;  ///< QoS 0 and −1
    std::uint64_t refused = 0;
    std::uint64_t commands = 0;
    std::uint64_t connects = 0;
    std::uint64_t connections_lost = 0;
    std::vector<double> latencies_ms;  ///< from publishing to acknowledgement, QoS 1/2
};

struct FleetOptions {
    std::string topic_prefix = "sim";
    double period_s = 5;
    double jitter = 0.2;  ///< share of the period
    bool verbose = false;
    bool quiet = false;
};

class SimNode {
public:
    enum class Profile : std::uint8_t { sensor, actuator, beacon };

    SimNode(boost::asio::io_context& io, Profile profile, std::size_t index, Qos qos, node::ClientOptions client,
            const FleetOptions& fleet, FleetTotals& totals, std::uint64_t seed);

    /// After `delay`: connects and begins its work.
    Result<void> start(const boost::asio::ip::udp::endpoint& gateway, std::chrono::milliseconds delay);
    /// No new messages; what is on its way may finish.
    void quiesce();
    void disconnect();
    bool is_idle() const noexcept { return open_.empty(); }
    bool is_disconnected() const noexcept { return !link_.client().is_connected(); }
    std::size_t open_messages() const noexcept { return open_.size(); }
    const node::ClientCounters& counters() const noexcept { return link_.client().counters(); }

private:
    void begin();
    void on_event(const node::Event& event);
    void on_command(const node::Received& command);
    void schedule_next();
    void publish(const std::string& topic, const std::string& text, Qos qos);
    void read_sensor();

    Profile profile_;
    std::size_t index_;
    Qos qos_;
    std::string name_;
    const FleetOptions& fleet_;
    FleetTotals& totals_;
    std::mt19937_64 random_;
    NodeLink link_;
    boost::asio::steady_timer timer_;
    std::map<node::Token, TimePoint> open_;
    double offset_;
    double battery_v_;
    std::uint64_t readings_ = 0;
    bool quiet_ = false;
};

}  // namespace mqttsn::tools
