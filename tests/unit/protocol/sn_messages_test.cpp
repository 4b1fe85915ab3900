// One test per message of SN 5.4: its layout in both directions, and every size that it must not have.
#include "tests/support/hex.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "tests/unit/protocol/sn_frame.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

namespace sn_messages_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::CodecError;
using sn::MsgType;

namespace {

/// Totals are those of the 1-octet form.
using IsLegal = std::function<bool(std::size_t total)>;

IsLegal exactly(std::size_t total) {
    return [=](std::size_t each) { return each == total; };
}
IsLegal at_least(std::size_t total) {
    return [=](std::size_t each) { return each >= total; };
}

void check_vectors(MsgType type) {
    std::size_t count = 0;
    for (const auto& each : sn_vectors()) {
        if (sn::type_of(each.packet) != type) continue;
        CAPTURE(each.name);
        ++count;
        CHECK(to_hex(encoded(each.packet)) == to_hex(each.octets));
        for (const Buffer& octets : {each.octets, in_long_form(each.octets)}) {
            const Buffer frame = exact(octets);
            const auto packet = sn::decode(frame);
            REQUIRE(packet.has_value());
            CHECK(is_equal(*packet, each.packet));
        }
    }
    CHECK(count > 0);
}

/// Frames of the type whose body begins with `first` and goes on with zeros.
void check_totals(MsgType type, const IsLegal& is_legal, std::byte first = {}) {
    const auto check = [&](const Buffer& frame, std::size_t total_as_short) {
        CAPTURE(to_hex(Bytes(frame).first(std::min<std::size_t>(frame.size(), 8))), frame.size());
        const auto packet = sn::decode(frame);
        CHECK(packet.has_value() == is_legal(total_as_short));
        if (packet) {
            CHECK(sn::type_of(*packet) == type);
        } else {
            CHECK(packet.error() == CodecError::wrong_size);
        }
    };
    for (std::size_t size = 0; size <= 65531; size = size < 300 ? size + 1 : size + 9319) {
        Buffer body(size);
        if (size > 0) body[0] = first;
        if (size <= 253) check(short_frame(code_of(type), body), size + 2);
        check(long_frame(code_of(type), body), size + 2);
    }
}

/// A message whose wire image is known, in both directions.
void check_image(std::string_view octets, const sn::Packet& meaning) {
    CAPTURE(octets);
    const Buffer frame = exact(hex(octets));
    CHECK(to_hex(encoded(meaning)) == to_hex(frame));
    const auto packet = sn::decode(frame);
    REQUIRE(packet.has_value());
    CHECK(is_equal(*packet, meaning));
}

template <class PacketType>
PacketType decoded(std::string_view octets) {
    static Buffer frame;  // the packet looks into it
    frame = exact(hex(octets));
    const auto packet = sn::decode(frame);
    REQUIRE(packet.has_value());
    return std::get<PacketType>(*packet);
}

}  // namespace

TEST_CASE("ADVERTISE is GwId and Duration", "[SN12-5.4.1-a]") {
    check_vectors(MsgType::advertise);
    check_totals(MsgType::advertise, exactly(5));
    check_image("05 00 01 12 34", sn::Advertise{1, 0x1234});
}

TEST_CASE("SEARCHGW is Radius", "[SN12-5.4.2-a]") {
    check_vectors(MsgType::searchgw);
    check_totals(MsgType::searchgw, exactly(3));
    check_image("03 01 FF", sn::SearchGw{255});
}

TEST_CASE("GWINFO is GwId and in those of clients an address", "[SN12-5.4.3-a]") {
    check_vectors(MsgType::gwinfo);
    check_totals(MsgType::gwinfo, at_least(3));
    CHECK(decoded<sn::GwInfo>("03 02 07").gw_add.empty());
    CHECK(to_hex(decoded<sn::GwInfo>("04 02 07 00").gw_add) == "00");
}

TEST_CASE("CONNECT is Flags and ProtocolId and Duration and ClientId", "[SN12-5.4.4-a]") {
    check_vectors(MsgType::connect);
    check_totals(MsgType::connect, at_least(6));
    check_image("09 04 0C 01 12 34 61 62 63", sn::Connect{true, true, 1, 0x1234, "abc"});
}

TEST_CASE("CONNACK is ReturnCode", "[SN12-5.4.5-a]") {
    check_vectors(MsgType::connack);
    check_totals(MsgType::connack, exactly(3));
}

TEST_CASE("WILLTOPICREQ has nothing behind its type", "[SN12-5.4.6-a]") {
    check_vectors(MsgType::willtopicreq);
    check_totals(MsgType::willtopicreq, exactly(2));
}

TEST_CASE("WILLTOPIC is nothing or Flags and WillTopic", "[SN12-5.4.7-a]") {
    check_vectors(MsgType::willtopic);
    check_totals(MsgType::willtopic, at_least(2));
    check_image("05 07 50 61 62", sn::WillTopic{Qos::exactly_once, true, "ab"});
}

TEST_CASE("WILLTOPIC and WILLTOPICUPD with flags but no topic mean the empty form", "[SN12-5.4.7-b]") {
    CHECK(is_equal(decoded<sn::WillTopic>("03 07 50"), sn::WillTopic{}));
    CHECK(is_equal(decoded<sn::WillTopicUpd>("03 1A 50"), sn::WillTopicUpd{}));
    CHECK(to_hex(encoded(sn::WillTopic{Qos::exactly_once, true, ""})) == "0207");
    CHECK(to_hex(encoded(sn::WillTopicUpd{Qos::exactly_once, true, ""})) == "021a");
}

TEST_CASE("WILLMSGREQ has nothing behind its type", "[SN12-5.4.8-a]") {
    check_vectors(MsgType::willmsgreq);
    check_totals(MsgType::willmsgreq, exactly(2));
}

TEST_CASE("WILLMSG is the message", "[SN12-5.4.9-a]") {
    check_vectors(MsgType::willmsg);
    check_totals(MsgType::willmsg, at_least(2));
}

TEST_CASE("REGISTER is TopicId and MsgId and TopicName", "[SN12-5.4.10-a]") {
    check_vectors(MsgType::register_);
    check_totals(MsgType::register_, at_least(6));
    check_image("08 0A 12 34 56 78 61 62", sn::Register{0x1234, 0x5678, "ab"});
}

TEST_CASE("REGACK is TopicId and MsgId and ReturnCode without flags", "[SN12-5.4.11-a]") {
    check_vectors(MsgType::regack);
    check_totals(MsgType::regack, exactly(7));
    check_image("07 0B 12 34 56 78 02", sn::Regack{0x1234, 0x5678, sn::ReturnCode::invalid_topic_id});
}

TEST_CASE("PUBLISH is Flags and TopicId and MsgId and Data", "[SN12-5.4.12-a]") {
    check_vectors(MsgType::publish);
    check_totals(MsgType::publish, at_least(7));
    check_image("09 0C 20 12 34 56 78 00 FF", sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::normal,
                                                          0x1234, 0x5678, as_bytes(std::string_view("\0\xFF", 2))});
}

TEST_CASE("PUBACK is TopicId and MsgId and ReturnCode without flags", "[SN12-5.4.13-a]") {
    check_vectors(MsgType::puback);
    check_totals(MsgType::puback, exactly(7));
    check_image("07 0D 12 34 56 78 03", sn::Puback{0x1234, 0x5678, sn::ReturnCode::not_supported});
}

TEST_CASE("PUBCOMP is MsgId", "[SN12-5.4.14-a]") {
    check_vectors(MsgType::pubcomp);
    check_totals(MsgType::pubcomp, exactly(4));
    check_image("04 0E 12 34", sn::Pubcomp{0x1234});
}

TEST_CASE("PUBREC is MsgId", "[SN12-5.4.14-b]") {
    check_vectors(MsgType::pubrec);
    check_totals(MsgType::pubrec, exactly(4));
    check_image("04 0F 12 34", sn::Pubrec{0x1234});
}

TEST_CASE("PUBREL is MsgId", "[SN12-5.4.14-c]") {
    check_vectors(MsgType::pubrel);
    check_totals(MsgType::pubrel, exactly(4));
    check_image("04 10 12 34", sn::Pubrel{0x1234});
}

TEST_CASE("SUBSCRIBE is Flags and MsgId and a name", "[SN12-5.4.15-a]") {
    check_vectors(MsgType::subscribe);
    check_totals(MsgType::subscribe, at_least(5));
    check_image("08 12 20 56 78 61 62 63",
                sn::Subscribe{false, Qos::at_least_once, sn::TopicIdType::normal, 0x5678, 0, "abc"});
    // A name of two characters is not a short name.
    check_image("07 12 00 56 78 61 62",
                sn::Subscribe{false, Qos::at_most_once, sn::TopicIdType::normal, 0x5678, 0, "ab"});
}

TEST_CASE("SUBSCRIBE by predefined id or short name has exactly two octets of topic",
          "[SN12-5.4.15-a][SN12-5.4.15-c]") {
    check_totals(MsgType::subscribe, exactly(7), std::byte{0x01});
    check_totals(MsgType::subscribe, exactly(7), std::byte{0x62});
    check_image("07 12 01 56 78 12 34",
                sn::Subscribe{false, Qos::at_most_once, sn::TopicIdType::predefined, 0x5678, 0x1234, {}});
    check_image(
        "07 12 02 56 78 61 62",
        sn::Subscribe{false, Qos::at_most_once, sn::TopicIdType::short_name, 0x5678, sn::short_topic("ab"), {}});
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE of the reserved type come through to be answered") {
    check_totals(MsgType::subscribe, at_least(5), std::byte{0x03});
    check_totals(MsgType::unsubscribe, at_least(5), std::byte{0x03});
    const auto subscribe = decoded<sn::Subscribe>("07 12 03 00 06 61 62");
    CHECK(subscribe.msg_id == 6);
    CHECK(subscribe.type == sn::TopicIdType::reserved);
    CHECK(decoded<sn::Unsubscribe>("07 14 03 00 06 61 62").msg_id == 6);
}

TEST_CASE("SUBACK is Flags and TopicId and MsgId and ReturnCode", "[SN12-5.4.16-a]") {
    check_vectors(MsgType::suback);
    check_totals(MsgType::suback, exactly(8));
    check_image("08 13 20 12 34 56 78 01", sn::Suback{Qos::at_least_once, 0x1234, 0x5678, sn::ReturnCode::congestion});
}

TEST_CASE("UNSUBSCRIBE is Flags and MsgId and a topic", "[SN12-5.4.17-a]") {
    check_vectors(MsgType::unsubscribe);
    check_totals(MsgType::unsubscribe, at_least(5));
    check_totals(MsgType::unsubscribe, exactly(7), std::byte{0x01});
    check_totals(MsgType::unsubscribe, exactly(7), std::byte{0x02});
    check_image("08 14 00 56 78 61 62 63", sn::Unsubscribe{sn::TopicIdType::normal, 0x5678, 0, "abc"});
    check_image("07 14 01 56 78 12 34", sn::Unsubscribe{sn::TopicIdType::predefined, 0x5678, 0x1234, {}});
}

TEST_CASE("UNSUBACK is MsgId without a return code", "[SN12-5.4.18-a]") {
    check_vectors(MsgType::unsuback);
    check_totals(MsgType::unsuback, exactly(4));
    check_image("04 15 12 34", sn::Unsuback{0x1234});
}

TEST_CASE("PINGREQ is nothing or the ClientId of a waking client", "[SN12-5.4.19-a]") {
    check_vectors(MsgType::pingreq);
    check_totals(MsgType::pingreq, at_least(2));
    CHECK(decoded<sn::Pingreq>("02 16").client_id.empty());
}

TEST_CASE("PINGRESP has nothing behind its type", "[SN12-5.4.20-a]") {
    check_vectors(MsgType::pingresp);
    check_totals(MsgType::pingresp, exactly(2));
}

TEST_CASE("DISCONNECT is nothing or Duration", "[SN12-5.4.21-a]") {
    check_vectors(MsgType::disconnect);
    check_totals(MsgType::disconnect, [](std::size_t total) { return total == 2 || total == 4; });
    CHECK_FALSE(decoded<sn::Disconnect>("02 18").duration_s);
    CHECK(decoded<sn::Disconnect>("04 18 00 00").duration_s == std::uint16_t{0});
}

TEST_CASE("WILLTOPICUPD is nothing or Flags and WillTopic", "[SN12-5.4.22-a]") {
    check_vectors(MsgType::willtopicupd);
    check_totals(MsgType::willtopicupd, at_least(2));
    check_image("05 1A 50 61 62", sn::WillTopicUpd{Qos::exactly_once, true, "ab"});
}

TEST_CASE("WILLMSGUPD is the message", "[SN12-5.4.23-a]") {
    check_vectors(MsgType::willmsgupd);
    check_totals(MsgType::willmsgupd, at_least(2));
}

TEST_CASE("WILLTOPICRESP is ReturnCode", "[SN12-5.4.24-a]") {
    check_vectors(MsgType::willtopicresp);
    check_totals(MsgType::willtopicresp, exactly(3));
}

TEST_CASE("WILLMSGRESP is ReturnCode", "[SN12-5.4.25-a]") {
    check_vectors(MsgType::willmsgresp);
    check_totals(MsgType::willmsgresp, exactly(3));
}

TEST_CASE("types of fixed length have no other", "[SN12-5.4-a]") {
    struct Fixed {
        MsgType type;
        std::size_t total;
    };
    for (const auto& [type, total] : {Fixed{MsgType::advertise, 5},
                                      {MsgType::searchgw, 3},
                                      {MsgType::connack, 3},
                                      {MsgType::willtopicreq, 2},
                                      {MsgType::willmsgreq, 2},
                                      {MsgType::regack, 7},
                                      {MsgType::puback, 7},
                                      {MsgType::pubcomp, 4},
                                      {MsgType::pubrec, 4},
                                      {MsgType::pubrel, 4},
                                      {MsgType::suback, 8},
                                      {MsgType::unsuback, 4},
                                      {MsgType::pingresp, 2},
                                      {MsgType::willtopicresp, 3},
                                      {MsgType::willmsgresp, 3}}) {
        check_totals(type, exactly(total));
    }
}

TEST_CASE("types of variable length have a smallest one", "[SN12-5.4-b]") {
    CHECK(refusal(hex("06 0C 00 00 01 00")) == CodecError::wrong_size);
    CHECK(refusal(hex("05 0A 00 00 00")) == CodecError::wrong_size);
    CHECK(refusal(hex("04 12 00 00")) == CodecError::wrong_size);
    CHECK(refusal(hex("04 14 00 00")) == CodecError::wrong_size);
    CHECK(refusal(hex("05 04 04 01 00")) == CodecError::wrong_size);
    CHECK(refusal(hex("02 02")) == CodecError::wrong_size);
}

TEST_CASE("the reference vectors of the checklist are in the table") {
    for (const auto* octets :
         {"05 00 07 04 B0", "03 01 02", "03 02 07", "08 04 04 01 00 1E 63 31", "08 04 08 01 02 58 63 31", "02 07",
          "06 07 30 77 2F 74", "09 0A 00 00 00 01 61 2F 62", "07 0B 00 05 00 01 00", "08 0C 20 00 05 00 02 78",
          "08 0C 02 61 62 00 00 78", "08 0C 61 00 03 00 00 78", "08 12 40 00 03 61 2F 23", "08 13 40 00 00 00 03 00",
          "07 12 21 00 04 00 03", "02 18", "04 18 01 2C", "04 16 63 31"}) {
        CAPTURE(octets);
        CHECK(std::ranges::find(sn_vectors(), hex(octets), &SnVector::octets) != sn_vectors().end());
    }
    CHECK(std::ranges::find(forwarder_vectors(), hex("05 FE 00 0A 0B 02 17"), &ForwarderVector::octets) !=
          forwarder_vectors().end());
}

}  // namespace sn_messages_test
