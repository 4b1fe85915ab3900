// REGISTER, both ways (SN 6.5, 6.10).
#include "gateway/core/procedures/procedures.hpp"
#include "protocol/topic.hpp"

namespace mqttsn::gateway {

void client_registers(Session& session, const sn::Register& packet, Turn& turn) {
    sn::Regack reply{0, packet.msg_id, sn::ReturnCode::not_supported};
    if (is_usable_topic_name(packet.topic_name)) {
        if (turn.core.store_failing && !session.topics.find(packet.topic_name)) {
            reply.code = sn::ReturnCode::congestion;
            send_to(session.route, reply, turn);
            return;
        }
        const auto id = session.topics.assign(packet.topic_name, TopicRegistry::Origin::client,
                                              turn.config().limits.topics_per_client, turn.core.is_predefined());
        if (id) {
            session.topics.confirm(*id);
            reply.topic_id = *id;
            reply.code = sn::ReturnCode::accepted;
        } else {
            ++turn.counters().topics_limit;
            reply.code = sn::ReturnCode::congestion;
        }
    }
    send(session, reply, turn);
}

namespace {

// The client wants nothing on this name: as if it had unsubscribed (SN12-6.10-f).
void refuse_name(Session& session, const std::string& name, Turn& turn) {
    session.deliveries.take_if(
        0, [&](const Delivery& each) { return each.topic == name; },
        [&](const Delivery& each) {
            ++turn.counters().deliveries_suppressed;
            complete(session, each, turn);
        });
    if (session.subscriptions.contains(name)) {
        session.subscriptions.remove(name);
        session.pending.push_back(
            {.kind = PendingSubscription::Kind::unsubscribe, .from_client = false, .filter = name});
        send_waiting_unsubscribes(session, turn);
    }
    session.subscriptions.suppress(name, turn.config().limits.topics_per_client);
}

void discard_name(Session& session, const std::string& name, Turn& turn) {
    session.deliveries.take_if(
        0, [&](const Delivery& each) { return each.topic == name; },
        [&](const Delivery& each) {
            ++turn.counters().deliveries_rejected;
            complete(session, each, turn);
        });
}

}  // namespace

void client_answers_register(Session& session, const sn::Regack& packet, Turn& turn) {
    OutboundExchange& exchange = session.outbound;
    if (exchange.step != OutboundExchange::Step::register_ || packet.msg_id != exchange.msg_id ||
        packet.topic_id != exchange.topic_id || session.deliveries.empty()) {
        return;
    }
    const std::string name = session.deliveries.front().topic;
    session.stop(Timer::retry);
    exchange.step = OutboundExchange::Step::none;
    switch (packet.code) {
        case sn::ReturnCode::accepted:
            session.topics.confirm(packet.topic_id);
            exchange.congested = 0;
            break;
        case sn::ReturnCode::congestion:
            if (++exchange.congested <= turn.config().timers.retries) {
                session.set(Timer::wait, turn.now + turn.config().timers.wait);
                return;
            }
            exchange.congested = 0;
            discard_name(session, name, turn);
            break;
        default:
            exchange.congested = 0;
            turn.log(LogLevel::info, session.client_id, "the client rejected topic {} with code {}", name,
                     static_cast<int>(packet.code));
            refuse_name(session, name, turn);
            break;
    }
    deliver_next(session, turn);
}

}  // namespace mqttsn::gateway
