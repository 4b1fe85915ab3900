// delivery.up = "store": the gateway takes a client's message into its own care, tells the client so once it is on
// disk, and brings it to the broker in order, now or when the broker is back.
#include "gateway/core/procedures/procedures.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

std::uint64_t unix_time_s(const Turn& turn) {
    const auto since_epoch = turn.now.time_since_epoch() + turn.config().unix_time_at_zero;
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count());
}

bool has_room(const Session& session, std::size_t octets, const Turn& turn) {
    const UpstreamDelivery& delivery = turn.config().delivery;
    return session.taken.list.size() < delivery.max_messages && session.taken.octets + octets <= delivery.max_octets;
}

void drop_record(Session& session, TakenMessage& message, Turn& turn) {
    session.taken.octets -= message.topic.size() + message.payload.size();
    message.topic.clear();
    message.payload = Buffer();
    turn.core.journal.erase_message(session, message.sequence, turn.out);
}

void drop_too_old(Session& session, Turn& turn) {
    const Duration max_age = turn.config().delivery.max_age;
    if (max_age == Duration::zero()) return;
    const auto longest = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(max_age).count());
    const std::uint64_t now = unix_time_s(turn);
    std::erase_if(session.taken.list, [&](TakenMessage& each) {
        if (each.packet_id != 0 || each.taken_at_s + longest >= now) return false;
        ++turn.counters().taken_dropped;
        turn.log(LogLevel::warning, session.client_id, "message on {} dropped: older than delivery.max_age",
                 each.topic);
        drop_record(session, each, turn);
        return true;
    });
}

// What it was kept alive for is done: now it ends as it would have before.
void end_if_paid(Session& session, Turn& turn) {
    const bool is_away = session.state == ClientState::disconnected || session.state == ClientState::lost;
    if (!is_away || session.owes_broker() || session.will_due || session.will_packet_id != 0) return;
    session.upstream.disconnect(0x00, turn.out);
    settle(session, session.state, turn);
}

std::deque<TakenMessage>::iterator find_on_its_way(Session& session, mqtt::PacketId packet_id) {
    return std::ranges::find_if(
        session.taken.list, [&](const TakenMessage& each) { return each.packet_id == packet_id && packet_id != 0; });
}

// False: nothing more can be sent now.
bool forward(Session& session, TakenMessage& message, Turn& turn) {
    const mqtt::OutgoingMessage outgoing{message.topic, message.payload, message.qos, message.retain};
    if (message.restored) {
        message.restored = false;
        return session.upstream
            .write(turn.out, [&](mqtt::Client& client,
                                 Buffer& wire) { return client.repeat(message.packet_id, outgoing, turn.now, wire); })
            .has_value();
    }
    const auto sent = session.upstream.write(
        turn.out, [&](mqtt::Client& client, Buffer& wire) { return client.publish(outgoing, turn.now, wire); });
    if (!sent && sent.error() == mqtt::ClientError::packet_too_large) {
        ++turn.counters().taken_dropped;
        turn.log(LogLevel::error, session.client_id, "message on {} dropped: larger than the broker accepts",
                 message.topic);
        drop_record(session, message, turn);
        return true;
    }
    if (!sent) return false;
    message.packet_id = *sent;
    if (*sent == 0) {
        // QoS 0, or a broker without acknowledgements: its octets are on their way, that is all it can promise.
        ++turn.counters().taken_delivered;
        drop_record(session, message, turn);
    }
    return true;
}

}  // namespace

bool is_for_store(const sn::Publish& packet, const Turn& turn) {
    const UpstreamDelivery& delivery = turn.config().delivery;
    return turn.config().durable && delivery.up == DeliveryUp::store &&
           (packet.qos != Qos::at_most_once || delivery.store_qos0);
}

bool take(Session& session, const sn::Publish& packet, std::string_view topic, Turn& turn) {
    drop_too_old(session, turn);
    const std::size_t octets = topic.size() + packet.data.size();
    if (!has_room(session, octets, turn)) return false;
    TakenMessage message;
    message.sequence = ++session.taken.last_sequence;
    message.topic = topic;
    message.payload.assign(packet.data.begin(), packet.data.end());
    message.qos = packet.qos;
    message.retain = packet.retain;
    message.taken_at_s = unix_time_s(turn);
    turn.core.journal.put_message(session, message, turn.out);
    session.taken.octets += octets;
    session.taken.list.push_back(std::move(message));
    ++turn.counters().taken;
    forward_taken(session, turn);
    return true;
}

void forward_taken(Session& session, Turn& turn) {
    if (session.upstream.is_ready()) {
        drop_too_old(session, turn);
        for (TakenMessage& each : session.taken.list) {
            if (each.packet_id != 0 && !each.restored) continue;
            if (!forward(session, each, turn)) break;
        }
        std::erase_if(session.taken.list,
                      [](const TakenMessage& each) { return each.packet_id == 0 && each.topic.empty(); });
    }
    end_if_paid(session, turn);
}

bool broker_acknowledges_taken(Session& session, const mqtt::PublishAcknowledged& event, Turn& turn) {
    const auto found = find_on_its_way(session, event.packet_id);
    if (found == session.taken.list.end() || found->at_broker) return false;
    const bool failed = mqtt::is_failure(event.reason);
    if (failed) {
        ++turn.counters().taken_dropped;
        turn.log(LogLevel::error, session.client_id, "message on {} dropped: the broker refused it (reason 0x{:02x})",
                 found->topic, event.reason);
    } else {
        ++turn.counters().taken_delivered;
    }
    drop_record(session, *found, turn);
    if (!failed && found->qos == Qos::exactly_once) {
        found->at_broker = true;
        return true;
    }
    session.taken.list.erase(found);
    forward_taken(session, turn);
    return true;
}

void broker_completes_taken(Session& session, const mqtt::PublishCompleted& event, Turn& turn) {
    const auto found = find_on_its_way(session, event.packet_id);
    if (found == session.taken.list.end()) return;
    session.taken.list.erase(found);
    forward_taken(session, turn);
}

void restart_taken(Session& session) {
    // Behind a clean CONNECT the broker knows nothing of what was on its way.
    std::erase_if(session.taken.list, [](const TakenMessage& each) { return each.at_broker; });
    for (TakenMessage& each : session.taken.list) {
        each.packet_id = 0;
        each.restored = false;
    }
}

}  // namespace mqttsn::gateway
