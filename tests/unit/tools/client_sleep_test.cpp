// The node client: sleeping and waking (SN 6.14).
#include "tests/unit/tools/node_talk.hpp"

#include <catch2/catch.hpp>

namespace client_sleep_test {

using namespace mqttsn;
using namespace mqttsn::node;

namespace {

class Sleeper : public NodeTalk {
public:
    Sleeper() {
        connect();
        receives(sn::Register{7, 1, "t"});
        client.sleep(600, now, out);
        CHECK(sent() == Texts{"REGACK #1 id 7 code 0", "DISCONNECT 600 s"});
        receives(sn::Disconnect{});
        CHECK(events() == Texts{"asleep"});
    }
    void wake() {
        client.wake(now, out);
        CHECK(sent() == Texts{"PINGREQ node"});
    }
    void delivers(Qos qos, sn::MsgId msg_id) {
        receives(sn::Publish{false, qos, false, sn::TopicIdType::normal, 7, msg_id, as_bytes("x")});
    }
};

}  // namespace

TEST_CASE("going to sleep waits for the gateway's DISCONNECT, and asks again", "[SN12C-6.14-a]") {
    NodeTalk node;
    node.connect();
    node.client.sleep(600, node.now, node.out);
    node.wait(20s);
    CHECK(node.sent() == Texts(3, "DISCONNECT 600 s"));
    CHECK(node.events().empty());
    node.receives(sn::Disconnect{});
    CHECK(node.events() == Texts{"asleep"});
}

TEST_CASE("an asleep client's receiver is off", "[SN12C-6.14-a]") {
    Sleeper node;
    node.delivers(Qos::at_least_once, 5);
    node.receives(sn::Disconnect{});
    node.receives(sn::Pingreq{});
    CHECK(node.sent().empty());
    CHECK(node.events().empty());
}

TEST_CASE("a sleeping client wakes by itself before its time is over", "[SN12C-6.14-a]") {
    Sleeper node;
    node.wait(539s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"PINGREQ node"});
    node.receives(sn::Pingresp{});
    node.wait(540s);
    CHECK(node.sent() == Texts{"PINGREQ node"});
}

TEST_CASE("sleep begins when nothing is outstanding any more, what is queued waits", "[SN12C-6.14-a][SN12C-6.14-e]") {
    NodeTalk node;
    node.connect();
    node.receives(sn::Register{7, 1, "t"});
    node.sent();
    node.client.publish("t", octets("one"), Qos::exactly_once, false, node.now, node.out);
    node.client.publish("t", octets("two"), Qos::at_least_once, false, node.now, node.out);
    node.client.sleep(600, node.now, node.out);
    CHECK(node.sent() == Texts{"PUBLISH q2 #1 id 7: one"});
    node.receives(sn::Pubrec{1});
    node.receives(sn::Pubcomp{1});
    CHECK(node.sent() == Texts{"PUBREL #1", "DISCONNECT 600 s"});
    node.receives(sn::Disconnect{});
    node.wait(500s);
    CHECK(node.sent().empty());
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    node.receives(sn::Regack{7, 2, sn::ReturnCode::accepted});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node", "REGISTER #2 id 0 t", "PUBLISH q1 #3 id 7: two"});
}

TEST_CASE("sleep for no time is a disconnection") {
    NodeTalk node;
    node.connect();
    node.client.sleep(0, node.now, node.out);
    CHECK(node.sent() == Texts{"DISCONNECT"});
    node.receives(sn::Disconnect{});
    CHECK(node.events() == Texts{"disconnected"});
}

TEST_CASE("waking sends PINGREQ with the client id, PINGRESP ends it", "[SN12C-6.14-b][SN12C-6.14-c]") {
    Sleeper node;
    node.wait(100s);
    node.wake();
    node.receives(sn::Pingresp{});
    CHECK(node.events() == Texts{"asleep"});
    node.wait(300s);
    CHECK(node.sent().empty());
    node.delivers(Qos::at_least_once, 5);  // off again
    CHECK(node.sent().empty());
}

TEST_CASE("each message of the gateway restarts T_retry of the wake-up", "[SN12C-6.14-b]") {
    Sleeper node;
    node.wake();
    node.wait(9s);
    node.delivers(Qos::at_most_once, 0);
    node.wait(9s);
    CHECK(node.sent().empty());
    node.receives(sn::SearchGw{});  // nothing a gateway says to a client
    node.wait(1s);
    CHECK(node.sent() == Texts{"PINGREQ node"});
}

TEST_CASE("a wake-up without PINGRESP ends after N_retry repeats", "[SN12C-6.14-b]") {
    Sleeper node;
    node.wake();
    node.wait(39s);
    CHECK(node.sent() == Texts(3, "PINGREQ node"));
    CHECK(node.events().empty());
    node.wait(1s);
    CHECK(node.events() == Texts{"asleep"});
    node.wait(500s);
    CHECK(node.sent().empty());
    CHECK(node.events().empty());
}

TEST_CASE("an awake client acknowledges and sends nothing else", "[SN12C-6.14-c]") {
    Sleeper node;
    node.wake();
    node.client.publish("t", octets("later"), Qos::at_most_once, false, node.now, node.out);
    node.client.subscribe("s", Qos::at_most_once, node.now, node.out);
    CHECK(node.sent().empty());
    node.receives(sn::Register{8, 2, "u"});
    node.delivers(Qos::at_least_once, 5);
    node.delivers(Qos::exactly_once, 6);
    node.receives(sn::Pubrel{6});
    CHECK(node.sent() == Texts{"REGACK #2 id 8 code 0", "PUBACK #5 id 7 code 0", "PUBREC #6", "PUBCOMP #6"});
    CHECK(node.events() == Texts{"received q1 t: x", "received q2 t: x"});
    node.receives(sn::Pingresp{});
    CHECK(node.sent().empty());
    CHECK(node.events() == Texts{"asleep"});
}

TEST_CASE("from asleep and from awake: CONNECT, DISCONNECT, and sleep of another duration", "[SN12C-6.14-d]") {
    const bool awake = GENERATE(false, true);
    Sleeper node;
    if (awake) node.wake();
    SECTION("CONNECT makes it active") {
        node.client.connect(node.now, node.out);
        CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
        node.receives(sn::Connack{});
        CHECK(node.client.is_connected());
        node.wait(10min);
        CHECK(node.sent() == Texts{"PINGREQ", "PINGREQ", "PINGREQ", "PINGREQ"});  // keep-alive, no wake-up
    }
    SECTION("DISCONNECT ends it") {
        node.client.disconnect(node.now, node.out);
        CHECK(node.sent() == Texts{"DISCONNECT"});
        node.receives(sn::Disconnect{});
        CHECK(node.events() == Texts{"disconnected"});
        node.wait(1h);
        CHECK(node.sent().empty());
    }
    SECTION("a new duration") {
        node.client.sleep(100, node.now, node.out);
        CHECK(node.sent() == Texts{"DISCONNECT 100 s"});
        node.receives(sn::Disconnect{});
        CHECK(node.events() == Texts{"asleep"});
        node.wait(90s);
        CHECK(node.sent() == Texts{"PINGREQ node"});
    }
}

TEST_CASE("an asleep client publishes and subscribes only after CONNECT", "[SN12C-6.14-e]") {
    Sleeper node;
    node.client.publish("ab", octets("x"), Qos::at_most_once, false, node.now, node.out);
    node.client.subscribe("s", Qos::at_most_once, node.now, node.out);
    node.wait(500s);
    CHECK(node.sent().empty());
    node.client.connect(node.now, node.out);
    node.receives(sn::Connack{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node", "PUBLISH q0 #0 short ab: x", "SUBSCRIBE q0 #1 s"});
}

TEST_CASE("a gateway that does not know the waking client gets CONNECT", "[SN12C-6.12-a]") {
    Sleeper node;
    node.wait(100s);
    node.wake();
    node.receives(sn::Disconnect{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
}

}  // namespace client_sleep_test
