// The MQTT client resumes a session (MQTT 4.4): what is sent again, what is forgotten, what is answered.
#include "tests/unit/protocol/mqtt_talk.hpp"

#include <catch2/catch.hpp>

namespace mqtt_client_session_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::Version;

namespace {

/// Lost and connected again; returns the events.
std::string reconnects(MqttTalk& talk, bool clean_start, std::string_view connack) {
    talk.client.connection_lost();
    return talk.connect(clean_start, connack);
}

}  // namespace

TEST_CASE("unacknowledged messages are sent again with DUP and in order") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once, "a").value() == 1);
    REQUIRE(talk.publish(Qos::exactly_once, "b").value() == 2);
    REQUIRE(talk.publish(Qos::at_most_once, "n").value() == 0);
    REQUIRE(talk.publish(Qos::at_least_once, "c").value() == 3);
    REQUIRE(talk.hears("40 02 0001") == "acknowledged 1");
    for (int i = 0; i < 2; ++i) {
        CHECK(reconnects(talk, false, accepted_again) == "connected again");
        CHECK(talk.sent() == to_hex(hex("3C 06 0001 62 0002 78 3A 06 0001 63 0003 78")));
    }
    CHECK(talk.client.in_flight() == 2);
    CHECK(talk.hears("40 02 0003") == "acknowledged 3");
}

TEST_CASE("after PUBREC only PUBREL is sent again") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::exactly_once).value() == 1);
    REQUIRE(talk.hears("50 02 0001") == "acknowledged 1");
    CHECK(reconnects(talk, false, accepted_again) == "connected again");
    CHECK(talk.sent() == "62020001");
    CHECK(talk.hears("70 02 0001") == "completed 1");
    CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("a broker that lost the session gets the messages as new") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once, "a").value() == 1);
    REQUIRE(talk.publish(Qos::exactly_once, "b").value() == 2);
    REQUIRE(talk.publish(Qos::exactly_once, "c").value() == 3);
    REQUIRE(talk.hears("50 02 0002") == "acknowledged 2");
    REQUIRE(reconnects(talk, false, accepted_again) == "connected again");
    talk.wire.clear();
    // What the broker had is over: nobody will answer a PUBREL for it.
    CHECK(reconnects(talk, false, accepted) == "connected; completed 2");
    CHECK(talk.sent() == to_hex(hex("32 06 0001 61 0001 78 34 06 0001 63 0003 78")));
    CHECK(talk.client.in_flight() == 2);
}

TEST_CASE("a clean start forgets everything") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).has_value());
    REQUIRE(talk.publish(Qos::exactly_once).has_value());
    REQUIRE(talk.hears("50 02 0002") == "acknowledged 2");
    REQUIRE(talk.hears("34 06 0001 61 0005 78") == "message 5 q2 a=x");
    CHECK(reconnects(talk, true, accepted) == "connected");
    CHECK(talk.sent().empty());
    CHECK(talk.client.in_flight() == 0);
    talk.acknowledges(5);
    CHECK(talk.sent().empty());
    CHECK(talk.hears("34 06 0001 61 0005 78") == "message 5 q2 a=x");
}

TEST_CASE("with MQTT 3.1 the session is taken as present") {
    MqttTalk talk(options_of(Version::v3_1));
    REQUIRE(talk.connect(false, accepted) == "connected again");
    REQUIRE(talk.publish(Qos::at_least_once).has_value());
    CHECK(reconnects(talk, false, accepted) == "connected again");
    CHECK(talk.sent() == to_hex(hex("3A 06 0001 61 0001 78")));
    CHECK(reconnects(talk, true, accepted) == "connected");
}

TEST_CASE("a message not yet acknowledged is not delivered again when the broker repeats it") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.hears("32 06 0001 61 0005 78") == "message 5 q1 a=x");
    REQUIRE(talk.hears("34 06 0001 61 0006 78") == "message 6 q2 a=x");
    REQUIRE(reconnects(talk, false, accepted_again) == "connected again");
    CHECK(talk.hears("3A 06 0001 61 0005 78 3C 06 0001 61 0006 78").empty());
    CHECK(talk.sent().empty());
    talk.acknowledges(5);
    talk.acknowledges(6);
    CHECK(talk.sent() == "4002000550020006");
}

TEST_CASE("a message acknowledged without a connection is answered when the broker repeats it") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.hears("32 06 0001 61 0005 78") == "message 5 q1 a=x");
    REQUIRE(talk.hears("34 06 0001 61 0006 78") == "message 6 q2 a=x");
    talk.client.connection_lost();
    talk.acknowledges(5);
    talk.acknowledges(6);
    CHECK(talk.sent().empty());
    REQUIRE(talk.connect(false, accepted_again) == "connected again");
    CHECK(talk.hears("3A 06 0001 61 0005 78").empty());
    CHECK(talk.sent() == "40020005");
    CHECK(talk.hears("3C 06 0001 61 0006 78").empty());
    CHECK(talk.sent() == "50020006");
    CHECK(talk.hears("62 02 0006").empty());
    CHECK(talk.sent() == "70020006");
}

TEST_CASE("an id that comes back without DUP after such an acknowledgement is another message") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.hears("32 06 0001 61 0005 78") == "message 5 q1 a=x");
    talk.client.connection_lost();
    talk.acknowledges(5);
    REQUIRE(talk.connect(false, accepted_again) == "connected again");
    CHECK(talk.hears("32 06 0001 62 0005 79") == "message 5 q1 b=y");
    talk.acknowledges(5);
    CHECK(talk.sent() == "40020005");
}

TEST_CASE("with MQTT 3.1 an id that comes back without DUP tells that the session is forgotten") {
    MqttTalk talk(options_of(Version::v3_1));
    REQUIRE(talk.connect(false, accepted) == "connected again");
    REQUIRE(talk.hears("32 06 0001 61 0005 78") == "message 5 q1 a=x");
    REQUIRE(talk.hears("34 06 0001 61 0006 78") == "message 6 q2 a=x");
    REQUIRE(reconnects(talk, false, accepted) == "connected again");
    CHECK(talk.hears("32 06 0001 62 0005 79") == "message 5 q1 b=y forgotten");
    CHECK(talk.hears("34 06 0001 62 0006 79") == "message 6 q2 b=y");
    CHECK(talk.hears("3A 06 0001 62 0005 79").empty());
    talk.acknowledges(5);
    CHECK(talk.sent() == "40020005");
}

TEST_CASE("PUBREL of the connection before is answered") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.hears("34 06 0001 61 0006 78") == "message 6 q2 a=x");
    talk.acknowledges(6);
    REQUIRE(reconnects(talk, false, accepted_again) == "connected again");
    CHECK(talk.hears("62 02 0006").empty());
    CHECK(talk.sent() == "70020006");
    CHECK(talk.hears("34 06 0001 61 0006 79") == "message 6 q2 a=y");
}

TEST_CASE("ids received in a session that the broker lost are forgotten") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.hears("32 06 0001 61 0005 78") == "message 5 q1 a=x");
    REQUIRE(reconnects(talk, false, accepted) == "connected");
    talk.acknowledges(5);
    CHECK(talk.sent().empty());
    CHECK(talk.hears("32 06 0001 62 0005 79") == "message 5 q1 b=y");
}

TEST_CASE("a smaller Receive Maximum makes the rest of the messages wait") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(false, accepted_5) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once, "a").value() == 1);
    REQUIRE(talk.publish(Qos::exactly_once, "b").value() == 2);
    REQUIRE(talk.publish(Qos::at_least_once, "c").value() == 3);
    CHECK(reconnects(talk, false, "20 06 01 00 03 210001") == "connected again");
    CHECK(talk.sent() == to_hex(hex("3A 07 0001 61 0001 00 78")));
    CHECK(talk.publish(Qos::at_least_once).error() == mqtt::ClientError::in_flight_full);
    CHECK(talk.hears("40 02 0001") == "acknowledged 1");
    CHECK(talk.sent() == to_hex(hex("3C 07 0001 62 0002 00 78")));
    CHECK(talk.hears("50 02 0002") == "acknowledged 2");
    CHECK(talk.sent() == "62020002");
    CHECK(talk.hears("70 02 0002") == "completed 2");
    CHECK(talk.sent() == to_hex(hex("3A 07 0001 63 0003 00 78")));
    CHECK(talk.hears("40 02 0003") == "acknowledged 3");
    CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("a refused connection keeps the session for the next one") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);
    CHECK(reconnects(talk, false, "20 02 00 03") == "refused 88");
    CHECK(talk.client.in_flight() == 1);
    CHECK(talk.connect(false, accepted_again) == "connected again");
    CHECK(talk.sent() == to_hex(hex("3A 06 0001 61 0001 78")));
}

TEST_CASE("ids of messages that wait are not given to new ones") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);
    REQUIRE(reconnects(talk, false, accepted_again) == "connected again");
    CHECK(talk.publish(Qos::at_least_once).value() == 2);
    CHECK(talk.client.in_flight() == 2);
}

TEST_CASE("a message over the broker's new Maximum Packet Size is given up instead of sent again") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(false, accepted_5) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once, "a", "long").value() == 1);
    REQUIRE(talk.publish(Qos::at_least_once, "a", "x").value() == 2);
    REQUIRE(talk.publish(Qos::exactly_once, "a", "longer").value() == 3);
    REQUIRE(talk.hears("50 02 0003") == "acknowledged 3");
    // Maximum Packet Size 11; what has its PUBREC is no longer large.
    CHECK(reconnects(talk, false, "20 08 01 00 05 270000000B") == "connected again; acknowledged 1 95");
    CHECK(talk.sent() == to_hex(hex("3A 07 0001 61 0002 00 78 62 02 0003")));
    CHECK(talk.client.in_flight() == 2);
}

TEST_CASE("the Receive Maximum counts what this connection brought, not what an earlier one left") {
    auto options = options_of(Version::v5);
    options.receive_maximum = 1;
    MqttTalk talk(options);
    REQUIRE(talk.connect(false, accepted_5) == "connected");
    REQUIRE(talk.hears("32 06 0001 61 0001 00") == "message 1 q1 a=");
    REQUIRE(reconnects(talk, false, "20 03 01 00 00") == "connected again");
    CHECK(talk.hears("32 06 0001 61 0002 00") == "message 2 q1 a=");
    talk.acknowledges(2);
    CHECK(talk.hears("3A 06 0001 61 0001 00").empty());  // the application still has it
    CHECK(talk.hears("32 06 0001 61 0003 00") == broke_protocol);
}

}  // namespace mqtt_client_session_test
