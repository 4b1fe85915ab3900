#include "tools/commands/sim_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace mqttsn::tools {

namespace {

// At least, and at most twice that.
constexpr std::chrono::duration<double> retry_after{1};
constexpr std::chrono::duration<double> retry_refused_after{5};

node::ClientOptions options_of(node::ClientOptions options, const Scenario& scenario, const NodeGroup& group,
                               std::uint32_t index) {
    options.client_id = fmt::format("{}{}-{}", scenario.id_prefix, group.name, index);
    options.keep_alive_s = scenario.keep_alive_s;
    // Only a session that is kept has messages for a node that returns from sleep (SN 6.3).
    options.clean_session = group.profile != Profile::sleeper;
    return options;
}

/// At once, also into a pipe: somebody may be waiting for it.
void tell(std::string_view line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

std::chrono::steady_clock::time_point on_clock(TimePoint when) {
    return std::chrono::steady_clock::time_point(when.time_since_epoch());
}

}  // namespace

SimNode::SimNode(boost::asio::io_context& io, const Scenario& scenario, std::uint32_t group, std::uint32_t index,
                 node::ClientOptions client, const FleetOutput& output, FleetTotals& totals)
    : scenario_(scenario),
      group_(scenario.groups[group]),
      index_(index),
      qos_(group_.profile == Profile::beacon ? Qos::minus_one : group_.qos[(index - 1) % group_.qos.size()]),
      output_(output),
      fleet_(totals),
      random_(node::random_of(scenario.seed, group, index)),
      luck_(node::random_of(scenario.seed + 5, group, index)),
      readings_(node::random_of(scenario.seed + 1, group, index), scenario.day),
      link_(io, options_of(std::move(client), scenario, group_, index),
            {[this](const node::Event& event) { on_event(event); }, {}, {}}),
      timer_(io),
      retry_(io) {}

void SimNode::start(TimePoint when) {
    timer_.expires_at(on_clock(when));
    timer_.async_wait([this, when](boost::system::error_code error) {
        if (error || quiet_) return;
        begin_ = when;
        if (group_.profile == Profile::beacon) return schedule_next();
        connect();
    });
}

void SimNode::connect() {
    is_connecting_ = true;
    link_.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.connect(now, out); });
}

void SimNode::quiesce() {
    quiet_ = true;
    timer_.cancel();
}

void SimNode::disconnect() {
    ending_ = true;
    timer_.cancel();
    retry_.cancel();
    if (is_disconnected()) return;
    if (group_.profile == Profile::sleeper) {
        // A clean CONNECT takes the kept session away.
        link_.act([](node::Client& client, TimePoint now, node::Outbox& out) {
            client.set_clean_session(true);
            client.connect(now, out);
        });
        return;
    }
    link_.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.disconnect(now, out); });
}

void SimNode::on_event(const node::Event& event) {
    if (std::holds_alternative<node::Connected>(event)) {
        on_connected();
    } else if (const auto* done = std::get_if<node::Published>(&event)) {
        on_published(*done);
    } else if (const auto* subscribed = std::get_if<node::Subscribed>(&event)) {
        is_subscribing_ = false;
        is_subscribed_ = subscribed->code == sn::ReturnCode::accepted;
        if (!is_subscribed_) {
            ++fleet_.refused;
            retry_later(&SimNode::subscribe, retry_after);
        }
        sleep_when_idle();
    } else if (const auto* message = std::get_if<node::Received>(&event)) {
        on_received(*message);
    } else if (const auto* ended = std::get_if<node::Disconnected>(&event); ended != nullptr && ended->asked) {
        link_.close();
    } else if (std::holds_alternative<node::Disconnected>(event)) {
        on_ended();  // the client connects again by itself
    } else if (const auto* rejected = std::get_if<node::Rejected>(&event)) {
        on_ended();
        if (rejected->code == sn::ReturnCode::congestion) return;  // likewise
        // Noise may have turned the answer into a refusal, and one that broke the rules may do better the next time.
        retry_later(&SimNode::connect, link_.misbehaviour() != nullptr ? retry_after : retry_refused_after);
    } else if (std::holds_alternative<node::Lost>(event)) {
        on_ended();
        retry_later(&SimNode::connect, retry_after);
    }
}

void SimNode::on_connected() {
    is_connecting_ = false;
    if (ending_) {
        link_.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.disconnect(now, out); });
        return;
    }
    const bool is_sleeper = group_.profile == Profile::sleeper;
    const bool is_return = is_sleeper && was_connected_;
    if (!is_return) ++fleet_.connects;
    was_connected_ = true;
    // A clean session has no subscriptions, a kept one keeps them.
    if (!is_sleeper) is_subscribed_ = false;
    subscribe();
    if (group_.profile != Profile::actuator && planned_ == Duration::zero()) schedule_next();
    sleep_when_idle();
}

void SimNode::subscribe() {
    const bool wants_to = obeys() || group_.echo;
    if (!wants_to || is_subscribed_ || is_subscribing_ || !link_.client().is_connected()) return;
    is_subscribing_ = true;
    link_.act([&](node::Client& client, TimePoint now, node::Outbox& out) {
        client.subscribe(topic_of(obeys() ? "command" : "reading"), obeys() ? group_.command_qos : qos_, now, out);
    });
}

void SimNode::on_published(const node::Published& done) {
    const auto found = open_.extract(done.token);
    if (!found) return;
    if (done.code != sn::ReturnCode::accepted) {
        ++fleet_.refused;
    } else if (found.mapped().is_confirmed) {
        const Duration latency = NodeLink::now() - found.mapped().since;
        ++fleet_.acknowledged;
        ++totals_.acknowledged;
        fleet_.latencies.add(latency);
        totals_.latency_sum += latency;
        totals_.latency_max = std::max(totals_.latency_max, latency);
    } else {
        ++fleet_.without_acknowledgement;
    }
    sleep_when_idle();
}

void SimNode::on_received(const node::Received& message) {
    const auto text = as_text(message.payload);
    if (obeys()) return on_command(text);
    if (seals_ && !node::is_intact(text)) {
        ++fleet_.altered;
        return;
    }
    const auto number = node::number_of(text);
    if (group_.echo && number) on_echo(*number);
}

void SimNode::on_command(std::string_view command) {
    ++fleet_.commands;
    if (!output_.quiet) tell(fmt::format("{} obeys: {}", client_id(), command));
    if (ending_) return;
    const std::string state = fmt::format("{{\"done\":\"{}\"}}", command);
    publish(topic_of("state"), seals_ ? node::sealed(state) : state, Qos::at_least_once);
}

void SimNode::on_echo(std::uint64_t number) {
    const auto found = echoes_.extract(number);
    if (!found) {
        if (number <= last_echo_) ++fleet_.echoes_duplicated;
        return;
    }
    last_echo_ = std::max(last_echo_, number);
    const Duration latency = NodeLink::now() - found.mapped();
    ++fleet_.echoes;
    fleet_.echo_latencies.add(latency);
    totals_.echo_latency_max = std::max(totals_.echo_latency_max, latency);
}

void SimNode::on_ended() {
    ++fleet_.connections_lost;
    was_connected_ = false;
    is_connecting_ = false;
}

void SimNode::retry_later(void (SimNode::*what)(), std::chrono::duration<double> after) {
    if (ending_) return;
    // Not in step with the others that the same outage hit.
    std::uniform_real_distribution<double> factor(1, 2);
    retry_.expires_after(std::chrono::round<Duration>(after * factor(luck_)));
    retry_.async_wait([this, what](boost::system::error_code error) {
        if (!error && !ending_) (this->*what)();
    });
}

// Times are planned from the beginning on: what a slow gateway delays does not shift what follows.
void SimNode::schedule_next() {
    const double period = static_cast<double>(group_.period.count());
    std::uniform_real_distribution<double> spread(-group_.jitter, group_.jitter);
    std::uniform_real_distribution<double> phase(0, 1);
    const bool is_first = planned_ == Duration::zero();
    const double wait = period * (is_first ? phase(random_) : 1.0 + spread(random_));
    planned_ += Duration(std::max<Duration::rep>(1, static_cast<Duration::rep>(wait)));
    timer_.expires_at(on_clock(begin_ + planned_));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error || quiet_) return;
        measure();
        schedule_next();
    });
}

void SimNode::measure() {
    const node::Reading reading = readings_.next(planned_);
    const std::string text =
        seals_ ? node::to_sealed_json(reading, group_.payload) : node::to_json(reading, group_.payload);
    if (group_.profile == Profile::beacon) {
        // Two characters travel inside the topic id: no registration needed (SN 6.8).
        return publish(fmt::format("b{}", index_ % 10), text, qos_);
    }
    const bool may_publish = group_.profile == Profile::sleeper ? was_connected_ : link_.client().is_connected();
    if (!may_publish || open_.size() >= most_open) {
        ++fleet_.skipped;
        return;
    }
    if (group_.echo && is_subscribed_) {
        if (echoes_.size() >= most_open) echoes_.erase(echoes_.begin());
        echoes_.emplace(reading.number, NodeLink::now());
    }
    publish(topic_of("reading"), text, qos_);
}

void SimNode::publish(const std::string& topic, const std::string& text, Qos qos) {
    ++fleet_.sent;
    ++totals_.sent;
    if (output_.verbose) tell(fmt::format("{} -> {} {}", client_id(), topic, text));
    const Bytes octets = as_bytes(text);
    link_.act([&](node::Client& client, TimePoint now, node::Outbox& out) {
        const bool is_confirmed = qos == Qos::at_least_once || qos == Qos::exactly_once;
        const bool retain = group_.retain && qos == qos_;
        const auto token = client.publish(topic, Buffer(octets.begin(), octets.end()), qos, retain, now, out);
        open_.emplace(token, Open{now, is_confirmed});
    });
    // Asleep or awake: what it has to say needs a connection (SN12C-6.14-e).
    if (group_.profile == Profile::sleeper && !link_.client().is_connected() && !is_connecting_) connect();
}

void SimNode::sleep_when_idle() {
    if (group_.profile != Profile::sleeper || ending_ || !open_.empty() || is_subscribing_) return;
    if (!link_.client().is_connected()) return;
    link_.act([&](node::Client& client, TimePoint now, node::Outbox& out) {
        client.sleep(static_cast<std::uint16_t>(std::chrono::round<std::chrono::seconds>(group_.sleep).count()), now,
                     out);
    });
}

std::string SimNode::topic_of(std::string_view what) const {
    return fmt::format("{}/{}-{}/{}", scenario_.topic_prefix, group_.name, index_, what);
}

}  // namespace mqttsn::tools
