// SN 5.3 and 5.4 seen from outside: flags, reserved values, and messages that are of no use.
#include "tests/scenario/octet_talk.hpp"

namespace disposition_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

TEST_CASE("messages that only gateways send are dropped, whoever sends them", "[SN12-5.2.2-c]") {
    const sn::Packet packet =
        GENERATE(sn::Packet(sn::Connack{}), sn::Packet(sn::WillTopicReq{}), sn::Packet(sn::WillMsgReq{}),
                 sn::Packet(sn::Suback{}), sn::Packet(sn::Unsuback{}), sn::Packet(sn::WillTopicResp{}),
                 sn::Packet(sn::WillMsgResp{}));
    Connected t;
    const auto deadline = t.talk.gateway().next_timeout();
    t.talk.advance(1s);
    for (const auto& from : {t.node, t.talk.device(2), t.talk.device(3).behind("n")}) {
        from.sends(short_form(packet));
        from.sends(long_form(packet));
        from.expects_nothing();
    }
    CHECK(t.talk.counters().gateway_only_type == 6);
    CHECK(t.talk.counters().disconnects_suppressed == 0);
    CHECK(t.talk.gateway().next_timeout() == deadline);
    CHECK(t.talk.heard().empty());
}

TEST_CASE("flag bits that a message does not use are ignored", "[SN12-5.3.4-c]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto says = [&](std::string_view octets) { node.sends(hex(octets)); };
    const auto hears = [&](std::string_view octets) { CHECK(to_hex(node.next_datagram()) == to_hex(hex(octets))); };
    says("08 04 FF 01 00 3C 63 31");  // CONNECT: DUP, QoS, Retain, TopicIdType
    hears("02 06");
    says("06 07 AF 77 2F 74");  // WILLTOPIC: DUP, Will, CleanSession, TopicIdType
    hears("02 08");
    says("03 09 6D");
    hears("03 05 00");
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w/t m q1"});
    says("09 0A 00 00 00 01 61 2F 62");
    hears("07 0B 00 01 00 01 00");
    says("08 0C 2C 00 01 00 02 78");  // PUBLISH: Will, CleanSession
    hears("07 0D 00 01 00 02 00");
    says("08 12 DC 00 03 61 2F 23");  // SUBSCRIBE: DUP, Retain, Will, CleanSession
    hears("08 13 40 00 00 00 03 00");
    says("08 14 FC 00 04 61 2F 23");  // UNSUBSCRIBE: all but TopicIdType
    hears("04 15 00 04");
    says("05 1A AF 77 32");  // WILLTOPICUPD
    hears("03 1B 00");
    CHECK(talk.heard() == Lines{"c1: PUBLISH q1 a/b x", "c1: SUBSCRIBE q2 a/#", "c1: UNSUBSCRIBE a/#"});
    // Without the two that CONNECT uses.
    says("08 04 F3 01 00 3C 63 31");
    hears("03 05 00");
    CHECK(talk.heard() == Lines{"c1: DISCONNECT", "c1: CLOSE", "c1: CONNECT c1 keep will w2 m q1"});
}

TEST_CASE("QoS bits 11 are never sent, whatever the broker grants or publishes", "[SN12-5.3.4-d]") {
    auto config = Talk::config();
    config.broker.client.version = GENERATE(mqtt::Version::v3_1_1, mqtt::Version::v5);
    Connected t(config);
    const auto reason = GENERATE(3, 4, 0x7F);
    t.talk.suback = static_cast<mqtt::ReasonCode>(reason);
    t.node.sends(sn::Subscribe{.qos = Qos::exactly_once, .msg_id = 5, .topic_name = "a/#"});
    // No MQTT: the connection is closed, and the client may try again.
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q2 a/#", "c1: ABORT"});
}

TEST_CASE("return codes above 0x03 are final rejections", "[SN12-5.3.10-b]") {
    Connected t;
    const auto code = static_cast<ReturnCode>(GENERATE(0x03, 0x04, 0x7F, 0x80, 0xFF));
    t.node.subscribes("s/#", Qos::exactly_once);
    t.talk.heard();
    SECTION("of REGISTER") {
        t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 5);
        t.node.expects(sn::Register{2, 1, "s/1"});
        t.node.sends(sn::Regack{2, 1, code});
        t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 6);
        CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: PUBACK"});
    }
    SECTION("of PUBLISH") {
        const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
        t.talk.broker_publishes("c1", "ab", "x", qos, 5);
        t.node.expects(sn::Publish{
            .qos = qos, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = 1, .data = as_bytes("x")});
        t.node.sends(sn::Puback{0x6162, 1, code});
        CHECK(t.talk.heard() == (qos == Qos::at_least_once ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"}));
    }
    t.talk.advance(60s);
    t.node.expects_nothing();
    CHECK(t.talk.counters().clients_lost == 0);
}

TEST_CASE("topic ids 0x0000 and 0xFFFF are never given away, and never known", "[SN12-5.3.11-a][SN12-5.3.11-b]") {
    SECTION("not even when all others are") {
        auto config = Talk::config();
        config.limits.topics_per_client = 100000;
        config.topics = {{77, "predefined", "*"}};
        Talk talk(config);
        const auto node = talk.device(1);
        node.connects("c1");
        std::vector<bool> seen(0x10000);
        for (unsigned i = 0; i < 65533; ++i) {
            node.sends(sn::Register{0, 1, std::to_string(i)});
            const auto reply = std::get<sn::Regack>(node.next());
            if (reply.code != ReturnCode::accepted || seen[reply.topic_id]) FAIL("registration " << i << " failed");
            seen[reply.topic_id] = true;
        }
        CHECK_FALSE(seen[0x0000]);
        CHECK_FALSE(seen[0xFFFF]);
        CHECK_FALSE(seen[77]);
        node.sends(sn::Register{0, 2, "one more"});
        node.expects(sn::Regack{0, 2, ReturnCode::congestion});
    }
    SECTION("PUBLISH to them is PUBLISH to an unknown topic") {
        Connected t;
        const auto id = GENERATE(sn::TopicId{0x0000}, sn::TopicId{0xFFFF});
        const auto type = GENERATE(TopicIdType::normal, TopicIdType::predefined);
        for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
            t.node.sends(sn::Publish{.qos = qos, .type = type, .topic_id = id, .msg_id = 9});
            t.node.expects(sn::Puback{id, 9, ReturnCode::invalid_topic_id});
        }
        t.node.sends(sn::Publish{.qos = Qos::minus_one, .type = type, .topic_id = id});
        CHECK(t.talk.heard().empty());
    }
}

TEST_CASE("names and filters that the broker would choke on never reach it",
          "[SN12-5.3.12-a][SN12-5.4.10-b][SN12-5.4.15-b][SN12-5.4.17-b]") {
    using namespace std::string_literals;
    Connected t;
    const auto text =
        GENERATE(as<std::string>{}, "", "a\0b"s, "\0"s, "\xC3\x28", "a\xFF", "\xED\xA0\x80", "\xC0\xAF", "a\x01", "\x7F",
                 "\xC2\x85", "\xEF\xBF\xBF", "a#", "a/#/b",
                 "+a", "a/+b", "#/a", "##", "a/b#", "$share//a", "$share/g/", "$share/g", "$share/+/a");
    CAPTURE(text);
    const bool is_name = text.starts_with("$share") && text.find_first_of("+#") == std::string::npos;
    t.node.sends(sn::Register{0, 0x1234, text});
    if (is_name) {
        CHECK(std::get<sn::Regack>(t.node.next()).code == ReturnCode::accepted);
    } else {
        t.hears("07 0B 00 00 12 34 03");
    }
    t.node.sends(sn::Subscribe{.qos = Qos::at_least_once, .msg_id = 0x1235, .topic_name = text});
    t.hears("08 13 00 00 00 12 35 03");
    t.node.sends(sn::Unsubscribe{.msg_id = 0x1236, .topic_name = text});
    t.hears("04 15 12 36");
    CHECK(t.talk.heard().empty());
    if (text.empty() || is_name) return;
    t.node.sends(sn::WillTopicUpd{Qos::at_most_once, false, text});
    t.hears("03 1B 03");
    const auto other = t.talk.device(2);
    other.sends(sn::Connect{true, true, sn::protocol_id, 60, "c2"});
    other.expects(sn::WillTopicReq{});
    other.sends(sn::WillTopic{Qos::at_most_once, false, text});
    other.expects(sn::Connack{ReturnCode::not_supported});
    CHECK(t.talk.heard().empty());
}

TEST_CASE("REGISTER of a wildcard is refused", "[SN12-5.4.10-b]") {
    Connected t;
    const auto text = GENERATE(as<std::string>{}, "#", "+", "a/#", "a/+/b", "+/a");
    t.node.sends(sn::Register{7, 0xABCD, text});
    t.hears("07 0B 00 00 AB CD 03");
    CHECK(t.node.registers("next") == 2);  // no id was used up
}

TEST_CASE("PUBLISH with the reserved TopicIdType is refused with both ids", "[SN12-5.4.12-b]") {
    Connected t;
    t.says("08 0C 03 00 01 00 00 78");
    t.hears("07 0D 00 01 00 00 03");
    t.says("08 0C 23 00 01 12 34 78");
    t.hears("07 0D 00 01 12 34 03");
    t.says("08 0C 43 61 62 12 35 78");
    t.hears("07 0D 61 62 12 35 03");
    t.says("08 0C 63 00 01 12 36 78");
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
}

TEST_CASE("PUBLISH to a short name that is no topic is refused", "[SN12-5.4.12-c]") {
    Connected t;
    const auto name = GENERATE(as<std::string>{}, "2B 61", "61 2B", "23 61", "61 23", "00 61", "61 00", "00 00",
                               "C3 28", "61 FF", "80 80");
    for (const char* flags : {"02", "22", "42"}) {
        t.says("08 0C " + std::string(flags) + name + "12 34 78");
        t.hears("07 0D " + name + "12 34 03");
    }
    t.says("08 0C 62" + name + "12 34 78");
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
    // Two octets of one character are a name.
    t.says("08 0C 22 C3 A9 12 34 78");
    t.hears("07 0D C3 A9 12 34 00");
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 \xC3\xA9 x"});
}

TEST_CASE("SUBSCRIBE with reserved bits is refused", "[SN12-5.4.15-b]") {
    Connected t;
    for (const char* octets :
         {"07 12 23 12 34 00 01", "05 12 03 12 34", "09 12 43 12 34 61 2F 62 63",  // TopicIdType 11
          "08 12 60 12 34 61 2F 62", "07 12 62 12 34 61 62"}) {                    // QoS 11
        CAPTURE(octets);
        t.says(octets);
        t.hears("08 13 00 00 00 12 34 03");
    }
    CHECK(t.talk.heard().empty());
}

TEST_CASE("SUBSCRIBE by id has exactly two octets of it", "[SN12-5.4.15-c][SN12-5.4-b]") {
    auto config = Talk::config();
    config.topics = {{3, "p", "*"}};
    Connected t(config);
    for (const char* octets :
         {"05 12 01 12 34", "06 12 01 12 34 00", "08 12 01 12 34 00 01 00", "05 12 02 12 34", "06 12 02 12 34 61",
          "08 12 02 12 34 61 62 63", "01 00 08 12 01 12 34 00", "01 00 0A 12 01 12 34 00 01 00"}) {
        t.says(octets);
        t.node.expects_nothing();
    }
    CHECK(t.talk.counters().malformed == 8);
    t.says("01 00 09 12 01 12 34 00 03");
    t.hears("08 13 00 00 03 12 34 00");
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 p"});
}

TEST_CASE("UNSUBSCRIBE is always acknowledged", "[SN12-5.4.17-b]") {
    Connected t;
    t.says("07 14 01 12 34 00 09");  // unknown predefined id
    t.hears("04 15 12 34");
    t.says("07 14 03 12 35 00 01");  // reserved type
    t.hears("04 15 12 35");
    t.says("05 14 03 12 36");
    t.hears("04 15 12 36");
    CHECK(t.talk.heard().empty());
    t.says("08 14 00 12 37 61 2F 23");  // no such subscription
    t.hears("04 15 12 37");
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE a/#"});
}

TEST_CASE("what needs a client gets DISCONNECT when there is none", "[SN12-5.4.21-b][SN12-5.4.21-c][SN12-5.4.21-e]") {
    const sn::Packet packet = GENERATE(
        sn::Packet(sn::WillTopic{}), sn::Packet(sn::WillMsg{}), sn::Packet(sn::Register{0, 1, "a"}),
        sn::Packet(sn::Regack{1, 1, ReturnCode::accepted}), sn::Packet(sn::Publish{.topic_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::exactly_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Puback{1, 1, ReturnCode::accepted}), sn::Packet(sn::Pubrec{1}), sn::Packet(sn::Pubrel{1}),
        sn::Packet(sn::Pubcomp{1}), sn::Packet(sn::Subscribe{.msg_id = 1, .topic_name = "a"}),
        sn::Packet(sn::Unsubscribe{.msg_id = 1, .topic_name = "a"}), sn::Packet(sn::Pingreq{}),
        sn::Packet(sn::Pingreq{"nobody"}), sn::Packet(sn::Pingresp{}), sn::Packet(sn::WillTopicUpd{}),
        sn::Packet(sn::WillMsgUpd{}), sn::Packet(sn::Disconnect{}), sn::Packet(sn::Disconnect{std::uint16_t{60}}));
    Talk talk;
    const auto stranger = talk.device(1);
    stranger.sends(packet);
    CHECK(to_hex(stranger.next_datagram()) == "0218");
    const auto left = talk.device(2);
    left.connects("c2", false);
    left.sends(sn::Disconnect{});
    left.expects(sn::Disconnect{});
    left.sends(packet);
    CHECK(to_hex(left.next_datagram()) == "0218");
    const auto lost = talk.device(3);
    lost.connects("c3", false, 10);
    talk.advance(15s);
    lost.expects(sn::Disconnect{});
    talk.heard();
    lost.sends(packet);
    CHECK(to_hex(lost.next_datagram()) == "0218");
    CHECK(talk.heard().empty());
    CHECK(talk.counters().unknown_sender == 3);
}

TEST_CASE("DISCONNECTs to unknown senders are few", "[SN12-5.4.21-d]") {
    auto config = Talk::config();
    config.limits.replies_to_unknown_per_second = 5;
    Talk talk(config);
    SECTION("one per source and T_retry") {
        const auto node = talk.device(1);
        for (int i = 0; i < 100; ++i) {
            node.sends(i % 2 == 0 ? sn::Packet(sn::Disconnect{}) : sn::Packet(sn::Pingreq{}));
            talk.advance(200ms);
        }
        // 20 s: at once, after 10 s, and no more.
        CHECK(node.discards() == 2);
        CHECK(talk.counters().disconnects_suppressed == 98);
    }
    SECTION("and so many per second in total") {
        std::size_t answered = 0;
        for (int i = 1; i <= 200; ++i) {
            const auto node = talk.device(static_cast<std::uint8_t>(i));
            node.sends(sn::Pingreq{});
            answered += node.discards();
        }
        CHECK(answered == 5);
        talk.advance(1s);
        talk.device(201).sends(sn::Pingreq{});
        talk.device(201).expects(sn::Disconnect{});
    }
}

TEST_CASE("a client in its handshake is not disturbed by other messages", "[SN12-5.4.21-f]") {
    const sn::Packet packet = GENERATE(
        sn::Packet(sn::Register{0, 1, "a"}), sn::Packet(sn::Regack{1, 1, ReturnCode::accepted}),
        sn::Packet(sn::Publish{.topic_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Puback{1, 1, ReturnCode::accepted}), sn::Packet(sn::Pubrec{1}), sn::Packet(sn::Pubrel{1}),
        sn::Packet(sn::Pubcomp{1}), sn::Packet(sn::Subscribe{.msg_id = 1, .topic_name = "a"}),
        sn::Packet(sn::Unsubscribe{.msg_id = 1, .topic_name = "a"}), sn::Packet(sn::Pingreq{}),
        sn::Packet(sn::Pingreq{"c1"}), sn::Packet(sn::Pingresp{}), sn::Packet(sn::WillTopicUpd{}),
        sn::Packet(sn::WillMsgUpd{}));
    Talk talk;
    const auto node = talk.device(1);
    talk.hold = {PacketType::connect};
    node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sends(packet);
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
    node.expects(sn::WillMsgReq{});
    node.sends(packet);
    node.sends(sn::WillMsg{});
    node.sends(packet);
    node.expects_nothing();
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w  q0"});
    talk.broker_sends("c1", mqtt::Connack{});
    node.expects(sn::Connack{});
    CHECK(talk.counters().unexpected == 3);
}

}  // namespace disposition_test
