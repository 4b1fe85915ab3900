// The broker's sockets, the disk's time, what goes wrong; and the end of a run.
#include "tests/simulation/world.hpp"

namespace mqttsn::simulation {

// ---- broker sockets ----

// What one side sends first arrives first, on whichever connection.
TimePoint World::arrival(TimePoint& last) {
    last = std::max(last, time_.now() + plan_.broker.latency);
    return last;
}

void World::open(gateway::UpstreamId id) {
    const Socket socket = socket_of(id);
    links_[socket];
    const bool is_silent = !is_healed_ && !broker_is_up_ && dice_.chance(0.2);
    if (is_silent) {
        links_[socket].is_tampered = true;
        return;
    }
    time_.at(arrival(last_to_broker_), [this, socket] {
        if (!broker_is_up_) return close_at_gateway(socket, "connection refused");
        broker_.opened(socket);
        time_.at(arrival(last_to_gateway_), [this, socket] {
            const auto found = links_.find(socket);
            if (found == links_.end() || found->second.is_deaf || socket >> 32U != epoch_) return;
            found->second.is_open = true;
            input([&] { gateway_->on_upstream_open(static_cast<gateway::UpstreamId>(socket), time_.now(), out_); });
        });
    });
}

void World::to_broker(Socket socket, Buffer octets) {
    time_.at(arrival(last_to_broker_), [this, socket, octets = std::move(octets)] {
        const auto found = links_.find(socket);
        if (found == links_.end()) return;
        const std::size_t size = std::min(found->second.octets_left, octets.size());
        if (found->second.octets_left != SIZE_MAX) found->second.octets_left -= size;
        if (size > 0) broker_.receive(socket, Bytes(octets).first(size));
    });
}

void World::to_gateway(Socket socket, Buffer octets) {
    time_.at(arrival(last_to_gateway_), [this, socket, octets = std::move(octets)] {
        const auto found = links_.find(socket);
        if (found == links_.end() || found->second.is_deaf || socket >> 32U != epoch_) return;
        input([&] { gateway_->on_upstream_data(static_cast<gateway::UpstreamId>(socket), octets, time_.now(), out_); });
    });
}

void World::close_at_gateway(Socket socket, const char* reason) {
    time_.at(arrival(last_to_gateway_), [this, socket, reason] {
        const auto found = links_.find(socket);
        if (found == links_.end() || found->second.is_deaf || socket >> 32U != epoch_) return;
        found->second.is_deaf = true;
        found->second.is_open = false;
        trace_.add(time_.now(), "gateway: connection {} closed: {}", socket & 0xFFFFFFFFU, reason);
        input(
            [&] { gateway_->on_upstream_closed(static_cast<gateway::UpstreamId>(socket), reason, time_.now(), out_); });
    });
}

void World::close_at_broker(Socket socket, Cause cause) {
    broker_.closed(socket, cause);
    links_.erase(socket);
}

void World::break_link() {
    std::vector<Socket> open;
    for (const auto& [socket, link] : links_) {
        if (link.is_open) open.push_back(socket);
    }
    if (open.empty()) return;
    const Socket socket = dice_.pick(open);
    Link& link = links_[socket];
    trace_.add(time_.now(), "connection {} breaks", socket & 0xFFFFFFFFU);
    link.is_tampered = true;
    link.octets_left = dice_.below(2) == 0 ? 0 : dice_.below(60);
    const auto late = [&] {
        const bool is_late = dice_.chance(plan_.broker.half_open);
        return dice_.between(Duration(0s), is_late ? Duration(8s) : Duration(50ms));
    };
    time_.after(late(), [this, socket] { broker_.closed(socket, Cause::environment); });
    time_.after(late(), [this, socket] { close_at_gateway(socket, "connection reset"); });
}

// ---- the disk ----

void World::commit_later() {
    if (is_commit_scheduled_) return;
    is_commit_scheduled_ = true;
    time_.after(dice_.between(Duration(0s), plan_.disk.slowest_commit), [this, epoch = epoch_] {
        is_commit_scheduled_ = false;
        if (disk_fails_ || !gateway_) {
            if (gateway_) commit_later();
            return;
        }
        const gateway::CommitId done = disk_.commit();
        if (done != 0 && epoch == epoch_) gate_.committed(done, *this);
    });
}

void World::fail_disk() {
    if (gateway_) {
        trace_.add(time_.now(), "the disk fails");
        disk_fails_ = true;
        // What keeps a connection alive waits for the disk too: when it ends, it is not the gateway's doing.
        for (auto& [socket, link] : links_)
            link.is_tampered = true;
        gateway_->set_store_failing(true);
    }
    time_.after(dice_.between(Duration(500ms), plan_.disk.longest_failure), [this] {
        trace_.add(time_.now(), "the disk works");
        disk_fails_ = false;
        if (gateway_) gateway_->set_store_failing(false);
    });
    schedule(plan_.disk.pause_between_failures, &World::fail_disk);
}

// ---- what goes wrong, and what the application does ----

void World::schedule(Duration mean, void (World::*what)()) {
    time_.after(dice_.between(Duration(10ms), mean * 2), [this, what] {
        if (!is_healed_) (this->*what)();
    });
}

void World::crash_later() {
    schedule(plan_.crash.pause, &World::crash_later);
    if (!gateway_ || death_ != Death::none) return;
    if (dice_.chance(plan_.crash.orderly)) {
        // What the disk has not taken yet is waited for.
        gateway_->shutdown(time_.now(), out_);
        carry_out();
        disk_.commit();
        gate_.committed(last_commit_, *this);
        return stop_gateway(false);
    }
    death_ = static_cast<Death>(dice_.between(1, 4));
}

void World::break_later() {
    break_link();
    schedule(plan_.broker.pause_between_breaks, &World::break_later);
}

void World::restart_broker() {
    const Duration outage = dice_.between(Duration(10ms), plan_.broker.longest_outage);
    broker_.restart(dice_.chance(plan_.broker.forgets));
    oracle_.broker_is_away(outage);
    broker_is_up_ = false;
    for (auto& [socket, link] : links_) {
        link.is_tampered = true;
        const bool is_late = dice_.chance(plan_.broker.half_open);
        time_.after(dice_.between(Duration(0s), is_late ? outage : Duration(50ms)),
                    [this, gone = socket] { close_at_gateway(gone, "the broker is gone"); });
    }
    time_.after(outage, [this] {
        broker_is_up_ = true;
        trace_.add(time_.now(), "the broker is back");
    });
    schedule(plan_.broker.pause_between_restarts + outage, &World::restart_broker);
}

void World::publish() {
    schedule(plan_.pause_of_application, &World::publish);
    if (!broker_is_up_) return;
    const auto device = static_cast<int>(dice_.below(devices_.size()));
    const std::string own = "c/" + Oracle::client_of(device);
    const std::string topic = dice_.pick(std::vector<std::string>{own, own, own, "s/1", "ab", "predef/one"});
    const auto qos = static_cast<Qos>(dice_.between(0, 2));
    const bool is_retained = dice_.chance(0.05);
    for (int burst = dice_.chance(0.2) ? dice_.between(2, 6) : 1; burst > 0; --burst) {
        const Message& message =
            oracle_.new_message(application, topic, qos, is_retained, static_cast<std::size_t>(dice_.between(0, 60)));
        broker_.publish(message.id, topic, message.payload, qos, is_retained);
    }
}

// ---- the end of a run ----

void World::heal() {
    trace_.add(time_.now(), "everything heals");
    is_healed_ = true;
    broker_.is_healthy = true;
    broker_is_up_ = true;
    disk_fails_ = false;
    death_ = Death::none;
    if (gateway_) gateway_->set_store_failing(false);
    if (!gateway_) start_gateway();
    for (auto& each : devices_)
        each->settle();
}

void World::check_end() {
    const auto for_each_living = [&](auto&& call) {
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            Device& device = *devices_[i];
            if (!device.is_beacon() && !device.is_gone_for_good()) call(static_cast<int>(i), device);
        }
    };
    const auto is_through = [&] {
        bool all = disk_.count(gateway::RecordKind::message) == 0;
        for_each_living([&](int number, Device& device) {
            const std::string client = Oracle::client_of(number);
            all = all && device.has_settled() && broker_.outstanding(client) == 0 && oracle_.is_settled(number);
        });
        return all;
    };
    run_until(time_.now() + 120s, is_through);
    // The tolerance of what died.
    run_until(time_.now() + 45s, [] { return false; });
    oracle_.check_messages();
    for_each_living([&](int number, Device& device) {
        const std::string client = Oracle::client_of(number);
        oracle_.check_deliveries(number);
        if (!device.has_settled()) oracle_.fail(fmt::format("{} cannot finish", client));
        // A gateway without a store that crashed, or MQTT 3.1, cannot tell that the broker forgot.
        // Nor does a gateway know in every case, after a crash, that it had not yet renewed what the broker forgot.
        const bool is_certain = plan_.broker.forgets == 0 || plan_.crash.pause == Duration::zero();
        // A late copy of a clean CONNECT forgets what the client believes to have.
        const bool is_told = plan_.gateway.durable && plan_.gateway.broker.client.version != mqtt::Version::v3_1;
        for (const auto& filter : device.subscriptions()) {
            // A late copy of UNSUBSCRIBE ends also the subscription that followed.
            if (oracle_.has_unsubscribed(number, filter)) continue;
            const bool is_kept = broker_.is_subscribed(client, filter);
            if (!is_kept && !device.plan().clean_session && is_certain && (is_told || plan_.broker.forgets == 0)) {
                oracle_.fail(fmt::format("{} has lost its subscription to {}", client, filter));
            }
        }
        if (broker_.outstanding(client) != 0) oracle_.fail(fmt::format("{} leaves messages at the broker", client));
        if (broker_.open_exchanges(client) > plan_.gateway.limits.inflight_in) {
            oracle_.fail(fmt::format("{} leaves exchanges open at the broker", client));
        }
    });
    for (std::size_t i = 0; i < devices_.size(); ++i)
        oracle_.check_will(static_cast<int>(i));
    oracle_.require(disk_.count(gateway::RecordKind::message) == 0, "messages stay in the store");

    for_each_living([](int, Device& device) { device.say_goodbye(); });
    run_until(time_.now() + 5s, [] { return false; });
    for_each_living([](int, Device& device) { device.clear(); });
    run_until(time_.now() + 15s, [] { return false; });
    std::size_t kept = 0;
    for (const auto& each : devices_)
        kept += each->is_gone_for_good() && !each->plan().clean_session ? 1 : 0;
    oracle_.require(gateway_->session_count() <= kept, "a session is left over");
    oracle_.require(disk_.count(gateway::RecordKind::session) <= kept, "a record of a session is left over");
    oracle_.require(gate_.waiting() == 0, "something waits for the disk");
    const auto open = std::ranges::count_if(
        links_, [&](const auto& each) { return each.first >> 32U == epoch_ && each.second.is_open; });
    oracle_.require(open == 1, "a broker connection is left over");
}

}  // namespace mqttsn::simulation
