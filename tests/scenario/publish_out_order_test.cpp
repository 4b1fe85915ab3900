// SN 6.10, 6.13: one message at a time, repeated until the client answers or is given up.
#include "tests/scenario/downlink.hpp"

namespace publish_out_order_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;

namespace {

gateway::Config dropping() {
    auto config = Talk::config();
    config.retry_exhausted = gateway::RetryExhausted::drop;
    return config;
}

const Lines completed_q2{"c1: PUBREC", "c1: PUBCOMP"};

/// One gateway message that waits for an answer: the first frame sent, and what is repeated.
struct Outstanding {
    Buffer first;
    Buffer repeated;
};

Outstanding start_exchange(Downlink& t, std::string_view kind) {
    if (kind == "REGISTER") {
        t.subscribes("x/#");
        t.message("x/y", "x", q1, 7);
    } else {
        t.subscribes("a/b");
        t.message("a/b", "x", kind == "PUBLISH q1" ? q1 : q2, 7);
    }
    Buffer first = t.node.next_datagram();
    if (kind == "PUBREL") {
        t.node.sends(sn::Pubrec{1});
        first = t.node.next_datagram();
        CHECK(first == frame_of(sn::Pubrel{1}));
    }
    Buffer repeated = first;
    if (kind.starts_with("PUBLISH")) repeated[2] |= std::byte{0x80};
    return {first, repeated};
}

}  // namespace

TEST_CASE("one QoS 1 or 2 delivery is outstanding, and QoS 0 keeps its place", "[SN12-6.10-n]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1", q0);
    t.message("a/b", "2", q1, 7);
    t.message("a/b", "3", q0);
    t.message("a/b", "4", q2, 8);
    t.message("a/b", "5", q1, 9);
    t.message("a/b", "6", q0);
    t.node.expects(delivery(id, "1"));
    t.node.expects(delivery(id, "2", q1, 1));
    t.node.expects_nothing();
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.node.expects(delivery(id, "3"));
    t.node.expects(delivery(id, "4", q2, 2));
    t.node.expects_nothing();
    t.node.sends(sn::Pubrec{2});
    t.node.expects(sn::Pubrel{2});
    t.node.expects_nothing();
    t.node.sends(sn::Pubcomp{2});
    t.node.expects(delivery(id, "5", q1, 3));
    t.node.expects_nothing();
    t.node.sends(sn::Puback{id, 3, ReturnCode::accepted});
    t.node.expects(delivery(id, "6"));
}

TEST_CASE("an unanswered message is repeated unchanged except DUP, N_retry times, then the client is lost",
          "[SN12-6.13-a][SN12-6.13-c][SN12-6.10-e][SN12-6.10-o][SN12-6.10-q]") {
    Downlink t;
    const auto kind = GENERATE(as<std::string>{}, "REGISTER", "PUBLISH q1", "PUBLISH q2", "PUBREL");
    INFO(kind);
    const auto sent = start_exchange(t, kind);
    for (int i = 0; i < 3; ++i) {
        t.stays_silent(10s);
        CHECK(t.node.next_datagram() == sent.repeated);
    }
    t.stays_silent(10s);
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});  // no DISCONNECT: the broker publishes the will
    CHECK(t.talk.counters().retransmissions == 3);
    CHECK(t.talk.counters().retries_exhausted == 1);
    CHECK(t.talk.counters().clients_lost == 1);
    t.node.sends(sn::Pubcomp{1});  // of a client that the gateway does not know any more
    t.node.expects(sn::Disconnect{});
}

TEST_CASE("T_retry starts anew at each transmission and stops on the matching reply", "[SN12-6.13-b]") {
    Downlink t;
    t.subscribes("#");
    t.message("a/b", "x", q2, 7);
    const auto announced = t.expects_register("a/b");
    t.talk.advance(10s);
    t.expects_register("a/b");
    t.talk.advance(9s);
    t.node.sends(announced);
    const auto published = delivery(announced.topic_id, "x", q2, 2);
    t.node.expects(published);
    for (int i = 0; i < 3; ++i) {  // a count of its own
        t.stays_silent(10s);
        t.node.expects(again(published));
    }
    t.talk.advance(9s);
    t.node.sends(sn::Pubrec{2});
    t.node.expects(sn::Pubrel{2});
    t.talk.advance(6s);
    t.node.sends(sn::Pubrec{2});  // the answer to it is a transmission too
    t.node.expects(sn::Pubrel{2});
    for (int i = 0; i < 3; ++i) {
        t.stays_silent(10s);
        t.node.expects(sn::Pubrel{2});
    }
    t.node.sends(sn::Pubcomp{2});
    t.stays_silent(100s);
    CHECK(t.talk.counters().clients_lost == 0);
}

TEST_CASE("a QoS 2 delivery survives the loss of each of its messages in turn", "[SN12-6.10-o][SN12-6.10-q]") {
    Downlink t;
    const auto id = t.subscribes("a/b");
    const auto published = delivery(id, "x", q2, 1);
    t.message("a/b", "x", q2, 7);
    t.node.next();  // PUBLISH is lost
    t.stays_silent(10s);
    t.node.expects(again(published));
    t.stays_silent(10s);  // PUBREC is lost
    t.node.expects(again(published));
    t.node.sends(sn::Pubrec{1});
    t.node.expects(sn::Pubrel{1});
    t.node.sends(sn::Pubrec{1});  // PUBREL is lost: the client repeats PUBREC
    t.node.expects(sn::Pubrel{1});
    t.stays_silent(10s);  // again, and the gateway repeats it
    t.node.expects(sn::Pubrel{1});
    t.stays_silent(10s);  // PUBCOMP is lost
    t.node.expects(sn::Pubrel{1});
    CHECK(t.talk.heard().empty());
    t.node.sends(sn::Pubcomp{1});
    t.node.sends(sn::Pubcomp{1});
    CHECK(t.talk.heard() == completed_q2);
    t.stays_silent(100s);
    CHECK(t.talk.counters().publish_out_qos2 == 1);
}

TEST_CASE("a client lost in the middle finds its QoS 1 and 2 messages in its kept session",
          "[SN12-6.13-c][SN12-6.10-q][SN12-6.10-s]") {
    Downlink t(Talk::config(), false);
    const auto kind = GENERATE(as<std::string>{}, "PUBLISH q1", "PUBLISH q2", "PUBREL");
    const auto sent = start_exchange(t, kind);
    t.message("a/b", "next", q1, 8);
    t.message("a/b", "gone", q0);
    for (int i = 0; i < 3; ++i) {
        t.talk.advance(10s);
        t.node.next();
    }
    t.talk.advance(10s);
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    t.reconnects();
    if (kind == "PUBREL") {
        CHECK(t.node.next_datagram() == sent.repeated);
        t.node.sends(sn::Pubcomp{1});
    } else {
        t.accepts_register("a/b");
        CHECK(t.node.next_datagram() == sent.repeated);
        t.node.sends(kind == "PUBLISH q1" ? sn::Packet(sn::Puback{1, 1, ReturnCode::accepted}) : sn::Pubrec{1});
        if (kind == "PUBLISH q2") {
            t.node.expects(sn::Pubrel{1});
            t.node.sends(sn::Pubcomp{1});
        }
    }
    CHECK(t.talk.heard() == (kind == "PUBLISH q1" ? Lines{"c1: PUBACK"} : completed_q2));
    if (kind == "PUBREL") t.accepts_register("a/b");
    const auto next = t.node.next();
    CHECK(as_text(std::get<sn::Publish>(next).data) == "next");
    CHECK_FALSE(std::get<sn::Publish>(next).dup);
}

TEST_CASE("an awake client that stops answering goes back to sleep without PINGRESP", "[SN12-6.13-c][SN12-6.13-a]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.node.sends(sn::Disconnect{600});
    t.node.expects(sn::Disconnect{});
    t.message("a/b", "1", q1, 7);
    t.message("a/b", "2", q1, 8);
    t.talk.advance(500s);
    t.node.expects_nothing();
    t.node.sends(sn::Pingreq{"c1"});
    t.node.expects(delivery(id, "1", q1, 1));
    for (int i = 0; i < 3; ++i) {
        t.stays_silent(10s);
        t.node.expects(again(delivery(id, "1", q1, 1)));
    }
    t.stays_silent(10s);
    t.node.expects_nothing();
    CHECK(t.talk.counters().retries_exhausted == 1);
    SECTION("its messages are kept") {
        t.node.sends(sn::Pingreq{"c1"});
        t.node.expects(again(delivery(id, "1", q1, 1)));
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
        t.node.expects(delivery(id, "2", q1, 2));
        t.node.sends(sn::Puback{id, 2, ReturnCode::accepted});
        t.node.expects(sn::Pingresp{});
    }
    SECTION("its sleep timer starts anew") {
        t.stays_silent(660s - 1ms);
        CHECK(t.talk.heard().empty());
        t.talk.advance(1ms);
        CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    }
}

TEST_CASE("retry.exhausted = drop gives the message up and goes on", "[SN12-6.13-c][SN12-6.13-b][SN12-6.10-s]") {
    Downlink t(dropping());
    const auto kind = GENERATE(as<std::string>{}, "REGISTER", "PUBLISH q1", "PUBLISH q2", "PUBREL");
    start_exchange(t, kind);
    t.node.registers("next");
    t.message("next", "y", q1, 8);
    for (int i = 0; i < 3; ++i) {
        t.talk.advance(10s);
        t.node.next();
    }
    CHECK(t.talk.heard().empty());
    t.stays_silent(10s);
    const auto next = t.node.next();
    CHECK(std::get<sn::Publish>(next).msg_id == 2);
    CHECK(as_text(std::get<sn::Publish>(next).data) == "y");
    CHECK(t.talk.heard() == (kind == "REGISTER" || kind == "PUBLISH q1" ? Lines{"c1: PUBACK"} : completed_q2));
    t.node.sends(sn::Puback{1, 1, ReturnCode::accepted});  // too late: as any unmatched acknowledgement
    t.node.sends(sn::Puback{1, 1, ReturnCode::not_supported});
    t.node.sends(sn::Pubrec{1});
    t.node.sends(sn::Pubcomp{1});
    t.node.sends(sn::Regack{1, 1, ReturnCode::not_supported});
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
    t.node.sends(sn::Puback{2, 2, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    CHECK(t.talk.counters().clients_lost == 0);
}

TEST_CASE("replies are never repeated by a timer", "[SN12-6.13-d]") {
    Talk talk(Downlink::quiet(Talk::config()));
    const auto node = talk.device(1);
    node.sends(sn::Connect{true, true, sn::protocol_id, 0, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sends(sn::WillTopic{q0, false, "will"});
    node.expects(sn::WillMsgReq{});
    node.sends(sn::WillMsg{as_bytes("gone")});
    node.expects(sn::Connack{});
    const auto id = node.registers("a/b");
    node.subscribes("a/b", q0);
    node.sends(delivery(id, "x", q1, 2));
    node.expects(sn::Puback{id, 2, ReturnCode::accepted});
    node.sends(delivery(id, "x", q2, 3));
    node.expects(sn::Pubrec{3});
    talk.advance(200s);
    node.expects_nothing();
    node.sends(sn::Pubrel{3});
    node.expects(sn::Pubcomp{3});
    node.sends(sn::Unsubscribe{.msg_id = 4, .topic_name = "a/b"});
    node.expects(sn::Unsuback{4});
    node.sends(sn::WillTopicUpd{q0, false, "will/2"});
    node.expects(sn::WillTopicResp{});
    node.sends(sn::WillMsgUpd{as_bytes("2")});
    node.expects(sn::WillMsgResp{});
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    talk.broadcasts.clear();
    node.sends(sn::SearchGw{0});
    CHECK(talk.broadcasts.size() == 1);
    talk.advance(200s);
    node.expects_nothing();
    CHECK(talk.broadcasts.size() == 1);
    node.sends(sn::Disconnect{});
    node.expects(sn::Disconnect{});
    talk.advance(200s);
    node.expects_nothing();
}

}  // namespace publish_out_order_test
