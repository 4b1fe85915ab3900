// MQTT 5 properties: where each may stand and how often (MQTT 5.0, table 2-4), and their types on the wire.
#include "protocol/mqtt/codec.hpp"
#include "protocol/mqtt/properties.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>

namespace mqtt_properties_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PropertyId;
using mqtt::Version;

namespace {

/// One row of the standard's table: an example on the wire, and the letters of the places where it may stand.
struct Row {
    std::string_view octets;
    std::string_view places;
};
// C CONNECT, w the will in it, A CONNACK, P PUBLISH, K PUBACK and its kin, S SUBSCRIBE, U SUBACK, N UNSUBSCRIBE,
// B UNSUBACK, D DISCONNECT, T AUTH.
constexpr std::array table{
    Row{"01 01", "Pw"},
    Row{"02 0000003C", "Pw"},
    Row{"03 0001 63", "Pw"},
    Row{"08 0001 72", "Pw"},
    Row{"09 0001 64", "Pw"},
    Row{"0B 05", "PS"},
    Row{"11 00000E10", "CAD"},
    Row{"12 0002 6964", "A"},
    Row{"13 003C", "A"},
    Row{"15 0001 6D", "CAT"},
    Row{"16 0001 64", "CAT"},
    Row{"17 01", "C"},
    Row{"18 00000005", "w"},
    Row{"19 01", "C"},
    Row{"1A 0001 72", "A"},
    Row{"1C 0001 73", "AD"},
    Row{"1F 0001 72", "AKUBDT"},
    Row{"21 0010", "CA"},
    Row{"22 0003", "CA"},
    Row{"23 0001", "P"},
    Row{"24 01", "A"},
    Row{"25 01", "A"},
    Row{"26 0001 6B 0001 76", "CAPKSUNBDTw"},
    Row{"27 00000100", "CA"},
    Row{"28 01", "A"},
    Row{"29 01", "A"},
    Row{"2A 01", "A"},
};

std::string sized(std::string_view properties) {
    const auto octets = hex(properties);
    return to_hex(Buffer{static_cast<std::byte>(octets.size())}) + to_hex(octets);
}

/// A packet with these properties at this place, first octet and body.
std::string packet_with(char place, std::string_view properties) {
    const std::string list = sized(properties);
    switch (place) {
        case 'C':
            return "10 0004 4D51 5454 05 02 003C" + list + "0000";
        case 'w':
            return "10 0004 4D51 5454 05 06 003C 00 0000" + list + "0001 77 0000";
        case 'A':
            return "20 00 00" + list;
        case 'P':
            return "32 0001 61 000A" + list + "78";
        case 'K':
            return "40 000A 00" + list;
        case 'S':
            return "82 000A" + list + "0001 61 01";
        case 'U':
            return "90 000A" + list + "01";
        case 'N':
            return "A2 000A" + list + "0001 61";
        case 'B':
            return "B0 000A" + list + "00";
        case 'D':
            return "E0 00" + list;
        default:
            return "F0 00" + list;
    }
}

bool is_accepted(std::string_view first_and_body) {
    const Buffer octets = hex(first_and_body);
    const Buffer body(octets.begin() + 1, octets.end());
    return mqtt::decode(Version::v5, static_cast<std::uint8_t>(octets[0]), body).has_value();
}

mqtt::Publish published(std::string_view properties) {
    static Buffer body;  // the packet looks into it
    const Buffer octets = hex(packet_with('P', properties));
    body.assign(octets.begin() + 1, octets.end());
    const auto packet = mqtt::decode(Version::v5, 0x32, body);
    REQUIRE(packet.has_value());
    return std::get<mqtt::Publish>(*packet);
}

}  // namespace

TEST_CASE("each property stands where the standard allows it and nowhere else") {
    for (const auto& [octets, places] : table) {
        for (const char place : std::string_view("CAPKSUNBDTw")) {
            CAPTURE(octets, place);
            CHECK(is_accepted(packet_with(place, octets)) == (places.find(place) != std::string_view::npos));
        }
    }
}

TEST_CASE("PUBREC and PUBREL and PUBCOMP take the properties of PUBACK") {
    for (const auto* first : {"50", "62", "70"}) {
        CHECK(is_accepted(std::string(first) + "000A 00" + sized("1F 0001 72 26 0001 6B 0001 76")));
        CHECK_FALSE(is_accepted(std::string(first) + "000A 00" + sized("11 00000001")));
    }
}

TEST_CASE("a property that is repeated is refused unless it may be") {
    for (const auto& [octets, places] : table) {
        const bool is_repeatable = octets.starts_with("26") || octets.starts_with("0B");
        CAPTURE(octets);
        CHECK(is_accepted(packet_with(places.front(), std::string(octets) + std::string(octets))) == is_repeatable);
    }
}

TEST_CASE("a property cut off anywhere is refused") {
    for (const auto& [octets, places] : table) {
        const Buffer whole = hex(octets);
        for (std::size_t size = 1; size < whole.size(); ++size) {
            CAPTURE(octets, size);
            CHECK_FALSE(is_accepted(packet_with(places.front(), to_hex(Bytes(whole).first(size)))));
        }
    }
}

TEST_CASE("ids without a meaning are refused") {
    for (unsigned id = 0; id <= 0xFF; ++id) {
        const auto text = to_hex(Buffer{static_cast<std::byte>(id)});
        bool is_known = false;
        for (const auto& [octets, places] : table)
            is_known = is_known || static_cast<unsigned>(hex(octets)[0]) == id;
        CAPTURE(text);
        CHECK((mqtt::find_rule(id) != nullptr) == is_known);
        if (!is_known) CHECK_FALSE(is_accepted(packet_with('P', text + "00000000")));
    }
}

TEST_CASE("a property length beyond the packet or over four octets is refused") {
    for (const auto* packet : {"30 0001 61", "30 0001 61 02 01", "30 0001 61 05 01 01", "30 0001 61 80",
                               "30 0001 61 FF FF FF 7F", "30 0001 61 FF FF FF FF 7F", "30 0001 61 80 80 80 80 00"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(packet));
    }
}

TEST_CASE("texts in properties are UTF-8 and binary data is not judged") {
    for (const auto* bad : {"0001 FF", "0001 00", "0003 EDA080"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_accepted(packet_with('P', std::string("03") + bad)));
        CHECK_FALSE(is_accepted(packet_with('P', std::string("26 0001 6B") + bad)));
        CHECK_FALSE(is_accepted(packet_with('P', std::string("26") + bad + "0001 76")));
        CHECK(is_accepted(packet_with('P', std::string("09") + bad)));
    }
}

TEST_CASE("numbers of every width are read whole") {
    struct Number {
        std::string_view octets;
        PropertyId id;
        std::uint32_t value;
    };
    for (const auto& [octets, id, value] : {Number{"01 FF", PropertyId::payload_format_indicator, 0xFF},
                                            {"02 FFFFFFFE", PropertyId::message_expiry_interval, 0xFFFFFFFE},
                                            {"23 8001", PropertyId::topic_alias, 0x8001},
                                            {"0B 7F", PropertyId::subscription_identifier, 127},
                                            {"0B 8001", PropertyId::subscription_identifier, 128},
                                            {"0B FF7F", PropertyId::subscription_identifier, 16383},
                                            {"0B FFFFFF7F", PropertyId::subscription_identifier, 268435455}}) {
        const auto packet = published(octets);
        CAPTURE(octets);
        CHECK(mqtt::find_number(packet.properties, id) == value);
        Buffer out;
        mqtt::encode(Version::v5, packet, out);
        CHECK(to_hex(out).find(to_hex(hex(octets))) != std::string::npos);
    }
}

TEST_CASE("a property is found by its id") {
    const auto packet = published("02 0000003C 03 0001 63");
    CHECK(mqtt::find_number(packet.properties, PropertyId::message_expiry_interval) == 60U);
    CHECK(mqtt::find_text(packet.properties, PropertyId::content_type) == "c");
    CHECK_FALSE(mqtt::find_number(packet.properties, PropertyId::topic_alias));
    CHECK_FALSE(mqtt::find_text(packet.properties, PropertyId::response_topic));
}

TEST_CASE("user properties keep their order and repeat") {
    const auto packet = published("26 0001 6B 0001 31 26 0001 6B 0001 32 26 0000 0000");
    REQUIRE(packet.properties.size() == 3);
    using Pair = std::pair<std::string_view, std::string_view>;
    CHECK(std::get<Pair>(packet.properties[0].value) == Pair("k", "1"));
    CHECK(std::get<Pair>(packet.properties[1].value) == Pair("k", "2"));
    CHECK(std::get<Pair>(packet.properties[2].value) == Pair("", ""));
}

TEST_CASE("versions before 5 write no properties") {
    mqtt::Publish packet{false, Qos::at_most_once, false, "a", 0, {{PropertyId::topic_alias, std::uint32_t{1}}}, {}};
    Buffer out;
    mqtt::encode(Version::v3_1_1, packet, out);
    CHECK(to_hex(out) == "3003000161");
}

}  // namespace mqtt_properties_test
