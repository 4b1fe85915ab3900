#include "gateway/core/timer_heap.hpp"

#include <catch2/catch.hpp>

#include <deque>

namespace timer_heap_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;

namespace {

TimePoint at(Duration since_start) {
    return TimePoint{} + since_start;
}

}  // namespace

TEST_CASE("sessions come out of the timer heap in the order of their deadlines") {
    TimerHeap heap;
    std::deque<Session> sessions;
    Random random(7);
    for (int i = 0; i < 200; ++i) {
        auto& session = sessions.emplace_back(std::to_string(i), 1, mqtt::ClientOptions{});
        session.set(Timer::retry, at(std::chrono::milliseconds(random.below(1000))));
        heap.update(session);
    }
    // Some come closer, some go further away, some leave.
    for (int i = 0; i < 200; ++i) {
        Session& session = sessions[static_cast<std::size_t>(random.below(200))];
        session.set(Timer::retry, at(std::chrono::milliseconds(random.below(1000))));
        if (i % 3 == 0) {
            heap.update(session);
        } else {
            heap.reschedule(session);
        }
    }
    heap.erase(sessions[3]);
    heap.erase(sessions[3]);
    heap.erase(sessions[199]);

    std::size_t seen = 0;
    TimePoint last{};
    while (Session* first = heap.first()) {
        REQUIRE(first->heap_deadline >= last);
        if (first->next_deadline() > first->heap_deadline) {  // postponed without touching the heap
            heap.reschedule(*first);
            continue;
        }
        last = first->heap_deadline;
        ++seen;
        first->stop(Timer::retry);
        heap.reschedule(*first);
    }
    CHECK(seen == 198);
}

TEST_CASE("postponing a deadline leaves the heap alone") {
    TimerHeap heap;
    Session session("one", 1, mqtt::ClientOptions{});
    session.set(Timer::keep_alive, at(10s));
    heap.update(session);
    session.set(Timer::keep_alive, at(20s));
    heap.update(session);
    REQUIRE(heap.first() == &session);
    CHECK(session.heap_deadline == at(10s));
    heap.reschedule(session);
    CHECK(session.heap_deadline == at(20s));
}

}  // namespace timer_heap_test
