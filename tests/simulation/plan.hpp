// What a seed means: how gateway, broker, disk, network and devices are set up, and what will go wrong.
#pragma once

#include "gateway/core/config.hpp"
#include "tests/simulation/dice.hpp"

namespace mqttsn::simulation {

using namespace std::chrono_literals;

struct NetworkPlan {
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;  ///< by this chance a datagram takes longer, at most `late`
    Duration delay = 5ms;
    Duration jitter = 20ms;
    Duration late = 1s;
};

struct BrokerPlan {
    Duration latency = 2ms;
    Duration pause_between_breaks{};  ///< mean; 0 = never
    Duration pause_between_restarts{};
    double forgets = 0;            ///< by this chance a restart loses its sessions
    double half_open = 0;          ///< by this chance a broken connection is noticed by one side much earlier
    double refuses = 0;            ///< by this chance a CONNECT gets "server unavailable"
    std::size_t in_flight = 16;    ///< QoS 1/2 messages to one client that wait for acknowledgement
    Duration longest_outage = 5s;  ///< of a restart
};

struct DiskPlan {
    Duration slowest_commit = 100ms;
    Duration pause_between_failures{};  ///< mean; 0 = never
    Duration longest_failure = 5s;
};

struct CrashPlan {
    Duration pause{};      ///< mean between ends of the gateway; 0 = never
    double orderly = 0.1;  ///< by this chance it is told to end (SIGTERM)
    Duration longest_outage = 3s;
};

struct DevicePlan {
    enum class Kind : std::uint8_t { awake, sleeper, beacon };
    Kind kind = Kind::awake;
    bool clean_session = false;
    bool forwarded = false;
    bool moves = false;
    bool has_will = false;
    bool dies = false;   ///< falls silent for ever at some time
    bool rests = false;  ///< falls silent for a while now and then
    std::uint16_t keep_alive_s = 10;
    std::uint16_t sleep_s = 8;
    Duration pause = 2s;  ///< mean time between what its application does
};

struct Plan {
    std::uint64_t seed = 0;
    gateway::Config gateway;
    NetworkPlan network;
    BrokerPlan broker;
    DiskPlan disk;
    CrashPlan crash;
    std::vector<DevicePlan> devices;
    Duration active = 60s;               ///< then everything heals
    Duration pause_of_application = 2s;  ///< mean time between what is published at the broker
    bool subscribes_again = false;       ///< applications of devices subscribe after every CONNACK
};

Plan make_plan(std::uint64_t seed);

/// What `--seed` prints first.
std::string text_of(const Plan& plan);

}  // namespace mqttsn::simulation
