// The will: prompts during CONNECT, updates later, release when the client is lost (SN 6.3, 6.4).
#include "gateway/core/procedures/procedures.hpp"
#include "protocol/topic.hpp"

namespace mqttsn::gateway {

namespace {

bool is_usable_will(Qos qos, std::string_view topic) {
    return qos != Qos::minus_one && is_usable_topic_name(topic);
}

// The MQTT session cannot take another will (SN12-6.4-f): keep it here until loss or the next CONNECT, or reconnect.
void will_changed(Session& session, Turn& turn) {
    if (turn.config().will_update == WillUpdate::reconnect && session.upstream.is_ready()) {
        suspend_subscriptions(session, turn);
        session.upstream.disconnect(0x00, turn.out);
        session.set(Timer::grace, turn.now + turn.config().timers.upstream_grace);
        session.set(Timer::upstream, turn.now + turn.config().timers.upstream_connect_timeout);
        open_upstream(session, session.clean_session, turn);
        return;
    }
    session.will_owned = true;
}

}  // namespace

void prompt_will(Session& session, Turn& turn) {
    Handshake& handshake = *session.handshake;
    ++handshake.sendings;
    if (handshake.step == Handshake::Step::will_topic) {
        send_to_be_answered(session, sn::WillTopicReq{}, Timer::handshake, turn);
    } else {
        send_to_be_answered(session, sn::WillMsgReq{}, Timer::handshake, turn);
    }
}

void client_gives_will_topic(Session& session, const sn::WillTopic& packet, Turn& turn) {
    if (session.state != ClientState::connecting || !session.handshake->will ||
        session.handshake->step == Handshake::Step::broker) {
        ++turn.counters().unexpected;
        return;
    }
    Handshake& handshake = *session.handshake;
    if (packet.topic.empty()) {
        handshake.new_will.reset();
        return ask_broker(session, turn);
    }
    if (!is_usable_will(packet.qos, packet.topic)) {
        return abandon_connect(session, sn::ReturnCode::not_supported, turn);
    }
    handshake.new_will = mqtt::Will{std::string(packet.topic), {}, packet.qos, packet.retain};
    handshake.step = Handshake::Step::will_message;
    handshake.sendings = 0;
    prompt_will(session, turn);
}

void client_gives_will_message(Session& session, const sn::WillMsg& packet, Turn& turn) {
    if (session.state == ClientState::active && session.accepted.will && repeat_connack(session, turn)) return;
    if (session.state == ClientState::connecting && session.handshake->step == Handshake::Step::will_message) {
        session.handshake->new_will->payload.assign(packet.message.begin(), packet.message.end());
        return ask_broker(session, turn);
    }
    ++turn.counters().unexpected;
}

void client_updates_will_topic(Session& session, const sn::WillTopicUpd& packet, Turn& turn) {
    const bool deletes = packet.topic.empty();
    if (turn.config().will_update == WillUpdate::reject || (!deletes && !is_usable_will(packet.qos, packet.topic))) {
        send(session, sn::WillTopicResp{sn::ReturnCode::not_supported}, turn);
        return;
    }
    if (deletes) {
        if (session.will) {
            session.will.reset();
            will_changed(session, turn);
        }
    } else {
        mqtt::Will updated = session.will ? *session.will : mqtt::Will{};
        updated.topic = packet.topic;
        updated.qos = packet.qos;
        updated.retain = packet.retain;
        if (!session.will || *session.will != updated) {
            session.will = std::make_unique<mqtt::Will>(std::move(updated));
            will_changed(session, turn);
        }
    }
    send(session, sn::WillTopicResp{sn::ReturnCode::accepted}, turn);
}

void client_updates_will_message(Session& session, const sn::WillMsgUpd& packet, Turn& turn) {
    if (turn.config().will_update == WillUpdate::reject || !session.will) {
        send(session, sn::WillMsgResp{sn::ReturnCode::not_supported}, turn);
        return;
    }
    const Buffer message(packet.message.begin(), packet.message.end());
    if (session.will->payload != message) {
        session.will->payload = message;
        will_changed(session, turn);
    }
    send(session, sn::WillMsgResp{sn::ReturnCode::accepted}, turn);
}

bool release_will(Session& session, Turn& turn) {
    auto& upstream = session.upstream;
    if (!session.will_owned) {
        upstream.abort(turn.out);  // the broker publishes the will it was given
        return false;
    }
    if (!session.will) {
        upstream.disconnect(0x00, turn.out);
        return false;
    }
    if (!upstream.is_ready()) {
        // Connecting hands the updated will to the broker; dropping that connection lets it fire.
        session.will_due = session.is_set(Timer::back_off) || session.is_set(Timer::upstream);
        return session.will_due;
    }
    const mqtt::Will& will = *session.will;
    const auto published = upstream.write(turn.out, [&](mqtt::Client& client, Buffer& wire) {
        return client.publish({will.topic, will.payload, will.qos, will.retain}, turn.now, wire);
    });
    if (!published && published.error() == mqtt::ClientError::in_flight_full) {
        // The broker has yet to acknowledge as many messages as it takes: a connection of its own carries the will.
        upstream.disconnect(0x00, turn.out);
        session.will_due = true;
        session.set(Timer::upstream, turn.now + turn.config().timers.upstream_connect_timeout);
        if (may_give_up(session, turn)) session.set(Timer::grace, turn.now + turn.config().timers.upstream_grace);
        open_upstream(session, session.clean_session, turn);
        return true;
    }
    if (!published) {
        turn.log(LogLevel::error, session.client_id, "the updated will could not be published: {}",
                 published.error().message());
        upstream.abort(turn.out);
        return false;
    }
    ++turn.counters().wills_published;
    if (*published == 0) {
        upstream.disconnect(0x00, turn.out);
        return false;
    }
    session.will_packet_id = *published;
    session.set(Timer::upstream, turn.now + turn.config().timers.upstream_connect_timeout);
    return true;
}

}  // namespace mqttsn::gateway
