// SN 4.1 and the translation to MQTT.
#include "tests/support/talk.hpp"

namespace upstream_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using mqtt::PropertyId;
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

sn::Publish publish(Qos qos, sn::MsgId msg_id = 0, bool retain = false, std::string_view data = "x") {
    return {.qos = qos, .retain = retain, .topic_id = 1, .msg_id = msg_id, .data = as_bytes(data)};
}

sn::Publish delivery(Qos qos, sn::MsgId msg_id, std::string_view data = "x", bool retain = false) {
    return {.qos = qos,
            .retain = retain,
            .type = TopicIdType::short_name,
            .topic_id = 0x6162,
            .msg_id = msg_id,
            .data = as_bytes(data)};
}

/// A connected client c1, a/b registered as topic 1.
struct Connected {
    explicit Connected(const gateway::Config& config, bool clean = true, const mqtt::Properties& connack = {})
        : talk(config) {
        talk.connack_properties = connack;
        node.connects("c1", clean);
        REQUIRE(node.registers("a/b") == 1);
        talk.heard();
    }

    Talk talk;
    Device node = talk.device(1);
};

mqtt::Property number(PropertyId id, std::uint32_t value) {
    return {id, value};
}

}  // namespace

TEST_CASE("each client has a broker connection of its own, closed when it leaves or is lost",
          "[SN12-4.1-a][SN12-6-o][SN12-6-q]") {
    auto config = with_version(GENERATE(Version::v3_1_1, Version::v5));
    config.broker.client_id_prefix = "barn-";
    Talk talk(config);
    talk.device(1).connects("c1", GENERATE(true, false));
    talk.device(2).connects("c2");
    CHECK(talk.heard().size() == 2);
    CHECK(talk.is_connected("barn-c1"));
    CHECK(talk.is_connected("barn-c2"));
    talk.device(1).sends(sn::Disconnect{});
    talk.device(1).expects(sn::Disconnect{});
    CHECK(talk.heard() == Lines{"barn-c1: DISCONNECT", "barn-c1: CLOSE"});
    CHECK(talk.is_connected("barn-c2"));
    talk.advance(90s);
    talk.device(2).expects(sn::Disconnect{});
    CHECK(talk.heard() == Lines{"barn-c2: ABORT"});
}

TEST_CASE("everything MQTT-SN can say works end to end", "[SN12-4.1-b][SN12-6-g][SN12-6-i][SN12-6-j]") {
    Talk talk(with_version(GENERATE(Version::v3_1_1, Version::v5)));
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.registers("a/b");
    CHECK(node.subscribes("+/s/#", Qos::exactly_once) == 0);
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 keep", "c1: SUBSCRIBE q2 +/s/#"});
    // Retained and QoS 2, up and down.
    node.sends(publish(Qos::exactly_once, 5, true));
    node.expects(sn::Pubrec{5});
    node.sends(sn::Pubrel{5});
    node.expects(sn::Pubcomp{5});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q2 retain a/b x", "c1: PUBREL"});
    talk.broker_publishes("c1", "ab", "x", Qos::exactly_once, 9, true);
    node.expects(delivery(Qos::exactly_once, 1, "x", true));
    node.sends(sn::Pubrec{1});
    node.expects(sn::Pubrel{1});
    CHECK(talk.heard().empty());
    node.sends(sn::Pubcomp{1});
    CHECK(talk.heard() == Lines{"c1: PUBREC", "c1: PUBCOMP"});
    // The session goes on at the broker: nothing is subscribed anew, and what it kept arrives.
    node.sends(sn::Disconnect{});
    node.expects(sn::Disconnect{});
    talk.heard();
    talk.session_present = true;
    node.connects("c1", false);
    talk.broker_publishes("c1", "ab", "kept", Qos::at_least_once, 10);
    node.expects(delivery(Qos::at_least_once, 2, "kept"));
    node.sends(sn::Puback{0x6162, 2, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 keep", "c1: PUBACK"});
}

TEST_CASE("CONNECT carries the flag, the will and the gateway's own settings", "[SN12-6-a][SN12-6-c]") {
    const auto version = GENERATE(Version::v3_1_1, Version::v5);
    const bool clean = GENERATE(true, false);
    auto config = with_version(version);
    config.broker.username = "gate";
    config.broker.password = "secret";
    config.broker.client.keep_alive_s = 77;
    config.broker.client.receive_maximum = 7;
    config.broker.client.session_expiry_s = 3600;
    Talk talk(config);
    const auto node = talk.device(1);
    node.sends(connect_as("c1", clean, true));
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::exactly_once, true, "w/t"});
    node.expects(sn::WillMsgReq{});
    node.sends(sn::WillMsg{as_bytes("gone")});
    node.expects(sn::Connack{});
    const auto connect = std::get<mqtt::Connect>(talk.last("c1", PacketType::connect));
    CHECK(connect.clean_start == clean);
    CHECK(connect.keep_alive_s == 77);
    CHECK(connect.username == "gate");
    CHECK(connect.password == "secret");
    REQUIRE(connect.will);
    CHECK(connect.will->topic == "w/t");
    CHECK(as_text(connect.will->payload) == "gone");
    CHECK(connect.will->qos == Qos::exactly_once);
    CHECK(connect.will->retain);
    CHECK(connect.will->properties.empty());
    const auto property = [&](PropertyId id) { return mqtt::find_number(connect.properties, id); };
    if (version == Version::v5) {
        CHECK(property(PropertyId::session_expiry_interval).value_or(0) == (clean ? 0U : 3600U));
        CHECK(property(PropertyId::receive_maximum) == 7);
        CHECK(property(PropertyId::topic_alias_maximum).value_or(0) == 0);
        CHECK(property(PropertyId::request_problem_information) == 0);
    } else {
        CHECK(connect.properties.empty());
    }
}

TEST_CASE("what the broker cannot do is left away or refused at the gateway", "[SN12-6-b][SN12-6-g]") {
    const auto config = with_version(Version::v5);
    SECTION("Maximum QoS 0: the client's exchange goes as it asked") {
        Connected t(config, true, {number(PropertyId::maximum_qos, 0)});
        t.node.sends(publish(Qos::at_least_once, 1));
        t.node.expects(sn::Puback{1, 1, ReturnCode::accepted});
        t.node.sends(publish(Qos::exactly_once, 2));
        t.node.expects(sn::Pubrec{2});
        t.node.sends(sn::Pubrel{2});
        t.node.expects(sn::Pubcomp{2});
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q0 a/b x", "c1: PUBLISH q0 a/b x"});
    }
    SECTION("Maximum QoS 1: PUBREC means that the broker acknowledged") {
        Connected t(config, true, {number(PropertyId::maximum_qos, 1)});
        t.talk.hold = {PacketType::publish};
        t.node.sends(publish(Qos::exactly_once, 2));
        t.node.expects_nothing();
        t.talk.broker_sends("c1", mqtt::Puback{t.talk.last_id("c1"), 0, {}});
        t.node.expects(sn::Pubrec{2});
        t.node.sends(sn::Pubrel{2});
        t.node.expects(sn::Pubcomp{2});
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b x"});
    }
    SECTION("no Retain") {
        Connected t(config, true, {number(PropertyId::retain_available, 0)});
        t.node.sends(publish(Qos::at_most_once, 0, true));
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
    }
    SECTION("Maximum Packet Size") {
        Connected t(config, true, {number(PropertyId::maximum_packet_size, 100)});
        const std::string text(100, 'z');
        t.node.sends(publish(Qos::at_least_once, 1, false, text));
        t.node.expects(sn::Puback{1, 1, ReturnCode::not_supported});
        t.node.sends(sn::Subscribe{.msg_id = 2, .topic_name = text});
        t.node.expects(sn::Suback{Qos::at_most_once, 0, 2, ReturnCode::not_supported});
        for (sn::MsgId msg_id = 3; msg_id < 30; ++msg_id) {
            t.node.sends(sn::Unsubscribe{.msg_id = msg_id, .topic_name = text});
            t.node.expects(sn::Unsuback{msg_id});
        }
        CHECK(t.talk.heard().empty());
        t.node.subscribes("fits", Qos::at_least_once);
    }
    SECTION("Server Keep Alive") {
        Connected t(config, true, {number(PropertyId::server_keep_alive, 20)});
        t.talk.advance(20s);
        CHECK(t.talk.heard() == Lines{"c1: PINGREQ"});
    }
    SECTION("no wildcards") {
        Connected t(config, true, {number(PropertyId::wildcard_subscription_available, 0)});
        t.node.sends(sn::Subscribe{.msg_id = 2, .topic_name = "a/+/c"});
        t.node.expects(sn::Suback{Qos::at_most_once, 0, 2, ReturnCode::not_supported});
        CHECK(t.talk.heard().empty());
        t.node.subscribes("a/c", Qos::at_least_once);
    }
    SECTION("no shared subscriptions") {
        Connected t(config, true, {number(PropertyId::shared_subscription_available, 0)});
        t.node.sends(sn::Subscribe{.msg_id = 2, .topic_name = "$share/g/a"});
        t.node.expects(sn::Suback{Qos::at_most_once, 0, 2, ReturnCode::not_supported});
        CHECK(t.talk.heard().empty());
        t.node.subscribes("a/#", Qos::at_least_once);
    }
    SECTION("Receive Maximum: one at a time") {
        Connected t(config, true, {number(PropertyId::receive_maximum, 1)});
        t.talk.hold = {PacketType::publish};
        t.node.sends(publish(Qos::at_least_once, 1));
        t.node.sends(publish(Qos::at_least_once, 2));
        t.node.expects(sn::Puback{1, 2, ReturnCode::congestion});
        CHECK(t.talk.heard().size() == 1);
    }
}

TEST_CASE("PUBLISH goes up under its full name, with a packet id of its own", "[SN12-6-g][SN12-6-h]") {
    Connected t(with_version(GENERATE(Version::v3_1_1, Version::v5)));
    t.talk.hold = {PacketType::publish};
    t.node.sends(sn::Publish{
        .dup = true, .qos = Qos::exactly_once, .retain = true, .topic_id = 1, .msg_id = 0x1234, .data = as_bytes("x")});
    const auto sent = std::get<mqtt::Publish>(t.talk.last("c1", PacketType::publish));
    CHECK(sent.qos == Qos::exactly_once);
    CHECK(sent.retain);
    CHECK_FALSE(sent.dup);
    CHECK(sent.topic == "a/b");
    CHECK(sent.packet_id != 0x1234);
    CHECK(sent.properties.empty());
    t.talk.hold = {PacketType::pubrel};
    const auto id = t.talk.last_id("c1");
    t.talk.broker_sends("c1", mqtt::Pubrec{id, 0, {}});
    t.node.expects(sn::Pubrec{0x1234});
    CHECK(std::get<mqtt::Pubrel>(t.talk.last("c1", PacketType::pubrel)).packet_id == id);
}

TEST_CASE("a broker's refusal of a QoS 2 message reaches the client as PUBACK", "[SN12-6-h][SN12-5.3.10-c]") {
    Connected t(with_version(Version::v5));
    t.talk.puback = 0x97;
    t.node.sends(publish(Qos::exactly_once, 2));
    t.node.expects(sn::Puback{1, 2, ReturnCode::congestion});
    t.talk.puback = 0;
    // The exchange is over: the same MsgId is a new message.
    t.node.sends(publish(Qos::exactly_once, 2));
    t.node.expects(sn::Pubrec{2});
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q2 a/b x", "c1: PUBLISH q2 a/b x", "c1: PUBREL"});
}

TEST_CASE("MQTT 5 properties of a delivery are left away, its expiry is honoured", "[SN12-6-i]") {
    Connected t(with_version(Version::v5));
    const mqtt::Properties properties{
        {PropertyId::content_type, std::string_view("text")},
        {PropertyId::user_property, std::pair<std::string_view, std::string_view>("k", "v")},
        number(PropertyId::message_expiry_interval, 10)};
    const auto message = mqtt::Publish{false, Qos::at_most_once, true, "ab", 0, properties, as_bytes("x")};
    t.talk.broker_sends("c1", message);
    t.node.expects(delivery(Qos::at_most_once, 0, "x", true));
    t.node.sends(sn::Disconnect{std::uint16_t{60}});
    t.node.expects(sn::Disconnect{});
    t.talk.broker_sends("c1", message);
    t.talk.advance(11s);
    t.node.sends(sn::Pingreq{"c1"});
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a topic alias was never offered", "[SN12-6-i]") {
    Connected t(with_version(Version::v5));
    const auto topic = GENERATE(as<std::string>{}, "", "ab");
    t.talk.broker_sends(
        "c1",
        mqtt::Publish{false, Qos::at_most_once, false, topic, 0, {number(PropertyId::topic_alias, 1)}, as_bytes("x")});
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    t.talk.advance(1s);
    CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 clean"});
}

TEST_CASE("the broker's message is acknowledged when the client has it, or will never have it",
          "[SN12-6-j][SN12-6-k]") {
    auto config = with_version(GENERATE(Version::v3_1_1, Version::v5));
    config.links.front().max_frame = 100;
    Connected t(config);
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    const auto end = qos == Qos::at_least_once ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"};
    SECTION("accepted") {
        t.talk.broker_publishes("c1", "ab", "x", qos, 9);
        t.node.expects(delivery(qos, 1));
        CHECK(t.talk.heard().empty());
        if (qos == Qos::at_least_once) {
            t.node.sends(sn::Puback{0x6162, 1, ReturnCode::accepted});
        } else {
            t.node.sends(sn::Pubrec{1});
            t.node.expects(sn::Pubrel{1});
            t.node.sends(sn::Pubcomp{1});
        }
    }
    SECTION("refused by the client") {
        t.talk.broker_publishes("c1", "ab", "x", qos, 9);
        t.node.expects(delivery(qos, 1));
        t.node.sends(sn::Puback{0x6162, 1, ReturnCode::not_supported});
    }
    SECTION("too long for its link") {
        t.talk.broker_publishes("c1", "ab", std::string(100, 'z'), qos, 9);
    }
    CHECK(t.talk.heard() == end);
    if (qos == Qos::at_least_once) {
        CHECK(std::get<mqtt::Puback>(t.talk.last("c1", PacketType::puback)).reason == 0);
    } else {
        CHECK(std::get<mqtt::Pubrec>(t.talk.last("c1", PacketType::pubrec)).reason == 0);
        CHECK(std::get<mqtt::Pubcomp>(t.talk.last("c1", PacketType::pubcomp)).packet_id == 9);
    }
}

TEST_CASE("SUBSCRIBE asks for one filter and nothing special", "[SN12-6-l]") {
    Connected t(with_version(GENERATE(Version::v3_1_1, Version::v5)));
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
    t.node.subscribes("s/#", qos);
    const auto sent = std::get<mqtt::Subscribe>(t.talk.last("c1", PacketType::subscribe));
    CHECK(sent.topics == std::vector<mqtt::TopicRequest>{{"s/#", static_cast<std::uint8_t>(qos)}});
    CHECK(sent.properties.empty());
}

TEST_CASE("shared subscriptions pass as they are, deliveries use the id of the name behind them",
          "[SN12-6-l][SN12-6.9-b]") {
    Connected t(with_version(Version::v5));
    const auto id = t.node.subscribes("$share/g/c/d", Qos::at_most_once);
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 $share/g/c/d"});
    t.talk.broker_publishes("c1", "c/d", "x");
    t.node.expects(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    CHECK(t.node.subscribes("$share/g/c/#", Qos::at_most_once) == 0);
    t.node.sends(sn::Unsubscribe{.msg_id = 4, .topic_name = "$share/g/c/d"});
    t.node.expects(sn::Unsuback{4});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 $share/g/c/#", "c1: UNSUBSCRIBE $share/g/c/d"});
}

TEST_CASE("any UNSUBACK of the broker is UNSUBACK to the client, not before", "[SN12-6-m][SN12-5.3.10-c]") {
    Connected t(with_version(Version::v5));
    const auto reason = static_cast<mqtt::ReasonCode>(GENERATE(0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91));
    t.node.subscribes("s/#", Qos::at_most_once);
    t.talk.heard();
    t.talk.hold = {PacketType::unsubscribe};
    t.node.sends(sn::Unsubscribe{.msg_id = 4, .topic_name = "s/#"});
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE s/#"});
    t.talk.broker_sends("c1", mqtt::Unsuback{t.talk.last_id("c1"), {reason}, {}});
    t.node.expects(sn::Unsuback{4});
}

TEST_CASE("what concerns only client and gateway stays between them",
          "[SN12-6-d][SN12-6-e][SN12-6-n][SN12-6-p][SN12-6-s]") {
    Connected t(with_version(GENERATE(Version::v3_1_1, Version::v5)));
    t.node.sends(sn::Register{0, 1, "c/d"});
    t.node.expects(sn::Regack{2, 1, ReturnCode::accepted});
    t.node.sends(sn::Pingreq{});
    t.node.expects(sn::Pingresp{});
    t.node.sends(sn::Pingresp{});
    t.node.sends(sn::WillTopicUpd{Qos::at_most_once, false, "w"});
    t.node.expects(sn::WillTopicResp{});
    t.node.sends(sn::WillMsgUpd{as_bytes("m")});
    t.node.expects(sn::WillMsgResp{});
    t.node.sends(sn::SearchGw{1});
    t.node.sends(sn::Advertise{9, 900});
    t.node.sends(sn::GwInfo{9, as_bytes("a")});
    t.talk.device(2).behind("n").sends(sn::SearchGw{1});
    t.talk.device(2).behind("n").expects(sn::GwInfo{1, {}});
    t.node.sends(sn::Disconnect{std::uint16_t{60}});
    t.node.expects(sn::Disconnect{});
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.is_connected("c1"));
}

TEST_CASE("CONNACK codes of MQTT 3.1.1", "[SN12-5.3.10-c][SN12-6-b][SN12-6.2-d]") {
    const auto [code, expected] = GENERATE(table<int, ReturnCode>({{0, ReturnCode::accepted},
                                                                   {1, ReturnCode::not_supported},
                                                                   {2, ReturnCode::not_supported},
                                                                   {3, ReturnCode::congestion},
                                                                   {4, ReturnCode::not_supported},
                                                                   {5, ReturnCode::not_supported},
                                                                   {6, ReturnCode::not_supported},
                                                                   {255, ReturnCode::not_supported}}));
    Talk talk(with_version(Version::v3_1_1));
    talk.connack = static_cast<mqtt::ReasonCode>(code);
    talk.device(1).sends(connect_as("c1"));
    talk.device(1).expects(sn::Connack{expected});
    CHECK(talk.gateway().session_count() == (code == 0 ? 1 : 0));
    CHECK(talk.is_connected("c1") == (code == 0));
}

TEST_CASE("CONNACK reasons of MQTT 5", "[SN12-5.3.10-c][SN12-6-b][SN12-6.2-d]") {
    const std::set<int> temporary{0x88, 0x89, 0x97, 0x9C, 0x9D, 0x9F};
    Talk talk(with_version(Version::v5));
    const auto node = talk.device(1);
    for (int reason = 1; reason <= 0xFF; ++reason) {
        CAPTURE(reason);
        talk.connack = static_cast<mqtt::ReasonCode>(reason);
        node.sends(connect_as("c1"));
        node.expects(sn::Connack{temporary.contains(reason) ? ReturnCode::congestion : ReturnCode::not_supported});
        CHECK(talk.gateway().session_count() == 0);
        CHECK_FALSE(talk.is_connected("c1"));
    }
    talk.connack = 0;
    node.connects("c1");
}

TEST_CASE("a broker that cannot be reached is congestion", "[SN12-5.3.10-c]") {
    Talk talk(with_version(GENERATE(Version::v3_1_1, Version::v5)));
    const auto node = talk.device(1);
    talk.reachable = GENERATE(Talk::Reachable::refused, Talk::Reachable::silent);
    node.sends(connect_as("c1"));
    if (talk.reachable == Talk::Reachable::silent) {
        talk.advance(10s - 1ms);
        node.expects_nothing();
        talk.advance(1ms);
    }
    node.expects(sn::Connack{ReturnCode::congestion});
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("whatever reason a broker gives, the client sees one of four codes", "[SN12-5.3.10-a]") {
    Connected t(with_version(Version::v5));
    for (int reason = 0x80; reason <= 0xFF; ++reason) {
        CAPTURE(reason);
        t.talk.puback = t.talk.suback = static_cast<mqtt::ReasonCode>(reason);
        t.node.sends(publish(Qos::at_least_once, 7));
        const Buffer puback = t.node.next_datagram();
        CHECK(puback.at(6) <= std::byte{3});
        // Trouble with our own packet ids is not the client's.
        CHECK((puback.at(6) == std::byte{0}) == (reason == 0x91 || reason == 0x92));
        if (reason == 0xFF) continue;  // the scripted broker's "as asked"
        t.node.sends(sn::Subscribe{.msg_id = 8, .topic_name = "s/#"});
        const Buffer suback = t.node.next_datagram();
        CHECK((suback.at(7) == std::byte{1} || suback.at(7) == std::byte{3}));
    }
}

}  // namespace upstream_test
