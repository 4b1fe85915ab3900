#include "gateway/core/timer_heap.hpp"

namespace mqttsn::gateway {

void TimerHeap::update(Session& session) {
    const TimePoint deadline = session.next_deadline();
    if (deadline >= session.heap_deadline) return;
    const bool is_in = session.heap_deadline != Session::never;
    session.heap_deadline = deadline;
    if (!is_in) {
        heap_.push_back(&session);
        session.heap_index = heap_.size() - 1;
    }
    up(session.heap_index);
}

void TimerHeap::reschedule(Session& session) {
    const TimePoint deadline = session.next_deadline();
    if (deadline == Session::never) {
        erase(session);
        return;
    }
    if (session.heap_deadline == Session::never) {
        update(session);
        return;
    }
    session.heap_deadline = deadline;
    up(session.heap_index);
    down(session.heap_index);
}

void TimerHeap::erase(Session& session) noexcept {
    if (session.heap_deadline == Session::never) return;
    const std::size_t position = session.heap_index;
    session.heap_deadline = Session::never;
    Session* last = heap_.back();
    heap_.pop_back();
    if (last == &session) return;
    place(position, last);
    up(position);
    down(last->heap_index);
}

void TimerHeap::up(std::size_t position) noexcept {
    Session* session = heap_[position];
    while (position > 0) {
        const std::size_t parent = (position - 1) / 2;
        if (heap_[parent]->heap_deadline <= session->heap_deadline) break;
        place(position, heap_[parent]);
        position = parent;
    }
    place(position, session);
}

void TimerHeap::down(std::size_t position) noexcept {
    Session* session = heap_[position];
    while (true) {
        std::size_t child = 2 * position + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->heap_deadline < heap_[child]->heap_deadline) ++child;
        if (session->heap_deadline <= heap_[child]->heap_deadline) break;
        place(position, heap_[child]);
        position = child;
    }
    place(position, session);
}

void TimerHeap::place(std::size_t position, Session* session) noexcept {
    heap_[position] = session;
    session->heap_index = position;
}

}  // namespace mqttsn::gateway
