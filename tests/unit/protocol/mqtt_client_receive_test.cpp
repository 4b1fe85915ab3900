// The MQTT client receives messages: nothing is acknowledged before the application says so.
#include "tests/unit/protocol/mqtt_talk.hpp"

#include <catch2/catch.hpp>

namespace mqtt_client_receive_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::Version;

namespace {

constexpr std::string_view qos1 = "32 06 0001 61 0005 78";
constexpr std::string_view qos1_again = "3A 06 0001 61 0005 78";
constexpr std::string_view qos2 = "34 06 0001 61 0005 78";
constexpr std::string_view qos2_again = "3C 06 0001 61 0005 78";
constexpr std::string_view pubrel = "62 02 0005";
const std::string puback = "40020005";
const std::string pubrec = "50020005";
const std::string pubcomp = "70020005";

}  // namespace

TEST_CASE("QoS 0 is delivered without an answer") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("30 04 0001 61 78") == "message 0 q0 a=x");
    CHECK(talk.hears("31 03 0001 61") == "message 0 q0 retain a=");
    CHECK(talk.hears("30 04 0001 61 78 30 04 0001 62 79") == "message 0 q0 a=x; message 0 q0 b=y");
    CHECK(talk.sent().empty());
}

TEST_CASE("PUBACK waits for the application") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears(qos1) == "message 5 q1 a=x");
    CHECK(talk.sent().empty());
    talk.acknowledges(5);
    CHECK(talk.sent() == puback);
    // Once is enough.
    talk.acknowledges(5);
    CHECK(talk.sent().empty());
}

TEST_CASE("messages may be acknowledged in any order and unknown ids are ignored") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("32 06 0001 61 0001 78 32 06 0001 61 0002 79") == "message 1 q1 a=x; message 2 q1 a=y");
    talk.acknowledges(2);
    CHECK(talk.sent() == "40020002");
    talk.acknowledges(3);
    talk.acknowledges(0);
    CHECK(talk.sent().empty());
    talk.acknowledges(1);
    CHECK(talk.sent() == "40020001");
}

TEST_CASE("PUBREC waits for the application and the rest of QoS 2 runs by itself") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears(qos2) == "message 5 q2 a=x");
    CHECK(talk.sent().empty());
    talk.acknowledges(5);
    CHECK(talk.sent() == pubrec);
    CHECK(talk.hears(pubrel).empty());
    CHECK(talk.sent() == pubcomp);
    // A repeated PUBREL is answered again, as is one for an id that nobody knows.
    CHECK(talk.hears(pubrel).empty());
    CHECK(talk.sent() == pubcomp);
    CHECK(talk.hears("62 02 0009").empty());
    CHECK(talk.sent() == "70020009");
}

TEST_CASE("a message repeated before its acknowledgement is delivered once") {
    for (const auto& [first, again, answer] :
         {std::tuple(qos1, qos1_again, puback), std::tuple(qos2, qos2_again, pubrec)}) {
        MqttTalk talk;
        REQUIRE(talk.connect(true, accepted) == "connected");
        CHECK_FALSE(talk.hears(first).empty());
        CHECK(talk.hears(again).empty());
        CHECK(talk.sent().empty());
        talk.acknowledges(5);
        CHECK(talk.sent() == answer);
    }
}

TEST_CASE("a QoS 2 message repeated after PUBREC gets PUBREC again and no second delivery") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE_FALSE(talk.hears(qos2).empty());
    talk.acknowledges(5);
    talk.wire.clear();
    CHECK(talk.hears(qos2_again).empty());
    CHECK(talk.sent() == pubrec);
    talk.acknowledges(5);
    CHECK(talk.sent().empty());
}

TEST_CASE("an id is new again after its exchange") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    for (int i = 0; i < 3; ++i) {
        CHECK(talk.hears(qos2) == "message 5 q2 a=x");
        talk.acknowledges(5);
        CHECK(talk.hears(pubrel).empty());
        CHECK(talk.hears(qos1) == "message 5 q1 a=x");
        talk.acknowledges(5);
        CHECK(talk.sent() == pubrec + pubcomp + puback);
    }
}

TEST_CASE("own ids and those of the broker are different spaces") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE(talk.publish(Qos::exactly_once).value() == 1);
    talk.wire.clear();
    CHECK(talk.hears("34 06 0001 61 0001 78") == "message 1 q2 a=x");
    CHECK(talk.hears("50 02 0001") == "acknowledged 1");
    CHECK(talk.sent() == "62020001");
    talk.acknowledges(1);
    CHECK(talk.sent() == "50020001");
    CHECK(talk.hears("62 02 0001").empty());
    CHECK(talk.sent() == "70020001");
    CHECK(talk.hears("70 02 0001") == "completed 1");
}

TEST_CASE("MQTT 5 messages carry their expiry") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    std::vector<mqtt::Event> events;
    const Buffer octets = hex("30 0A 0001 61 05 02 0000003C 78 30 05 0001 61 00 78");
    talk.client.receive(octets, talk.now, talk.wire, events);
    REQUIRE(events.size() == 2);
    CHECK(std::get<mqtt::MessageReceived>(events[0]).expiry_s == 60U);
    CHECK_FALSE(std::get<mqtt::MessageReceived>(events[1]).expiry_s);
}

TEST_CASE("a topic alias that was not offered or no topic at all breaks the protocol") {
    for (const auto* octets : {"30 08 0001 61 03 23 0001 78", "30 07 0000 03 23 0001 78", "30 04 0000 00 78"}) {
        MqttTalk talk(options_of(Version::v5));
        CAPTURE(octets);
        REQUIRE(talk.connect(true, accepted_5) == "connected");
        CHECK(talk.hears(octets) == broke_protocol);
    }
    MqttTalk old;
    REQUIRE(old.connect(true, accepted) == "connected");
    CHECK(old.hears("30 03 0000 78") == broke_protocol);
}

TEST_CASE("a broker that sends more than the Receive Maximum of MQTT 5 breaks the protocol") {
    auto options = options_of(Version::v5);
    options.receive_maximum = 2;
    MqttTalk talk(options);
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.hears("32 06 0001 61 0001 00") == "message 1 q1 a=");
    CHECK(talk.hears("34 06 0001 61 0002 00") == "message 2 q2 a=");
    // QoS 0 and repetitions do not count; a place is free again after PUBACK, and after PUBCOMP.
    CHECK(talk.hears("30 04 0001 61 00") == "message 0 q0 a=");
    CHECK(talk.hears("3A 06 0001 61 0001 00").empty());
    talk.acknowledges(1);
    CHECK(talk.hears("32 06 0001 61 0003 00") == "message 3 q1 a=");
    talk.acknowledges(2);
    CHECK(talk.hears("62 02 0002").empty());
    CHECK(talk.hears("32 06 0001 61 0004 00") == "message 4 q1 a=");
    CHECK(talk.hears("32 06 0001 61 0005 00") == broke_protocol);
}

TEST_CASE("PUBREC alone gives no place back") {
    auto options = options_of(Version::v5);
    options.receive_maximum = 1;
    MqttTalk talk(options);
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.hears("34 06 0001 61 0001 00") == "message 1 q2 a=");
    talk.acknowledges(1);
    CHECK(talk.hears("32 06 0001 61 0002 00") == broke_protocol);
}

TEST_CASE("a packet id of a QoS 2 message that comes back without DUP is another message") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears(qos2) == "message 5 q2 a=x");
    talk.acknowledges(5);
    CHECK(talk.sent() == pubrec);
    CHECK(talk.hears(qos2) == "message 5 q2 a=x");
    CHECK(talk.sent().empty());
}

}  // namespace mqtt_client_receive_test
