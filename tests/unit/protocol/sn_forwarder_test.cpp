// Forwarder encapsulation (SN 5.5) on the wire.
#include "protocol/sn/forwarder.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "tests/unit/protocol/sn_frame.hpp"

#include <catch2/catch.hpp>

namespace sn_forwarder_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::CodecError;

namespace {

boost::system::error_code encapsulation_error(Bytes frame) {
    const auto outer = sn::decode_encapsulated(frame);
    return outer ? boost::system::error_code() : outer.error();
}

Buffer encapsulated(std::uint8_t radius, Bytes node_id, Bytes inner) {
    Buffer frame;
    sn::append_encapsulation(radius, node_id, frame);
    frame.insert(frame.end(), inner.begin(), inner.end());
    return exact(frame);
}

}  // namespace

TEST_CASE("the encapsulation is Ctrl and node id in front of a whole message", "[SN12-5.5-a]") {
    for (const auto& each : forwarder_vectors()) {
        CAPTURE(each.name);
        const Buffer frame = exact(each.octets);
        CHECK(sn::is_encapsulated(frame));
        const auto outer = sn::decode_encapsulated(frame);
        REQUIRE(outer.has_value());
        CHECK(outer->radius == each.radius);
        CHECK(to_hex(outer->node_id) == to_hex(each.node_id));
        CHECK(to_hex(outer->inner) == to_hex(each.inner));
        CHECK(to_hex(encapsulated(each.radius, each.node_id, each.inner)) == to_hex(each.octets));
    }
}

TEST_CASE("the length of the encapsulation ends with the node id", "[SN12-5.5-b]") {
    for (std::size_t size = 1; size <= 252; ++size) {
        const Buffer node_id(size, std::byte{0xAB});
        const auto frame = encapsulated(0, node_id, hex("02 16"));
        CAPTURE(size);
        REQUIRE(static_cast<std::size_t>(frame[0]) == size + 3);
        const auto outer = sn::decode_encapsulated(frame);
        REQUIRE(outer.has_value());
        CHECK(to_hex(outer->node_id) == to_hex(node_id));
        CHECK(to_hex(outer->inner) == "0216");
    }
}

TEST_CASE("an encapsulation without node id or in the 3-octet form is refused", "[SN12-5.5-c]") {
    for (const auto* bad : {"03 FE 00 02 16", "02 FE 02 16", "01 FE 00 0A 02 16", "00 FE 00 0A 02 16",
                            "01 00 06 FE 00 0A 02 16", "01 00 08 FE 00 0A 02 16"}) {
        CAPTURE(bad);
        CHECK(encapsulation_error(exact(hex(bad))) == CodecError::bad_encapsulation);
    }
    CHECK_FALSE(sn::is_encapsulated({}));
    CHECK_FALSE(sn::is_encapsulated(hex("FE")));
    CHECK_FALSE(sn::is_encapsulated(hex("01 00 06 FE 00 0A")));
    CHECK_FALSE(sn::is_encapsulated(hex("02 16")));
    CHECK(encapsulation_error({}) == CodecError::bad_encapsulation);
    CHECK(encapsulation_error(hex("02 16")) == CodecError::bad_encapsulation);
}

TEST_CASE("an inner message that is missing or of another size is refused", "[SN12-5.5-c]") {
    for (const auto* inner : {"", "00", "01", "02", "01 00", "01 00 04", "03 16", "02 16 00", "02 16 02 16",
                              "01 00 05 16", "01 00 03 16", "01 00 00 16"}) {
        CAPTURE(inner);
        CHECK(encapsulation_error(encapsulated(0, hex("0A"), hex(inner))) == CodecError::bad_encapsulation);
    }
}

TEST_CASE("an encapsulation cut off anywhere is refused", "[SN12-5.5-c]") {
    for (const auto& each : forwarder_vectors()) {
        // Cut behind the second header the message is whole for the first one; who unwraps the second one notices.
        const bool is_nested = sn::is_encapsulated(each.inner);
        CAPTURE(each.name);
        for (std::size_t size = 0; size < each.octets.size(); ++size) {
            const Buffer frame = exact(Bytes(each.octets).first(size));
            CAPTURE(size);
            const auto outer = sn::decode_encapsulated(frame);
            if (is_nested && outer) {
                CHECK(encapsulation_error(exact(outer->inner)) == CodecError::bad_encapsulation);
            } else {
                CHECK_FALSE(outer.has_value());
            }
        }
    }
}

TEST_CASE("the inner message has its own Length form and every type", "[SN12-5.5-d]") {
    for (const auto& each : sn_vectors()) {
        CAPTURE(each.name);
        for (const Buffer& inner : {each.octets, in_long_form(each.octets)}) {
            const Buffer frame = encapsulated(0, hex("0A 0B"), inner);
            const auto outer = sn::decode_encapsulated(frame);
            REQUIRE(outer.has_value());
            const auto packet = sn::decode(outer->inner);
            REQUIRE(packet.has_value());
            CHECK(is_equal(*packet, each.packet));
        }
    }
}

TEST_CASE("node ids are opaque octets whose length counts") {
    for (const auto* node_id : {"00", "00 00", "0A 00", "0A", "FE 01 02", "FF"}) {
        const Buffer frame = encapsulated(0, hex(node_id), hex("02 16"));
        const auto outer = sn::decode_encapsulated(frame);
        REQUIRE(outer.has_value());
        CHECK(to_hex(outer->node_id) == to_hex(hex(node_id)));
    }
}

TEST_CASE("reserved bits of Ctrl are sent as zero and ignored", "[SN12-5.5-f]") {
    for (unsigned ctrl = 0; ctrl <= 0xFF; ++ctrl) {
        Buffer frame = exact(hex("05 FE 00 0A 0B 02 17"));
        frame[2] = static_cast<std::byte>(ctrl);
        CAPTURE(ctrl);
        const auto outer = sn::decode_encapsulated(frame);
        REQUIRE(outer.has_value());
        CHECK(outer->radius == (ctrl & 3U));
        CHECK(to_hex(outer->node_id) == "0a0b");
        CHECK(to_hex(outer->inner) == "0217");
        const auto written = encapsulated(static_cast<std::uint8_t>(ctrl), hex("0A 0B"), hex("02 17"));
        CHECK((written[2] & std::byte{0xFC}) == std::byte{});
    }
}

TEST_CASE("a nested encapsulation is unwrapped one header at a time") {
    const Buffer frame = exact(hex("04 FE 00 0A 05 FE 00 0B 0C 02 17"));
    const auto outer = sn::decode_encapsulated(frame);
    REQUIRE(outer.has_value());
    CHECK(sn::is_encapsulated(outer->inner));
    // Who allows no nesting decodes the inner message and refuses it.
    CHECK(refusal(outer->inner));
    const auto second = sn::decode_encapsulated(outer->inner);
    REQUIRE(second.has_value());
    CHECK(to_hex(second->node_id) == "0b0c");
    CHECK(to_hex(second->inner) == "0217");
}

TEST_CASE("any octet of an encapsulation replaced by any value is refused or rebuilt the same") {
    for (const auto& each : forwarder_vectors()) {
        if (each.octets.size() > 16) continue;
        for (std::size_t at = 0; at < each.octets.size(); ++at) {
            for (unsigned value = 0; value <= 0xFF; ++value) {
                Buffer frame = exact(each.octets);
                frame[at] = static_cast<std::byte>(value);
                const auto outer = sn::decode_encapsulated(frame);
                if (!outer) continue;
                const auto again = encapsulated(outer->radius, outer->node_id, outer->inner);
                frame[2] &= std::byte{3};
                CHECK(to_hex(again) == to_hex(frame));
            }
        }
    }
}

}  // namespace sn_forwarder_test
