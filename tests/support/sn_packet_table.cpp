#include "tests/support/sn_packet_table.hpp"

#include "tests/support/hex.hpp"

#include <string>
#include <tuple>

namespace mqttsn::test {

namespace {

using sn::ReturnCode;
using sn::TopicIdType;

const std::string fill(1000, 'x');

std::string_view xs(std::size_t count) {
    return std::string_view(fill).substr(0, count);
}
Bytes x_octets(std::size_t count) {
    return as_bytes(xs(count));
}

/// Hex digits, then `count` times 'x'.
Buffer with_xs(std::string_view digits, std::size_t count) {
    Buffer octets = hex(digits);
    octets.insert(octets.end(), count, std::byte{'x'});
    return octets;
}

Buffer joined(Buffer first, const Buffer& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

std::vector<SnVector> connection_vectors() {
    return {
        {"ADVERTISE, gateway 7, 1200 s", hex("05 00 07 04 B0"), sn::Advertise{7, 1200},
         "ADVERTISE gw_id=7 duration_s=1200"},
        {"ADVERTISE, gateway 255, longest duration", hex("05 00 FF FF FF"), sn::Advertise{255, 65535},
         "ADVERTISE gw_id=255 duration_s=65535"},
        {"SEARCHGW, radius 2", hex("03 01 02"), sn::SearchGw{2}, "SEARCHGW radius=2"},
        {"SEARCHGW, whole network", hex("03 01 00"), sn::SearchGw{0}, "SEARCHGW radius=0"},
        {"GWINFO from gateway 7", hex("03 02 07"), sn::GwInfo{7, {}}, "GWINFO gw_id=7"},
        {"GWINFO from a client, address 0A 0B", hex("05 02 07 0A 0B"), sn::GwInfo{7, as_bytes("\x0A\x0B")},
         "GWINFO gw_id=7 gw_add=0a0b"},
        {"CONNECT, clean, 30 s, c1", hex("08 04 04 01 00 1E 63 31"), sn::Connect{false, true, 1, 30, "c1"},
         "CONNECT clean_session duration_s=30 client_id=\"c1\""},
        {"CONNECT, will, 600 s, c1", hex("08 04 08 01 02 58 63 31"), sn::Connect{true, false, 1, 600, "c1"},
         "CONNECT will duration_s=600 client_id=\"c1\""},
        {"CONNECT, empty id", hex("06 04 04 01 00 00"), sn::Connect{false, true, 1, 0, ""},
         "CONNECT clean_session duration_s=0 client_id=\"\""},
        {"CONNECT, foreign protocol id", hex("07 04 0C 02 80 00 63"), sn::Connect{true, true, 2, 32768, "c"},
         "CONNECT will clean_session protocol_id=2 duration_s=32768 client_id=\"c\""},
        {"CONNACK, accepted", hex("03 05 00"), sn::Connack{ReturnCode::accepted}, "CONNACK return_code=accepted(0)"},
        {"CONNACK, not supported", hex("03 05 03"), sn::Connack{ReturnCode::not_supported},
         "CONNACK return_code=not_supported(3)"},
        {"CONNACK, reserved code", hex("03 05 FF"), sn::Connack{static_cast<ReturnCode>(0xFF)},
         "CONNACK return_code=reserved(255)"},
        {"WILLTOPICREQ", hex("02 06"), sn::WillTopicReq{}, "WILLTOPICREQ"},
        {"WILLTOPIC, empty", hex("02 07"), sn::WillTopic{}, "WILLTOPIC will_topic=\"\""},
        {"WILLTOPIC, QoS 1, retain, w/t", hex("06 07 30 77 2F 74"), sn::WillTopic{Qos::at_least_once, true, "w/t"},
         "WILLTOPIC qos=1 retain will_topic=\"w/t\""},
        {"WILLTOPIC, QoS 2, w", hex("04 07 40 77"), sn::WillTopic{Qos::exactly_once, false, "w"},
         "WILLTOPIC qos=2 will_topic=\"w\""},
        {"WILLMSGREQ", hex("02 08"), sn::WillMsgReq{}, "WILLMSGREQ"},
        {"WILLMSG, gone", hex("06 09 67 6F 6E 65"), sn::WillMsg{as_bytes("gone")}, "WILLMSG will_msg=\"gone\""},
        {"WILLMSG, empty", hex("02 09"), sn::WillMsg{}, "WILLMSG will_msg=\"\""},
        {"REGISTER from client, MsgId 1, a/b", hex("09 0A 00 00 00 01 61 2F 62"), sn::Register{0, 1, "a/b"},
         "REGISTER msg_id=1 topic_name=\"a/b\""},
        {"REGISTER from gateway, id 0x1234", hex("07 0A 12 34 FF FE 61"), sn::Register{0x1234, 0xFFFE, "a"},
         "REGISTER topic_id=4660 msg_id=65534 topic_name=\"a\""},
        {"REGISTER without a name", hex("06 0A 00 00 00 01"), sn::Register{0, 1, ""},
         "REGISTER msg_id=1 topic_name=\"\""},
        {"REGACK, id 5, MsgId 1, accepted", hex("07 0B 00 05 00 01 00"), sn::Regack{5, 1, ReturnCode::accepted},
         "REGACK topic_id=5 msg_id=1 return_code=accepted(0)"},
        {"REGACK, id 0x8001, congestion", hex("07 0B 80 01 FF FF 01"),
         sn::Regack{0x8001, 65535, ReturnCode::congestion},
         "REGACK topic_id=32769 msg_id=65535 return_code=congestion(1)"},
    };
}

std::vector<SnVector> message_vectors() {
    return {
        {"PUBLISH, QoS 1, id 5, MsgId 2, x", hex("08 0C 20 00 05 00 02 78"),
         sn::Publish{false, Qos::at_least_once, false, TopicIdType::normal, 5, 2, as_bytes("x")},
         "PUBLISH qos=1 topic_id=5 msg_id=2 data=\"x\""},
        {"PUBLISH, QoS 0, short name ab, x", hex("08 0C 02 61 62 00 00 78"),
         sn::Publish{false, Qos::at_most_once, false, TopicIdType::short_name, 0x6162, 0, as_bytes("x")},
         "PUBLISH qos=0 topic_id_type=short(2) topic_name=\"ab\" data=\"x\""},
        {"PUBLISH, QoS -1, predefined id 3, x", hex("08 0C 61 00 03 00 00 78"),
         sn::Publish{false, Qos::minus_one, false, TopicIdType::predefined, 3, 0, as_bytes("x")},
         "PUBLISH qos=-1 topic_id_type=predefined(1) topic_id=3 data=\"x\""},
        {"PUBLISH, every flag, no data", hex("07 0C D3 FF FE 01 02"),
         sn::Publish{true, Qos::exactly_once, true, TopicIdType::reserved, 0xFFFE, 0x0102, {}},
         "PUBLISH dup qos=2 retain topic_id_type=reserved(3) topic_id=65534 msg_id=258 data=\"\""},
        {"PUBACK, id 5, MsgId 2, accepted", hex("07 0D 00 05 00 02 00"), sn::Puback{5, 2, ReturnCode::accepted},
         "PUBACK topic_id=5 msg_id=2 return_code=accepted(0)"},
        {"PUBACK, invalid topic id", hex("07 0D 01 00 00 00 02"), sn::Puback{256, 0, ReturnCode::invalid_topic_id},
         "PUBACK topic_id=256 msg_id=0 return_code=invalid_topic_id(2)"},
        {"PUBCOMP, MsgId 3", hex("04 0E 00 03"), sn::Pubcomp{3}, "PUBCOMP msg_id=3"},
        {"PUBCOMP, MsgId 65535", hex("04 0E FF FF"), sn::Pubcomp{65535}, "PUBCOMP msg_id=65535"},
        {"PUBREC, MsgId 3", hex("04 0F 00 03"), sn::Pubrec{3}, "PUBREC msg_id=3"},
        {"PUBREC, MsgId 256", hex("04 0F 01 00"), sn::Pubrec{256}, "PUBREC msg_id=256"},
        {"PUBREL, MsgId 3", hex("04 10 00 03"), sn::Pubrel{3}, "PUBREL msg_id=3"},
        {"PUBREL, MsgId 256", hex("04 10 01 00"), sn::Pubrel{256}, "PUBREL msg_id=256"},
        {"SUBSCRIBE, QoS 2, a/#, MsgId 3", hex("08 12 40 00 03 61 2F 23"),
         sn::Subscribe{false, Qos::exactly_once, TopicIdType::normal, 3, 0, "a/#"},
         "SUBSCRIBE qos=2 msg_id=3 topic_name=\"a/#\""},
        {"SUBSCRIBE, QoS 1, predefined id 3, MsgId 4", hex("07 12 21 00 04 00 03"),
         sn::Subscribe{false, Qos::at_least_once, TopicIdType::predefined, 4, 3, {}},
         "SUBSCRIBE qos=1 topic_id_type=predefined(1) msg_id=4 topic_id=3"},
        {"SUBSCRIBE, QoS 0, short name ab, DUP", hex("07 12 82 00 05 61 62"),
         sn::Subscribe{true, Qos::at_most_once, TopicIdType::short_name, 5, 0x6162, {}},
         "SUBSCRIBE dup qos=0 topic_id_type=short(2) msg_id=5 topic_name=\"ab\""},
        {"SUBSCRIBE, reserved topic id type", hex("05 12 03 00 06"),
         sn::Subscribe{false, Qos::at_most_once, TopicIdType::reserved, 6, 0, {}},
         "SUBSCRIBE qos=0 topic_id_type=reserved(3) msg_id=6"},
        {"SUBACK, QoS 2, id 0, MsgId 3, accepted", hex("08 13 40 00 00 00 03 00"),
         sn::Suback{Qos::exactly_once, 0, 3, ReturnCode::accepted},
         "SUBACK qos=2 topic_id=0 msg_id=3 return_code=accepted(0)"},
        {"SUBACK, rejected", hex("08 13 00 00 07 01 00 02"),
         sn::Suback{Qos::at_most_once, 7, 256, ReturnCode::invalid_topic_id},
         "SUBACK qos=0 topic_id=7 msg_id=256 return_code=invalid_topic_id(2)"},
        {"UNSUBSCRIBE, a/#, MsgId 3", hex("08 14 00 00 03 61 2F 23"), sn::Unsubscribe{TopicIdType::normal, 3, 0, "a/#"},
         "UNSUBSCRIBE msg_id=3 topic_name=\"a/#\""},
        {"UNSUBSCRIBE, predefined id 3", hex("07 14 01 00 04 00 03"),
         sn::Unsubscribe{TopicIdType::predefined, 4, 3, {}},
         "UNSUBSCRIBE topic_id_type=predefined(1) msg_id=4 topic_id=3"},
        {"UNSUBSCRIBE, short name ab", hex("07 14 02 00 05 61 62"),
         sn::Unsubscribe{TopicIdType::short_name, 5, 0x6162, {}},
         "UNSUBSCRIBE topic_id_type=short(2) msg_id=5 topic_name=\"ab\""},
        {"UNSUBACK, MsgId 3", hex("04 15 00 03"), sn::Unsuback{3}, "UNSUBACK msg_id=3"},
        {"UNSUBACK, MsgId 0", hex("04 15 00 00"), sn::Unsuback{0}, "UNSUBACK msg_id=0"},
        {"PINGREQ, waking c1", hex("04 16 63 31"), sn::Pingreq{"c1"}, "PINGREQ client_id=\"c1\""},
        {"PINGREQ", hex("02 16"), sn::Pingreq{}, "PINGREQ"},
        {"PINGRESP", hex("02 17"), sn::Pingresp{}, "PINGRESP"},
        {"DISCONNECT", hex("02 18"), sn::Disconnect{}, "DISCONNECT"},
        {"DISCONNECT, sleep 300 s", hex("04 18 01 2C"), sn::Disconnect{300}, "DISCONNECT duration_s=300"},
        {"DISCONNECT, sleep 0 s", hex("04 18 00 00"), sn::Disconnect{0}, "DISCONNECT duration_s=0"},
        {"WILLTOPICUPD, empty", hex("02 1A"), sn::WillTopicUpd{}, "WILLTOPICUPD will_topic=\"\""},
        {"WILLTOPICUPD, QoS 0, retain, w/t", hex("06 1A 10 77 2F 74"), sn::WillTopicUpd{Qos::at_most_once, true, "w/t"},
         "WILLTOPICUPD qos=0 retain will_topic=\"w/t\""},
        {"WILLTOPICRESP, accepted", hex("03 1B 00"), sn::WillTopicResp{ReturnCode::accepted},
         "WILLTOPICRESP return_code=accepted(0)"},
        {"WILLTOPICRESP, congestion", hex("03 1B 01"), sn::WillTopicResp{ReturnCode::congestion},
         "WILLTOPICRESP return_code=congestion(1)"},
        {"WILLMSGUPD, m", hex("03 1C 6D"), sn::WillMsgUpd{as_bytes("m")}, "WILLMSGUPD will_msg=\"m\""},
        {"WILLMSGUPD, empty", hex("02 1C"), sn::WillMsgUpd{}, "WILLMSGUPD will_msg=\"\""},
        {"WILLMSGRESP, accepted", hex("03 1D 00"), sn::WillMsgResp{ReturnCode::accepted},
         "WILLMSGRESP return_code=accepted(0)"},
        {"WILLMSGRESP, not supported", hex("03 1D 03"), sn::WillMsgResp{ReturnCode::not_supported},
         "WILLMSGRESP return_code=not_supported(3)"},
    };
}

// Everything behind Length is 253, 254 and 255 octets long: the last one needs the 3-octet form (SN12-5.2.1-d).
std::vector<SnVector> edge_vectors() {
    const auto publish = [](std::size_t size) {
        return sn::Publish{false, Qos::at_most_once, false, TopicIdType::normal, 1, 0, x_octets(size)};
    };
    return {
        {"PUBLISH, total 254", with_xs("FE 0C 00 00 01 00 00", 247), publish(247)},
        {"PUBLISH, total 255", with_xs("FF 0C 00 00 01 00 00", 248), publish(248)},
        {"PUBLISH, total 258", with_xs("01 01 02 0C 00 00 01 00 00", 249), publish(249)},
        {"REGISTER, total 255", with_xs("FF 0A 00 00 00 01", 249), sn::Register{0, 1, xs(249)}},
        {"REGISTER, total 258", with_xs("01 01 02 0A 00 00 00 01", 250), sn::Register{0, 1, xs(250)}},
        {"SUBSCRIBE, total 258", with_xs("01 01 02 12 00 00 01", 251),
         sn::Subscribe{false, Qos::at_most_once, TopicIdType::normal, 1, 0, xs(251)}},
        {"UNSUBSCRIBE, total 258", with_xs("01 01 02 14 00 00 01", 251),
         sn::Unsubscribe{TopicIdType::normal, 1, 0, xs(251)}},
        {"CONNECT, total 258", with_xs("01 01 02 04 04 01 00 00", 250), sn::Connect{false, true, 1, 0, xs(250)}},
        {"WILLTOPIC, total 258", with_xs("01 01 02 07 00", 253), sn::WillTopic{Qos::at_most_once, false, xs(253)}},
        {"WILLMSG, total 258", with_xs("01 01 02 09", 254), sn::WillMsg{x_octets(254)}},
        {"WILLTOPICUPD, total 258", with_xs("01 01 02 1A 00", 253),
         sn::WillTopicUpd{Qos::at_most_once, false, xs(253)}},
        {"WILLMSGUPD, total 258", with_xs("01 01 02 1C", 254), sn::WillMsgUpd{x_octets(254)}},
        {"GWINFO, total 258", with_xs("01 01 02 02 07", 253), sn::GwInfo{7, x_octets(253)}},
        {"PINGREQ, total 258", with_xs("01 01 02 16", 254), sn::Pingreq{xs(254)}},
        {"PUBLISH, total 1009", with_xs("01 03 F1 0C 00 00 01 00 00", 1000), publish(1000)},
    };
}

// What a packet consists of, for comparing; views become texts because spans have no ==.
struct Fields {
    auto operator()(const sn::Advertise& p) const { return std::tuple(p.gw_id, p.duration_s); }
    auto operator()(const sn::SearchGw& p) const { return std::tuple(p.radius); }
    auto operator()(const sn::GwInfo& p) const { return std::tuple(p.gw_id, as_text(p.gw_add)); }
    auto operator()(const sn::Connect& p) const {
        return std::tuple(p.will, p.clean_session, p.protocol_id, p.duration_s, p.client_id);
    }
    auto operator()(const sn::Connack& p) const { return std::tuple(p.code); }
    auto operator()(const sn::WillTopicReq&) const { return std::tuple(); }
    auto operator()(const sn::WillTopic& p) const { return std::tuple(p.qos, p.retain, p.topic); }
    auto operator()(const sn::WillMsgReq&) const { return std::tuple(); }
    auto operator()(const sn::WillMsg& p) const { return std::tuple(as_text(p.message)); }
    auto operator()(const sn::Register& p) const { return std::tuple(p.topic_id, p.msg_id, p.topic_name); }
    auto operator()(const sn::Regack& p) const { return std::tuple(p.topic_id, p.msg_id, p.code); }
    auto operator()(const sn::Publish& p) const {
        return std::tuple(p.dup, p.qos, p.retain, p.type, p.topic_id, p.msg_id, as_text(p.data));
    }
    auto operator()(const sn::Puback& p) const { return std::tuple(p.topic_id, p.msg_id, p.code); }
    auto operator()(const sn::Pubcomp& p) const { return std::tuple(p.msg_id); }
    auto operator()(const sn::Pubrec& p) const { return std::tuple(p.msg_id); }
    auto operator()(const sn::Pubrel& p) const { return std::tuple(p.msg_id); }
    auto operator()(const sn::Subscribe& p) const {
        return std::tuple(p.dup, p.qos, p.type, p.msg_id, p.topic_id, p.topic_name);
    }
    auto operator()(const sn::Suback& p) const { return std::tuple(p.qos, p.topic_id, p.msg_id, p.code); }
    auto operator()(const sn::Unsubscribe& p) const { return std::tuple(p.type, p.msg_id, p.topic_id, p.topic_name); }
    auto operator()(const sn::Unsuback& p) const { return std::tuple(p.msg_id); }
    auto operator()(const sn::Pingreq& p) const { return std::tuple(p.client_id); }
    auto operator()(const sn::Pingresp&) const { return std::tuple(); }
    auto operator()(const sn::Disconnect& p) const { return std::tuple(p.duration_s); }
    auto operator()(const sn::WillTopicUpd& p) const { return std::tuple(p.qos, p.retain, p.topic); }
    auto operator()(const sn::WillTopicResp& p) const { return std::tuple(p.code); }
    auto operator()(const sn::WillMsgUpd& p) const { return std::tuple(as_text(p.message)); }
    auto operator()(const sn::WillMsgResp& p) const { return std::tuple(p.code); }
};

}  // namespace

const std::vector<SnVector>& sn_vectors() {
    static const std::vector<SnVector> vectors = [] {
        auto all = connection_vectors();
        for (const auto& more : {message_vectors(), edge_vectors()})
            all.insert(all.end(), more.begin(), more.end());
        return all;
    }();
    return vectors;
}

const std::vector<ForwarderVector>& forwarder_vectors() {
    static const std::vector<ForwarderVector> vectors{
        {"node 0A 0B, PINGRESP", hex("05 FE 00 0A 0B 02 17"), 0, hex("0A 0B"), hex("02 17")},
        {"radius 3, one-octet node id, GWINFO", hex("04 FE 03 01 03 02 07"), 3, hex("01"), hex("03 02 07")},
        {"longest node id, PINGREQ", joined(with_xs("FF FE 00", 252), hex("02 16")), 0, with_xs("", 252), hex("02 16")},
        {"inner message in the 3-octet form", hex("04 FE 01 0A 01 00 04 17"), 1, hex("0A"), hex("01 00 04 17")},
        {"two headers", hex("04 FE 00 0A 05 FE 00 0B 0C 02 17"), 0, hex("0A"), hex("05 FE 00 0B 0C 02 17")},
    };
    return vectors;
}

bool is_equal(const sn::Packet& a, const sn::Packet& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&](const auto& left) { return Fields{}(left) == Fields{}(std::get<std::decay_t<decltype(left)>>(b)); }, a);
}

Buffer in_long_form(Bytes frame) {
    if (frame[0] == std::byte{1}) return {frame.begin(), frame.end()};
    const std::size_t total = frame.size() + 2;
    Buffer octets{std::byte{1}, static_cast<std::byte>(total >> 8U), static_cast<std::byte>(total & 0xFFU)};
    octets.insert(octets.end(), frame.begin() + 1, frame.end());
    return octets;
}

}  // namespace mqttsn::test
