// Encoding half of codec.hpp.
#include "protocol/mqtt/codec.hpp"
#include "protocol/mqtt/properties.hpp"

#include <algorithm>

namespace mqttsn::mqtt {

namespace {

std::size_t variable_size(std::size_t value) noexcept {
    return value < 0x80 ? 1U : value < 0x4000 ? 2U : value < 0x200000 ? 3U : 4U;
}

class Writer {
public:
    Writer(Version version, Buffer& out) : version_(version), out_(out) {}

    void octet(unsigned value) { out_.push_back(static_cast<std::byte>(value)); }
    void word(unsigned value) {
        octet(value >> 8U);
        octet(value & 0xFFU);
    }
    void number(std::uint32_t value) {
        word(value >> 16U);
        word(value & 0xFFFFU);
    }
    void variable(std::size_t value) {
        do {
            const auto low = static_cast<unsigned>(value & 0x7FU);
            value >>= 7U;
            octet(low | (value != 0 ? 0x80U : 0U));
        } while (value != 0);
    }
    void raw(Bytes octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
    void binary(Bytes octets) {
        word(static_cast<unsigned>(octets.size()));
        raw(octets);
    }
    void text(std::string_view value) { binary(as_bytes(value)); }

    void properties(const Properties& list) {
        if (version_ != Version::v5) return;
        Buffer inside;
        Writer writer(version_, inside);
        for (const Property& each : list)
            writer.property(each);
        variable(inside.size());
        raw(inside);
    }

    void operator()(const Connect& packet);
    void operator()(const Connack& packet) {
        octet(packet.session_present ? 1 : 0);
        octet(packet.reason);
        properties(packet.properties);
    }
    void operator()(const Publish& packet) {
        text(packet.topic);
        if (packet.qos != Qos::at_most_once) word(packet.packet_id);
        properties(packet.properties);
        raw(packet.payload);
    }
    void operator()(const Puback& packet) { acknowledgement(packet); }
    void operator()(const Pubrec& packet) { acknowledgement(packet); }
    void operator()(const Pubrel& packet) { acknowledgement(packet); }
    void operator()(const Pubcomp& packet) { acknowledgement(packet); }
    void operator()(const Subscribe& packet) {
        word(packet.packet_id);
        properties(packet.properties);
        for (const TopicRequest& each : packet.topics) {
            text(each.filter);
            octet(each.options);
        }
    }
    void operator()(const Suback& packet) { reasons(packet); }
    void operator()(const Unsubscribe& packet) {
        word(packet.packet_id);
        properties(packet.properties);
        for (const auto filter : packet.filters)
            text(filter);
    }
    void operator()(const Unsuback& packet) { reasons(packet); }
    void operator()(const Pingreq&) {}
    void operator()(const Pingresp&) {}
    void operator()(const Disconnect& packet) { reason(packet); }
    void operator()(const Auth& packet) { reason(packet); }

private:
    template <class Ack>
    void acknowledgement(const Ack& packet) {
        word(packet.packet_id);
        reason(packet);
    }
    template <class Ack>
    void reasons(const Ack& packet) {
        word(packet.packet_id);
        properties(packet.properties);
        for (const ReasonCode each : packet.reasons)
            octet(each);
    }
    // Success without properties is left out (MQTT 5.0, 3.4.2.1).
    template <class WithReason>
    void reason(const WithReason& packet) {
        if (version_ != Version::v5 || (packet.reason == 0 && packet.properties.empty())) return;
        octet(packet.reason);
        if (!packet.properties.empty()) properties(packet.properties);
    }
    void property(const Property& each);

    Version version_;
    Buffer& out_;
};

void Writer::operator()(const Connect& packet) {
    text(version_ == Version::v3_1 ? "MQIsdp" : "MQTT");
    octet(static_cast<unsigned>(version_));
    unsigned flags = packet.clean_start ? 0x02U : 0U;
    if (packet.will) {
        flags |= 0x04U | (static_cast<unsigned>(packet.will->qos) << 3U) | (packet.will->retain ? 0x20U : 0U);
    }
    if (packet.username) flags |= 0x80U;
    if (packet.password) flags |= 0x40U;
    octet(flags);
    word(packet.keep_alive_s);
    properties(packet.properties);
    text(packet.client_id);
    if (packet.will) {
        properties(packet.will->properties);
        text(packet.will->topic);
        binary(packet.will->payload);
    }
    if (packet.username) text(*packet.username);
    if (packet.password) text(*packet.password);
}

void Writer::property(const Property& each) {
    variable(static_cast<std::size_t>(each.id));
    const PropertyRule* rule = find_rule(static_cast<std::uint32_t>(each.id));
    switch (rule->kind) {
        case PropertyKind::octet:
            return octet(std::get<std::uint32_t>(each.value));
        case PropertyKind::two_octets:
            return word(std::get<std::uint32_t>(each.value));
        case PropertyKind::four_octets:
            return number(std::get<std::uint32_t>(each.value));
        case PropertyKind::variable:
            return variable(std::get<std::uint32_t>(each.value));
        case PropertyKind::text:
        case PropertyKind::binary:
            return text(std::get<std::string_view>(each.value));
        case PropertyKind::pair: {
            const auto& [name, value] = std::get<std::pair<std::string_view, std::string_view>>(each.value);
            text(name);
            text(value);
            return;
        }
    }
}

unsigned first_octet(PacketType type, unsigned flags) {
    return (static_cast<unsigned>(type) << 4U) | flags;
}

unsigned flags_of(const Packet& packet) {
    if (const auto* publish = std::get_if<Publish>(&packet)) {
        return (publish->dup ? 8U : 0U) | (static_cast<unsigned>(publish->qos) << 1U) | (publish->retain ? 1U : 0U);
    }
    const PacketType type = type_of(packet);
    const bool is_two = type == PacketType::subscribe || type == PacketType::unsubscribe || type == PacketType::pubrel;
    return is_two ? 2 : 0;
}

}  // namespace

void encode(Version version, const Packet& packet, Buffer& out) {
    Writer writer(version, out);
    writer.octet(first_octet(type_of(packet), flags_of(packet)));
    const std::size_t length_at = out.size();
    std::visit(writer, packet);
    // Remaining Length is known now; most packets need one octet for it.
    Buffer length;
    Writer(version, length).variable(out.size() - length_at);
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(length_at), length.begin(), length.end());
}

void encode_publish(Version version, const Publish& packet, Buffer& out) {
    const bool has_id = packet.qos != Qos::at_most_once;
    const std::size_t size =
        2 + packet.topic.size() + (has_id ? 2U : 0U) + (version == Version::v5 ? 1U : 0U) + packet.payload.size();
    // The size is known: room for all of it at once, instead of asking for each octet whether there is some.
    const std::size_t begin = out.size();
    out.resize(begin + 1 + variable_size(size) + size);
    std::byte* to = out.data() + begin;
    const auto octet = [&](std::size_t value) { *to++ = static_cast<std::byte>(value); };
    const auto raw = [&](Bytes octets) { to = std::copy(octets.begin(), octets.end(), to); };
    octet(first_octet(PacketType::publish,
                      (packet.dup ? 8U : 0U) | (static_cast<unsigned>(packet.qos) << 1U) | (packet.retain ? 1U : 0U)));
    for (std::size_t rest = size;; rest >>= 7U) {
        octet((rest & 0x7FU) | (rest > 0x7FU ? 0x80U : 0U));
        if (rest <= 0x7FU) break;
    }
    octet(packet.topic.size() >> 8U);
    octet(packet.topic.size());
    raw(as_bytes(packet.topic));
    if (has_id) {
        octet(packet.packet_id >> 8U);
        octet(packet.packet_id);
    }
    if (version == Version::v5) octet(0);
    raw(packet.payload);
}

void encode_acknowledgement(PacketType type, PacketId packet_id, Buffer& out) {
    Writer writer(Version::v3_1_1, out);
    writer.octet(first_octet(type, type == PacketType::pubrel ? 2 : 0));
    writer.octet(2);
    writer.word(packet_id);
}

}  // namespace mqttsn::mqtt
