#include "gateway/core/image.hpp"
#include "gateway/core/image_octets.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::gateway {

namespace {

// 1: no deadline, no records of deliveries.
constexpr std::uint8_t flow_version = 2;
constexpr std::uint8_t message_version = 1;

UnixSeconds deadline_s(const Session& session, const Config& config) {
    switch (session.state) {
        case ClientState::asleep:
        case ClientState::awake:
            return unix_deadline_s(session.lost_at, config);
        case ClientState::disconnected:
        case ClientState::lost:
            return session.is_set(Timer::expiry) ? unix_deadline_s(session.when(Timer::expiry), config) : 0;
        default:
            return 0;
    }
}

/// One part of the flow image: how many, and what of each. Allocates only when there is something.
struct Part {
    Buffer octets;
    std::uint32_t count = 0;

    void append_to(Buffer& out) const {
        ImageWriter(out).number(count);
        out.insert(out.end(), octets.begin(), octets.end());
    }
};

Part inbound_part(const Session& session) {
    Part part;
    ImageWriter writer(part.octets);
    for (const InboundExchange& each : session.inbound) {
        if (each.qos != Qos::exactly_once) continue;
        ++part.count;
        writer.number(each.msg_id);
        writer.number(each.topic_id);
        // Behind PUBCOMP the packet id belongs to other messages.
        writer.number(session.upstream.client().is_open(each.packet_id) ? each.packet_id : mqtt::PacketId{0});
        writer.flag(each.at_broker);
        writer.flag(each.began_asleep);
    }
    return part;
}

Part acknowledged_part(const Session& session) {
    Part part;
    ImageWriter writer(part.octets);
    session.upstream.client().for_each_acknowledged([&](mqtt::PacketId id) {
        ++part.count;
        writer.number(id);
    });
    return part;
}

Part delivery_part(Session& session) {
    Part part;
    ImageWriter writer(part.octets);
    const auto write = [&](mqtt::PacketId packet_id, sn::MsgId msg_id, bool received, std::uint64_t stored) {
        ++part.count;
        writer.number(packet_id);
        writer.number(msg_id);
        writer.flag(received);
        writer.number(stored);
    };
    const Delivery* front = session.deliveries.empty() ? nullptr : &session.deliveries.front();
    if (front != nullptr && !(front->qos == Qos::exactly_once && front->sent)) front = nullptr;
    if (front != nullptr) write(front->packet_id, front->msg_id, front->received, front->stored);
    for (const InterruptedDelivery& each : session.interrupted) {
        if (front == nullptr || !each.is_of(*front)) write(each.packet_id, each.msg_id, false, each.stored);
    }
    return part;
}

Part taken_part(const Session& session) {
    Part part;
    ImageWriter writer(part.octets);
    // The backlog may be long; what is on its way is few, and near the front.
    std::size_t left = session.upstream.client().in_flight();
    for (auto each = session.taken.list.begin(); each != session.taken.list.end() && left > 0; ++each) {
        if (each->packet_id == 0) continue;
        --left;
        if (each->qos != Qos::exactly_once) continue;
        ++part.count;
        writer.number(each->sequence);
        writer.number(each->packet_id);
        writer.flag(each->at_broker);
    }
    return part;
}

void read_inbound(ImageReader& reader, Session& session) {
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        InboundExchange each{.qos = Qos::exactly_once, .restored = true};
        each.msg_id = reader.number<sn::MsgId>();
        each.topic_id = reader.number<sn::TopicId>();
        each.packet_id = reader.number<mqtt::PacketId>();
        each.at_broker = reader.flag();
        each.began_asleep = reader.flag();
        if (!reader.is_good()) break;
        if (each.packet_id == 0 && !each.at_broker) continue;
        if (each.packet_id != 0) session.upstream.client().restore_publish(each.packet_id, each.at_broker);
        session.inbound.push_back(each);
    }
}

void restore_delivery(const InterruptedDelivery& begun, bool received, Session& session) {
    session.last_msg_id = begun.msg_id;
    if (!received) session.interrupted.push_back(begun);
    if (!received && begun.stored == 0) return;  // the broker brings it again
    // The client that has the message needs only PUBREL, and that has no payload.
    if (begun.packet_id != 0) session.upstream.client().restore_received(begun.packet_id, false);
    Delivery rest;
    rest.qos = Qos::exactly_once;
    rest.packet_id = begun.packet_id;
    rest.stored = begun.stored;
    rest.msg_id = begun.msg_id;
    rest.sent = true;
    rest.received = received;
    if (begun.stored == 0) {
        session.deliveries.push(std::move(rest));
    } else {
        session.deliveries.at_record(begun.stored) = std::move(rest);
    }
}

void read_deliveries(ImageReader& reader, std::uint8_t version, Session& session) {
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        InterruptedDelivery begun;
        begun.packet_id = reader.number<mqtt::PacketId>();
        begun.msg_id = reader.number<sn::MsgId>();
        const bool received = reader.flag();
        if (version >= 2) begun.stored = reader.number<std::uint64_t>();
        if (reader.is_good()) restore_delivery(begun, received, session);
    }
}

void read_taken(ImageReader& reader, Session& session) {
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        TakenMessage each;
        each.qos = Qos::exactly_once;
        each.sequence = reader.number<std::uint64_t>();
        each.packet_id = reader.number<mqtt::PacketId>();
        each.at_broker = reader.flag();
        each.restored = !each.at_broker;
        if (!reader.is_good()) break;
        session.upstream.client().restore_publish(each.packet_id, each.at_broker);
        session.taken.last_sequence = std::max(session.taken.last_sequence, each.sequence);
        session.taken.list.push_back(std::move(each));
    }
}

}  // namespace

void append_flow_image(Session& session, const Config& config, Buffer& out) {
    const UnixSeconds deadline = deadline_s(session, config);
    const std::array parts{inbound_part(session), acknowledged_part(session), delivery_part(session),
                           taken_part(session)};
    if (deadline == 0 && std::ranges::all_of(parts, [](const Part& each) { return each.count == 0; })) return;
    ImageWriter writer(out);
    writer.number(flow_version);
    writer.number(deadline);
    for (const Part& each : parts)
        each.append_to(out);
}

bool read_flow_image(Bytes image, Session& session) {
    ImageReader reader(image);
    const auto version = reader.number<std::uint8_t>();
    if (version == 0 || version > flow_version) return false;
    if (version >= 2) session.stored.deadline_s = reader.number<UnixSeconds>();
    read_inbound(reader, session);
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        const auto id = reader.number<mqtt::PacketId>();
        if (reader.is_good()) session.upstream.client().restore_received(id, true);
    }
    read_deliveries(reader, version, session);
    read_taken(reader, session);
    return reader.is_good();
}

void append_message_image(const TakenMessage& message, Buffer& out) {
    ImageWriter writer(out);
    writer.number(message_version);
    writer.text(message.topic);
    writer.octets(message.payload);
    writer.number(static_cast<std::uint8_t>(message.qos));
    writer.flag(message.retain);
    writer.number(message.taken_at_s);
}

bool read_message_image(Bytes image, std::uint64_t sequence, Session& session) {
    ImageReader reader(image);
    if (reader.number<std::uint8_t>() != message_version) return false;
    const std::string_view topic = reader.text();
    const Bytes payload = reader.octets();
    const auto qos = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
    const bool retain = reader.flag();
    const auto taken_at_s = reader.number<std::uint64_t>();
    if (!reader.is_good() || topic.empty()) return false;
    auto& list = session.taken.list;
    const auto place = std::ranges::lower_bound(list, sequence, {}, &TakenMessage::sequence);
    const bool is_begun = place != list.end() && place->sequence == sequence;
    TakenMessage& message = is_begun ? *place : *list.insert(place, TakenMessage{});
    message.sequence = sequence;
    message.topic = topic;
    message.payload.assign(payload.begin(), payload.end());
    message.qos = qos;
    message.retain = retain;
    message.taken_at_s = taken_at_s;
    session.taken.octets += topic.size() + payload.size();
    session.taken.last_sequence = std::max(session.taken.last_sequence, sequence);
    return true;
}

void append_delivery_image(const Delivery& delivery, const Config& config, Buffer& out) {
    ImageWriter writer(out);
    writer.number(message_version);
    writer.text(delivery.topic);
    writer.octets(delivery.payload);
    writer.number(static_cast<std::uint8_t>(delivery.qos));
    writer.flag(delivery.retain);
    writer.number(delivery.expires_at ? unix_deadline_s(*delivery.expires_at, config) : UnixSeconds{0});
}

bool read_delivery_image(Bytes image, std::uint64_t sequence, const Config& config, Session& session) {
    ImageReader reader(image);
    if (reader.number<std::uint8_t>() != message_version) return false;
    const std::string_view topic = reader.text();
    const Bytes payload = reader.octets();
    const auto qos = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
    const bool retain = reader.flag();
    const auto expires_at_s = reader.number<UnixSeconds>();
    if (!reader.is_good() || topic.empty() || qos == Qos::at_most_once || sequence == 0) return false;
    Delivery& delivery = session.deliveries.at_record(sequence);
    session.deliveries.fill(delivery, topic, payload);
    delivery.qos = qos;
    delivery.retain = retain;
    if (expires_at_s != 0) delivery.expires_at = from_unix_time(expires_at_s, config);
    session.last_delivery = std::max(session.last_delivery, sequence);
    return true;
}

}  // namespace mqttsn::gateway
