#include "tools/commands/common.hpp"

#include "protocol/sn/v12_codec.hpp"
#include "protocol/topic.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <csignal>
#include <random>

namespace mqttsn::tools {

namespace {

constexpr std::size_t longest_client_id = 23;  // SN 5.3.1

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

std::string made_up_id() {
    return fmt::format("mqttsn-{}-{:04x}", getpid(), std::random_device{}() & 0xFFFFU);
}

}  // namespace

void add_node_options(CLI::App& app, NodeOptions& options) {
    app.set_help_flag("--help", "Print this help and exit");
    app.add_option("-h,--host", options.host, "Gateway [127.0.0.1]")->type_name("HOST");
    app.add_option("-p,--port", options.port, "UDP port of the gateway [1883]")->type_name("PORT");
    app.add_option("-i,--id", options.client_id, "Client id [made up]")->type_name("ID");
    app.add_option("-k,--keepalive", options.keep_alive_s, "Keep-alive in seconds [60]")->type_name("S");
    app.add_flag("-c,--disable-clean-session", options.keep_session, "Keep the session after disconnecting");
    app.add_flag("-d,--debug", options.debug, "Print every frame");
    app.add_option("--retry", options.retry_s, "T_retry in seconds [10]")->type_name("S")->check(CLI::PositiveNumber);
    app.add_option("--retries", options.retries, "N_retry [3]")->type_name("N");
    app.add_option("--wait", options.wait_s, "T_wait in seconds, after the gateway reported congestion [300]")
        ->type_name("S")
        ->check(CLI::PositiveNumber);
    app.add_option("--predefined", options.predefined, "Predefined topic id; may be repeated")->type_name("ID=NAME");
    app.add_option("--node-id", options.node_id, "Send as a forwarder would, for this wireless node id")
        ->type_name("HEX");
    app.add_option("--will-topic", options.will_topic, "Will topic")->type_name("TOPIC");
    app.add_option("--will-payload", options.will_payload, "Will message")->type_name("TEXT");
    app.add_option("--will-qos", options.will_qos, "Will QoS [0]")->check(CLI::Range(0, 2));
    app.add_flag("--will-retain", options.will_retain, "Retain the will");
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
    result.retry = std::chrono::microseconds(static_cast<std::int64_t>(options.retry_s * 1e6));
    result.retries = options.retries;
    result.wait = std::chrono::microseconds(static_cast<std::int64_t>(options.wait_s * 1e6));
    for (const auto& each : options.predefined) {
        const auto equals = each.find('=');
        sn::TopicId id = 0;
        const auto [end, error] = std::from_chars(each.data(), each.data() + std::min(equals, each.size()), id);
        if (equals == std::string::npos || error != std::errc() || end != each.data() + equals || sn::is_reserved(id)) {
            return fmt::format("--predefined {}: expected ID=NAME with an id from 1 to 65534", each);
        }
        result.predefined[id] = each.substr(equals + 1);
    }
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

NodeRun::NodeRun(const NodeOptions& options, node::ClientOptions client, Actions actions)
    : options_(options), actions_(std::move(actions)) {
    NodeLink::Handler handler{[this](const node::Event& event) { on_event(event); },
                              [this](const std::string& reason) { unreachable_ = reason; },
                              {}};
    if (options_.debug) {
        handler.on_frame = [](bool sent, Bytes frame) {
            const auto packet = sn::decode(frame);
            std::string hex;
            for (const std::byte each : frame)
                hex += fmt::format("{:02x}", static_cast<unsigned>(each));
            fmt::print(stderr, "{} {} {}\n", sent ? "->" : "<-",
                       packet ? sn::name_of(sn::type_of(*packet)) : std::string_view("frame"), hex);
        };
    }
    link_ = std::make_unique<NodeLink>(io_, std::move(client), std::move(handler));
}

int NodeRun::run(bool connect, double timeout_s) {
    const auto gateway = resolve_gateway(io_, options_.host, options_.port);
    if (!gateway.endpoint) {
        fmt::print(stderr, "{}\n", gateway.error);
        return exit_failed;
    }
    if (const auto opened = link_->open(*gateway.endpoint); !opened) {
        fmt::print(stderr, "cannot open a UDP socket: {}\n", opened.error().message());
        return exit_failed;
    }
    for (const int signal : {SIGINT, SIGTERM})
        signals_.add(signal);
    signals_.async_wait([this](boost::system::error_code error, int) {
        if (!error) finish(exit_ok);
    });
    if (timeout_s > 0) {
        limit_.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(timeout_s * 1e6)));
        limit_.async_wait([this](boost::system::error_code error) {
            if (!error) finish(exit_timed_out);
        });
    }
    has_connection_ = connect;
    if (connect) {
        link_->act([](node::Client& client, TimePoint now, node::Outbox& out) { client.connect(now, out); });
    } else {
        actions_.on_connected(*this);
    }
    io_.run();
    return exit_code_;
}

void NodeRun::on_event(const node::Event& event) {
    const auto place = fmt::format("{}:{}", options_.host, options_.port);
    if (std::holds_alternative<node::Connected>(event)) {
        was_connected_ = true;
        if (!finishing_) actions_.on_connected(*this);
    } else if (const auto* rejected = std::get_if<node::Rejected>(&event)) {
        fail(fmt::format("rejected by the gateway at {}: {}", place, text_of(rejected->code)));
    } else if (std::holds_alternative<node::Lost>(event)) {
        const auto why = unreachable_.empty() ? std::string() : " (" + unreachable_ + ")";
        if (was_connected_) {
            fail(fmt::format("the gateway at {} stopped answering{}", place, why));
        } else {
            fail(fmt::format("no gateway answers at {}{}", place, why));
        }
    } else if (const auto* ended = std::get_if<node::Disconnected>(&event)) {
        if (ended->asked || finishing_) return stop(exit_code_);
        fmt::print(stderr, "disconnected by the gateway at {}; connecting again\n", place);
    } else {
        actions_.on_event(*this, event);
    }
}

void NodeRun::finish(int exit_code) {
    if (finishing_) return stop(exit_code_);  // asked twice: at once
    finishing_ = true;
    exit_code_ = exit_code;
    if (!has_connection_ || !was_connected_) return stop(exit_code);
    signals_.async_wait([this](boost::system::error_code error, int) {
        if (!error) stop(exit_code_);
    });
    link_->act([](node::Client& client, TimePoint now, node::Outbox& out) { client.disconnect(now, out); });
}

void NodeRun::fail(const std::string& text) {
    if (finishing_) return stop(exit_code_);
    fmt::print(stderr, "{}\n", text);
    stop(exit_failed);
}

void NodeRun::stop(int exit_code) {
    exit_code_ = exit_code;
    io_.stop();
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
