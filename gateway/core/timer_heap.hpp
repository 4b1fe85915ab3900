// Which session has something to do next. A binary heap that knows each session's place in it.
#pragma once

#include "gateway/core/session.hpp"

#include <vector>

namespace mqttsn::gateway {

/// A session stands in the heap under a deadline that is never later than its real one: a frame that only postpones a
/// deadline costs one comparison, and the session is looked at once too often instead.
class TimerHeap {
public:
    /// After anything happened to the session: moves it forward if its next deadline came closer.
    void update(Session& session);
    /// After its deadline was handled: puts it where it belongs.
    void reschedule(Session& session);
    void erase(Session& session) noexcept;

    /// The session with the earliest deadline; nullptr when there is none.
    Session* first() const noexcept { return heap_.empty() ? nullptr : heap_.front(); }

private:
    void up(std::size_t position) noexcept;
    void down(std::size_t position) noexcept;
    void place(std::size_t position, Session* session) noexcept;

    std::vector<Session*> heap_;
};

}  // namespace mqttsn::gateway
