// SN 6.2: connection setup.
#include "tests/support/talk.hpp"

namespace connect_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

const sn::Connect with_will{true, true, sn::protocol_id, 60, "c1"};
const sn::Connect plain{false, true, sn::protocol_id, 60, "c1"};

}  // namespace

TEST_CASE("CONNECT without will is answered by CONNACK once the broker accepted",
          "[SN12-6.2-a][SN12-4.1-a][SN12-6-a][SN12-6-b]") {
    Talk talk;
    const auto node = talk.device(1);
    talk.hold = {PacketType::connect};
    node.sends(plain);
    node.expects_nothing();
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean"});
    talk.broker_sends("c1", mqtt::Connack{});
    node.expects(sn::Connack{ReturnCode::accepted});
}

TEST_CASE("CONNECT with will is prompted for topic and message before the broker is asked", "[SN12-6.2-b][SN12-6-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::at_least_once, true, "w/t"});
    node.expects(sn::WillMsgReq{});
    CHECK(talk.heard().empty());
    node.sends(sn::WillMsg{as_bytes("gone")});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w/t gone q1 retain"});
    node.expects(sn::Connack{ReturnCode::accepted});
}

TEST_CASE("an empty WILLTOPIC skips the will message", "[SN12-6.2-c][SN12-5.4.7-b]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    SECTION("two octets") {
        node.sends(hex("02 07"));
    }
    SECTION("flags without topic") {
        node.sends(hex("03 07 30"));
    }
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean"});
    node.expects(sn::Connack{ReturnCode::accepted});
}

TEST_CASE("CONNECT that the gateway cannot take is rejected with the right code", "[SN12-6.2-d]") {
    auto config = Talk::config();
    SECTION("too many clients: congestion") {
        config.limits.clients = 1;
        Talk talk(config);
        talk.device(1).connects("c1");
        talk.device(2).sends(sn::Connect{false, true, sn::protocol_id, 60, "c2"});
        talk.device(2).expects(sn::Connack{ReturnCode::congestion});
        CHECK(talk.counters().clients_limit == 1);
        // c1 is still there, and c2 fits in when it leaves.
        talk.device(1).sends(sn::Disconnect{});
        talk.device(1).expects(sn::Disconnect{});
        talk.device(2).connects("c2");
    }
    SECTION("broker unreachable: congestion, and nothing is left of the client") {
        Talk talk(config);
        talk.reachable = Talk::Reachable::refused;
        talk.device(1).sends(plain);
        talk.device(1).expects(sn::Connack{ReturnCode::congestion});
        CHECK(talk.gateway().session_count() == 0);
        talk.device(1).sends(sn::Pingreq{});
        talk.device(1).expects(sn::Disconnect{});
    }
}

TEST_CASE("CONNECT repeated while prompting starts over with the new flags", "[SN12-6.2-e]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::at_most_once, false, "old"});
    node.expects(sn::WillMsgReq{});
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    node.sends(plain);
    node.expects(sn::Connack{ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean"});
}

TEST_CASE("WILLTOPIC repeated before the message counts", "[SN12-6.2-f]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::at_most_once, false, "one"});
    node.expects(sn::WillMsgReq{});
    node.sends(sn::WillTopic{Qos::at_most_once, false, "two"});
    node.expects(sn::WillMsgReq{});
    node.sends(sn::WillMsg{as_bytes("m")});
    node.expects(sn::Connack{ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will two m q0"});
}

TEST_CASE("repetitions while the broker decides are answered by its one CONNACK", "[SN12-6.2-g]") {
    Talk talk;
    talk.hold = {PacketType::connect};
    const auto node = talk.device(1);
    SECTION("CONNECT") {
        node.sends(plain);
        node.sends(plain);
        talk.advance(1s);
        node.sends(plain);
    }
    SECTION("WILLMSG") {
        node.sends(with_will);
        node.expects(sn::WillTopicReq{});
        node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
        node.expects(sn::WillMsgReq{});
        node.sends(sn::WillMsg{as_bytes("m")});
        node.sends(sn::WillMsg{as_bytes("m")});
    }
    node.expects_nothing();
    CHECK(talk.heard().size() == 1);
    talk.broker_sends("c1", mqtt::Connack{});
    node.expects(sn::Connack{ReturnCode::accepted});
}

TEST_CASE("a CONNECT repeated because CONNACK was lost gets CONNACK again and changes nothing", "[SN12-6.2-h]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("CONNECT, until (N_retry + 1) T_retry") {
        node.sends(plain);
        node.expects(sn::Connack{ReturnCode::accepted});
        talk.heard();
        talk.advance(40s);
        node.sends(plain);
        node.expects(sn::Connack{ReturnCode::accepted});
        CHECK(talk.heard().empty());
    }
    SECTION("WILLMSG") {
        node.sends(with_will);
        node.expects(sn::WillTopicReq{});
        node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
        node.expects(sn::WillMsgReq{});
        node.sends(sn::WillMsg{as_bytes("m")});
        node.expects(sn::Connack{ReturnCode::accepted});
        talk.heard();
        node.sends(sn::WillMsg{as_bytes("m")});
        node.expects(sn::Connack{ReturnCode::accepted});
        CHECK(talk.heard().empty());
    }
}

TEST_CASE("CONNECT of an active client is a new connection without a will", "[SN12-6.2-i]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    SECTION("something was received since") {
        node.sends(sn::Pingreq{});
        node.expects(sn::Pingresp{});
    }
    SECTION("too late for a repetition") {
        talk.advance(40s + 1us);
    }
    node.sends(plain);
    node.expects(sn::Connack{ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: DISCONNECT", "c1: CLOSE", "c1: CONNECT c1 clean"});
}

TEST_CASE("CONNECT with other parameters is a new connection", "[SN12-6.2-i][SN12-6.2-o]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 60);
    node.connects("c1", true, 10);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 clean", "DISCONNECT", "CLOSE", "CONNECT c1 clean"});
    // The shorter keep-alive counts.
    talk.advance(15s);
    node.expects(sn::Disconnect{});
}

TEST_CASE("an unchanged CleanSession=0 connection goes on at the broker", "[SN12-6.2-i]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    talk.heard();
    node.connects("c1", false);
    CHECK(talk.heard().empty());
}

TEST_CASE("will prompts are repeated, then the handshake ends in silence", "[SN12-6.2-j][SN12-6.13-a]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    for (int i = 0; i < 3; ++i) {
        CHECK(talk.advance_to_next() == 10s);
        node.expects(sn::WillTopicReq{});
    }
    CHECK(talk.advance_to_next() == 10s);
    node.expects_nothing();
    CHECK(talk.gateway().session_count() == 0);
    CHECK(talk.heard().empty());
}

TEST_CASE("WILLMSGREQ is repeated with a count of its own", "[SN12-6.2-j][SN12-6.13-a]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(with_will);
    node.expects(sn::WillTopicReq{});
    talk.advance(10s);
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
    node.expects(sn::WillMsgReq{});
    for (int i = 0; i < 3; ++i) {
        talk.advance(10s);
        node.expects(sn::WillMsgReq{});
    }
    talk.advance(10s);
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("a broker that does not answer ends the handshake with congestion", "[SN12-6.2-j][SN12-6.2-d]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("no TCP connection") {
        talk.reachable = Talk::Reachable::silent;
    }
    SECTION("no CONNACK") {
        talk.hold = {PacketType::connect};
    }
    node.sends(plain);
    talk.advance(10s - 1us);
    node.expects_nothing();
    talk.advance(1us);
    node.expects(sn::Connack{ReturnCode::congestion});
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("a client that comes back from another address is found there only", "[SN12-6.2-k]") {
    Talk talk;
    const auto before = talk.device(1);
    const auto after = talk.device(2);
    before.connects("c1");
    after.connects("c1");
    before.sends(sn::Pingreq{});
    before.expects(sn::Disconnect{});
    after.sends(sn::Pingreq{});
    after.expects(sn::Pingresp{});
    CHECK(talk.counters().takeovers == 1);
}

TEST_CASE("takeover policies refuse another address", "[SN12-6.2-k]") {
    auto config = Talk::config();
    SECTION("deny-active") {
        config.takeover = gateway::Takeover::deny_active;
    }
    SECTION("same-host, from another host") {
        config.takeover = gateway::Takeover::same_host;
    }
    Talk talk(config);
    talk.device(1).connects("c1");
    const bool from_same_host = config.takeover == gateway::Takeover::same_host;
    talk.device(2).sends(plain);
    if (from_same_host) {
        // Test addresses differ in their port only.
        talk.device(2).expects(sn::Connack{ReturnCode::accepted});
    } else {
        talk.device(2).expects(sn::Connack{ReturnCode::not_supported});
        talk.device(1).sends(sn::Pingreq{});
        talk.device(1).expects(sn::Pingresp{});
    }
}

TEST_CASE("an address that connects as another client leaves the first unreachable", "[SN12-6.2-l]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("x", true, 60);
    node.subscribes("t/x", Qos::at_most_once);
    node.connects("y", true, 600);
    talk.broker_publishes("x", "t/x", "nobody hears this");
    node.expects_nothing();
    talk.heard();
    // x is lost by its own keep-alive; y hears nothing of it.
    talk.advance(90s);
    node.expects_nothing();
    CHECK(talk.heard() == Lines{"x: ABORT"});
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
}

TEST_CASE("handshakes in progress are limited, per source and in total", "[SN12-6.2-m]") {
    auto config = Talk::config();
    config.limits.pending_connects = 3;
    config.limits.pending_connects_per_source = 2;
    Talk talk(config);
    talk.hold = {PacketType::connect};
    const auto node = talk.device(1);
    const auto forwarded = [&](int i) { return node.behind(std::string(1, static_cast<char>('a' + i))); };
    const auto id = [](int i) { return "c" + std::to_string(i); };
    for (int i = 0; i < 2; ++i)
        forwarded(i).sends(sn::Connect{false, true, sn::protocol_id, 60, id(i)});
    forwarded(2).sends(sn::Connect{false, true, sn::protocol_id, 60, id(2)});
    forwarded(2).expects(sn::Connack{ReturnCode::congestion});
    talk.device(2).sends(sn::Connect{false, true, sn::protocol_id, 60, id(3)});
    talk.device(3).sends(sn::Connect{false, true, sn::protocol_id, 60, id(4)});
    talk.device(3).expects(sn::Connack{ReturnCode::congestion});
    CHECK(talk.heard().size() == 3);
    CHECK(talk.counters().pending_limit == 2);
    talk.broker_sends("c0", mqtt::Connack{});
    forwarded(0).expects(sn::Connack{ReturnCode::accepted});
    talk.device(3).sends(sn::Connect{false, true, sn::protocol_id, 60, id(4)});
    CHECK(talk.heard() == Lines{"c4: CONNECT c4 clean"});
}

TEST_CASE("WILLTOPIC and WILLMSG outside a handshake are dropped", "[SN12-6.2-n]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
    node.sends(sn::WillMsg{as_bytes("m")});
    node.expects_nothing();
    CHECK(talk.heard().empty());
    CHECK(talk.counters().unexpected == 2);
}

TEST_CASE("client ids are taken as they are",
          "[SN12-5.3.1-a][SN12-5.3.1-b][SN12-5.3.1-c][SN12-5.3.1-d][SN12-5.3.8-a]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("UTF-8, compared octet by octet") {
        node.connects("sensor-\xC3\xA4");
        talk.device(2).connects("sensor");
        talk.device(3).connects("Sensor");
        CHECK(talk.gateway().session_count() == 3);
    }
    const auto rejects = [&](std::string_view id) {
        node.sends(sn::Connect{false, true, sn::protocol_id, 60, id});
        node.expects(sn::Connack{ReturnCode::not_supported});
        CHECK(talk.gateway().session_count() == 0);
        CHECK(talk.heard().empty());
    };
    SECTION("empty") {
        rejects("");
    }
    SECTION("longer than clientid.max") {
        rejects(std::string(129, 'x'));
        node.connects(std::string(128, 'x'));
    }
    SECTION("invalid UTF-8") {
        rejects("a\xC3");
    }
    SECTION("U+0000") {
        rejects(std::string_view("a\0b", 3));
    }
    SECTION("a control character") {
        rejects("a\x01");
    }
    SECTION("another ProtocolId") {
        node.sends(sn::Connect{false, true, 0x02, 60, "c1"});
        node.expects(sn::Connack{ReturnCode::not_supported});
        CHECK(talk.gateway().session_count() == 0);
    }
}

TEST_CASE("strict mode counts characters", "[SN12-5.3.1-c]") {
    auto config = Talk::config();
    config.limits.client_id_strict = true;
    Talk talk(config);
    std::string umlauts;
    for (int i = 0; i < 23; ++i)
        umlauts += "\xC3\xA4";
    talk.device(1).connects(umlauts);
    talk.device(2).sends(sn::Connect{false, true, sn::protocol_id, 60, umlauts + "x"});
    talk.device(2).expects(sn::Connack{ReturnCode::not_supported});
}

TEST_CASE("clients without id get one when that is switched on", "[SN12-5.3.1-b]") {
    auto config = Talk::config();
    config.limits.client_id_assign = true;
    Talk talk(config);
    talk.device(1).connects("");
    talk.device(2).connects("");
    CHECK(talk.gateway().session_count() == 2);
    talk.device(1).connects("");  // repeated: the same client
    CHECK(talk.gateway().session_count() == 2);
    talk.device(3).sends(sn::Connect{false, false, sn::protocol_id, 60, ""});
    talk.device(3).expects(sn::Connack{ReturnCode::not_supported});
}

}  // namespace connect_test
