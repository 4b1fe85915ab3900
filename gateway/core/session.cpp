#include "gateway/core/session.hpp"

#include "gateway/core/image.hpp"
#include "gateway/core/procedures/procedures.hpp"

#include <algorithm>

namespace mqttsn::gateway {

ClientKey Session::key_of(std::string_view client_id) noexcept {
    return fingerprint(as_bytes(client_id));
}

TimePoint Session::next_deadline() const noexcept {
    TimePoint earliest = *std::min_element(timers_.begin(), timers_.end());
    const auto phase = upstream.phase();
    if (phase == Upstream::Phase::ready || phase == Upstream::Phase::handshake) {
        if (const auto mqtt = upstream.client().next_timeout()) earliest = std::min(earliest, *mqtt);
    }
    return earliest;
}

namespace {

enum Disposition : std::uint8_t { drop, process };

struct Row {
    sn::MsgType type;
    Disposition connecting;
    Disposition active;
    Disposition asleep;
    Disposition awake;
};

// Which message a client may send in which state (checklist sections 4, 6 and 11). Clients that are disconnected or
// lost have no route: their messages are answered as those of unknown senders before they come here.
constexpr std::array rows{
    Row{sn::MsgType::willtopic, process, drop, drop, drop},
    Row{sn::MsgType::willmsg, process, process, drop, drop},
    Row{sn::MsgType::register_, drop, process, process, process},
    Row{sn::MsgType::regack, drop, process, process, process},
    Row{sn::MsgType::publish, drop, process, process, process},
    Row{sn::MsgType::puback, drop, process, process, process},
    Row{sn::MsgType::pubcomp, drop, process, process, process},
    Row{sn::MsgType::pubrec, drop, process, process, process},
    Row{sn::MsgType::pubrel, drop, process, process, process},
    Row{sn::MsgType::subscribe, drop, process, process, process},
    Row{sn::MsgType::unsubscribe, drop, process, process, process},
    Row{sn::MsgType::pingresp, drop, process, process, process},
    Row{sn::MsgType::disconnect, process, process, process, process},
    Row{sn::MsgType::willtopicupd, drop, process, process, process},
    Row{sn::MsgType::willmsgupd, drop, process, process, process},
};

Disposition disposition(sn::MsgType type, ClientState state) {
    const auto row = std::ranges::find(rows, type, &Row::type);
    if (row == rows.end()) return drop;
    switch (state) {
        case ClientState::connecting:
            return row->connecting;
        case ClientState::active:
            return row->active;
        case ClientState::asleep:
            return row->asleep;
        case ClientState::awake:
            return row->awake;
        default:
            return drop;
    }
}

/// One call operator per message that a client may send.
struct PacketDispatch {
    Session& session;
    Turn& turn;

    void operator()(const sn::WillTopic& packet) const { client_gives_will_topic(session, packet, turn); }
    void operator()(const sn::WillMsg& packet) const { client_gives_will_message(session, packet, turn); }
    void operator()(const sn::Register& packet) const { client_registers(session, packet, turn); }
    void operator()(const sn::Regack& packet) const { client_answers_register(session, packet, turn); }
    void operator()(const sn::Publish& packet) const { client_publishes(session, packet, turn); }
    void operator()(const sn::Puback& packet) const { client_acknowledges(session, packet, turn); }
    void operator()(const sn::Pubcomp& packet) const { client_completes(session, packet, turn); }
    void operator()(const sn::Pubrec& packet) const { client_receives(session, packet, turn); }
    void operator()(const sn::Pubrel& packet) const { client_releases(session, packet, turn); }
    void operator()(const sn::Subscribe& packet) const { client_subscribes(session, packet, turn); }
    void operator()(const sn::Unsubscribe& packet) const { client_unsubscribes(session, packet, turn); }
    void operator()(const sn::Pingresp&) const {}  // activity, nothing else
    void operator()(const sn::Disconnect& packet) const { client_disconnects(session, packet, turn); }
    void operator()(const sn::WillTopicUpd& packet) const { client_updates_will_topic(session, packet, turn); }
    void operator()(const sn::WillMsgUpd& packet) const { client_updates_will_message(session, packet, turn); }
    template <class Other>
    void operator()(const Other&) const {
        assert(false && "dropped by the table");
    }
};

struct EventDispatch {
    Session& session;
    Turn& turn;

    void operator()(const mqtt::Connected& event) const { upstream_accepted(session, event, turn); }
    void operator()(const mqtt::Refused& event) const { upstream_refused(session, event, turn); }
    void operator()(const mqtt::PublishAcknowledged& event) const {
        if (broker_acknowledges_taken(session, event, turn)) return;
        if (session.will_packet_id != event.packet_id) return broker_acknowledges(session, event, turn);
        const bool done = session.will->qos == Qos::at_least_once || mqtt::is_failure(event.reason);
        if (done) will_released();
    }
    void operator()(const mqtt::PublishCompleted& event) const {
        if (session.will_packet_id == event.packet_id) return will_released();
        broker_completes_taken(session, event, turn);
    }
    void operator()(const mqtt::MessageReceived& event) const { broker_publishes(session, event, turn); }
    void operator()(const mqtt::Subscribed& event) const { broker_subscribes(session, event, turn); }
    void operator()(const mqtt::Unsubscribed& event) const { broker_unsubscribes(session, event, turn); }
    void operator()(const mqtt::ConnectionEnded& event) const { upstream_ended(session, event, turn); }

    void will_released() const {
        session.upstream.disconnect(0x00, turn.out);
        if (session.state == ClientState::lost) settle(session, ClientState::lost, turn);
    }
};

}  // namespace

void handle(Session& session, const sn::Packet& packet, Turn& turn) {
    const sn::MsgType type = sn::type_of(packet);
    if (disposition(type, session.state) == drop) {
        ++turn.counters().unexpected;
        return;
    }
    // A repeated WILLMSG may be the client's answer to a lost CONNACK: it decides for itself.
    if (type != sn::MsgType::willmsg) session.accepted.untouched = false;
    restart_supervision(session, turn);
    std::visit(PacketDispatch{session, turn}, packet);
}

void handle(Session& session, const mqtt::Event& event, Turn& turn) {
    std::visit(EventDispatch{session, turn}, event);
}

void timeout(Session& session, Turn& turn) {
    struct Due {
        Timer timer;
        void (*fire)(Session&, Turn&);
    };
    static constexpr std::array table{
        Due{Timer::handshake, handshake_timeout},
        Due{Timer::keep_alive,
            [](Session& s, Turn& t) { client_lost(s, true, "nothing heard within its keep-alive time", t); }},
        Due{Timer::sleep, [](Session& s, Turn& t) { client_lost(s, false, "it did not wake in time", t); }},
        Due{Timer::grace, upstream_timeout},
        Due{Timer::upstream, upstream_timeout},
        Due{Timer::back_off, upstream_timeout},
        Due{Timer::retry, exchange_timeout},
        Due{Timer::expiry, [](Session& s, Turn& t) { t.core.sessions.end(s); }},
        Due{Timer::probe,
            [](Session& s, Turn& t) {
                s.stop(Timer::probe);
                send(s, sn::Pingreq{}, t);
            }},
        Due{Timer::wait,
            [](Session& s, Turn& t) {
                s.stop(Timer::wait);
                deliver_next(s, t);
            }},
        Due{Timer::gap,
            [](Session& s, Turn& t) {
                s.stop(Timer::gap);
                deliver_next(s, t);
            }},
        Due{Timer::drain, [](Session& s, Turn& t) { end_drain(s, true, t); }},
        Due{Timer::replay, replay_taken},
    };
    static_assert(table.size() == timer_count);
    for (const Due& due : table) {
        if (session.dead) return;
        if (session.is_due(due.timer, turn.now)) due.fire(session, turn);
    }
}

}  // namespace mqttsn::gateway
