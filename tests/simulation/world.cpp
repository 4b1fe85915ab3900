#include "tests/simulation/world.hpp"

#include "gateway/core/route.hpp"
#include "protocol/sn/forwarder.hpp"

#include <algorithm>

namespace mqttsn::simulation {

World::World(const Plan& plan, Trace& trace)
    : plan_(plan),
      trace_(trace),
      dice_(plan.seed ^ 0x5EEDU),
      oracle_(plan, time_, disk_, trace),
      broker_(plan, oracle_, trace, time_, dice_.split(),
              {[this](Socket socket, Buffer octets) { to_gateway(socket, std::move(octets)); },
               [this](Socket socket) { close_at_gateway(socket, "closed by the broker"); },
               [this](Socket socket) {
                   const auto found = links_.find(socket);
                   const bool is_whole = found != links_.end() && !found->second.is_tampered;
                   return is_whole ? Cause::gateway : Cause::environment;
               }}),
      device_world_{plan,
                    time_,
                    oracle_,
                    trace,
                    [this](int device, const Buffer& datagram) { send_up(device, datagram); },
                    [this] { return emission_; }} {
    for (std::size_t i = 0; i < plan.devices.size(); ++i) {
        devices_.push_back(
            std::make_unique<Device>(static_cast<int>(i), plan.devices[i], device_world_, dice_.split()));
    }
}

void World::run() {
    broker_.is_healthy = false;
    start_gateway();
    for (auto& each : devices_) {
        time_.after(dice_.between(Duration(0s), Duration(2s)), [device = each.get()] { device->start(); });
    }
    if (plan_.crash.pause > Duration::zero()) schedule(plan_.crash.pause, &World::crash_later);
    if (plan_.broker.pause_between_breaks > Duration::zero()) {
        schedule(plan_.broker.pause_between_breaks, &World::break_later);
    }
    if (plan_.broker.pause_between_restarts > Duration::zero()) {
        schedule(plan_.broker.pause_between_restarts, &World::restart_broker);
    }
    if (plan_.gateway.durable && plan_.disk.pause_between_failures > Duration::zero()) {
        schedule(plan_.disk.pause_between_failures, &World::fail_disk);
    }
    schedule(plan_.pause_of_application, &World::publish);
    run_until(time_.now() + plan_.active, [] { return false; });
    heal();
    check_end();
}

void World::run_until(TimePoint end, const std::function<bool()>& is_enough) {
    TimePoint next_look = time_.now();
    while (time_.now() < end) {
        if (time_.now() >= next_look) {
            if (is_enough()) return;
            next_look = time_.now() + 500ms;
            time_.at(next_look, [] {});
        }
        step(end);
    }
}

void World::step(TimePoint end) {
    if (++steps_ > 3'000'000) oracle_.fail("the run does not come to an end");
    TimePoint when = std::min(end, time_.next());
    Device* device = nullptr;
    for (auto& each : devices_) {
        if (const auto next = each->next_timeout(); next && *next < when) {
            when = *next;
            device = each.get();
        }
    }
    const auto gateway_next = gateway_ ? gateway_->next_timeout() : std::nullopt;
    if (gateway_next && *gateway_next < when) {
        time_.move_to(*gateway_next);
        return input([&] { gateway_->timeout(time_.now(), out_); });
    }
    if (device != nullptr) {
        time_.move_to(when);
        return device->timeout();
    }
    if (time_.next() <= end) return time_.run_next();
    time_.move_to(end);
}

// ---- gateway ----

void World::carry_out() {
    if (death_ == Death::before_records) return stop_gateway(true);
    const gateway::Outbox out = std::exchange(out_, {});
    oracle_.counted(gateway_->counters());
    observe(out);
    if (!out.store.empty()) {
        oracle_.require(plan_.gateway.durable, "records without a store");
        disk_.append(++last_commit_, out, time_.now());
        commit_later();
    }
    if (death_ == Death::before_outputs) return stop_gateway(true);
    if (death_ == Death::between_outputs) outputs_left_ = dice_.below(3);
    gate_.pass(out, last_commit_, *this);
    if (death_ == Death::between_outputs) return stop_gateway(true);
    check_bounds();
}

void World::observe(const gateway::Outbox& out) {
    for (const auto& frame : out.frames) {
        const Bytes octets = out.view(frame.offset, frame.size);
        const Device* device = find(frame.to.address, octets, false);
        if (device == nullptr) continue;
        gateway::Route route{frame.to, {}};
        const auto inner = gateway::unwrap(octets, 1, route);
        oracle_.require(inner.has_value(), "a frame of the gateway is badly encapsulated");
        const auto packet = sn::decode(inner->message);
        oracle_.require(packet.has_value(), "a frame of the gateway is malformed");
        const auto number = static_cast<int>(
            std::ranges::find_if(devices_, [&](const auto& each) { return each.get() == device; }) - devices_.begin());
        oracle_.gateway_says(number, std::string(as_text(frame.to.address.octets())), *packet);
    }
    for (const auto& each : out.log) {
        if (trace_.is_on) trace_.add(time_.now(), "log: {}: {}", each.subject, each.text);
        if (each.text.starts_with("lost: ")) oracle_.gateway_loses(Oracle::device_of(each.subject));
    }
}

void World::check_bounds() {
    const std::size_t clients = devices_.size();
    oracle_.require(gateway_->session_count() <= clients, "there are more sessions than clients");
    oracle_.require(gate_.waiting() <= clients + 1, "more sessions wait for the disk than there are");
    const auto open = static_cast<std::size_t>(std::ranges::count_if(
        links_, [&](const auto& each) { return each.first >> 32U == epoch_ && each.second.is_open; }));
    oracle_.require(open <= clients + 1 + clients, "there are more broker connections than clients");
    oracle_.require(disk_.count(gateway::RecordKind::session) <= clients * 2 + 2,
                    "there are more records than clients");
}

void World::start_gateway() {
    ++epoch_;
    trace_.add(time_.now(), "gateway starts");
    gateway::Config config = plan_.gateway;
    config.seed += epoch_;
    gateway_ = std::make_unique<gateway::Gateway>(std::move(config), gateway::Gateway::Naming{});
    gate_ = {};
    out_.clear();
    death_ = Death::none;
    outputs_left_ = SIZE_MAX;
    for (const auto& [key, image] : disk_.records())
        gateway_->restore(key, image);
    input([&] { gateway_->start(time_.now(), out_); });
}

void World::stop_gateway(bool crashed) {
    trace_.add(time_.now(), "gateway {}", crashed ? "is killed" : "ends");
    gateway_.reset();
    gate_ = {};
    out_.clear();
    death_ = Death::none;
    outputs_left_ = SIZE_MAX;
    disk_.crash(crashed ? dice_.below(disk_.waiting() + 1) : disk_.waiting());
    oracle_.gateway_stopped(crashed, std::min(time_.now(), disk_.lost_since()));
    for (auto& [socket, link] : links_) {
        if (!link.is_open) continue;
        link.is_open = false;
        link.is_deaf = true;
        // Less may arrive, never more: an earlier break has cut the stream already.
        if (crashed && dice_.chance(0.5)) link.octets_left = std::min<std::size_t>(link.octets_left, dice_.below(100));
        const Socket gone = socket;
        link.is_tampered = link.is_tampered || crashed;
        const Cause cause = link.is_tampered ? Cause::environment : Cause::gateway;
        time_.at(arrival(last_to_broker_), [this, gone, cause] { close_at_broker(gone, cause); });
    }
    const Duration outage = is_healed_ ? Duration(100ms) : dice_.between(Duration(100ms), plan_.crash.longest_outage);
    time_.after(outage, [this] {
        if (!gateway_) start_gateway();
    });
}

void World::leave(const gateway::FrameOut& frame, Bytes octets) {
    if (outputs_left_ == 0) return;
    if (outputs_left_ != SIZE_MAX) --outputs_left_;
    if (!frame.broadcast) send_down(frame.to, octets);
}

void World::leave(const gateway::UpstreamOut& action, Bytes octets) {
    if (outputs_left_ == 0) return;
    if (outputs_left_ != SIZE_MAX) --outputs_left_;
    const Socket socket = socket_of(action.id);
    if (action.action == gateway::UpstreamAction::open) return open(action.id);
    const auto found = links_.find(socket);
    if (found == links_.end()) return;
    if (action.action == gateway::UpstreamAction::send) {
        if (found->second.is_open) to_broker(socket, Buffer(octets.begin(), octets.end()));
        return;
    }
    Link& link = found->second;
    link.is_open = false;
    link.is_deaf = true;
    if (action.action == gateway::UpstreamAction::abort && dice_.chance(0.3)) link.octets_left = 0;
    const Cause cause = link.is_tampered ? Cause::environment : Cause::gateway;
    time_.at(arrival(last_to_broker_), [this, socket, cause] { close_at_broker(socket, cause); });
}

void World::overflowed(gateway::UpstreamId id) {
    const Socket socket = socket_of(id);
    if (const auto found = links_.find(socket); found != links_.end()) {
        found->second.is_tampered = true;
        found->second.is_open = false;
        time_.at(arrival(last_to_broker_), [this, socket] { close_at_broker(socket, Cause::environment); });
    }
    close_at_gateway(socket, "too much waits for the disk");
}

// ---- network ----

Device* World::find(const Address& address, Bytes datagram, bool is_exact) {
    const auto outer = sn::is_encapsulated(datagram) ? sn::decode_encapsulated(datagram)
                                                     : Result<sn::Encapsulated>(sn::CodecError::bad_encapsulation);
    for (auto& each : devices_) {
        const bool is_same_host = each->address().octets()[0] == address.octets()[0];
        if (is_exact ? !(each->address() == address) : !is_same_host) continue;
        if (each->node_id().empty() ? !outer : outer && as_text(outer->node_id) == each->node_id()) return each.get();
    }
    return nullptr;
}

template <class Deliver>
void World::transmit(Deliver deliver) {
    const NetworkPlan& network = plan_.network;
    const int copies = is_healed_                        ? 1
                       : dice_.chance(network.loss)      ? 0
                       : dice_.chance(network.duplicate) ? dice_.between(2, 3)
                                                         : 1;
    for (int i = 0; i < copies; ++i) {
        Duration delay = network.delay;
        if (!is_healed_) delay += dice_.between(Duration(0s), network.jitter);
        if (!is_healed_ && dice_.chance(network.reorder)) delay += dice_.between(Duration(0s), network.late);
        time_.after(delay, deliver);
    }
}

void World::send_up(int device, const Buffer& datagram) {
    const Address from = devices_[static_cast<std::size_t>(device)]->address();
    if (trace_.is_on) trace_.add(time_.now(), "d{} sends   {}", device, text_of_frame(datagram));
    transmit([this, device, from, datagram, sent = time_.now()] {
        if (!gateway_) return;
        if (trace_.is_on) trace_.add(time_.now(), "gateway <- d{}  {}", device, text_of_frame(datagram));
        const auto& sender = *devices_[static_cast<std::size_t>(device)];
        const auto packet =
            sn::decode(Bytes(datagram).subspan(sender.node_id().empty() ? 0 : 3 + sender.node_id().size()));
        oracle_.require(packet.has_value(), "a device sends a malformed frame");
        if (death_ != Death::at_once) oracle_.gateway_hears(device, std::string(as_text(from.octets())), *packet, sent);
        input([&] { gateway_->on_frame({Endpoint{0, from}, std::nullopt}, datagram, time_.now(), out_); });
    });
}

void World::send_down(const Endpoint& to, Bytes datagram) {
    const std::uint64_t emission = ++emission_;
    if (const Device* device = find(to.address, datagram, false)) {
        const auto number = static_cast<int>(
            std::ranges::find_if(devices_, [&](const auto& each) { return each.get() == device; }) - devices_.begin());
        gateway::Route route;
        const auto inner = gateway::unwrap(datagram, 1, route);
        if (trace_.is_on) trace_.add(time_.now(), "gateway -> d{}  {}", number, text_of_frame(datagram));
        oracle_.frame_leaves(number, *sn::decode(inner->message), emission);
    }
    transmit([this, address = to.address, emission, octets = Buffer(datagram.begin(), datagram.end())] {
        if (Device* device = find(address, octets, true)) device->receive(octets, emission);
    });
}

}  // namespace mqttsn::simulation
