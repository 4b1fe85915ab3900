// Decoding half of codec.hpp.
#include "protocol/mqtt/codec.hpp"
#include "protocol/mqtt/properties.hpp"
#include "protocol/topic.hpp"

#include <algorithm>
#include <string>

namespace mqttsn::mqtt {

namespace {

class CodecCategory final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "mqtt"; }
    std::string message(int value) const override {
        return static_cast<CodecError>(value) == CodecError::malformed ? "malformed MQTT packet"
                                                                       : "MQTT packet too large";
    }
};

/// Reads a packet body front to back. After the first failure everything reads as zero and ok() is false.
class Reader {
public:
    explicit Reader(Bytes rest) : rest_(rest) {}

    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return rest_.empty(); }
    void fail() noexcept {
        ok_ = false;
        rest_ = {};
    }

    Bytes take(std::size_t size) noexcept {
        if (size > rest_.size()) {
            fail();
            return {};
        }
        const Bytes taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    Bytes take_rest() noexcept { return take(rest_.size()); }
    std::uint32_t number(std::size_t octets) noexcept {
        std::uint32_t value = 0;
        for (const std::byte each : take(octets))
            value = (value << 8U) | static_cast<std::uint32_t>(each);
        return value;
    }
    std::uint8_t octet() noexcept { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t word() noexcept { return static_cast<std::uint16_t>(number(2)); }
    /// Packet ids are never 0.
    PacketId packet_id() noexcept {
        const PacketId id = word();
        if (id == 0) fail();
        return id;
    }
    std::uint32_t variable() noexcept {
        std::uint32_t value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const std::uint32_t each = octet();
            value |= (each & 0x7FU) << shift;
            if ((each & 0x80U) == 0) return value;
        }
        fail();
        return 0;
    }
    Bytes binary() noexcept { return take(word()); }
    std::string_view text() noexcept {
        const auto value = as_text(binary());
        if (!is_mqtt_text(value)) fail();
        return value;
    }

    Properties properties(Version version, unsigned place) {
        Properties list;
        if (version != Version::v5) return list;
        Reader inside(take(variable()));
        while (inside.ok() && !inside.at_end())
            list.push_back(inside.property(place, list));
        if (!inside.ok()) fail();
        return list;
    }

private:
    Property property(unsigned place, const Properties& before) {
        const PropertyRule* rule = find_rule(variable());
        if (!ok_ || rule == nullptr || ((rule->places >> place) & 1U) == 0) {
            fail();
            return {};
        }
        const bool repeated =
            std::any_of(before.begin(), before.end(), [&](const Property& p) { return p.id == rule->id; });
        if (repeated && !rule->repeatable) fail();
        switch (rule->kind) {
            case PropertyKind::octet:
                return {rule->id, number(1)};
            case PropertyKind::two_octets:
                return {rule->id, number(2)};
            case PropertyKind::four_octets:
                return {rule->id, number(4)};
            case PropertyKind::variable:
                return {rule->id, variable()};
            case PropertyKind::text:
                return {rule->id, text()};
            case PropertyKind::binary:
                return {rule->id, as_text(binary())};
            case PropertyKind::pair: {
                const auto name = text();
                return {rule->id, std::pair(name, text())};
            }
        }
        return {};
    }

    Bytes rest_;
    bool ok_ = true;
};

bool to_qos(unsigned bits, Qos& qos) noexcept {
    if (bits > 2) return false;
    qos = static_cast<Qos>(bits);
    return true;
}

Connect read_connect(Version version, Reader& in) {
    Connect packet;
    const auto name = in.text();
    const auto level = in.octet();
    if (name != (version == Version::v3_1 ? "MQIsdp" : "MQTT") || level != static_cast<std::uint8_t>(version))
        in.fail();
    const auto flags = in.octet();
    if ((flags & 1U) != 0) in.fail();
    // Only MQTT 5 knows a password without a user name.
    if (version != Version::v5 && (flags & 0xC0U) == 0x40U) in.fail();
    packet.clean_start = (flags & 0x02U) != 0;
    packet.keep_alive_s = in.word();
    packet.properties = in.properties(version, place_of(PacketType::connect));
    packet.client_id = in.text();
    if ((flags & 0x04U) != 0) {
        WillPacket will;
        if (!to_qos((flags >> 3U) & 3U, will.qos)) in.fail();
        will.retain = (flags & 0x20U) != 0;
        will.properties = in.properties(version, will_place);
        will.topic = in.text();
        will.payload = in.binary();
        packet.will = std::move(will);
    } else if ((flags & 0x38U) != 0) {
        in.fail();
    }
    if ((flags & 0x80U) != 0) packet.username = in.text();
    if ((flags & 0x40U) != 0) packet.password = as_text(in.binary());
    return packet;
}

Connack read_connack(Version version, Reader& in) {
    Connack packet;
    const auto flags = in.octet();
    // MQTT 3.1 has no session present flag; the octet is reserved there.
    if (version != Version::v3_1 && (flags & 0xFEU) != 0) in.fail();
    packet.session_present = version != Version::v3_1 && (flags & 1U) != 0;
    packet.reason = in.octet();
    packet.properties = in.properties(version, place_of(PacketType::connack));
    return packet;
}

Publish read_publish(Version version, std::uint8_t flags, Reader& in) {
    Publish packet;
    packet.dup = (flags & 8U) != 0;
    packet.retain = (flags & 1U) != 0;
    if (!to_qos((flags >> 1U) & 3U, packet.qos)) in.fail();
    packet.topic = in.text();
    if (has_wildcard(packet.topic)) in.fail();
    if (packet.qos != Qos::at_most_once) packet.packet_id = in.packet_id();
    packet.properties = in.properties(version, place_of(PacketType::publish));
    packet.payload = in.take_rest();
    return packet;
}

template <class Ack>
Ack read_acknowledgement(Version version, PacketType type, Reader& in) {
    Ack packet;
    packet.packet_id = in.packet_id();
    if (version == Version::v5 && !in.at_end()) {
        packet.reason = in.octet();
        if (!in.at_end()) packet.properties = in.properties(version, place_of(type));
    }
    return packet;
}

Subscribe read_subscribe(Version version, Reader& in) {
    Subscribe packet;
    packet.packet_id = in.packet_id();
    packet.properties = in.properties(version, place_of(PacketType::subscribe));
    do {
        const auto filter = in.text();
        const auto options = in.octet();
        if ((options & 3U) == 3U || (version != Version::v5 && options > 2)) in.fail();
        // MQTT 5.0, 3.8.3.1: Retain Handling is 0 to 2, the two highest bits are reserved.
        if ((options & 0x30U) == 0x30U || (options & 0xC0U) != 0) in.fail();
        packet.topics.push_back({filter, options});
    } while (in.ok() && !in.at_end());
    return packet;
}

template <class Ack>
Ack read_reasons(Version version, PacketType type, bool has_reasons, Reader& in) {
    Ack packet;
    packet.packet_id = in.packet_id();
    packet.properties = in.properties(version, place_of(type));
    if (!has_reasons) return packet;
    do {
        packet.reasons.push_back(in.octet());
    } while (in.ok() && !in.at_end());
    return packet;
}

Unsubscribe read_unsubscribe(Version version, Reader& in) {
    Unsubscribe packet;
    packet.packet_id = in.packet_id();
    packet.properties = in.properties(version, place_of(PacketType::unsubscribe));
    do {
        packet.filters.push_back(in.text());
    } while (in.ok() && !in.at_end());
    return packet;
}

template <class WithReason>
WithReason read_reason(Version version, PacketType type, Reader& in) {
    WithReason packet;
    if (version == Version::v5 && !in.at_end()) {
        packet.reason = in.octet();
        if (!in.at_end()) packet.properties = in.properties(version, place_of(type));
    }
    return packet;
}

// SUBSCRIBE, UNSUBSCRIBE and PUBREL carry 0010, PUBLISH its own flags, all others 0000. MQTT 3.1 used these bits for
// DUP and QoS.
bool are_flags_valid(Version version, PacketType type, std::uint8_t flags) {
    if (type == PacketType::publish) return true;
    const bool is_two = type == PacketType::subscribe || type == PacketType::unsubscribe || type == PacketType::pubrel;
    if (is_two && version == Version::v3_1) return (flags & 0x06U) == 2;
    return flags == (is_two ? 2 : 0);
}

Packet read(Version version, PacketType type, std::uint8_t flags, Reader& in) {
    switch (type) {
        case PacketType::connect:
            return read_connect(version, in);
        case PacketType::connack:
            return read_connack(version, in);
        case PacketType::publish:
            return read_publish(version, flags, in);
        case PacketType::puback:
            return read_acknowledgement<Puback>(version, type, in);
        case PacketType::pubrec:
            return read_acknowledgement<Pubrec>(version, type, in);
        case PacketType::pubrel:
            return read_acknowledgement<Pubrel>(version, type, in);
        case PacketType::pubcomp:
            return read_acknowledgement<Pubcomp>(version, type, in);
        case PacketType::subscribe:
            return read_subscribe(version, in);
        case PacketType::suback:
            return read_reasons<Suback>(version, type, true, in);
        case PacketType::unsubscribe:
            return read_unsubscribe(version, in);
        case PacketType::unsuback:
            return read_reasons<Unsuback>(version, type, version == Version::v5, in);
        case PacketType::pingreq:
            return Pingreq{};
        case PacketType::pingresp:
            return Pingresp{};
        case PacketType::disconnect:
            return read_reason<Disconnect>(version, type, in);
        case PacketType::auth:
            if (version != Version::v5) break;
            return read_reason<Auth>(version, type, in);
    }
    in.fail();
    return Pingreq{};
}

}  // namespace

const boost::system::error_category& codec_category() noexcept {
    static const CodecCategory category;
    return category;
}

Result<Packet> decode(Version version, std::uint8_t first_octet, Bytes body) {
    const auto type = static_cast<PacketType>(first_octet >> 4U);
    const auto flags = static_cast<std::uint8_t>(first_octet & 0x0FU);
    Reader in(body);
    if (!are_flags_valid(version, type, flags)) return make_error_code(CodecError::malformed);
    Packet packet = read(version, type, flags, in);
    if (!in.ok() || !in.at_end()) return make_error_code(CodecError::malformed);
    return packet;
}

}  // namespace mqttsn::mqtt
