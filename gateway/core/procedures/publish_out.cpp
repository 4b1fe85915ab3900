// PUBLISH from broker to client (SN 6.10): the queue, and what the client answers.
#include "gateway/core/procedures/procedures.hpp"

namespace mqttsn::gateway {

namespace {

bool is_outstanding(const Session& session) {
    return session.outbound.step != OutboundExchange::Step::none;
}

// What the client is in the middle of must stay at the front.
std::size_t untouchable(const Session& session) {
    return is_outstanding(session) ? 1 : 0;
}

void drop_for_space(Session& session, Turn& turn) {
    const std::size_t keep = untouchable(session);
    auto victim =
        session.deliveries.take_oldest(keep, [](const Delivery& each) { return each.qos == Qos::at_most_once; });
    if (!victim) victim = session.deliveries.take_oldest(keep, [](const Delivery&) { return true; });
    if (!victim) return;
    ++turn.counters().deliveries_dropped;
    turn.log(LogLevel::warning, session.client_id, "delivery on {} dropped: the client's queue is full ({} messages)",
             victim->topic, session.deliveries.size() + 1);
    complete(session, *victim, turn);
}

void finish_front(Session& session, Turn& turn) {
    const Delivery done = session.deliveries.pop_front();
    session.outbound = {};
    session.stop(Timer::retry);
    complete(session, done, turn);
}

void finish_delivered(Session& session, std::uint64_t& counter, Turn& turn) {
    ++counter;
    if (session.state == ClientState::awake) ++session.drained;
    finish_front(session, turn);
}

void give_up_front(Session& session, std::uint64_t& counter, Turn& turn) {
    ++counter;
    finish_front(session, turn);
}

bool has_expired(const Delivery& delivery, TimePoint now) {
    return delivery.expires_at && *delivery.expires_at <= now;
}

bool may_send(const Session& session) {
    return (session.state == ClientState::active || session.state == ClientState::awake) && session.bound;
}

// Starts REGISTER for the topic of the front delivery. False: the delivery cannot be made.
bool start_register(Session& session, Turn& turn) {
    const auto id = session.topics.assign(session.deliveries.front().topic, TopicRegistry::Origin::gateway,
                                          turn.config().limits.topics_per_client, turn.core.is_predefined());
    if (!id) {
        ++turn.counters().topics_limit;
        return false;
    }
    auto& exchange = session.outbound;
    exchange.step = OutboundExchange::Step::register_;
    exchange.msg_id = next_msg_id(session);
    exchange.topic_id = *id;
    exchange.sendings = 0;
    if (send_exchange(session, turn)) return true;
    ++turn.counters().deliveries_too_long;
    return false;
}

// Sends or starts the front delivery. False: nothing more can be sent now.
bool advance(Session& session, Turn& turn) {
    Delivery& front = session.deliveries.front();
    if (front.received) {
        session.outbound.step = OutboundExchange::Step::pubrel;
        session.outbound.msg_id = front.msg_id;
        session.outbound.sendings = 0;
        send_exchange(session, turn);
        return false;
    }
    if (session.subscriptions.is_suppressed(front.topic)) {
        give_up_front(session, turn.counters().deliveries_suppressed, turn);
        return true;
    }
    if (has_expired(front, turn.now) && !front.sent) {
        finish_front(session, turn);
        return true;
    }
    if (is_awaiting_suback(session, front.topic)) return false;
    const auto form = known_form(session, front, turn);
    if (!form) {
        if (start_register(session, turn)) return false;
        turn.log(LogLevel::warning, session.client_id, "delivery on {} abandoned: its topic cannot be registered",
                 front.topic);
        finish_front(session, turn);
        return true;
    }
    auto& exchange = session.outbound;
    exchange.step = OutboundExchange::Step::publish;
    exchange.type = form->type;
    exchange.topic_id = form->id;
    exchange.sendings = 0;
    if (front.qos != Qos::at_most_once && front.msg_id == 0) front.msg_id = next_msg_id(session);
    exchange.msg_id = front.msg_id;
    if (!send_exchange(session, turn)) {
        turn.log(LogLevel::warning, session.client_id, "delivery on {} abandoned: larger than the packet limit of {}",
                 front.topic, turn.core.name_of(session.route.endpoint));
        give_up_front(session, turn.counters().deliveries_too_long, turn);
        return true;
    }
    if (front.qos != Qos::at_most_once) return false;
    finish_delivered(session, turn.counters().publish_out_qos0, turn);
    const Duration gap = turn.core.link(session.route.endpoint.link).qos0_gap;
    if (session.state == ClientState::awake && gap > Duration::zero()) session.set(Timer::gap, turn.now + gap);
    return true;
}

}  // namespace

void complete(Session& session, const Delivery& delivery, Turn& turn) {
    if (delivery.stored != 0) turn.core.journal.erase_delivery(session, delivery.stored, turn.out);
    if (delivery.stored == 0 && delivery.packet_id == 0) return;
    std::erase_if(session.interrupted, [&](const InterruptedDelivery& each) { return each.is_of(delivery); });
    if (delivery.packet_id == 0) return;
    session.upstream.write(
        turn.out, [&](mqtt::Client& client, Buffer& wire) { client.acknowledge(delivery.packet_id, turn.now, wire); });
}

namespace {

template <class Select>
void forget_packet_ids_if(Session& session, const Select& select) {
    session.deliveries.for_each([&](Delivery& delivery) {
        if (select(delivery.packet_id)) delivery.packet_id = 0;
    });
    std::erase_if(session.interrupted,
                  [&](const InterruptedDelivery& each) { return each.stored == 0 && select(each.packet_id); });
}

// Those of earlier connections; one of them came back for another message.
void forget_earlier_packet_ids(Session& session, mqtt::PacketId reused) {
    const mqtt::Client& client = session.upstream.client();
    forget_packet_ids_if(session, [&](mqtt::PacketId id) { return id == reused || !client.awaits_acknowledge(id); });
}

// The broker repeats what was on its way when the gateway stopped: the client must see its MsgId again.
void continue_interrupted(Session& session, const mqtt::MessageReceived& message, Delivery& delivery) {
    const auto found = std::ranges::find(session.interrupted, message.packet_id, &InterruptedDelivery::packet_id);
    if (message.qos != Qos::exactly_once || found == session.interrupted.end()) return;
    if (!message.dup) {
        session.interrupted.erase(found);  // the packet id came back for another message
        return;
    }
    delivery.msg_id = found->msg_id;
    delivery.sent = true;
}

}  // namespace

void forget_packet_ids(Session& session) {
    forget_packet_ids_if(session, [](mqtt::PacketId) { return true; });
}

void broker_publishes(Session& session, const mqtt::MessageReceived& message, Turn& turn) {
    if (message.session_forgotten) forget_earlier_packet_ids(session, message.packet_id);
    Delivery delivery;
    delivery.topic = message.topic;
    delivery.payload.assign(message.payload.begin(), message.payload.end());
    delivery.qos = message.qos;
    delivery.retain = message.retain;
    delivery.packet_id = message.packet_id;
    continue_interrupted(session, message, delivery);
    if (message.expiry_s) delivery.expires_at = turn.now + std::chrono::seconds(*message.expiry_s);
    if (session.state == ClientState::asleep && delivery.qos == Qos::at_most_once && !turn.config().sleep.queue_qos0) {
        ++turn.counters().deliveries_asleep_dropped;
        return;
    }
    session.deliveries.push(std::move(delivery));
    if (session.state == ClientState::asleep) keep_waiting_deliveries(session, turn);
    const Limits& limits = turn.config().limits;
    while (session.deliveries.size() > untouchable(session) + 1 &&
           (session.deliveries.size() > limits.queue_messages || session.deliveries.octets() > limits.queue_octets)) {
        drop_for_space(session, turn);
    }
    deliver_next(session, turn);
}

void deliver_next(Session& session, Turn& turn) {
    if (!may_send(session)) return;
    while (!session.deliveries.empty() && !is_outstanding(session) && !session.is_set(Timer::wait) &&
           !session.is_set(Timer::gap) && !is_drain_full(session, turn)) {
        if (!advance(session, turn)) break;
    }
    const bool is_done = session.deliveries.empty() || (is_drain_full(session, turn) && !is_outstanding(session));
    if (session.state == ClientState::awake && is_done && !session.is_set(Timer::gap)) end_drain(session, true, turn);
}

void resume_delivery(Session& session, Turn& turn) {
    session.stop(Timer::wait);
    auto& exchange = session.outbound;
    exchange.sendings = 0;
    using Step = OutboundExchange::Step;
    const bool repeats = exchange.step == Step::pubrel || exchange.step == Step::register_;
    if (repeats && send_exchange(session, turn)) return;
    exchange.step = Step::none;
    deliver_next(session, turn);
}

void client_acknowledges(Session& session, const sn::Puback& packet, Turn& turn) {
    using Step = OutboundExchange::Step;
    auto& exchange = session.outbound;
    const bool matches = packet.msg_id == exchange.msg_id && packet.msg_id != 0 && !session.deliveries.empty();
    const bool is_ours = matches && exchange.step == Step::publish;
    if (packet.code == sn::ReturnCode::accepted) {
        if (!is_ours || session.deliveries.front().qos != Qos::at_least_once) return;
        finish_delivered(session, turn.counters().publish_out_qos1, turn);
        return deliver_next(session, turn);
    }
    if (packet.code == sn::ReturnCode::congestion) {
        if (!is_ours && packet.msg_id != 0) return;
        if (is_ours) {
            exchange.step = Step::none;
            session.stop(Timer::retry);
        }
        session.set(Timer::wait, turn.now + turn.config().timers.wait);
        return;
    }
    if (packet.code == sn::ReturnCode::invalid_topic_id) {
        // Normal and predefined ids share no number (SN12-6.7-b) unless a reload made a number predefined that was
        // given out already; otherwise the number tells the table.
        const bool is_predefined = is_ours && exchange.type == sn::TopicIdType::predefined;
        if (!is_predefined && session.topics.find(packet.topic_id) != nullptr) {
            session.topics.unconfirm(packet.topic_id);
        } else {
            session.subscriptions.forget_predefined(packet.topic_id);
        }
        if (is_ours && !session.deliveries.front().refused) {
            Delivery& front = session.deliveries.front();
            front.refused = true;
            front.sent = false;
            front.msg_id = 0;
            exchange.step = Step::none;
            session.stop(Timer::retry);
            return deliver_next(session, turn);
        }
    }
    if (!is_ours && !(matches && exchange.step == Step::pubrel)) return;
    give_up_front(session, turn.counters().deliveries_rejected, turn);
    deliver_next(session, turn);
}

void client_receives(Session& session, const sn::Pubrec& packet, Turn& turn) {
    auto& exchange = session.outbound;
    const bool is_ours = is_outstanding(session) && packet.msg_id == exchange.msg_id && !session.deliveries.empty() &&
                         session.deliveries.front().qos == Qos::exactly_once;
    if (is_ours && exchange.step == OutboundExchange::Step::publish) {
        session.deliveries.front().received = true;
        exchange.step = OutboundExchange::Step::pubrel;
        exchange.sendings = 0;
        // To a client that fell asleep meanwhile PUBREL goes when it wakes (SN12-6.14-c).
        if (may_send(session)) send_exchange(session, turn);
    } else if (is_ours && exchange.step == OutboundExchange::Step::pubrel) {
        if (!may_send(session)) return;
        send_to_be_answered(session, sn::Pubrel{packet.msg_id}, Timer::retry, turn);
    } else if (packet.msg_id == session.last_completed && packet.msg_id != 0) {
        send(session, sn::Pubrel{packet.msg_id}, turn);
    }
}

void client_completes(Session& session, const sn::Pubcomp& packet, Turn& turn) {
    const auto& exchange = session.outbound;
    if (exchange.step != OutboundExchange::Step::pubrel || packet.msg_id != exchange.msg_id) return;
    session.last_completed = packet.msg_id;
    finish_delivered(session, turn.counters().publish_out_qos2, turn);
    deliver_next(session, turn);
}

}  // namespace mqttsn::gateway
