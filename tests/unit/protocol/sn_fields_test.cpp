// The common fields of MQTT-SN messages (SN 5.3): flags, durations, texts, and hostile values in each octet.
#include "tests/support/hex.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "tests/unit/protocol/sn_frame.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace sn_fields_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::MsgType;
using sn::TopicIdType;

namespace {

/// A message with Flags, all zero, and the flag bits that it uses.
struct WithFlags {
    std::string_view octets;
    std::uint8_t used;
};
constexpr std::array with_flags{
    WithFlags{"07 04 00 01 00 1E 63", 0x0C},
    WithFlags{"04 07 00 77", 0x70},
    WithFlags{"08 0C 00 00 05 00 02 78", 0xF3},
    WithFlags{"07 12 00 00 03 61 62", 0xE3},
    WithFlags{"08 13 00 00 01 00 03 00", 0x60},
    WithFlags{"07 14 00 00 03 61 62", 0x03},
    WithFlags{"04 1A 00 77", 0x70},
};

Buffer with_flag_octet(std::string_view octets, unsigned flags) {
    Buffer frame = exact(hex(octets));
    frame[2] = static_cast<std::byte>(flags);
    return frame;
}

template <class PacketType>
PacketType decoded(const Buffer& frame) {
    const auto packet = sn::decode(frame);
    REQUIRE(packet.has_value());
    return std::get<PacketType>(*packet);
}

}  // namespace

TEST_CASE("each flag of PUBLISH has its bits", "[SN12-5.3.4-a]") {
    for (unsigned flags = 0; flags <= 0xFF; ++flags) {
        const auto frame = with_flag_octet("07 0C 00 00 05 00 02", flags);
        const auto packet = decoded<sn::Publish>(frame);
        CAPTURE(flags);
        CHECK(packet.dup == ((flags & 0x80U) != 0));
        const std::array qos{Qos::at_most_once, Qos::at_least_once, Qos::exactly_once, Qos::minus_one};
        CHECK(packet.qos == qos[(flags & 0x60U) >> 5U]);
        CHECK(packet.retain == ((flags & 0x10U) != 0));
        const std::array types{TopicIdType::normal, TopicIdType::predefined, TopicIdType::short_name,
                               TopicIdType::reserved};
        CHECK(packet.type == types[flags & 0x03U]);
    }
}

TEST_CASE("will and clean session of CONNECT have their bits", "[SN12-5.3.4-a]") {
    for (unsigned flags = 0; flags <= 0xFF; ++flags) {
        const auto frame = with_flag_octet("07 04 00 01 00 1E 63", flags);
        const auto packet = decoded<sn::Connect>(frame);
        CAPTURE(flags);
        CHECK(packet.will == ((flags & 0x08U) != 0));
        CHECK(packet.clean_session == ((flags & 0x04U) != 0));
    }
}

TEST_CASE("flag bits that a message does not use are ignored and sent as zero", "[SN12-5.3.4-b][SN12-5.3.4-c]") {
    for (const auto& [octets, used] : with_flags) {
        for (unsigned flags = 0; flags <= 0xFF; ++flags) {
            CAPTURE(octets, flags);
            const auto dirty = with_flag_octet(octets, flags);
            const auto clean = with_flag_octet(octets, flags & used);
            const auto packet = sn::decode(dirty);
            REQUIRE(packet.has_value());
            CHECK(is_equal(*packet, sn::decode(clean).value()));
            const bool is_reserved_topic =
                (flags & used & 3U) == 3 && sn::type_of(*packet) != MsgType::publish;  // its topic is dropped
            if (!is_reserved_topic) CHECK(to_hex(encoded(*packet)) == to_hex(clean));
        }
    }
}

TEST_CASE("durations are unsigned seconds of 16 bits", "[SN12-5.3.3-a]") {
    for (const unsigned seconds : {0U, 1U, 0x00FFU, 0x0100U, 0x7FFFU, 0x8000U, 0xFFFEU, 0xFFFFU}) {
        const auto value = static_cast<std::uint16_t>(seconds);
        const auto high = static_cast<std::byte>(seconds >> 8U);
        const auto low = static_cast<std::byte>(seconds & 0xFFU);
        CAPTURE(seconds);

        const auto advertise = encoded(sn::Advertise{1, value});
        CHECK((advertise[3] == high && advertise[4] == low));
        CHECK(decoded<sn::Advertise>(advertise).duration_s == seconds);

        const auto connect = encoded(sn::Connect{false, false, 1, value, "c"});
        CHECK((connect[4] == high && connect[5] == low));
        CHECK(decoded<sn::Connect>(connect).duration_s == seconds);

        const auto disconnect = encoded(sn::Disconnect{value});
        CHECK((disconnect[2] == high && disconnect[3] == low));
        CHECK(decoded<sn::Disconnect>(disconnect).duration_s == value);
    }
}

TEST_CASE("client ids and names come through octet by octet") {
    for (const std::string_view text :
         {std::string_view("a\0b", 3), std::string_view("\xC3\xA4\xF0\x9F\x98\x80"), std::string_view("\xFF\xFE"),
          std::string_view("+/#"), std::string_view("A"), std::string_view("a")}) {
        const auto connect = encoded(sn::Connect{false, true, 1, 10, text});
        CHECK(decoded<sn::Connect>(connect).client_id == text);
        const auto ping = encoded(sn::Pingreq{text});
        CHECK(decoded<sn::Pingreq>(ping).client_id == text);
        const auto registration = encoded(sn::Register{0, 1, text});
        CHECK(decoded<sn::Register>(registration).topic_name == text);
        const auto will = encoded(sn::WillTopic{Qos::at_most_once, false, text});
        CHECK(decoded<sn::WillTopic>(will).topic == text);
    }
}

TEST_CASE("data of any octets comes through unchanged") {
    Buffer all;
    for (unsigned value = 0; value <= 0xFF; ++value)
        all.push_back(static_cast<std::byte>(value));
    const auto publish = encoded(sn::Publish{false, Qos::at_most_once, false, TopicIdType::normal, 1, 0, all});
    CHECK(as_text(decoded<sn::Publish>(publish).data) == as_text(all));
    const auto will = encoded(sn::WillMsg{all});
    CHECK(as_text(decoded<sn::WillMsg>(will).message) == as_text(all));
    const auto update = encoded(sn::WillMsgUpd{all});
    CHECK(as_text(decoded<sn::WillMsgUpd>(update).message) == as_text(all));
}

TEST_CASE("return codes without a meaning come through to be judged") {
    for (unsigned code = 0; code <= 0xFF; ++code) {
        const auto value = static_cast<sn::ReturnCode>(code);
        for (const sn::Packet& packet :
             {sn::Packet(sn::Connack{value}), sn::Packet(sn::Regack{1, 2, value}), sn::Packet(sn::Puback{1, 2, value}),
              sn::Packet(sn::Suback{Qos::at_most_once, 1, 2, value}), sn::Packet(sn::WillTopicResp{value}),
              sn::Packet(sn::WillMsgResp{value})}) {
            const auto frame = encoded(packet);
            CAPTURE(to_hex(frame));
            CHECK(is_equal(sn::decode(frame).value(), packet));
        }
    }
}

TEST_CASE("the two characters of a short name travel in the TopicId field in order") {
    CHECK(sn::short_topic("ab") == 0x6162);
    CHECK(sn::short_topic("\xC3\xA4") == 0xC3A4);
    CHECK(to_hex(encoded(
              sn::Publish{false, Qos::at_most_once, false, TopicIdType::short_name, sn::short_topic("ab"), 0, {}})) ==
          "070c0261620000");
}

TEST_CASE("the lowest and the highest topic id are reserved") {
    CHECK(sn::is_reserved(0x0000));
    CHECK(sn::is_reserved(0xFFFF));
    CHECK_FALSE(sn::is_reserved(0x0001));
    CHECK_FALSE(sn::is_reserved(0xFFFE));
}

TEST_CASE("any octet replaced by any value is refused or gives a message that is written the same way again") {
    for (const auto& each : sn_vectors()) {
        if (each.octets.size() > 16) continue;
        for (const Buffer& whole : {each.octets, in_long_form(each.octets)}) {
            for (std::size_t at = 0; at < whole.size(); ++at) {
                for (unsigned value = 0; value <= 0xFF; ++value) {
                    Buffer frame = exact(whole);
                    frame[at] = static_cast<std::byte>(value);
                    const auto packet = sn::decode(frame);
                    if (!packet) continue;
                    const auto again = encoded(*packet);
                    const auto second = sn::decode(again);
                    // A CHECK for each of these many frames would take seconds.
                    if (!second || !is_equal(*packet, *second) || again.size() > frame.size()) FAIL(to_hex(frame));
                }
            }
        }
    }
}

}  // namespace sn_fields_test
