#include "tests/simulation/plan.hpp"

#include <fmt/format.h>

namespace mqttsn::simulation {

namespace {

gateway::Config make_config(Dice& dice) {
    gateway::Config config;
    config.seed = dice.below(1U << 30U);
    config.links.resize(1);
    config.links.front().name = "air";
    config.discovery = false;
    config.broker.gateway_client_id = "gw";
    constexpr mqtt::Version versions[] = {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5};
    config.broker.client.version = versions[dice.chance(0.1) ? 0 : 1 + dice.below(2)];
    config.broker.client.keep_alive_s = static_cast<std::uint16_t>(dice.chance(0.5) ? 0 : dice.between(5, 20));
    config.broker.client.max_in_flight = 16;
    config.topics = {{1, "predef/one", "*"}, {2, "predef/two", "*"}};
    config.durable = dice.chance(0.65);
    if (config.durable && dice.chance(0.55)) {
        config.delivery.up = gateway::DeliveryUp::store;
        config.delivery.store_qos0 = dice.chance(0.2);
    }
    config.retry_exhausted = dice.chance(0.2) ? gateway::RetryExhausted::drop : gateway::RetryExhausted::lost;
    config.will_update = dice.chance(0.3) ? gateway::WillUpdate::reconnect : gateway::WillUpdate::local;
    // An updated will needs a place in this window.
    const bool keeps_wills = config.will_update == gateway::WillUpdate::local;
    if (!keeps_wills && dice.chance(0.5)) config.broker.client.max_in_flight = 1;
    auto& timers = config.timers;
    timers.retry = dice.between(Duration(800ms), Duration(2500ms));
    timers.retries = static_cast<std::uint32_t>(dice.between(2, 4));
    timers.wait = dice.between(Duration(3s), Duration(8s));
    timers.ping_probe = dice.chance(0.3);
    timers.upstream_connect_timeout = dice.between(Duration(2s), Duration(5s));
    timers.upstream_grace = dice.between(Duration(3s), Duration(20s));
    timers.upstream_backoff_min = dice.between(Duration(50ms), Duration(500ms));
    timers.upstream_backoff_max = 3s;
    if (dice.chance(0.15)) config.limits.queue_messages = static_cast<std::size_t>(dice.between(1, 5));
    if (dice.chance(0.2)) config.limits.inflight_in = static_cast<std::size_t>(dice.between(1, 3));
    return config;
}

DevicePlan make_device(Dice& dice) {
    DevicePlan plan;
    const auto kind = dice.below(10);
    plan.kind = kind < 4 ? DevicePlan::Kind::awake : kind < 9 ? DevicePlan::Kind::sleeper : DevicePlan::Kind::beacon;
    plan.clean_session = dice.chance(0.3);
    plan.forwarded = dice.chance(0.25);
    plan.moves = !plan.forwarded && dice.chance(0.2);
    plan.has_will = dice.chance(0.5);
    plan.dies = dice.chance(0.15);
    plan.rests = dice.chance(0.25);
    plan.keep_alive_s = static_cast<std::uint16_t>(dice.between(4, 20));
    plan.sleep_s = static_cast<std::uint16_t>(dice.between(4, 15));
    plan.pause = dice.between(Duration(500ms), Duration(5s));
    return plan;
}

}  // namespace

Plan make_plan(std::uint64_t seed) {
    Dice dice(seed);
    Plan plan;
    plan.seed = seed;
    plan.gateway = make_config(dice);
    plan.active = dice.between(Duration(20s), Duration(60s));
    const double quality = dice.chance(0.2) ? 0.0 : 1.0;
    plan.network.loss = quality * static_cast<double>(dice.between(0, 25)) / 100;
    plan.network.duplicate = quality * static_cast<double>(dice.between(0, 20)) / 100;
    plan.network.reorder = quality * static_cast<double>(dice.between(0, 15)) / 100;
    plan.network.jitter = dice.between(Duration(0s), Duration(50ms));
    plan.network.late = dice.between(Duration(100ms), Duration(3s));
    plan.broker.latency = dice.between(Duration(1ms), Duration(30ms));
    if (dice.chance(0.6)) plan.broker.pause_between_breaks = dice.between(Duration(3s), Duration(30s));
    if (dice.chance(0.6)) plan.broker.pause_between_restarts = dice.between(Duration(10s), Duration(60s));
    plan.broker.forgets = dice.chance(0.5) ? 0.0 : 0.5;
    plan.broker.half_open = dice.chance(0.5) ? 0.0 : 0.3;
    plan.broker.refuses = dice.chance(0.7) ? 0.0 : 0.1;
    plan.broker.in_flight = static_cast<std::size_t>(dice.chance(0.3) ? dice.between(1, 4) : 16);
    plan.broker.longest_outage = dice.between(Duration(1s), Duration(20s));
    plan.disk.slowest_commit = dice.between(Duration(1ms), Duration(300ms));
    if (dice.chance(0.3)) plan.disk.pause_between_failures = dice.between(Duration(10s), Duration(60s));
    plan.disk.longest_failure = dice.between(Duration(1s), Duration(10s));
    if (dice.chance(0.6)) plan.crash.pause = dice.between(Duration(4s), Duration(40s));
    plan.pause_of_application = dice.between(Duration(300ms), Duration(3s));
    plan.subscribes_again = dice.chance(0.4);
    const int devices = dice.between(2, 8);
    for (int i = 0; i < devices; ++i)
        plan.devices.push_back(make_device(dice));
    return plan;
}

std::string text_of(const Plan& plan) {
    const auto& core = plan.gateway;
    const auto ms = [](Duration duration) { return duration.count() / 1000; };
    std::string text = fmt::format(
        "seed {}: MQTT {}, {}, delivery.up {}{}, will_update {}, retry_exhausted {}, T_retry {} ms x {}, T_wait {} ms, "
        "grace {} ms\nnetwork: loss {} duplicate {} reorder {} by {} ms; broker: latency {} ms, breaks every {} ms, "
        "restarts every {} ms forgetting {}, window {}; disk: commit {} ms, fails every {} ms; crash every {} ms\n",
        plan.seed, static_cast<int>(core.broker.client.version), core.durable ? "durable" : "not durable",
        core.delivery.up == gateway::DeliveryUp::store ? "store" : "broker", core.delivery.store_qos0 ? "+qos0" : "",
        static_cast<int>(core.will_update), static_cast<int>(core.retry_exhausted), ms(core.timers.retry),
        core.timers.retries, ms(core.timers.wait), ms(core.timers.upstream_grace), plan.network.loss,
        plan.network.duplicate, plan.network.reorder, ms(plan.network.late), ms(plan.broker.latency),
        ms(plan.broker.pause_between_breaks), ms(plan.broker.pause_between_restarts), plan.broker.forgets,
        plan.broker.in_flight, ms(plan.disk.slowest_commit), ms(plan.disk.pause_between_failures),
        ms(plan.crash.pause));
    int number = 0;
    for (const DevicePlan& each : plan.devices) {
        constexpr const char* kinds[] = {"awake", "sleeper", "beacon"};
        text +=
            fmt::format("d{}: {}{}{}{}{}{}{} keep-alive {} s, sleep {} s\n", number++,
                        kinds[static_cast<int>(each.kind)], each.clean_session ? " clean" : " kept",
                        each.forwarded ? " forwarded" : "", each.moves ? " moves" : "", each.has_will ? " will" : "",
                        each.dies ? " dies" : "", each.rests ? " rests" : "", each.keep_alive_s, each.sleep_s);
    }
    return text;
}

}  // namespace mqttsn::simulation
