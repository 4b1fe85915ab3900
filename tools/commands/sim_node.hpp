// One simulated node of the fleet, by its profile: sensor, sleeper, actuator or beacon.
#pragma once

#include "tools/commands/latencies.hpp"
#include "tools/commands/node_link.hpp"
#include "tools/commands/scenario.hpp"
#include "tools/node/readings.hpp"

#include <map>
#include <string>

namespace mqttsn::tools {

/// What the whole fleet did.
struct FleetTotals {
    std::uint64_t sent = 0;                     ///< messages handed to the gateway
    std::uint64_t acknowledged = 0;             ///< QoS 1/2, by the gateway
    std::uint64_t without_acknowledgement = 0;  ///< QoS 0 and −1: none is expected
    std::uint64_t refused = 0;
    std::uint64_t skipped = 0;  ///< readings that were due while there was no connection, or too many waited for one
    std::uint64_t commands = 0;
    std::uint64_t connects = 0;
    std::uint64_t connections_lost = 0;
    std::uint64_t altered = 0;            ///< own readings that came back with other octets
    std::uint64_t echoes = 0;             ///< own readings that came back
    std::uint64_t echoes_duplicated = 0;  ///< … once more
    Latencies latencies;                  ///< from publishing to acknowledgement, QoS 1/2
    Latencies echo_latencies;             ///< from publishing until the reading came back
};

/// What one node did.
struct NodeTotals {
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    Duration latency_sum{};
    Duration latency_max{};
    Duration echo_latency_max{};
};

struct FleetOutput {
    bool verbose = false;  ///< prints every message
    bool quiet = false;    ///< does not print commands
};

class SimNode {
public:
    static constexpr std::size_t most_open =
        100;  ///< messages that wait for a slow gateway; later readings are skipped

    SimNode(boost::asio::io_context& io, const Scenario& scenario, std::uint32_t group, std::uint32_t index,
            node::ClientOptions client, const FleetOutput& output, FleetTotals& totals);

    /// With a socket of its own. Error: of the system.
    Result<void> open(const boost::asio::ip::udp::endpoint& gateway) { return link_.open(gateway); }
    void impair(const node::ImpairmentOptions& options, std::uint64_t seed) { link_.impair(options, seed); }
    void attach(SharedWay& way, Buffer node_id) { link_.attach(way, std::move(node_id)); }
    /// Readings and states carry a checksum, and what comes back is checked: for ways that may alter octets.
    void seal_payloads() noexcept { seals_ = true; }
    /// Begins its work at this time: connects, unless it is a beacon.
    void start(TimePoint when);
    /// No new messages; what is on its way may finish.
    void quiesce();
    /// Ends the connection, and a session that the broker would keep.
    void disconnect();

    bool is_connected() const noexcept { return link_.client().has_connection() && was_connected_; }
    bool is_idle() const noexcept { return open_.empty(); }
    bool is_disconnected() const noexcept { return !link_.client().has_connection(); }
    std::size_t open_messages() const noexcept { return open_.size(); }
    std::size_t open_echoes() const noexcept { return echoes_.size(); }
    const std::string& client_id() const noexcept { return link_.client().client_id(); }
    const node::ClientCounters& counters() const noexcept { return link_.client().counters(); }
    const NodeTotals& totals() const noexcept { return totals_; }
    void misbehave(const node::FaultOptions& options, std::uint64_t seed) { link_.misbehave(options, seed); }
    const node::Misbehaviour* misbehaviour() const noexcept { return link_.misbehaviour(); }
    const node::ImpairmentCounters* impaired() const noexcept { return link_.impaired(); }

private:
    struct Open {
        TimePoint since;
        bool is_confirmed = false;  ///< an acknowledgement is expected
    };

    bool obeys() const noexcept { return group_.profile == Profile::sleeper || group_.profile == Profile::actuator; }
    void connect();
    void on_event(const node::Event& event);
    void on_connected();
    void on_published(const node::Published& done);
    void on_received(const node::Received& message);
    void on_command(std::string_view command);
    void on_echo(std::uint64_t number);
    void on_ended();
    void subscribe();
    void retry_later(void (SimNode::*what)(), std::chrono::duration<double> after);
    void schedule_next();
    void measure();
    void publish(const std::string& topic, const std::string& text, Qos qos);
    void sleep_when_idle();
    std::string topic_of(std::string_view what) const;

    const Scenario& scenario_;
    const NodeGroup& group_;
    std::uint32_t index_;
    Qos qos_;
    const FleetOutput& output_;
    FleetTotals& fleet_;
    NodeTotals totals_;
    node::SmallRandom random_;  ///< when it measures
    node::SmallRandom luck_;    ///< … and whatever depends on what happens
    node::Readings readings_;
    NodeLink link_;
    boost::asio::steady_timer timer_;  ///< when to begin, then when to measure
    boost::asio::steady_timer retry_;  ///< when to try again what the gateway did not answer or refused
    TimePoint begin_{};
    Duration planned_{};  ///< since begin_: of the next reading
    std::map<node::Token, Open> open_;
    std::map<std::uint64_t, TimePoint> echoes_;  ///< readings that have not come back, by number
    std::uint64_t last_echo_ = 0;
    bool was_connected_ = false;
    bool is_subscribed_ = false;
    bool is_subscribing_ = false;
    bool is_connecting_ = false;
    bool quiet_ = false;
    bool seals_ = false;
    bool ending_ = false;
};

}  // namespace mqttsn::tools
