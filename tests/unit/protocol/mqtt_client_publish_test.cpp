// The MQTT client publishes and subscribes: quality of service, packet ids, limits of the broker.
#include "tests/unit/protocol/mqtt_talk.hpp"

#include <catch2/catch.hpp>

namespace mqtt_client_publish_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::ClientError;
using mqtt::ClientOptions;
using mqtt::Version;

namespace {

constexpr std::size_t all_packet_ids = 65535;

Result<mqtt::PacketId> subscribe(MqttTalk& talk, std::string_view filter, Qos qos = Qos::at_most_once) {
    return talk.client.subscribe(filter, qos, talk.now, talk.wire);
}

Result<mqtt::PacketId> unsubscribe(MqttTalk& talk, std::string_view filter) {
    return talk.client.unsubscribe(filter, talk.now, talk.wire);
}

/// A client of MQTT 5 whose broker sent these properties in CONNACK.
MqttTalk with_broker(std::string_view properties, ClientOptions options = options_of(Version::v5)) {
    MqttTalk talk(options);
    const auto size = hex(properties).size();
    const auto connack = to_hex(Buffer{std::byte{0x20}, static_cast<std::byte>(size + 3), std::byte{}, std::byte{},
                                       static_cast<std::byte>(size)}) +
                         std::string(properties);
    REQUIRE(talk.connect(true, connack) == "connected");
    return talk;
}

}  // namespace

TEST_CASE("QoS 0 is sent without id and forgotten") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.publish(Qos::at_most_once).value() == 0);
    CHECK(talk.sent() == to_hex(hex("30 04 0001 61 78")));
    CHECK(talk.client.in_flight() == 0);
    CHECK(talk.client.publish({"a", {}, Qos::at_most_once, true}, talk.now, talk.wire).value() == 0);
    CHECK(talk.sent() == to_hex(hex("31 03 0001 61")));
}

TEST_CASE("QoS 1 is over with PUBACK") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.publish(Qos::at_least_once).value() == 1);
    CHECK(talk.sent() == to_hex(hex("32 06 0001 61 0001 78")));
    CHECK(talk.client.in_flight() == 1);
    CHECK(talk.hears("40 02 0001") == "acknowledged 1");
    CHECK(talk.client.in_flight() == 0);
    CHECK(talk.sent().empty());
    // A second one means nothing.
    CHECK(talk.hears("40 02 0001").empty());
}

TEST_CASE("QoS 2 is acknowledged with PUBREC and over with PUBCOMP") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.publish(Qos::exactly_once).value() == 1);
    CHECK(talk.sent() == to_hex(hex("34 06 0001 61 0001 78")));
    CHECK(talk.hears("50 02 0001") == "acknowledged 1");
    CHECK(talk.sent() == to_hex(hex("62 02 0001")));
    CHECK(talk.client.in_flight() == 1);
    // A repeated PUBREC gets PUBREL again, but is no news.
    CHECK(talk.hears("50 02 0001").empty());
    CHECK(talk.sent() == to_hex(hex("62 02 0001")));
    CHECK(talk.hears("70 02 0001") == "completed 1");
    CHECK(talk.client.in_flight() == 0);
    CHECK(talk.hears("70 02 0001").empty());
}

TEST_CASE("a failure in PUBACK or PUBREC ends the exchange") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);
    REQUIRE(talk.publish(Qos::exactly_once).value() == 2);
    talk.wire.clear();
    CHECK(talk.hears("40 03 0001 87") == "acknowledged 1 87");
    CHECK(talk.hears("50 03 0002 97") == "acknowledged 2 97");
    CHECK(talk.sent().empty());
    CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("a reason below 0x80 is a success") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    REQUIRE(talk.publish(Qos::exactly_once).value() == 1);
    talk.wire.clear();
    CHECK(talk.hears("50 03 0001 10") == "acknowledged 1 10");
    CHECK(talk.sent() == to_hex(hex("62 02 0001")));
    CHECK(talk.hears("70 03 0001 92") == "completed 1");
}

TEST_CASE("acknowledgements of nothing and of another kind change nothing") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);
    REQUIRE(talk.publish(Qos::exactly_once).value() == 2);
    talk.wire.clear();
    CHECK(talk.hears("40 02 0009").empty());
    CHECK(talk.hears("70 02 0009").empty());
    CHECK(talk.hears("40 02 0002").empty());  // PUBACK for QoS 2
    CHECK(talk.hears("70 02 0002").empty());  // PUBCOMP before PUBREC
    CHECK(talk.sent().empty());
    CHECK(talk.client.in_flight() == 2);
    CHECK(talk.client.is_connected());
    // The broker could not free the id of an unknown PUBREC otherwise.
    CHECK(talk.hears("50 02 0009").empty());
    CHECK(talk.sent() == to_hex(hex("62 02 0009")));
}

TEST_CASE("only so many messages are in flight") {
    ClientOptions options;
    options.max_in_flight = 2;
    MqttTalk talk(options);
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).has_value());
    REQUIRE(talk.publish(Qos::exactly_once).has_value());
    talk.wire.clear();
    CHECK(talk.publish(Qos::at_least_once).error() == ClientError::in_flight_full);
    CHECK(talk.sent().empty());
    CHECK(talk.publish(Qos::at_most_once).value() == 0);
    CHECK(subscribe(talk, "a").has_value());
    // QoS 2 keeps its place until PUBCOMP.
    CHECK(talk.hears("50 02 0002") == "acknowledged 2");
    CHECK(talk.publish(Qos::at_least_once).error() == ClientError::in_flight_full);
    CHECK(talk.hears("70 02 0002") == "completed 2");
    CHECK(talk.publish(Qos::at_least_once).has_value());
}

TEST_CASE("the broker's Receive Maximum lowers the limit") {
    auto talk = with_broker("21 0001");
    CHECK(talk.publish(Qos::at_least_once).has_value());
    CHECK(talk.publish(Qos::at_least_once).error() == ClientError::in_flight_full);
    CHECK(talk.publish(Qos::at_most_once).has_value());
}

TEST_CASE("the broker's Maximum QoS clips and its lack of retain clears") {
    auto talk = with_broker("24 01 25 00");
    CHECK(talk.client.publish({"a", as_bytes("x"), Qos::exactly_once, true}, talk.now, talk.wire).value() == 1);
    CHECK(talk.sent() == to_hex(hex("32 07 0001 61 0001 00 78")));
    CHECK(talk.hears("40 02 0001") == "acknowledged 1");
    auto zero = with_broker("24 00");
    CHECK(zero.publish(Qos::exactly_once).value() == 0);
    CHECK(zero.sent() == to_hex(hex("30 05 0001 61 00 78")));
    CHECK(zero.client.in_flight() == 0);
}

TEST_CASE("a packet is at most as large as the broker takes") {
    auto talk = with_broker("27 0000000C");
    CHECK(talk.publish(Qos::at_least_once, "a", "12345").has_error());
    CHECK(talk.publish(Qos::at_least_once, "a", "12345").error() == ClientError::packet_too_large);
    CHECK(talk.client.in_flight() == 0);
    CHECK(talk.sent().empty());
    CHECK(talk.publish(Qos::at_least_once, "a", "1234").has_value());
    CHECK(talk.sent().size() == 2 * 12);
    // SUBSCRIBE has 8 octets around its filter, UNSUBSCRIBE 7.
    CHECK(subscribe(talk, "abcd").has_value());
    CHECK(talk.sent().size() == 2 * 12);
    CHECK(subscribe(talk, "abcde").error() == ClientError::packet_too_large);
    CHECK(unsubscribe(talk, "abcde").has_value());
    CHECK(talk.sent().size() == 2 * 12);
    CHECK(unsubscribe(talk, "abcdef").error() == ClientError::packet_too_large);
    CHECK(talk.sent().empty());
}

TEST_CASE("SUBSCRIBE is answered by the granted QoS or a refusal") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(subscribe(talk, "a/#", Qos::exactly_once).value() == 1);
    CHECK(talk.sent() == to_hex(hex("82 08 0001 0003 612F23 02")));
    CHECK(subscribe(talk, "b").value() == 2);
    // In any order.
    CHECK(talk.hears("90 03 0002 80") == "subscribed 2 80");
    CHECK(talk.hears("90 03 0001 02") == "subscribed 1 02");
    CHECK(talk.hears("90 03 0001 02").empty());
    CHECK(talk.hears("90 03 0009 00").empty());
}

TEST_CASE("UNSUBSCRIBE is answered") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(unsubscribe(talk, "a/#").value() == 1);
    CHECK(talk.sent() == to_hex(hex("A2 07 0001 0003 612F23")));
    CHECK(talk.hears("B0 02 0001") == "unsubscribed 1");
    CHECK(talk.hears("B0 02 0001").empty());

    MqttTalk five(options_of(Version::v5));
    REQUIRE(five.connect(true, accepted_5) == "connected");
    CHECK(unsubscribe(five, "a").value() == 1);
    CHECK(five.sent() == to_hex(hex("A2 06 0001 00 0001 61")));
    CHECK(five.hears("B0 04 0001 00 11") == "unsubscribed 1");
}

TEST_CASE("a SUBACK that answers more than was asked or with nonsense breaks the protocol") {
    for (const auto* suback : {"90 04 0001 00 00", "90 03 0001 03", "90 03 0001 7F"}) {
        MqttTalk talk;
        REQUIRE(talk.connect(true, accepted) == "connected");
        REQUIRE(subscribe(talk, "a").has_value());
        CHECK(talk.hears(suback) == broke_protocol);
    }
}

TEST_CASE("requests of a lost connection are forgotten") {
    MqttTalk talk;
    REQUIRE(talk.connect(false, accepted) == "connected");
    REQUIRE(subscribe(talk, "a").value() == 1);
    talk.client.connection_lost();
    REQUIRE(talk.connect(false, accepted_again) == "connected again");
    CHECK(talk.sent().empty());
    CHECK(talk.hears("90 03 0001 00").empty());
}

TEST_CASE("packet ids run from 1 to 65535 and around without the ones in use") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);  // stays
    REQUIRE(subscribe(talk, "a").value() == 2);              // stays
    for (unsigned id = 3; id <= 65535; ++id) {
        if (talk.publish(Qos::at_least_once).value() != id) FAIL(id);
        mqtt::PacketId acknowledged = static_cast<mqtt::PacketId>(id);
        Buffer puback;
        mqtt::encode_acknowledgement(mqtt::PacketType::puback, acknowledged, puback);
        if (talk.hears_octets(puback).empty()) FAIL(id);
        talk.wire.clear();
    }
    CHECK(talk.publish(Qos::at_least_once).value() == 3);
    CHECK(subscribe(talk, "b").value() == 4);
    CHECK(unsubscribe(talk, "b").value() == 5);
}

TEST_CASE("when every packet id is taken the client says so") {
    ClientOptions options;
    options.max_in_flight = all_packet_ids;
    MqttTalk talk(options);
    REQUIRE(talk.connect(true, accepted) == "connected");
    REQUIRE(talk.publish(Qos::at_least_once).value() == 1);
    for (std::size_t i = 1; i < all_packet_ids; ++i) {
        if (!subscribe(talk, "a")) FAIL(i);
        talk.wire.clear();
    }
    CHECK(subscribe(talk, "a").error() == ClientError::in_flight_full);
    CHECK(unsubscribe(talk, "a").error() == ClientError::in_flight_full);
    CHECK(talk.publish(Qos::at_least_once).error() == ClientError::in_flight_full);
    CHECK(talk.publish(Qos::exactly_once).error() == ClientError::in_flight_full);
    CHECK(talk.sent().empty());
    CHECK(talk.publish(Qos::at_most_once).value() == 0);

    CHECK(talk.hears("90 03 1234 00") == "subscribed 4660");
    CHECK(talk.publish(Qos::at_least_once).value() == 0x1234);
}

}  // namespace mqtt_client_publish_test
