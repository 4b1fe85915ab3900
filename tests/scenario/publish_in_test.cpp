// SN 6.6, 6.8, 7.1: PUBLISH from the client.
#include "tests/support/talk.hpp"

namespace publish_in_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Publish publish(sn::TopicId id, Qos qos, sn::MsgId msg_id = 0, bool dup = false, std::string_view data = "x") {
    return {.dup = dup, .qos = qos, .topic_id = id, .msg_id = msg_id, .data = as_bytes(data)};
}

struct Connected {
    explicit Connected(gateway::Config config = Talk::config()) : talk(std::move(config)) {
        node.connects("c1");
        id = node.registers("a/b");
        talk.heard();
    }
    Talk talk;
    Device node = talk.device(1);
    sn::TopicId id = 0;
};

}  // namespace

TEST_CASE("PUBLISH QoS 0 is forwarded without a reply, its MsgId ignored",
          "[SN12-6.6-d][SN12-5.3.7-d][SN12-5.3.2-a][SN12-6-g]") {
    Connected t;
    const sn::MsgId msg_id = GENERATE(sn::MsgId{0}, sn::MsgId{5});
    const std::string data =
        GENERATE(std::string(), std::string("x"), std::string("\0\xFF\x01", 3), std::string(1300, 'z'));
    t.node.sends(publish(t.id, Qos::at_most_once, msg_id, false, data));
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q0 a/b " + data});
}

TEST_CASE("PUBLISH QoS 1 is acknowledged only after the broker's PUBACK", "[SN12-6.6-e][SN12-5.3.7-a][SN12-6-h]") {
    Connected t;
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b x"});
    t.talk.broker_sends("c1", mqtt::Puback{t.talk.last_id("c1"), 0, {}});
    t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
}

TEST_CASE("PUBACK for a short name carries its two characters", "[SN12-6.6-e]") {
    Connected t;
    t.node.sends(
        sn::Publish{.qos = Qos::at_least_once, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = 7});
    t.node.expects(sn::Puback{0x6162, 7, ReturnCode::accepted});
}

TEST_CASE("PUBLISH QoS 2 runs PUBREC, PUBREL, PUBCOMP and reaches the broker once", "[SN12-6.6-f][SN12-6-h]") {
    Connected t;
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(t.id, Qos::exactly_once, 8));
    t.node.expects_nothing();
    t.talk.broker_sends("c1", mqtt::Pubrec{t.talk.last_id("c1"), 0, {}});
    t.node.expects(sn::Pubrec{8});
    t.node.sends(sn::Pubrel{8});
    t.node.expects(sn::Pubcomp{8});
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q2 a/b x", "c1: PUBREL"});
}

TEST_CASE("a repeated QoS 1 PUBLISH is answered from memory, never forwarded twice", "[SN12-6.6-g]") {
    Connected t;
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.sends(publish(t.id, Qos::at_least_once, 7, true));
    t.node.expects_nothing();
    t.talk.broker_sends("c1", mqtt::Puback{t.talk.last_id("c1"), 0, {}});
    t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
    CHECK(t.talk.heard().size() == 1);
    for (int i = 0; i < 2; ++i) {
        t.node.sends(publish(t.id, Qos::at_least_once, 7, true));
        t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
    }
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.counters().publish_in_duplicates == 3);
}

TEST_CASE("a MsgId used again without DUP is a new message", "[SN12-6.6-g]") {
    Connected t;
    for (int i = 0; i < 2; ++i) {
        t.node.sends(publish(t.id, Qos::at_least_once, 7));
        t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
    }
    CHECK(t.talk.heard().size() == 2);
}

TEST_CASE("a repeated QoS 2 PUBLISH gets PUBREC again, a repeated PUBREL PUBCOMP again", "[SN12-6.6-h]") {
    Connected t;
    t.node.sends(publish(t.id, Qos::exactly_once, 8));
    t.node.expects(sn::Pubrec{8});
    for (const bool dup : {true, false}) {
        t.node.sends(publish(t.id, Qos::exactly_once, 8, dup));
        t.node.expects(sn::Pubrec{8});
    }
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q2 a/b x", "c1: PUBREL"});
    for (int i = 0; i < 2; ++i) {
        t.node.sends(sn::Pubrel{8});
        t.node.expects(sn::Pubcomp{8});
    }
    t.node.sends(sn::Pubrel{999});
    t.node.expects(sn::Pubcomp{999});
    CHECK(t.talk.heard().empty());
    // After PUBREL the MsgId is free for another message.
    t.node.sends(publish(t.id, Qos::exactly_once, 8));
    t.node.expects(sn::Pubrec{8});
    CHECK(t.talk.heard().size() == 2);
}

TEST_CASE("PUBLISH while the broker is away gets congestion", "[SN12-6.6-i][SN12-6.12-e]") {
    Connected t;
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects(sn::Puback{t.id, 7, ReturnCode::congestion});
    t.node.sends(publish(t.id, Qos::exactly_once, 8));
    t.node.expects(sn::Puback{t.id, 8, ReturnCode::congestion});
    // QoS 0: at most one per T_retry.
    t.node.sends(publish(t.id, Qos::at_most_once));
    t.node.expects(sn::Puback{t.id, 0, ReturnCode::congestion});
    t.node.sends(publish(t.id, Qos::at_most_once));
    t.node.expects_nothing();
    t.talk.advance(10s);
    t.node.sends(publish(t.id, Qos::at_most_once));
    t.node.expects(sn::Puback{t.id, 0, ReturnCode::congestion});
}

TEST_CASE("a full in-flight window at the broker is congestion", "[SN12-6.6-i]") {
    auto config = Talk::config();
    config.broker.client.max_in_flight = 1;
    Connected t(config);
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(t.id, Qos::at_least_once, 1));
    t.node.sends(publish(t.id, Qos::at_least_once, 2));
    t.node.expects(sn::Puback{t.id, 2, ReturnCode::congestion});
}

TEST_CASE("more unfinished publishes than inflight.in are dropped in silence", "[SN12-6.6-j]") {
    Connected t;
    t.talk.hold = {PacketType::publish};
    for (sn::MsgId msg_id = 1; msg_id <= 6; ++msg_id)
        t.node.sends(publish(t.id, Qos::at_least_once, msg_id));
    t.node.expects_nothing();
    CHECK(t.talk.heard().size() == 4);
    CHECK(t.talk.counters().publish_in_excess == 2);
    // The client's repetition gets through once there is room.
    t.talk.broker_sends("c1", mqtt::Puback{1, 0, {}});
    t.node.expects(sn::Puback{t.id, 1, ReturnCode::accepted});
    t.node.sends(publish(t.id, Qos::at_least_once, 5, true));
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b x"});
}

TEST_CASE("retain passes through, DUP does not", "[SN12-6.6-k]") {
    Connected t;
    t.node.sends(sn::Publish{.dup = true, .qos = Qos::at_least_once, .retain = true, .topic_id = t.id, .msg_id = 3});
    t.node.expects(sn::Puback{t.id, 3, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 retain a/b "});
}

TEST_CASE("one MsgId in SUBSCRIBE and PUBLISH at once completes both", "[SN12-6.6-l][SN12-5.3.7-b][SN12-6.9-i]") {
    Connected t;
    t.talk.hold = {PacketType::publish, PacketType::subscribe};
    t.node.sends(sn::Subscribe{.msg_id = 5, .topic_name = "c/#"});
    const auto subscribe_id = t.talk.last_id("c1");
    t.node.sends(publish(t.id, Qos::at_least_once, 5));
    const auto publish_id = t.talk.last_id("c1");
    CHECK(publish_id != subscribe_id);
    t.talk.broker_sends("c1", mqtt::Puback{publish_id, 0, {}});
    t.node.expects(sn::Puback{t.id, 5, ReturnCode::accepted});
    t.talk.broker_sends("c1", mqtt::Suback{subscribe_id, {0}, {}});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::accepted});
}

TEST_CASE("PUBLISH with MsgId 0 and QoS 1 or 2 is refused", "[SN12-5.3.7-e]") {
    Connected t;
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    t.node.sends(publish(t.id, qos, 0));
    t.node.expects(sn::Puback{t.id, 0, ReturnCode::not_supported});
    CHECK(t.talk.heard().empty());
}

TEST_CASE("REGISTER, SUBSCRIBE and UNSUBSCRIBE with MsgId 0 are answered with MsgId 0", "[SN12-5.3.7-e]") {
    Connected t;
    t.node.sends(sn::Register{0, 0, "a/b"});
    t.node.expects(sn::Regack{t.id, 0, ReturnCode::accepted});
    t.node.sends(sn::Subscribe{.msg_id = 0, .topic_name = "c/#"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 0, ReturnCode::accepted});
    t.node.sends(sn::Unsubscribe{.msg_id = 0, .topic_name = "c/#"});
    t.node.expects(sn::Unsuback{0});
}

TEST_CASE("a broker's refusal ends the exchange with the mapped code", "[SN12-6.6-m][SN12-5.3.10-c]") {
    auto config = Talk::config();
    config.broker.client.version = mqtt::Version::v5;
    Connected t(config);
    const auto [reason, code] = GENERATE(table<int, ReturnCode>({{0x10, ReturnCode::accepted},
                                                                 {0x97, ReturnCode::congestion},
                                                                 {0x80, ReturnCode::not_supported},
                                                                 {0x83, ReturnCode::not_supported},
                                                                 {0x87, ReturnCode::not_supported},
                                                                 {0x90, ReturnCode::not_supported},
                                                                 {0x99, ReturnCode::not_supported},
                                                                 {0x91, ReturnCode::accepted}}));
    t.talk.puback = static_cast<mqtt::ReasonCode>(reason);
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects(sn::Puback{t.id, 7, code});
    t.node.sends(publish(t.id, Qos::exactly_once, 8));
    if (code == ReturnCode::accepted) {
        t.node.expects(sn::Pubrec{8});
        t.node.sends(sn::Pubrel{8});
        t.node.expects(sn::Pubcomp{8});
    } else {
        t.node.expects(sn::Puback{t.id, 8, code});
    }
}

TEST_CASE("after a reconnect inside the session unfinished publishes are sent again", "[SN12-6.6-n]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    talk.hold = {PacketType::publish, PacketType::pubrel};
    node.sends(publish(id, Qos::at_least_once, 1));
    node.sends(publish(id, Qos::exactly_once, 2));
    node.sends(publish(id, Qos::exactly_once, 3));
    talk.broker_sends("c1", mqtt::Pubrec{talk.last_id("c1"), 0, {}});
    node.expects(sn::Pubrec{3});
    talk.session_present = true;
    talk.heard();
    talk.broker_drops("c1");
    talk.advance(1s);
    CHECK(talk.heard() ==
          Lines{"c1: CONNECT c1 keep", "c1: PUBLISH q1 dup a/b x", "c1: PUBLISH q2 dup a/b x", "c1: PUBREL"});
    talk.broker_sends("c1", mqtt::Puback{1, 0, {}});
    node.expects(sn::Puback{id, 1, ReturnCode::accepted});
}

TEST_CASE("QoS 2 survives a broker that forgot the session: the message is sent again as new", "[SN12-6.6-n]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    talk.hold = {PacketType::publish};
    node.sends(publish(id, Qos::exactly_once, 2));
    talk.heard();
    talk.hold = {};
    talk.broker_drops("c1");
    talk.advance(1s);
    node.expects(sn::Pubrec{2});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 keep", "c1: PUBLISH q2 a/b x", "c1: PUBREL"});
}

TEST_CASE("PUBLISH QoS -1 needs no connection and gets no reply", "[SN12-6.8-a][SN12-7.1-a][SN12-6.8-c][SN12-6-f]") {
    auto config = Talk::config();
    config.topics = {{1, "predef/one", "*"}};
    Talk talk(config);
    const auto node = talk.device(1);
    SECTION("from an unknown sender") {
        node.sends(hex("08 0C 61 00 01 00 00 78"));
        node.sends(hex("08 0C 62 61 62 00 00 78"));
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 predef/one x", "gw: PUBLISH q0 ab x"});
        CHECK(talk.gateway().session_count() == 0);
    }
    SECTION("from a connected client, still on the gateway's connection, and it counts as activity") {
        node.connects("c1", true, 60);
        talk.heard();
        talk.advance(80s);
        node.sends(hex("08 0C 61 00 01 00 00 78"));
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 predef/one x"});
        talk.advance(80s);
        node.expects_nothing();
        node.sends(sn::Pingreq{});
        node.expects(sn::Pingresp{});
    }
    SECTION("while a handshake is open") {
        node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::WillTopicReq{});
        node.sends(hex("08 0C 61 00 01 00 00 78"));
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 predef/one x"});
    }
}

TEST_CASE("PUBLISH QoS -1 that cannot be resolved is dropped in silence",
          "[SN12-6.8-b][SN12-6.8-d][SN12-6.7-c][SN12-5.4.12-b][SN12-5.4.12-c]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto frame = GENERATE(as<std::string>{}, "08 0C 60 00 01 00 00 78",  // normal id
                                "08 0C 63 00 01 00 00 78",                     // reserved type
                                "08 0C 61 00 09 00 00 78",                     // unknown predefined id
                                "08 0C 62 61 23 00 00 78",                     // a#
                                "08 0C 62 61 00 00 00 78", "08 0C 62 C3 28 00 00 78");
    node.sends(hex(frame));
    CHECK(talk.heard().empty());
    CHECK(talk.counters().qos_minus1_dropped == 1);
}

TEST_CASE("PUBLISH QoS -1 resolves in the table of the client at that address", "[SN12-6.8-d]") {
    auto config = Talk::config();
    config.topics = {{1, "all", "*"}, {1, "own", "c1"}};
    Talk talk(config);
    talk.device(1).connects("c1");
    talk.heard();
    talk.device(1).sends(hex("08 0C 61 00 01 00 00 78"));
    talk.device(2).sends(hex("08 0C 61 00 01 00 00 78"));
    CHECK(talk.heard() == Lines{"gw: PUBLISH q0 own x", "gw: PUBLISH q0 all x"});
}

TEST_CASE("QoS -1: retain only if allowed, sources limited by list and rate", "[SN12-6.8-e]") {
    auto config = Talk::config();
    const auto retained = hex("08 0C 72 61 62 00 00 78");
    SECTION("retain is cleared") {
        Talk talk(config);
        talk.device(1).sends(retained);
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 ab x"});
    }
    SECTION("unless allowed") {
        config.qos_minus_one.allow_retain = true;
        Talk talk(config);
        talk.device(1).sends(retained);
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 retain ab x"});
    }
    SECTION("allow list") {
        config.qos_minus_one.only_listed = true;
        config.qos_minus_one.allowed = {{0, Address(hex("01 02"))}};
        Talk talk(config);
        talk.device(1).sends(retained);
        talk.device(2).sends(retained);
        CHECK(talk.heard().size() == 1);
    }
    SECTION("rate per source") {
        config.qos_minus_one.messages_per_second_per_source = 3;
        Talk talk(config);
        for (int i = 0; i < 10; ++i)
            talk.device(1).sends(retained);
        talk.device(2).sends(retained);
        CHECK(talk.heard().size() == 4);
        talk.advance(1s);
        talk.device(1).sends(retained);
        CHECK(talk.heard().size() == 1);
    }
}

TEST_CASE("QoS -1 waits for the gateway's connection, oldest dropped first", "[SN12-7.1-b][SN12-7.1-a]") {
    auto config = Talk::config();
    config.qos_minus_one.queue_messages = 2;
    Talk talk(config);
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("gw");
    for (const char* each : {"1", "2", "3"}) {
        talk.device(1).sends(sn::Publish{
            .qos = Qos::minus_one, .type = TopicIdType::short_name, .topic_id = 0x6162, .data = as_bytes(each)});
    }
    CHECK(talk.counters().qos_minus1_dropped == 1);
    talk.reachable = Talk::Reachable::yes;
    talk.advance(60s);
    CHECK(talk.heard() == Lines{"gw: CONNECT gw clean", "gw: PUBLISH q0 ab 2", "gw: PUBLISH q0 ab 3"});
}

TEST_CASE("the gateway keeps its own connection alive", "[SN12-7.1-a][SN12-6.11-g]") {
    auto config = Talk::config();
    config.broker.client.keep_alive_s = 60;
    Talk talk(config);
    talk.advance(60s);
    CHECK(talk.heard() == Lines{"gw: PINGREQ"});
    // Without an answer it is opened anew.
    talk.hold = {PacketType::pingreq};
    talk.advance(60s);
    CHECK(talk.heard() == Lines{"gw: PINGREQ"});
    talk.advance(31s);
    CHECK(talk.heard() == Lines{"gw: ABORT", "gw: CONNECT gw clean"});
}

}  // namespace publish_in_test
