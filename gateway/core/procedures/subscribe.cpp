// SUBSCRIBE and UNSUBSCRIBE (SN 6.9).
#include "gateway/core/procedures/procedures.hpp"
#include "gateway/core/reason_codes.hpp"
#include "protocol/topic.hpp"

namespace mqttsn::gateway {

namespace {

using Kind = PendingSubscription::Kind;

bool is_pending(const Session& session, Kind kind, sn::MsgId msg_id) {
    return std::any_of(session.pending.begin(), session.pending.end(), [&](const PendingSubscription& each) {
        return each.kind == kind && each.msg_id == msg_id && msg_id != 0;
    });
}

std::optional<PendingSubscription> take_pending(Session& session, Kind kind, mqtt::PacketId packet_id) {
    const auto found =
        std::find_if(session.pending.begin(), session.pending.end(),
                     [&](const PendingSubscription& each) { return each.kind == kind && each.packet_id == packet_id; });
    if (found == session.pending.end()) return std::nullopt;
    PendingSubscription taken = std::move(*found);
    session.pending.erase(found);
    return taken;
}

void refuse(Session& session, sn::MsgId msg_id, sn::ReturnCode code, Turn& turn, sn::TopicId topic_id = 0) {
    send_to(session.route, sn::Suback{Qos::at_most_once, topic_id, msg_id, code}, turn);
}

// The filter that a topic reference means; empty when it means none.
template <class Packet>
std::string filter_of(const Session& session, const Packet& packet, const Turn& turn) {
    switch (packet.type) {
        case sn::TopicIdType::normal:
            return std::string(packet.topic_name);
        case sn::TopicIdType::predefined:
            return std::string(turn.core.predefined.find(session.client_id, packet.topic_id));
        case sn::TopicIdType::short_name:
            return short_name(packet.topic_id);
        case sn::TopicIdType::reserved:
            break;
    }
    return {};
}

bool needs_new_id(Session& session, const PendingSubscription& wanted) {
    return wanted.type == sn::TopicIdType::normal && !has_wildcard(wanted.filter) &&
           !session.topics.find(without_share(wanted.filter));
}

bool is_within_limits(Session& session, const PendingSubscription& wanted, Turn& turn) {
    const Limits& limits = turn.config().limits;
    if (session.pending.size() >= limits.pending_subscriptions) return false;
    if (!session.subscriptions.contains(wanted.filter) &&
        session.subscriptions.all().size() >= limits.subscriptions_per_client) {
        ++turn.counters().subscriptions_limit;
        return false;
    }
    if (needs_new_id(session, wanted) && session.topics.size() >= limits.topics_per_client) {
        ++turn.counters().topics_limit;
        return false;
    }
    return true;
}

// A broker that said so in CONNACK would end the connection over such a filter (MQTT 5 3.2.2.3).
bool is_taken_by_broker(std::string_view filter, const mqtt::BrokerLimits& limits) {
    const bool is_shared = without_share(filter) != filter;
    return (limits.wildcard_available || !has_wildcard(filter)) && (limits.shared_available || !is_shared);
}

}  // namespace

void client_subscribes(Session& session, const sn::Subscribe& packet, Turn& turn) {
    if (is_pending(session, Kind::subscribe, packet.msg_id)) return;  // one answer serves both (SN12-6.9-g)
    PendingSubscription wanted{.kind = Kind::subscribe,
                               .msg_id = packet.msg_id,
                               .type = packet.type,
                               .topic_id = packet.topic_id,
                               .began_asleep = session.state == ClientState::asleep,
                               .filter = filter_of(session, packet, turn)};
    if (packet.type == sn::TopicIdType::predefined && wanted.filter.empty()) {
        return refuse(session, packet.msg_id, sn::ReturnCode::invalid_topic_id, turn, packet.topic_id);
    }
    if (packet.qos == Qos::minus_one || !is_usable_topic_filter(wanted.filter)) {
        return refuse(session, packet.msg_id, sn::ReturnCode::not_supported, turn);
    }
    if (turn.core.store_failing || !session.upstream.is_ready() || !is_within_limits(session, wanted, turn)) {
        return refuse(session, packet.msg_id, sn::ReturnCode::congestion, turn);
    }
    if (!is_taken_by_broker(wanted.filter, session.upstream.client().limits())) {
        return refuse(session, packet.msg_id, sn::ReturnCode::not_supported, turn);
    }
    const auto sent = session.upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.subscribe(wanted.filter, packet.qos, turn.now, wire);
    });
    if (!sent) return refuse(session, packet.msg_id, sn::ReturnCode::not_supported, turn);
    wanted.packet_id = *sent;
    session.pending.push_back(std::move(wanted));
}

void broker_subscribes(Session& session, const mqtt::Subscribed& event, Turn& turn) {
    const auto wanted = take_pending(session, Kind::subscribe, event.packet_id);
    if (!wanted) {
        // renew_subscriptions() asked, not the client.
        if (session.renewals > 0) --session.renewals;
        if (mqtt::is_failure(event.reason)) {
            turn.log(LogLevel::warning, session.client_id,
                     "the broker refused to renew a subscription (reason 0x{:02x})", event.reason);
        }
        return;
    }
    sn::Suback reply{Qos::at_most_once, 0, wanted->msg_id, suback_code(event.reason)};
    if (reply.code == sn::ReturnCode::accepted) {
        reply.qos = static_cast<Qos>(event.reason);
        Subscription granted{wanted->filter, reply.qos, std::nullopt};
        if (wanted->type == sn::TopicIdType::predefined) {
            granted.predefined = wanted->topic_id;
            reply.topic_id = wanted->topic_id;
        } else if (wanted->type == sn::TopicIdType::normal && !has_wildcard(wanted->filter)) {
            const auto id = session.topics.assign(without_share(wanted->filter), TopicRegistry::Origin::client,
                                                  turn.config().limits.topics_per_client, turn.core.is_predefined());
            // Ids that ran out since the SUBSCRIBE came: deliveries will announce themselves by REGISTER.
            if (id) {
                session.topics.confirm(*id);
                reply.topic_id = *id;
            }
        }
        session.subscriptions.add(std::move(granted));
    }
    answer(session, reply, wanted->began_asleep, turn);
    deliver_next(session, turn);
}

namespace {

// A PUBLISH in transmission ends as it began; the rest goes unless another subscription wants it (SN12-6.9-j, -k).
void cancel_deliveries(Session& session, std::string_view filter, Turn& turn) {
    using Step = OutboundExchange::Step;
    const auto is_unwanted = [&](const Delivery& each) {
        return matches(filter, each.topic) && !session.subscriptions.covers(each.topic);
    };
    auto& exchange = session.outbound;
    if (exchange.step == Step::register_ && is_unwanted(session.deliveries.front())) {
        exchange = {};
        session.stop(Timer::retry);
    }
    const std::size_t keep = exchange.step == Step::none ? 0 : 1;
    session.deliveries.take_if(keep, is_unwanted, [&](const Delivery& each) { complete(session, each, turn); });
}

}  // namespace

void client_unsubscribes(Session& session, const sn::Unsubscribe& packet, Turn& turn) {
    if (is_pending(session, Kind::unsubscribe, packet.msg_id)) return;
    const std::string filter = filter_of(session, packet, turn);
    if (!is_usable_topic_filter(filter)) {
        send(session, sn::Unsuback{packet.msg_id}, turn);
        return;
    }
    if (session.pending.size() >= turn.config().limits.pending_subscriptions) {
        ++turn.counters().subscriptions_limit;
        return;  // UNSUBACK has no error code: the client's retry comes later
    }
    session.pending.push_back({.kind = Kind::unsubscribe,
                               .msg_id = packet.msg_id,
                               .type = packet.type,
                               .topic_id = packet.topic_id,
                               .began_asleep = session.state == ClientState::asleep,
                               .filter = filter});
    send_waiting_unsubscribes(session, turn);
}

void send_waiting_unsubscribes(Session& session, Turn& turn) {
    if (!session.upstream.is_ready()) return;
    std::erase_if(session.pending, [&](PendingSubscription& each) {
        if (each.kind != Kind::unsubscribe || each.packet_id != 0) return false;
        const auto sent = session.upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
            return client.unsubscribe(each.filter, turn.now, wire);
        });
        if (sent) {
            each.packet_id = *sent;
            return false;
        }
        // Longer than the broker takes, so there is no such subscription (SN12-5.4.17-b).
        if (each.from_client) answer(session, sn::Unsuback{each.msg_id}, each.began_asleep, turn);
        return true;
    });
}

void broker_unsubscribes(Session& session, const mqtt::Unsubscribed& event, Turn& turn) {
    const auto done = take_pending(session, Kind::unsubscribe, event.packet_id);
    if (!done) return;
    session.subscriptions.remove(done->filter);
    if (session.subscriptions_known) cancel_deliveries(session, done->filter, turn);
    if (done->from_client) answer(session, sn::Unsuback{done->msg_id}, done->began_asleep, turn);
    deliver_next(session, turn);
}

void renew_subscriptions(Session& session, bool session_present, Turn& turn) {
    const bool is_in_doubt =
        session.upstream.take_unanswered() || session.renewals > 0 || session.subscriptions_doubted;
    session.renewals = 0;
    session.subscriptions_doubted = false;
    if (session_present && !is_in_doubt) return;
    for (const auto& each : session.subscriptions.all()) {
        const auto sent = session.upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
            return client.subscribe(each.filter, each.granted, turn.now, wire);
        });
        if (sent) {
            ++session.renewals;
        } else {
            turn.log(LogLevel::warning, session.client_id, "cannot renew a subscription: {}", sent.error().message());
        }
    }
}

void suspend_subscriptions(Session& session, Turn& turn) {
    const auto waiting = std::move(session.pending);
    session.pending.clear();
    for (const auto& each : waiting) {
        if (each.kind == Kind::unsubscribe) {
            session.pending.push_back(each);
            session.pending.back().packet_id = 0;
        } else {
            answer(session, sn::Suback{Qos::at_most_once, 0, each.msg_id, sn::ReturnCode::congestion},
                   each.began_asleep, turn);
        }
    }
    deliver_next(session, turn);
}

bool is_awaiting_suback(const Session& session, std::string_view name) {
    return std::any_of(session.pending.begin(), session.pending.end(), [&](const PendingSubscription& each) {
        return each.kind == Kind::subscribe && matches(each.filter, name) && !session.subscriptions.covers(name);
    });
}

}  // namespace mqttsn::gateway
