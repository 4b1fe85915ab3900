// What becomes of a client when its broker connection goes: at rest, and at each stage of an exchange (SN 6.12, 6.13).
#include "tests/support/talk.hpp"

namespace broker_loss_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using mqtt::Version;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

gateway::Config with_version(Version version) {
    auto config = Talk::config();
    config.broker.client.version = version;
    return config;
}

sn::Connect connect_as(std::string_view client_id, bool clean = true, bool will = false) {
    return {will, clean, sn::protocol_id, 60, client_id};
}

sn::Publish publish(Qos qos, sn::MsgId msg_id) {
    return {.qos = qos, .topic_id = 1, .msg_id = msg_id, .data = as_bytes("x")};
}

sn::Publish delivery(Qos qos, sn::MsgId msg_id) {
    return {.qos = qos, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = msg_id, .data = as_bytes("x")};
}

/// A connected client c1, a/b registered as topic 1.
struct Connected {
    explicit Connected(const gateway::Config& config, bool clean = true) : talk(config) {
        node.connects("c1", clean);
        REQUIRE(node.registers("a/b") == 1);
        talk.heard();
    }
    void is_alive() const {
        node.sends(sn::Pingreq{});
        node.expects(sn::Pingresp{});
    }

    Talk talk;
    Device node = talk.device(1);
};

}  // namespace

TEST_CASE("during the grace time a client stays active and is told to wait", "[SN12-6.12-e][SN12-6.6-i]") {
    Connected t(with_version(GENERATE(Version::v3_1_1, Version::v5)), GENERATE(true, false));
    t.node.subscribes("s/#", Qos::at_most_once);
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.is_alive();
    t.node.sends(publish(Qos::at_least_once, 2));
    t.node.expects(sn::Puback{1, 2, ReturnCode::congestion});
    t.node.sends(publish(Qos::exactly_once, 3));
    t.node.expects(sn::Puback{1, 3, ReturnCode::congestion});
    t.node.sends(sn::Subscribe{.msg_id = 4, .topic_name = "t"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 4, ReturnCode::congestion});
    t.node.sends(connect_as("c1"));
    t.node.expects(sn::Connack{ReturnCode::congestion});
    CHECK(t.node.registers("c/d") == 2);
    t.node.sends(sn::Unsubscribe{.msg_id = 5, .topic_name = "s/#"});
    t.node.expects_nothing();
    t.talk.heard();
    t.talk.reachable = Talk::Reachable::yes;
    t.talk.session_present = true;
    t.talk.advance(20s);
    t.node.expects(sn::Unsuback{5});
    t.node.sends(publish(Qos::at_least_once, 2));
    t.node.expects(sn::Puback{1, 2, ReturnCode::accepted});
}

TEST_CASE("a broker that forgot the session is told the subscriptions again", "[SN12-6.12-e][SN12-6-a]") {
    const bool clean = GENERATE(true, false);
    Connected t(Talk::config(), clean);
    t.node.subscribes("s/#", Qos::exactly_once);
    t.node.subscribes("t", Qos::at_least_once);
    t.talk.heard();
    const bool forgot = clean || GENERATE(true, false);
    t.talk.session_present = !forgot;
    t.talk.broker_drops("c1");
    t.talk.advance(1s);
    Lines expected{std::string("c1: CONNECT c1 ") + (clean ? "clean" : "keep")};
    if (forgot) {
        expected.emplace_back("c1: SUBSCRIBE q2 s/#");
        expected.emplace_back("c1: SUBSCRIBE q1 t");
    }
    CHECK(t.talk.heard() == expected);
    t.node.expects_nothing();
}

TEST_CASE("attempts to reconnect come at growing, jittered distances", "[SN12-6.12-e]") {
    auto config = Talk::config();
    config.timers.upstream_grace = 120s;
    config.timers.upstream_backoff_min = 1s;
    config.timers.upstream_backoff_max = 8s;
    Talk talk(config);
    const auto gaps_of = [&](std::uint8_t number, const std::string& name) {
        talk.reachable = Talk::Reachable::yes;
        talk.device(number).connects(name, true, 600);
        talk.reachable = Talk::Reachable::refused;
        talk.broker_drops(name);
        std::vector<Duration> gaps;
        auto before = talk.now();
        while (gaps.size() < 7) {
            const auto failures = talk.counters().upstream_failures;
            talk.advance_to_next();
            if (talk.counters().upstream_failures != failures)
                gaps.push_back(talk.now() - std::exchange(before, talk.now()));
        }
        talk.device(number).sends(sn::Disconnect{});
        talk.device(number).expects(sn::Disconnect{});
        return gaps;
    };
    const auto gaps = gaps_of(1, "c1");
    Duration longest = 1s;
    for (const Duration gap : gaps) {
        CHECK(gap >= longest / 2);
        CHECK(gap <= longest);
        longest = std::min<Duration>(longest * 2, 8s);
    }
    CHECK(gaps_of(2, "c2") != gaps);
}

TEST_CASE("after the grace time the client is disconnected, once", "[SN12-6-r][SN12-6.12-d]") {
    const bool clean = GENERATE(true, false);
    Connected t(Talk::config(), clean);
    t.talk.reachable = GENERATE(Talk::Reachable::refused, Talk::Reachable::silent);
    t.talk.broker_drops("c1");
    t.talk.advance(30s - 1ms);
    t.node.expects_nothing();
    t.talk.advance(1ms);
    t.node.expects(sn::Disconnect{});
    const auto failures = t.talk.counters().upstream_failures;
    t.talk.advance(300s);
    t.node.expects_nothing();
    CHECK(t.talk.counters().upstream_failures == failures);
    CHECK(t.talk.gateway().session_count() == (clean ? 0 : 1));
    t.talk.reachable = Talk::Reachable::yes;
    t.node.connects("c1", clean);
}

TEST_CASE("a success ends the outage: the next one has its full grace time", "[SN12-6.12-e]") {
    Connected t(Talk::config());
    for (int i = 0; i < 4; ++i) {
        t.talk.reachable = Talk::Reachable::refused;
        t.talk.broker_drops("c1");
        t.talk.advance(12s);
        t.talk.reachable = Talk::Reachable::yes;
        t.talk.advance(17s);
        REQUIRE(t.talk.is_connected("c1"));
        t.is_alive();
    }
    t.talk.advance(80s);
    t.node.expects_nothing();
}

TEST_CASE("a refusal while reconnecting: temporary ones are retried, final ones end the client",
          "[SN12-6.12-e][SN12-6-r]") {
    const auto [version, code, is_final] = GENERATE(table<Version, int, bool>({{Version::v3_1_1, 3, false},
                                                                               {Version::v3_1_1, 5, true},
                                                                               {Version::v5, 0x88, false},
                                                                               {Version::v5, 0x9F, false},
                                                                               {Version::v5, 0x87, true}}));
    Connected t(with_version(version));
    t.talk.connack = static_cast<mqtt::ReasonCode>(code);
    t.talk.broker_drops("c1");
    t.talk.advance(10s);
    if (is_final) {
        t.node.expects(sn::Disconnect{});
        CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 clean", "c1: ABORT"});
    } else {
        t.is_alive();
        CHECK(t.talk.heard().size() > 4);
        t.talk.connack = 0;
        t.talk.advance(15s);
        CHECK(t.talk.is_connected("c1"));
        t.node.expects_nothing();
    }
}

TEST_CASE("DISCONNECT from the broker: some reasons are final, after others the gateway reconnects", "[SN12-6-r]") {
    const int reason =
        GENERATE(0x8E, 0x98, 0x87, 0x8B, 0x89, 0x97, 0x8D, 0x9C, 0x9D, 0x9F, 0x00, 0x80, 0x81, 0x82, 0x83, 0x93);
    const bool is_final = reason == 0x8E || reason == 0x98 || reason == 0x87;
    const bool sleeps = GENERATE(false, true);
    Connected t(with_version(Version::v5));
    if (sleeps) {
        t.node.sends(sn::Disconnect{std::uint16_t{60}});
        t.node.expects(sn::Disconnect{});
    }
    t.talk.broker_sends("c1", mqtt::Disconnect{static_cast<mqtt::ReasonCode>(reason), {}});
    if (is_final && !sleeps) t.node.expects(sn::Disconnect{});
    t.talk.advance(20s);
    t.node.expects_nothing();
    if (!is_final) {
        CHECK(t.talk.heard() == Lines{"c1: ABORT", "c1: CONNECT c1 clean"});
        t.node.sends(sn::Pingreq{"c1"});
        t.node.expects(sn::Pingresp{});
        return;
    }
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    if (sleeps) {
        t.node.sends(sn::Pingreq{"c1"});
        t.node.expects(sn::Disconnect{});
    }
    CHECK(t.talk.gateway().session_count() == 0);
}

TEST_CASE("a broker that breaks the protocol is left and asked again", "[SN12-6-r]") {
    Connected t(with_version(Version::v3_1_1));
    const mqtt::Packet packet = GENERATE(mqtt::Packet(mqtt::Connack{}), mqtt::Packet(mqtt::Pingreq{}),
                                         mqtt::Packet(mqtt::Disconnect{}), mqtt::Packet(mqtt::Suback{1, {0, 0}, {}}));
    t.talk.broker_sends("c1", packet);
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    t.talk.advance(1s);
    CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 clean"});
    t.is_alive();
}

// ---- the broker closes at each stage of an exchange ----

TEST_CASE("the broker closes during the CONNECT handshake", "[SN12-6.2-d][SN12-5.3.10-c]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("before its socket is open") {
        talk.reachable = Talk::Reachable::silent;
        node.sends(connect_as("c1"));
        talk.broker_drops("");
    }
    SECTION("before CONNACK") {
        talk.hold = {PacketType::connect};
        node.sends(connect_as("c1"));
        talk.broker_drops("c1");
    }
    SECTION("with something else than CONNACK") {
        talk.hold = {PacketType::connect};
        node.sends(connect_as("c1"));
        talk.broker_sends("c1", mqtt::Pingresp{});
    }
    node.expects(sn::Connack{ReturnCode::congestion});
    CHECK(talk.gateway().session_count() == 0);
    talk.advance(60s);
    node.expects_nothing();
    talk.reachable = Talk::Reachable::yes;
    talk.hold = {};
    node.connects("c1");
}

TEST_CASE("the broker closes while a connected client is asked for a new will", "[SN12-6.2-e][SN12-6.12-e]") {
    Connected t(Talk::config(), false);
    t.node.sends(connect_as("c1", false, true));
    t.node.expects(sn::WillTopicReq{});
    t.talk.broker_drops("c1");
    t.node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
    t.node.expects(sn::WillMsgReq{});
    t.node.sends(sn::WillMsg{as_bytes("m")});
    t.node.expects(sn::Connack{});
    CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 keep will w m q0"});
    t.talk.advance(60s);
    t.node.expects_nothing();
    t.is_alive();
}

TEST_CASE("the broker closes while it owes an answer to PUBLISH", "[SN12-6-h][SN12-6.6-n]") {
    Connected t(Talk::config(), false);
    t.talk.session_present = true;
    SECTION("QoS 1") {
        t.talk.hold = {PacketType::publish};
        t.node.sends(publish(Qos::at_least_once, 2));
        t.talk.hold = {};
        t.talk.broker_drops("c1");
        t.node.expects_nothing();
        t.talk.advance(1s);
        t.node.expects(sn::Puback{1, 2, ReturnCode::accepted});
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b x", "c1: CONNECT c1 keep", "c1: PUBLISH q1 dup a/b x"});
    }
    SECTION("QoS 1, repeated by the client meanwhile: still sent once per connection") {
        t.talk.hold = {PacketType::publish};
        t.node.sends(publish(Qos::at_least_once, 2));
        t.talk.hold = {};
        t.talk.broker_drops("c1");
        t.node.sends(
            sn::Publish{.dup = true, .qos = Qos::at_least_once, .topic_id = 1, .msg_id = 2, .data = as_bytes("x")});
        t.node.expects_nothing();
        t.talk.advance(1s);
        t.node.expects(sn::Puback{1, 2, ReturnCode::accepted});
        CHECK(t.talk.heard().size() == 3);
    }
    SECTION("QoS 2, before PUBREC") {
        t.talk.hold = {PacketType::publish};
        t.node.sends(publish(Qos::exactly_once, 2));
        t.talk.hold = {};
        t.talk.broker_drops("c1");
        t.talk.advance(1s);
        t.node.expects(sn::Pubrec{2});
        t.node.sends(sn::Pubrel{2});
        t.node.expects(sn::Pubcomp{2});
        CHECK(t.talk.heard() ==
              Lines{"c1: PUBLISH q2 a/b x", "c1: CONNECT c1 keep", "c1: PUBLISH q2 dup a/b x", "c1: PUBREL"});
    }
    SECTION("QoS 2, before PUBCOMP: the client's exchange ends meanwhile") {
        t.talk.hold = {PacketType::pubrel};
        t.node.sends(publish(Qos::exactly_once, 2));
        t.node.expects(sn::Pubrec{2});
        t.talk.hold = {};
        t.talk.broker_drops("c1");
        t.node.sends(sn::Pubrel{2});
        t.node.expects(sn::Pubcomp{2});
        t.talk.advance(1s);
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q2 a/b x", "c1: PUBREL", "c1: CONNECT c1 keep", "c1: PUBREL"});
    }
    t.is_alive();
}

TEST_CASE("a clean session starts anew at the broker: the client's repetition is forwarded again", "[SN12-6-h]") {
    Connected t(Talk::config(), true);
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(Qos::at_least_once, 2));
    t.talk.hold = {};
    t.talk.broker_drops("c1");
    t.talk.advance(1s);
    t.node.expects_nothing();
    t.talk.heard();
    t.node.sends(
        sn::Publish{.dup = true, .qos = Qos::at_least_once, .topic_id = 1, .msg_id = 2, .data = as_bytes("x")});
    t.node.expects(sn::Puback{1, 2, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b x"});
}

TEST_CASE("the broker closes while it owes SUBACK or UNSUBACK", "[SN12-6-l][SN12-6-m][SN12-6.12-e]") {
    Connected t(Talk::config(), GENERATE(true, false));
    t.talk.session_present = true;
    t.node.subscribes("old", Qos::at_most_once);
    t.talk.hold = {PacketType::subscribe, PacketType::unsubscribe};
    t.node.sends(sn::Subscribe{.msg_id = 5, .topic_name = "new"});
    t.node.sends(sn::Unsubscribe{.msg_id = 6, .topic_name = "old"});
    t.node.expects_nothing();
    t.talk.hold = {};
    t.talk.broker_drops("c1");
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    t.node.expects_nothing();
    t.talk.advance(1s);
    t.node.expects(sn::Unsuback{6});
    t.node.sends(sn::Subscribe{.msg_id = 5, .topic_name = "new"});
    CHECK(std::get<sn::Suback>(t.node.next()).code == ReturnCode::accepted);
}

TEST_CASE("the broker closes while the client owes an answer to a delivery", "[SN12-6-i][SN12-6-j][SN12-6.10-s]") {
    Connected t(Talk::config(), false);
    t.talk.session_present = true;
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    const auto again = mqtt::Publish{true, qos, false, "ab", 9, {}, as_bytes("x")};
    t.talk.broker_publishes("c1", "ab", "x", qos, 9);
    t.node.expects(delivery(qos, 1));
    const auto client_completes = [&] {
        if (qos == Qos::at_least_once) return t.node.sends(sn::Puback{0x6162, 1, ReturnCode::accepted});
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
        t.node.sends(sn::Pubcomp{1});
    };
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    SECTION("it answers during the outage") {
        client_completes();
        t.talk.reachable = Talk::Reachable::yes;
        t.talk.advance(1s);
        CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 keep"});
        t.talk.broker_sends("c1", again);
    }
    SECTION("it answers after the broker repeated the message") {
        t.talk.reachable = Talk::Reachable::yes;
        t.talk.advance(1s);
        CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 keep"});
        t.talk.broker_sends("c1", again);
        t.node.expects_nothing();
        CHECK(t.talk.heard().empty());
        client_completes();
    }
    t.node.expects_nothing();  // delivered once
    CHECK(t.talk.heard() == (qos == Qos::at_least_once ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"}));
    t.is_alive();
}

TEST_CASE("the broker closes while a topic is being registered: the delivery still comes", "[SN12-6-i][SN12-6.12-e]") {
    Connected t(Talk::config(), GENERATE(true, false));
    t.node.subscribes("s/#", Qos::at_least_once);
    t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 9);
    t.node.expects(sn::Register{2, 1, "s/1"});
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.node.sends(sn::Regack{2, 1, ReturnCode::accepted});
    t.node.expects(sn::Publish{.qos = Qos::at_least_once, .topic_id = 2, .msg_id = 2, .data = as_bytes("x")});
    t.node.sends(sn::Puback{2, 2, ReturnCode::accepted});
    t.talk.advance(10s);
    t.is_alive();
}

TEST_CASE("the broker closes while the client sleeps: it wakes to a whole connection, or to DISCONNECT",
          "[SN12-6.12-d][SN12-6.12-e]") {
    Connected t(Talk::config(), GENERATE(true, false));
    t.node.sends(sn::Disconnect{std::uint16_t{300}});
    t.node.expects(sn::Disconnect{});
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    const bool comes_back = GENERATE(true, false);
    t.talk.advance(10s);
    if (comes_back) t.talk.reachable = Talk::Reachable::yes;
    t.talk.advance(60s);
    t.node.expects_nothing();
    t.node.sends(sn::Pingreq{"c1"});
    if (comes_back) {
        t.node.expects(sn::Pingresp{});
    } else {
        t.node.expects(sn::Disconnect{});
        t.node.sends(sn::Pingreq{"c1"});
        t.node.expects(sn::Disconnect{});
    }
}

TEST_CASE("the outage of one client's connection is nobody else's", "[SN12-4.1-a]") {
    Connected t(Talk::config());
    const auto other = t.talk.device(2);
    other.connects("c2");
    t.talk.heard();
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.talk.advance(30s);
    t.node.expects(sn::Disconnect{});
    other.sends(
        sn::Publish{.qos = Qos::at_least_once, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = 3});
    other.expects(sn::Puback{0x6162, 3, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c2: PUBLISH q1 ab "});
}

TEST_CASE("with MQTT 3.1 a broker that forgot is not told of messages that it sent before", "[SN12-6-q]") {
    Talk talk(with_version(Version::v3_1));
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.subscribes("ab", Qos::at_least_once);
    talk.broker_publishes("c1", "ab", "old", Qos::at_least_once, 1);
    const auto old = std::get<sn::Publish>(node.next());
    talk.broker_drops("c1");
    talk.advance(2s);
    talk.heard();
    talk.broker_publishes("c1", "ab", "new", Qos::at_least_once, 1);
    node.sends(sn::Puback{old.topic_id, old.msg_id, ReturnCode::accepted});
    CHECK(talk.heard("c1").empty());
    const auto fresh = std::get<sn::Publish>(node.next());
    CHECK(as_text(fresh.data) == "new");
    node.sends(sn::Puback{fresh.topic_id, fresh.msg_id, ReturnCode::accepted});
    CHECK(talk.heard("c1") == Lines{"PUBACK"});
}

}  // namespace broker_loss_test
