// SN 6.12 and 5.4.21: DISCONNECT from either side, and to those that the gateway does not know.
#include "tests/support/talk.hpp"

#include <algorithm>

namespace disconnect_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

gateway::Config with_mqtt5() {
    auto config = Talk::config();
    config.broker.client.version = mqtt::Version::v5;
    return config;
}

/// Leaves the client awake: it was given a message that it does not acknowledge.
void stays_awake(Talk& talk, const Device& node) {
    node.subscribes("ab", Qos::at_least_once);
    node.sleeps(600);
    talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, 1);
    node.sends(sn::Pingreq{"c1"});
    CHECK(std::get<sn::Publish>(node.next()).qos == Qos::at_least_once);
}

/// From now on the gateway does not know the client at this address.
void is_unknown(Talk& talk, const Device& node) {
    talk.advance(10s);
    node.sends(sn::Pingreq{});
    CHECK(to_hex(node.next_datagram()) == "0218");
}

}  // namespace

TEST_CASE("DISCONNECT is acknowledged in every state and ends the broker connection without a will",
          "[SN12-6.12-a][SN12-6.12-b][SN12-5.4.21-a][SN12-5.4.21-e][SN12-6-o]") {
    const std::string_view frame = GENERATE("02 18", "04 18 00 00", "01 00 04 18");
    CAPTURE(frame);
    Talk talk;
    const auto node = talk.device(1);
    Lines ending{"DISCONNECT", "CLOSE"};
    SECTION("active") {
        node.connects_with_will("c1");
    }
    SECTION("asleep") {
        node.connects_with_will("c1");
        node.sleeps(600);
    }
    SECTION("awake") {
        node.connects_with_will("c1");
        stays_awake(talk, node);
    }
    SECTION("connecting, prompted") {
        node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::WillTopicReq{});
        ending = {};
    }
    SECTION("connecting, while the broker is asked") {
        talk.hold = {PacketType::connect};
        node.sends(sn::Connect{false, true, sn::protocol_id, 60, "c1"});
        ending = {"DISCONNECT", "CLOSE"};
    }
    SECTION("connecting again") {
        node.connects_with_will("c1");
        node.sends(sn::Connect{true, true, sn::protocol_id, 61, "c1"});
        node.expects(sn::WillTopicReq{});
    }
    talk.heard();
    node.sends(hex(frame));
    CHECK(to_hex(node.next_datagram()) == "0218");
    node.expects_nothing();
    CHECK(talk.heard("c1") == ending);
    CHECK(talk.gateway().session_count() == 0);
    // Neither prompts nor retries nor deadlines are left.
    talk.advance(1h);
    node.expects_nothing();
    CHECK(talk.heard("c1").empty());
    CHECK(talk.counters().clients_lost == 0);
    CHECK(talk.counters().wills_published == 0);
    is_unknown(talk, node);
}

TEST_CASE("DISCONNECT with Duration during the handshake abandons it", "[SN12-6.12-a]") {
    Talk talk;
    const auto node = talk.device(1);
    node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sleeps(600);
    CHECK(talk.gateway().session_count() == 0);
    is_unknown(talk, node);
    talk.advance(1h);
    node.expects_nothing();
}

TEST_CASE("DISCONNECT of another length does nothing", "[SN12-5.4.21-a]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    node.sends(hex("03 18 00"));
    node.sends(hex("05 18 00 00 00"));
    node.expects_nothing();
    CHECK(talk.counters().malformed == 2);
    CHECK(talk.is_connected("c1"));
}

TEST_CASE("a repeated DISCONNECT is acknowledged again", "[SN12-5.4.21-c][SN12-5.4.21-e]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.disconnects();
    const bool sleep = GENERATE(false, true);
    for (int i = 0; i < 3; ++i) {
        node.sends(sleep ? sn::Disconnect{std::uint16_t{600}} : sn::Disconnect{});
        CHECK(to_hex(node.next_datagram()) == "0218");
        talk.advance(10s);
    }
    CHECK(talk.gateway().session_count() == 1);
}

TEST_CASE("subscriptions and will of a CleanSession=0 client survive DISCONNECT", "[SN12-6.12-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, 60, {Qos::at_least_once, true, "w/t"}, "gone");
    const auto id = node.subscribes("a/b", Qos::at_least_once);
    const bool lost = GENERATE(false, true);
    if (lost) {
        talk.advance(90s);
        node.expects(sn::Disconnect{});
    } else {
        node.disconnects();
    }
    talk.heard();
    talk.session_present = true;
    node.connects("c1", false);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 keep will w/t gone q1 retain"});
    talk.broker_publishes("c1", "a/b", "x", Qos::at_least_once, 5);
    const auto announced = std::get<sn::Register>(node.next());
    CHECK(announced.topic_id == id);
    node.sends(sn::Regack{id, announced.msg_id, ReturnCode::accepted});
    const auto delivered = std::get<sn::Publish>(node.next());
    CHECK(delivered.topic_id == id);
    node.sends(sn::Puback{id, delivered.msg_id, ReturnCode::accepted});
}

TEST_CASE("a broker that forgot the session is told the subscriptions that survived", "[SN12-6.12-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.subscribes("a/b", Qos::exactly_once);
    node.disconnects();
    talk.heard();
    talk.session_present = false;
    node.connects("c1", false);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 keep", "SUBSCRIBE q2 a/b"});
}

TEST_CASE("a CleanSession=1 connection after DISCONNECT finds nothing", "[SN12-6.12-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false);
    node.subscribes("a/b", Qos::at_least_once);
    node.disconnects();
    talk.heard();
    node.connects("c1", true);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 clean"});
}

TEST_CASE("a client is told when its broker connection is gone for good", "[SN12-6.12-d]") {
    auto config = Talk::config();
    config.timers.retry = 1000s;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, 0);
    bool awake = false;
    SECTION("active") {}
    SECTION("awake") {
        stays_awake(talk, node);
        awake = true;
    }
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("c1");
    talk.advance(30s - 1us);
    node.expects_nothing();
    talk.advance(1us);
    CHECK(to_hex(node.next_datagram()) == "0218");
    CHECK(talk.gateway().session_count() == 1);
    is_unknown(talk, node);
    // No attempt to reach the broker is made for a client that is gone.
    talk.reachable = Talk::Reachable::yes;
    talk.heard();
    talk.advance(1h);
    CHECK(talk.heard("c1").empty());
    // It may come back at any time, and its will is armed again.
    node.connects("c1", false);
    CHECK(talk.heard("c1").front() == "CONNECT c1 keep will w/t gone q0");
    if (awake) CHECK(std::get<sn::Publish>(node.next()).dup);
}

TEST_CASE("a broker connection that comes back in time is no matter to the client", "[SN12-6.12-d][SN12-6.12-e]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, 0);
    talk.reachable = Talk::Reachable::silent;
    talk.broker_drops("c1");
    talk.heard();
    node.sends(sn::Connect{false, false, sn::protocol_id, 0, "c1"});
    node.expects(sn::Connack{ReturnCode::congestion});
    talk.advance(15s);  // the first attempt is over by now
    talk.reachable = Talk::Reachable::yes;
    talk.advance(15s - 1us);
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 keep will w/t gone q0"});
    talk.advance(1h);
    node.expects_nothing();
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
}

TEST_CASE("the gateway tries to reach the broker again with growing, jittered pauses", "[SN12-6.12-e]") {
    auto config = Talk::config();
    config.timers.upstream_grace = 10min;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", false, 0);
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("c1");
    const auto failures = [&] { return talk.counters().upstream_failures; };
    Duration longest = 500ms;
    bool is_exact = true;
    for (int i = 0; i < 12; ++i) {
        const auto before = failures();
        Duration pause{};
        while (failures() == before)
            pause += talk.advance_to_next();
        CHECK(pause >= longest / 2);
        CHECK(pause <= longest);
        is_exact = is_exact && pause == longest;
        longest = std::min<Duration>(longest * 2, 30s);
    }
    CHECK_FALSE(is_exact);
    node.expects_nothing();
}

TEST_CASE("a sleeping client is told at its next PINGREQ that its broker connection is gone", "[SN12-6.12-d]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, 60);
    node.sleeps(600);
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("c1");
    talk.advance(500s);
    node.expects_nothing();
    const auto from = GENERATE(1, 2);  // it may wake at another address
    const auto waking = talk.device(static_cast<std::uint8_t>(from));
    waking.sends(sn::Pingreq{"c1"});
    CHECK(to_hex(waking.next_datagram()) == "0218");
    is_unknown(talk, waking);
    talk.advance(1h);
    waking.expects_nothing();
    CHECK(talk.counters().clients_lost == 0);
}

TEST_CASE("a sleeping client whose broker connection came back in time notices nothing", "[SN12-6.12-d]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", false, 60);
    node.sleeps(600);
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("c1");
    talk.advance(10s);
    talk.reachable = Talk::Reachable::yes;
    talk.advance(300s);
    CHECK(talk.is_connected("c1"));
    node.sends(sn::Pingreq{"c1"});
    node.expects(sn::Pingresp{});
}

TEST_CASE("a broker that ends the session for good ends the client's connection at once", "[SN12-6.12-d][SN12-6-r]") {
    const auto reason =
        GENERATE(values<mqtt::ReasonCode>({0x8E, 0x98, 0x87}));  // taken over, administrative, not authorized
    Talk talk(with_mqtt5());
    const auto node = talk.device(1);
    node.connects("c1", false, 0);
    SECTION("active") {
        talk.broker_sends("c1", mqtt::Disconnect{reason, {}});
        CHECK(to_hex(node.next_datagram()) == "0218");
    }
    SECTION("awake") {
        stays_awake(talk, node);
        talk.broker_sends("c1", mqtt::Disconnect{reason, {}});
        CHECK(to_hex(node.next_datagram()) == "0218");
    }
    SECTION("asleep: at the next PINGREQ") {
        node.sleeps(600);
        talk.broker_sends("c1", mqtt::Disconnect{reason, {}});
        talk.advance(100s);
        node.expects_nothing();
        node.sends(sn::Pingreq{"c1"});
        CHECK(to_hex(node.next_datagram()) == "0218");
    }
    is_unknown(talk, node);
    talk.heard();
    talk.advance(1h);
    CHECK(talk.heard("c1").empty());
}

TEST_CASE("at its orderly end the gateway disconnects those who can hear it", "[SN12-6.12-d][SN12-6.4-g]") {
    Talk talk;
    const auto active = talk.device(1);
    const auto asleep = talk.device(2);
    const auto awake = talk.device(3);
    active.connects_with_will("a");
    asleep.connects_with_will("s");
    asleep.sleeps(600);
    awake.connects_with_will("c1");
    stays_awake(talk, awake);
    talk.heard();
    talk.shutdown();
    CHECK(to_hex(active.next_datagram()) == "0218");
    CHECK(to_hex(awake.next_datagram()) == "0218");
    asleep.expects_nothing();
    for (const auto client : {"a", "s", "c1", "gw"})
        CHECK_FALSE(talk.is_connected(client));
    const auto heard = talk.heard();
    CHECK(std::ranges::count_if(heard, [](const auto& line) { return line.ends_with(": DISCONNECT"); }) == 4);
    CHECK(std::ranges::none_of(heard, [](const auto& line) { return line.ends_with(": ABORT"); }));
}

TEST_CASE("after a restart without stored sessions nobody is known, and the broker's subscriptions are found again",
          "[SN12-6.12-f]") {
    Talk talk;  // started anew: the clients do not know
    talk.session_present = true;
    const auto node = talk.device(1);
    node.sends(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1, .data = as_bytes("x")});
    CHECK(to_hex(node.next_datagram()) == "0218");
    node.connects("c1", false);
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 keep"});
    talk.broker_publishes("c1", "a/b", "x", Qos::at_least_once, 9);
    const auto announced = std::get<sn::Register>(node.next());
    CHECK(announced.topic_name == "a/b");
    const auto id = announced.topic_id;
    node.sends(sn::Regack{id, announced.msg_id, ReturnCode::accepted});
    const auto delivered = std::get<sn::Publish>(node.next());
    CHECK(delivered.topic_id == id);
    CHECK(as_text(delivered.data) == "x");
    node.sends(sn::Puback{id, delivered.msg_id, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: PUBACK"});
    // It unsubscribes as if the gateway had never been away.
    node.sends(sn::Unsubscribe{.msg_id = 2, .topic_name = "a/b"});
    node.expects(sn::Unsuback{2});
    CHECK(talk.heard() == Lines{"c1: UNSUBSCRIBE a/b"});
}

TEST_CASE("two gateways cannot bounce DISCONNECT forever", "[SN12-5.4.21-d]") {
    Talk talk;
    Talk other;
    const auto there = talk.device(1);
    const auto here = other.device(1);
    here.sends(sn::Disconnect{});  // spoofed: as if `talk` had sent it
    int bounces = 0;
    for (; bounces < 100; ++bounces) {
        here.expects(sn::Disconnect{});
        there.sends(sn::Disconnect{});
        if (talk.counters().disconnects_suppressed > 0) break;
        there.expects(sn::Disconnect{});
        here.sends(sn::Disconnect{});
        if (other.counters().disconnects_suppressed > 0) break;
    }
    CHECK(bounces <= 1);
}

TEST_CASE("one source gets one DISCONNECT per T_retry, whatever it sends",
          "[SN12-5.4.21-d][SN12-5.4.21-b][SN12-5.4.21-c]") {
    auto config = Talk::config();
    config.timers.retry = GENERATE(10s, 2s);
    Talk talk(config);
    const auto node = talk.device(1);
    node.sends(sn::Pingreq{});
    node.expects(sn::Disconnect{});
    node.sends(sn::Disconnect{});
    node.sends(sn::Disconnect{std::uint16_t{60}});
    node.sends(sn::Publish{.topic_id = 1});
    node.sends(sn::Pingreq{"c9"});
    talk.advance(config.timers.retry - 10ms);
    node.sends(sn::Pingreq{});
    node.expects_nothing();
    CHECK(talk.counters().disconnects_suppressed == 5);
    talk.device(2).sends(sn::Pingreq{});
    talk.device(2).expects(sn::Disconnect{});
    talk.advance(10ms);
    node.sends(sn::Pingreq{});
    node.expects(sn::Disconnect{});
}

TEST_CASE("a flood from unknown senders gets few replies, costs no record, and does not touch the clients",
          "[SN12-5.4.21-d][SN12-6.1-f]") {
    auto config = Talk::config();
    config.limits.replies_to_unknown_per_second = 20;
    config.limits.tracked_sources = 16;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    talk.heard();
    const auto sent_before = talk.counters().frames_out;
    const Buffer frame =
        frame_of(GENERATE(sn::Packet(sn::Disconnect{}), sn::Packet(sn::Pingreq{}), sn::Packet(sn::Pingreq{"c1"}),
                          sn::Packet(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1}),
                          sn::Packet(sn::WillMsg{}), sn::Packet(sn::SearchGw{})));
    // 250 sources, in turn, 10 000 frames within a second: more sources than the limiter remembers.
    std::size_t replies = 0;
    for (int i = 0; i < 10000; ++i) {
        const auto stranger = talk.device(static_cast<std::uint8_t>(2 + i % 250));
        const auto before = talk.counters().frames_out;
        stranger.sends(frame);
        if (talk.counters().frames_out != before && talk.broadcasts.empty()) stranger.expects(sn::Disconnect{});
        replies += talk.counters().frames_out - before;
        talk.broadcasts.clear();
        if (i % 10 == 9) talk.advance(1ms);
    }
    CHECK(talk.counters().frames_out - sent_before == replies);
    CHECK(replies >= 20);
    CHECK(replies <= 100);
    CHECK(talk.gateway().session_count() == 1);
    CHECK(talk.heard().empty());
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
}

TEST_CASE("DISCONNECT before the broker decided follows the CONNECT there, so that no will appears", "[SN12-6.4-g]") {
    Talk talk;
    talk.hold = {mqtt::PacketType::connect};
    const Device node = talk.device(1);
    node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w/t"});
    node.expects(sn::WillMsgReq{});
    node.sends(sn::WillMsg{as_bytes("gone")});
    node.sends(sn::Disconnect{});
    node.expects(sn::Disconnect{});
    CHECK(talk.heard("c1") == Lines{"CONNECT c1 clean will w/t gone q0", "DISCONNECT", "CLOSE"});
}

}  // namespace disconnect_test
