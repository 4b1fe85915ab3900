// SN 6.9: SUBSCRIBE and UNSUBSCRIBE.
#include "tests/support/talk.hpp"

namespace subscribe_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Subscribe by_name(std::string_view filter, sn::MsgId msg_id = 5, Qos qos = Qos::at_most_once) {
    return {.qos = qos, .msg_id = msg_id, .topic_name = filter};
}

struct Connected {
    explicit Connected(gateway::Config config = Talk::config()) : talk(std::move(config)) {
        node.connects("c1");
        talk.heard();
    }
    Talk talk;
    Device node = talk.device(1);
};

}  // namespace

TEST_CASE("SUBACK carries the granted QoS and the id of a plain name", "[SN12-6.9-b][SN12-6-l]") {
    Connected t;
    t.talk.suback = 1;
    t.node.sends(by_name("a/b", 5, Qos::exactly_once));
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q2 a/b"});
    const auto reply = std::get<sn::Suback>(t.node.next());
    CHECK(reply.qos == Qos::at_least_once);
    CHECK(reply.msg_id == 5);
    CHECK(reply.code == ReturnCode::accepted);
    CHECK_FALSE(sn::is_reserved(reply.topic_id));
    t.talk.broker_publishes("c1", "a/b", "x");
    t.node.expects(sn::Publish{.topic_id = reply.topic_id, .data = as_bytes("x")});
}

TEST_CASE("SUBACK follows the broker's, and deliveries wait for it", "[SN12-6.9-f][SN12-6.9-c]") {
    Connected t;
    t.talk.hold = {PacketType::subscribe};
    t.node.sends(by_name("a/b"));
    t.talk.broker_publishes("c1", "a/b", "early");
    t.node.expects_nothing();
    t.talk.broker_sends("c1", mqtt::Suback{t.talk.last_id("c1"), {0}, {}});
    const auto id = std::get<sn::Suback>(t.node.next()).topic_id;
    t.node.expects(sn::Publish{.topic_id = id, .data = as_bytes("early")});
}

TEST_CASE("a refused subscription gets no id", "[SN12-6.9-c][SN12-6.9-h][SN12-5.3.10-c]") {
    auto config = Talk::config();
    config.broker.client.version = mqtt::Version::v5;
    Connected t(config);
    const auto [reason, code] = GENERATE(table<int, ReturnCode>({{0x97, ReturnCode::congestion},
                                                                 {0x80, ReturnCode::not_supported},
                                                                 {0x83, ReturnCode::not_supported},
                                                                 {0x87, ReturnCode::not_supported},
                                                                 {0x8F, ReturnCode::not_supported},
                                                                 {0x9E, ReturnCode::not_supported},
                                                                 {0xA1, ReturnCode::not_supported},
                                                                 {0xA2, ReturnCode::not_supported}}));
    t.talk.suback = static_cast<mqtt::ReasonCode>(reason);
    t.node.sends(by_name("a/b"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, code});
    CHECK(t.node.registers("a/b") == 1);  // the first id: none was used
}

TEST_CASE("a refusal by an MQTT 3.1.1 broker is not supported", "[SN12-6.9-h][SN12-5.3.10-c]") {
    Connected t;
    t.talk.suback = 0x80;
    t.node.sends(by_name("a/b"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::not_supported});
}

TEST_CASE("a wildcard SUBACK carries id 0, topics announce themselves once", "[SN12-6.9-a][SN12-6.10-c]") {
    Connected t;
    const std::string filter = GENERATE(as<std::string>{}, "a/#", "+/b", "#");
    t.node.sends(by_name(filter));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::accepted});
    t.talk.broker_publishes("c1", "a/b", "1");
    const auto reg = std::get<sn::Register>(t.node.next());
    CHECK(reg.topic_name == "a/b");
    CHECK_FALSE(sn::is_reserved(reg.topic_id));
    const auto id = reg.topic_id;
    t.node.sends(sn::Regack{id, reg.msg_id, ReturnCode::accepted});
    t.node.expects(sn::Publish{.topic_id = id, .data = as_bytes("1")});
    t.talk.broker_publishes("c1", "a/b", "2");
    t.node.expects(sn::Publish{.topic_id = id, .data = as_bytes("2")});
}

TEST_CASE("a topic of the broker that the gateway itself would not send reaches the device", "[SN12-5.3.12-a]") {
    Connected t;
    t.node.sends(by_name("#"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::accepted});
    t.talk.broker_publishes("c1", "a/\x01", "1");
    const auto reg = std::get<sn::Register>(t.node.next());
    CHECK(reg.topic_name == "a/\x01");
    t.node.sends(sn::Regack{reg.topic_id, reg.msg_id, ReturnCode::accepted});
    t.node.expects(sn::Publish{.topic_id = reg.topic_id, .data = as_bytes("1")});
}

TEST_CASE("SUBACK echoes predefined ids, says 0 for short names, and leaves the other flags 0",
          "[SN12-6.9-d][SN12-5.3.4-b]") {
    auto config = Talk::config();
    config.topics = {{3, "p", "*"}};
    Connected t(config);
    t.node.sends(hex("07 12 21 00 04 00 03"));
    CHECK(to_hex(t.node.next_datagram()) == "0813200003000400");
    t.node.sends(hex("07 12 42 00 04 61 62"));
    CHECK(to_hex(t.node.next_datagram()) == "0813400000000400");
}

TEST_CASE("subscribing again replaces the QoS and keeps the id", "[SN12-6.9-e]") {
    Connected t;
    const auto id = t.node.subscribes("a/b", Qos::at_most_once);
    CHECK(t.node.subscribes("a/b", Qos::exactly_once) == id);
    // The broker sees both, so it sends retained messages again.
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 a/b", "c1: SUBSCRIBE q2 a/b"});
}

TEST_CASE("a repeated SUBSCRIBE or UNSUBSCRIBE is forwarded once while pending", "[SN12-6.9-g]") {
    Connected t;
    t.talk.hold = {PacketType::subscribe, PacketType::unsubscribe};
    t.node.sends(by_name("a/b", 5));
    t.node.sends(by_name("a/b", 5));
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 a/b"});
    t.talk.broker_sends("c1", mqtt::Suback{t.talk.last_id("c1"), {0}, {}});
    CHECK(std::get<sn::Suback>(t.node.next()).msg_id == 5);
    t.node.sends(sn::Unsubscribe{.msg_id = 6, .topic_name = "a/b"});
    t.node.sends(sn::Unsubscribe{.msg_id = 6, .topic_name = "a/b"});
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE a/b"});
    t.talk.broker_sends("c1", mqtt::Unsuback{t.talk.last_id("c1"), {}, {}});
    t.node.expects(sn::Unsuback{6});
    // Repeated after the answer: executed again.
    t.talk.hold = {};
    t.node.sends(by_name("a/b", 5));
    CHECK(std::get<sn::Suback>(t.node.next()).code == ReturnCode::accepted);
    CHECK(t.talk.heard().size() == 1);
}

TEST_CASE("lack of resources is congestion", "[SN12-6.9-h]") {
    auto config = Talk::config();
    config.limits.subscriptions_per_client = 1;
    Connected t(config);
    t.node.subscribes("a/#", Qos::at_most_once);
    t.node.sends(by_name("b/#"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    CHECK(t.talk.counters().subscriptions_limit == 1);
    t.node.subscribes("a/#", Qos::at_least_once);  // replacing is no new one
}

TEST_CASE("SUBSCRIBE while the broker is away is congestion, UNSUBSCRIBE waits", "[SN12-6.9-h][SN12-6.12-e]") {
    Connected t;
    t.node.subscribes("a/#", Qos::at_most_once);
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.node.sends(by_name("b/#"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    t.node.sends(sn::Unsubscribe{.msg_id = 6, .topic_name = "a/#"});
    t.node.expects_nothing();
    t.talk.reachable = Talk::Reachable::yes;
    t.talk.advance(5s);
    t.node.expects(sn::Unsuback{6});
}

TEST_CASE("several pending requests are answered each with its MsgId", "[SN12-6.9-i]") {
    Connected t;
    t.talk.hold = {PacketType::subscribe, PacketType::unsubscribe};
    t.node.sends(by_name("a/#", 1));
    const auto first = t.talk.last_id("c1");
    t.node.sends(by_name("b/#", 2));
    const auto second = t.talk.last_id("c1");
    t.node.sends(sn::Unsubscribe{.msg_id = 3, .topic_name = "c/#"});
    t.talk.broker_sends("c1", mqtt::Unsuback{t.talk.last_id("c1"), {}, {}});
    t.node.expects(sn::Unsuback{3});
    t.talk.broker_sends("c1", mqtt::Suback{second, {0}, {}});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 2, ReturnCode::accepted});
    t.talk.broker_sends("c1", mqtt::Suback{first, {0}, {}});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 1, ReturnCode::accepted});
}

TEST_CASE("UNSUBACK follows the broker's, then nothing more is delivered", "[SN12-6.9-j][SN12-6-m]") {
    auto config = Talk::config();
    config.topics = {{3, "p/three", "*"}};
    Connected t(config);
    const auto [packet, filter] = GENERATE(table<sn::Unsubscribe, std::string>(
        {{sn::Unsubscribe{.msg_id = 9, .topic_name = "a/b"}, "a/b"},
         {sn::Unsubscribe{.type = TopicIdType::predefined, .msg_id = 9, .topic_id = 3}, "p/three"},
         {sn::Unsubscribe{.type = TopicIdType::short_name, .msg_id = 9, .topic_id = 0x6162}, "ab"}}));
    t.node.subscribes(filter, Qos::at_most_once);
    t.talk.heard();
    t.talk.hold = {PacketType::unsubscribe};
    t.node.sends(packet);
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE " + filter});
    t.talk.broker_sends("c1", mqtt::Unsuback{t.talk.last_id("c1"), {}, {}});
    t.node.expects(sn::Unsuback{9});
}

TEST_CASE("a delivery in transmission ends as it began, those behind it go", "[SN12-6.9-j][SN12-6.9-k]") {
    Connected t;
    const auto id = t.node.subscribes("a/b", Qos::at_least_once);
    t.talk.broker_publishes("c1", "a/b", "1", Qos::at_least_once, 1);
    t.talk.broker_publishes("c1", "a/b", "2", Qos::at_least_once, 2);
    t.node.expects(sn::Publish{.qos = Qos::at_least_once, .topic_id = id, .msg_id = 1, .data = as_bytes("1")});
    t.node.sends(sn::Unsubscribe{.msg_id = 9, .topic_name = "a/b"});
    t.node.expects(sn::Unsuback{9});
    t.talk.heard();
    t.node.sends(sn::Puback{id, 1, ReturnCode::accepted});
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: PUBACK"});  // the second was completed when it was cancelled
}

TEST_CASE("unsubscribing a wildcard cancels what no other subscription covers", "[SN12-6.9-k]") {
    Connected t;
    t.node.subscribes("a/#", Qos::at_least_once);
    t.node.subscribes("a/keep", Qos::at_least_once);
    t.talk.broker_publishes("c1", "a/one", "1", Qos::at_least_once, 1);
    const auto reg = std::get<sn::Register>(t.node.next());
    t.talk.broker_publishes("c1", "a/two", "2", Qos::at_least_once, 2);
    t.talk.broker_publishes("c1", "a/keep", "3", Qos::at_least_once, 3);
    t.talk.heard();
    t.node.sends(sn::Regack{reg.topic_id, reg.msg_id, ReturnCode::not_supported});  // a/one is suppressed now
    t.node.sends(sn::Unsubscribe{.msg_id = 9, .topic_name = "a/#"});
    // Only announced by now: no PUBLISH of it is in transmission.
    const auto second = t.node.next();
    const auto two = std::get<sn::Register>(second);
    CHECK(two.topic_name == "a/two");
    t.node.expects(sn::Unsuback{9});
    CHECK(as_text(std::get<sn::Publish>(t.node.next()).data) == "3");
    t.node.sends(sn::Regack{two.topic_id, two.msg_id, ReturnCode::accepted});
    t.node.expects_nothing();
    CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: UNSUBSCRIBE a/#", "c1: PUBACK"});
    t.node.sends(sn::Puback{t.node.registers("a/keep"), 3, ReturnCode::accepted});
    // The suppression of a/one went with the wildcard.
    t.talk.broker_publishes("c1", "a/one", "4");
    CHECK(std::get<sn::Register>(t.node.next()).topic_name == "a/one");
}

TEST_CASE("short names with wildcard characters are filters if MQTT allows them", "[SN12-6.9-l]") {
    Connected t;
    t.node.sends(sn::Subscribe{.type = TopicIdType::short_name, .msg_id = 4, .topic_id = 0x2F23});  // /#
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 4, ReturnCode::accepted});
    t.node.sends(sn::Subscribe{.type = TopicIdType::short_name, .msg_id = 4, .topic_id = 0x2B2F});  // +/
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 4, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 /#", "c1: SUBSCRIBE q0 +/"});
    t.node.sends(sn::Subscribe{.type = TopicIdType::short_name, .msg_id = 4, .topic_id = 0x6123});  // a#
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 4, ReturnCode::not_supported});
}

TEST_CASE("unusable SUBSCRIBEs are refused and never reach the broker", "[SN12-5.4.15-b][SN12-5.3.12-a]") {
    Connected t;
    SECTION("by name") {
        const std::string filter =
            GENERATE(as<std::string>{}, "", "a/#/b", "a#", "a+/b", "\xFF", std::string("a\0", 2));
        t.node.sends(by_name(filter));
    }
    SECTION("QoS bits 11") {
        t.node.sends(hex("08 12 60 00 05 61 2F 62"));
    }
    SECTION("reserved type") {
        t.node.sends(hex("08 12 03 00 05 61 2F 62"));
    }
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::not_supported});
    CHECK(t.talk.heard().empty());
}

TEST_CASE("UNSUBSCRIBE is always answered", "[SN12-5.4.17-b]") {
    Connected t;
    SECTION("unknown predefined id") {
        t.node.sends(sn::Unsubscribe{.type = TopicIdType::predefined, .msg_id = 9, .topic_id = 77});
    }
    SECTION("reserved type") {
        t.node.sends(hex("08 14 03 00 09 61 2F 62"));
    }
    SECTION("nothing subscribed") {
        t.node.sends(sn::Unsubscribe{.msg_id = 9, .topic_name = "never"});
    }
    SECTION("unusable filter") {
        t.node.sends(sn::Unsubscribe{.msg_id = 9, .topic_name = "a#"});
    }
    t.node.expects(sn::Unsuback{9});
}

TEST_CASE("shared subscriptions pass as they are", "[SN12-6-l]") {
    Connected t;
    t.node.sends(by_name("$share/g/a/#"));
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::accepted});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 $share/g/a/#"});
}

}  // namespace subscribe_test
