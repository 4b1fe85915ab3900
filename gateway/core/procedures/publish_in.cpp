// PUBLISH from client to broker, QoS 0, 1 and 2 (SN 6.6).
#include "gateway/core/procedures/procedures.hpp"
#include "gateway/core/reason_codes.hpp"
#include "protocol/topic.hpp"

namespace mqttsn::gateway {

std::string short_name(sn::TopicId topic_id) {
    const std::string name{static_cast<char>(topic_id >> 8U), static_cast<char>(topic_id & 0xFFU)};
    return is_usable_text(name) ? name : std::string();
}

namespace {

// Passes the output gate: a refusal changes nothing that the disk would have to know.
void refuse(Session& session, const sn::Publish& packet, sn::ReturnCode code, Turn& turn) {
    ++turn.counters().publish_in_refused;
    send_to(session.route, sn::Puback{packet.topic_id, packet.msg_id, code}, turn);
}

// Lack of resources, or the broker is away (SN12-6.6-i).
void refuse_for_now(Session& session, const sn::Publish& packet, Turn& turn) {
    if (packet.qos == Qos::at_most_once) {
        if (session.qos0_refused_at && turn.now < *session.qos0_refused_at + turn.config().timers.retry) return;
        session.qos0_refused_at = turn.now;
    }
    refuse(session, packet, sn::ReturnCode::congestion, turn);
}

struct ResolvedTopic {
    std::string_view name;
    sn::ReturnCode code = sn::ReturnCode::accepted;
};

ResolvedTopic resolve(Session& session, const sn::Publish& packet, std::string& storage, const Turn& turn) {
    switch (packet.type) {
        case sn::TopicIdType::normal: {
            const auto* entry = session.topics.find(packet.topic_id);
            if (entry == nullptr) return {{}, sn::ReturnCode::invalid_topic_id};
            return {entry->name};
        }
        case sn::TopicIdType::predefined: {
            const auto name = turn.core.predefined.find(session.client_id, packet.topic_id);
            if (name.empty()) return {{}, sn::ReturnCode::invalid_topic_id};
            return {name};
        }
        case sn::TopicIdType::short_name:
            storage = short_name(packet.topic_id);
            if (!is_usable_topic_name(storage)) return {{}, sn::ReturnCode::not_supported};
            return {storage};
        case sn::TopicIdType::reserved:
            break;
    }
    return {{}, sn::ReturnCode::not_supported};
}

void count(const sn::Publish& packet, Counters& counters) {
    if (packet.qos == Qos::at_most_once) ++counters.publish_in_qos0;
    if (packet.qos == Qos::at_least_once) ++counters.publish_in_qos1;
    if (packet.qos == Qos::exactly_once) ++counters.publish_in_qos2;
}

// The gateway restarted between PUBLISH and the broker's PUBREC; the client's repetition brings the payload again, and
// the same packet id lets the broker tell that it is the same message.
void repeat_restored(Session& session, InboundExchange& exchange, const sn::Publish& packet, std::string_view topic,
                     Turn& turn) {
    const auto repeated = session.upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.repeat(exchange.packet_id, {topic, packet.data, packet.qos, packet.retain}, turn.now, wire);
    });
    if (!repeated) {
        exchange.is_earlier = true;  // refused, it comes again under another MsgId
        return refuse_for_now(session, packet, turn);
    }
    exchange.restored = false;
    exchange.sent_at = turn.now;
}

// A repeated PUBLISH is answered from memory and never forwarded (SN12-6.6-g, SN12-6.6-h).
bool absorb_duplicate(Session& session, const sn::Publish& packet, std::string_view topic, Turn& turn) {
    for (InboundExchange& each : session.inbound) {
        if (each.msg_id != packet.msg_id || each.qos != packet.qos) continue;
        if (packet.qos == Qos::at_least_once && !packet.dup) continue;
        ++turn.counters().publish_in_duplicates;
        each.is_earlier = false;
        if (each.at_broker) {
            send(session, sn::Pubrec{packet.msg_id}, turn);
        } else if (each.restored) {
            repeat_restored(session, each, packet, topic, turn);
        }
        return true;
    }
    if (packet.qos == Qos::at_least_once && packet.dup && session.last_puback &&
        session.last_puback->msg_id == packet.msg_id) {
        ++turn.counters().publish_in_duplicates;
        send(session, *session.last_puback, turn);
        return true;
    }
    return false;
}

// Nobody repeats it: its packet id becomes free.
void release_restored(Session& session, const InboundExchange& exchange, Turn& turn) {
    session.upstream.write(
        turn.out, [&](mqtt::Client& client, Buffer& wire) { client.release(exchange.packet_id, turn.now, wire); });
}

// A client that lost its connection may have given up what it began there, and begin it anew under another MsgId: the
// oldest exchange that waits for such a client makes room. False: there is none.
bool forget_abandoned(Session& session, Turn& turn) {
    const auto found = std::ranges::find_if(session.inbound, [](const InboundExchange& each) {
        return each.is_earlier && (each.at_broker || each.restored);
    });
    if (found == session.inbound.end()) return false;
    if (!found->at_broker) release_restored(session, *found, turn);
    session.inbound.erase(found);
    return true;
}

// delivery.up = "store": the acknowledgement waits for the disk, not for the broker.
void take_over(Session& session, const sn::Publish& packet, std::string_view topic, Turn& turn) {
    if (!take(session, packet, topic, turn)) return refuse_for_now(session, packet, turn);
    if (packet.qos == Qos::at_least_once) {
        session.last_puback = sn::Puback{packet.topic_id, packet.msg_id, sn::ReturnCode::accepted};
        send(session, *session.last_puback, turn);
    } else if (packet.qos == Qos::exactly_once) {
        session.inbound.push_back({.msg_id = packet.msg_id,
                                   .topic_id = packet.topic_id,
                                   .qos = packet.qos,
                                   .packet_id = 0,
                                   .at_broker = true});
        send(session, sn::Pubrec{packet.msg_id}, turn);
    }
}

}  // namespace

void client_publishes(Session& session, const sn::Publish& packet, Turn& turn) {
    count(packet, turn.counters());
    std::string storage;
    const ResolvedTopic topic = resolve(session, packet, storage, turn);
    if (topic.code != sn::ReturnCode::accepted) return refuse(session, packet, topic.code, turn);

    const bool needs_answer = packet.qos != Qos::at_most_once;
    if (needs_answer) {
        if (packet.msg_id == 0) return refuse(session, packet, sn::ReturnCode::not_supported, turn);
        if (absorb_duplicate(session, packet, topic.name, turn)) return;
        if (session.inbound.size() >= turn.config().limits.inflight_in && !forget_abandoned(session, turn)) {
            ++turn.counters().publish_in_excess;  // the client's retry timer paces it (SN12-6.6-j)
            return;
        }
    }
    const bool is_taken = is_for_store(packet, topic.name, turn);
    const bool needs_disk = is_taken || packet.qos == Qos::exactly_once;
    if (needs_disk && turn.core.store_failing) return refuse_for_now(session, packet, turn);
    if (is_taken) return take_over(session, packet, topic.name, turn);
    if (!session.upstream.is_ready()) return refuse_for_now(session, packet, turn);

    const auto published = session.upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.publish({topic.name, packet.data, packet.qos, packet.retain}, turn.now, wire);
    });
    if (!published) {
        if (published.error() == mqtt::ClientError::packet_too_large) {
            return refuse(session, packet, sn::ReturnCode::not_supported, turn);
        }
        if (published.error() == mqtt::ClientError::in_flight_full) forget_abandoned(session, turn);
        return refuse_for_now(session, packet, turn);
    }
    if (!needs_answer) return;
    session.inbound.push_back({.msg_id = packet.msg_id,
                               .topic_id = packet.topic_id,
                               .qos = packet.qos,
                               .packet_id = *published,
                               .began_asleep = session.state == ClientState::asleep,
                               .sent_at = turn.now});
    // A broker without this QoS acknowledges nothing: the octets are on their way, that is all it can promise.
    if (*published == 0) broker_acknowledges(session, {0, 0x00}, turn);
}

void broker_acknowledges(Session& session, const mqtt::PublishAcknowledged& event, Turn& turn) {
    const auto found = std::find_if(session.inbound.begin(), session.inbound.end(), [&](const InboundExchange& each) {
        return each.packet_id == event.packet_id && !each.at_broker;
    });
    if (found == session.inbound.end()) return;
    const InboundExchange exchange = *found;
    if (exchange.packet_id != 0) turn.core.traffic.count_round_trip(exchange.sent_at, turn.now);
    const sn::ReturnCode code = puback_code(event.reason);
    if (exchange.qos == Qos::exactly_once && code == sn::ReturnCode::accepted) {
        found->at_broker = true;
        answer(session, sn::Pubrec{exchange.msg_id}, exchange.began_asleep, turn);
        return;
    }
    session.inbound.erase(found);
    const sn::Puback reply{exchange.topic_id, exchange.msg_id, code};
    if (code == sn::ReturnCode::accepted) {
        session.last_puback = reply;
    } else {
        ++turn.counters().publish_in_refused;
    }
    answer(session, reply, exchange.began_asleep, turn);
}

void client_releases(Session& session, const sn::Pubrel& packet, Turn& turn) {
    const auto found = std::find_if(session.inbound.begin(), session.inbound.end(), [&](const InboundExchange& each) {
        return each.msg_id == packet.msg_id && each.qos == Qos::exactly_once;
    });
    if (found != session.inbound.end()) {
        // It has not seen PUBREC yet: completing now would be a lie. Only of an exchange from the store it may have
        // one, for an earlier copy of the message; it lets go of the payload, so nobody will repeat that.
        if (!found->at_broker && !found->restored) return;
        if (!found->at_broker) release_restored(session, *found, turn);
        session.inbound.erase(found);
    }
    send(session, sn::Pubcomp{packet.msg_id}, turn);
}

}  // namespace mqttsn::gateway
