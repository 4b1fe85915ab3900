#include "tools/commands/sim_node.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <numbers>

namespace mqttsn::tools {

namespace {

std::string name_of(SimNode::Profile profile, std::size_t index) {
    switch (profile) {
        case SimNode::Profile::sensor:
            return fmt::format("sensor-{}", index);
        case SimNode::Profile::actuator:
            return fmt::format("actuator-{}", index);
        case SimNode::Profile::beacon:
            return fmt::format("beacon-{}", index);
    }
    return {};
}

node::ClientOptions with_id(node::ClientOptions options, const std::string& id) {
    options.client_id = id;
    return options;
}

// Coldest at three in the morning, warmest at three in the afternoon.
double daily_curve(std::time_t now) {
    const double hour = static_cast<double>(now % 86400) / 3600.0;
    return 16.0 + 6.0 * std::sin((hour - 9.0) / 24.0 * 2.0 * std::numbers::pi);
}

}  // namespace

SimNode::SimNode(boost::asio::io_context& io, Profile profile, std::size_t index, Qos qos, node::ClientOptions client,
                 const FleetOptions& fleet, FleetTotals& totals, std::uint64_t seed)
    : profile_(profile),
      index_(index),
      qos_(qos),
      name_(name_of(profile, index)),
      fleet_(fleet),
      totals_(totals),
      random_(seed),
      link_(io, with_id(std::move(client), name_), {[this](const node::Event& event) { on_event(event); }, {}, {}}),
      timer_(io),
      offset_(std::normal_distribution<double>(0, 1.5)(random_)),
      battery_v_(std::uniform_real_distribution<double>(2.9, 3.3)(random_)) {}

Result<void> SimNode::start(const boost::asio::ip::udp::endpoint& gateway, std::chrono::milliseconds delay) {
    if (const auto opened = link_.open(gateway); !opened) return opened;
    timer_.expires_after(delay);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error && !quiet_) begin();
    });
    return {};
}

void SimNode::begin() {
    if (profile_ == Profile::beacon) return schedule_next();
    link_.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.connect(now, out); });
}

void SimNode::quiesce() {
    quiet_ = true;
    timer_.cancel();
}

void SimNode::disconnect() {
    if (!link_.client().is_connected()) return;
    link_.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.disconnect(now, out); });
}

void SimNode::on_event(const node::Event& event) {
    if (std::holds_alternative<node::Connected>(event)) {
        ++totals_.connects;
        if (profile_ == Profile::actuator) {
            link_.act([&](node::Client& client, TimePoint now, node::Outbox& out) {
                client.subscribe(fmt::format("{}/{}/command", fleet_.topic_prefix, name_), Qos::at_least_once, now,
                                 out);
            });
        } else {
            schedule_next();
        }
    } else if (const auto* done = std::get_if<node::Published>(&event)) {
        const auto found = open_.find(done->token);
        if (done->code != sn::ReturnCode::accepted) {
            ++totals_.refused;
        } else if (done->confirmed && found != open_.end()) {
            ++totals_.confirmed;
            totals_.latencies_ms.push_back(
                std::chrono::duration<double, std::milli>(NodeLink::now() - found->second).count());
        } else {
            ++totals_.unconfirmed;
        }
        if (found != open_.end()) open_.erase(found);
    } else if (const auto* command = std::get_if<node::Received>(&event)) {
        on_command(*command);
    } else if (const auto* ended = std::get_if<node::Disconnected>(&event); ended != nullptr && ended->asked) {
        link_.close();
    } else if (std::holds_alternative<node::Rejected>(event) || std::holds_alternative<node::Disconnected>(event)) {
        // The client connects again by itself where that makes sense.
        ++totals_.connections_lost;
    } else if (std::holds_alternative<node::Lost>(event)) {
        ++totals_.connections_lost;
        if (quiet_) return;
        timer_.expires_after(std::chrono::seconds(1));
        timer_.async_wait([this](boost::system::error_code error) {
            if (!error && !quiet_) begin();
        });
    }
}

void SimNode::on_command(const node::Received& command) {
    ++totals_.commands;
    const auto text = as_text(command.payload);
    if (!fleet_.quiet) {
        fmt::print("{} obeys: {}\n", name_, text);
        std::fflush(stdout);
    }
    publish(fmt::format("{}/{}/state", fleet_.topic_prefix, name_), fmt::format("{{\"done\":\"{}\"}}", text),
            Qos::at_least_once);
}

void SimNode::schedule_next() {
    const double spread = std::uniform_real_distribution<double>(-fleet_.jitter, fleet_.jitter)(random_);
    // The first reading comes early, so that a short run shows something.
    const double wait_s = fleet_.period_s * (1.0 + spread) * (readings_ == 0 ? 0.2 : 1.0);
    timer_.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(wait_s * 1e6)));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error || quiet_) return;
        read_sensor();
        schedule_next();
    });
}

void SimNode::read_sensor() {
    ++readings_;
    battery_v_ = std::max(2.0, battery_v_ - 0.00002);
    if (profile_ == Profile::beacon) {
        // Two characters travel inside the topic id: no registration needed (SN 6.8).
        publish(fmt::format("b{}", index_ % 10), fmt::format("{{\"beacon\":{},\"bat\":{:.3f}}}", index_, battery_v_),
                Qos::minus_one);
        return;
    }
    if (!link_.client().is_connected()) return;
    std::normal_distribution<double> noise(0, 0.15);
    const double temperature = daily_curve(std::time(nullptr)) + offset_ + noise(random_);
    const double humidity = std::clamp(70.0 - 1.2 * (temperature - 16.0) + 4.0 * noise(random_), 5.0, 99.0);
    publish(fmt::format("{}/{}/reading", fleet_.topic_prefix, name_),
            fmt::format("{{\"n\":{},\"t\":{:.2f},\"h\":{:.1f},\"bat\":{:.3f}}}", readings_, temperature, humidity,
                        battery_v_),
            qos_);
}

void SimNode::publish(const std::string& topic, const std::string& text, Qos qos) {
    ++totals_.sent;
    if (fleet_.verbose) fmt::print("{} -> {} {}\n", name_, topic, text);
    const Bytes octets = as_bytes(text);
    link_.act([&](node::Client& client, TimePoint now, node::Outbox& out) {
        const bool is_confirmed = qos == Qos::at_least_once || qos == Qos::exactly_once;
        const auto token = client.publish(topic, Buffer(octets.begin(), octets.end()), qos, false, now, out);
        if (is_confirmed) open_.emplace(token, now);
    });
}

}  // namespace mqttsn::tools
