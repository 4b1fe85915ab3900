#include "gateway/core/journal.hpp"

#include "gateway/core/image.hpp"

namespace mqttsn::gateway {

namespace {

/// The image is what stands in the outbox from `begin` on.
void put(const RecordKey& key, const Session& session, std::size_t begin, Outbox& out, bool lazy = false) {
    out.store.push_back({StoreOp::Action::put, key, begin, out.octets.size() - begin, lazy, session.key});
}

}  // namespace

void Journal::note(Session& session, bool store_failing, Outbox& out) {
    // A CONNECT that is being decided has changed nothing that a restart should bring back (SN12-6.3-h).
    if (!config_.durable || session.dead || session.state == ClientState::connecting) return;
    const std::uint64_t print = session_fingerprint(session);
    if (print == 0) return;
    const bool doubts = session.doubts_subscriptions();
    if (print != session.stored.session || doubts != session.stored.doubts) {
        // A disk that takes no records must not keep a client from the broker for a doubt alone.
        const bool lazy = store_failing && print == session.stored.session;
        session.stored.session = print;
        session.stored.doubts = doubts;
        const std::size_t begin = out.octets.size();
        append_session_image(session, config_, out.octets);
        put({RecordKind::session, session.number, 0}, session, begin, out, lazy);
    }
    const std::size_t begin = out.octets.size();
    append_flow_image(session, config_, out.octets);
    const std::size_t size = out.octets.size() - begin;
    const std::uint64_t flow = size == 0 ? 0 : fingerprint(Bytes(out.octets).subspan(begin));
    if (flow == session.stored.flow) {
        out.octets.resize(begin);
        return;
    }
    session.stored.flow = flow;
    const auto action = size == 0 ? StoreOp::Action::erase : StoreOp::Action::put;
    out.store.push_back({action, {RecordKind::flow, session.number, 0}, begin, size, false, session.key});
}

namespace {

// A message that comes back because its end was not written yet may come twice, as on any lossy link.
void erase_later(const RecordKey& key, Outbox& out) {
    out.store.push_back({.action = StoreOp::Action::erase, .key = key, .lazy = true});
}

}  // namespace

void Journal::put_message(const Session& session, const TakenMessage& message, Outbox& out) {
    const std::size_t begin = out.octets.size();
    append_message_image(message, out.octets);
    put({RecordKind::message, session.number, message.sequence}, session, begin, out);
}

void Journal::erase_message(const Session& session, std::uint64_t sequence, Outbox& out) {
    erase_later({RecordKind::message, session.number, sequence}, out);
}

void Journal::put_delivery(const Session& session, const Delivery& delivery, Outbox& out) {
    const std::size_t begin = out.octets.size();
    append_delivery_image(delivery, config_, out.octets);
    put({RecordKind::delivery, session.number, delivery.stored}, session, begin, out);
}

void Journal::erase_delivery(const Session& session, std::uint64_t sequence, Outbox& out) {
    erase_later({RecordKind::delivery, session.number, sequence}, out);
}

void Journal::forget(const Session& session, Outbox& out) {
    if (session.stored.session == 0) return;
    out.store.push_back(
        {StoreOp::Action::erase_session, {RecordKind::session, session.number, 0}, 0, 0, false, session.key});
}

}  // namespace mqttsn::gateway
