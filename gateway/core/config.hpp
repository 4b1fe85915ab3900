// Everything the core can be told, as plain values. gateway/runtime fills it from TOML and flags; tests fill it
// directly. Names in comments are the configuration keys.
#pragma once

#include "protocol/address.hpp"
#include "protocol/mqtt/client.hpp"
#include "protocol/sn/v12_packet.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mqttsn::gateway {

using namespace std::chrono_literals;

enum class Takeover : std::uint8_t { allow, same_host, deny_active };  // SN12-6.2-k
enum class WillUpdate : std::uint8_t { local, reconnect, reject };     // SN12-6.4-f
enum class RetryExhausted : std::uint8_t { lost, drop };               // SN12-6.13-c

/// One line of the predefined table (SN 6.7). `clients` is "*" (gateway-wide), a client id, or a pattern in which
/// `*` stands for any octets and `?` for one.
struct PredefinedTopic {
    sn::TopicId id = 0;
    std::string name;
    std::string clients = "*";
};

struct LinkConfig {
    std::string name;
    std::size_t max_frame = 1400;       ///< packet limit (SN12-7.4-a), encapsulation included
    std::size_t receive_limit = 65535;  ///< larger datagrams are dropped (SN12-5.2.1-j)
    bool discovery = true;              ///< SEARCHGW is answered here (SN12-6.1-h)
    bool advertise = true;              ///< ADVERTISE leaves here; needs discovery
    bool gwinfo_unicast = false;        ///< gwinfo = "unicast" (SN12-6.1-c)
    std::uint8_t advertise_radius = 0;
    Duration qos0_gap = 0s;                ///< pause after a QoS 0 message to a client that is awake (SN12-6.14-j)
    bool confirms_departure = false;       ///< the link tells when a frame has left it: T_retry begins then
    Duration departure_limit = 10min;      ///< T_retry begins at the latest so long after a frame was handed over
    Duration retry = 0s;                   ///< T_retry of this link; 0 = timers.retry
    std::optional<std::uint32_t> retries;  ///< N_retry of this link
    /// T_retry is longer by a random share up to this: on a channel without carrier sense, who repeats in step with
    /// the nodes collides with them again and again. 0.5 makes the 10 s that are usual the 10 to 15 s of SN table 30.
    double retry_jitter = 0;
};

struct ForwarderConfig {
    std::size_t max_depth = 1;  ///< forwarder.max_depth (SN12-5.5-i)
    bool advertise = false;     ///< forwarder.advertise (SN12-5.5-l)
    Buffer broadcast_node_id = {std::byte{0xFF}, std::byte{0xFF}};
    std::vector<Endpoint> endpoints;  ///< configured forwarders: where encapsulated ADVERTISEs go
    bool only_listed = false;         ///< drop encapsulated frames from other endpoints (SN12-5.5-j)
};

struct Timers {
    Duration retry = 10s;                     ///< T_retry
    std::uint32_t retries = 3;                ///< N_retry: repeats after the first sending
    Duration wait = 300s;                     ///< T_wait
    Duration advertise = 960s;                ///< T_ADV; announced in whole seconds, at least 1
    bool ping_probe = false;                  ///< one PINGREQ to an active client at its keep-alive (SN12-6.11-e)
    Duration keep_alive_max = 0s;             ///< keepalive.max: limit for clients that ask for none or more; 0 = off
    Duration upstream_connect_timeout = 10s;  ///< TCP connect and CONNACK together
    Duration upstream_grace = 30s;            ///< how long an active client survives without its broker connection
    Duration upstream_backoff_min = 500ms;
    Duration upstream_backoff_max = 30s;
    Duration session_expiry = 0s;  ///< a kept session of a disconnected client is forgotten; 0 = never
};

struct Limits {
    std::size_t clients = 10000;           ///< sessions of any state
    std::size_t topics_per_client = 1000;  ///< normal topic ids
    std::size_t subscriptions_per_client = 1000;
    std::size_t inflight_in = 4;             ///< inflight.in (SN12-6.6-j)
    std::size_t pending_subscriptions = 16;  ///< SUBSCRIBEs and UNSUBSCRIBEs of one client waiting for the broker
    std::size_t queue_messages = 1000;       ///< deliveries waiting for one client
    std::size_t queue_octets = 1U << 20;
    std::size_t pending_connects = 1000;            ///< handshakes in progress, in total (SN12-6.2-m)
    std::size_t pending_connects_per_source = 100;  ///< per endpoint: a forwarder's clients may come all at once
    std::size_t client_id_octets = 128;             ///< clientid.max
    bool client_id_strict = false;                  ///< at most 23 characters
    bool client_id_assign = false;                  ///< clientid.assign (SN12-5.3.1-b)
    double frames_per_second_per_source = 0;        ///< flood guard, burst = 2 s worth; 0 = off
    double replies_to_unknown_per_second = 100;     ///< DISCONNECTs to unknown senders, in total (SN12-5.4.21-d)
    double searchgw_per_second = 50;                ///< GWINFOs, in total; one per second and source (SN12-6.1-f)
    std::size_t tracked_sources = 4096;             ///< memory of the per-source rate limits
    std::uint32_t reconnects_per_second = 500;      ///< broker connections opened again, in total; at least 1
};

/// Who has to have a client's message before the client is told so.
enum class DeliveryUp : std::uint8_t { broker, store };

/// What becomes of messages whose topic one of the filters matches; the first policy that fits decides.
struct DeliveryPolicy {
    std::vector<std::string> topics;
    DeliveryUp up = DeliveryUp::broker;
    bool store_qos0 = false;  ///< with DeliveryUp::store: also what nobody acknowledges
    Duration max_age = 0s;    ///< older ones in the store are dropped; 0 = never
};

/// Messages of clients on their way to the broker, and those that the gateway took into its store until the broker has
/// them.
struct UpstreamDelivery {
    std::vector<DeliveryPolicy> policies;
    DeliveryUp up = DeliveryUp::broker;  ///< this and the next two: for topics that no policy names
    bool store_qos0 = false;
    Duration max_age = 0s;
    std::size_t max_messages = 1000;  ///< of one client in the store; more are refused with "congestion"
    std::size_t max_octets = 1U << 20;
    std::uint32_t replay_per_second = 2000;  ///< from the store, after an outage or restart; 0 = no limit

    /// Whether any message may go into the store.
    bool uses_store() const noexcept {
        if (up == DeliveryUp::store) return true;
        for (const DeliveryPolicy& each : policies) {
            if (each.up == DeliveryUp::store) return true;
        }
        return false;
    }
};

/// Who keeps the QoS 1/2 messages for a client that sleeps.
enum class Custody : std::uint8_t {
    broker,   ///< it is told when the client has them
    gateway,  ///< it is told when they are in the gateway's store; needs one
};

struct Sleep {
    Custody custody = Custody::broker;
    bool queue_qos0 = true;  ///< keep QoS 0 messages for clients that sleep, in memory (SN12-6.14-k)
};

/// Bounds of one drain: at them the client gets PINGRESP, and the rest waits for the next (SN12-6.14-g).
struct Awake {
    std::size_t max_messages = 0;  ///< 0 = no bound
    Duration max_time = 60s;
};

struct QosMinusOne {
    bool enabled = true;
    bool allow_retain = false;  ///< qosm1.allow_retain
    bool only_listed = false;   ///< with an allow list, others are dropped
    std::vector<Endpoint> allowed;
    double messages_per_second_per_source = 100;
    std::size_t queue_messages = 100;  ///< kept while the connection is down, oldest dropped first (SN12-7.1-b)
};

/// What the gateway tells of itself on its own broker connection, retained, for who watches the broker.
struct BridgeConfig {
    std::string state_topic;  ///< {"state":"online"} or {"state":"offline"}, also as will; empty = nothing is told
    std::string info_topic;
    std::string info;               ///< JSON; empty = not told
    std::string devices_prefix;     ///< "mqttsn/barn/devices/": a topic for each device below; empty = not told
    Duration device_interval = 1s;  ///< between two messages about the same device
    std::uint32_t devices_per_second = 100;  ///< messages about all of them; at least 1
};

struct BrokerConfig {
    mqtt::ClientOptions client;  ///< version, keep_alive …
    std::string client_id_prefix;
    std::string username;
    std::string password;
    std::string gateway_client_id;  ///< own_client_id()
};

struct Config {
    std::uint8_t gateway_id = 1;
    std::string name = "mqttsn-gateway";
    bool discovery = true;
    Takeover takeover = Takeover::allow;
    WillUpdate will_update = WillUpdate::local;
    RetryExhausted retry_exhausted = RetryExhausted::lost;
    BrokerConfig broker;
    std::vector<LinkConfig> links;  ///< by LinkId
    ForwarderConfig forwarder;
    std::vector<PredefinedTopic> topics;
    Timers timers;
    Limits limits;
    QosMinusOne qos_minus_one;
    BridgeConfig bridge;
    UpstreamDelivery delivery;
    Sleep sleep;
    Awake awake;
    bool durable = false;             ///< there is a store: the core emits records and waits for nothing itself
    Duration unix_time_at_zero = 0s;  ///< wall clock of TimePoint{}: ages outlive a restart
    std::uint64_t seed = 1;           ///< of jitter and generated ids: same seed, same behaviour
};

/// The part of Config that may change while the gateway runs: no session depends on what it was before.
struct Reconfiguration {
    std::vector<PredefinedTopic> topics;
    Limits limits;
};

/// Client id of the gateway's own connection to the broker: gateways of different names do not end each other's.
inline const std::string& own_client_id(const Config& config) noexcept {
    return config.broker.gateway_client_id.empty() ? config.name : config.broker.gateway_client_id;
}

}  // namespace mqttsn::gateway
