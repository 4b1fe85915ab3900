// SN 6.10: one delivery, from the broker's PUBLISH to the client's last acknowledgement.
#include "tests/scenario/downlink.hpp"

namespace publish_out_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

gateway::Config with_packet_limit(std::size_t octets) {
    auto config = Talk::config();
    config.links.front().max_frame = octets;
    return config;
}

/// What the broker hears when a message of this QoS is completed.
Lines completion(Qos qos) {
    return qos == q1 ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"};
}

}  // namespace

TEST_CASE("a QoS 0 delivery carries MsgId 0 and any octets, and needs no answer",
          "[SN12-5.3.7-d][SN12-5.3.2-a][SN12-6.10-m]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    std::string every_octet;
    for (int i = 0; i < 256; ++i)
        every_octet += static_cast<char>(i);
    const std::string payload = GENERATE_COPY(std::string{}, std::string("\0", 1), every_octet);
    t.message("a/b", payload);
    t.node.expects(sn::Publish{.topic_id = id, .msg_id = 0, .data = as_bytes(payload)});
    t.talk.advance(100s);
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.counters().publish_out_qos0 == 1);
}

TEST_CASE("a QoS 1 delivery ends with PUBACK of its MsgId, and only then at the broker", "[SN12-6.10-o][SN12-6.10-s]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "x", q1, 700);
    t.node.expects(delivery(id, "x", q1, 1));
    t.node.sends(sn::Puback{id, 2, ReturnCode::accepted});
    t.node.sends(sn::Puback{id, 0, ReturnCode::accepted});
    t.node.sends(sn::Puback{id, 700, ReturnCode::accepted});
    t.node.sends(sn::Pubrec{1});
    t.node.sends(sn::Pubcomp{1});
    t.node.sends(sn::Regack{id, 1, ReturnCode::accepted});
    CHECK(t.talk.heard().empty());
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    CHECK(t.talk.heard() == completion(q1));
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.talk.advance(100s);
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.counters().publish_out_qos1 == 1);
}

TEST_CASE("a QoS 2 delivery runs PUBREC, PUBREL, PUBCOMP, and only then ends at the broker",
          "[SN12-6.10-o][SN12-6.10-s]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "x", q2, 700);
    t.node.expects(delivery(id, "x", q2, 1));
    t.node.sends(sn::Pubcomp{1});  // too early
    t.node.sends(sn::Pubrec{2});
    t.node.expects_nothing();
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubcomp{2});
    CHECK(t.talk.heard().empty());
    t.node.sends(sn::Pubcomp{1});
    CHECK(t.talk.heard() == completion(q2));
    t.node.sends(sn::Pubcomp{1});
    t.talk.advance(100s);
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.counters().publish_out_qos2 == 1);
}

TEST_CASE("acknowledgements without an exchange are ignored, except PUBREL and the last PUBREC", "[SN12-6.10-t]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.node.sends(sn::Puback{id, 9, ReturnCode::accepted});
    t.node.sends(sn::Puback{id, 9, ReturnCode::congestion});
    t.node.sends(sn::Puback{id, 9, ReturnCode::not_supported});
    t.node.sends(sn::Pubrec{9});
    t.node.sends(sn::Pubrec{0});
    t.node.sends(sn::Pubcomp{9});
    t.node.sends(sn::Regack{id, 9, ReturnCode::not_supported});
    t.node.expects_nothing();
    t.node.sends(sn::Pubrel{9});
    t.node.expects(sn::Pubcomp{9});
    for (sn::MsgId msg_id = 1; msg_id <= 2; ++msg_id) {
        t.message("a/b", "x", q2, msg_id);
        t.node.expects(delivery(id, "x", q2, msg_id));
        t.node.sends(sn::Pubrec{msg_id});
        t.node.expects(sn::Pubrel{msg_id});
        t.node.sends(sn::Pubcomp{msg_id});
        t.node.sends(sn::Pubrec{msg_id});
        t.node.expects(sn::Pubrel{msg_id});
    }
    t.node.sends(sn::Pubrec{1});  // not the last one any more
    t.node.expects_nothing();
    t.message("a/b", "y");  // none of all this stopped deliveries
    t.node.expects(delivery(id, "y"));
}

TEST_CASE("PUBACK 0x00 does not end a QoS 2 delivery", "[SN12-6.10-p]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "x", q2, 7);
    t.node.expects(delivery(id, "x", q2, 1));
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.stays_silent(10s);
    t.node.expects(again(delivery(id, "x", q2, 1)));
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    CHECK(t.talk.heard().empty());
    t.stays_silent(10s);
    t.node.expects(sn::Pubrel{1});
}

TEST_CASE("PUBACK with an error ends a QoS 2 delivery, before and after PUBREC", "[SN12-6.10-p]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "x", q2, 7);
    t.node.expects(delivery(id, "x", q2, 1));
    if (GENERATE(false, true)) {
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
    }
    t.node.sends(sn::Puback{id, 1, ReturnCode::not_supported});
    CHECK(t.talk.heard() == completion(q2));
    t.talk.advance(100s);
    CHECK(t.talk.counters().deliveries_rejected == 1);
    t.message("a/b", "y", q1, 8);
    t.node.expects(delivery(id, "y", q1, 2));
}

TEST_CASE("congestion pauses all deliveries for T_wait, then the same message comes again", "[SN12-6.10-r]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    t.message("a/b", "first", qos, 7);
    t.node.expects(delivery(id, "first", qos, 1));
    for (int i = 0; i < 5; ++i) {  // however often
        t.node.sends(sn::Puback{id, 1, ReturnCode::congestion});
        if (i == 0) t.message("a/b", "second");
        t.stays_silent(300s);
        t.node.expects(again(delivery(id, "first", qos, 1)));
    }
    CHECK(t.talk.heard().empty());
    if (qos == q1) {
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    } else {
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
        t.node.sends(sn::Pubcomp{1});
    }
    t.node.expects(delivery(id, "second"));
    CHECK(t.talk.heard() == completion(qos));
}

TEST_CASE("congestion after a QoS 0 delivery pauses the next ones", "[SN12-6.10-r]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "first");
    t.node.expects(delivery(id, "first"));
    t.node.sends(sn::Puback{id, 0, ReturnCode::congestion});
    t.message("a/b", "second");
    t.message("a/b", "third", q1, 7);
    t.stays_silent(300s);
    t.node.expects(delivery(id, "second"));
    t.node.expects(delivery(id, "third", q1, 1));
}

TEST_CASE("a delivery that the client does not support is dropped and completed at the broker",
          "[SN12-6.10-r][SN12-6.10-s]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    const int code = GENERATE(0x03, 0x04, 0x80, 0xFF);
    t.message("a/b", "first", qos, 7);
    t.message("a/b", "second", q1, 8);
    t.node.expects(delivery(id, "first", qos, 1));
    t.node.sends(sn::Puback{id, 1, static_cast<ReturnCode>(code)});
    CHECK(t.talk.heard() == completion(qos));
    t.node.expects(delivery(id, "second", q1, 2));  // at once, under the id that is still good
    CHECK(t.talk.counters().deliveries_rejected == 1);
    CHECK(t.talk.counters().deliveries_dropped == 0);
}

TEST_CASE("QoS, Retain and id form are those of the message, DUP and unused flags are 0",
          "[SN12-6.10-m][SN12-6.10-q][SN12-5.3.4-b][SN12-5.3.4-d]") {
    auto config = Talk::config();
    config.topics = {{9, "predefined", "*"}};
    Downlink t(config);
    t.node.sends(sn::Subscribe{.qos = q2, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 9});
    t.node.expects(sn::Suback{q2, 9, 4, ReturnCode::accepted});
    REQUIRE(t.node.registers("normal") == 1);
    const auto [topic, type, id] = GENERATE(table<std::string, int, std::string>(
        {{"normal", 0x00, "0001"}, {"predefined", 0x01, "0009"}, {"ab", 0x02, "6162"}}));
    const int qos = GENERATE(0, 1, 2);
    const bool retain = GENERATE(false, true);
    const bool broker_repeats = qos > 0 && GENERATE(false, true);
    const auto packet_id = static_cast<mqtt::PacketId>(qos > 0 ? 7 : 0);
    t.talk.broker_sends(
        "c1", mqtt::Publish{broker_repeats, static_cast<Qos>(qos), retain, topic, packet_id, {}, as_bytes("x")});
    const int flags = qos * 0x20 + (retain ? 0x10 : 0) + type;
    const auto expected = [&](int with_dup) {
        Buffer frame = hex("08 0C 00" + id + (qos > 0 ? "0001" : "0000") + "78");
        frame[2] = static_cast<std::byte>(flags + with_dup);
        return to_hex(frame);
    };
    CHECK(to_hex(t.node.next_datagram()) == expected(0));
    if (qos > 0) {
        t.talk.advance(10s);
        CHECK(to_hex(t.node.next_datagram()) == expected(0x80));
    }
}

TEST_CASE("the Length field grows to three octets behind 255", "[SN12-5.2.1-d]") {
    Downlink t;
    const auto [rest, header] =
        GENERATE(table<std::size_t, std::string>({{253, "fe"}, {254, "ff"}, {255, "010102"}, {256, "010103"}}));
    SECTION("PUBLISH") {
        t.subscribes("a/b");
        const std::string payload(rest - 6, 'p');
        t.message("a/b", payload);
        const auto frame = t.node.next_datagram();
        CHECK(to_hex(frame) == header + "0c0000010000" + to_hex(bytes(payload)));
        CHECK(frame.size() == rest + header.size() / 2);
    }
    SECTION("REGISTER") {
        t.subscribes("#");
        const std::string name(rest - 5, 'n');
        t.message(name, "x");
        const auto frame = t.node.next_datagram();
        CHECK(to_hex(frame) == header + "0a00010001" + to_hex(bytes(name)));
        CHECK(frame.size() == rest + header.size() / 2);
    }
}

TEST_CASE("every delivery is one datagram", "[SN12-5.2.1-h]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    for (int i = 0; i < 5; ++i)
        t.message("a/b", "x");
    for (int i = 0; i < 5; ++i)
        CHECK(t.node.next_datagram() == frame_of(delivery(id, "x")));
    const std::string large(1400 - 9, 'p');  // fills the packet limit of the link
    t.message("a/b", large);
    CHECK(t.node.next_datagram() == frame_of(delivery(id, large)));
    t.message("a/b", large + "p");
    t.node.expects_nothing();
}

TEST_CASE("data beyond the packet limit is abandoned, completed at the broker and counted",
          "[SN12-6.10-k][SN12-5.2.1-i]") {
    Downlink t(with_packet_limit(60));
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    const std::string fits(60 - 7, 'p');
    t.message("a/b", fits + "p", qos, 7);
    t.node.expects_nothing();
    CHECK(t.talk.heard() == completion(qos));
    t.message("a/b", fits + "p");
    t.message("a/b", fits);
    t.node.expects(delivery(id, fits));
    CHECK(t.talk.counters().deliveries_too_long == 2);
    CHECK(t.talk.counters().deliveries_rejected == 0);
}

TEST_CASE("a name beyond the packet limit is abandoned, completed at the broker and counted",
          "[SN12-6.10-k][SN12-5.2.1-i]") {
    Downlink t(with_packet_limit(60));
    t.subscribes("#");
    const std::string fits(60 - 6, 'n');
    t.message(fits + "n", "x", q1, 7);
    CHECK(t.talk.heard() == completion(q1));
    t.message(fits + "n", "x", q2, 8);
    CHECK(t.talk.heard() == completion(q2));
    CHECK(t.talk.counters().deliveries_too_long == 2);
    CHECK(t.talk.counters().deliveries_rejected == 0);
    t.message(fits, "x", q1, 9);
    const auto id = t.accepts_register(fits);
    const auto packet = t.node.next();
    CHECK(std::get<sn::Publish>(packet).topic_id == id);
}

TEST_CASE("the abandoned message makes room for the next one in the queue", "[SN12-6.10-k]") {
    Downlink t(with_packet_limit(60));
    const auto id = t.subscribes("a/b");
    t.message("a/b", "first", q1, 7);
    t.message("a/b", std::string(100, 'p'), q1, 8);
    t.message(std::string(100, 'n'), "x", q2, 9);
    t.message("a/b", "last", q1, 10);
    t.node.expects(delivery(id, "first", q1, 1));
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: PUBACK", "c1: PUBREC", "c1: PUBCOMP"});
    const auto packet = t.node.next();
    CHECK(as_text(std::get<sn::Publish>(packet).data) == "last");
}

TEST_CASE("the encapsulation header counts toward the packet limit", "[SN12-5.2.1-i][SN12-6.10-k]") {
    Talk talk(with_packet_limit(60));
    const auto node = talk.device(1).behind("node");
    node.connects("c1", true, 0);
    const auto id = node.subscribes("a/b", q1);
    const std::string fits(60 - 7 - 7, 'p');  // 3 octets and the node id around it
    talk.broker_publishes("c1", "a/b", fits + "p");
    node.expects_nothing();
    talk.broker_publishes("c1", "a/b", fits);
    node.expects(delivery(id, fits));
    CHECK(talk.counters().deliveries_too_long == 1);
}

TEST_CASE("one MsgId outstanding in both directions is two exchanges", "[SN12-5.3.7-b]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    SECTION("QoS 1") {
        t.talk.hold = {mqtt::PacketType::publish};
        t.message("a/b", "down", q1, 7);
        t.node.expects(delivery(id, "down", q1, 1));
        t.node.sends(delivery(id, "up", q1, 1));
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b up"});
        const auto up = t.talk.last_id("c1");
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
        CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
        t.node.expects_nothing();
        t.talk.broker_sends("c1", mqtt::Puback{up, 0, {}});
        t.node.expects(sn::Puback{id, 1, ReturnCode::accepted});
    }
    SECTION("QoS 2") {
        t.message("a/b", "down", q2, 7);
        t.node.expects(delivery(id, "down", q2, 1));
        t.node.sends(delivery(id, "up", q2, 1));
        t.node.expects(sn::Pubrec{1});
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
        t.node.sends(sn::Pubrel{1});
        t.node.expects(sn::Pubcomp{1});
        CHECK(t.talk.heard() == Lines{"c1: PUBLISH q2 a/b up", "c1: PUBREL"});
        t.node.sends(sn::Pubcomp{1});
        CHECK(t.talk.heard() == completion(q2));
    }
    SECTION("REGISTER, SUBSCRIBE and UNSUBSCRIBE of the client beside a REGISTER of the gateway") {
        t.subscribes("x/#");
        t.message("x/y", "down", q1, 7);
        const auto announced = t.expects_register("x/y");
        REQUIRE(announced.msg_id == 1);
        t.node.sends(sn::Register{0, 1, "up"});
        const auto up = std::get<sn::Regack>(t.node.next()).topic_id;
        CHECK(up != announced.topic_id);
        t.node.sends(sn::Subscribe{.msg_id = 1, .topic_name = "z/#"});
        t.node.expects(sn::Suback{q0, 0, 1, ReturnCode::accepted});
        t.node.sends(sn::Unsubscribe{.msg_id = 1, .topic_name = "z/#"});
        t.node.expects(sn::Unsuback{1});
        t.node.sends(announced);
        t.node.expects(delivery(announced.topic_id, "down", q1, 2));
    }
}

TEST_CASE("the gateway's MsgIds run through 1 to 65535, past the outstanding one", "[SN12-5.3.7-c]") {
    auto config = Talk::config();
    config.timers.retries = 70000;
    Downlink t(config, false);
    t.subscribes("#");
    t.message("a/b", "x", q1, 7);
    auto announced = t.expects_register("a/b");
    CHECK(announced.msg_id == 1);
    t.node.sends(announced);
    t.node.expects(delivery(announced.topic_id, "x", q1, 2));
    // A new connection has to announce the name again, the message keeps its MsgId 2. REGISTERs use up the others.
    t.reconnects();
    sn::MsgId wanted = 3;
    bool in_order = true;
    for (int i = 0; i < 65535 && in_order; ++i) {
        announced = t.expects_register("a/b");
        in_order = announced.msg_id == wanted;
        wanted = wanted == 65535 ? sn::MsgId{1} : static_cast<sn::MsgId>(wanted + 1);
        if (wanted == 2) wanted = 3;
        t.node.sends(with(announced, ReturnCode::congestion));
        t.talk.advance(300s);
    }
    CHECK(in_order);
    t.node.sends(t.expects_register("a/b"));
    t.node.expects(again(delivery(announced.topic_id, "x", q1, 2)));
}

}  // namespace publish_out_test
