#include "tools/commands/node_run.hpp"

#include <fmt/format.h>

#include <csignal>

namespace mqttsn::tools {

namespace {

std::chrono::microseconds microseconds_of(double seconds) {
    return std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
}

}  // namespace

NodeRun::NodeRun(const NodeOptions& options, node::ClientOptions client, Actions actions)
    : options_(options), actions_(std::move(actions)) {
    NodeLink::Handler handler{[this](const node::Event& event) { on_event(event); },
                              [this](const std::string& reason) { on_socket_error(reason); },
                              {}};
    if (options_.debug) handler.on_frame = print_frame;
    link_ = std::make_unique<NodeLink>(io_, std::move(client), std::move(handler));
}

int NodeRun::run(bool connect, double timeout_s) {
    has_connection_ = connect;
    for (const int signal : {SIGINT, SIGTERM})
        signals_.add(signal);
    signals_.async_wait([this](boost::system::error_code error, int) {
        if (!error) finish(exit_ok);
    });
    if (timeout_s > 0) {
        limit_.expires_after(microseconds_of(timeout_s));
        limit_.async_wait([this](boost::system::error_code error) {
            if (!error) finish(exit_timed_out);
        });
    }
    if (begin()) io_.run();
    return exit_code_;
}

bool NodeRun::begin() {
    if (options_.discover) return discover();
    const auto gateway = resolve_gateway(io_, options_.host, options_.port);
    place_ = fmt::format("{}:{}", options_.host, options_.port);
    if (!gateway.endpoint) {
        fail(gateway.error, exit_no_gateway);
        return false;
    }
    return open(*gateway.endpoint);
}

bool NodeRun::discover() {
    const auto places = search_places(options_);
    if (!places.error.empty()) {
        fail(places.error, exit_usage);
        return false;
    }
    DiscoveryLink::Handler handler{[this](const node::DiscoveryEvent& event) { on_gateway_found(event); }, {}};
    if (options_.debug) handler.on_frame = print_frame;
    discovery_ = std::make_unique<DiscoveryLink>(io_, make_discovery_options(options_), true, std::move(handler));
    if (const auto error = discovery_->open(places.targets, options_.interface)) {
        fail(*error, exit_no_gateway);
        return false;
    }
    for (const auto& each : discovery_->warnings())
        fmt::print(stderr, "{}\n", each);
    discovery_limit_.expires_after(microseconds_of(options_.discover_within_s));
    discovery_limit_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        fail(nobody_found(options_), exit_no_gateway);
    });
    discovery_->search();
    return true;
}

void NodeRun::on_gateway_found(const node::DiscoveryEvent& event) {
    const auto* found = std::get_if<node::GatewayFound>(&event);
    if (found == nullptr || !place_.empty()) return;
    discovery_limit_.cancel();
    const auto gateway = choice_.next(discovery_->gateways());
    const auto address = transports::to_socket_address(gateway->address);
    place_ = transports::to_string(address);
    if (options_.debug) fmt::print(stderr, "found gateway {} at {}\n", gateway->gw_id, place_);
    open(to_endpoint(address));
}

bool NodeRun::open(const boost::asio::ip::udp::endpoint& gateway) {
    if (const auto opened = link_->open(gateway); !opened) {
        fail(fmt::format("cannot open a UDP socket for {}: {}", place_, opened.error().message()), exit_no_gateway);
        return false;
    }
    if (has_connection_) {
        link_->act([](node::Client& client, TimePoint now, node::Outbox& out) { client.connect(now, out); });
    } else {
        actions_.on_connected(*this);
    }
    return true;
}

void NodeRun::on_socket_error(const std::string& reason) {
    unreachable_ = reason;
    // The host says that nobody is there: no reason to wait for T_retry.
    if (!was_connected_ && has_connection_ && !finishing_) {
        gateway_failed(fmt::format("no gateway answers at {} ({})", place_, reason), exit_no_gateway);
    }
}

void NodeRun::on_event(const node::Event& event) {
    if (std::holds_alternative<node::Connected>(event)) {
        was_connected_ = true;
        unreachable_.clear();
        choice_.succeeded();
        if (!finishing_) actions_.on_connected(*this);
    } else if (const auto* rejected = std::get_if<node::Rejected>(&event)) {
        gateway_failed(fmt::format("rejected by the gateway at {}: {}", place_, text_of(rejected->code)), exit_failed);
    } else if (std::holds_alternative<node::Lost>(event)) {
        const auto why = unreachable_.empty() ? std::string() : " (" + unreachable_ + ")";
        const auto text = was_connected_ ? fmt::format("the gateway at {} stopped answering{}", place_, why)
                                         : fmt::format("no gateway answers at {}{}", place_, why);
        gateway_failed(text, exit_no_gateway);
    } else if (const auto* ended = std::get_if<node::Disconnected>(&event)) {
        if (ended->asked || finishing_) return stop(exit_code_);
        fmt::print(stderr, "disconnected by the gateway at {}; connecting again\n", place_);
    } else if (const auto* updated = std::get_if<node::WillUpdated>(&event)) {
        on_will_updated(*updated);
    } else {
        actions_.on_event(*this, event);
    }
}

// SN 6.13: first another gateway, then the former one; without discovery there is none to choose from.
void NodeRun::gateway_failed(const std::string& text, int exit_code) {
    if (finishing_) return stop(exit_code_);
    const auto next = discovery_ ? choice_.next(discovery_->gateways()) : std::nullopt;
    if (!next) return fail(text, exit_code);
    const auto address = transports::to_socket_address(next->address);
    fmt::print(stderr, "{}; trying {}\n", text, transports::to_string(address));
    const bool is_other = transports::to_string(address) != place_;
    place_ = transports::to_string(address);
    was_connected_ = false;
    unreachable_.clear();
    if (is_other) {
        link_->act([](node::Client& client, TimePoint, node::Outbox& out) { client.change_gateway(out); });
    }
    open(to_endpoint(address));
}

void NodeRun::update_will(const WillUpdateOptions& update, std::function<void()> then) {
    const bool has_topic = !update.topic.empty() || update.remove;
    if (will_is_current_ || (!has_topic && !update.has_payload)) return then();
    if (will_updates_open_ > 0) return;  // the client asks again after a reconnection
    after_will_update_ = std::move(then);
    will_updates_open_ = (has_topic ? 1U : 0U) + (update.has_payload ? 1U : 0U);
    link_->act([&](node::Client& client, TimePoint now, node::Outbox& out) {
        const Bytes payload = as_bytes(update.payload);
        if (has_topic) client.update_will_topic(update.topic, static_cast<Qos>(update.qos), update.retain, now, out);
        if (update.has_payload) client.update_will_message(Buffer(payload.begin(), payload.end()), now, out);
    });
}

void NodeRun::on_will_updated(const node::WillUpdated& update) {
    if (update.code != sn::ReturnCode::accepted) {
        fmt::print(stderr, "will not updated: {}\n", text_of(update.code));
        return finish(exit_failed);
    }
    if (will_updates_open_ == 0 || --will_updates_open_ > 0 || finishing_) return;
    will_is_current_ = true;
    if (options_.debug) fmt::print(stderr, "will updated\n");
    std::exchange(after_will_update_, {})();
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

void NodeRun::fail(const std::string& text, int exit_code) {
    if (finishing_) return stop(exit_code_);
    fmt::print(stderr, "{}\n", text);
    stop(exit_code);
}

void NodeRun::stop(int exit_code) {
    exit_code_ = exit_code;
    io_.stop();
}

}  // namespace mqttsn::tools
