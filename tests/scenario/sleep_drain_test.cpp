// What happens between a waking PINGREQ and its PINGRESP (SN 6.14): order, bounds, pace.
#include "tests/scenario/sleeper.hpp"

namespace sleep_drain_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

/// The payload of the next frame, a PUBLISH, which is acknowledged as its QoS asks.
std::string takes(const Sleeper& t) {
    const auto packet = std::get<sn::Publish>(t.node.next());
    std::string payload(as_text(packet.data));
    if (packet.qos == q1) t.acknowledges(packet.msg_id);
    if (packet.qos == q2) {
        t.node.sends(sn::Pubrec{packet.msg_id});
        t.node.expects(sn::Pubrel{packet.msg_id});
        t.node.sends(sn::Pubcomp{packet.msg_id});
    }
    return payload;
}

}  // namespace

TEST_CASE("a drain brings held acknowledgements, then the exchange cut off, then messages in order of arrival",
          "[SN12-6.14-d][SN12-6.14-c][SN12-6.14-p]") {
    Sleeper t;
    t.talk.hold = {PacketType::publish, PacketType::subscribe};
    t.node.sends(sn::Publish{.qos = q1, .topic_id = t.published, .msg_id = 31, .data = as_bytes("up")});
    t.message("cut off", q2, 7);
    const auto first = std::get<sn::Publish>(t.node.next());
    t.node.sends(sn::Pubrec{first.msg_id});
    t.node.expects(sn::Pubrel{first.msg_id});
    t.node.sleeps(600);
    t.talk.broker_sends("c1", mqtt::Puback{t.talk.last_id("c1"), 0, {}});
    t.message("zero");
    t.talk.broker_publishes("c1", "s/new", "new", q1, 8);
    t.message("one", q1, 9);
    t.talk.advance(300s);
    t.node.expects_nothing();

    t.wakes();
    t.node.expects(sn::Puback{t.published, 31, ReturnCode::accepted});
    t.node.expects(sn::Pubrel{first.msg_id});
    t.node.expects_nothing();
    t.node.sends(sn::Pubcomp{first.msg_id});
    t.node.expects(t.delivery("zero"));
    const auto announced = std::get<sn::Register>(t.node.next());
    const std::string name(announced.topic_name);
    CHECK(name == "s/new");
    t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
    const auto fresh = std::get<sn::Publish>(t.node.next());
    CHECK(fresh.topic_id == announced.topic_id);
    t.node.sends(sn::Puback{fresh.topic_id, fresh.msg_id, ReturnCode::accepted});
    CHECK(takes(t) == "one");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("PINGRESP waits for REGACK, PUBACK and PUBCOMP, and comes once", "[SN12-6.14-e]") {
    Sleeper t(State::asleep);
    SECTION("an unknown name") {
        t.talk.broker_publishes("c1", "s/new", "x");
        t.wakes();
        const auto announced = std::get<sn::Register>(t.node.next());
        t.talk.advance(5s);
        t.node.expects_nothing();
        t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
        t.node.expects(sn::Publish{.topic_id = announced.topic_id, .data = as_bytes("x")});
    }
    SECTION("QoS 2") {
        t.message("x", q2, 7);
        t.wakes();
        const auto id = std::get<sn::Publish>(t.node.next()).msg_id;
        t.talk.advance(5s);
        t.node.sends(sn::Pubrec{id});
        t.node.expects(sn::Pubrel{id});
        t.talk.advance(5s);
        t.node.expects_nothing();
        t.node.sends(sn::Pubcomp{id});
    }
    SECTION("a name that the client does not want") {
        t.talk.broker_publishes("c1", "s/new", "x", q1, 7);
        t.wakes();
        const auto announced = std::get<sn::Register>(t.node.next());
        t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::not_supported});
    }
    t.node.expects(sn::Pingresp{});
    t.talk.advance(600s);
    t.node.expects_nothing();
}

TEST_CASE("awake.max_messages ends a drain with PINGRESP, the rest comes at the next", "[SN12-6.14-g]") {
    auto config = Talk::config();
    config.awake.max_messages = 3;
    Sleeper t(State::asleep, config);
    const Qos qos = GENERATE(q0, q1, q2);
    for (mqtt::PacketId i = 1; i <= 7; ++i)
        t.message(std::to_string(i), qos, qos == q0 ? mqtt::PacketId{0} : i);
    int next = 0;
    for (const int count : {3, 3, 1, 0}) {
        t.wakes();
        for (int i = 0; i < count; ++i)
            CHECK(takes(t) == std::to_string(++next));
        t.node.expects(sn::Pingresp{});
        t.node.expects_nothing();
        t.talk.advance(60s);
    }
    CHECK(next == 7);
}

TEST_CASE("messages that are given up do not count as brought", "[SN12-6.14-g]") {
    auto config = Talk::config();
    config.awake.max_messages = 1;
    config.links[0].max_frame = 64;
    Sleeper t(State::asleep, config);
    t.message(std::string(100, 'x'));
    t.message("fits");
    t.wakes();
    CHECK(takes(t) == "fits");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("awake.max_time ends a drain with PINGRESP, whatever the client repeats", "[SN12-6.14-g][SN12-6.14-r]") {
    auto config = Talk::config();
    config.awake.max_time = 25s;
    Sleeper t(State::awake, config);
    t.message("second", q1, 101);
    t.talk.advance(9s);
    t.wakes();  // it does not make the time longer
    t.node.expects(t.first(true));
    t.talk.advance(10s);
    t.node.expects(t.first(true));
    t.talk.advance(5s);
    t.node.expects_nothing();
    t.talk.advance(1s);
    t.node.expects(sn::Pingresp{});
    CHECK(t.talk.heard("c1").empty());
    t.talk.advance(300s);
    t.node.expects_nothing();
    t.wakes();
    t.node.expects(t.first(true));
    t.acknowledges(t.outstanding);
    CHECK(takes(t) == "second");
    t.node.expects(sn::Pingresp{});
    t.expects_asleep();
}

TEST_CASE("a client that reports congestion while awake is let go by awake.max_time", "[SN12-6.14-r]") {
    Sleeper t(State::awake);
    t.node.sends(sn::Puback{t.subscribed, t.outstanding, ReturnCode::congestion});
    t.talk.advance(59s);
    t.node.expects_nothing();
    t.talk.advance(1s);
    t.node.expects(sn::Pingresp{});
    t.wakes();
    t.node.expects(t.first(true));
    t.expects_awake();
}

TEST_CASE("a client that wakes without end does not stay awake for ever", "[SN12-6.14-r]") {
    Sleeper t(State::asleep);
    t.message("x", q1, 7);
    t.wakes();
    t.node.next();
    for (int i = 1; i < 12; ++i) {
        t.talk.advance(5s);
        t.wakes();
        CHECK(t.node.discards() == 1);
    }
    t.talk.advance(5s);
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("QoS 0 messages of a drain keep their distance, and PINGRESP too", "[SN12-6.14-j]") {
    auto config = Talk::config();
    config.links[0].qos0_gap = 20ms;
    Sleeper t(State::asleep, config);
    for (const auto* payload : {"1", "2", "3"})
        t.message(payload);
    t.message("4", q1, 7);
    t.wakes();
    for (const auto* payload : {"1", "2", "3"}) {
        t.node.expects(t.delivery(payload));
        t.wakes();  // changes nothing
        t.talk.advance(19ms);
        t.node.expects_nothing();
        t.talk.advance(1ms);
    }
    t.node.expects(t.delivery("4", q1, 1));
    t.acknowledges(1);
    t.node.expects(sn::Pingresp{});

    t.message("last");
    t.wakes();
    t.node.expects(t.delivery("last"));
    t.talk.advance(19ms);
    t.node.expects_nothing();
    t.talk.advance(1ms);
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("the distance is not kept toward active clients, nor on links without one", "[SN12-6.14-j]") {
    auto config = Talk::config();
    const bool active = GENERATE(false, true);
    config.links[0].qos0_gap = active ? Duration(20ms) : Duration(0ms);
    Sleeper t(active ? State::active : State::asleep, config);
    for (const auto* payload : {"1", "2"})
        t.message(payload);
    if (!active) t.wakes();
    t.node.expects(t.delivery("1"));
    t.node.expects(t.delivery("2"));
    if (!active) t.node.expects(sn::Pingresp{});
}

TEST_CASE("leaving the drain ends its pace", "[SN12-6.14-j][SN12-6.14-d]") {
    auto config = Talk::config();
    config.links[0].qos0_gap = 20ms;
    Sleeper t(State::asleep, config);
    t.message("1");
    t.message("2");
    t.wakes();
    t.node.expects(t.delivery("1"));
    SECTION("asleep again: nothing comes") {
        t.node.sleeps(600);
        t.talk.advance(100s);
        t.node.expects_nothing();
        t.wakes();
    }
    SECTION("active: the rest at once") {
        t.node.connects("c1", false);
    }
    t.node.expects(t.delivery("2"));
    t.talk.advance(20ms);
    t.node.discards();  // PINGRESP in the first case
}

TEST_CASE("QoS 0 messages for sleepers may be refused a place", "[SN12-6.14-k]") {
    auto config = Talk::config();
    config.sleep.queue_qos0 = false;
    Sleeper t(State::awake, config);
    t.message("while awake");
    t.acknowledges(t.outstanding);
    t.node.expects(t.delivery("while awake"));
    t.node.expects(sn::Pingresp{});
    t.message("asleep");
    t.message("kept", q1, 8);
    CHECK(t.talk.counters().deliveries_asleep_dropped == 1);
    t.wakes();
    t.message("awake again");
    t.node.sends(sn::Disconnect{600});  // before it could be brought
    CHECK(t.talk.counters().deliveries_asleep_dropped == 2);
    CHECK(as_text(std::get<sn::Publish>(t.node.next()).data) == "kept");
    t.node.expects(sn::Disconnect{});
    t.wakes();
    CHECK(takes(t) == "kept");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a QoS 0 message that loses its place takes its REGISTER with it", "[SN12-6.14-k][SN12-6.14-p]") {
    auto config = Talk::config();
    config.sleep.queue_qos0 = false;
    Sleeper t(State::active, config);
    t.talk.broker_publishes("c1", "s/new", "gone");
    const auto announced = std::get<sn::Register>(t.node.next());
    t.message("kept", q1, 8);
    t.node.sleeps(600);
    t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
    t.wakes();
    CHECK(takes(t) == "kept");
    t.node.expects(sn::Pingresp{});
    CHECK(t.talk.counters().deliveries_asleep_dropped == 1);
}

TEST_CASE("a PINGREQ repeated because PINGRESP was lost gets another, and delivers nothing twice", "[SN12-6.14-q]") {
    Sleeper t(State::asleep);
    t.message("zero");
    t.message("one", q1, 7);
    t.message("two", q2, 8);
    t.wakes();
    for (const auto* payload : {"zero", "one", "two"})
        CHECK(takes(t) == payload);
    t.node.expects(sn::Pingresp{});
    t.talk.advance(10s);
    t.wakes();
    t.node.expects(sn::Pingresp{});
    t.expects_asleep();
}

TEST_CASE("a PINGREQ repeated during a drain brings the unacknowledged message with DUP and nothing else twice",
          "[SN12-6.14-q]") {
    Sleeper t(State::asleep);
    t.message("zero");
    const Qos qos = GENERATE(q1, q2);
    t.message("open", qos, 7);
    t.wakes();
    t.node.expects(t.delivery("zero"));
    const auto id = std::get<sn::Publish>(t.node.next()).msg_id;
    t.talk.advance(3s);
    t.wakes();
    t.node.expects(t.delivery("open", qos, id, true));
    t.talk.advance(9s);
    t.node.expects_nothing();  // T_retry counts from the last sending
    CHECK(t.talk.heard("c1").empty());
    if (qos == q2) {
        t.node.sends(sn::Pubrec{id});
        t.node.expects(sn::Pubrel{id});
        t.wakes();
        t.node.expects(sn::Pubrel{id});
        t.node.sends(sn::Pubcomp{id});
    } else {
        t.acknowledges(id);
    }
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a sleeping client wakes from another address, which becomes its own", "[SN12-6.14-h][SN12-6.14-i]") {
    Sleeper t(GENERATE(State::asleep, State::awake));
    const bool awake = t.outstanding != 0;
    const auto moved = t.talk.device(2);
    SECTION("an address of nobody") {}
    SECTION("an address that was another client's") {
        moved.connects("c2");
    }
    moved.sends(sn::Pingreq{"c1"});
    if (awake) {
        moved.expects(t.first(true));
        moved.sends(sn::Puback{t.subscribed, t.outstanding, ReturnCode::accepted});
    }
    moved.expects(sn::Pingresp{});
    t.node.sends(sn::Pingreq{});
    t.node.expects(sn::Disconnect{});  // nobody's any more
    t.message("later", q1, 8);
    moved.sends(sn::Pingreq{});  // means c1 now
    const auto later = std::get<sn::Publish>(moved.next());
    moved.sends(sn::Puback{later.topic_id, later.msg_id, ReturnCode::accepted});
    moved.expects(sn::Pingresp{});
}

TEST_CASE("a client behind a forwarder sleeps and wakes by the forwarder", "[SN12-6.14-h][SN12-5.5-k]") {
    Talk talk;
    const auto node = talk.device(1).behind("n1");
    node.connects("c1", false);
    const auto id = node.subscribes("s/1", q1);
    node.sleeps(600);
    talk.broker_publishes("c1", "s/1", "x", q1, 7);
    talk.advance(300s);
    SECTION("by the same") {
        node.sends(sn::Pingreq{"c1"});
        const auto x = std::get<sn::Publish>(node.next());
        CHECK(as_text(x.data) == "x");
        node.sends(sn::Puback{id, x.msg_id, ReturnCode::accepted});
        node.expects(sn::Pingresp{});
    }
    SECTION("directly") {
        const auto direct = talk.device(3);
        direct.sends(sn::Pingreq{"c1"});
        const auto x = std::get<sn::Publish>(direct.next());
        direct.sends(sn::Puback{id, x.msg_id, ReturnCode::accepted});
        direct.expects(sn::Pingresp{});
    }
}

TEST_CASE("MQTT 5: messages that expired while the client slept do not come", "[SN12-6.14-l]") {
    auto config = Talk::config();
    config.broker.client.version = mqtt::Version::v5;
    Sleeper t(State::asleep, config);
    const mqtt::Properties expiring{expires_in(30)};
    t.talk.broker_sends("c1", mqtt::Publish{false, q1, false, "s/1", 7, expiring, as_bytes("old")});
    t.message("new", q1, 8);
    t.talk.advance(30s);
    t.wakes();
    CHECK(takes(t) == "new");
    t.node.expects(sn::Pingresp{});
    CHECK(t.talk.heard("c1") == Lines{"PUBACK", "PUBACK"});
}

TEST_CASE("the broker connection of a sleeping client stays open and is pinged, whatever its CleanSession",
          "[SN12-6.14-m]") {
    auto config = Talk::config();
    config.broker.client.keep_alive_s = 30;
    Sleeper t(config, GENERATE(false, true));
    t.node.sleeps(600);
    t.talk.heard();
    t.talk.advance(600s);
    const auto lines = t.talk.heard("c1");
    CHECK(std::ranges::count(lines, "PINGREQ") >= 19);
    CHECK(std::ranges::count(lines, "PINGREQ") == static_cast<std::ptrdiff_t>(lines.size()));
    t.wakes();
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("CONNECT with CleanSession=1 from sleep forgets messages, subscriptions, ids and will before CONNACK",
          "[SN12-6.14-o]") {
    Sleeper t(GENERATE(State::asleep, State::awake));
    t.message("never", q1, 8);
    t.talk.session_present = false;
    t.node.connects("c1", true);
    CHECK(t.talk.heard("c1") == Lines{"DISCONNECT", "CLOSE", "CONNECT c1 clean"});
    t.node.sends(sn::Publish{.qos = q1, .topic_id = t.published, .msg_id = 41});
    t.node.expects(sn::Puback{t.published, 41, ReturnCode::invalid_topic_id});
    t.talk.advance(50s);
    t.node.expects_nothing();
}

}  // namespace sleep_drain_test
