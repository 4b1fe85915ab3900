// A broker that restarts, with or without its sessions, and all clients at once.
#include "tests/scenario/sleeper.hpp"

#include <fmt/format.h>

namespace broker_restart_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using Reachable = Talk::Reachable;

namespace {

sn::Connect connect(const std::string& id) {
    return {false, false, sn::protocol_id, 0, id};
}

/// Many devices, one address each.
struct Fleet {
    explicit Fleet(gateway::Config config, std::uint16_t count) : talk(Sleeper::quiet(std::move(config))) {
        talk.session_present = true;
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto node = talk.device(i);
            const std::string id = fmt::format("n{}", i);
            node.sends(connect(id));
            node.discards();
            ids.push_back(id);
        }
        talk.heard();
    }
    void broker_restarts(Reachable next) {
        talk.reachable = next;
        for (const auto& id : ids)
            talk.broker_drops(id);
        talk.heard();
    }
    std::size_t connects_within(Duration time) {
        talk.advance(time);
        return static_cast<std::size_t>(std::ranges::count_if(
            talk.heard(), [](const auto& line) { return line.find(": CONNECT n") != line.npos; }));
    }
    Talk talk;
    Lines ids;
};

}  // namespace

TEST_CASE("ten thousand clients come back one after the other, and none is given up for standing in line",
          "[SN12-6.12-e][SN12-4.1-a]") {
    auto config = Talk::config();
    config.limits.clients = 10000;
    config.limits.pending_connects = 20000;
    config.limits.reconnects_per_second = 250;  // 40 s for all: longer than the grace time
    Fleet fleet(config, 10000);
    fleet.broker_restarts(Reachable::yes);
    std::size_t total = 0;
    for (int second = 0; second < 42; ++second) {
        const auto count = fleet.connects_within(1s);
        CHECK(count <= 251);
        total += count;
    }
    CHECK(total == 10000);
    CHECK(fleet.talk.counters().upstream_paced > 9000);
    for (std::uint16_t i = 0; i < 10000; ++i)
        fleet.talk.device(i).expects_nothing();
}

TEST_CASE("attempts on a broker that stays away keep to the same pace, and the grace time ends all the same",
          "[SN12-6.12-e][SN12-6.12-d]") {
    auto config = Talk::config();
    config.limits.reconnects_per_second = 100;
    Fleet fleet(config, 500);
    fleet.broker_restarts(Reachable::silent);
    auto before = fleet.talk.counters().upstream_failures;
    fleet.talk.advance(60s);
    for (std::uint16_t i = 0; i < 500; ++i)
        fleet.talk.device(i).expects(sn::Disconnect{});
    CHECK(fleet.talk.counters().upstream_failures - before <= 60 * 100);
}

TEST_CASE("a broker that lost its sessions is subscribed to again, and topic ids stay", "[SN12-6.12-e][SN12-6.5-e]") {
    const auto state = GENERATE(State::active, State::asleep);
    Sleeper t(state);
    t.talk.session_present = false;
    t.talk.broker_drops("c1");
    t.talk.advance(5s);
    CHECK(t.talk.heard("c1") == Lines{"CONNECT c1 keep will w/t gone q0", "SUBSCRIBE q2 s/1"});
    t.message("x", q1, 7);
    if (state == State::asleep) {
        t.node.expects_nothing();
        t.wakes();
    }
    t.node.expects(t.delivery("x", q1, 1));  // no REGISTER: the device knows the id
    t.acknowledges(1);
    if (state == State::asleep) t.node.expects(sn::Pingresp{});
    t.talk.broker_publishes("c1", "s/2", "new");
    if (state == State::active) {
        const auto announced = std::get<sn::Register>(t.node.next());
        t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
        t.node.expects(sn::Publish{.topic_id = announced.topic_id, .data = as_bytes("new")});
    }
    t.node.sends(sn::Publish{.qos = q1, .topic_id = t.published, .msg_id = 9, .data = as_bytes("up")});
    t.node.expects(sn::Puback{t.published, 9, ReturnCode::accepted});
}

TEST_CASE("QoS 2 up through a broker that lost its sessions: forwarded again only if it never acknowledged",
          "[SN12-6.6-f][SN12-6.12-e]") {
    Sleeper t(State::active);
    const sn::Publish up{.qos = q2, .topic_id = t.published, .msg_id = 9, .data = as_bytes("up")};
    t.talk.session_present = false;
    SECTION("lost before PUBREC") {
        t.talk.hold = {PacketType::publish};
        t.node.sends(up);
        t.talk.hold = {};
        t.talk.heard();
        t.talk.broker_drops("c1");
        t.talk.advance(5s);
        t.node.expects(sn::Pubrec{9});
        const auto lines = t.talk.heard("c1");
        CHECK(std::ranges::count(lines, "PUBLISH q2 a/b up") == 1);
    }
    SECTION("lost between PUBREC and PUBCOMP") {
        t.talk.hold = {PacketType::pubrel};
        t.node.sends(up);
        t.node.expects(sn::Pubrec{9});
        t.talk.hold = {};
        t.talk.heard();
        t.talk.broker_drops("c1");
        t.talk.advance(5s);
        const auto lines = t.talk.heard("c1");
        CHECK(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("PUBLISH"); }) == 0);
    }
    t.node.sends(sn::Pubrel{9});
    t.node.expects(sn::Pubcomp{9});
    t.node.sends(sn::Publish{.qos = q2, .topic_id = t.published, .msg_id = 10, .data = as_bytes("next")});
    t.node.expects(sn::Pubrec{10});
}

TEST_CASE("QoS 2 down through a broker that lost its sessions: the client's exchange ends as it began",
          "[SN12-6.10-s][SN12-6.12-e]") {
    Sleeper t(State::active);
    t.message("x", q2, 7);
    t.node.expects(t.delivery("x", q2, 1));
    t.talk.session_present = false;
    t.talk.broker_drops("c1");
    t.talk.advance(5s);
    t.talk.heard();
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubcomp{1});
    CHECK(t.talk.heard("c1").empty());  // it knows nothing of packet 7
    t.message("other", q2, 7);          // and may use it again
    t.node.expects(t.delivery("other", q2, 2));
    t.node.sends(sn::Pubrec{2});
    t.node.expects(sn::Pubrel{2});
    t.node.sends(sn::Pubcomp{2});
    CHECK(t.talk.heard("c1") == Lines{"PUBREC", "PUBCOMP"});
}

}  // namespace broker_restart_test
