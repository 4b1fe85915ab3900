#include "tests/support/mqtt_packet_table.hpp"

#include "tests/support/hex.hpp"

#include <tuple>

namespace mqttsn::test {

namespace {

using namespace mqtt;
using Id = PropertyId;

const std::vector old{Version::v3_1, Version::v3_1_1};
const std::vector all{Version::v3_1, Version::v3_1_1, Version::v5};
const std::vector v5{Version::v5};

std::uint32_t n(std::uint32_t value) {
    return value;
}
std::string_view t(std::string_view text) {
    return text;
}

Connect connect(std::string_view client_id, std::uint16_t keep_alive_s) {
    Connect packet;
    packet.client_id = client_id;
    packet.keep_alive_s = keep_alive_s;
    return packet;
}

Connect full_connect() {
    Connect packet = connect("c", 10);
    packet.clean_start = false;
    packet.will = WillPacket{"w", as_bytes("m"), Qos::at_least_once, true, {}};
    packet.username = "u";
    packet.password = "p";
    return packet;
}

Connect full_connect_5() {
    Connect packet = full_connect();
    packet.properties = {{Id::session_expiry_interval, n(3600)},  {Id::receive_maximum, n(16)},
                         {Id::maximum_packet_size, n(1U << 20)},  {Id::topic_alias_maximum, n(0)},
                         {Id::request_problem_information, n(0)}, {Id::request_response_information, n(1)},
                         {Id::authentication_method, t("am")},    {Id::authentication_data, t("ad")}};
    packet.will->properties = {{Id::will_delay_interval, n(5)}, {Id::payload_format_indicator, n(1)}};
    return packet;
}

Connack full_connack_5() {
    return {true,
            0,
            {{Id::session_expiry_interval, n(0xFFFFFFFF)},
             {Id::receive_maximum, n(10)},
             {Id::maximum_qos, n(1)},
             {Id::retain_available, n(0)},
             {Id::maximum_packet_size, n(256)},
             {Id::assigned_client_identifier, t("id")},
             {Id::topic_alias_maximum, n(3)},
             {Id::wildcard_subscription_available, n(0)},
             {Id::subscription_identifier_available, n(0)},
             {Id::shared_subscription_available, n(0)},
             {Id::server_keep_alive, n(60)},
             {Id::response_information, t("r")},
             {Id::server_reference, t("s")},
             {Id::reason_string, t("ok")}}};
}

Publish full_publish_5() {
    return {false,
            Qos::at_least_once,
            false,
            "a/b",
            10,
            {{Id::payload_format_indicator, n(1)},
             {Id::message_expiry_interval, n(60)},
             {Id::content_type, t("c")},
             {Id::response_topic, t("r")},
             {Id::correlation_data, t("d")},
             {Id::subscription_identifier, n(128)},
             {Id::topic_alias, n(2)},
             {Id::user_property, std::pair(t("k"), t("v"))},
             {Id::user_property, std::pair(t("k"), t("w"))}},
            as_bytes("x")};
}

std::vector<MqttVector> connection_vectors() {
    return {
        {"CONNECT", {Version::v3_1}, hex("10 10 0006 4D51 4973 6470 03 02 003C 0002 6331"), connect("c1", 60)},
        {"CONNECT", {Version::v3_1_1}, hex("10 0E 0004 4D51 5454 04 02 003C 0002 6331"), connect("c1", 60)},
        {"CONNECT", v5, hex("10 0F 0004 4D51 5454 05 02 003C 00 0002 6331"), connect("c1", 60)},
        {"CONNECT with will and credentials",
         {Version::v3_1},
         hex("10 1B 0006 4D51 4973 6470 03 EC 000A 0001 63 0001 77 0001 6D 0001 75 0001 70"),
         full_connect()},
        {"CONNECT with will and credentials",
         {Version::v3_1_1},
         hex("10 19 0004 4D51 5454 04 EC 000A 0001 63 0001 77 0001 6D 0001 75 0001 70"),
         full_connect()},
        {"CONNECT with everything", v5,
         hex("10 40 0004 4D51 5454 05 EC 000A 1E 11 00000E10 21 0010 27 00100000 22 0000 17 00 19 01 15 0002 616D "
             "16 0002 6164 0001 63 07 18 00000005 01 01 0001 77 0001 6D 0001 75 0001 70"),
         full_connect_5()},
        {"CONNACK, accepted", old, hex("20 02 00 00"), Connack{}},
        {"CONNACK, not authorised", old, hex("20 02 00 05"), Connack{false, 5, {}}},
        {"CONNACK, session present", {Version::v3_1_1}, hex("20 02 01 00"), Connack{true, 0, {}}},
        {"CONNACK, not authorised", v5, hex("20 03 00 87 00"), Connack{false, 0x87, {}}},
        {"CONNACK with everything", v5,
         hex("20 32 01 00 2F 11 FFFFFFFF 21 000A 24 01 25 00 27 00000100 12 0002 6964 22 0003 28 00 29 00 2A 00 "
             "13 003C 1A 0001 72 1C 0001 73 1F 0002 6F6B"),
         full_connack_5()},
        {"PINGREQ", all, hex("C0 00"), Pingreq{}},
        {"PINGRESP", all, hex("D0 00"), Pingresp{}},
        {"DISCONNECT", all, hex("E0 00"), Disconnect{}},
        {"DISCONNECT with will", v5, hex("E0 01 04"), Disconnect{4, {}}},
        {"DISCONNECT, server moved", v5, hex("E0 06 9D 04 1C 0001 73"),
         Disconnect{0x9D, {{Id::server_reference, t("s")}}}},
        {"DISCONNECT, success with property", v5, hex("E0 07 00 05 11 0000 0001"),
         Disconnect{0, {{Id::session_expiry_interval, n(1)}}}},
        {"AUTH, success", v5, hex("F0 00"), Auth{}},
        {"AUTH, continue", v5, hex("F0 08 18 06 15 0003 6162 63"), Auth{0x18, {{Id::authentication_method, t("abc")}}}},
    };
}

std::vector<MqttVector> publish_vectors() {
    return {
        {"PUBLISH, QoS 0", old, hex("30 06 0003 612F 62 78"),
         Publish{false, Qos::at_most_once, false, "a/b", 0, {}, as_bytes("x")}},
        {"PUBLISH, QoS 0, retain, empty", old, hex("31 03 0001 61"),
         Publish{false, Qos::at_most_once, true, "a", 0, {}, {}}},
        {"PUBLISH, QoS 1, DUP", old, hex("3A 07 0003 612F 62 000A"),
         Publish{true, Qos::at_least_once, false, "a/b", 10, {}, {}}},
        {"PUBLISH, QoS 2, retain", old, hex("35 07 0002 C3A4 FFFF 00"),
         Publish{false, Qos::exactly_once, true, "\xC3\xA4", 65535, {}, Bytes(as_bytes(std::string_view("\0", 1)))}},
        {"PUBLISH, QoS 0", v5, hex("30 07 0003 612F 62 00 78"),
         Publish{false, Qos::at_most_once, false, "a/b", 0, {}, as_bytes("x")}},
        {"PUBLISH, topic alias without topic", v5, hex("30 06 0000 03 23 0001"),
         Publish{false, Qos::at_most_once, false, "", 0, {{Id::topic_alias, n(1)}}, {}}},
        {"PUBLISH with everything", v5,
         hex("32 30 0003 612F 62 000A 27 01 01 02 0000003C 03 0001 63 08 0001 72 09 0001 64 0B 8001 23 0002 "
             "26 0001 6B 0001 76 26 0001 6B 0001 77 78"),
         full_publish_5()},
        {"PUBACK", all, hex("40 02 000A"), Puback{10, 0, {}}},
        {"PUBREC", all, hex("50 02 000A"), Pubrec{10, 0, {}}},
        {"PUBREL", all, hex("62 02 000A"), Pubrel{10, 0, {}}},
        {"PUBCOMP", all, hex("70 02 FFFF"), Pubcomp{65535, 0, {}}},
        {"PUBACK, no matching subscribers", v5, hex("40 03 000A 10"), Puback{10, 0x10, {}}},
        {"PUBREC, quota exceeded", v5, hex("50 07 000A 97 03 1F 0000"), Pubrec{10, 0x97, {{Id::reason_string, t("")}}}},
        {"PUBREL, id not found", v5, hex("62 03 000A 92"), Pubrel{10, 0x92, {}}},
        {"PUBCOMP, id not found", v5, hex("70 0B 000A 92 07 26 0001 6B 0001 76"),
         Pubcomp{10, 0x92, {{Id::user_property, std::pair(t("k"), t("v"))}}}},
    };
}

std::vector<MqttVector> subscription_vectors() {
    return {
        {"SUBSCRIBE", old, hex("82 0E 000A 0003 612F 62 01 0003 632F 64 02"),
         Subscribe{10, {{"a/b", 1}, {"c/d", 2}}, {}}},
        {"SUBSCRIBE", v5, hex("82 09 000A 00 0003 612F 62 01"), Subscribe{10, {{"a/b", 1}}, {}}},
        {"SUBSCRIBE, options and identifier", v5, hex("82 0A 000A 02 0B 05 0002 2F23 2E"),
         Subscribe{10, {{"/#", 0x2E}}, {{Id::subscription_identifier, n(5)}}}},
        {"SUBACK", old, hex("90 04 000A 01 80"), Suback{10, {1, 0x80}, {}}},
        {"SUBACK", v5, hex("90 05 000A 00 02 87"), Suback{10, {2, 0x87}, {}}},
        {"UNSUBSCRIBE", old, hex("A2 0A 000A 0003 612F 62 0001 23"), Unsubscribe{10, {"a/b", "#"}, {}}},
        {"UNSUBSCRIBE", v5, hex("A2 06 000A 00 0001 23"), Unsubscribe{10, {"#"}, {}}},
        {"UNSUBACK", old, hex("B0 02 000A"), Unsuback{10, {}, {}}},
        {"UNSUBACK", v5, hex("B0 05 000A 00 00 11"), Unsuback{10, {0, 0x11}, {}}},
    };
}

// What a packet consists of, for comparing; payloads become texts because spans have no ==.
struct Fields {
    auto operator()(const WillPacket& p) const {
        return std::tuple(p.topic, as_text(p.payload), p.qos, p.retain, p.properties);
    }
    auto operator()(const Connect& p) const {
        return std::tuple(p.clean_start, p.keep_alive_s, p.client_id,
                          p.will ? std::optional((*this)(*p.will)) : std::nullopt, p.username, p.password,
                          p.properties);
    }
    auto operator()(const Connack& p) const { return std::tuple(p.session_present, p.reason, p.properties); }
    auto operator()(const Publish& p) const {
        return std::tuple(p.dup, p.qos, p.retain, p.topic, p.packet_id, p.properties, as_text(p.payload));
    }
    auto operator()(const Subscribe& p) const { return std::tuple(p.packet_id, p.topics, p.properties); }
    auto operator()(const Suback& p) const { return std::tuple(p.packet_id, p.reasons, p.properties); }
    auto operator()(const Unsubscribe& p) const { return std::tuple(p.packet_id, p.filters, p.properties); }
    auto operator()(const Unsuback& p) const { return std::tuple(p.packet_id, p.reasons, p.properties); }
    auto operator()(const Pingreq&) const { return std::tuple(); }
    auto operator()(const Pingresp&) const { return std::tuple(); }
    auto operator()(const Disconnect& p) const { return std::tuple(p.reason, p.properties); }
    auto operator()(const Auth& p) const { return std::tuple(p.reason, p.properties); }
    template <class Acknowledgement>
    auto operator()(const Acknowledgement& p) const {
        return std::tuple(p.packet_id, p.reason, p.properties);
    }
};

}  // namespace

const std::vector<MqttVector>& mqtt_vectors() {
    static const std::vector<MqttVector> vectors = [] {
        auto list = connection_vectors();
        for (auto& each : publish_vectors())
            list.push_back(std::move(each));
        for (auto& each : subscription_vectors())
            list.push_back(std::move(each));
        return list;
    }();
    return vectors;
}

bool is_equal(const mqtt::Packet& a, const mqtt::Packet& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&](const auto& left) { return Fields{}(left) == Fields{}(std::get<std::decay_t<decltype(left)>>(b)); }, a);
}

}  // namespace mqttsn::test
