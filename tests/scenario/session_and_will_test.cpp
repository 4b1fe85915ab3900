// SN 6.3 and 6.4: clean session, will, and will updates.
#include "tests/support/talk.hpp"

namespace session_and_will_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

void connects_with_will(const Device& node, bool clean, std::string_view topic = "w/t",
                        std::string_view message = "gone", Qos qos = Qos::at_most_once, bool retain = false) {
    node.sends(sn::Connect{true, clean, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{qos, retain, topic});
    if (!topic.empty()) {
        node.expects(sn::WillMsgReq{});
        node.sends(sn::WillMsg{as_bytes(message)});
    }
    node.expects(sn::Connack{ReturnCode::accepted});
}

void disconnects(const Device& node) {
    node.sends(sn::Disconnect{});
    node.expects(sn::Disconnect{});
}

/// What the broker is told at the next CONNECT.
std::string next_connect(Talk& talk) {
    for (const auto& line : talk.heard("c1")) {
        if (line.starts_with("CONNECT")) return line;
    }
    return {};
}

}  // namespace

TEST_CASE("CleanSession=1 with will empties the session and stores the new will", "[SN12-6.3-c][SN12-6.3-a]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false, "old", "o");
    const auto id = node.registers("a/b");
    disconnects(node);
    talk.heard();
    connects_with_will(node, true, "new", "n");
    CHECK(next_connect(talk) == "CONNECT c1 clean will new n q0");
    node.sends(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    node.expects(sn::Puback{id, 0, ReturnCode::invalid_topic_id});
}

TEST_CASE("CleanSession=1 without will prompts for nothing and arms nothing", "[SN12-6.3-d]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false);
    disconnects(node);
    talk.heard();
    node.connects("c1", true);
    CHECK(next_connect(talk) == "CONNECT c1 clean");
    disconnects(node);
    talk.heard();
    // The stored will is gone for good.
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep");
}

TEST_CASE("CleanSession=0 with will keeps everything and replaces the will", "[SN12-6.3-e]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false, "old", "o");
    const auto id = node.registers("a/b");
    disconnects(node);
    talk.heard();
    connects_with_will(node, false, "new", "n");
    CHECK(next_connect(talk) == "CONNECT c1 keep will new n q0");
    node.sends(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
}

TEST_CASE("CleanSession=0 without will arms the stored will again", "[SN12-6.3-f][SN12-6.3-i]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false, "w/t", "gone", Qos::at_least_once, true);
    SECTION("after DISCONNECT") {
        disconnects(node);
    }
    SECTION("after it was published") {
        talk.advance(90s);
        node.expects(sn::Disconnect{});
        CHECK(talk.heard("c1").back() == "ABORT");
    }
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep will w/t gone q1 retain");
}

TEST_CASE("an empty WILLTOPIC deletes the will and nothing else", "[SN12-6.3-g]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false);
    const auto id = node.registers("a/b");
    disconnects(node);
    talk.heard();
    connects_with_will(node, false, "");
    CHECK(next_connect(talk) == "CONNECT c1 keep");
    node.sends(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
}

TEST_CASE("a handshake that fails changes nothing", "[SN12-6.3-h]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false);
    const auto id = node.registers("a/b");
    disconnects(node);
    SECTION("abandoned while prompting") {
        node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::WillTopicReq{});
        for (int i = 0; i < 3; ++i) {
            talk.advance(10s);
            node.expects(sn::WillTopicReq{});
        }
        talk.advance(10s);
    }
    SECTION("refused by the broker") {
        talk.connack = 5;
        node.sends(sn::Connect{false, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::Connack{ReturnCode::not_supported});
        talk.connack = 0;
    }
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep will w/t gone q0");
    node.sends(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
}

TEST_CASE("a session opened with CleanSession=1 ends with the connection", "[SN12-6.3-j]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, true);
    node.registers("a/b");
    SECTION("DISCONNECT") {
        disconnects(node);
    }
    SECTION("lost") {
        talk.advance(90s);
        node.expects(sn::Disconnect{});
    }
    CHECK(talk.gateway().session_count() == 0);
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep");
}

TEST_CASE("CleanSession=0 keeps ids valid for the client's PUBLISH", "[SN12-6.3-b][SN12-6.12-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    disconnects(node);
    CHECK(talk.gateway().session_count() == 1);
    node.connects("c1", false);
    talk.heard();
    node.sends(sn::Publish{.topic_id = id, .data = as_bytes("x")});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
}

TEST_CASE("a kept session expires when the operator says so") {
    auto config = Talk::config();
    config.timers.session_expiry = 1h;
    Talk talk(config);
    talk.device(1).connects("c1", false);
    disconnects(talk.device(1));
    talk.advance(1h - 1us);
    CHECK(talk.gateway().session_count() == 1);
    talk.advance(1us);
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("WILLTOPICUPD replaces topic, QoS and retain, the next CONNECT carries it",
          "[SN12-6.4-a][SN12-6.4-e][SN12-6.4-f][SN12-6-d]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false);
    talk.heard();
    for (int i = 0; i < 2; ++i) {  // a lost reply makes the client repeat it
        node.sends(sn::WillTopicUpd{Qos::exactly_once, true, "new/topic"});
        node.expects(sn::WillTopicResp{ReturnCode::accepted});
    }
    CHECK(talk.heard().empty());  // the MQTT session goes on
    disconnects(node);
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep will new/topic gone q2 retain");
}

TEST_CASE("WILLMSGUPD replaces the message, also by an empty one", "[SN12-6.4-b][SN12-6.4-e]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false, "w/t", "gone", Qos::at_least_once, true);
    const std::string_view message = GENERATE("later", "");
    node.sends(sn::WillMsgUpd{as_bytes(message)});
    node.expects(sn::WillMsgResp{ReturnCode::accepted});
    node.sends(sn::WillMsgUpd{as_bytes(message)});
    node.expects(sn::WillMsgResp{ReturnCode::accepted});
    disconnects(node);
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep will w/t " + std::string(message) + " q1 retain");
}

TEST_CASE("an empty WILLTOPICUPD deletes the will, also when there is none", "[SN12-6.4-c][SN12-5.4.7-b]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, false);
    SECTION("two octets") {
        node.sends(hex("02 1A"));
    }
    SECTION("flags without topic") {
        node.sends(hex("03 1A 00"));
    }
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    node.sends(hex("02 1A"));
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    disconnects(node);
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep");
}

TEST_CASE("a will needs a topic, but no message", "[SN12-6.4-d]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.sends(sn::WillMsgUpd{as_bytes("m")});
    node.expects(sn::WillMsgResp{ReturnCode::not_supported});
    node.sends(sn::WillTopicUpd{Qos::at_most_once, false, "t"});
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    disconnects(node);
    talk.heard();
    node.connects("c1", false);
    CHECK(next_connect(talk) == "CONNECT c1 keep will t  q0");
}

TEST_CASE("an updated will is published by the gateway, then the connection ends in order",
          "[SN12-6.4-f][SN12-6.4-g]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, true);
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
    node.sends(sn::WillTopicUpd{qos, true, "new"});
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    talk.heard();
    talk.advance(90s);
    node.expects(sn::Disconnect{});
    const std::string publish = "PUBLISH q" + std::to_string(static_cast<int>(qos)) + " retain new gone";
    if (qos == Qos::exactly_once) {
        CHECK(talk.heard("c1") == Lines{publish, "PUBREL", "DISCONNECT", "CLOSE"});
    } else {
        CHECK(talk.heard("c1") == Lines{publish, "DISCONNECT", "CLOSE"});
    }
    CHECK(talk.gateway().session_count() == 0);
    CHECK(talk.counters().wills_published == 1);
}

TEST_CASE("a deleted will is not published on loss", "[SN12-6.4-f][SN12-6.4-g]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, true);
    node.sends(sn::WillTopicUpd{});
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    talk.heard();
    talk.advance(90s);
    node.expects(sn::Disconnect{});
    CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
}

TEST_CASE("will.update = reconnect hands the new will to the broker at once", "[SN12-6.4-f]") {
    auto config = Talk::config();
    config.will_update = gateway::WillUpdate::reconnect;
    Talk talk(config);
    const auto node = talk.device(1);
    connects_with_will(node, true);
    node.subscribes("a/#", Qos::at_least_once);
    talk.heard();
    node.sends(sn::WillTopicUpd{Qos::at_most_once, false, "new"});
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE", "CONNECT c1 clean will new gone q0", "SUBSCRIBE q1 a/#"});
    talk.advance(90s);
    node.expects(sn::Disconnect{});
    CHECK(talk.heard("c1") == Lines{"ABORT"});
}

TEST_CASE("will.update = reject refuses updates", "[SN12-6.4-f]") {
    auto config = Talk::config();
    config.will_update = gateway::WillUpdate::reject;
    Talk talk(config);
    const auto node = talk.device(1);
    connects_with_will(node, true);
    node.sends(sn::WillTopicUpd{Qos::at_most_once, false, "new"});
    node.expects(sn::WillTopicResp{ReturnCode::not_supported});
    node.sends(sn::WillMsgUpd{as_bytes("m")});
    node.expects(sn::WillMsgResp{ReturnCode::not_supported});
}

TEST_CASE("the broker publishes the will of a lost client, and of nobody else", "[SN12-6.4-g][SN12-6-q][SN12-6-o]") {
    Talk talk;
    const auto node = talk.device(1);
    connects_with_will(node, true);
    talk.heard();
    SECTION("keep-alive") {
        talk.advance(90s);
        node.expects(sn::Disconnect{});
        CHECK(talk.heard("c1") == Lines{"ABORT"});
    }
    SECTION("DISCONNECT") {
        disconnects(node);
        CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
    }
    SECTION("takeover by the same client") {
        talk.device(2).connects("c1");
        CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE", "CONNECT c1 clean"});
    }
    SECTION("orderly shutdown") {
        talk.shutdown();
        node.expects(sn::Disconnect{});
        CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
    }
}

TEST_CASE("unusable wills are refused", "[SN12-5.4.7-c][SN12-5.3.12-a]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto [qos, topic] = GENERATE(table<Qos, std::string>({{Qos::at_most_once, "a/#"},
                                                                {Qos::at_most_once, "+"},
                                                                {Qos::at_most_once, "a\xFF"},
                                                                {Qos::at_most_once, std::string("a\0b", 3)},
                                                                {Qos::minus_one, "a"}}));
    SECTION("in the handshake") {
        node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::WillTopicReq{});
        node.sends(sn::WillTopic{qos, false, topic});
        node.expects(sn::Connack{ReturnCode::not_supported});
        CHECK(talk.heard().empty());
        CHECK(talk.gateway().session_count() == 0);
    }
    SECTION("as an update") {
        connects_with_will(node, false);
        node.sends(sn::WillTopicUpd{qos, false, topic});
        node.expects(sn::WillTopicResp{ReturnCode::not_supported});
        disconnects(node);
        talk.heard();
        node.connects("c1", false);
        CHECK(next_connect(talk) == "CONNECT c1 keep will w/t gone q0");
    }
}

}  // namespace session_and_will_test
