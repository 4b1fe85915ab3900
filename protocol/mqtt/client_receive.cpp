// What the broker sends to the client of client.hpp.
#include "protocol/mqtt/client.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::mqtt {

namespace {

// CONNACK return codes of MQTT 3.1 and 3.1.1 as reasons of MQTT 5.
ReasonCode connack_reason(Version version, ReasonCode code) {
    if (version == Version::v5 || code == 0) return code;
    constexpr std::array<ReasonCode, 6> reasons{0x00, 0x84, 0x85, 0x88, 0x86, 0x87};
    return code < reasons.size() ? reasons[code] : ReasonCode{0x80};
}

BrokerLimits limits_of(const Connack& packet) {
    const auto number = [&](PropertyId id, std::uint32_t otherwise) {
        return find_number(packet.properties, id).value_or(otherwise);
    };
    BrokerLimits limits;
    limits.maximum_qos = static_cast<Qos>(std::min<std::uint32_t>(number(PropertyId::maximum_qos, 2), 2));
    limits.retain_available = number(PropertyId::retain_available, 1) != 0;
    limits.wildcard_available = number(PropertyId::wildcard_subscription_available, 1) != 0;
    limits.shared_available = number(PropertyId::shared_subscription_available, 1) != 0;
    limits.receive_maximum = static_cast<std::uint16_t>(number(PropertyId::receive_maximum, 65535));
    limits.maximum_packet_size = number(PropertyId::maximum_packet_size, limits.maximum_packet_size);
    return limits;
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP of nothing but a packet id: the same in all versions (MQTT 5.0, 3.4.2.1).
bool is_bare_acknowledgement(const StreamParser::RawPacket& raw) noexcept {
    const bool is_acknowledgement =
        raw.first_octet == 0x40 || raw.first_octet == 0x50 || raw.first_octet == 0x62 || raw.first_octet == 0x70;
    return is_acknowledgement && raw.body.size() == 2 && (raw.body[0] | raw.body[1]) != std::byte{0};
}

}  // namespace

/// One call operator per packet; what only clients send breaks the protocol.
struct Client::Receiver {
    Client& client;
    TimePoint now;
    Buffer& wire;
    std::vector<Event>& events;

    void operator()(const Connack&) const { client.end(ClientError::protocol_violation, events); }
    void operator()(const Publish& packet) const { client.on_publish(packet, now, wire, events); }
    void operator()(const Puback& packet) const {
        client.on_acknowledgement(packet.packet_id, Qos::at_least_once, packet.reason, now, wire, events);
    }
    void operator()(const Pubrec& packet) const {
        client.on_acknowledgement(packet.packet_id, Qos::exactly_once, packet.reason, now, wire, events);
    }
    void operator()(const Pubrel& packet) const { client.on_pubrel(packet.packet_id, now, wire); }
    void operator()(const Pubcomp& packet) const { client.on_pubcomp(packet.packet_id, now, wire, events); }
    void operator()(const Suback& packet) const {
        const bool is_legal = packet.reasons.size() == 1 && (packet.reasons[0] <= 2 || is_failure(packet.reasons[0]));
        if (!is_legal) return client.end(ClientError::protocol_violation, events);
        if (take_request(packet.packet_id)) events.push_back(Subscribed{packet.packet_id, packet.reasons.front()});
    }
    void operator()(const Unsuback& packet) const {
        if (take_request(packet.packet_id)) events.push_back(Unsubscribed{packet.packet_id});
    }
    void operator()(const Pingresp&) const { client.ping_sent_.reset(); }
    void operator()(const Disconnect& packet) const {
        if (client.options_.version != Version::v5) return client.end(ClientError::protocol_violation, events);
        client.connection_lost();
        events.push_back(ConnectionEnded{{}, packet.reason});
    }
    template <class FromClientsOnly>
    void operator()(const FromClientsOnly&) const {
        client.end(ClientError::protocol_violation, events);
    }

    bool take_request(PacketId id) const { return std::erase(client.requests_, id) != 0; }
};

void Client::receive(Bytes octets, TimePoint now, Buffer& wire, std::vector<Event>& events) {
    if (state_ == State::idle) return;
    last_received_ = now;
    parser_.feed(octets);
    while (state_ != State::idle) {
        const auto raw = parser_.next();
        if (!raw) return end(ClientError::malformed_packet, events);
        if (!*raw) return;
        if (state_ == State::connected && is_bare_acknowledgement(**raw)) {
            on_bare_acknowledgement(**raw, now, wire, events);
            continue;
        }
        const auto packet = decode(options_.version, (*raw)->first_octet, (*raw)->body);
        if (!packet) return end(ClientError::malformed_packet, events);
        if (state_ == State::connecting) {
            const auto* connack = std::get_if<Connack>(&*packet);
            if (connack == nullptr) return end(ClientError::protocol_violation, events);
            on_connack(*connack, now, wire, events);
        } else {
            std::visit(Receiver{*this, now, wire, events}, *packet);
        }
    }
}

// As the Receiver does it with whole packets: two of three packets of a busy broker are these, and they need no
// decoding.
void Client::on_bare_acknowledgement(const StreamParser::RawPacket& raw, TimePoint now, Buffer& wire,
                                     std::vector<Event>& events) {
    const auto id =
        static_cast<PacketId>((static_cast<unsigned>(raw.body[0]) << 8U) | static_cast<unsigned>(raw.body[1]));
    switch (static_cast<PacketType>(raw.first_octet >> 4U)) {
        case PacketType::puback:
            return on_acknowledgement(id, Qos::at_least_once, 0, now, wire, events);
        case PacketType::pubrec:
            return on_acknowledgement(id, Qos::exactly_once, 0, now, wire, events);
        case PacketType::pubrel:
            return on_pubrel(id, now, wire);
        default:
            return on_pubcomp(id, now, wire, events);
    }
}

void Client::on_connack(const Connack& packet, TimePoint now, Buffer& wire, std::vector<Event>& events) {
    const ReasonCode reason = connack_reason(options_.version, packet.reason);
    if (reason != 0) {
        connection_lost();
        events.push_back(Refused{reason});
        return;
    }
    limits_ = limits_of(packet);
    if (limits_.receive_maximum == 0 || limits_.maximum_packet_size == 0) {
        return end(ClientError::protocol_violation, events);
    }
    if (const auto keep_alive = find_number(packet.properties, PropertyId::server_keep_alive)) {
        keep_alive_s_ = static_cast<std::uint16_t>(*keep_alive);
    }
    state_ = State::connected;
    // MQTT 3.1 cannot tell whether the session was there. Assume it was: a repeated PUBLISH is harmless, a lost one is
    // not.
    const bool session_present = !clean_ && (packet.session_present || options_.version == Version::v3_1);
    const auto assigned = find_text(packet.properties, PropertyId::assigned_client_identifier);
    events.push_back(Connected{session_present, assigned.value_or(std::string_view())});
    resume(session_present, now, wire, events);
}

void Client::on_publish(const Publish& packet, TimePoint now, Buffer& wire, std::vector<Event>& events) {
    // Topic aliases were not offered, so every PUBLISH has a topic.
    if (packet.topic.empty() || find_number(packet.properties, PropertyId::topic_alias)) {
        return end(ClientError::protocol_violation, events);
    }
    MessageReceived message{packet.packet_id,
                            packet.qos,
                            packet.retain,
                            packet.dup,
                            packet.topic,
                            packet.payload,
                            find_number(packet.properties, PropertyId::message_expiry_interval)};
    if (packet.qos == Qos::at_most_once) {
        events.push_back(message);
        return;
    }
    const auto known = find_incoming(packet.packet_id);
    if (known != incoming_.end() && known->qos == packet.qos) {
        // Without DUP the id came back for another message: of MQTT 3.1 this is the only sign that the broker forgot
        // the session.
        message.session_forgotten = options_.version == Version::v3_1 && !packet.dup && !known->on_this_connection;
        known->on_this_connection = true;
        // The application has it and is not done.
        if (!known->acknowledged && !message.session_forgotten) return;
        if (packet.qos == Qos::exactly_once && packet.dup)
            return send_acknowledgement(PacketType::pubrec, packet.packet_id, now, wire);
        // Acknowledged while the connection was down.
        incoming_.erase(known);
        if (packet.dup) return send_acknowledgement(PacketType::puback, packet.packet_id, now, wire);
        if (message.session_forgotten)
            std::erase_if(incoming_, [](const Incoming& each) { return !each.on_this_connection; });
    } else if (known != incoming_.end()) {
        incoming_.erase(known);
    }
    // The broker's send quota starts anew with each connection (MQTT 5, 4.9).
    const auto open = std::ranges::count(incoming_, true, &Incoming::on_this_connection);
    if (options_.version == Version::v5 && open >= options_.receive_maximum) {
        return end(ClientError::protocol_violation, events);
    }
    incoming_.push_back({packet.packet_id, packet.qos, false});
    events.push_back(message);
}

void Client::on_acknowledgement(PacketId id, Qos qos, ReasonCode reason, TimePoint now, Buffer& wire,
                                std::vector<Event>& events) {
    const auto found = find_outgoing(id);
    if (found == outgoing_.end() || found->qos != qos) {
        // A PUBREC for an exchange that we do not know must still be brought to its end.
        if (qos == Qos::exactly_once && !is_failure(reason)) send_acknowledgement(PacketType::pubrel, id, now, wire);
        return;
    }
    if (found->awaits == Outgoing::Awaits::pubcomp) {
        return send_acknowledgement(PacketType::pubrel, id, now, wire);
    }
    if (qos == Qos::at_least_once || is_failure(reason)) {
        outgoing_.erase(found);
    } else {
        found->awaits = Outgoing::Awaits::pubcomp;
        found->packet = Buffer();
        send_acknowledgement(PacketType::pubrel, id, now, wire);
    }
    events.push_back(PublishAcknowledged{id, reason});
    send_waiting(now, wire);
}

void Client::on_pubrel(PacketId id, TimePoint now, Buffer& wire) {
    const auto found = find_incoming(id);
    if (found != incoming_.end()) incoming_.erase(found);
    send_acknowledgement(PacketType::pubcomp, id, now, wire);
}

void Client::on_pubcomp(PacketId id, TimePoint now, Buffer& wire, std::vector<Event>& events) {
    const auto found = find_outgoing(id);
    if (found == outgoing_.end() || found->awaits != Outgoing::Awaits::pubcomp) return;
    outgoing_.erase(found);
    events.push_back(PublishCompleted{id});
    send_waiting(now, wire);
}

}  // namespace mqttsn::mqtt
