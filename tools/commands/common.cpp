#include "tools/commands/common.hpp"

#include "protocol/sn/v12_codec.hpp"
#include "protocol/topic.hpp"
#include "tools/commands/duration.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <random>

namespace mqttsn::tools {

namespace {

constexpr std::size_t longest_client_id = 23;  // SN 5.3.1
constexpr const char* default_group = "225.1.1.1:1883";

std::optional<Buffer> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Buffer octets;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
        if (error != std::errc() || end != text.data() + i + 2) return std::nullopt;
        octets.push_back(static_cast<std::byte>(value));
    }
    return octets;
}

std::optional<sn::TopicId> parse_topic_id(std::string_view text) {
    sn::TopicId id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size() || sn::is_reserved(id)) return std::nullopt;
    return id;
}

Duration microseconds_of(double seconds) {
    return Duration(static_cast<Duration::rep>(seconds * 1e6));
}

std::string made_up_id() {
    return fmt::format("mqttsn-{}-{:04x}", getpid(), std::random_device{}() & 0xFFFFU);
}

}  // namespace

CLI::Option* takes_seconds(CLI::Option* option, bool may_be_zero) {
    const auto to_seconds = [may_be_zero](std::string& text) -> std::string {
        const auto duration = parse_duration(text);
        if (!duration || (!may_be_zero && *duration <= Duration::zero())) {
            return fmt::format("\"{}\" is not a time such as 30s, 500ms or 2m", text);
        }
        text = fmt::format("{}", std::chrono::duration<double>(*duration).count());
        return {};
    };
    return option->type_name("TIME")->transform(CLI::Validator(to_seconds, ""));
}

void add_gateway_options(CLI::App& app, GatewayOptions& options) {
    const std::string group = "Gateway";
    app.set_help_flag("--help", "Print this help and exit");
    app.add_option("-h,--host", options.host, "Gateway [127.0.0.1]")->type_name("HOST")->group(group);
    app.add_option("-p,--port", options.port, "UDP port of the gateway [1883]")->type_name("PORT")->group(group);
    app.add_flag("--discover", options.discover, "Search the network for a gateway instead")->group(group);
    app.add_option("--group", options.groups,
                   "Multicast group or other address to search; may be repeated [225.1.1.1:1883]")
        ->type_name("ADDRESS:PORT")
        ->allow_extra_args(false)
        ->group(group);
    app.add_option("--interface", options.interface, "Network interface for multicast [the system's choice]")
        ->type_name("NAME")
        ->group(group);
    takes_seconds(app.add_option("--search-delay", options.search_delay_s,
                                 "T_SEARCHGW: SEARCHGW waits a random time up to this [5s]"),
                  true)
        ->group(group);
    takes_seconds(app.add_option("--discover-timeout", options.discover_within_s,
                                 "How long --discover waits for the first gateway [30s]"))
        ->group(group);
}

void add_timer_options(CLI::App& app, NodeOptions& options) {
    const std::string group = "Timers";
    takes_seconds(app.add_option("--retry", options.retry_s, "T_retry [10s]"))->group(group);
    app.add_option("--retries", options.retries, "N_retry [3]")->type_name("N")->group(group);
    takes_seconds(app.add_option("--wait", options.wait_s, "T_wait, after the gateway reported congestion [5m]"))
        ->group(group);
}

void add_node_options(CLI::App& app, NodeOptions& options) {
    add_gateway_options(app, options);
    add_timer_options(app, options);
    app.add_option("-i,--id", options.client_id, "Client id [made up]")->type_name("ID");
    app.add_option("-k,--keepalive", options.keep_alive_s, "Keep-alive in seconds [60]")->type_name("S");
    app.add_flag("-c,--disable-clean-session", options.keep_session, "Keep the session after disconnecting");
    app.add_flag("-d,--debug", options.debug, "Print every frame");
    app.add_option("--predefined", options.predefined, "Predefined topic id; may be repeated")
        ->type_name("ID=NAME")
        ->allow_extra_args(false);
    app.add_option(
           "--topic-type", options.topic_type,
           "normal, predefined or short [predefined if it is, else short if it has two characters, else normal]")
        ->check(CLI::IsMember({"normal", "predefined", "short"}))
        ->type_name("TYPE");
    app.add_option("--node-id", options.node_id, "Send as a forwarder would, for this wireless node id")
        ->type_name("HEX");
    const std::string group = "Will";
    app.add_option("--will-topic", options.will_topic, "Will topic")->type_name("TOPIC")->group(group);
    app.add_option("--will-payload", options.will_payload, "Will message")->type_name("TEXT")->group(group);
    app.add_option("--will-qos", options.will_qos, "Will QoS [0]")->check(CLI::Range(0, 2))->group(group);
    app.add_flag("--will-retain", options.will_retain, "Retain the will")->group(group);
}

void add_will_update_options(CLI::App& app, WillUpdateOptions& options) {
    const std::string group = "Will";
    auto* topic = app.add_option("--update-will-topic", options.topic, "After connecting, make this the will topic")
                      ->type_name("TOPIC")
                      ->group(group);
    app.add_option_function<std::string>(
           "--update-will-payload",
           [&options](const std::string& text) {
               options.payload = text;
               options.has_payload = true;
           },
           "After connecting, make this the will message")
        ->type_name("TEXT")
        ->group(group);
    app.add_option("--update-will-qos", options.qos, "QoS with --update-will-topic [0]")
        ->check(CLI::Range(0, 2))
        ->needs(topic)
        ->group(group);
    app.add_flag("--update-will-retain", options.retain, "Retain with --update-will-topic")->needs(topic)->group(group);
    app.add_flag("--delete-will", options.remove, "After connecting, delete the will")->excludes(topic)->group(group);
}

std::optional<std::string> make_client_options(const NodeOptions& options, node::ClientOptions& result) {
    if (options.keep_session && options.client_id.empty())
        return "-c: a session that is kept needs a client id of its own (-i)";
    if (!is_valid_utf8(options.client_id) || count_code_points(options.client_id) > longest_client_id) {
        return fmt::format("-i {}: a client id has 1 to {} characters", options.client_id, longest_client_id);
    }
    result.client_id = options.client_id.empty() ? made_up_id() : options.client_id;
    result.clean_session = !options.keep_session;
    result.keep_alive_s = options.keep_alive_s;
    result.retry = microseconds_of(options.retry_s);
    result.retries = options.retries;
    result.wait = microseconds_of(options.wait_s);
    for (const auto& each : options.predefined) {
        const auto equals = each.find('=');
        const auto id = parse_topic_id(std::string_view(each).substr(0, equals));
        if (equals == std::string::npos || !id) {
            return fmt::format("--predefined {}: expected ID=NAME with an id from 1 to 65534", each);
        }
        result.predefined[*id] = each.substr(equals + 1);
    }
    if (options.topic_type == "normal") result.topic_type = sn::TopicIdType::normal;
    if (options.topic_type == "predefined") result.topic_type = sn::TopicIdType::predefined;
    if (options.topic_type == "short") result.topic_type = sn::TopicIdType::short_name;
    const auto node_id = parse_hex(options.node_id);
    if (!node_id || node_id->size() > 252) return "--node-id: expected 1 to 252 octets in hex, such as 0a0b";
    result.node_id = *node_id;
    if (!options.will_topic.empty()) {
        const Bytes message = as_bytes(options.will_payload);
        result.will = node::Will{options.will_topic, Buffer(message.begin(), message.end()),
                                 static_cast<Qos>(options.will_qos), options.will_retain};
    }
    return std::nullopt;
}

std::optional<std::string> force_topic_type(const std::vector<std::string>& topics, node::ClientOptions& result) {
    if (!result.topic_type || *result.topic_type == sn::TopicIdType::normal) return std::nullopt;
    const bool is_short = *result.topic_type == sn::TopicIdType::short_name;
    for (const auto& topic : topics) {
        if (has_wildcard(topic)) return fmt::format("-t {}: a wildcard is always of --topic-type normal", topic);
        if (is_short && topic.size() != 2)
            return fmt::format("-t {}: --topic-type short needs a topic of two octets", topic);
        const auto is_name = [&](const auto& each) { return each.second == topic; };
        if (is_short || std::ranges::any_of(result.predefined, is_name)) continue;
        const auto id = parse_topic_id(topic);
        if (!id || result.predefined.contains(*id)) {
            return fmt::format("-t {}: --topic-type predefined needs an id from 1 to 65534, or --predefined ID={}",
                               topic, topic);
        }
        result.predefined[*id] = topic;
    }
    return std::nullopt;
}

SearchPlaces search_places(const GatewayOptions& options) {
    SearchPlaces places;
    const auto groups = options.groups.empty() ? std::vector<std::string>{default_group} : options.groups;
    for (const auto& each : groups) {
        const auto address = transports::parse_socket_address(each);
        if (!address || address->port() == 0) {
            places.error =
                fmt::format("--group {}: write an address and a port, 225.1.1.1:1883 or [ff02::1]:1883", each);
            return places;
        }
        places.targets.push_back(*address);
    }
    return places;
}

node::DiscoveryOptions make_discovery_options(const GatewayOptions& options) {
    node::DiscoveryOptions result;
    result.search_delay = microseconds_of(options.search_delay_s);
    result.default_port = options.port;
    std::random_device device;
    result.seed = (static_cast<std::uint64_t>(device()) << 32U) | device();
    return result;
}

void print_frame(bool sent, Bytes frame) {
    const auto packet = sn::decode(frame);
    std::string hex;
    for (const std::byte each : frame)
        hex += fmt::format("{:02x}", static_cast<unsigned>(each));
    fmt::print(stderr, "{} {} {}\n", sent ? "->" : "<-",
               packet ? sn::name_of(sn::type_of(*packet)) : std::string_view("frame"), hex);
}

std::string text_of(sn::ReturnCode code) {
    switch (code) {
        case sn::ReturnCode::accepted:
            return "accepted";
        case sn::ReturnCode::congestion:
            return "congestion (code 1): try again later";
        case sn::ReturnCode::invalid_topic_id:
            return "invalid topic id (code 2)";
        case sn::ReturnCode::not_supported:
            return "not supported (code 3)";
    }
    return fmt::format("code {}", static_cast<int>(code));
}

}  // namespace mqttsn::tools
