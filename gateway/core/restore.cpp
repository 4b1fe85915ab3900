#include "gateway/core/restore.hpp"

#include "gateway/core/image.hpp"
#include "gateway/core/procedures/procedures.hpp"

#include <algorithm>

namespace mqttsn::gateway {

void Restoration::add(const RecordKey& key, Bytes image, Core& core) {
    core.last_session_number = std::max(core.last_session_number, key.session);
    bool is_good = false;
    if (key.kind == RecordKind::session) {
        is_good = add_session(key, image, core);
    } else if (const auto owner = by_number_.find(key.session); owner != by_number_.end()) {
        Session& session = *owner->second;
        if (key.kind == RecordKind::flow) {
            is_good = read_flow_image(image, session);
            session.stored.flow = fingerprint(image);
        } else if (key.kind == RecordKind::message) {
            is_good = read_message_image(image, key.sequence, session);
        } else if (key.kind == RecordKind::delivery) {
            is_good = read_delivery_image(image, key.sequence, core.config, session);
        }
    }
    if (!is_good) damaged_.push_back(key);
}

bool Restoration::add_session(const RecordKey& key, Bytes image, Core& core) {
    const std::string_view client_id = client_id_of(image);
    if (client_id.empty() || core.sessions.find(client_id) != nullptr) return false;
    Session& session = core.sessions.create(client_id, key.session, core.config.broker.client);
    bool link_known = false;
    if (!read_session_image(image, core.config, session, link_known)) {
        core.sessions.end(session);
        return false;
    }
    if (link_known) core.sessions.bind(session, session.route);
    by_number_.emplace(key.session, &session);
    return true;
}

void Restoration::finish(Turn& turn) {
    for (const RecordKey& key : damaged_) {
        ++turn.counters().records_damaged;
        const auto action = key.kind == RecordKind::session ? StoreOp::Action::erase_session : StoreOp::Action::erase;
        turn.out.store.push_back({action, key, 0, 0});
    }
    if (!damaged_.empty()) {
        turn.log(LogLevel::error, "store", "{} records cannot be read and are left out: their clients connect anew",
                 damaged_.size());
    }
    for (const auto& [number, session] : by_number_)
        resume(*session, turn);
    if (!by_number_.empty()) {
        turn.log(LogLevel::info, "store", "{} sessions restored, {} broker connections to open", by_number_.size(),
                 reconnecting_);
    }
    by_number_.clear();
}

namespace {

// Without their records such messages cannot be repeated.
void drop_incomplete(Session& session) {
    std::erase_if(session.taken.list, [](const TakenMessage& each) { return each.restored && each.topic.empty(); });
    session.deliveries.take_if(
        0, [](const Delivery& each) { return !each.received && each.topic.empty(); },
        [&](const Delivery& gone) {
            std::erase_if(session.interrupted, [&](const InterruptedDelivery& each) { return each.is_of(gone); });
        });
}

// When something kept is due that lasts `longest` from when it began, and that the client should have put off by
// `margin` before. Nobody could be heard while the gateway was down, so what came due then gets `grace` more; a clock
// that was set back makes nothing last longer.
TimePoint kept_deadline(const Session& session, Duration longest, Duration margin, Duration grace, const Turn& turn) {
    if (session.stored.deadline_s == 0) return turn.now + longest;
    const TimePoint kept = from_unix_time(session.stored.deadline_s, turn.config());
    const bool was_due = kept <= turn.now || kept - margin < turn.now;
    return std::min(was_due ? turn.now + grace : kept, turn.now + longest);
}

void resume_sleep(Session& session, const Turn& turn) {
    const Duration sleep = std::chrono::seconds(session.sleep_s);
    const Duration longest = tolerance(sleep);
    session.lost_at = kept_deadline(session, longest, longest - sleep, longest, turn);
    session.set(Timer::sleep, session.lost_at);
}

void resume_expiry(Session& session, const Turn& turn) {
    const Duration longest = turn.config().timers.session_expiry;
    session.set(Timer::expiry, kept_deadline(session, longest, Duration::zero(), tolerance(longest) - longest, turn));
}

}  // namespace

void Restoration::resume(Session& session, Turn& turn) {
    bool is_connected = session.state == ClientState::active || session.state == ClientState::asleep;
    if (is_connected && !session.bound) {
        // Its link is not configured any more: it has to come back by another.
        session.state = ClientState::lost;
        is_connected = false;
    }
    // One that was connecting may have begun a session at the broker; that is not written.
    if (!is_connected) session.subscriptions_doubted = true;
    session.stored.session = session_fingerprint(session);
    session.stored.doubts = session.doubts_subscriptions();
    // A late answer to a message of before must not fit one of now.
    session.last_msg_id = static_cast<sn::MsgId>(turn.core.random.below(65535));
    // Nor a packet id for which the broker still awaits PUBREL, because the one that was on disk did not reach it.
    session.upstream.client().start_packet_ids_after(static_cast<mqtt::PacketId>(turn.core.random.below(65535)));
    drop_incomplete(session);
    for (TakenMessage& each : session.taken.list) {
        each.waited = true;
        set_drop_time(session, each, turn.config());
    }
    for (InboundExchange& each : session.inbound)
        each.is_earlier = true;
    if (session.clean_session) {
        // The broker forgot the exchanges with the connection: the client's repetition makes them new.
        std::erase_if(session.inbound, [](const InboundExchange& each) { return !each.at_broker; });
        std::erase_if(session.interrupted, [](const InterruptedDelivery& each) { return each.stored == 0; });
        restart_taken(session);
    }
    if (is_connected || session.will_due || session.owes_broker()) {
        ++reconnecting_;
        const TimePoint turn_to_open = turn.core.reconnects.reserve(turn.now);
        session.may_open = true;
        session.set(Timer::back_off, turn_to_open);
        if (may_give_up(session, turn)) {
            session.set(Timer::grace, turn_to_open + turn.config().timers.upstream_grace);
        }
        restart_supervision(session, turn);
        if (session.state == ClientState::asleep) resume_sleep(session, turn);
        deliver_next(session, turn);
    } else {
        settle(session, session.state, turn);
        if (session.is_set(Timer::expiry)) resume_expiry(session, turn);
    }
    if (!session.dead) turn.core.timers.update(session);
}

}  // namespace mqttsn::gateway
