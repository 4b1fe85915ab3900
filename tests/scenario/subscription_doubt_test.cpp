// What the broker may not have of a kept session is subscribed to again, also when the gateway was killed before it
// was sure (SN12-6.12-e, SN12-6.12-f).
#include "tests/scenario/sleeper.hpp"

#include <algorithm>

namespace subscription_doubt_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

bool renews(Talk& talk) {
    const Lines heard = talk.heard("c1");
    return std::ranges::count(heard, "SUBSCRIBE q2 s/1") != 0;
}

/// The broker that forgot the session takes the next CONNECT, which begins one without subscriptions.
void broker_forgets(Talk& talk) {
    talk.session_present = false;
    talk.broker_drops("c1");
    talk.advance(2s);
    talk.session_present = true;
}

}  // namespace

TEST_CASE("a connection that only let a will appear is no proof that the broker has the subscriptions",
          "[SN12-6.12-e][SN12-6.4-g]") {
    Sleeper t(GENERATE(false, true) ? Talk::durable() : Talk::config());
    t.node.sends(sn::WillMsgUpd{as_bytes("new")});
    t.node.expects(sn::WillMsgResp{ReturnCode::accepted});
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.session_present = false;
    t.talk.advance(80s);
    t.talk.broker_drops("c1");
    t.talk.advance(10s);
    t.node.expects(sn::Disconnect{});
    t.talk.reachable = Talk::Reachable::yes;
    t.talk.heard();
    t.talk.advance(40s);
    CHECK(t.talk.heard("c1") == Lines{"CONNECT c1 keep will w/t new q0", "ABORT"});
    t.talk.session_present = true;
    t.node.connects("c1", false);
    CHECK(renews(t.talk));
}

TEST_CASE("killed before the broker confirmed the renewed subscriptions, the gateway renews them once more",
          "[SN12-6.12-f]") {
    Sleeper t(Talk::durable());
    t.talk.hold.insert(PacketType::subscribe);
    broker_forgets(t.talk);
    REQUIRE(renews(t.talk));
    t.talk.crashes_and_restarts();
    t.talk.hold.clear();
    t.talk.advance(1s);
    CHECK(renews(t.talk));
    t.talk.crashes_and_restarts();
    t.talk.advance(1s);
    CHECK_FALSE(renews(t.talk));
}

TEST_CASE("killed between CONNECT and CONNACK, the gateway does not take a present session for its own",
          "[SN12-6.12-f]") {
    Sleeper t(Talk::durable());
    t.talk.hold.insert(PacketType::connect);
    broker_forgets(t.talk);
    t.talk.crashes_and_restarts();
    t.talk.hold.clear();
    t.talk.heard();
    t.talk.advance(1s);
    CHECK(renews(t.talk));
}

TEST_CASE("a broker that is away makes no record per attempt", "[SN12-6.12-e]") {
    Sleeper t(Talk::durable());
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.talk.advance(1s);
    const auto before = t.talk.disk();
    t.talk.advance(20s);
    CHECK(t.talk.disk() == before);
}

TEST_CASE("after a restart the first connection of a client that was away renews its subscriptions", "[SN12-6.12-f]") {
    Sleeper t(State::disconnected, Talk::durable());
    t.talk.crashes_and_restarts();
    t.node.connects("c1", false);
    CHECK(renews(t.talk));
    t.node.disconnects();
    t.node.connects("c1", false);
    CHECK_FALSE(renews(t.talk));
}

}  // namespace subscription_doubt_test
