// delivery.up = "store": the gateway takes a client's message into its own care, tells the client so once it is on
// disk, and brings it to the broker in order, now or when the broker is back.
#include "gateway/core/procedures/procedures.hpp"
#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

struct Rule {
    DeliveryUp up;
    bool store_qos0;
    Duration max_age;
};

Rule rule_for(std::string_view topic, const UpstreamDelivery& delivery) {
    for (const DeliveryPolicy& each : delivery.policies) {
        const auto fits = [&](const std::string& filter) { return matches(filter, topic); };
        if (std::ranges::any_of(each.topics, fits)) return {each.up, each.store_qos0, each.max_age};
    }
    return {delivery.up, delivery.store_qos0, delivery.max_age};
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
    const UnixSeconds now = unix_time_s(turn.now, turn.config());
    if (session.taken.next_drop_s >= now) return;
    session.taken.next_drop_s = no_drop;
    std::erase_if(session.taken.list, [&](TakenMessage& each) {
        if (each.packet_id != 0 || each.drop_at_s >= now) {
            session.taken.next_drop_s = std::min(session.taken.next_drop_s, std::max(each.drop_at_s, now));
            return false;
        }
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

// What waited goes at a limited pace, so that the end of an outage does not fall upon the broker. False: its moment is
// still to come.
bool is_its_moment(Session& session, const TakenMessage& message, Turn& turn) {
    TakenMessages& taken = session.taken;
    if (!message.waited || taken.may_replay) return true;
    if (session.is_set(Timer::replay)) return false;
    const TimePoint mine = turn.core.replays.reserve(turn.now);
    taken.may_replay = mine <= turn.now;
    if (!taken.may_replay) session.set(Timer::replay, mine);
    return taken.may_replay;
}

void count_replay(Session& session, TakenMessage& message, Turn& turn) {
    if (!message.waited) return;
    message.waited = false;
    session.taken.may_replay = false;
    ++turn.counters().taken_replayed;
}

// False: nothing more can be sent now.
bool forward(Session& session, TakenMessage& message, Turn& turn) {
    message.sent_at = turn.now;
    const mqtt::OutgoingMessage outgoing{message.topic, message.payload, message.qos, message.retain};
    if (message.restored) {
        message.restored = false;
        count_replay(session, message, turn);
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
    count_replay(session, message, turn);
    message.packet_id = *sent;
    if (*sent == 0) {
        // QoS 0, or a broker without acknowledgements: its octets are on their way, that is all it can promise.
        ++turn.counters().taken_delivered;
        drop_record(session, message, turn);
    }
    return true;
}

}  // namespace

bool is_for_store(const sn::Publish& packet, std::string_view topic, const Turn& turn) {
    const UpstreamDelivery& delivery = turn.config().delivery;
    if (!turn.config().durable || !delivery.uses_store()) return false;
    const Rule rule = rule_for(topic, delivery);
    return rule.up == DeliveryUp::store && (packet.qos != Qos::at_most_once || rule.store_qos0);
}

void set_drop_time(Session& session, TakenMessage& message, const Config& config) {
    const Duration max_age = rule_for(message.topic, config.delivery).max_age;
    message.drop_at_s = no_drop;
    if (max_age == Duration::zero()) return;
    message.drop_at_s =
        message.taken_at_s + static_cast<UnixSeconds>(std::chrono::ceil<std::chrono::seconds>(max_age).count());
    session.taken.next_drop_s = std::min(session.taken.next_drop_s, message.drop_at_s);
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
    message.taken_at_s = unix_time_s(turn.now, turn.config());
    message.waited = !session.upstream.is_ready();
    set_drop_time(session, message, turn.config());
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
        auto& list = session.taken.list;
        for (auto each = list.begin(); each != list.end();) {
            if (each->packet_id == 0 || each->restored) {
                if (!is_its_moment(session, *each, turn) || !forward(session, *each, turn)) break;
            }
            const bool is_over = each->packet_id == 0 && each->topic.empty();
            each = is_over ? list.erase(each) : each + 1;
        }
    }
    end_if_paid(session, turn);
}

void replay_taken(Session& session, Turn& turn) {
    session.stop(Timer::replay);
    session.taken.may_replay = true;
    forward_taken(session, turn);
}

bool broker_acknowledges_taken(Session& session, const mqtt::PublishAcknowledged& event, Turn& turn) {
    const auto found = find_on_its_way(session, event.packet_id);
    if (found == session.taken.list.end() || found->at_broker) return false;
    turn.core.traffic.count_round_trip(found->sent_at, turn.now);
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
        if (each.packet_id != 0) each.waited = true;
        each.packet_id = 0;
        each.restored = false;
    }
}

}  // namespace mqttsn::gateway
