#include "gateway/core/departures.hpp"

namespace mqttsn::gateway {

FrameToken Departures::expect(Session& session, Timer timer) {
    forget(session);
    if (++last_ == 0) ++last_;
    sessions_[last_] = &session;
    session.departing = last_;
    session.departing_timer = timer;
    return last_;
}

Session* Departures::take(FrameToken token) {
    const auto found = sessions_.find(token);
    if (found == sessions_.end()) return nullptr;
    Session* session = found->second;
    sessions_.erase(found);
    session->departing = 0;
    return session;
}

void Departures::forget(Session& session) {
    if (session.departing == 0) return;
    sessions_.erase(session.departing);
    session.departing = 0;
}

}  // namespace mqttsn::gateway
