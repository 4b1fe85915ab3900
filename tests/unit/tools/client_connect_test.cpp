// The node client: connection, will, keep-alive, DISCONNECT and what it does with frames it should not get.
#include "protocol/sn/forwarder.hpp"
#include "tests/unit/tools/node_talk.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace client_connect_test {

using namespace mqttsn;
using namespace mqttsn::node;

namespace {

ClientOptions with_will(bool clean = true) {
    ClientOptions options = NodeTalk::options_of("node");
    options.clean_session = clean;
    options.will = Will{"gone/node", octets("bye"), Qos::at_least_once, true};
    return options;
}

}  // namespace

TEST_CASE("CONNECT carries client id, flags and keep-alive, CONNACK makes the client connected", "[SN12C-6.2-b]") {
    NodeTalk node;
    node.client.connect(node.now, node.out);
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
    CHECK_FALSE(node.client.is_connected());
    node.receives(sn::Connack{});
    CHECK(node.client.is_connected());
    CHECK(node.events() == Texts{"connected"});
    CHECK(node.sent().empty());
}

TEST_CASE("all combinations of CleanSession and Will, and the empty will topic, can be asked for", "[SN12C-6.3-a]") {
    const bool clean = GENERATE(true, false);
    const bool will = GENERATE(true, false);
    ClientOptions options = with_will(clean);
    if (!will) options.will.reset();
    NodeTalk node(options);
    node.client.connect(node.now, node.out);
    CHECK(node.sent() ==
          Texts{std::string("CONNECT ") + (will ? "will " : "") + (clean ? "clean " : "") + "60 s node"});

    options.will = Will{};
    NodeTalk deleter(options);
    deleter.client.connect(deleter.now, deleter.out);
    deleter.sent();
    deleter.receives(sn::WillTopicReq{});
    REQUIRE(deleter.out.frames.size() == 1);
    CHECK(deleter.out.frames[0] == Buffer{std::byte{2}, std::byte{7}});
}

TEST_CASE("the will is told as often as the gateway asks, until CONNACK", "[SN12C-6.2-a]") {
    NodeTalk node(with_will());
    node.client.connect(node.now, node.out);
    node.sent();
    for (int i = 0; i < 6; ++i) {
        node.receives(sn::WillTopicReq{});
        CHECK(node.sent() == Texts{"WILLTOPIC q1 retain gone/node"});
    }
    for (int i = 0; i < 6; ++i) {
        node.receives(sn::WillMsgReq{});
        CHECK(node.sent() == Texts{"WILLMSG bye"});
    }
    node.receives(sn::WillTopicReq{});
    CHECK(node.sent() == Texts{"WILLTOPIC q1 retain gone/node"});
    node.receives(sn::Connack{});
    CHECK(node.events() == Texts{"connected"});
    node.receives(sn::WillTopicReq{});
    node.receives(sn::WillMsgReq{});
    CHECK(node.sent().empty());
}

TEST_CASE("CONNECT, WILLTOPIC and WILLMSG are repeated unchanged, N_retry times", "[SN12C-6.13-a][SN12C-6.6-c]") {
    const int step = GENERATE(0, 1, 2);
    NodeTalk node(with_will());
    node.client.connect(node.now, node.out);
    if (step > 0) node.receives(sn::WillTopicReq{});
    if (step > 1) node.receives(sn::WillMsgReq{});
    const Buffer last = node.out.frames.back();
    node.out.frames.clear();
    node.wait(9999ms);
    CHECK(node.out.frames.empty());
    node.wait(1ms);
    CHECK(node.out.frames == std::vector<Buffer>{last});
    node.wait(20s);
    CHECK(node.out.frames == std::vector<Buffer>(3, last));
    CHECK(node.events().empty());
    node.wait(10s);
    CHECK(node.events() == Texts{"lost"});
    CHECK(node.out.frames.size() == 3);
    CHECK(node.client.counters().retransmissions == 3);
    CHECK_FALSE(node.client.next_timeout().has_value());
}

TEST_CASE("after CONNACK congestion the client asks the same gateway again when T_wait is over", "[SN12C-6.2-b]") {
    NodeTalk node;
    node.client.connect(node.now, node.out);
    node.sent();
    node.receives(sn::Connack{sn::ReturnCode::congestion});
    CHECK(node.events() == Texts{"rejected 1"});
    node.wait(299s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
}

TEST_CASE("a final rejection is not followed by the same CONNECT", "[SN12C-6.2-b]") {
    const auto code =
        GENERATE(sn::ReturnCode::not_supported, sn::ReturnCode::invalid_topic_id, static_cast<sn::ReturnCode>(0x77));
    NodeTalk node;
    node.client.connect(node.now, node.out);
    node.sent();
    node.receives(sn::Connack{code});
    CHECK(node.events() == Texts{"rejected " + std::to_string(static_cast<int>(code))});
    node.wait(1h);
    CHECK(node.sent().empty());
    CHECK(node.events().empty());
}

TEST_CASE("a clean CONNECT forgets the topic ids, another keeps them", "[SN12C-6.2-c]") {
    const bool clean = GENERATE(true, false);
    ClientOptions options = NodeTalk::options_of("node");
    options.clean_session = clean;
    NodeTalk node(options);
    node.connect();
    node.receives(sn::Register{7, 1, "a/topic"});
    node.connect();
    node.client.publish("a/topic", octets("x"), Qos::at_most_once, false, node.now, node.out);
    CHECK(node.sent() == Texts{clean ? "REGISTER #1 id 0 a/topic" : "PUBLISH q0 #0 id 7: x"});
    // Whatever it kept, it accepts what the gateway says.
    node.receives(sn::Register{9, 2, "a/topic"});
    CHECK(node.sent() == Texts{"REGACK #2 id 9 code 0"});
}

TEST_CASE("will topic and will message are updated side by side, each repeated by itself", "[SN12C-6.4-a]") {
    NodeTalk node(with_will());
    node.connect();
    node.client.update_will_topic("gone/new", Qos::exactly_once, false, node.now, node.out);
    node.wait(4s);
    node.client.update_will_message(octets("farewell"), node.now, node.out);
    CHECK(node.sent() == Texts{"WILLTOPICUPD q2 gone/new", "WILLMSGUPD farewell"});
    node.wait(6s);
    CHECK(node.sent() == Texts{"WILLTOPICUPD q2 gone/new"});
    node.receives(sn::WillTopicResp{});
    CHECK(node.events() == Texts{"will updated 1 code 0"});
    node.wait(4s);
    CHECK(node.sent() == Texts{"WILLMSGUPD farewell"});
    node.receives(sn::WillMsgResp{});
    CHECK(node.events() == Texts{"will updated 2 code 0"});
    node.wait(30s);
    CHECK(node.sent().empty());

    // The next connection starts with what is in force.
    node.client.connect(node.now, node.out);
    node.receives(sn::WillTopicReq{});
    node.receives(sn::WillMsgReq{});
    CHECK(node.sent() == Texts{"CONNECT will clean 60 s node", "WILLTOPIC q2 gone/new", "WILLMSG farewell"});
}

TEST_CASE("the empty WILLTOPICUPD deletes the will, a refused update changes nothing", "[SN12C-6.4-a]") {
    NodeTalk node(with_will());
    node.connect();
    node.client.update_will_topic("refused", Qos::at_most_once, false, node.now, node.out);
    node.receives(sn::WillTopicResp{sn::ReturnCode::not_supported});
    CHECK(node.events() == Texts{"will updated 1 code 3"});
    node.sent();
    node.client.connect(node.now, node.out);
    node.receives(sn::WillTopicReq{});
    CHECK(node.sent() == Texts{"CONNECT will clean 60 s node", "WILLTOPIC q1 retain gone/node"});
    node.receives(sn::Connack{});
    node.client.update_will_topic("", Qos::at_most_once, false, node.now, node.out);
    CHECK(node.sent() == Texts{"WILLTOPICUPD empty"});
    node.receives(sn::WillTopicResp{});
    node.client.connect(node.now, node.out);
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
}

TEST_CASE("an unanswered WILLTOPICUPD or WILLMSGUPD loses the connection after N_retry repeats",
          "[SN12C-6.4-a][SN12C-6.13-a]") {
    const bool topic = GENERATE(true, false);
    NodeTalk node(with_will());
    node.connect();
    if (topic) {
        node.client.update_will_topic("t", Qos::at_most_once, false, node.now, node.out);
    } else {
        node.client.update_will_message(octets("m"), node.now, node.out);
    }
    node.wait(39s);
    CHECK(node.sent() == Texts(4, topic ? "WILLTOPICUPD q0 t" : "WILLMSGUPD m"));
    node.wait(1s);
    CHECK(node.events() == Texts{"lost"});
}

TEST_CASE("a silent client sends PINGREQ within its keep-alive and repeats it", "[SN12C-6.11-a]") {
    NodeTalk node;
    node.connect();
    node.wait(59s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"PINGREQ"});
    node.wait(10s);
    CHECK(node.sent() == Texts{"PINGREQ"});
    node.receives(sn::Pingresp{});
    node.wait(60s);
    CHECK(node.sent() == Texts{"PINGREQ"});
    node.wait(40s);
    CHECK(node.sent() == Texts(3, "PINGREQ"));
    CHECK(node.events() == Texts{"lost"});
}

TEST_CASE("any message takes the place of PINGREQ, and keep-alive 0 needs none", "[SN12C-6.11-a]") {
    NodeTalk node;
    node.connect();
    node.wait(40s);
    node.client.publish("ab", octets("x"), Qos::at_most_once, false, node.now, node.out);
    node.sent();
    node.wait(59s);
    CHECK(node.sent().empty());
    node.wait(1s);
    CHECK(node.sent() == Texts{"PINGREQ"});

    ClientOptions options = NodeTalk::options_of("node");
    options.keep_alive_s = 0;
    NodeTalk silent(options);
    silent.connect();
    silent.wait(24h);
    CHECK(silent.sent().empty());
}

TEST_CASE("PINGREQ of the own gateway is answered", "[SN12C-6.11-b]") {
    NodeTalk node;
    node.connect();
    node.receives(sn::Pingreq{});
    CHECK(node.sent() == Texts{"PINGRESP"});
}

TEST_CASE("DISCONNECT is repeated until the gateway answers it", "[SN12C-6.12-a]") {
    NodeTalk node;
    node.connect();
    node.client.disconnect(node.now, node.out);
    node.wait(20s);
    CHECK(node.sent() == Texts(3, "DISCONNECT"));
    node.receives(sn::Disconnect{});
    CHECK(node.events() == Texts{"disconnected"});
    node.wait(1h);
    CHECK(node.sent().empty());
}

TEST_CASE("the gateway's own DISCONNECT is not answered but followed by CONNECT", "[SN12C-6.12-a]") {
    NodeTalk node;
    node.connect();
    node.wait(10s);
    node.receives(sn::Disconnect{});
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
    CHECK(node.events() == Texts{"disconnected by the gateway"});
    // A copy that was under way does not end the new attempt.
    node.receives(sn::Disconnect{});
    CHECK(node.sent().empty());
    node.receives(sn::Connack{});
    CHECK(node.events() == Texts{"connected"});
}

TEST_CASE("a gateway that ends each new connection gets one CONNECT per T_retry", "[SN12C-6.12-a]") {
    NodeTalk node;
    node.connect();
    node.receives(sn::Disconnect{});
    CHECK(node.sent().empty());
    node.wait(10s);
    CHECK(node.sent() == Texts{"CONNECT clean 60 s node"});
    node.receives(sn::Connack{});
    node.receives(sn::Disconnect{});
    node.wait(9s);
    CHECK(node.sent().empty());
    node.client.disconnect(node.now, node.out);
    node.events();
    node.wait(1h);
    CHECK(node.sent().empty());
}

TEST_CASE("a gateway that forgot the handshake is sent CONNECT again", "[SN12C-6.12-a]") {
    NodeTalk node(with_will());
    node.client.connect(node.now, node.out);
    node.receives(sn::WillTopicReq{});
    node.sent();
    node.receives(sn::Disconnect{});
    node.wait(10s);
    CHECK(node.sent() == Texts{"CONNECT will clean 60 s node"});
}

TEST_CASE("both header forms are understood, and the long one is used from 256 octets on", "[SN12C-5.2.1-a]") {
    NodeTalk node;
    node.client.connect(node.now, node.out);
    node.receives_octets(octets(std::string("\x01\x00\x05\x05\x00", 5)));
    CHECK(node.events() == Texts{"connected"});
    node.sent();
    for (const std::size_t size : {247U, 248U, 249U}) {
        node.client.publish("ab", Buffer(size), Qos::at_most_once, false, node.now, node.out);
    }
    REQUIRE(node.out.frames.size() == 3);
    CHECK(node.out.frames[0].size() == 254);
    CHECK(node.out.frames[1].size() == 255);
    CHECK(node.out.frames[1][0] == std::byte{255});
    CHECK(node.out.frames[2].size() == 258);
    CHECK(node.out.frames[2][0] == std::byte{1});
}

TEST_CASE("malformed frames are dropped and counted", "[SN12C-5.2.1-a]") {
    NodeTalk node;
    node.client.connect(node.now, node.out);
    node.sent();
    const std::string_view bad[] = {{"", 0},         {"\x00", 1},         {"\x04\x05\x00", 3}, {"\x03\x05\x00\x00", 4},
                                    {"\x02\x05", 2}, {"\x01\x00\x03", 3}, {"\x03\x05", 2}};
    for (const auto each : bad)
        node.receives_octets(as_bytes(each));
    CHECK(node.client.counters().malformed == std::size(bad));
    CHECK(node.client.counters().frames_received == 0);
    CHECK(node.events().empty());
    CHECK(node.sent().empty());
}

TEST_CASE("gateway-bound, reserved and encapsulated messages are dropped", "[SN12C-5.2.2-a]") {
    NodeTalk node;
    node.connect();
    const auto received = node.client.counters().frames_received;
    node.receives(sn::Connect{false, true, 1, 60, "other"});
    node.receives(sn::WillTopic{Qos::at_most_once, false, "t"});
    node.receives(sn::WillMsg{});
    node.receives(sn::Subscribe{false, Qos::at_most_once, sn::TopicIdType::normal, 1, 0, "t"});
    node.receives(sn::Unsubscribe{sn::TopicIdType::normal, 1, 0, "t"});
    node.receives(sn::WillTopicUpd{Qos::at_most_once, false, "t"});
    node.receives(sn::WillMsgUpd{});
    node.receives(sn::SearchGw{});
    node.receives_octets(octets("\x02\x11"));
    Buffer wrapped;
    sn::append_encapsulation(0, octets("x"), wrapped);
    const Buffer inner = octets("\x02\x18");
    wrapped.insert(wrapped.end(), inner.begin(), inner.end());
    node.receives_octets(wrapped);
    CHECK(node.sent().empty());
    CHECK(node.events().empty());
    CHECK(node.client.is_connected());
    CHECK(node.client.counters().frames_received == received);
}

TEST_CASE("behind a forwarder every frame carries the node id, and only the own id is heard") {
    ClientOptions options = NodeTalk::options_of("node");
    options.node_id = octets("\x0A\x0B");
    NodeTalk node(options);
    node.client.connect(node.now, node.out);
    REQUIRE(node.out.frames.size() == 1);
    const auto outer = sn::decode_encapsulated(node.out.frames[0]);
    REQUIRE(outer.has_value());
    CHECK(as_text(outer->node_id) == "\x0A\x0B");
    CHECK(describe(outer->inner) == "CONNECT clean 60 s node");
    const auto connack_for = [](std::string_view node_id) {
        Buffer datagram;
        sn::append_encapsulation(0, as_bytes(node_id), datagram);
        REQUIRE(sn::encode(sn::Connack{}, 65535, datagram).has_value());
        return datagram;
    };
    node.receives(sn::Connack{});
    node.receives_octets(connack_for("\x0A\x0C"));
    CHECK(node.events().empty());
    node.receives_octets(connack_for("\x0A\x0B"));
    CHECK(node.events() == Texts{"connected"});
}

TEST_CASE("a client without a connection hears nothing") {
    NodeTalk node;
    node.receives(sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::short_name, 0x6162, 1, as_bytes("x")});
    node.receives(sn::Pingreq{});
    node.receives(sn::Disconnect{});
    CHECK(node.sent().empty());
    CHECK(node.events().empty());
}

TEST_CASE("topic ids that come between a clean CONNECT and its CONNACK are those of the session before",
          "[SN12C-6.2-b]") {
    NodeTalk node;
    node.client.connect(node.now, node.out);
    node.receives(sn::Register{7, 1, "old"});
    node.receives(sn::Connack{});
    node.sent();
    node.events();
    node.receives(sn::Publish{.qos = Qos::at_most_once, .topic_id = 7, .data = as_bytes("x")});
    CHECK(node.events().empty());
}

TEST_CASE("T_retry varies where nodes share a channel, within bounds and by the seed", "[SN12C-6.13-a]") {
    const auto times_of = [](std::uint64_t seed) {
        ClientOptions options = NodeTalk::options_of("node");
        options.retry = 10s;
        options.retry_jitter = 0.5;
        options.retries = 20;
        options.seed = seed;
        NodeTalk node(options);
        node.client.connect(node.now, node.out);
        std::vector<Duration> times;
        for (int i = 0; i < 20; ++i) {
            const TimePoint due = *node.client.next_timeout();
            times.push_back(due - node.now);
            node.wait(due - node.now);
        }
        return times;
    };
    const auto times = times_of(1);
    const auto [shortest, longest] = std::ranges::minmax(times);
    CHECK(shortest >= 10s);
    CHECK(longest <= 15s);
    CHECK(longest - shortest > 2s);
    CHECK(times_of(1) == times);
    CHECK(times_of(2) != times);
}

}  // namespace client_connect_test
