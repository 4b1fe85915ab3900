// What a simulated fleet consists of and does: from flags, or from a TOML file.
#pragma once

#include "protocol/types.hpp"
#include "tools/node/faults.hpp"
#include "tools/node/impairment.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mqttsn::tools {

enum class Profile : std::uint8_t {
    sensor,    ///< publishes readings periodically
    sleeper,   ///< a sensor that sleeps in between (SN 6.14) and obeys commands when it wakes
    actuator,  ///< obeys PREFIX/NAME/command, confirms on PREFIX/NAME/state
    beacon,    ///< publishes with QoS −1 on a short topic, without a connection (SN 6.8)
};
std::optional<Profile> profile_named(std::string_view name) noexcept;
std::string_view name_of(Profile profile) noexcept;

struct NodeGroup {
    Profile profile = Profile::sensor;
    std::string name;  ///< of its nodes, a number follows; empty = the profile's
    std::size_t count = 1;
    std::vector<Qos> qos{Qos::at_least_once};  ///< of readings, one node after the other
    Duration period = std::chrono::seconds(5);
    double jitter = 0.2;                       ///< share of the period by which it varies
    Duration sleep = std::chrono::seconds(0);  ///< announced by sleepers; 0 = the period, at least 1 s
    std::size_t payload = 0;                   ///< octets; 0 = as long as a reading is
    std::size_t forwarders = 0;                ///< not 0: the nodes are behind this many forwarders
    bool retain = false;
    Qos command_qos = Qos::at_least_once;  ///< with which sleepers and actuators subscribe to their commands
    bool echo = false;                     ///< sensors subscribe to their own readings, to measure the way back
};

struct Scenario {
    static constexpr std::size_t most_nodes = 10000;

    std::string id_prefix;  ///< of client ids
    std::string topic_prefix = "sim";
    Duration duration{0};  ///< 0 = until Ctrl-C
    Duration day = std::chrono::hours(24);
    double connects_per_second = 1000;
    std::uint16_t keep_alive_s = 60;
    std::uint64_t seed = 1;
    node::ImpairmentOptions impairment;  ///< of every node's way to the gateway
    node::FaultOptions faults;           ///< of every node
    std::vector<NodeGroup> groups;

    std::size_t nodes() const noexcept;
    /// UDP sockets that it needs.
    std::size_t sockets() const noexcept;
    /// Error text when something does not fit together; names that were left empty are filled in.
    std::optional<std::string> complete();
};

/// The scenario in a TOML text; `file` is named in errors with line and key.
struct ReadScenario {
    std::optional<Scenario> scenario;
    std::string error;
};
ReadScenario read_scenario(const std::string& text, const std::string& file);

/// Every key with its default, as --help-scenario prints it.
std::string_view scenario_example() noexcept;

}  // namespace mqttsn::tools
