// The MQTT client opens and loses a connection, and meets brokers that break the rules.
#include "tests/unit/protocol/mqtt_talk.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace mqtt_client_connect_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::ClientError;
using mqtt::ClientOptions;
using mqtt::Version;

namespace {

std::string connect_of(const ClientOptions& options, const mqtt::ConnectRequest& request) {
    MqttTalk talk(options);
    talk.client.connect(request, talk.now, talk.wire);
    return talk.sent();
}

mqtt::ConnectRequest request_of(std::string_view client_id, bool clean_start) {
    return {.client_id = client_id, .clean_start = clean_start, .will = nullptr, .username = {}, .password = {}};
}

}  // namespace

TEST_CASE("CONNECT is that of its version") {
    const auto request = request_of("c1", true);
    CHECK(connect_of(options_of(Version::v3_1), request) ==
          to_hex(hex("10 10 0006 4D51 4973 6470 03 02 003C 0002 6331")));
    CHECK(connect_of(options_of(Version::v3_1_1), request) == to_hex(hex("10 0E 0004 4D51 5454 04 02 003C 0002 6331")));
    // Receive Maximum 16, Maximum Packet Size 2^20, Request Problem Information 0.
    CHECK(connect_of(options_of(Version::v5), request) ==
          to_hex(hex("10 19 0004 4D51 5454 05 02 003C 0A 210010 2700100000 1700 0002 6331")));
}

TEST_CASE("CONNECT carries will and credentials") {
    ClientOptions options = options_of(Version::v3_1_1);
    options.keep_alive_s = 10;
    const mqtt::Will will{"w", hex("6D"), Qos::at_least_once, true};
    auto request = request_of("c", false);
    request.will = &will;
    request.username = "u";
    request.password = "p";
    CHECK(connect_of(options, request) ==
          to_hex(hex("10 19 0004 4D51 5454 04 EC 000A 0001 63 0001 77 0001 6D 0001 75 0001 70")));
}

TEST_CASE("only MQTT 5 sends a password without user name") {
    auto request = request_of("c", true);
    request.password = "p";
    CHECK(connect_of(options_of(Version::v3_1_1), request) == to_hex(hex("10 0D 0004 4D51 5454 04 02 003C 0001 63")));
    CHECK(connect_of(options_of(Version::v5), request) ==
          to_hex(hex("10 1B 0004 4D51 5454 05 42 003C 0A 210010 2700100000 1700 0001 63 0001 70")));
}

TEST_CASE("MQTT 5 asks for a session expiry only when it resumes") {
    ClientOptions options = options_of(Version::v5);
    options.session_expiry_s = 3600;
    CHECK(connect_of(options, request_of("c", false)) ==
          to_hex(hex("10 1D 0004 4D51 5454 05 00 003C 0F 210010 2700100000 1700 1100000E10 0001 63")));
}

TEST_CASE("CONNACK makes the client connected") {
    MqttTalk talk;
    CHECK_FALSE(talk.client.is_connected());
    talk.client.connect(request_of("c1", true), talk.now, talk.wire);
    CHECK_FALSE(talk.client.is_connected());
    CHECK(talk.hears(accepted) == "connected");
    CHECK(talk.client.is_connected());
    talk.client.connection_lost();
    CHECK_FALSE(talk.client.is_connected());
}

TEST_CASE("refusals of older versions are told as reasons of MQTT 5") {
    const std::array codes{std::pair("01", "refused 84"), std::pair("02", "refused 85"), std::pair("03", "refused 88"),
                           std::pair("04", "refused 86"), std::pair("05", "refused 87"), std::pair("06", "refused 80"),
                           std::pair("FF", "refused 80")};
    for (const auto& [code, event] : codes) {
        MqttTalk talk;
        CHECK(talk.connect(true, std::string("20 02 00") + code) == event);
        CHECK_FALSE(talk.client.is_connected());
        // Whatever comes behind a refusal is no longer for this connection.
        CHECK(talk.hears("30 03 0001 61").empty());
    }
    MqttTalk talk(options_of(Version::v5));
    CHECK(talk.connect(true, "20 03 00 95 00") == "refused 95");
}

TEST_CASE("a broker that speaks before CONNACK is left") {
    for (const auto* octets : {"30 03 0001 61", "D0 00", "40 02 0001", "90 03 0001 00"}) {
        MqttTalk talk;
        CAPTURE(octets);
        CHECK(talk.connect(true, octets) == broke_protocol);
        CHECK_FALSE(talk.client.is_connected());
    }
}

TEST_CASE("a broker that sends what only clients send is left") {
    for (const auto* octets : {"20 02 00 00", "10 0E 0004 4D51 5454 04 02 003C 0002 6331", "82 06 000A 0001 61 01",
                               "A2 05 000A 0001 61", "C0 00", "E0 00"}) {
        MqttTalk talk;
        CAPTURE(octets);
        REQUIRE(talk.connect(true, accepted) == "connected");
        CHECK(talk.hears(octets) == broke_protocol);
        CHECK_FALSE(talk.client.is_connected());
        CHECK(talk.hears("30 03 0001 61").empty());
        CHECK(talk.sent().empty());
    }
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.hears("F0 00") == broke_protocol);
}

TEST_CASE("a broker that sends malformed packets is left") {
    for (const auto* octets : {"30 03 0001 FF", "00 00", "36 05 0001 61 0001", "30 FF FF FF FF", "40 02 0000", "D1 00",
                               "F0 00", "B0 03 0001 00"}) {
        MqttTalk talk;
        CAPTURE(octets);
        REQUIRE(talk.connect(true, accepted) == "connected");
        CHECK(talk.hears(octets) == sent_malformed);
        CHECK_FALSE(talk.client.is_connected());
    }
    MqttTalk talk;
    CHECK(talk.connect(true, "20 02 02 00") == sent_malformed);
}

TEST_CASE("what came before bad octets still counts and what comes behind does not") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("30 04 0001 61 78 C0 00 30 04 0001 61 79") == "message 0 q0 a=x; " + std::string(broke_protocol));
}

TEST_CASE("an incoming packet over the maximum size ends the connection") {
    ClientOptions options;
    options.maximum_packet_size = 10;
    MqttTalk talk(options);
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("30 08 0001 61 7878787878") == "message 0 q0 a=xxxxx");
    CHECK(talk.hears("30 09") == sent_malformed);
}

TEST_CASE("octets one by one give the same events") {
    MqttTalk talk;
    talk.client.connect(request_of("c1", true), talk.now, talk.wire);
    talk.wire.clear();
    std::string events;
    const Buffer stream = hex("20 02 00 00 32 06 0001 61 0007 78 30 03 0001 62");
    for (std::size_t at = 0; at < stream.size(); ++at) {
        const Buffer piece{stream[at]};
        const auto text = talk.hears_octets(piece);
        if (!text.empty()) events += text + "\n";
    }
    CHECK(events == "connected\nmessage 7 q1 a=x\nmessage 0 q0 b=\n");
}

TEST_CASE("a new connection does not go on with the octets of the one before") {
    MqttTalk talk;
    REQUIRE(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("30 7F 0001").empty());
    talk.client.connection_lost();
    CHECK(talk.connect(true, accepted) == "connected");
    CHECK(talk.hears("30 04 0001 61 78") == "message 0 q0 a=x");
}

TEST_CASE("octets without a connection are ignored") {
    MqttTalk talk;
    CHECK(talk.hears(accepted).empty());
    REQUIRE(talk.connect(true, accepted) == "connected");
    talk.client.connection_lost();
    CHECK(talk.hears("30 04 0001 61 78").empty());
}

TEST_CASE("CONNACK of MQTT 5 limits what the client does") {
    MqttTalk talk(options_of(Version::v5));
    // Receive Maximum 10, Maximum QoS 1, no retain, Maximum Packet Size 256, no wildcards, no shared subscriptions.
    CHECK(talk.connect(true, "20 13 00 00 10 21000A 2401 2500 2700000100 2800 2A00") == "connected");
    const auto limits = talk.client.limits();
    CHECK(limits.receive_maximum == 10);
    CHECK(limits.maximum_qos == Qos::at_least_once);
    CHECK_FALSE(limits.retain_available);
    CHECK(limits.maximum_packet_size == 256);
    CHECK_FALSE(limits.wildcard_available);
    CHECK_FALSE(limits.shared_available);

    talk.client.connection_lost();
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.client.limits().receive_maximum == 65535);
    CHECK(talk.client.limits().maximum_qos == Qos::exactly_once);
    CHECK(talk.client.limits().retain_available);
    CHECK(talk.client.limits().wildcard_available);
}

TEST_CASE("limits of zero make the broker's CONNACK useless") {
    for (const auto* connack : {"20 06 00 00 03 210000", "20 08 00 00 05 2700000000"}) {
        MqttTalk talk(options_of(Version::v5));
        CHECK(talk.connect(true, connack) == broke_protocol);
        CHECK_FALSE(talk.client.is_connected());
    }
}

TEST_CASE("the broker may assign the client id") {
    MqttTalk talk(options_of(Version::v5));
    CHECK(talk.connect(true, "20 09 00 00 06 12 0003 616263") == "connected as abc");
}

TEST_CASE("DISCONNECT of an MQTT 5 broker ends the connection with its reason") {
    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    CHECK(talk.hears("E0 01 8E 30 04 0001 61 00") == "ended 8e");
    CHECK_FALSE(talk.client.is_connected());
}

TEST_CASE("without a connection nothing is sent") {
    MqttTalk talk;
    const auto check_refused = [&] {
        CHECK(talk.publish(Qos::at_most_once).error() == ClientError::not_connected);
        CHECK(talk.publish(Qos::at_least_once).error() == ClientError::not_connected);
        CHECK(talk.client.subscribe("a", Qos::at_most_once, talk.now, talk.wire).error() == ClientError::not_connected);
        CHECK(talk.client.unsubscribe("a", talk.now, talk.wire).error() == ClientError::not_connected);
        CHECK(talk.sent().empty());
    };
    check_refused();
    talk.client.connect(request_of("c1", true), talk.now, talk.wire);
    talk.wire.clear();
    check_refused();
    CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("DISCONNECT is the last packet and carries a reason in MQTT 5") {
    MqttTalk old;
    REQUIRE(old.connect(true, accepted) == "connected");
    old.client.disconnect(4, old.wire);
    CHECK(old.sent() == "e000");
    CHECK_FALSE(old.client.is_connected());
    CHECK_FALSE(old.client.next_timeout());

    MqttTalk talk(options_of(Version::v5));
    REQUIRE(talk.connect(true, accepted_5) == "connected");
    talk.client.disconnect(4, talk.wire);
    CHECK(talk.sent() == "e00104");
}

TEST_CASE("DISCONNECT drops the session of a clean connection only") {
    for (const bool clean : {true, false}) {
        MqttTalk talk;
        REQUIRE(talk.connect(clean, accepted) == "connected");
        REQUIRE(talk.publish(Qos::at_least_once).has_value());
        talk.client.disconnect(0, talk.wire);
        CHECK(talk.client.in_flight() == (clean ? 0 : 1));
    }
}

TEST_CASE("every error of the client says what is wrong") {
    for (int value = 1; value <= static_cast<int>(ClientError::ping_timeout); ++value)
        CHECK(make_error_code(static_cast<ClientError>(value)).message() != "unknown error");
    CHECK(boost::system::error_code(0x7F, mqtt::client_category()).message() == "unknown error");
}

}  // namespace mqtt_client_connect_test
