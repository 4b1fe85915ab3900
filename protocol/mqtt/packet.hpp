// MQTT control packets as values, versions 3.1, 3.1.1 and 5.0. Texts and data are views.
#pragma once

#include "protocol/mqtt/version.hpp"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace mqttsn::mqtt {

enum class PacketType : std::uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    pubrec = 5,
    pubrel = 6,
    pubcomp = 7,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
    auth = 15,
};

/// MQTT 5.0, 2.2.2.2.
enum class PropertyId : std::uint8_t {
    payload_format_indicator = 0x01,
    message_expiry_interval = 0x02,
    content_type = 0x03,
    response_topic = 0x08,
    correlation_data = 0x09,
    subscription_identifier = 0x0B,
    session_expiry_interval = 0x11,
    assigned_client_identifier = 0x12,
    server_keep_alive = 0x13,
    authentication_method = 0x15,
    authentication_data = 0x16,
    request_problem_information = 0x17,
    will_delay_interval = 0x18,
    request_response_information = 0x19,
    response_information = 0x1A,
    server_reference = 0x1C,
    reason_string = 0x1F,
    receive_maximum = 0x21,
    topic_alias_maximum = 0x22,
    topic_alias = 0x23,
    maximum_qos = 0x24,
    retain_available = 0x25,
    user_property = 0x26,
    maximum_packet_size = 0x27,
    wildcard_subscription_available = 0x28,
    subscription_identifier_available = 0x29,
    shared_subscription_available = 0x2A,
};

/// Numbers of every width are held as 32 bits; binary data as text octets; a user property as name and value.
struct Property {
    PropertyId id{};
    std::variant<std::uint32_t, std::string_view, std::pair<std::string_view, std::string_view>> value;
    bool operator==(const Property&) const = default;
};
using Properties = std::vector<Property>;

/// The number of a numeric property; nullopt if absent.
std::optional<std::uint32_t> find_number(const Properties& properties, PropertyId id) noexcept;
std::optional<std::string_view> find_text(const Properties& properties, PropertyId id) noexcept;

struct WillPacket {
    std::string_view topic;
    Bytes payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    Properties properties;
};
struct Connect {
    bool clean_start = true;
    std::uint16_t keep_alive_s = 0;
    std::string_view client_id;
    std::optional<WillPacket> will;
    std::optional<std::string_view> username;
    std::optional<std::string_view> password;
    Properties properties;
};
/// `reason` is the return code of the version on the wire, not translated.
struct Connack {
    bool session_present = false;
    ReasonCode reason = 0;
    Properties properties;
};
struct Publish {
    bool dup = false;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::string_view topic;
    PacketId packet_id = 0;
    Properties properties;
    Bytes payload;
};
struct Puback {
    PacketId packet_id = 0;
    ReasonCode reason = 0;
    Properties properties;
};
struct Pubrec {
    PacketId packet_id = 0;
    ReasonCode reason = 0;
    Properties properties;
};
struct Pubrel {
    PacketId packet_id = 0;
    ReasonCode reason = 0;
    Properties properties;
};
struct Pubcomp {
    PacketId packet_id = 0;
    ReasonCode reason = 0;
    Properties properties;
};
/// `options` is the whole octet: the QoS, and in MQTT 5 No Local, Retain As Published, Retain Handling.
struct TopicRequest {
    std::string_view filter;
    std::uint8_t options = 0;
    bool operator==(const TopicRequest&) const = default;
};
struct Subscribe {
    PacketId packet_id = 0;
    std::vector<TopicRequest> topics;
    Properties properties;
};
struct Suback {
    PacketId packet_id = 0;
    std::vector<ReasonCode> reasons;
    Properties properties;
};
struct Unsubscribe {
    PacketId packet_id = 0;
    std::vector<std::string_view> filters;
    Properties properties;
};
struct Unsuback {
    PacketId packet_id = 0;
    std::vector<ReasonCode> reasons;  ///< MQTT 5 only
    Properties properties;
};
struct Pingreq {};
struct Pingresp {};
struct Disconnect {
    ReasonCode reason = 0;
    Properties properties;
};
struct Auth {
    ReasonCode reason = 0;
    Properties properties;
};

/// In the order of PacketType.
using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe,
                            Unsuback, Pingreq, Pingresp, Disconnect, Auth>;

inline PacketType type_of(const Packet& packet) noexcept {
    return static_cast<PacketType>(packet.index() + 1);
}

}  // namespace mqttsn::mqtt
