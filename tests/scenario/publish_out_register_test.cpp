// SN 6.10: which id a delivery uses, and how the client learns it or refuses it.
#include "tests/scenario/downlink.hpp"

namespace publish_out_register_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

ReturnCode rejection() {
    return static_cast<ReturnCode>(GENERATE(0x02, 0x03, 0x04, 0xFF));
}

sn::Publish of_type(TopicIdType type, sn::Publish packet) {
    packet.type = type;
    return packet;
}

}  // namespace

TEST_CASE("a new name is registered first, and published only after REGACK 0x00", "[SN12-6.10-a]") {
    Downlink t;
    t.subscribes("#");
    const Qos qos = GENERATE(q0, q1, q2);
    t.message("a/b", "x", qos, qos == q0 ? 0 : 7);
    const auto announced = t.expects_register("a/b");
    t.node.expects_nothing();
    t.node.sends(announced);
    t.node.expects(delivery(announced.topic_id, "x", qos, qos == q0 ? 0 : 2));
    t.node.expects_nothing();
}

TEST_CASE("REGACK received, REGACK sent and SUBACK sent confirm a pair", "[SN12-6.10-a]") {
    Downlink t;
    t.subscribes("#");
    sn::TopicId id = 0;
    SECTION("REGACK received") {
        t.message("a/b", "w");
        id = t.accepts_register("a/b");
        t.node.expects(delivery(id, "w"));
    }
    SECTION("REGACK sent") {
        id = t.node.registers("a/b");
    }
    SECTION("SUBACK sent") {
        id = t.subscribes("a/b");
    }
    t.message("a/b", "x");
    t.node.expects(delivery(id, "x"));
}

TEST_CASE("a client that returns from sleep keeps its confirmations", "[SN12-6.10-b]") {
    Downlink t(Talk::config(), false);
    const auto id = t.subscribes("a/b");
    t.node.sends(sn::Disconnect{600});
    t.node.expects(sn::Disconnect{});
    if (GENERATE(false, true)) {
        t.message("a/b", "awake", q1, 7);
        t.node.sends(sn::Pingreq{"c1"});  // held awake by an unanswered PUBLISH
        t.node.expects(delivery(id, "awake", q1, 1));
        t.reconnects();
        t.node.expects(again(delivery(id, "awake", q1, 1)));
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    } else {
        t.reconnects();
    }
    t.message("a/b", "x");
    t.node.expects(delivery(id, "x"));
}

TEST_CASE("every other CONNECT of a kept session clears the confirmations, not the numbers",
          "[SN12-6.10-b][SN12-6.10-a]") {
    Downlink t(Talk::config(), false);
    t.node.registers("another");
    const auto id = t.subscribes("a/b");
    SECTION("from active") {
        t.node.registers("a/b");  // anything: an untouched CONNECT would count as a repetition
    }
    SECTION("from disconnected") {
        t.node.sends(sn::Disconnect{});
        t.node.expects(sn::Disconnect{});
    }
    SECTION("from lost") {
        t.message("a/b", "unanswered", q1, 7);
        t.node.expects(delivery(id, "unanswered", q1, 1));
        for (int i = 0; i < 3; ++i) {
            t.talk.advance(10s);
            t.node.expects(again(delivery(id, "unanswered", q1, 1)));
        }
        t.talk.advance(10s);
        t.reconnects();
        CHECK(t.accepts_register("a/b") == id);
        t.node.expects(again(delivery(id, "unanswered", q1, 1)));
        return;
    }
    t.reconnects();
    t.message("a/b", "x");
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(delivery(id, "x"));
    t.message("a/b", "y");  // once per connection
    t.node.expects(delivery(id, "y"));
}

TEST_CASE("one REGISTER at a time, everything queues behind it in order", "[SN12-6.10-d]") {
    Downlink t;
    t.subscribes("#");
    const auto known = t.node.registers("known");
    t.message("new/one", "1");
    const auto one = t.expects_register("new/one");
    t.message("known", "2");
    t.message("new/two", "3", q1, 7);
    t.message("ab", "4");
    t.message("new/one", "5");
    t.node.expects_nothing();
    t.node.sends(one);
    t.node.expects(delivery(one.topic_id, "1"));
    t.node.expects(delivery(known, "2"));
    const auto two = t.expects_register("new/two");
    t.node.expects_nothing();
    t.node.sends(two);
    t.node.expects(delivery(two.topic_id, "3", q1, 3));
    t.node.expects_nothing();
    t.node.sends(sn::Puback{two.topic_id, 3, ReturnCode::accepted});
    t.node.expects(of_type(TopicIdType::short_name, delivery(0x6162, "4")));
    t.node.expects(delivery(one.topic_id, "5"));
}

TEST_CASE("a repeated REGISTER is the same, and REGACK must match it in both ids", "[SN12-6.10-e]") {
    Downlink t;
    t.subscribes("#");
    t.message("a/b", "x");
    const auto frame = t.node.next_datagram();
    CHECK(frame == frame_of(sn::Register{1, 1, "a/b"}));
    for (int i = 0; i < 2; ++i) {
        t.stays_silent(10s);
        CHECK(t.node.next_datagram() == frame);
    }
    t.node.sends(sn::Regack{1, 2, ReturnCode::accepted});
    t.node.sends(sn::Regack{2, 1, ReturnCode::accepted});
    t.node.sends(sn::Regack{2, 1, ReturnCode::not_supported});
    t.node.sends(sn::Regack{0, 0, ReturnCode::accepted});
    t.node.expects_nothing();
    t.node.sends(sn::Regack{1, 1, ReturnCode::accepted});
    t.node.expects(delivery(1, "x"));
    t.node.sends(sn::Regack{1, 1, ReturnCode::not_supported});  // after the answer: unmatched
    t.message("a/b", "y");
    t.node.expects(delivery(1, "y"));
}

TEST_CASE("a rejected name is as good as unsubscribed", "[SN12-6.10-f]") {
    Downlink t;
    const auto code = rejection();
    t.subscribes("#");
    const auto other = t.node.registers("other");
    t.message("a/b", "1", q1, 7);
    const auto announced = t.expects_register("a/b");
    t.message("other", "2");
    t.message("a/b", "3", q2, 8);
    t.message("a/b", "4");
    t.node.sends(with(announced, code));
    t.node.expects(delivery(other, "2"));
    CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: PUBREC", "c1: PUBCOMP"});
    CHECK(t.talk.counters().deliveries_suppressed == 3);
    t.message("a/b", "5");
    t.message("a/b", "6", q1, 9);
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    CHECK(t.talk.counters().deliveries_suppressed == 5);
    t.message("other", "7");
    t.node.expects(delivery(other, "7"));

    SECTION("a SUBSCRIBE that matches it lifts the suppression") {
        t.subscribes("x/#");
        t.message("a/b", "8");
        t.node.expects_nothing();
        t.subscribes("a/+");
        t.message("a/b", "9");
        CHECK(t.accepts_register("a/b") == announced.topic_id);
        t.node.expects(delivery(announced.topic_id, "9"));
    }
    SECTION("unsubscribing the wildcard lifts it") {
        t.subscribes("+/b/#");
        t.node.sends(sn::Unsubscribe{.msg_id = 9, .topic_name = "#"});
        t.node.expects(sn::Unsuback{9});
        t.message("a/b", "9");
        CHECK(t.expects_register("a/b").topic_id == announced.topic_id);
    }
    SECTION("a clean CONNECT lifts it") {
        t.node.connects("c1", true, 0);
        t.subscribes("#");
        t.message("a/b", "9");
        t.expects_register("a/b");
    }
}

TEST_CASE("the suppression outlasts a connection that keeps the session", "[SN12-6.10-f]") {
    Downlink t(Talk::config(), false);
    t.subscribes("#");
    t.message("a/b", "1", q1, 7);
    t.node.sends(with(t.expects_register("a/b"), ReturnCode::not_supported));
    t.reconnects();
    t.message("a/b", "2");
    t.node.expects_nothing();
    CHECK(t.talk.counters().deliveries_suppressed == 2);
}

TEST_CASE("a rejected REGISTER ends the subscription to exactly that name", "[SN12-6.10-f]") {
    Downlink t(Talk::config(), false);
    const auto code = rejection();
    const auto id = t.subscribes("a/b");
    t.subscribes("a/#");
    t.reconnects();
    t.message("a/b", "1", q1, 7);
    t.node.sends(with(t.expects_register("a/b"), code));
    CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: UNSUBSCRIBE a/b"});
    t.message("a/b", "2", q1, 8);  // through the wildcard: suppressed, also after the broker's UNSUBACK
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    t.node.expects_nothing();
    CHECK(t.subscribes("a/b") == id);
    t.message("a/b", "3");
    t.node.expects(delivery(id, "3"));
}

TEST_CASE("REGACK congestion repeats the REGISTER after T_wait, N_retry times, then discards", "[SN12-6.10-g]") {
    Downlink t;
    t.subscribes("a/#");
    const auto other = t.node.registers("a/other");
    t.message("a/b", "1", q1, 7);
    auto announced = t.expects_register("a/b");
    t.message("a/b", "2", q2, 8);
    t.message("a/other", "3");
    const auto id = announced.topic_id;
    for (int i = 0; i < 3; ++i) {
        t.node.sends(with(announced, ReturnCode::congestion));
        t.stays_silent(300s);
        announced = t.expects_register("a/b");
        CHECK(announced.topic_id == id);
    }
    CHECK(t.talk.heard().empty());
    SECTION("accepted at last") {
        t.node.sends(announced);
        t.node.expects(delivery(id, "1", q1, 5));
        t.node.sends(sn::Puback{id, 5, ReturnCode::accepted});
        t.node.expects(delivery(id, "2", q2, 6));
    }
    SECTION("never accepted") {
        t.node.sends(with(announced, ReturnCode::congestion));
        CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: PUBREC", "c1: PUBCOMP"});  // no UNSUBSCRIBE
        CHECK(t.talk.counters().deliveries_rejected == 2);
        t.node.expects(delivery(other, "3"));
        t.message("a/b", "4");  // still subscribed
        t.node.sends(t.expects_register("a/b"));
        t.node.expects(delivery(id, "4"));
    }
}

TEST_CASE("after PUBACK invalid topic id the next delivery registers the name again", "[SN12-6.10-h][SN12-6.10-l]") {
    Downlink t;
    t.node.registers("another");
    const auto id = t.subscribes("a/b");
    t.message("a/b", "1");
    t.node.expects(delivery(id, "1"));
    t.node.sends(sn::Puback{id, 0, ReturnCode::invalid_topic_id});
    t.node.expects_nothing();
    t.message("a/b", "2");
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(delivery(id, "2"));
}

TEST_CASE("a refused id is registered again with the same number, then the message comes as new",
          "[SN12-6.10-h][SN12-6.10-i][SN12-6.10-l]") {
    Downlink t;
    t.node.registers("another");
    const auto id = t.subscribes("a/b");
    const Qos qos = GENERATE(q1, q2);
    t.message("a/b", "1", qos, 7);
    t.message("a/b", "2");
    t.node.expects(delivery(id, "1", qos, 1));
    t.talk.advance(10s);
    t.node.expects(again(delivery(id, "1", qos, 1)));
    t.node.sends(sn::Puback{id, 1, ReturnCode::invalid_topic_id});
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(delivery(id, "1", qos, 3));
    CHECK(t.talk.heard().empty());
    SECTION("accepted now") {
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});  // of the first sending: over
        t.node.expects_nothing();
        if (qos == q1) {
            t.node.sends(sn::Puback{id, 3, ReturnCode::accepted});
        } else {
            t.node.sends(sn::Pubrec{3});
            t.node.expects(sn::Pubrel{3});
            t.node.sends(sn::Pubcomp{3});
        }
        t.node.expects(delivery(id, "2"));
    }
    SECTION("refused twice: dropped, and completed at the broker") {
        t.node.sends(sn::Puback{id, 3, ReturnCode::invalid_topic_id});
        CHECK(t.talk.counters().deliveries_rejected == 1);
        CHECK(t.accepts_register("a/b") == id);
        t.node.expects(delivery(id, "2"));
    }
    CHECK(t.talk.heard() == (qos == q1 ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"}));
}

TEST_CASE("a PUBLISH that overtook its SUBACK or REGACK does not change the id", "[SN12-6.10-l]") {
    Downlink t;
    t.subscribes("#");
    const auto other = t.node.registers("another");
    t.node.sends(sn::Subscribe{.qos = q1, .msg_id = 5, .topic_name = "a/b"});
    const auto suback = t.node.next_datagram();
    t.message("a/b", "1", q1, 7);
    const auto id = static_cast<sn::TopicId>(other + 1);
    t.node.expects(delivery(id, "1", q1, 1));
    t.node.sends(sn::Puback{id, 1, ReturnCode::invalid_topic_id});  // before it reads the SUBACK
    CHECK(suback == frame_of(sn::Suback{q1, id, 5, ReturnCode::accepted}));
    CHECK(t.accepts_register("a/b") == id);
    t.node.expects(delivery(id, "1", q1, 3));
    CHECK(t.node.registers("a/b") == id);
}

TEST_CASE("a refused predefined id gives way to a normal one", "[SN12-6.10-j]") {
    auto config = Talk::config();
    config.topics = {{9, "pre/nine", "*"}};
    Downlink t(config);
    t.node.sends(sn::Subscribe{.qos = q2, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 9});
    t.node.expects(sn::Suback{q2, 9, 4, ReturnCode::accepted});
    t.talk.heard();
    const Qos qos = GENERATE(q0, q1, q2);
    const sn::MsgId msg_id = qos == q0 ? 0 : 1;
    t.message("pre/nine", "1", qos, qos == q0 ? 0 : 7);
    t.node.expects(of_type(TopicIdType::predefined, delivery(9, "1", qos, msg_id)));
    t.node.sends(sn::Puback{9, msg_id, ReturnCode::invalid_topic_id});
    if (qos == q0) {
        t.node.expects_nothing();
        t.message("pre/nine", "2");
        const auto id = t.accepts_register("pre/nine");
        CHECK(id != 9);
        t.node.expects(delivery(id, "2"));
    } else {
        const auto id = t.accepts_register("pre/nine");
        CHECK(id != 9);
        t.node.expects(delivery(id, "1", qos, 3));
    }
}

TEST_CASE("a refused short name gives way to a normal id", "[SN12-6.10-i]") {
    Downlink t;
    t.subscribes("#");
    t.message("ab", "1", q1, 7);
    t.node.expects(of_type(TopicIdType::short_name, delivery(0x6162, "1", q1, 1)));
    t.node.sends(sn::Puback{0x6162, 1, ReturnCode::invalid_topic_id});
    const auto id = t.accepts_register("ab");
    t.node.expects(delivery(id, "1", q1, 3));
    t.node.sends(sn::Puback{id, 3, ReturnCode::accepted});
    t.message("ab", "2");
    t.node.expects(delivery(id, "2"));
}

TEST_CASE("a predefined or short form is kept while the message is repeated", "[SN12-6.13-a][SN12-6.7-f]") {
    auto config = Talk::config();
    config.topics = {{9, "pre/nine", "*"}};
    Downlink t(config);
    t.subscribes("#");
    SECTION("a short name that the client registers meanwhile") {
        const auto first = of_type(TopicIdType::short_name, delivery(0x6162, "1", q1, 1));
        t.message("ab", "1", q1, 7);
        t.node.expects(first);
        const auto id = t.node.registers("ab");
        t.talk.advance(10s);
        t.node.expects(again(first));
        t.node.sends(sn::Puback{0x6162, 1, ReturnCode::accepted});
        t.message("ab", "2");
        t.node.expects(delivery(id, "2"));
    }
    SECTION("a normal id of a name that the client then subscribes by its predefined id") {
        const auto id = t.node.registers("pre/nine");
        t.message("pre/nine", "1", q1, 7);
        t.node.expects(delivery(id, "1", q1, 1));
        t.node.sends(sn::Subscribe{.qos = q2, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 9});
        t.node.expects(sn::Suback{q2, 9, 4, ReturnCode::accepted});
        t.talk.advance(10s);
        t.node.expects(again(delivery(id, "1", q1, 1)));
        t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
        t.message("pre/nine", "2");
        t.node.expects(of_type(TopicIdType::predefined, delivery(9, "2")));
    }
}

TEST_CASE("a name that cannot get an id is dropped, completed at the broker and counted") {
    auto config = Talk::config();
    config.limits.topics_per_client = 1;
    Downlink t(config);
    const auto id = t.node.registers("known");
    t.subscribes("#");
    t.message("new", "1", q1, 7);
    t.message("known", "2");
    t.node.expects(delivery(id, "2"));
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});
    CHECK(t.talk.counters().topics_limit == 1);
}

}  // namespace publish_out_register_test
