// The one message toward a client that waits for an answer: sending it, and sending it again (SN 6.13).
#include "gateway/core/procedures/procedures.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

sn::Packet present_packet(Session& session) {
    const OutboundExchange& exchange = session.outbound;
    const Delivery& front = session.deliveries.front();
    if (exchange.step == OutboundExchange::Step::register_) {
        return sn::Register{exchange.topic_id, exchange.msg_id, front.topic};
    }
    if (exchange.step == OutboundExchange::Step::pubrel) return sn::Pubrel{exchange.msg_id};
    return sn::Publish{.dup = front.sent,
                       .qos = front.qos,
                       .retain = front.retain,
                       .type = exchange.type,
                       .topic_id = exchange.topic_id,
                       .msg_id = exchange.msg_id,
                       .data = front.payload};
}

}  // namespace

std::optional<TopicForm> known_form(Session& session, const Delivery& delivery, const Turn& turn) {
    // The table may have changed since the client subscribed: by a reload, or before a restart.
    if (const auto predefined = session.subscriptions.predefined_id(delivery.topic);
        predefined && turn.core.predefined.find(session.client_id, *predefined) == delivery.topic) {
        return TopicForm{sn::TopicIdType::predefined, *predefined};
    }
    const auto normal = session.topics.find(std::string_view(delivery.topic));
    if (normal && session.topics.is_confirmed(*normal)) return TopicForm{sn::TopicIdType::normal, *normal};
    // A client that refused the short form is told a normal id instead.
    if (delivery.topic.size() == 2 && !delivery.refused) {
        return TopicForm{sn::TopicIdType::short_name, sn::short_topic(delivery.topic)};
    }
    return std::nullopt;
}

bool send_exchange(Session& session, Turn& turn) {
    OutboundExchange& exchange = session.outbound;
    Delivery& front = session.deliveries.front();
    const bool is_publish = exchange.step == OutboundExchange::Step::publish;
    const bool is_answered = !is_publish || front.qos != Qos::at_most_once;
    const bool is_sent = is_answered ? send_to_be_answered(session, present_packet(session), Timer::retry, turn)
                                     : send(session, present_packet(session), turn);
    if (!is_sent) return false;
    ++exchange.sendings;
    if (is_publish && is_answered) front.sent = true;
    return true;
}

sn::MsgId next_msg_id(Session& session) noexcept {
    do {
        ++session.last_msg_id;
    } while (session.last_msg_id == 0 || session.last_msg_id == session.last_completed ||
             (!session.deliveries.empty() && session.last_msg_id == session.deliveries.front().msg_id) ||
             std::ranges::count(session.interrupted, session.last_msg_id, &InterruptedDelivery::msg_id) != 0);
    return session.last_msg_id;
}

void exchange_timeout(Session& session, Turn& turn) {
    OutboundExchange& exchange = session.outbound;
    session.stop(Timer::retry);
    if (exchange.step == OutboundExchange::Step::none) return;
    if (exchange.sendings <= retries(session, turn)) {
        ++turn.counters().retransmissions;
        send_exchange(session, turn);
        return;
    }
    ++turn.counters().retries_exhausted;
    if (session.state == ClientState::awake) return end_drain(session, false, turn);
    if (turn.config().retry_exhausted == RetryExhausted::lost) {
        return client_lost(session, false, "it did not answer after all retries", turn);
    }
    const Delivery dropped = session.deliveries.pop_front();
    exchange = {};
    complete(session, dropped, turn);
    deliver_next(session, turn);
}

}  // namespace mqttsn::gateway
