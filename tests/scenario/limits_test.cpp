// Every table, queue and rate has a bound; what happens at it.
#include "tests/support/talk.hpp"

namespace limits_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Connect connect_as(std::string_view client_id, bool clean = true, bool will = false,
                       std::uint16_t keep_alive_s = 60) {
    return {will, clean, sn::protocol_id, keep_alive_s, client_id};
}

sn::Publish to_ab(Qos qos, sn::MsgId msg_id = 0, std::string_view data = "x") {
    return {.qos = qos, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = msg_id, .data = as_bytes(data)};
}

struct Connected {
    explicit Connected(gateway::Config config = Talk::config()) : talk(std::move(config)) {
        node.connects("c1");
        talk.heard();
    }
    Talk talk;
    Device node = talk.device(1);
};

}  // namespace

// ---- clients ----

TEST_CASE("one client more than allowed is told to come back later, and costs nothing", "[SN12-6.2-d]") {
    auto config = Talk::config();
    config.limits.clients = 3;
    Talk talk(config);
    for (std::uint8_t i = 1; i <= 3; ++i)
        talk.device(i).connects("c" + std::to_string(i), i != 3);
    talk.heard();
    const auto extra = talk.device(9);
    const bool will = GENERATE(false, true);
    extra.sends(connect_as("extra", true, will));
    extra.expects(sn::Connack{ReturnCode::congestion});
    CHECK(talk.heard().empty());
    CHECK(talk.gateway().session_count() == 3);
    CHECK(talk.counters().clients_limit == 1);
    // Those who are in may come again, also from another address.
    talk.device(8).connects("c2");
    // A kept session of a disconnected client still holds its place.
    talk.device(3).sends(sn::Disconnect{});
    talk.device(3).expects(sn::Disconnect{});
    extra.sends(connect_as("extra"));
    extra.expects(sn::Connack{ReturnCode::congestion});
    talk.device(1).sends(sn::Disconnect{});
    talk.device(1).expects(sn::Disconnect{});
    extra.connects("extra");
}

TEST_CASE("lost clients and expired sessions make room", "[SN12-6.2-d]") {
    auto config = Talk::config();
    config.limits.clients = 1;
    config.timers.session_expiry = 1h;
    Talk talk(config);
    const bool clean = GENERATE(true, false);
    talk.device(1).connects("c1", clean, 10);
    talk.advance(15s);
    talk.device(1).expects(sn::Disconnect{});
    if (!clean) {
        talk.device(2).sends(connect_as("c2"));
        talk.device(2).expects(sn::Connack{ReturnCode::congestion});
        talk.advance(1h);
    }
    talk.device(2).connects("c2");
    CHECK(talk.gateway().session_count() == 1);
}

TEST_CASE("rejected CONNECTs leave nothing behind", "[SN12-6.2-d][SN12-6.2-m]") {
    auto config = Talk::config();
    config.limits.pending_connects = 4;
    config.limits.pending_connects_per_source = 4;
    Talk talk(config);
    talk.reachable = Talk::Reachable::refused;
    for (int i = 0; i < 50; ++i) {
        talk.device(1).sends(connect_as("c" + std::to_string(i)));
        talk.device(1).expects(sn::Connack{ReturnCode::congestion});
    }
    talk.reachable = Talk::Reachable::yes;
    talk.connack = 5;
    for (int i = 0; i < 50; ++i) {
        talk.device(1).sends(connect_as("c" + std::to_string(i)));
        talk.device(1).expects(sn::Connack{ReturnCode::not_supported});
    }
    for (int i = 0; i < 50; ++i) {  // abandoned by the client itself
        talk.device(1).sends(connect_as("c" + std::to_string(i), true, true));
        talk.device(1).expects(sn::WillTopicReq{});
        talk.device(1).sends(sn::Disconnect{});
        talk.device(1).expects(sn::Disconnect{});
    }
    CHECK(talk.gateway().session_count() == 0);
    CHECK(talk.counters().pending_limit == 0);
    talk.connack = 0;
    talk.device(1).connects("c1");
}

TEST_CASE("handshakes that nobody finishes do not shut others out", "[SN12-6.2-m]") {
    auto config = Talk::config();
    config.limits.pending_connects_per_source = 5;
    Talk talk(config);
    const auto attacker = talk.device(1);
    for (int i = 0; i < 100; ++i)
        attacker.sends(connect_as("x" + std::to_string(i), true, true));
    CHECK(attacker.discards() == 100);
    CHECK(talk.counters().pending_limit == 95);
    CHECK(talk.gateway().session_count() == 5);
    CHECK(talk.heard().empty());
    talk.device(2).connects("good");
    // Its own ones end with their retries (nothing is repeated to an address that has become another client's).
    talk.advance(40s);
    attacker.discards();
    CHECK(talk.gateway().session_count() == 1);
    attacker.connects("x1");
}

// ---- topics and subscriptions ----

TEST_CASE("more topics than allowed: congestion, and no id changes hands", "[SN12-6.5-d][SN12-5.3.10-c]") {
    auto config = Talk::config();
    config.limits.topics_per_client = 3;
    Connected t(config);
    for (sn::TopicId id = 1; id <= 3; ++id)
        CHECK(t.node.registers("t/" + std::to_string(id)) == id);
    t.node.sends(sn::Register{0, 9, "t/4"});
    t.node.expects(sn::Regack{0, 9, ReturnCode::congestion});
    t.node.sends(sn::Subscribe{.msg_id = 10, .topic_name = "t/4"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 10, ReturnCode::congestion});
    CHECK(t.talk.counters().topics_limit == 2);
    CHECK(t.talk.heard().empty());
    // Known names, wildcards and short names need no new id.
    CHECK(t.node.registers("t/2") == 2);
    CHECK(t.node.subscribes("t/3", Qos::at_least_once) == 3);
    CHECK(t.node.subscribes("t/#", Qos::at_least_once) == 0);
    t.node.sends(sn::Publish{.topic_id = 1});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q1 t/3", "c1: SUBSCRIBE q1 t/#", "c1: PUBLISH q0 t/1 "});
    // A delivery that would need one is given up, and the broker is done with it.
    t.talk.broker_publishes("c1", "t/9", "x", Qos::at_least_once, 7);
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    CHECK(t.talk.counters().deliveries_rejected == 0);
    t.talk.broker_publishes("c1", "t/2", "x");
    t.node.expects(sn::Publish{.topic_id = 2, .data = as_bytes("x")});
    // Every client has its own.
    const auto other = t.talk.device(2);
    other.connects("c2");
    CHECK(other.registers("t/4") == 1);
}

TEST_CASE("ids that only the gateway announced are given anew, always by REGISTER", "[SN12-6.5-e][SN12-6.5-d]") {
    auto config = Talk::config();
    config.limits.topics_per_client = 2;
    Connected t(config);
    CHECK(t.node.registers("own") == 1);
    t.node.subscribes("s/#", Qos::at_most_once);
    for (int i = 0; i < 10; ++i) {
        const std::string topic = "s/" + std::to_string(i);
        t.talk.broker_publishes("c1", topic, "x");
        const auto announced = std::get<sn::Register>(t.node.next());
        CHECK(announced.topic_name == topic);
        CHECK(announced.topic_id == 2 + i);  // no number comes back early
        t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
        t.node.expects(sn::Publish{.topic_id = announced.topic_id, .data = as_bytes("x")});
    }
    t.node.sends(sn::Publish{.topic_id = 1});
    CHECK(t.talk.heard("c1").back() == "PUBLISH q0 own ");
}

TEST_CASE("more subscriptions than allowed: congestion", "[SN12-6.9-h][SN12-5.3.10-c]") {
    auto config = Talk::config();
    config.limits.subscriptions_per_client = 2;
    Connected t(config);
    t.node.subscribes("a/#", Qos::at_most_once);
    t.node.subscribes("b/#", Qos::at_most_once);
    t.talk.heard();
    t.node.sends(sn::Subscribe{.msg_id = 5, .topic_name = "c/#"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    CHECK(t.talk.counters().subscriptions_limit == 1);
    CHECK(t.talk.heard().empty());
    t.node.subscribes("b/#", Qos::exactly_once);
    t.node.sends(sn::Unsubscribe{.msg_id = 6, .topic_name = "a/#"});
    t.node.expects(sn::Unsuback{6});
    t.node.subscribes("c/#", Qos::at_most_once);
}

TEST_CASE("more SUBSCRIBEs waiting for the broker than allowed: congestion", "[SN12-6.9-h]") {
    auto config = Talk::config();
    config.limits.pending_subscriptions = 2;
    Connected t(config);
    t.talk.hold = {PacketType::subscribe, PacketType::unsubscribe};
    t.node.sends(sn::Subscribe{.msg_id = 1, .topic_name = "a/#"});
    const auto first = t.talk.last_id("c1");
    t.node.sends(sn::Unsubscribe{.msg_id = 2, .topic_name = "b/#"});
    t.node.sends(sn::Subscribe{.msg_id = 3, .topic_name = "c/#"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 3, ReturnCode::congestion});
    t.node.sends(sn::Unsubscribe{.msg_id = 4, .topic_name = "d/#"});  // no code for it: silence, and the client repeats
    t.node.expects_nothing();
    CHECK(t.talk.heard().size() == 2);
    t.talk.broker_sends("c1", mqtt::Suback{first, {0}, {}});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 1, ReturnCode::accepted});
    t.node.sends(sn::Unsubscribe{.msg_id = 4, .topic_name = "d/#"});
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE d/#"});
}

// ---- queues ----

TEST_CASE("a full queue loses its oldest QoS 0 first, then its oldest, and tells the broker", "[SN12-6.14-k]") {
    auto config = Talk::config();
    config.limits.queue_messages = 3;
    Connected t(config);
    t.talk.broker_publishes("c1", "ab", "held", Qos::at_least_once, 1);
    t.node.expects(to_ab(Qos::at_least_once, 1, "held"));
    t.talk.broker_publishes("c1", "ab", "1", Qos::at_least_once, 2);
    t.talk.broker_publishes("c1", "ab", "0", Qos::at_most_once);
    t.talk.broker_publishes("c1", "ab", "2", Qos::at_least_once, 3);  // the QoS 0 goes
    CHECK(t.talk.counters().deliveries_dropped == 1);
    CHECK(t.talk.heard().empty());
    t.talk.broker_publishes("c1", "ab", "3", Qos::at_least_once, 4);  // now the oldest behind the one in transmission
    CHECK(t.talk.counters().deliveries_dropped == 2);
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    CHECK(std::get<mqtt::Puback>(t.talk.last("c1", PacketType::puback)).packet_id == 2);
    for (sn::MsgId msg_id = 1; msg_id <= 3; ++msg_id) {
        t.node.sends(sn::Puback{0x6162, msg_id, ReturnCode::accepted});
        if (msg_id < 3)
            t.node.expects(to_ab(Qos::at_least_once, static_cast<sn::MsgId>(msg_id + 1), msg_id == 1 ? "2" : "3"));
    }
    CHECK(t.talk.heard().size() == 3);
}

TEST_CASE("the queue is bounded in octets, too", "[SN12-6.14-k]") {
    auto config = Talk::config();
    config.limits.queue_octets = 100;
    Connected t(config);
    t.talk.broker_publishes("c1", "ab", "held", Qos::at_least_once, 1);
    t.node.expects(to_ab(Qos::at_least_once, 1, "held"));
    const std::string data(40, 'z');
    for (mqtt::PacketId id = 2; id <= 9; ++id)
        t.talk.broker_publishes("c1", "ab", data, Qos::at_least_once, id);
    CHECK(t.talk.counters().deliveries_dropped == 6);
    CHECK(t.talk.heard().size() == 6);
    // One that is larger than all of it is still delivered when its turn comes.
    const std::string large(500, 'z');
    t.talk.broker_publishes("c1", "ab", large, Qos::at_least_once, 10);
    CHECK(t.talk.counters().deliveries_dropped == 8);
    t.node.sends(sn::Puback{0x6162, 1, ReturnCode::accepted});
    t.node.expects(to_ab(Qos::at_least_once, 2, large));
    t.node.sends(sn::Puback{0x6162, 2, ReturnCode::accepted});
}

TEST_CASE("one client's full queue and window are nobody else's", "[SN12-6.6-i][SN12-6.6-j]") {
    auto config = Talk::config();
    config.limits.queue_messages = 2;
    config.limits.inflight_in = 2;
    Connected t(config);
    const auto other = t.talk.device(2);
    other.connects("c2");
    for (mqtt::PacketId id = 1; id <= 9; ++id)
        t.talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, id);
    CHECK(t.node.discards() == 1);
    t.talk.hold = {PacketType::publish};
    for (sn::MsgId msg_id = 1; msg_id <= 9; ++msg_id)
        t.node.sends(to_ab(Qos::at_least_once, msg_id));
    t.node.expects_nothing();
    CHECK(t.talk.counters().publish_in_excess == 7);
    t.talk.hold = {};
    t.talk.heard();
    other.sends(to_ab(Qos::at_least_once, 1));
    other.expects(sn::Puback{0x6162, 1, ReturnCode::accepted});
    t.talk.broker_publishes("c2", "ab", "x");
    other.expects(to_ab(Qos::at_most_once));
}

// ---- frames ----

TEST_CASE("a delivery that exceeds its link's frame limit is given up, the next one comes", "[SN12-5.2.1-i]") {
    auto config = Talk::config();
    config.links.front().max_frame = 60;
    config.links.emplace_back();
    Talk talk(config);
    const auto small = talk.device(1, 0);
    const auto large = talk.device(1, 1);
    small.connects("small");
    large.connects("large");
    const std::string data(60 - 7, 'z');
    talk.heard();
    for (const std::string& each : {data, data + "z"}) {
        talk.broker_publishes("small", "ab", each, Qos::exactly_once, 5);
        if (each == data) {
            CHECK(small.next_datagram().size() == 60);
            small.sends(sn::Pubrec{1});
            small.expects(sn::Pubrel{1});
            small.sends(sn::Pubcomp{1});
        }
        small.expects_nothing();
        CHECK(talk.heard("small") == Lines{"PUBREC", "PUBCOMP"});
    }
    CHECK(talk.counters().deliveries_too_long == 1);
    // A name too long to be registered.
    talk.broker_publishes("small", std::string(60, 'n'), "x", Qos::at_least_once, 6);
    small.expects_nothing();
    CHECK(talk.heard("small") == Lines{"PUBACK"});
    talk.broker_publishes("small", "ab", "next");
    small.expects(to_ab(Qos::at_most_once, 0, "next"));
    talk.broker_publishes("large", "ab", data + "z");
    CHECK(large.next_datagram().size() == 61);
}

// ---- floods ----

TEST_CASE("a storm from one address is cut off at its rate, another device is served", "[SN12-5.2.1-k]") {
    auto config = Talk::config();
    config.limits.frames_per_second_per_source = 10;
    Connected t(config);
    const auto storm = t.talk.device(2);
    const Buffer frame =
        GENERATE(frame_of(connect_as("x")), frame_of(to_ab(Qos::at_least_once, 1)), frame_of(sn::SearchGw{0}),
                 frame_of(to_ab(Qos::minus_one)), hex("03 16"), hex("05 FE 00 0A 0B 02 16"));
    for (int i = 0; i < 5000; ++i) {
        storm.sends(frame);
        t.talk.advance(1ms);
        if (i % 500 == 0) {
            t.node.sends(to_ab(Qos::at_least_once, 7));
            t.node.expects(sn::Puback{0x6162, 7, ReturnCode::accepted});
        }
    }
    // 5 s: a burst of two seconds' worth, then ten per second.
    CHECK(t.talk.counters().flood_dropped >= 5000 - 71);
    CHECK(t.talk.counters().flood_dropped <= 5000 - 69);
    CHECK(t.talk.heard("c1").size() == 10);
    storm.discards();
    // It may speak again when it has calmed down.
    t.talk.advance(5s);
    const auto dropped = t.talk.counters().flood_dropped;
    storm.sends(sn::Disconnect{});
    CHECK(t.talk.counters().flood_dropped == dropped);
    storm.discards();
}

TEST_CASE("without a frame rate, too, a storm of strangers costs few answers and nobody's service", "[SN12-5.4.21-d]") {
    Connected t;
    std::size_t answers = 0;
    for (int i = 0; i < 5000; ++i) {
        const auto storm = t.talk.device(static_cast<std::uint8_t>(2 + i % 5));
        storm.sends(to_ab(Qos::at_least_once, 1));
        answers += storm.discards();
    }
    CHECK(answers == 5);
    CHECK(t.talk.counters().unknown_sender == 5000);
    CHECK(t.talk.heard().empty());
    t.node.sends(to_ab(Qos::at_least_once, 7));
    t.node.expects(sn::Puback{0x6162, 7, ReturnCode::accepted});
}

TEST_CASE("a storm of nodes behind one forwarder runs into the limit for all", "[SN12-5.4.21-d][SN12-5.5-h]") {
    auto config = Talk::config();
    config.limits.replies_to_unknown_per_second = 20;
    Connected t(config);
    const auto forwarder = t.talk.device(2);
    for (int i = 0; i < 1000; ++i)
        forwarder.behind("node" + std::to_string(i)).sends(sn::Pingreq{});
    CHECK(forwarder.discards() == 20);
    CHECK(t.talk.counters().disconnects_suppressed == 980);
    t.node.sends(sn::Pingreq{});
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("two gateways cannot bounce DISCONNECTs", "[SN12-5.4.21-d]") {
    Talk talk;
    const auto other = talk.device(1);
    Buffer ball = frame_of(sn::Disconnect{});
    std::size_t bounces = 0;
    for (int i = 0; i < 100; ++i) {
        other.sends(ball);
        bounces += other.discards();
    }
    CHECK(bounces == 1);
}

}  // namespace limits_test
