// What a client, or the broker, still remembers of an earlier connection, and the gateway does not.
#include "tests/support/talk.hpp"

namespace earlier_connection_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

sn::Publish publish(sn::TopicId id, Qos qos, sn::MsgId msg_id) {
    return {.qos = qos, .topic_id = id, .msg_id = msg_id, .data = as_bytes("x")};
}

gateway::Config with_inflight(std::size_t inflight, bool durable = false) {
    gateway::Config config = Talk::config();
    config.limits.inflight_in = inflight;
    config.durable = durable;
    return config;
}

/// A client whose QoS 2 exchange with MsgId 1 is on its way to the broker when the gateway restarts.
struct Interrupted {
    /// The broker does not answer this packet from the restart on.
    void restarts(std::set<PacketType> unanswered = {}) {
        talk.hold = {PacketType::publish};
        node.sends(publish(id, Qos::exactly_once, 1));
        talk.session_present = true;
        talk.hold = std::move(unanswered);
        talk.crashes_and_restarts();
        talk.advance(1ms);
    }
    Interrupted() {
        node.connects("c1", false);
        id = node.registers("a/b");
    }
    Talk talk{with_inflight(1, true)};
    Device node = talk.device(1);
    sn::TopicId id = 0;
};

}  // namespace

TEST_CASE("QoS 2 exchanges that a client gave up with its connection make room for new ones", "[SN12-6.6-j]") {
    Talk talk(with_inflight(2));
    const Device node = talk.device(1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    for (const sn::MsgId msg_id : {sn::MsgId{1}, sn::MsgId{2}}) {
        node.sends(publish(id, Qos::exactly_once, msg_id));
        node.expects(sn::Pubrec{msg_id});
    }
    node.sends(publish(id, Qos::exactly_once, 3));
    node.expects_nothing();
    node.connects("c1", false);
    node.sends(publish(id, Qos::exactly_once, 2));  // goes on with this one
    node.expects(sn::Pubrec{2});
    node.sends(publish(id, Qos::exactly_once, 3));
    node.expects(sn::Pubrec{3});
    node.sends(publish(id, Qos::exactly_once, 4));
    node.expects_nothing();
    node.sends(sn::Pubrel{2});
    node.expects(sn::Pubcomp{2});
}

TEST_CASE("an exchange of before the restart that nobody repeats is ended at the broker", "[SN12-6.6-j][SN12-6.12-f]") {
    Interrupted t;
    t.restarts();
    t.node.connects("c1", false);
    t.talk.heard();
    t.node.sends(publish(t.id, Qos::exactly_once, 2));
    t.node.expects(sn::Pubrec{2});
    // Its packet id is free again, for the broker as well.
    CHECK(t.talk.heard("c1") == Lines{"PUBREL", "PUBLISH q2 a/b x", "PUBREL"});
}

TEST_CASE("an exchange of before the restart that the gateway refuses to go on with makes room",
          "[SN12-6.6-j][SN12-6.12-f]") {
    Interrupted t;
    t.restarts({PacketType::connect});
    sn::Publish repeated = publish(t.id, Qos::exactly_once, 1);
    repeated.dup = true;
    t.node.sends(repeated);
    t.node.expects(sn::Puback{t.id, 1, ReturnCode::congestion});
    t.talk.hold = {};
    t.talk.broker_drops("c1");
    t.talk.advance(2s);
    t.node.sends(publish(t.id, Qos::exactly_once, 2));
    t.node.expects(sn::Pubrec{2});
}

TEST_CASE("without its state the gateway gives no id again that the client may remember", "[SN12-6.12-f]") {
    Talk talk;
    const Device node = talk.device(1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    talk.session_present = true;
    talk.crashes_and_restarts();
    talk.device(2).connects("c2", false);  // the same seed: the second client draws other numbers
    node.connects("c1", false);
    CHECK(node.registers("c/d") != id);
    node.sends(publish(id, Qos::at_least_once, 7));
    node.expects(sn::Puback{id, 7, ReturnCode::invalid_topic_id});
}

TEST_CASE("subscriptions are renewed also when the connection broke before the broker answered", "[SN12-6.12-d]") {
    Talk talk;
    const Device node = talk.device(1);
    node.connects("c1", false);
    node.subscribes("a/#", Qos::at_least_once);
    // The broker forgot the session, and begins another that its next CONNACK calls present.
    const auto type = GENERATE(PacketType::connect, PacketType::subscribe);
    talk.hold = {type};
    talk.broker_drops("c1");
    talk.advance(1s);
    talk.broker_drops("c1");
    talk.hold = {};
    talk.session_present = true;
    talk.heard();
    talk.advance(2s);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 keep", "SUBSCRIBE q1 a/#"});
    talk.broker_drops("c1");
    talk.advance(2s);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 keep"});
}

TEST_CASE("PUBREL ends an exchange of before the restart that nobody repeats", "[SN12-6.6-h][SN12-6.12-f]") {
    Interrupted t;
    t.node.sends(publish(t.id, Qos::exactly_once, 1));
    t.node.expects(sn::Pubrec{1});
    t.node.sends(sn::Pubrel{1});
    CHECK(t.node.discards() == 1);  // PUBCOMP is lost
    t.restarts();                   // after a copy that comes late
    t.talk.heard();
    t.node.sends(sn::Pubrel{1});
    t.node.expects(sn::Pubcomp{1});
    CHECK(t.talk.heard("c1") == Lines{"PUBREL"});
}

TEST_CASE("after a restart a client that begins anew is not blocked by what it gave up", "[SN12-6.6-j][SN12-6.12-f]") {
    Interrupted t;
    t.restarts();
    t.node.sends(publish(t.id, Qos::exactly_once, 2));  // no CONNECT: it has noticed nothing
    t.node.expects(sn::Pubrec{2});
}

}  // namespace earlier_connection_test
