// What the sub-commands share: options spelled like those of mosquitto_pub and mosquitto_sub, and exit codes.
#pragma once

#include "tools/node/client.hpp"
#include "tools/node/discovery.hpp"
#include "transports/udp_address.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mqttsn::tools {

/// Exit codes that scripts can use.
enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,      ///< the gateway refused the connection or what was asked of it; what was asked for failed
    exit_usage = 2,       ///< an option makes no sense
    exit_no_gateway = 3,  ///< none answers, or it stopped answering
    exit_timed_out = 27,  ///< -W is over (the code of mosquitto_sub)
};
inline constexpr std::string_view exit_codes_text =
    "Exit codes: 0 ended as asked, 1 refused by the gateway, 2 wrong usage, 3 no gateway answers, 27 timed out.";

/// Where the gateway is, or how to find it.
struct GatewayOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    bool discover = false;
    std::vector<std::string> groups;  ///< empty = 225.1.1.1:1883
    std::string interface;
    double search_delay_s = 5;
    double discover_within_s = 30;
};

struct NodeOptions : GatewayOptions {
    std::string client_id;  ///< empty = one made up
    std::uint16_t keep_alive_s = 60;
    bool keep_session = false;
    bool debug = false;
    double retry_s = 10;
    std::uint32_t retries = 3;
    double wait_s = 300;
    std::vector<std::string> predefined;  ///< "ID=NAME"
    std::string topic_type;               ///< "normal", "predefined", "short"; empty = chosen by topic
    std::string node_id;                  ///< hex
    std::string will_topic;
    std::string will_payload;
    int will_qos = 0;
    bool will_retain = false;
};

/// What becomes of the will once the node is connected (SN 6.4).
struct WillUpdateOptions {
    std::string topic;
    std::string payload;
    bool has_payload = false;
    int qos = 0;
    bool retain = false;
    bool remove = false;
};

void add_gateway_options(CLI::App& app, GatewayOptions& options);
/// T_retry, N_retry, T_wait.
void add_timer_options(CLI::App& app, NodeOptions& options);
/// All of a node: gateway, timers, identity, topics, will.
void add_node_options(CLI::App& app, NodeOptions& options);
void add_will_update_options(CLI::App& app, WillUpdateOptions& options);
/// The option takes a time such as 30s or 500ms; its variable is in seconds.
CLI::Option* takes_seconds(CLI::Option* option, bool may_be_zero = false);

/// Error text when an option makes no sense.
std::optional<std::string> make_client_options(const NodeOptions& options, node::ClientOptions& result);
/// Error text when a topic cannot have the type that --topic-type forces on it. A number forced to be predefined is its
/// own name.
std::optional<std::string> force_topic_type(const std::vector<std::string>& topics, node::ClientOptions& result);
/// The places to search for gateways, or an error text.
struct SearchPlaces {
    std::vector<transports::SocketAddress> targets;
    std::string error;
};
SearchPlaces search_places(const GatewayOptions& options);
node::DiscoveryOptions make_discovery_options(const GatewayOptions& options);

/// "accepted", "congestion", "invalid topic id", "not supported", or the number.
std::string text_of(sn::ReturnCode code);
/// Prints a frame to stderr as -d does.
void print_frame(bool sent, Bytes frame);

}  // namespace mqttsn::tools
