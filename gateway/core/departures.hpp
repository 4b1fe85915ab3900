// Frames whose clients have to answer, in the hands of links that tell when they leave: T_retry begins then, not
// before, or a slow link would get the same message twice.
#pragma once

#include "gateway/core/session.hpp"
#include "protocol/departure.hpp"

#include <unordered_map>

namespace mqttsn::gateway {

/// At most one frame per session: the last that was sent to be answered.
class Departures {
public:
    /// A token for a frame of this session; takes the place of an earlier one.
    FrameToken expect(Session& session, Timer timer);
    /// The session that waits for this frame's departure, and does so no more; null for tokens out of date.
    Session* take(FrameToken token);
    void forget(Session& session);

private:
    FrameToken last_ = 0;
    std::unordered_map<FrameToken, Session*> sessions_;
};

}  // namespace mqttsn::gateway
