// SN 6.5, 6.7, 7.3: topic ids.
#include "tests/support/talk.hpp"

namespace register_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Publish publish(TopicIdType type, sn::TopicId id, Qos qos = Qos::at_most_once, sn::MsgId msg_id = 0) {
    return {.qos = qos, .type = type, .topic_id = id, .msg_id = msg_id, .data = as_bytes("x")};
}

gateway::Config with_predefined() {
    auto config = Talk::config();
    config.topics = {{1, "predef/one", "*"}, {2, "predef/two", "*"}, {2, "own/two", "c1"}};
    return config;
}

}  // namespace

TEST_CASE("topic ids belong to one client", "[SN12-7.3-a][SN12-6.6-a]") {
    Talk talk;
    const auto one = talk.device(1);
    const auto two = talk.device(2);
    one.connects("c1");
    two.connects("c2");
    const auto id_one = one.registers("a/one");
    const auto id_two = two.registers("a/two");
    CHECK(id_one == id_two);
    talk.heard();
    one.sends(publish(TopicIdType::normal, id_one));
    two.sends(publish(TopicIdType::normal, id_two));
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/one x", "c2: PUBLISH q0 a/two x"});
    one.registers("a/more");
    two.sends(publish(TopicIdType::normal, 2));
    two.expects(sn::Puback{2, 0, ReturnCode::invalid_topic_id});
}

TEST_CASE("REGISTER is answered with an id, whatever its TopicId says", "[SN12-6.5-a][SN12-6.5-b][SN12-6-e]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    node.sends(sn::Register{0x1234, 7, "a/b"});
    const auto reply = std::get<sn::Regack>(node.next());
    CHECK(reply.msg_id == 7);
    CHECK(reply.code == ReturnCode::accepted);
    CHECK_FALSE(sn::is_reserved(reply.topic_id));
    for (int i = 0; i < 3; ++i)
        CHECK(node.registers("a/b") == reply.topic_id);
    CHECK(node.registers("a/c") != reply.topic_id);
    CHECK(talk.heard().empty());
}

TEST_CASE("REGISTER, SUBACK and gateway REGISTER agree on one id", "[SN12-6.5-c][SN12-6.5-h]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    SECTION("first by REGISTER") {
        const auto id = node.registers("a/b");
        CHECK(node.subscribes("a/b", Qos::at_most_once) == id);
        talk.broker_publishes("c1", "a/b", "x");
        node.expects(publish(TopicIdType::normal, id));
    }
    SECTION("first by SUBSCRIBE; UNSUBSCRIBE keeps it") {
        const auto id = node.subscribes("a/b", Qos::at_most_once);
        node.sends(sn::Unsubscribe{TopicIdType::normal, 9, 0, "a/b"});
        node.expects(sn::Unsuback{9});
        CHECK(node.registers("a/b") == id);
        talk.heard();
        node.sends(publish(TopicIdType::normal, id));
        CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
    }
    SECTION("first by the gateway") {
        node.subscribes("a/#", Qos::at_most_once);
        talk.broker_publishes("c1", "a/b", "x");
        const auto reg = std::get<sn::Register>(node.next());
        node.sends(sn::Regack{reg.topic_id, reg.msg_id, ReturnCode::accepted});
        node.expects(publish(TopicIdType::normal, reg.topic_id));
        CHECK(node.registers("a/b") == reg.topic_id);
    }
}

TEST_CASE("topic ids go on after a clean CONNECT: a late REGISTER of the session before renames none",
          "[SN12-6.3-d][SN12-6.5-e]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    const auto before = node.registers("a/b");
    node.connects("c1");
    CHECK(node.registers("c/d") == before + 1);
}

TEST_CASE("a full registry answers congestion and gives no id away", "[SN12-6.5-d][SN12-5.3.10-c]") {
    auto config = Talk::config();
    config.limits.topics_per_client = 2;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1");
    const auto id = node.registers("one");
    node.registers("two");
    node.sends(sn::Register{0, 5, "three"});
    node.expects(sn::Regack{0, 5, ReturnCode::congestion});
    node.sends(sn::Subscribe{.msg_id = 6, .topic_name = "three"});
    node.expects(sn::Suback{Qos::at_most_once, 0, 6, ReturnCode::congestion});
    node.subscribes("#", Qos::at_most_once);  // a wildcard needs no id
    CHECK(node.registers("one") == id);
}

TEST_CASE("the gateway recycles its own ids, always by a REGISTER first", "[SN12-6.5-e]") {
    auto config = Talk::config();
    config.limits.topics_per_client = 1;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1");
    node.subscribes("#", Qos::at_most_once);
    sn::TopicId last = 0;
    for (const auto* topic : {"one", "two", "one"}) {
        talk.broker_publishes("c1", topic, "x");
        const auto reg = std::get<sn::Register>(node.next());
        CHECK(reg.topic_name == topic);
        CHECK(reg.topic_id > last);
        last = reg.topic_id;
        node.sends(sn::Regack{last, reg.msg_id, ReturnCode::accepted});
        node.expects(publish(TopicIdType::normal, last));
    }
}

TEST_CASE("several REGISTERs at once are all answered", "[SN12-6.5-f]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    node.sends(sn::Register{0, 1, "a"});
    node.sends(sn::Register{0, 2, "b"});
    CHECK(std::get<sn::Regack>(node.next()).msg_id == 1);
    CHECK(std::get<sn::Regack>(node.next()).msg_id == 2);
}

TEST_CASE("both sides registering a name at once end with one id", "[SN12-6.5-g]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    node.subscribes("#", Qos::at_most_once);
    talk.broker_publishes("c1", "a/b", "x");
    const auto reg = std::get<sn::Register>(node.next());
    const auto id = reg.topic_id;
    const auto msg_id = reg.msg_id;
    CHECK(node.registers("a/b") == id);
    node.sends(sn::Regack{id, msg_id, ReturnCode::accepted});
    node.expects(publish(TopicIdType::normal, id));
}

TEST_CASE("PUBLISH with an unknown id is refused, and works after REGISTER",
          "[SN12-6.6-b][SN12-6.6-c][SN12-5.3.11-b]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
    const auto id = GENERATE(sn::TopicId{77}, sn::TopicId{0x0000}, sn::TopicId{0xFFFF});
    const sn::MsgId msg_id = qos == Qos::at_most_once ? 0 : 3;
    node.sends(publish(TopicIdType::normal, id, qos, msg_id));
    node.expects(sn::Puback{id, msg_id, ReturnCode::invalid_topic_id});
    CHECK(talk.heard().empty());
    node.sends(publish(TopicIdType::normal, node.registers("a/b")));
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 a/b x"});
}

TEST_CASE("predefined ids need no REGISTER, in both directions", "[SN12-6.7-a][SN12-6.7-e][SN12-6.9-d]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    const auto other = talk.device(2);
    node.connects("c1");
    other.connects("c2");
    talk.heard();
    node.sends(publish(TopicIdType::predefined, 1));
    node.sends(publish(TopicIdType::predefined, 2));
    other.sends(publish(TopicIdType::predefined, 2));
    CHECK(talk.heard() ==
          Lines{"c1: PUBLISH q0 predef/one x", "c1: PUBLISH q0 own/two x", "c2: PUBLISH q0 predef/two x"});

    node.sends(sn::Subscribe{.qos = Qos::at_least_once, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 1});
    node.expects(sn::Suback{Qos::at_least_once, 1, 4, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: SUBSCRIBE q1 predef/one"});
    talk.broker_publishes("c1", "predef/one", "x");
    node.expects(publish(TopicIdType::predefined, 1));
    node.sends(sn::Unsubscribe{TopicIdType::predefined, 5, 1, {}});
    node.expects(sn::Unsuback{5});
    CHECK(talk.heard() == Lines{"c1: UNSUBSCRIBE predef/one"});
}

TEST_CASE("the type decides the table, and normal ids avoid predefined numbers", "[SN12-6.7-b]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    node.connects("c1");
    const auto id = node.registers("a/b");
    CHECK(id > 2);
    node.sends(publish(TopicIdType::normal, 1));
    node.expects(sn::Puback{1, 0, ReturnCode::invalid_topic_id});
    node.sends(publish(TopicIdType::predefined, id));
    node.expects(sn::Puback{id, 0, ReturnCode::invalid_topic_id});
}

TEST_CASE("unknown predefined ids are refused", "[SN12-6.7-c][SN12-5.3.11-b]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    node.sends(publish(TopicIdType::predefined, 9, Qos::at_least_once, 3));
    node.expects(sn::Puback{9, 3, ReturnCode::invalid_topic_id});
    node.sends(publish(TopicIdType::predefined, 0xFFFF));
    node.expects(sn::Puback{0xFFFF, 0, ReturnCode::invalid_topic_id});
    node.sends(publish(TopicIdType::predefined, 9, Qos::minus_one));
    node.sends(sn::Subscribe{.type = TopicIdType::predefined, .msg_id = 4, .topic_id = 9});
    node.expects(sn::Suback{Qos::at_most_once, 9, 4, ReturnCode::invalid_topic_id});
    CHECK(talk.heard().empty());
}

TEST_CASE("a predefined topic is no subscription", "[SN12-6.7-d]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    node.connects("c1");
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean"});  // nothing is subscribed on the client's behalf
    node.expects_nothing();
}

TEST_CASE("a predefined name can also be registered", "[SN12-6.7-e]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    node.connects("c1");
    const auto id = node.registers("predef/one");
    CHECK(id != 1);
    talk.heard();
    node.sends(publish(TopicIdType::normal, id));
    node.sends(publish(TopicIdType::predefined, 1));
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 predef/one x", "c1: PUBLISH q0 predef/one x"});
}

TEST_CASE("a delivery takes the first id form that applies", "[SN12-6.7-f][SN12-6.10-m]") {
    Talk talk(with_predefined());
    const auto node = talk.device(1);
    node.connects("c1");
    SECTION("the predefined id, if subscribed through it, before a normal one") {
        node.registers("predef/one");
        node.sends(sn::Subscribe{.type = TopicIdType::predefined, .msg_id = 4, .topic_id = 1});
        node.expects(sn::Suback{Qos::at_most_once, 1, 4, ReturnCode::accepted});
        talk.broker_publishes("c1", "predef/one", "x");
        node.expects(publish(TopicIdType::predefined, 1));
    }
    SECTION("a normal id, if subscribed by name") {
        const auto id = node.subscribes("predef/one", Qos::at_most_once);
        talk.broker_publishes("c1", "predef/one", "x");
        node.expects(publish(TopicIdType::normal, id));
    }
    SECTION("a normal id before the short name") {
        const auto id = node.registers("ab");
        node.subscribes("#", Qos::at_most_once);
        talk.broker_publishes("c1", "ab", "x");
        node.expects(publish(TopicIdType::normal, id));
    }
    SECTION("the short name before REGISTER") {
        node.subscribes("#", Qos::at_most_once);
        talk.broker_publishes("c1", "ab", "x");
        node.expects(publish(TopicIdType::short_name, 0x6162));
    }
    SECTION("REGISTER at last") {
        node.subscribes("#", Qos::at_most_once);
        talk.broker_publishes("c1", "a", "x");
        const auto reg = std::get<sn::Register>(node.next());
        CHECK(reg.topic_name == "a");
    }
}

TEST_CASE("short names are two octets in the TopicId field", "[SN12-6.7-g][SN12-6.7-h]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    node.sends(publish(TopicIdType::short_name, 0x6162));
    node.sends(publish(TopicIdType::short_name, 0xC3A4));
    CHECK(talk.heard() == Lines{"c1: PUBLISH q0 ab x", "c1: PUBLISH q0 \xC3\xA4 x"});
    node.sends(
        sn::Subscribe{.qos = Qos::at_least_once, .type = TopicIdType::short_name, .msg_id = 4, .topic_id = 0x6162});
    node.expects(sn::Suback{Qos::at_least_once, 0, 4, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: SUBSCRIBE q1 ab"});
    talk.broker_publishes("c1", "ab", "x");
    node.expects(publish(TopicIdType::short_name, 0x6162));
    node.subscribes("#", Qos::at_most_once);
    talk.broker_publishes("c1", "\xC3\xA4", "x");
    node.expects(publish(TopicIdType::short_name, 0xC3A4));
    talk.broker_publishes("c1", "abc", "x");
    CHECK(std::get<sn::Register>(node.next()).topic_name == "abc");
}

}  // namespace register_test
