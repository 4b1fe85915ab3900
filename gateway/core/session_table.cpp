#include "gateway/core/session_table.hpp"

namespace mqttsn::gateway {

namespace {

template <class Map, class Key>
auto* value_or_null(const Map& map, const Key& key) noexcept {
    const auto it = map.find(key);
    return it == map.end() ? nullptr : &*it->second;
}

}  // namespace

Session* SessionTable::find(std::string_view client_id) const noexcept {
    return value_or_null(by_client_id_, client_id);
}
Session* SessionTable::find(const Route& route) const noexcept {
    return value_or_null(by_route_, route);
}
Session* SessionTable::find(UpstreamId id) const noexcept {
    return value_or_null(by_upstream_, id);
}

Session& SessionTable::create(std::string_view client_id, SessionNumber number, const mqtt::ClientOptions& options) {
    auto session = std::make_unique<Session>(std::string(client_id), number, options);
    Session& reference = *session;
    by_client_id_.emplace(reference.client_id, std::move(session));
    return reference;
}

void SessionTable::end(Session& session) {
    if (session.dead) return;
    session.dead = true;
    ended_.push_back(&session);
}

void SessionTable::erase(Session& session) {
    unbind(session);
    by_upstream_.erase(session.upstream.id());
    // By iterator: the key views the session's own text.
    by_client_id_.erase(by_client_id_.find(session.client_id));
}

void SessionTable::bind(Session& session, const Route& route) {
    if (session.bound && session.route == route) return;
    unbind(session);
    const auto [it, is_new] = by_route_.try_emplace(route, &session);
    if (!is_new) {
        it->second->bound = false;
        ++it->second->moves;
        it->second = &session;
    }
    session.route = route;
    session.bound = true;
    ++session.moves;
}

void SessionTable::unbind(Session& session) {
    if (!session.bound) return;
    by_route_.erase(session.route);
    session.bound = false;
    ++session.moves;
}

std::size_t SessionTable::connecting(const Endpoint& source) const noexcept {
    const auto it = connecting_.find(source);
    return it == connecting_.end() ? 0 : it->second;
}

void SessionTable::begin_connecting(const Endpoint& source) {
    ++connecting_[source];
    ++connecting_total_;
}

void SessionTable::end_connecting(const Endpoint& source) {
    const auto it = connecting_.find(source);
    if (--it->second == 0) connecting_.erase(it);
    --connecting_total_;
}

}  // namespace mqttsn::gateway
