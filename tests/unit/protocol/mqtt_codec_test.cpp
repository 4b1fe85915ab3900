// MQTT packets of all versions on the wire: the table, and what must be refused.
#include "protocol/mqtt/codec.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/mqtt_packet_table.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace mqtt_codec_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using mqtt::Version;

namespace {

constexpr std::array versions{Version::v3_1, Version::v3_1_1, Version::v5};

struct Raw {
    std::uint8_t first = 0;
    Buffer body;  ///< exactly sized, so that the address sanitizer sees a read behind it
};

/// Cuts a packet with a Remaining Length of any size, which is not checked here.
Raw cut(Bytes packet) {
    std::size_t at = 1;
    while ((packet[at] & std::byte{0x80}) != std::byte{})
        ++at;
    const Bytes body = packet.subspan(at + 1);
    return {static_cast<std::uint8_t>(packet[0]), Buffer(body.begin(), body.end())};
}

Buffer encoded(Version version, const mqtt::Packet& packet) {
    Buffer out;
    mqtt::encode(version, packet, out);
    return out;
}

bool is_accepted(Version version, std::string_view first_and_body) {
    const Buffer octets = hex(first_and_body);
    const Buffer body(octets.begin() + 1, octets.end());
    const auto packet = mqtt::decode(version, static_cast<std::uint8_t>(octets[0]), body);
    if (!packet) CHECK(packet.error() == mqtt::CodecError::malformed);
    return packet.has_value();
}

/// Decodes to a value whose encoding decodes to the same value, or is refused.
bool is_sound(Version version, std::uint8_t first, const Buffer& body) {
    const auto packet = mqtt::decode(version, first, body);
    if (!packet) return true;
    const auto again = cut(encoded(version, *packet));
    const auto second = mqtt::decode(version, again.first, again.body);
    return second.has_value() && is_equal(*packet, *second);
}

template <class Visit>
void for_each_vector(Visit visit) {
    for (const auto& each : mqtt_vectors()) {
        for (const Version version : each.versions) {
            CAPTURE(each.name, static_cast<int>(version));
            visit(each, version);
        }
    }
}

}  // namespace

TEST_CASE("every packet of the table is written and read in its versions") {
    for_each_vector([](const MqttVector& each, Version version) {
        CHECK(to_hex(encoded(version, each.packet)) == to_hex(each.octets));
        const Raw raw = cut(each.octets);
        const auto packet = mqtt::decode(version, raw.first, raw.body);
        REQUIRE(packet.has_value());
        CHECK(is_equal(*packet, each.packet));
        CHECK(mqtt::type_of(*packet) == static_cast<PacketType>(raw.first >> 4U));
    });
}

TEST_CASE("the table has every packet type of every version") {
    std::set<std::pair<Version, PacketType>> seen;
    for_each_vector(
        [&](const MqttVector& each, Version version) { seen.emplace(version, mqtt::type_of(each.packet)); });
    CHECK(seen.size() == 14 + 14 + 15);
}

TEST_CASE("the short ways to encode give what the general one gives") {
    for_each_vector([](const MqttVector& each, Version version) {
        Buffer out = hex("AA");
        if (const auto* publish = std::get_if<mqtt::Publish>(&each.packet)) {
            if (!publish->properties.empty()) return;
            mqtt::encode_publish(version, *publish, out);
            CHECK(to_hex(out) == "aa" + to_hex(each.octets));
        }
    });
    for (const auto type : {PacketType::puback, PacketType::pubrec, PacketType::pubrel, PacketType::pubcomp}) {
        Buffer out;
        mqtt::encode_acknowledgement(type, 0x1234, out);
        for (const Version version : versions) {
            const Raw raw = cut(out);
            const auto packet = mqtt::decode(version, raw.first, raw.body);
            REQUIRE(packet.has_value());
            CHECK(mqtt::type_of(*packet) == type);
            CHECK(to_hex(encoded(version, *packet)) == to_hex(out));
        }
    }
}

TEST_CASE("Remaining Length takes as many octets as it needs") {
    struct Edge {
        std::size_t remaining;
        std::string_view header;
    };
    for (const auto& [remaining, header] : {Edge{3, "3003"},
                                            {127, "307f"},
                                            {128, "308001"},
                                            {16383, "30ff7f"},
                                            {16384, "30808001"},
                                            {2097151, "30ffff7f"},
                                            {2097152, "3080808001"}}) {
        const Buffer payload(remaining - 3);
        const mqtt::Publish packet{false, Qos::at_most_once, false, "a", 0, {}, payload};
        Buffer fast;
        mqtt::encode_publish(Version::v3_1_1, packet, fast);
        CAPTURE(remaining);
        CHECK(to_hex(Bytes(fast).first(header.size() / 2)) == header);
        CHECK(fast.size() == header.size() / 2 + remaining);
        CHECK(fast == encoded(Version::v3_1_1, packet));
    }
}

TEST_CASE("a packet cut off anywhere is refused or shorter by itself") {
    for_each_vector([](const MqttVector& each, Version version) {
        const Raw raw = cut(each.octets);
        const auto type = mqtt::type_of(each.packet);
        for (std::size_t size = 0; size < raw.body.size(); ++size) {
            const Buffer body(raw.body.begin(), raw.body.begin() + static_cast<std::ptrdiff_t>(size));
            CAPTURE(size);
            CHECK(is_sound(version, raw.first, body));
            // Others end in a payload, in a list, or (MQTT 5) in a reason that may be left out.
            const bool is_whole = type == PacketType::connect || type == PacketType::connack ||
                                  (version != Version::v5 && type >= PacketType::puback && type <= PacketType::pubcomp);
            if (is_whole) CHECK_FALSE(mqtt::decode(version, raw.first, body).has_value());
        }
    });
}

TEST_CASE("octets behind a packet of fixed form are refused") {
    for (const Version version : versions) {
        CAPTURE(static_cast<int>(version));
        for (const auto* packet : {"C0 00", "D0 00"}) {
            CHECK_FALSE(is_accepted(version, packet));
        }
    }
    for (const Version version : {Version::v3_1, Version::v3_1_1}) {
        for (const auto* packet :
             {"20 00 00 00", "40 000A 00", "50 000A 00", "62 000A 00", "70 000A 00", "B0 000A 00", "E0 00"}) {
            CAPTURE(packet);
            CHECK_FALSE(is_accepted(version, packet));
        }
    }
    for (const auto* packet :
         {"20 00 00 00 00", "40 000A 00 00 00", "62 000A 00 00 00", "E0 00 00 00", "F0 00 00 00"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(Version::v5, packet));
    }
    CHECK_FALSE(is_accepted(Version::v3_1_1, "10 0004 4D51 5454 04 02 003C 0002 6331 00"));
    CHECK_FALSE(is_accepted(Version::v5, "10 0004 4D51 5454 05 02 003C 00 0002 6331 00"));
}

TEST_CASE("the flags of the fixed header are those of the type") {
    for (const Version version : versions) {
        for (unsigned flags = 0; flags <= 15; ++flags) {
            const auto with_type = [&](unsigned type, std::string_view body) {
                return is_accepted(version,
                                   to_hex(Buffer{static_cast<std::byte>((type << 4U) | flags)}) + std::string(body));
            };
            const bool is_old = version == Version::v3_1;
            const bool is_zero = flags == 0;
            // MQTT 3.1 has DUP and QoS in these three.
            const bool is_request = is_old ? (flags & 6U) == 2 : flags == 2;
            const bool is_5 = version == Version::v5;
            CAPTURE(static_cast<int>(version), flags);
            CHECK(with_type(2, is_5 ? "000000" : "0000") == is_zero);
            CHECK(with_type(3, is_5 ? "000161000100" : "0001610001") == ((flags & 6U) != 6));
            CHECK(with_type(4, "0001") == is_zero);
            CHECK(with_type(5, "0001") == is_zero);
            CHECK(with_type(6, "0001") == is_request);
            CHECK(with_type(7, "0001") == is_zero);
            CHECK(with_type(8, is_5 ? "00010000016101" : "000100016101") == is_request);
            CHECK(with_type(9, is_5 ? "00010001" : "000101") == is_zero);
            CHECK(with_type(10, is_5 ? "000100000161" : "0001000161") == is_request);
            CHECK(with_type(11, is_5 ? "00010000" : "0001") == is_zero);
            CHECK(with_type(12, "") == is_zero);
            CHECK(with_type(13, "") == is_zero);
            CHECK(with_type(14, "") == is_zero);
            CHECK(with_type(15, "") == (is_zero && is_5));
            CHECK_FALSE(with_type(0, ""));
        }
    }
}

TEST_CASE("packet id 0 is refused wherever an id stands") {
    for (const auto* packet : {"32 0001 61 0000", "34 0001 61 0000", "40 0000", "50 0000", "62 0000", "70 0000",
                               "82 0000 0001 61 01", "90 0000 01", "A2 0000 0001 61", "B0 0000"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(Version::v3_1_1, packet));
    }
    for (const auto* packet : {"32 0001 61 0000 00", "40 0000", "82 0000 00 0001 61 01", "B0 0000 00 00"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(Version::v5, packet));
    }
}

TEST_CASE("PUBLISH with a wildcard or an impossible text as topic is refused") {
    for (const auto* topic :
         {"0001 2B", "0001 23", "0003 612F23", "0001 00", "0001 FF", "0003 EDA080", "0002 C3", "FFFF 61"}) {
        CAPTURE(topic);
        CHECK_FALSE(is_accepted(Version::v3_1_1, std::string("30") + topic));
        CHECK_FALSE(is_accepted(Version::v5, std::string("30") + topic + "00"));
    }
}

TEST_CASE("CONNECT of another protocol or version is refused") {
    struct Name {
        std::string_view name_and_level;
        Version version;
    };
    const std::array names{Name{"0006 4D51 4973 6470 03", Version::v3_1}, Name{"0004 4D51 5454 04", Version::v3_1_1},
                           Name{"0004 4D51 5454 05", Version::v5}};
    for (const auto& [name, version] : names) {
        for (const Version other : versions) {
            const auto body =
                std::string("10") + std::string(name) + "02003C" + (other == Version::v5 ? "00" : "") + "0000";
            CAPTURE(body);
            CHECK(is_accepted(other, body) == (other == version));
        }
    }
    CHECK_FALSE(is_accepted(Version::v3_1_1, "10 0004 6D71 7474 04 02 003C 0000"));
    CHECK_FALSE(is_accepted(Version::v3_1_1, "10 0006 4D51 4973 6470 04 02 003C 0000"));
}

TEST_CASE("the flags of CONNECT must fit together") {
    const auto connect = [](std::string_view flags, std::string_view rest) {
        return is_accepted(Version::v3_1_1,
                           "10 0004 4D51 5454 04" + std::string(flags) + "003C 0000" + std::string(rest));
    };
    CHECK(connect("00", ""));
    CHECK(connect("02", ""));
    CHECK_FALSE(connect("03", ""));  // reserved
    CHECK(connect("04", "0001 77 0000"));
    CHECK(connect("34", "0001 77 0000"));
    CHECK_FALSE(connect("1C", "0001 77 0000"));  // will QoS 3
    for (const auto* without_will : {"08", "10", "20"})
        CHECK_FALSE(connect(without_will, ""));
    CHECK(connect("80", "0001 75"));
    CHECK(connect("C0", "0001 75 0001 70"));
    CHECK_FALSE(connect("80", ""));
    CHECK_FALSE(connect("C0", "0001 75"));
}

TEST_CASE("a password without a user name is for MQTT 5 only") {
    CHECK_FALSE(is_accepted(Version::v3_1, "10 0006 4D51 4973 6470 03 42 003C 0000 0001 70"));
    CHECK_FALSE(is_accepted(Version::v3_1_1, "10 0004 4D51 5454 04 42 003C 0000 0001 70"));
    CHECK(is_accepted(Version::v5, "10 0004 4D51 5454 05 42 003C 00 0000 0001 70"));
}

TEST_CASE("CONNACK has one flag from MQTT 3.1.1 on and a reserved octet before") {
    CHECK(is_accepted(Version::v3_1, "20 FF 00"));
    CHECK(is_accepted(Version::v3_1_1, "20 01 00"));
    CHECK_FALSE(is_accepted(Version::v3_1_1, "20 02 00"));
    CHECK_FALSE(is_accepted(Version::v5, "20 80 00 00"));
    const Buffer body = hex("01 00");
    CHECK_FALSE(std::get<mqtt::Connack>(mqtt::decode(Version::v3_1, 0x20, body).value()).session_present);
}

TEST_CASE("SUBSCRIBE and its kin have at least one topic") {
    for (const auto* packet : {"82 000A", "A2 000A", "90 000A", "82 000A 0001 61", "A2 000A 0002 61"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(Version::v3_1_1, packet));
    }
    for (const auto* packet : {"82 000A 00", "A2 000A 00", "90 000A 00", "B0 000A 00"}) {
        CAPTURE(packet);
        CHECK_FALSE(is_accepted(Version::v5, packet));
    }
}

TEST_CASE("the options of SUBSCRIBE are the QoS and in MQTT 5 three more") {
    for (unsigned options = 0; options <= 0xFF; ++options) {
        const std::string last = to_hex(Buffer{static_cast<std::byte>(options)});
        CAPTURE(options);
        CHECK(is_accepted(Version::v3_1_1, "82 000A 0001 61" + last) == (options <= 2));
        // Retain Handling has no value 3, the two highest bits are reserved (MQTT 5, 3.8.3.1).
        const bool is_legal = (options & 3U) != 3 && (options & 0x30U) != 0x30 && (options & 0xC0U) == 0;
        CHECK(is_accepted(Version::v5, "82 000A 00 0001 61" + last) == is_legal);
    }
}

TEST_CASE("any octet replaced by any value is refused or means what it is written as") {
    for_each_vector([](const MqttVector& each, Version version) {
        const Raw raw = cut(each.octets);
        for (unsigned first = 0; first <= 0xFF; ++first) {
            if (!is_sound(version, static_cast<std::uint8_t>(first), raw.body)) FAIL(first);
        }
        for (std::size_t at = 0; at < raw.body.size(); ++at) {
            for (unsigned value = 0; value <= 0xFF; ++value) {
                Buffer body = raw.body;
                body[at] = static_cast<std::byte>(value);
                // A CHECK for each of these many packets would take seconds.
                if (!is_sound(version, raw.first, body)) FAIL(to_hex(body));
            }
        }
    });
}

TEST_CASE("the errors of the MQTT codec say what is wrong") {
    CHECK(make_error_code(mqtt::CodecError::malformed).message() == "malformed MQTT packet");
    CHECK(make_error_code(mqtt::CodecError::packet_too_large).message() == "MQTT packet too large");
}

}  // namespace mqtt_codec_test
