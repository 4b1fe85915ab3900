// The MQTT client keeps the connection alive (MQTT 3.1.2.10), in virtual time.
#include "tests/unit/protocol/mqtt_talk.hpp"

#include <catch2/catch.hpp>

namespace mqtt_client_keep_alive_test {

using namespace mqttsn;
using namespace mqttsn::test;

namespace {

mqtt::ClientOptions keep_alive_of(std::uint16_t seconds, mqtt::Version version = mqtt::Version::v3_1_1) {
    auto options = options_of(version);
    options.keep_alive_s = seconds;
    return options;
}

}  // namespace

TEST_CASE("PINGREQ goes out a keep-alive after the last packet") {
    MqttTalk talk(keep_alive_of(60));
    REQUIRE(talk.connect(true, accepted) == "connected");
    const TimePoint start = talk.now;
    CHECK(talk.client.next_timeout() == start + 60s);

    std::vector<mqtt::Event> events;
    talk.client.timeout(start + 59s, talk.wire, events);
    CHECK(talk.sent().empty());

    CHECK(talk.waits().empty());
    CHECK(talk.now == start + 60s);
    CHECK(talk.sent() == "c000");
    CHECK(talk.hears("D0 00").empty());
    CHECK(talk.client.next_timeout() == start + 120s);
}

TEST_CASE("what both sides send puts the next PINGREQ off") {
    MqttTalk talk(keep_alive_of(60));
    REQUIRE(talk.connect(true, accepted) == "connected");
    talk.now += 40s;
    REQUIRE(talk.publish(Qos::at_least_once).has_value());
    CHECK(talk.client.next_timeout() == TimePoint(1060s));
    CHECK(talk.hears("40 02 0001") == "acknowledged 1");
    CHECK(talk.client.next_timeout() == TimePoint(1100s));
}

TEST_CASE("a broker that is silent is pinged even if the client sends all the time") {
    MqttTalk talk(keep_alive_of(60));
    REQUIRE(talk.connect(true, accepted) == "connected");
    for (int i = 0; i < 5; ++i) {
        talk.now += 10s;
        REQUIRE(talk.publish(Qos::at_most_once).has_value());
    }
    talk.wire.clear();
    CHECK(talk.waits().empty());
    CHECK(talk.now == TimePoint(1060s));
    CHECK(talk.sent() == "c000");
}

TEST_CASE("a PINGREQ without answer ends the connection after half a keep-alive") {
    MqttTalk talk(keep_alive_of(60));
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.waits().empty());
    CHECK(talk.client.next_timeout() == TimePoint(1090s));
    CHECK(talk.waits() == "ended: the broker did not answer a ping");
    CHECK_FALSE(talk.client.is_connected());
    CHECK_FALSE(talk.client.next_timeout());
}

TEST_CASE("the answer to a PINGREQ has one second at least") {
    MqttTalk talk(keep_alive_of(1));
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.waits().empty());
    CHECK(talk.client.next_timeout() == talk.now + 1s);
}

TEST_CASE("a PINGREQ of the connection before is not waited for") {
    MqttTalk talk(keep_alive_of(60));
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.waits().empty());
    talk.client.connection_lost();
    CHECK_FALSE(talk.client.next_timeout());
    talk.now += 10s;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.client.next_timeout() == talk.now + 60s);
}

TEST_CASE("a keep-alive of 0 means no pings") {
    MqttTalk talk(keep_alive_of(0));
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK_FALSE(talk.client.next_timeout());
    std::vector<mqtt::Event> events;
    talk.client.timeout(talk.now + 24h, talk.wire, events);
    CHECK(events.empty());
    CHECK(talk.sent().empty());
}

TEST_CASE("the Server Keep Alive of the broker wins until the next connection") {
    MqttTalk talk(keep_alive_of(60, mqtt::Version::v5));
    REQUIRE(talk.connect(true, "20 06 00 00 03 13000A") == "connected");
    CHECK(talk.client.next_timeout() == talk.now + 10s);
    talk.client.connection_lost();
    REQUIRE(talk.connect(true, "20 06 00 00 03 130000") == "connected");
    CHECK_FALSE(talk.client.next_timeout());
    talk.client.connection_lost();
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.client.next_timeout() == talk.now + 60s);
}

}  // namespace mqtt_client_keep_alive_test
