// A fleet of simulated nodes in one process and one thread.
#pragma once

#include "tools/commands/dongle_link.hpp"
#include "tools/commands/forwarder_link.hpp"
#include "tools/commands/sim_node.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mqttsn::tools {

struct NodeReport {
    std::string client_id;
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t lost = 0;
    std::uint64_t retransmitted = 0;
    Duration latency_mean{};
    Duration latency_max{};
    Duration echo_latency_max{};
};

struct FleetReport {
    std::size_t nodes = 0;
    std::size_t connected = 0;  ///< now
    Duration elapsed{};
    FleetTotals totals;
    std::uint64_t lost = 0;         ///< QoS 1/2 without acknowledgement; final once the fleet has ended
    std::uint64_t echoes_lost = 0;  ///< own readings that did not come back
    std::uint64_t retransmitted = 0;
    std::uint64_t frames_up = 0;
    std::uint64_t frames_down = 0;
    std::uint64_t octets_up = 0;
    std::uint64_t octets_down = 0;
    std::optional<node::ImpairmentCounters> impaired;                ///< of a bad network
    std::vector<std::pair<std::string_view, std::uint64_t>> faults;  ///< committed, by name
    std::optional<DongleReport> dongle;
    double cpu_s = 0;           ///< of this process
    std::uint64_t rss_kib = 0;  ///< the most memory that this process had
};

class Fleet {
public:
    /// `scenario` is complete(). `client` has the timers; each node puts its own name into it.
    Fleet(boost::asio::io_context& io, Scenario scenario, node::ClientOptions client, FleetOutput output);
    ~Fleet();

    /// Opens all sockets and connects at the scenario's pace. Error text: too few file descriptors …
    std::optional<std::string> start(const boost::asio::ip::udp::endpoint& gateway);
    /// All nodes behind this dongle, which must live longer; instead of UDP.
    std::optional<std::string> start(DongleLink& dongle);
    /// Lets what is under way arrive, then disconnects all, each within the protocol's patience; then `on_end`. Asked
    /// twice: ends at once.
    void stop(std::function<void()> on_end);

    FleetReport report() const;
    std::vector<NodeReport> node_reports() const;
    const Scenario& scenario() const noexcept { return scenario_; }
    /// How many nodes make connections; beacons do not.
    std::size_t connecting_nodes() const noexcept;

private:
    std::optional<std::string> allow_sockets() const;
    SimNode& add_node(std::uint32_t group, std::uint32_t index);
    std::optional<std::string> open_group(std::uint32_t group, const boost::asio::ip::udp::endpoint& gateway);
    void begin();
    Duration patience() const noexcept;
    void poll_end();
    void disconnect_some();
    void end();

    boost::asio::io_context& io_;
    Scenario scenario_;
    node::ClientOptions client_;
    FleetOutput output_;
    FleetTotals totals_;
    std::vector<std::unique_ptr<ForwarderLink>>
        forwarders_;  // before the nodes: they leave their forwarders at the end
    std::vector<std::unique_ptr<SimNode>> nodes_;
    boost::asio::steady_timer end_;
    std::function<void()> on_end_;
    TimePoint started_{};
    TimePoint give_up_at_{};
    std::size_t disconnected_ = 0;  ///< how many were told to
    bool stopping_ = false;
    bool disconnecting_ = false;
    std::vector<std::uint64_t> lost_;         ///< by node, once disconnecting
    std::vector<std::uint64_t> echoes_lost_;  ///< likewise
};

}  // namespace mqttsn::tools
