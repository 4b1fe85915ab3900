// The node client: what it publishes, and the names it registers for it.
#include "tests/unit/tools/publisher.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace client_publish_test {

using namespace mqttsn;
using namespace mqttsn::node;

TEST_CASE("one REGISTER at a time, the id of REGACK is used from then on", "[SN12C-6.5-a]") {
    Publisher node;
    node.publish("a", "1", Qos::at_most_once);
    node.publish("b", "2", Qos::at_most_once);
    CHECK(node.sent() == Texts{"REGISTER #1 id 0 a"});
    node.receives(sn::Regack{3, 9, sn::ReturnCode::accepted});
    CHECK(node.sent().empty());  // not its MsgId
    node.receives(sn::Regack{3, 1, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 3: 1", "REGISTER #2 id 0 b"});
    node.receives(sn::Regack{4, 2, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 4: 2"});
    node.publish("a", "3", Qos::at_most_once);
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 3: 3"});
    CHECK(node.events() == Texts{"published 1 code 0", "published 2 code 0", "published 3 code 0"});
}

TEST_CASE("after REGACK congestion the next REGISTER waits for T_wait", "[SN12C-6.5-a]") {
    ClientOptions options = NodeTalk::options_of("node");
    options.keep_alive_s = 0;
    Publisher node(options);
    node.publish("a", "1", Qos::at_most_once);
    node.sent();
    node.receives(sn::Regack{0, 1, sn::ReturnCode::congestion});
    node.publish("b", "2", Qos::at_most_once);
    node.wait(299s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"REGISTER #2 id 0 a"});
}

TEST_CASE("a pause that ends without a connection leaves no deadline behind") {
    Publisher node;
    node.publish("ab", "x", Qos::at_least_once);
    node.receives(sn::Puback{0x6162, 1, sn::ReturnCode::congestion});
    node.client.disconnect(node.now, node.out);
    node.receives(sn::Disconnect{});
    node.wait(301s);
    CHECK_FALSE(node.client.next_timeout().has_value());
}

TEST_CASE("REGISTER is repeated unchanged, then the connection is lost", "[SN12C-6.13-a][SN12C-6.6-c]") {
    Publisher node;
    node.publish("a", "1", Qos::at_most_once);
    node.wait(30s);
    CHECK(node.sent() == Texts(4, "REGISTER #1 id 0 a"));
    node.wait(10s);
    CHECK(node.events() == Texts{"lost"});
}

TEST_CASE("a refused REGISTER ends the messages that need it, and no others", "[SN12C-6.5-a]") {
    Publisher node;
    node.publish("a", "1", Qos::at_least_once);
    node.publish("b", "2", Qos::at_least_once);
    node.publish("a", "3", Qos::at_most_once);
    node.receives(sn::Regack{0, 1, sn::ReturnCode::not_supported});
    CHECK(node.events() == Texts{"published 1 code 3", "published 3 code 3"});
    CHECK(node.sent() == Texts{"REGISTER #1 id 0 a", "REGISTER #2 id 0 b"});
}

TEST_CASE("one QoS 1/2 PUBLISH is outstanding at a time, QoS 0 goes out meanwhile", "[SN12C-6.6-a]") {
    Publisher node;
    node.knows("t", 7);
    node.publish("t", "one", Qos::at_least_once);
    node.publish("ab", "zero", Qos::at_most_once);
    node.publish("t", "two", Qos::exactly_once);
    node.publish("t", "three", Qos::at_least_once);
    CHECK(node.sent() == Texts{"PUBLISH q1 #1 id 7: one", "PUBLISH q0 #0 short ab: zero"});
    node.receives(sn::Puback{7, 1, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{"PUBLISH q2 #2 id 7: two"});
    node.receives(sn::Pubrec{2});
    CHECK(node.sent() == Texts{"PUBREL #2"});
    node.receives(sn::Pubcomp{2});
    CHECK(node.sent() == Texts{"PUBLISH q1 #3 id 7: three"});
    CHECK(node.events() == Texts{"published 2 code 0", "published 1 code 0 confirmed", "published 3 code 0 confirmed"});
}

TEST_CASE("requests outstanding together have different MsgIds, never zero", "[SN12C-5.3.7-a]") {
    Publisher node;
    node.knows("t", 7);
    // 65535 QoS 1 messages bring the counter round while a SUBSCRIBE with #1 stays open.
    node.client.subscribe("s", Qos::at_most_once, node.now, node.out);
    CHECK(node.sent() == Texts{"SUBSCRIBE q0 #1 s"});
    std::set<sn::MsgId> used;
    for (int i = 0; i < 65535; ++i) {
        node.publish("t", "", Qos::at_least_once);
        const auto packet = sn::decode(node.out.frames.back());
        const sn::MsgId msg_id = std::get<sn::Publish>(*packet).msg_id;
        used.insert(msg_id);
        node.receives(sn::Puback{7, msg_id, sn::ReturnCode::accepted});
        node.out.frames.clear();
        node.out.events.clear();
    }
    CHECK(used.size() == 65534);
    CHECK_FALSE(used.contains(0));
    CHECK_FALSE(used.contains(1));
    node.client.unsubscribe("u", node.now, node.out);
    node.publish("new", "", Qos::at_most_once);
    CHECK(node.sent() == Texts{"REGISTER #3 id 0 new"});
}

TEST_CASE("a repeated PUBLISH keeps its MsgId and sets DUP, PUBREL is repeated unchanged",
          "[SN12C-6.6-c][SN12C-6.13-a]") {
    Publisher node;
    node.knows("t", 7);
    const std::string payload(GENERATE(1U, 300U), 'x');  // short and long header
    node.publish("t", payload, Qos::exactly_once);
    node.wait(20s);
    CHECK(node.sent() == Texts{"PUBLISH q2 #1 id 7: " + payload, "PUBLISH dup q2 #1 id 7: " + payload,
                               "PUBLISH dup q2 #1 id 7: " + payload});
    node.receives(sn::Pubrec{1});
    node.wait(30s);
    CHECK(node.sent() == Texts(4, "PUBREL #1"));
    node.receives(sn::Pubrec{1});
    CHECK(node.sent() == Texts{"PUBREL #1"});
    node.receives(sn::Pubcomp{1});
    CHECK(node.events() == Texts{"published 1 code 0 confirmed"});
}

TEST_CASE("PUBLISH without answer is repeated N_retry times, then the connection is lost and the message waits",
          "[SN12C-6.13-a]") {
    Publisher node;
    node.knows("t", 7);
    node.publish("t", "x", Qos::at_least_once);
    node.wait(39s);
    CHECK(node.sent().size() == 4);
    node.wait(1s);
    CHECK(node.events() == Texts{"lost"});
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node", "REGISTER #2 id 0 t"});
}

TEST_CASE("a new connection continues a QoS 2 message behind its PUBREC with PUBREL", "[SN12C-6.13-a]") {
    Publisher node;
    node.knows("t", 7);
    node.publish("t", "x", Qos::exactly_once);
    node.receives(sn::Pubrec{1});
    node.wait(40s);
    CHECK(node.events() == Texts{"lost"});
    node.sent();
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node", "PUBREL #1"});
    node.receives(sn::Pubcomp{1});
    CHECK(node.events() == Texts{"connected", "published 1 code 0 confirmed"});
}

TEST_CASE("PUBACK with invalid topic id: the name is registered again, then published again", "[SN12C-6.6-b]") {
    Publisher node;
    node.knows("t", 7);
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    node.publish("t", "x", qos);
    node.sent();
    node.receives(sn::Puback{7, 1, sn::ReturnCode::invalid_topic_id});
    CHECK(node.sent() == Texts{"REGISTER #2 id 0 t"});
    node.receives(sn::Regack{8, 2, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{qos == Qos::at_least_once ? "PUBLISH q1 #3 id 8: x" : "PUBLISH q2 #3 id 8: x"});
    // A gateway that does not know its own id is not asked for ever.
    node.receives(sn::Puback{8, 3, sn::ReturnCode::invalid_topic_id});
    CHECK(node.events() == Texts{"published 1 code 2"});
    CHECK(node.sent().empty());
}

TEST_CASE("PUBACK with invalid topic id for QoS 0: the next message registers the name", "[SN12C-6.6-b]") {
    Publisher node;
    node.knows("t", 7);
    node.publish("t", "x", Qos::at_most_once);
    node.receives(sn::Puback{7, 0, sn::ReturnCode::invalid_topic_id});
    node.publish("t", "y", Qos::at_most_once);
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 7: x", "REGISTER #1 id 0 t"});
}

TEST_CASE("PUBACK congestion: nothing is published for T_wait, then the message again", "[SN12C-6.6-b]") {
    ClientOptions options = NodeTalk::options_of("node");
    options.keep_alive_s = 0;
    Publisher node(options);
    node.knows("t", 7);
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
    node.publish("t", "x", qos);
    node.receives(sn::Puback{7, static_cast<sn::MsgId>(qos == Qos::at_most_once ? 0 : 1), sn::ReturnCode::congestion});
    node.sent();
    node.publish("t", "y", Qos::at_most_once);
    node.wait(299s);
    CHECK(node.sent().empty());
    node.wait(1s);
    if (qos == Qos::at_most_once) {
        CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 7: y"});
    } else {
        CHECK(node.sent() == Texts{qos == Qos::at_least_once ? "PUBLISH q1 #2 id 7: x" : "PUBLISH q2 #2 id 7: x",
                                   "PUBLISH q0 #0 id 7: y"});
    }
}

TEST_CASE("PUBACK not supported ends the message") {
    Publisher node;
    node.publish("ab", "x", Qos::exactly_once);
    node.receives(sn::Puback{0x6162, 1, sn::ReturnCode::not_supported});
    CHECK(node.events() == Texts{"published 1 code 3"});
    node.wait(20s);
    CHECK(node.sent() == Texts{"PUBLISH q2 #1 short ab: x"});
}

TEST_CASE("answers that belong to another step are ignored") {
    Publisher node;
    node.knows("t", 7);
    node.publish("t", "x", Qos::at_least_once);
    node.sent();
    node.receives(sn::Puback{7, 2, sn::ReturnCode::accepted});
    node.receives(sn::Pubrec{1});
    node.receives(sn::Pubcomp{1});
    node.receives(sn::Suback{Qos::at_most_once, 7, 1, sn::ReturnCode::accepted});
    node.receives(sn::Unsuback{1});
    node.receives(sn::WillTopicResp{});
    CHECK(node.events().empty());
    CHECK(node.sent().empty());
    node.receives(sn::Puback{7, 1, sn::ReturnCode::accepted});
    node.publish("t", "y", Qos::exactly_once);
    node.receives(sn::Puback{7, 2, sn::ReturnCode::accepted});  // never ends QoS 2
    node.receives(sn::Pubcomp{2});                              // not before PUBREC
    CHECK(node.events() == Texts{"published 1 code 0 confirmed"});
    node.receives(sn::Pubrec{2});
    node.receives(sn::Puback{7, 2, sn::ReturnCode::invalid_topic_id});  // not after it
    CHECK(node.sent() == Texts{"PUBLISH q2 #2 id 7: y", "PUBREL #2"});
}

TEST_CASE("PUBACK with invalid topic id for a predefined topic registers nothing", "[SN12C-6.7-b]") {
    Publisher node(with_predefined());
    node.knows("normal", 5);  // the same number in the other table
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once);
    node.publish("a/predefined", "x", qos);
    node.receives(
        sn::Puback{5, static_cast<sn::MsgId>(qos == Qos::at_most_once ? 0 : 1), sn::ReturnCode::invalid_topic_id});
    CHECK(node.sent() ==
          Texts{qos == Qos::at_most_once ? "PUBLISH q0 #0 predefined 5: x" : "PUBLISH q1 #1 predefined 5: x"});
    CHECK(node.events() == Texts{qos == Qos::at_most_once ? "published 1 code 0" : "published 1 code 2"});
    node.publish("normal", "y", Qos::at_most_once);
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 5: y"});
}

TEST_CASE("QoS -1 needs no connection, no registration and no answer", "[SN12C-6.8-a][SN12C-5.3.7-a]") {
    NodeTalk node(with_predefined());
    node.client.publish("a/predefined", octets("x"), Qos::minus_one, false, node.now, node.out);
    node.client.publish("ab", octets("y"), Qos::minus_one, true, node.now, node.out);
    CHECK(node.sent() == Texts{"PUBLISH q-1 #0 predefined 5: x", "PUBLISH q-1 retain #0 short ab: y"});
    CHECK(node.events() == Texts{"published 1 code 0", "published 2 code 0"});
    CHECK_FALSE(node.client.next_timeout().has_value());
    node.client.publish("a/normal/topic", octets("z"), Qos::minus_one, false, node.now, node.out);
    CHECK(node.sent().empty());
    CHECK(node.events() == Texts{"published 3 code 3"});
}

TEST_CASE("what no frame can carry is refused at once") {
    Publisher node;
    const std::string huge(66000, 'x');
    node.publish("ab", huge, Qos::at_most_once);
    node.publish("ab", huge, Qos::at_least_once);
    node.publish("ab", huge, Qos::minus_one);
    node.publish(huge, "", Qos::at_most_once);
    node.client.subscribe(huge, Qos::at_most_once, node.now, node.out);
    CHECK(node.events() == Texts{"published 1 code 3", "published 2 code 3", "published 3 code 3", "published 4 code 3",
                                 "subscribed 5 code 3 q0"});
    CHECK(node.sent().empty());
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});  // none of them is left
}

TEST_CASE("a topic type that is forced takes the place of the choice by topic") {
    ClientOptions options = NodeTalk::options_of("node");
    options.predefined[3] = "ab";
    const auto type = GENERATE(as<std::optional<sn::TopicIdType>>{}, std::nullopt, sn::TopicIdType::normal,
                               sn::TopicIdType::predefined, sn::TopicIdType::short_name);
    options.topic_type = type;
    Publisher node(options);
    node.client.publish("ab", octets("x"), Qos::at_most_once, false, node.now, node.out);
    node.client.subscribe("ab", Qos::at_most_once, node.now, node.out);
    if (type == sn::TopicIdType::normal) {
        CHECK(node.sent() == Texts{"REGISTER #1 id 0 ab", "SUBSCRIBE q0 #2 ab"});
        node.receives(sn::Suback{Qos::at_most_once, 9, 2, sn::ReturnCode::accepted});
        node.receives(sn::Publish{false, Qos::at_most_once, false, sn::TopicIdType::normal, 9, 0, as_bytes("y")});
        CHECK(node.events() == Texts{"subscribed 2 code 0 q0", "published 1 code 0", "received q0 ab: y"});
    } else {
        const std::string topic = type == sn::TopicIdType::short_name ? "short ab" : "predefined 3";
        CHECK(node.sent() == Texts{"PUBLISH q0 #0 " + topic + ": x", "SUBSCRIBE q0 #1 " + topic});
    }
}

TEST_CASE("what was learnt from one gateway is not used at another") {
    ClientOptions options = NodeTalk::options_of("node");
    options.clean_session = false;
    options.retries = 0;
    Publisher node(options);
    node.receives(sn::Register{7, 1, "t"});
    node.client.publish("t", octets("x"), Qos::exactly_once, false, node.now, node.out);
    node.receives(sn::Pubrec{1});
    node.wait(10s);
    CHECK(node.events() == Texts{"lost"});
    node.sent();
    node.client.change_gateway(node.out);
    CHECK(node.events() == Texts{"published 1 code 0 confirmed"});
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    node.client.publish("t", octets("y"), Qos::at_most_once, false, node.now, node.out);
    CHECK(node.sent() == Texts{"CONNECT 60 s node", "REGISTER #2 id 0 t"});
}

TEST_CASE("the largest payload fills the largest datagram, behind a forwarder too") {
    ClientOptions options = NodeTalk::options_of("node");
    if (GENERATE(false, true)) options.node_id = octets("12345");
    NodeTalk node(options);
    node.client.publish("ab", Buffer(options.max_payload()), Qos::minus_one, false, node.now, node.out);
    REQUIRE(node.out.frames.size() == 1);
    CHECK(node.out.frames[0].size() == 65507);
    node.client.publish("ab", Buffer(options.max_payload() + 1), Qos::minus_one, false, node.now, node.out);
    CHECK(node.out.frames.size() == 1);
    CHECK(node.events() == Texts{"published 1 code 0", "published 2 code 3"});
}

TEST_CASE("a message does not pass an earlier one, not even behind a request of another kind", "[SN12C-6.6-a]") {
    Publisher node;
    node.knows("a", 3);
    node.knows("b", 4);
    node.publish("unknown", "1", Qos::at_least_once);
    CHECK(node.sent() == Texts{"REGISTER #1 id 0 unknown"});
    node.publish("a", "2", Qos::at_least_once);
    node.client.subscribe("s", Qos::at_most_once, node.now, node.out);
    node.publish("a", "3", Qos::at_least_once);
    CHECK(node.sent() == Texts{"SUBSCRIBE q0 #2 s"});
}

}  // namespace client_publish_test
