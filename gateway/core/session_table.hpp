// All sessions, found by client id, by route and by broker connection (identity is the client id, SN12-5.3.1-a).
#pragma once

#include "gateway/core/session.hpp"

#include <unordered_map>
#include <vector>

namespace mqttsn::gateway {

class SessionTable {
public:
    Session* find(std::string_view client_id) const noexcept;
    Session* find(const Route& route) const noexcept;
    Session* find(UpstreamId id) const noexcept;

    Session& create(std::string_view client_id, SessionNumber number, const mqtt::ClientOptions& options);
    /// The session is erased by sweep(), so that references stay good for the turn.
    void end(Session& session);
    /// Erases ended sessions; `forget` is called with each before.
    template <class F>
    void sweep(F&& forget) {
        while (!ended_.empty()) {
            Session* session = ended_.back();
            ended_.pop_back();
            forget(*session);
            erase(*session);
        }
    }

    /// From now on the route leads to this session; a session that had the route becomes unreachable (SN12-6.2-l).
    void bind(Session& session, const Route& route);
    void unbind(Session& session);

    void own_upstream(UpstreamId id, Session& session) { by_upstream_[id] = &session; }
    void disown_upstream(UpstreamId id) { by_upstream_.erase(id); }

    /// Handshakes in progress, in total and from one endpoint (SN12-6.2-m).
    std::size_t connecting() const noexcept { return connecting_total_; }
    std::size_t connecting(const Endpoint& source) const noexcept;
    void begin_connecting(const Endpoint& source);
    void end_connecting(const Endpoint& source);

    std::size_t size() const noexcept { return by_client_id_.size(); }

    template <class F>
    void for_each(F&& f) {
        for (auto& [id, session] : by_client_id_)
            f(*session);
    }

private:
    void erase(Session& session);

    std::unordered_map<std::string_view, std::unique_ptr<Session>> by_client_id_;  ///< keys view Session::client_id
    std::unordered_map<Route, Session*, RouteHash> by_route_;
    std::unordered_map<UpstreamId, Session*> by_upstream_;
    std::unordered_map<Endpoint, std::size_t, EndpointHash> connecting_;
    std::size_t connecting_total_ = 0;
    std::vector<Session*> ended_;
};

}  // namespace mqttsn::gateway
