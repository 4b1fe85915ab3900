#include "gateway/core/gateway_link.hpp"

#include "gateway/core/procedures/procedures.hpp"
#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

constexpr std::string_view online = R"({"state":"online"})";
constexpr auto listening_time = 10s;
constexpr auto too_short = 10s;  // a connection
constexpr std::size_t most_reasons_logged = 4;
constexpr std::string_view offline = R"({"state":"offline"})";

SourceRateLimit source_limit(const Config& config) {
    const double rate = config.qos_minus_one.messages_per_second_per_source;
    return {rate, std::max(1.0, rate), config.limits.tracked_sources};
}

}  // namespace

GatewayLink::GatewayLink(const Config& config)
    : upstream_(config.broker.client, 0), per_source_(source_limit(config)), devices_(config.bridge) {
    if (config.bridge.state_topic.empty()) return;
    const Bytes payload = as_bytes(offline);
    will_ = mqtt::Will{config.bridge.state_topic, Buffer(payload.begin(), payload.end()), Qos::at_least_once, true};
}

void GatewayLink::reconfigure(const Config& config) {
    per_source_ = source_limit(config);
}

void GatewayLink::start(Turn& turn) {
    open(turn);
}

void GatewayLink::stop(Turn& turn) {
    attempt_ends_.reset();
    next_attempt_.reset();
    // DISCONNECT takes the will away.
    if (upstream_.is_ready()) {
        const std::vector<std::string> forgotten = turn.config().durable ? std::vector<std::string>{} : devices_.told();
        for (const std::string& topic : forgotten)
            tell(topic, {}, turn);
        const std::string& state_topic = turn.config().bridge.state_topic;
        if (!state_topic.empty()) tell(state_topic, offline, turn);
    }
    upstream_.disconnect(0x00, turn.out);
}

void GatewayLink::open(Turn& turn) {
    next_attempt_.reset();
    attempt_ends_ = turn.now + turn.config().timers.upstream_connect_timeout;
    upstream_.open(++turn.core.last_upstream_id, true, turn.out);
}

void GatewayLink::opened(Turn& turn) {
    const BrokerConfig& broker = turn.config().broker;
    upstream_.connect({own_client_id(turn.config()), true, will_ ? &*will_ : nullptr, broker.username, broker.password},
                      turn.now, turn.out);
}

void GatewayLink::received(Bytes octets, Turn& turn) {
    events_.clear();
    upstream_.write(turn.out,
                    [&](mqtt::Client& client, Buffer& wire) { client.receive(octets, turn.now, wire, events_); });
    handle_events(turn);
}

void GatewayLink::handle_events(Turn& turn) {
    for (const mqtt::Event& event : events_) {
        if (std::holds_alternative<mqtt::Connected>(event)) {
            ++turn.counters().upstream_connects;
            upstream_.accepted();
            attempt_ends_.reset();
            failures_logged_.clear();
            connected_at_ = turn.now;
            turn.log(LogLevel::info, "broker", "connected");
            introduce(turn);
            for (const Message& message : std::exchange(waiting_, {}))
                send(message, turn);
        } else if (const auto* message = std::get_if<mqtt::MessageReceived>(&event)) {
            if (message->retain && !message->payload.empty()) devices_.heard(message->topic, turn);
        } else if (const auto* refused = std::get_if<mqtt::Refused>(&event)) {
            upstream_.abort(turn.out);
            return fail(
                fmt::format("it refused the connection (reason 0x{:02x}); check [broker] username, password and "
                            "client ids",
                            refused->reason),
                turn);
        } else if (const auto* ended = std::get_if<mqtt::ConnectionEnded>(&event)) {
            upstream_.abort(turn.out);
            return fail(
                ended->error ? ended->error.message() : fmt::format("DISCONNECT, reason 0x{:02x}", ended->reason),
                turn);
        }
    }
}

void GatewayLink::closed(std::string_view reason, Turn& turn) {
    upstream_.lost();
    fail(std::string(reason), turn);
}

// Each reason is said once per outage: every retry would fill the log of a barn for a week.
void GatewayLink::fail(std::string reason, Turn& turn) {
    ++turn.counters().upstream_failures;
    attempt_ends_.reset();
    if (connected_at_ && turn.now - *connected_at_ < too_short) {
        // Two connections with one client id end each other as fast as they may: the back-off goes on growing.
        reason +=
            fmt::format(" soon after it had accepted it; does another gateway use [broker] gateway_client_id = \"{}\"?",
                        own_client_id(turn.config()));
    } else if (connected_at_) {
        upstream_.end_outage();
    }
    connected_at_.reset();
    // A broker that breaks when it is asked for what it retains is not asked again at once.
    may_listen_ = !listens_until_;
    listens_until_.reset();
    next_attempt_ = upstream_.back_off(turn.config().timers, turn.core.random, turn.now);
    const bool is_new = failures_logged_.size() < most_reasons_logged &&
                        std::ranges::find(failures_logged_, reason) == failures_logged_.end();
    turn.log(is_new ? LogLevel::error : LogLevel::debug, "broker", "not connected: {}", reason);
    if (is_new) failures_logged_.push_back(std::move(reason));
}

void GatewayLink::introduce(Turn& turn) {
    const BridgeConfig& bridge = turn.config().bridge;
    if (!bridge.state_topic.empty()) tell(bridge.state_topic, online, turn);
    if (!bridge.info_topic.empty() && !bridge.info.empty()) tell(bridge.info_topic, bridge.info, turn);
    devices_.begin(turn);
    if (devices_.is_on() && may_listen_) listen(turn);
    may_listen_ = true;
}

// What an earlier process has told of devices that nobody knows any more is retained; it comes right after SUBACK.
void GatewayLink::listen(Turn& turn) {
    const auto sent = upstream_.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.subscribe(turn.config().bridge.devices_prefix + "+", Qos::at_most_once, turn.now, wire);
    });
    if (sent) listens_until_ = turn.now + listening_time;
}

void GatewayLink::stop_listening(Turn& turn) {
    listens_until_.reset();
    upstream_.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.unsubscribe(turn.config().bridge.devices_prefix + "+", turn.now, wire);
    });
}

void GatewayLink::tell_devices(Turn& turn) {
    if (!upstream_.is_ready()) return;
    while (const auto each = devices_.next(turn)) {
        tell(each->topic, each->text, turn);
        ++turn.counters().device_status_told;
    }
}

// QoS 0: lost with the connection, and told again with the next. Without a text the broker forgets the topic.
void GatewayLink::tell(std::string_view topic, std::string_view text, Turn& turn) {
    upstream_.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.publish({topic, as_bytes(text), Qos::at_most_once, true}, turn.now, wire);
    });
}

bool GatewayLink::is_allowed(const Endpoint& source, const Turn& turn) const {
    const QosMinusOne& rules = turn.config().qos_minus_one;
    if (!rules.enabled) return false;
    return !rules.only_listed || std::ranges::find(rules.allowed, source) != rules.allowed.end();
}

void GatewayLink::publish(const Route& route, const Session* client, const sn::Publish& packet, Turn& turn) {
    ++turn.counters().publish_in_qos_minus1;
    std::string topic;
    if (packet.type == sn::TopicIdType::predefined) {
        topic = turn.core.predefined.find(client != nullptr ? client->client_id : std::string_view(), packet.topic_id);
    } else if (packet.type == sn::TopicIdType::short_name) {
        topic = short_name(packet.topic_id);
    }
    if (!is_usable_topic_name(topic) || !is_allowed(route.endpoint, turn) || !per_source_.allow(route, turn.now)) {
        ++turn.counters().qos_minus1_dropped;
        return;
    }
    Message message{std::move(topic), Buffer(packet.data.begin(), packet.data.end()),
                    packet.retain && turn.config().qos_minus_one.allow_retain};
    if (upstream_.is_ready()) return send(message, turn);
    if (turn.config().qos_minus_one.queue_messages == 0) {
        ++turn.counters().qos_minus1_dropped;
        return;
    }
    if (waiting_.size() >= turn.config().qos_minus_one.queue_messages) {
        ++turn.counters().qos_minus1_dropped;
        waiting_.pop_front();
    }
    waiting_.push_back(std::move(message));
}

void GatewayLink::send(const Message& message, Turn& turn) {
    const auto sent = upstream_.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.publish({message.topic, message.payload, Qos::at_most_once, message.retain}, turn.now, wire);
    });
    if (!sent) ++turn.counters().qos_minus1_dropped;
}

void GatewayLink::timeout(Turn& turn) {
    if (attempt_ends_ && *attempt_ends_ <= turn.now) {
        upstream_.abort(turn.out);
        return fail("no answer in time (timers.upstream_connect_timeout)", turn);
    }
    if (next_attempt_ && *next_attempt_ <= turn.now) return open(turn);
    if (listens_until_ && *listens_until_ <= turn.now) stop_listening(turn);
    const auto mqtt = upstream_.is_ready() ? upstream_.client().next_timeout() : std::nullopt;
    if (mqtt && *mqtt <= turn.now) {
        events_.clear();
        upstream_.write(turn.out, [&](mqtt::Client& client, Buffer& wire) { client.timeout(turn.now, wire, events_); });
        handle_events(turn);
    }
}

std::optional<TimePoint> GatewayLink::next_timeout() const noexcept {
    std::optional<TimePoint> earliest = attempt_ends_;
    const auto consider = [&](std::optional<TimePoint> when) {
        if (when && (!earliest || *when < *earliest)) earliest = when;
    };
    consider(next_attempt_);
    consider(listens_until_);
    if (upstream_.is_ready()) {
        consider(upstream_.client().next_timeout());
        consider(devices_.next_time());
    }
    return earliest;
}

}  // namespace mqttsn::gateway
