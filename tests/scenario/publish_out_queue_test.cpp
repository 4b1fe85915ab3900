// SN 6.9, 6.10: what waits for a client while connections, subscriptions and limits change.
#include "tests/scenario/downlink.hpp"

#include <fmt/format.h>

namespace publish_out_queue_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

gateway::Config with_queue(std::size_t messages, std::size_t octets = 1U << 20) {
    auto config = Talk::config();
    config.limits.queue_messages = messages;
    config.limits.queue_octets = octets;
    return config;
}

const Lines completed_q2{"c1: PUBREC", "c1: PUBCOMP"};

/// The payloads of all deliveries that follow, QoS 1 acknowledged.
Lines drained(Downlink& t, std::size_t count) {
    Lines payloads;
    for (std::size_t i = 0; i < count; ++i) {
        const auto packet = t.node.next();
        const auto* publish = std::get_if<sn::Publish>(&packet);
        REQUIRE(publish != nullptr);
        payloads.emplace_back(as_text(publish->data));
        const sn::Puback reply{publish->topic_id, publish->msg_id, ReturnCode::accepted};
        if (publish->qos == q1) t.node.sends(reply);
    }
    t.node.expects_nothing();
    return payloads;
}

}  // namespace

TEST_CASE("a client that connects again in the middle of a delivery gets it under its MsgId",
          "[SN12-6.10-q][SN12-6.10-a][SN12-6.10-s]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    t.message("a/b", "1", qos, 7);
    t.message("a/b", "2", q1, 8);
    t.node.expects(delivery(id, "1", qos, 1));
    if (GENERATE(false, true)) {
        t.node.sends(sn::Puback{id, 1, ReturnCode::congestion});  // the pause ends with the connection
    }
    SECTION("from the same address, its broker connection goes on") {
        t.talk.advance(5s);
        t.reconnects();
    }
    SECTION("after DISCONNECT; the broker repeats its copy") {
        t.node.sends(sn::Disconnect{});
        t.node.expects(sn::Disconnect{});
        t.reconnects();
        t.talk.broker_sends("c1", mqtt::Publish{true, qos, false, "a/b", 7, {}, as_bytes("1")});
    }
    SECTION("from another address") {
        t.node = t.talk.device(2);
        t.reconnects();
        t.talk.device(1).expects_nothing();
    }
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(again(delivery(id, "1", qos, 1)));
    CHECK(t.talk.heard().empty());
    if (qos == q1) {
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
        CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    } else {
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
        t.node.sends(sn::Pubcomp{1});
        CHECK(t.talk.heard() == completed_q2);
    }
    CHECK(drained(t, 1) == Lines{"2"});
}

TEST_CASE("a QoS 2 delivery that has its PUBREC goes on with PUBREL in the next connection",
          "[SN12-6.10-o][SN12-6.10-q]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q2, 7);
    t.node.expects(delivery(id, "1", q2, 1));
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.reconnects();
    t.node.expects(sn::Pubrel{1});
    t.stays_silent(10s);
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubcomp{1});
    CHECK(t.talk.heard() == completed_q2);
}

TEST_CASE("deliveries stand still while a new connection is being negotiated", "[SN12-6.10-q]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q1, 7);
    t.node.expects(delivery(id, "1", q1, 1));
    t.talk.session_present = true;
    t.node.sends(sn::Connect{true, false, sn::protocol_id, 0, "c1"});
    t.node.expects(sn::WillTopicReq{});
    t.message("a/b", "2");
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});  // from before the CONNECT
    CHECK(t.talk.heard().empty());
    t.stays_silent(10s);
    t.node.expects(sn::WillTopicReq{});
    t.node.sends(sn::WillTopic{q0, false, "will"});
    t.node.expects(sn::WillMsgReq{});
    t.node.sends(sn::WillMsg{as_bytes("gone")});
    t.node.expects(sn::Connack{});
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(again(delivery(id, "1", q1, 1)));
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.node.expects(delivery(id, "2"));
}

TEST_CASE("a REGISTER of the earlier connection is over", "[SN12-6.10-a][SN12-6.10-e]") {
    Downlink t(Talk::config(), false);
    t.subscribes("#");
    t.message("a/b", "1", q1, 7);
    const auto earlier = t.expects_register("a/b");
    t.reconnects();
    const auto now = t.expects_register("a/b");
    CHECK(now.topic_id == earlier.topic_id);
    CHECK(now.msg_id != earlier.msg_id);
    t.node.sends(earlier);
    t.node.expects_nothing();
    t.node.sends(now);
    t.node.expects(delivery(now.topic_id, "1", q1, 3));
}

TEST_CASE("a REGISTER or PUBLISH cut off by sleep goes on with its MsgId", "[SN12-6.14-p][SN12-6.10-e]") {
    Downlink t(Talk::config(), false);
    t.subscribes("#");
    Buffer first;
    Buffer resumed;
    SECTION("REGISTER") {
        t.message("a/b", "1", q1, 7);
        first = resumed = t.node.next_datagram();
    }
    SECTION("PUBLISH") {
        t.node.registers("a/b");
        t.message("a/b", "1", q1, 7);
        first = resumed = t.node.next_datagram();
        resumed[2] |= std::byte{0x80};
    }
    t.node.sends(sn::Disconnect{600});
    t.node.expects(sn::Disconnect{});
    t.talk.advance(100s);
    t.node.expects_nothing();
    t.node.sends(sn::Pingreq{"c1"});
    CHECK(t.node.next_datagram() == resumed);
    t.talk.advance(10s);
    CHECK(t.node.next_datagram() == resumed);
}

TEST_CASE("PUBREC of a client that fell asleep is answered when it wakes", "[SN12-6.14-c][SN12-6.10-o]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q2, 7);
    t.node.expects(delivery(id, "1", q2, 1));
    t.node.sends(sn::Disconnect{600});
    t.node.expects(sn::Disconnect{});
    t.node.sends(sn::Pubrec{1});
    t.node.sends(sn::Pubrec{1});
    t.stays_silent(500s);
    t.node.expects_nothing();
    t.node.sends(sn::Pingreq{"c1"});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubcomp{1});
    t.node.expects(sn::Pingresp{});
    CHECK(t.talk.heard() == completed_q2);
}

TEST_CASE("a clean CONNECT in the middle of a delivery ends it", "[SN12-6.3-c][SN12-6.10-t]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    t.message("a/b", "1", qos, 7);
    t.message("a/b", "2", q1, 8);
    t.node.expects(delivery(id, "1", qos, 1));
    t.node.connects("c1", true, 0);
    t.talk.heard();
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.node.sends(sn::Pubrec{1});
    t.stays_silent(100s);
    CHECK(t.talk.heard().empty());
    const auto anew = t.subscribes("c/d");
    t.message("c/d", "3", q1, 7);
    t.node.expects(delivery(anew, "3", q1, 2));
}

TEST_CASE("a broker that forgot the session is not acknowledged what it no longer knows", "[SN12-6.10-s]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q1, 7);
    t.node.expects(delivery(id, "1", q1, 1));
    t.talk.broker_drops("c1");
    t.talk.advance(5s);
    CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 keep", "c1: SUBSCRIBE q2 a/b"});
    t.message("a/b", "2", q1, 7);  // another message with the same packet id
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    CHECK(t.talk.heard().empty());
    t.node.expects(delivery(id, "2", q1, 2));
    t.node.sends(sn::Puback{id, 2, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
}

TEST_CASE("what the client completes while the broker is away is acknowledged when the broker repeats it",
          "[SN12-6.10-s]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q1, 7);
    t.node.expects(delivery(id, "1", q1, 1));
    t.talk.session_present = true;
    t.talk.broker_drops("c1");
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.talk.advance(5s);
    CHECK(t.talk.heard() == Lines{"c1: CONNECT c1 keep"});
    t.talk.broker_sends("c1", mqtt::Publish{true, q1, false, "a/b", 7, {}, as_bytes("1")});
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
}

TEST_CASE("10,000 messages for one client: the newest are kept, the others completed and counted", "[SN12-6.14-k]") {
    Downlink t(with_queue(1000));
    const auto id = t.subscribes("a/b", q1);
    for (std::uint16_t i = 1; i <= 10000; ++i)
        t.message("a/b", fmt::format("{}", i), q1, i);
    CHECK(t.talk.counters().deliveries_dropped == 9000);
    CHECK(t.talk.heard() == Lines(9000, "c1: PUBACK"));
    const auto payloads = drained(t, 1000);
    CHECK(payloads.front() == "1");  // it was in transmission
    for (std::size_t i = 1; i < 1000; ++i)
        CHECK(payloads[i] == fmt::format("{}", 9000 + i + 1));
    CHECK(t.talk.heard() == Lines(1000, "c1: PUBACK"));
    CHECK(t.talk.counters().publish_out_qos1 == 1000);
    t.message("a/b", "after");
    t.node.expects(delivery(id, "after"));
}

TEST_CASE("10,000 QoS 0 messages pass a client that listens, the newest wait for one that sleeps", "[SN12-6.14-k]") {
    Downlink t(with_queue(1000));
    const auto id = t.subscribes("a/b", q0);
    const bool asleep = GENERATE(false, true);
    if (asleep) {
        t.node.sends(sn::Disconnect{600});
        t.node.expects(sn::Disconnect{});
    }
    for (int i = 1; i <= 10000; ++i)
        t.message("a/b", fmt::format("{}", i));
    if (asleep) {
        t.node.expects_nothing();
        t.node.sends(sn::Pingreq{"c1"});
    }
    const int first = asleep ? 9001 : 1;
    for (int i = first; i <= 10000; ++i)
        t.node.expects(delivery(id, fmt::format("{}", i)));
    if (asleep) t.node.expects(sn::Pingresp{});
    CHECK(t.talk.counters().deliveries_dropped == (asleep ? 9000U : 0U));
}

TEST_CASE("a full queue drops its oldest QoS 0 first, then its oldest, never the one in transmission",
          "[SN12-6.14-k]") {
    Downlink t(with_queue(4));
    t.subscribes("a/b");
    t.message("a/b", "1", q1, 1);
    t.message("a/b", "2", q1, 2);
    t.message("a/b", "3");
    t.message("a/b", "4");
    t.message("a/b", "5", q1, 5);  // 3 goes
    t.message("a/b", "6", q1, 6);  // 4 goes
    CHECK(t.talk.heard().empty());
    t.message("a/b", "7", q2, 7);  // 2 goes, at the broker too
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    t.message("a/b", "8");  // goes itself
    CHECK(t.talk.counters().deliveries_dropped == 4);
    const auto first = delivery(1, "1", q1, 1);
    t.node.expects(first);
    t.stays_silent(10s);  // it is still what the client is asked for
    t.node.expects(again(first));
    t.node.sends(sn::Puback{1, 1, ReturnCode::accepted});
    CHECK(drained(t, 3) == Lines{"5", "6", "7"});
    t.node.sends(sn::Pubrec{4});
    t.node.expects(sn::Pubrel{4});
}

TEST_CASE("the queue is bounded in octets too", "[SN12-6.14-k]") {
    Downlink t(with_queue(1000, 100));
    t.subscribes("a/b", q1);
    const std::string thirty(27, 'p');  // and 3 of the name
    for (mqtt::PacketId i = 1; i <= 3; ++i)
        t.message("a/b", std::to_string(i) + thirty.substr(1), q1, i);
    CHECK(t.talk.counters().deliveries_dropped == 0);
    t.message("a/b", "4" + thirty.substr(1), q1, 4);
    CHECK(t.talk.counters().deliveries_dropped == 1);
    t.message("a/b", std::string(200, 'l'), q1, 5);  // alone it still gets its turn
    CHECK(t.talk.counters().deliveries_dropped == 3);
    const auto payloads = drained(t, 2);
    CHECK(payloads.front().front() == '1');
    CHECK(payloads.back().front() == 'l');
}

TEST_CASE("deliveries held for a pending SUBACK go out in order when it comes, or when it cannot come",
          "[SN12-6.9-f][SN12-6.10-n]") {
    Downlink t;
    const auto known = t.subscribes("known");
    t.talk.hold = {PacketType::subscribe};
    t.node.sends(sn::Subscribe{.qos = q1, .msg_id = 5, .topic_name = "a/b"});
    t.message("a/b", "early", q1, 7);
    t.message("known", "behind");
    t.node.expects_nothing();
    SECTION("granted") {
        t.talk.broker_sends("c1", mqtt::Suback{t.talk.last_id("c1"), {1}, {}});
        const auto suback = t.node.next();
        const auto id = std::get<sn::Suback>(suback).topic_id;
        t.node.expects(delivery(id, "early", q1, 1));
        t.node.expects_nothing();
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
        t.node.expects(delivery(known, "behind"));
    }
    SECTION("the broker connection breaks") {
        t.talk.broker_drops("c1");
        t.node.expects(sn::Suback{q0, 0, 5, ReturnCode::congestion});
        const auto announced = t.expects_register("a/b");
        t.node.sends(with(announced, ReturnCode::not_supported));
        t.node.expects(delivery(known, "behind"));
    }
}

TEST_CASE("retained messages are delivered as such at every SUBSCRIBE", "[SN12-6.9-e][SN12-6.10-m]") {
    Downlink t;
    for (mqtt::PacketId i = 1; i <= 2; ++i) {
        const auto id = t.subscribes("a/b", q1);
        t.talk.broker_publishes("c1", "a/b", "kept", q1, i, true);
        auto wanted = delivery(id, "kept", q1, i);
        wanted.retain = true;
        t.node.expects(wanted);
        t.node.sends(sn::Puback{id, i, ReturnCode::accepted});
    }
}

TEST_CASE("after UNSUBACK nothing on the name is sent but a PUBLISH in transmission", "[SN12-6.9-j][SN12-6.9-k]") {
    Downlink t;
    t.subscribes("a/#");
    const auto other = t.subscribes("other", q0);
    const sn::Unsubscribe leave{.msg_id = 9, .topic_name = "a/#"};
    SECTION("announced only") {
        t.message("a/b", "1", q1, 7);
        t.message("a/b", "2");
        t.message("other", "3");
        const auto announced = t.expects_register("a/b");
        t.node.sends(leave);
        t.node.expects(sn::Unsuback{9});
        t.node.expects(delivery(other, "3"));
        t.node.sends(announced);
        t.stays_silent(100s);
        CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE a/#", "c1: PUBACK"});
    }
    SECTION("the second half of a QoS 2 delivery") {
        const auto id = t.node.registers("a/b");
        t.message("a/b", "1", q2, 7);
        t.message("a/b", "2", q1, 8);
        t.node.expects(delivery(id, "1", q2, 1));
        t.node.sends(leave);
        t.node.expects(sn::Unsuback{9});
        CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE a/#", "c1: PUBACK"});
        t.stays_silent(10s);
        t.node.expects(again(delivery(id, "1", q2, 1)));
        t.node.sends(sn::Pubrec{1});
        t.node.expects(sn::Pubrel{1});
        t.node.sends(sn::Pubcomp{1});
        CHECK(t.talk.heard() == completed_q2);
    }
}

}  // namespace publish_out_queue_test
