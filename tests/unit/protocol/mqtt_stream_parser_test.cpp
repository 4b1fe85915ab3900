// A byte stream cut into MQTT packets (MQTT 2.2), whatever pieces it comes in.
#include "protocol/mqtt/stream_parser.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/mqtt_packet_table.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace mqtt_stream_parser_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::CodecError;
using mqtt::StreamParser;

namespace {

constexpr std::size_t roomy = 1'000'000;

std::string text_of(const StreamParser::RawPacket& packet) {
    return to_hex(Buffer{static_cast<std::byte>(packet.first_octet)}) + ":" + to_hex(packet.body);
}

/// What the parser makes of the stream in pieces of `chunk` octets, each in a block of its own size; "!" and the
/// message at an error.
std::vector<std::string> parsed(Bytes stream, std::size_t chunk, std::size_t maximum = roomy) {
    StreamParser parser(maximum);
    std::vector<std::string> packets;
    while (!stream.empty()) {
        const Bytes piece = stream.first(std::min(chunk, stream.size()));
        stream = stream.subspan(piece.size());
        const Buffer block(piece.begin(), piece.end());
        parser.feed(block);
        for (;;) {
            const auto raw = parser.next();
            if (!raw) {
                packets.push_back("!" + raw.error().message());
                return packets;
            }
            if (!*raw) break;
            packets.push_back(text_of(**raw));
        }
    }
    return packets;
}

struct Stream {
    Buffer octets;
    std::vector<std::string> packets;
};

/// All packets of the table, and some whose Remaining Length takes two and three octets.
Stream long_stream() {
    Stream stream;
    const auto add = [&](Bytes packet, std::size_t header) {
        stream.octets.insert(stream.octets.end(), packet.begin(), packet.end());
        stream.packets.push_back(to_hex(packet.first(1)) + ":" + to_hex(packet.subspan(header)));
    };
    for (const auto& each : mqtt_vectors())
        add(each.octets, 2);
    for (const std::size_t size : {130U, 300U, 16500U}) {
        const Buffer payload(size, std::byte{'x'});
        Buffer packet;
        mqtt::encode_publish(mqtt::Version::v3_1_1, {false, Qos::at_most_once, false, "a", 0, {}, payload}, packet);
        add(packet, size < 16000 ? 3 : 4);
        add(hex("D0 00"), 2);
    }
    return stream;
}

}  // namespace

TEST_CASE("a stream in pieces of any size gives the same packets") {
    const auto [octets, packets] = long_stream();
    for (std::size_t chunk = 1; chunk <= octets.size(); chunk += chunk < 64 ? 1 : 1499) {
        CAPTURE(chunk);
        CHECK((parsed(octets, chunk) == packets));
    }
    CHECK((parsed(octets, octets.size()) == packets));
}

TEST_CASE("a stream cut in two anywhere gives the same packets") {
    const Buffer octets = hex("30 06 0003 612F 62 78 D0 00 32 08 0003 612F 62 000A 79 C0 00 E0 00");
    const auto packets = parsed(octets, octets.size());
    REQUIRE(packets.size() == 5);
    for (std::size_t at = 0; at <= octets.size(); ++at) {
        StreamParser parser(roomy);
        std::vector<std::string> found;
        for (const Bytes piece : {Bytes(octets).first(at), Bytes(octets).subspan(at)}) {
            const Buffer block(piece.begin(), piece.end());
            parser.feed(block);
            for (auto raw = parser.next(); raw && *raw; raw = parser.next())
                found.push_back(text_of(**raw));
        }
        CAPTURE(at);
        CHECK((found == packets));
    }
}

TEST_CASE("an incomplete packet is waited for") {
    StreamParser parser(roomy);
    for (const auto* piece : {"", "30", "", "83", "00", "0001", ""}) {
        const Buffer block = hex(piece);
        parser.feed(block);
        const auto raw = parser.next();
        REQUIRE(raw.has_value());
        CHECK_FALSE(raw->has_value());
    }
    const Buffer last = hex("61 D0");
    parser.feed(last);
    const auto raw = parser.next();
    REQUIRE((raw && *raw));
    CHECK(text_of(**raw) == "30:000161");
    CHECK_FALSE(parser.next()->has_value());
}

TEST_CASE("a body stays valid until the next feed also when the parser is reset") {
    for (const std::size_t first : {std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
        const Buffer octets = hex("30 03 0001 61 30 03 0001 62 30 03");
        StreamParser parser(roomy);
        parser.feed(Bytes(octets).first(first));
        REQUIRE_FALSE(parser.next()->has_value());
        parser.feed(Bytes(octets).subspan(first));
        const auto a = parser.next();
        const auto b = parser.next();
        REQUIRE_FALSE(parser.next()->has_value());
        parser.reset();
        CAPTURE(first);
        CHECK(text_of(**a) == "30:000161");
        CHECK(text_of(**b) == "30:000162");
    }
}

TEST_CASE("reset forgets a packet that had begun and an error") {
    StreamParser parser(20);
    const Buffer begun = hex("30 05 0001");
    const Buffer bad = hex("30 FF FF FF FF");
    const Buffer whole = hex("D0 00");
    for (const Buffer& before : {begun, bad}) {
        parser.feed(before);
        const auto nothing = parser.next();
        CHECK((nothing.has_error() || !*nothing));
        parser.reset();
        CHECK_FALSE(parser.next()->has_value());
        parser.feed(whole);
        const auto raw = parser.next();
        REQUIRE((raw && *raw));
        CHECK(text_of(**raw) == "d0:");
    }
}

TEST_CASE("a Remaining Length of more than four octets is malformed") {
    const std::string error = "!" + make_error_code(CodecError::malformed).message();
    const Buffer octets = hex("D0 00 30 80 80 80 80 01 00");
    for (std::size_t chunk = 1; chunk <= octets.size(); ++chunk) {
        CAPTURE(chunk);
        CHECK((parsed(octets, chunk) == std::vector<std::string>{"d0:", error}));
    }
}

TEST_CASE("a packet over the maximum is refused as soon as its header is there") {
    const std::string error = "!" + make_error_code(CodecError::packet_too_large).message();
    // Header and body together are 10 octets, then 11.
    const Buffer fits = hex("30 08 0001 61 7878787878 D0 00");
    const Buffer larger = hex("30 09");
    const Buffer largest = hex("30 FF FF FF 7F");
    for (std::size_t chunk = 1; chunk <= fits.size(); ++chunk) {
        CAPTURE(chunk);
        CHECK((parsed(fits, chunk, 10) == std::vector<std::string>{"30:0001617878787878", "d0:"}));
        CHECK((parsed(larger, chunk, 10) == std::vector<std::string>{error}));
        CHECK((parsed(largest, chunk, 10) == std::vector<std::string>{error}));
    }
}

TEST_CASE("an error is given again until reset") {
    StreamParser parser(10);
    const Buffer larger = hex("30 7F 00");
    parser.feed(larger);
    CHECK(parser.next().has_error());
    CHECK(parser.next().has_error());
}

}  // namespace mqtt_stream_parser_test
