// [[delivery.policy]]: which messages of devices go into the store. And the pace at which they leave it.
#include "tests/support/talk.hpp"

namespace delivery_policy_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::DeliveryPolicy;
using gateway::DeliveryUp;
using gateway::RecordKind;
using sn::ReturnCode;
using Reachable = Talk::Reachable;

namespace {

gateway::Config with(std::vector<DeliveryPolicy> policies, DeliveryUp otherwise = DeliveryUp::broker) {
    gateway::Config config = Talk::durable();
    config.links[0].advertise = false;
    config.delivery.up = otherwise;
    config.delivery.policies = std::move(policies);
    return config;
}

struct Known {
    explicit Known(gateway::Config config) : talk(std::move(config)) {
        node.connects("c1", false, 0);
        talk.session_present = true;
    }
    void broker_goes() {
        talk.reachable = Reachable::refused;
        talk.broker_drops("c1");
    }
    /// The answer to a QoS 1 message on this topic.
    ReturnCode publishes(std::string_view topic, std::string_view data, Qos qos = q1) {
        const auto id = node.registers(topic);
        node.sends(sn::Publish{
            .qos = qos, .topic_id = id, .msg_id = qos == q0 ? sn::MsgId{0} : ++msg_id, .data = as_bytes(data)});
        return qos == q0 ? ReturnCode::accepted : std::get<sn::Puback>(node.next()).code;
    }
    std::size_t kept() const {
        std::size_t count = 0;
        for (const auto& [key, image] : talk.disk())
            count += key.kind == RecordKind::message ? 1 : 0;
        return count;
    }
    Lines published() {
        Lines lines;
        for (auto& line : talk.heard("c1")) {
            if (line.starts_with("PUBLISH")) lines.push_back(std::move(line));
        }
        return lines;
    }
    Talk talk;
    Device node = talk.device(1);
    sn::MsgId msg_id = 0;
};

}  // namespace

TEST_CASE("the first policy with a matching filter decides, otherwise [delivery]", "[SN12-6.6-i][SN12-6.12-e]") {
    const DeliveryUp otherwise = GENERATE(DeliveryUp::broker, DeliveryUp::store);
    Known t(with(
        {{.topics = {"alarm/test", "x/+"}, .up = DeliveryUp::broker}, {.topics = {"alarm/#"}, .up = DeliveryUp::store}},
        otherwise));
    t.broker_goes();
    CHECK(t.publishes("alarm/fire", "1") == ReturnCode::accepted);
    CHECK(t.publishes("alarm", "2") == ReturnCode::accepted);
    CHECK(t.publishes("alarm/test", "3") == ReturnCode::congestion);
    CHECK(t.publishes("x/y", "4") == ReturnCode::congestion);
    const bool stored = otherwise == DeliveryUp::store;
    CHECK(t.publishes("reading", "5") == (stored ? ReturnCode::accepted : ReturnCode::congestion));
    CHECK(t.kept() == (stored ? 3U : 2U));
    t.talk.reachable = Reachable::yes;
    t.talk.advance(31s);
    auto expected = Lines{"PUBLISH q1 alarm/fire 1", "PUBLISH q1 alarm 2"};
    if (stored) expected.push_back("PUBLISH q1 reading 5");
    CHECK(t.published() == expected);
    CHECK(t.kept() == 0);
}

TEST_CASE("without a policy that stores nothing is written and the grace time holds", "[SN12-6.12-d]") {
    Known t(with({{.topics = {"alarm/#"}, .up = DeliveryUp::broker}}));
    t.broker_goes();
    CHECK(t.publishes("alarm/fire", "1") == ReturnCode::congestion);
    CHECK(t.kept() == 0);
    t.talk.advance(30s);
    t.node.expects(sn::Disconnect{});
}

TEST_CASE("with any policy that stores, clients stay through an outage of any length", "[SN12-6.12-d]") {
    Known t(with({{.topics = {"alarm/#"}, .up = DeliveryUp::store}}));
    t.broker_goes();
    t.talk.advance(3600s);
    t.node.expects_nothing();
    CHECK(t.publishes("alarm/fire", "1") == ReturnCode::accepted);
}

TEST_CASE("each policy says what becomes of QoS 0", "[SN12-6.6-i]") {
    Known t(with({{.topics = {"log/#"}, .up = DeliveryUp::store, .store_qos0 = true},
                  {.topics = {"alarm/#"}, .up = DeliveryUp::store}}));
    t.broker_goes();
    t.publishes("log/1", "kept", q0);
    t.publishes("alarm/1", "not kept", q0);
    CHECK(std::get<sn::Puback>(t.node.next()).code == ReturnCode::congestion);
    CHECK(t.kept() == 1);
    t.talk.reachable = Reachable::yes;
    t.talk.advance(31s);
    CHECK(t.published() == Lines{"PUBLISH q0 log/1 kept"});
}

TEST_CASE("each policy has its own age, and a restart with other ages goes by those", "[SN12-6.12-f]") {
    Known t(with({{.topics = {"log/#"}, .up = DeliveryUp::store, .max_age = 600s},
                  {.topics = {"alarm/#"}, .up = DeliveryUp::store}}));
    t.broker_goes();
    t.publishes("log/1", "old");
    t.publishes("alarm/1", "kept");
    t.talk.advance(500s);
    t.publishes("log/1", "young");
    SECTION("as they are") {
        t.talk.advance(200s);
    }
    SECTION("restarted") {
        t.talk.crashes_and_restarts(200s);
    }
    SECTION("restarted with a shorter age") {
        t.talk.configuration().delivery.policies[0].max_age = 100s;
        t.talk.crashes_and_restarts(50s);
    }
    t.talk.reachable = Reachable::yes;
    t.talk.advance(31s);
    CHECK(t.published() == Lines{"PUBLISH q1 alarm/1 kept", "PUBLISH q1 log/1 young"});
    CHECK(t.talk.counters().taken_dropped == 1);
    CHECK(t.kept() == 0);
}

TEST_CASE("after an outage messages follow at delivery.replay_per_second, of all clients, in order per client",
          "[SN12-6.12-e]") {
    auto config = with({}, DeliveryUp::store);
    config.delivery.replay_per_second = 10;
    Talk talk(config);
    talk.session_present = true;
    constexpr std::uint8_t clients = 4;
    constexpr int messages = 10;
    std::vector<sn::TopicId> ids;
    for (std::uint8_t c = 1; c <= clients; ++c) {
        talk.device(c).connects("c" + std::to_string(c), false, 0);
        ids.push_back(talk.device(c).registers("t"));
    }
    talk.reachable = Reachable::refused;
    for (int c = 1; c <= clients; ++c)
        talk.broker_drops("c" + std::to_string(c));
    for (int m = 1; m <= messages; ++m) {
        for (std::uint8_t c = 1; c <= clients; ++c) {
            talk.device(c).sends(sn::Publish{.qos = q1,
                                             .topic_id = ids[c - 1U],
                                             .msg_id = static_cast<sn::MsgId>(m),
                                             .data = as_bytes(std::to_string(m))});
            talk.device(c).discards();
        }
    }
    const bool restarted = GENERATE(false, true);
    if (restarted) talk.crashes_and_restarts();
    talk.heard();
    talk.reachable = Reachable::yes;
    std::map<std::string, Lines> arrived;
    std::size_t most = 0;
    for (int second = 0; second < 45; ++second) {
        std::size_t now = 0;
        for (const auto& line : talk.heard()) {
            const auto at = line.find(": PUBLISH q1 t ");
            if (at == std::string::npos) continue;
            arrived[line.substr(0, at)].push_back(line.substr(at + 15));
            ++now;
        }
        most = std::max(most, now);
        talk.advance(1s);
    }
    CHECK(most >= 9);
    CHECK(most <= 11);
    Lines in_order;
    for (int m = 1; m <= messages; ++m)
        in_order.push_back(std::to_string(m));
    REQUIRE(arrived.size() == clients);
    for (const auto& [client, payloads] : arrived) {
        INFO(client);
        CHECK(payloads == in_order);
    }
    CHECK(talk.counters().taken_replayed == clients * messages);
}

TEST_CASE("what comes while the broker is there is not held to that pace", "[SN12-6.6-e]") {
    auto config = with({}, DeliveryUp::store);
    config.delivery.replay_per_second = 1;
    Known t(config);
    for (int i = 0; i < 50; ++i)
        CHECK(t.publishes("t", "x") == ReturnCode::accepted);
    CHECK(t.published().size() == 50);
    CHECK(t.talk.counters().taken_replayed == 0);
}

TEST_CASE("what comes behind a backlog waits for it", "[SN12-6.12-e]") {
    auto config = with({}, DeliveryUp::store);
    config.delivery.replay_per_second = 1;
    Known t(config);
    t.broker_goes();
    for (const auto* data : {"1", "2", "3"})
        t.publishes("t", data);
    t.talk.reachable = Reachable::yes;
    while (!t.talk.is_connected("c1"))
        t.talk.advance_to_next();
    t.publishes("t", "fresh");
    CHECK(t.published().size() < 3);
    t.talk.advance(4s);
    CHECK(t.published().back() == "PUBLISH q1 t fresh");
    CHECK(t.kept() == 0);
}

}  // namespace delivery_policy_test
