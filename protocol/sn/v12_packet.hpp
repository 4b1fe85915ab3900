// MQTT-SN 1.2 messages as values (SN 5.4), one struct per message type in the order of the type codes.
// Texts and data are views: into the decoded frame, or into what the caller wants encoded.
#pragma once

#include "protocol/types.hpp"

#include <optional>
#include <variant>

namespace mqttsn::sn {

/// SN 5.2.2, table 3.
enum class MsgType : std::uint8_t {
    advertise = 0x00,
    searchgw = 0x01,
    gwinfo = 0x02,
    connect = 0x04,
    connack = 0x05,
    willtopicreq = 0x06,
    willtopic = 0x07,
    willmsgreq = 0x08,
    willmsg = 0x09,
    register_ = 0x0A,
    regack = 0x0B,
    publish = 0x0C,
    puback = 0x0D,
    pubcomp = 0x0E,
    pubrec = 0x0F,
    pubrel = 0x10,
    subscribe = 0x12,
    suback = 0x13,
    unsubscribe = 0x14,
    unsuback = 0x15,
    pingreq = 0x16,
    pingresp = 0x17,
    disconnect = 0x18,
    willtopicupd = 0x1A,
    willtopicresp = 0x1B,
    willmsgupd = 0x1C,
    willmsgresp = 0x1D,
    encapsulated = 0xFE,
};

/// SN 5.3.10. A received value above not_supported is a final rejection.
enum class ReturnCode : std::uint8_t {
    accepted = 0x00,
    congestion = 0x01,
    invalid_topic_id = 0x02,
    not_supported = 0x03,
};

/// SN 5.3.4, the two lowest flag bits.
enum class TopicIdType : std::uint8_t { normal = 0, predefined = 1, short_name = 2, reserved = 3 };

using TopicId = std::uint16_t;
using MsgId = std::uint16_t;

/// SN 5.3.11: never assigned to a name.
constexpr bool is_reserved(TopicId id) noexcept {
    return id == 0x0000 || id == 0xFFFF;
}

constexpr std::uint8_t protocol_id = 0x01;  // SN 5.3.8

struct Advertise {
    std::uint8_t gw_id = 0;
    std::uint16_t duration_s = 0;
    bool operator==(const Advertise&) const = default;
};
struct SearchGw {
    std::uint8_t radius = 0;
    bool operator==(const SearchGw&) const = default;
};
/// gw_add is empty when a gateway sends it (SN 5.4.3).
struct GwInfo {
    std::uint8_t gw_id = 0;
    Bytes gw_add{};
};
struct Connect {
    bool will = false;
    bool clean_session = false;
    std::uint8_t protocol_id = sn::protocol_id;
    std::uint16_t duration_s = 0;
    std::string_view client_id{};
};
struct Connack {
    ReturnCode code = ReturnCode::accepted;
};
struct WillTopicReq {};
/// An empty topic deletes the will (both the 2-octet form and flags without topic; sent in the 2-octet form).
struct WillTopic {
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::string_view topic{};
};
struct WillMsgReq {};
struct WillMsg {
    Bytes message{};
};
struct Register {
    TopicId topic_id = 0;
    MsgId msg_id = 0;
    std::string_view topic_name{};
};
struct Regack {
    TopicId topic_id = 0;
    MsgId msg_id = 0;
    ReturnCode code = ReturnCode::accepted;
};
/// With TopicIdType::short_name the two characters are in topic_id, the first one in the high octet.
struct Publish {
    bool dup = false;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    TopicIdType type = TopicIdType::normal;
    TopicId topic_id = 0;
    MsgId msg_id = 0;
    Bytes data{};
};
struct Puback {
    TopicId topic_id = 0;
    MsgId msg_id = 0;
    ReturnCode code = ReturnCode::accepted;
};
struct Pubcomp {
    MsgId msg_id = 0;
};
struct Pubrec {
    MsgId msg_id = 0;
};
struct Pubrel {
    MsgId msg_id = 0;
};
/// topic_name is used with TopicIdType::normal, topic_id with predefined and short_name. With the reserved type
/// both are left empty: the message can only be answered with a rejection.
struct Subscribe {
    bool dup = false;
    Qos qos = Qos::at_most_once;
    TopicIdType type = TopicIdType::normal;
    MsgId msg_id = 0;
    TopicId topic_id = 0;
    std::string_view topic_name{};
};
struct Suback {
    Qos qos = Qos::at_most_once;
    TopicId topic_id = 0;
    MsgId msg_id = 0;
    ReturnCode code = ReturnCode::accepted;
};
struct Unsubscribe {
    TopicIdType type = TopicIdType::normal;
    MsgId msg_id = 0;
    TopicId topic_id = 0;
    std::string_view topic_name{};
};
struct Unsuback {
    MsgId msg_id = 0;
};
struct Pingreq {
    std::string_view client_id{};
};
struct Pingresp {};
struct Disconnect {
    std::optional<std::uint16_t> duration_s;
};
struct WillTopicUpd {
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::string_view topic{};
};
struct WillTopicResp {
    ReturnCode code = ReturnCode::accepted;
};
struct WillMsgUpd {
    Bytes message{};
};
struct WillMsgResp {
    ReturnCode code = ReturnCode::accepted;
};

using Packet =
    std::variant<Advertise, SearchGw, GwInfo, Connect, Connack, WillTopicReq, WillTopic, WillMsgReq, WillMsg, Register,
                 Regack, Publish, Puback, Pubcomp, Pubrec, Pubrel, Subscribe, Suback, Unsubscribe, Unsuback, Pingreq,
                 Pingresp, Disconnect, WillTopicUpd, WillTopicResp, WillMsgUpd, WillMsgResp>;

MsgType type_of(const Packet& packet) noexcept;

/// The name in the specification: "PUBLISH", "WILLTOPICREQ", …; "reserved" for codes without a meaning.
std::string_view name_of(MsgType type) noexcept;

/// Two characters as they travel in the TopicId field (SN 5.3.11): 'a','b' is 0x6162.
constexpr TopicId short_topic(std::string_view two_octets) noexcept {
    return static_cast<TopicId>((static_cast<unsigned char>(two_octets[0]) << 8U) |
                                static_cast<unsigned char>(two_octets[1]));
}

}  // namespace mqttsn::sn
