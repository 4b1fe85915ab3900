// The share of the time in which a radio may send.
#include "transports/radio/duty_cycle.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

namespace duty_cycle_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{1h};

/// Sends as soon as it is allowed, and returns when that was.
TimePoint send(DutyCycle& cycle, Duration air_time, TimePoint now) {
    const auto at = cycle.earliest(air_time, now);
    REQUIRE(at);
    REQUIRE(*at >= now);
    if (*at > now) cycle.wait(now);
    REQUIRE(cycle.earliest(air_time, *at) == *at);
    cycle.spend(air_time, *at);
    return *at;
}

}  // namespace

TEST_CASE("without a limit every frame leaves at once") {
    for (const double share : {0.0, -1.0, 1.0, 2.0, std::nan("")}) {
        DutyCycle cycle(share);
        CHECK_FALSE(cycle.limits());
        for (int i = 0; i < 100; ++i)
            CHECK(send(cycle, 10min, start) == start);
        CHECK(cycle.counters().waits == 0);
        CHECK(cycle.counters().air_time == 1000min);
    }
}

TEST_CASE("a burst leaves at once and then a steady stream") {
    DutyCycle cycle(0.01);  // 36 s in an hour, 9 s at once, 27 s an hour flowing in
    TimePoint now = start;
    for (int i = 0; i < 9; ++i)
        CHECK(send(cycle, 1s, now) == start);
    for (int i = 1; i <= 100; ++i) {
        now = send(cycle, 1s, now);
        const double expected_s = i * 3600.0 / 27.0;
        CHECK(std::chrono::duration<double>(now - start).count() == Approx(expected_s).epsilon(0.001));
    }
    CHECK(cycle.counters().waits == 100);
    CHECK(cycle.counters().waited == now - start);
}

TEST_CASE("a wait counts once however often it is asked for") {
    DutyCycle cycle(0.01);
    cycle.spend(9s, start);
    cycle.wait(start);
    cycle.wait(start + 5s);
    cycle.spend(1s, start + 150s);
    CHECK(cycle.counters().waits == 1);
    CHECK(cycle.counters().waited == 150s);
}

TEST_CASE("a frame longer than the budget of a window never leaves") {
    DutyCycle cycle(0.001);
    CHECK(cycle.earliest(3600ms, start) == start);
    CHECK_FALSE(cycle.earliest(3601ms, start));
}

TEST_CASE("no window holds more air time than its share") {
    const double share = GENERATE(0.001, 0.01, 0.1);
    const auto seed = GENERATE(range(1U, 9U));
    CAPTURE(share, seed);
    std::mt19937 random(seed);
    DutyCycle cycle(share);
    const auto budget = std::chrono::duration_cast<Duration>(share * Duration(1h));
    std::deque<std::pair<TimePoint, Duration>> sent;
    Duration in_window{};
    TimePoint now = start;
    for (int i = 0; i < 2000; ++i) {
        // Short and long ones, some longer than what may leave at once.
        const auto longest = random() % 4 == 0 ? budget.count() : budget.count() / 50;
        const Duration air_time(1 + static_cast<Duration::rep>(random() % static_cast<std::uint64_t>(longest)));
        if (random() % 20 == 0) now += Duration(random() % Duration(2h).count());
        now = send(cycle, air_time, now);
        sent.emplace_back(now, air_time);
        in_window += air_time;
        while (sent.front().first + 1h <= now) {
            in_window -= sent.front().second;
            sent.pop_front();
        }
        REQUIRE(in_window <= budget);
    }
}

}  // namespace duty_cycle_test
