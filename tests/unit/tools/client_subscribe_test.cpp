// The node client: SUBSCRIBE and UNSUBSCRIBE, and what the gateway registers and delivers.
#include "tests/unit/tools/publisher.hpp"

#include <catch2/catch.hpp>

namespace client_subscribe_test {

using namespace mqttsn;
using namespace mqttsn::node;

TEST_CASE("REGISTER of the gateway is acknowledged each time, a new name for an id replaces the old one",
          "[SN12C-6.5-b]") {
    Publisher node;
    for (int i = 0; i < 2; ++i) {
        node.receives(sn::Register{7, 21, "old"});
        CHECK(node.sent() == Texts{"REGACK #21 id 7 code 0"});
    }
    node.receives(sn::Register{7, 22, "new"});
    CHECK(node.sent() == Texts{"REGACK #22 id 7 code 0"});
    node.delivers(Qos::at_most_once, 7, 0, "x");
    CHECK(node.events() == Texts{"received q0 new: x"});
    node.publish("new", "y", Qos::at_most_once);
    node.publish("old", "z", Qos::at_most_once);
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 7: y", "REGISTER #1 id 0 old"});
}

TEST_CASE("a name that moves to another id keeps the new one when the old id gets another name", "[SN12C-6.5-b]") {
    Publisher node;
    node.knows("name", 7);
    node.knows("name", 8);
    node.knows("other", 7);
    node.publish("name", "x", Qos::at_most_once);
    node.publish("other", "y", Qos::at_most_once);
    CHECK(node.sent() == Texts{"PUBLISH q0 #0 id 8: x", "PUBLISH q0 #0 id 7: y"});
}

TEST_CASE("a PUBLISH with an unknown id is refused, whatever its QoS", "[SN12C-6.7-a][SN12C-6.9-b]") {
    Publisher node(with_predefined());
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
    const auto msg_id = static_cast<sn::MsgId>(qos == Qos::at_most_once ? 0 : 33);
    const auto refusal = "PUBACK #" + std::to_string(msg_id) + " id 9 code 2";
    node.delivers(qos, 9, msg_id, "x");
    CHECK(node.sent() == Texts{refusal});
    node.receives(sn::Publish{false, qos, false, sn::TopicIdType::predefined, 9, msg_id, {}});
    CHECK(node.sent() == Texts{refusal});
    CHECK(node.events().empty());
    // The gateway registers and sends again.
    node.receives(sn::Register{9, 34, "late"});
    CHECK(node.sent() == Texts{"REGACK #34 id 9 code 0"});
    node.delivers(qos, 9, msg_id, "x");
    CHECK(node.events() == Texts{"received q" + std::to_string(static_cast<int>(qos)) + " late: x"});
}

TEST_CASE("short and predefined topics arrive without registration") {
    Publisher node(with_predefined());
    node.receives(sn::Publish{false, Qos::at_most_once, true, sn::TopicIdType::short_name, 0x6162, 0, as_bytes("x")});
    node.receives(sn::Publish{false, Qos::at_most_once, false, sn::TopicIdType::predefined, 5, 0, as_bytes("y")});
    CHECK(node.events() == Texts{"received q0 retain ab: x", "received q0 a/predefined: y"});
    CHECK(node.sent().empty());
}

TEST_CASE("one SUBSCRIBE or UNSUBSCRIBE is outstanding at a time", "[SN12C-6.9-a]") {
    Publisher node;
    node.client.subscribe("a", Qos::exactly_once, node.now, node.out);
    node.client.unsubscribe("b", node.now, node.out);
    node.client.subscribe("c", Qos::at_most_once, node.now, node.out);
    CHECK(node.sent() == Texts{"SUBSCRIBE q2 #1 a"});
    node.receives(sn::Suback{Qos::at_least_once, 7, 1, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{"UNSUBSCRIBE #2 b"});
    node.receives(sn::Unsuback{2});
    CHECK(node.sent() == Texts{"SUBSCRIBE q0 #3 c"});
    CHECK(node.events() == Texts{"subscribed 1 code 0 q1", "unsubscribed 2"});
}

TEST_CASE("SUBACK binds the id to the name, except for short names, wildcards and predefined topics", "[SN12C-6.9-a]") {
    Publisher node(with_predefined());
    const auto subscribe = [&](std::string_view filter, sn::MsgId msg_id, sn::TopicId id) {
        node.client.subscribe(std::string(filter), Qos::at_most_once, node.now, node.out);
        node.receives(sn::Suback{Qos::at_most_once, id, msg_id, sn::ReturnCode::accepted});
    };
    subscribe("name", 1, 21);
    subscribe("ab", 2, 22);
    subscribe("a/#", 3, 23);
    subscribe("a/+", 4, 24);
    subscribe("a/predefined", 5, 25);
    subscribe("+a", 6, 26);
    CHECK(node.sent() == Texts{"SUBSCRIBE q0 #1 name", "SUBSCRIBE q0 #2 short ab", "SUBSCRIBE q0 #3 a/#",
                               "SUBSCRIBE q0 #4 a/+", "SUBSCRIBE q0 #5 predefined 5", "SUBSCRIBE q0 #6 +a"});
    node.events();
    for (sn::TopicId id = 21; id <= 26; ++id)
        node.delivers(Qos::at_most_once, id, 0, "x");
    CHECK(node.events() == Texts{"received q0 name: x"});
    CHECK(node.sent().size() == 5);
}

TEST_CASE("after SUBACK congestion the client waits for T_wait", "[SN12C-6.9-a]") {
    ClientOptions options = NodeTalk::options_of("node");
    options.keep_alive_s = 0;
    Publisher node(options);
    node.client.subscribe("a", Qos::at_most_once, node.now, node.out);
    node.sent();
    node.receives(sn::Suback{Qos::at_most_once, 0, 1, sn::ReturnCode::congestion});
    CHECK(node.events() == Texts{"subscribed 1 code 1 q0"});
    node.client.subscribe("a", Qos::at_most_once, node.now, node.out);
    node.wait(299s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"SUBSCRIBE q0 #2 a"});
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE are repeated unchanged, and asked again on the next connection",
          "[SN12C-6.13-a][SN12C-6.6-c]") {
    const bool subscribe = GENERATE(true, false);
    Publisher node;
    if (subscribe) {
        node.client.subscribe("a", Qos::at_least_once, node.now, node.out);
    } else {
        node.client.unsubscribe("a", node.now, node.out);
    }
    node.wait(39s);
    CHECK(node.sent() == Texts(4, subscribe ? "SUBSCRIBE q1 #1 a" : "UNSUBSCRIBE #1 a"));
    node.wait(1s);
    CHECK(node.events() == Texts{"lost"});
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    CHECK(node.sent().back() == (subscribe ? "SUBSCRIBE q1 #2 a" : "UNSUBSCRIBE #2 a"));
}

TEST_CASE("QoS 1 deliveries are acknowledged with id and MsgId", "[SN12C-6.10-a]") {
    Publisher node;
    node.knows("t", 7);
    node.delivers(Qos::at_least_once, 7, 99, "x");
    CHECK(node.sent() == Texts{"PUBACK #99 id 7 code 0"});
    CHECK(node.events() == Texts{"received q1 t: x"});
}

TEST_CASE("QoS 2 deliveries reach the application once until PUBREL", "[SN12C-6.10-a]") {
    Publisher node;
    node.knows("t", 7);
    node.delivers(Qos::exactly_once, 7, 50, "x");
    node.delivers(Qos::exactly_once, 7, 50, "x", true);
    CHECK(node.sent() == Texts{"PUBREC #50", "PUBREC #50"});
    CHECK(node.events() == Texts{"received q2 t: x"});
    for (int i = 0; i < 2; ++i) {
        node.receives(sn::Pubrel{50});
        CHECK(node.sent() == Texts{"PUBCOMP #50"});
    }
    node.delivers(Qos::exactly_once, 7, 50, "y");
    CHECK(node.events() == Texts{"received q2 t: y"});
}

}  // namespace client_subscribe_test
