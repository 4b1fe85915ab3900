// The header of MQTT-SN messages (SN 5.2): both forms of Length, and everything that a datagram can get wrong.
#include "tests/support/hex.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "tests/unit/protocol/sn_frame.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace sn_header_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::CodecError;
using sn::MsgType;

namespace {

constexpr std::size_t longest_frame = 65535;

sn::Publish publish_of(Bytes data) {
    return {false, Qos::at_most_once, false, sn::TopicIdType::normal, 1, 0, data};
}

std::size_t total_in_header(Bytes frame) {
    if (frame[0] != std::byte{1}) return static_cast<std::size_t>(frame[0]);
    return (static_cast<std::size_t>(frame[1]) << 8U) | static_cast<std::size_t>(frame[2]);
}

std::set<std::uint8_t> known_types() {
    std::set<std::uint8_t> codes;
    for (const auto& each : sn_vectors())
        codes.insert(code_of(sn::type_of(each.packet)));
    return codes;
}

}  // namespace

TEST_CASE("octet 0 from 0x02 on is the whole length and octet 1 the type", "[SN12-5.2.1-a]") {
    for (std::size_t body = 0; body <= 253; ++body) {
        const Buffer octets(body, std::byte{'x'});
        const auto frame = short_frame(code_of(MsgType::willmsg), octets);
        CAPTURE(body);
        REQUIRE(total_in_header(frame) == frame.size());
        const auto packet = sn::decode(frame);
        REQUIRE(packet.has_value());
        CHECK(as_text(std::get<sn::WillMsg>(*packet).message) == as_text(octets));
    }
}

TEST_CASE("octet 0 of 0x01 puts the length in octets 1 and 2 and the type in octet 3", "[SN12-5.2.1-b]") {
    for (const std::size_t body : {0U, 1U, 251U, 252U, 253U, 254U, 255U, 256U, 508U, 4096U}) {
        const Buffer octets(body, std::byte{'x'});
        const auto frame = long_frame(code_of(MsgType::willmsg), octets);
        CAPTURE(body);
        const auto packet = sn::decode(frame);
        REQUIRE(packet.has_value());
        CHECK(as_text(std::get<sn::WillMsg>(*packet).message) == as_text(octets));
    }
}

TEST_CASE("every message means the same with a 3-octet Length", "[SN12-5.2.1-c]") {
    CHECK(std::holds_alternative<sn::Pingreq>(sn::decode(hex("01 00 04 16")).value()));
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        const auto frame = exact(in_long_form(each.octets));
        REQUIRE(frame[0] == std::byte{1});
        const auto packet = sn::decode(frame);
        REQUIRE(packet.has_value());
        CHECK(is_equal(*packet, each.packet));
        // The answer never uses the longer form without need.
        CHECK(to_hex(encoded(*packet)) == to_hex(each.octets));
    }
}

TEST_CASE("the 1-octet form is sent up to a total of 255 and the 3-octet form beyond", "[SN12-5.2.1-d]") {
    // What follows Length: type, flags, topic id, MsgId, data.
    for (std::size_t rest = 6; rest <= 600; ++rest) {
        const Buffer data(rest - 6, std::byte{'x'});
        const auto frame = encoded(publish_of(data));
        CAPTURE(rest);
        REQUIRE(frame.size() == (rest <= 254 ? rest + 1 : rest + 3));
        CHECK((frame[0] == std::byte{1}) == (rest > 254));
        CHECK(total_in_header(frame) == frame.size());
        CHECK(is_equal(sn::decode(exact(frame)).value(), publish_of(data)));
    }
    CHECK(encoded(publish_of(Buffer(247))).size() == 254);
    CHECK(encoded(publish_of(Buffer(248))).size() == 255);
    CHECK(encoded(publish_of(Buffer(249))).size() == 258);
}

TEST_CASE("a message of 65535 octets is read and written", "[SN12-5.2.1-e]") {
    const Buffer data(longest_frame - 9, std::byte{0xA5});
    const auto frame = encoded(publish_of(data));
    REQUIRE(frame.size() == longest_frame);
    CHECK(to_hex(Bytes(frame).first(4)) == "01ffff0c");
    CHECK(is_equal(sn::decode(exact(frame)).value(), publish_of(data)));
}

TEST_CASE("an impossible Length or a cut-off header is refused", "[SN12-5.2.1-f]") {
    CHECK(refusal({}) == CodecError::empty);
    for (const auto* bad : {"00", "00 16", "00 00 00 00", "01", "01 00", "01 00 04", "01 00 00 16", "01 00 01 16",
                            "01 00 02 16", "01 00 03 16"}) {
        CAPTURE(bad);
        CHECK(refusal(hex(bad)) == CodecError::bad_length);
    }
    CHECK(refusal(hex("02")) == CodecError::length_mismatch);
    CHECK(refusal(hex("FF")) == CodecError::length_mismatch);
}

TEST_CASE("a message cut off anywhere is refused", "[SN12-5.2.1-g]") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        for (const Buffer& whole : {each.octets, in_long_form(each.octets)}) {
            for (std::size_t size = 0; size < whole.size(); ++size) {
                CAPTURE(size);
                const auto error = refusal(exact(Bytes(whole).first(size)));
                CHECK(error);
                if (size >= 4) CHECK(error == CodecError::length_mismatch);
            }
        }
    }
}

TEST_CASE("octets behind the message or a second message make the datagram refused", "[SN12-5.2.1-g]") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        for (const Buffer& whole : {each.octets, in_long_form(each.octets)}) {
            for (const auto* tail : {"00", "02 16", "FF FF FF"}) {
                Buffer longer = whole;
                for (const std::byte octet : hex(tail))
                    longer.push_back(octet);
                CHECK(refusal(exact(longer)) == CodecError::length_mismatch);
            }
        }
    }
}

TEST_CASE("a Length one too small or too large is refused", "[SN12-5.2.1-g]") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        for (const int step : {-1, 1}) {
            Buffer frame = exact(in_long_form(each.octets));
            const auto total = static_cast<std::size_t>(static_cast<int>(frame.size()) + step);
            frame[1] = static_cast<std::byte>(total >> 8U);
            frame[2] = static_cast<std::byte>(total & 0xFFU);
            CHECK(refusal(frame));
        }
        if (each.octets[0] == std::byte{1}) continue;
        for (unsigned length = 0; length <= 255; ++length) {
            if (length == each.octets.size()) continue;
            Buffer frame = exact(each.octets);
            frame[0] = static_cast<std::byte>(length);
            CAPTURE(length);
            CHECK(refusal(frame));
        }
    }
}

TEST_CASE("the type codes are those of the specification", "[SN12-5.2.2-a]") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        const std::size_t at = each.octets[0] == std::byte{1} ? 3 : 1;
        CHECK(code_of(sn::type_of(each.packet)) == static_cast<std::uint8_t>(each.octets[at]));
        CHECK(each.name.starts_with(sn::name_of(sn::type_of(each.packet))));
    }
    CHECK(known_types().size() == std::variant_size_v<sn::Packet>);
    // Not the order of MQTT.
    CHECK(code_of(MsgType::pubcomp) == 0x0E);
    CHECK(code_of(MsgType::pubrec) == 0x0F);
    CHECK(code_of(MsgType::pubrel) == 0x10);
    CHECK(sn::name_of(MsgType::encapsulated) == "encapsulated");
}

TEST_CASE("reserved types are refused whatever their size", "[SN12-5.2.2-b]") {
    const auto known = known_types();
    for (unsigned code = 0; code <= 0xFF; ++code) {
        const auto type = static_cast<std::uint8_t>(code);
        const bool is_reserved = type == 0x03 || type == 0x11 || type == 0x19 || type >= 0x1E;
        CAPTURE(code);
        CHECK(known.contains(type) == !is_reserved);
        if (!is_reserved) continue;
        for (std::size_t size = 0; size < 12; ++size) {
            CHECK(refusal(short_frame(type, Buffer(size))) == CodecError::reserved_type);
            CHECK(refusal(long_frame(type, Buffer(size))) == CodecError::reserved_type);
        }
        if (code != 0xFE) CHECK(sn::name_of(static_cast<MsgType>(code)) == "reserved");
    }
}

TEST_CASE("a frame over the limit is not written and what was there stays") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        Buffer out = hex("AA BB");
        for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, each.octets.size() - 1}) {
            const auto refused = sn::encode(each.packet, limit, out);
            REQUIRE(refused.has_error());
            CHECK(refused.error() == CodecError::too_long);
            CHECK(to_hex(out) == "aabb");
        }
        REQUIRE(sn::encode(each.packet, each.octets.size(), out).has_value());
        CHECK(to_hex(out) == "aabb" + to_hex(each.octets));
    }
}

TEST_CASE("a frame that no Length can hold is not written") {
    Buffer out;
    const Buffer data(longest_frame - 8, std::byte{});
    CHECK(sn::encode(publish_of(data), 1'000'000, out).error() == CodecError::too_long);
    CHECK(out.empty());
    // 254 octets behind Length fit 255; one more needs two octets of Length more.
    CHECK(sn::encode(publish_of(Buffer(249)), 257, out).error() == CodecError::too_long);
    CHECK(sn::encode(publish_of(Buffer(249)), 258, out).has_value());
}

TEST_CASE("every error of the codec says what is wrong") {
    std::set<std::string> messages;
    for (int value = 1; value <= static_cast<int>(CodecError::too_long); ++value) {
        const auto error = make_error_code(static_cast<CodecError>(value));
        CHECK(error.message() != "unknown error");
        messages.insert(error.message());
    }
    CHECK(messages.size() == static_cast<std::size_t>(CodecError::too_long));
    CHECK(boost::system::error_code(0x7F, sn::codec_category()).message() == "unknown error");
}

}  // namespace sn_header_test
