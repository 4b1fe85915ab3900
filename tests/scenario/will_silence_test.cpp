// Of a client that is there no will appears, whatever becomes of its broker connections (SN12-6.4-g).
#include "tests/scenario/sleeper.hpp"

#include <algorithm>

namespace will_silence_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

bool has(const Lines& lines, const std::string& line) {
    return std::ranges::count(lines, line) != 0;
}

}  // namespace

TEST_CASE("an attempt that the broker does not answer ends by DISCONNECT: the broker may have taken the will",
          "[SN12-6.4-g][SN12-6.12-e]") {
    const auto state = GENERATE(State::active, State::asleep);
    Sleeper t(state);
    t.talk.hold.insert(PacketType::connect);
    t.talk.broker_drops("c1");
    t.talk.advance(Talk::config().timers.upstream_connect_timeout + 2s);
    const Lines heard = t.talk.heard("c1");
    CHECK(has(heard, "CONNECT c1 keep will w/t gone q0"));
    CHECK(has(heard, "DISCONNECT"));
    CHECK_FALSE(has(heard, "ABORT"));
}

TEST_CASE("a sleeper whose broker connection is given up is there: its attempt ends by DISCONNECT",
          "[SN12-6.4-g][SN12-6.12-d]") {
    auto config = Talk::config();
    config.timers.upstream_connect_timeout = 60s;
    config.timers.upstream_grace = 30s;
    Sleeper t(State::asleep, config);
    t.talk.hold.insert(PacketType::connect);
    t.talk.broker_drops("c1");
    t.talk.advance(32s);
    CHECK(t.talk.heard("c1") == Lines{"CONNECT c1 keep will w/t gone q0", "DISCONNECT", "CLOSE"});
    t.wakes();
    t.node.expects(sn::Disconnect{});
}

TEST_CASE("a new session of a client does not overtake the end of the one before, which waits for the disk",
          "[SN12-6.4-g][SN12-6.12-f]") {
    Talk talk(Talk::durable());
    const auto node = talk.device(1);
    node.connects_with_will("c1", true);
    talk.heard();
    talk.disk_holds = true;
    node.sends(sn::Disconnect{});
    node.sends(sn::Connect{false, true, sn::protocol_id, 60, "c1"});
    CHECK(talk.heard("c1").empty());
    talk.commits();
    CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE", "CONNECT c1 clean"});
    talk.disk_holds = false;
    talk.commits();
    node.expects(sn::Disconnect{});
    node.expects(sn::Connack{ReturnCode::accepted});
}

TEST_CASE("an updated will that finds no room among unacknowledged messages goes by a connection of its own",
          "[SN12-6.4-f][SN12-6.4-g]") {
    auto config = Talk::config();
    config.broker.client.max_in_flight = 1;
    Sleeper t(config);
    t.node.sends(sn::WillMsgUpd{as_bytes("new")});
    t.node.expects(sn::WillMsgResp{ReturnCode::accepted});
    t.node.sends(sn::WillTopicUpd{Qos::at_least_once, false, "w/t"});
    t.node.expects(sn::WillTopicResp{ReturnCode::accepted});
    t.talk.hold.insert(PacketType::publish);
    t.node.sends(sn::Publish{.qos = Qos::at_least_once, .topic_id = t.published, .msg_id = 9, .data = as_bytes("x")});
    t.talk.heard();
    t.talk.advance(90s);
    t.node.expects(sn::Disconnect{});
    CHECK(t.talk.heard("c1") ==
          Lines{"DISCONNECT", "CLOSE", "CONNECT c1 keep will w/t new q1", "PUBLISH q1 dup a/b x", "ABORT"});
    t.talk.advance(60s);
    CHECK(t.talk.heard("c1").empty());
}

}  // namespace will_silence_test
