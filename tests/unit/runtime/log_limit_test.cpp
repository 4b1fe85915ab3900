#include "gateway/runtime/log.hpp"

#include <catch2/catch.hpp>

namespace log_limit_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;

TEST_CASE("a device's lines pass in a burst, then at the rate, what is left out is counted once", "[SN12-5.2.1-k]") {
    LogLimit limit(1.0, 3);
    const TimePoint start = TimePoint{} + 1h;
    for (int i = 0; i < 3; ++i) {
        const auto verdict = limit.judge("node", start);
        CHECK(verdict.pass);
        CHECK(verdict.suppressed == 0);
    }
    for (int i = 0; i < 5; ++i)
        CHECK_FALSE(limit.judge("node", start + 900ms).pass);
    const auto next = limit.judge("node", start + 1s);
    CHECK(next.pass);
    CHECK(next.suppressed == 5);
    const auto after = limit.judge("node", start + 2s);
    CHECK(after.pass);
    CHECK(after.suppressed == 0);
}

TEST_CASE("one device's flood leaves the lines of others alone", "[SN12-5.2.1-k]") {
    LogLimit limit(1.0, 1);
    const TimePoint start = TimePoint{} + 1h;
    CHECK(limit.judge("loud", start).pass);
    CHECK_FALSE(limit.judge("loud", start).pass);
    CHECK(limit.judge("quiet", start).pass);
}

TEST_CASE("more devices than the memory holds are never silenced for good") {
    LogLimit limit(0.001, 1);
    const TimePoint start = TimePoint{} + 1h;
    CHECK(limit.judge("first", start).pass);
    for (int i = 0; i < 20000; ++i)
        CHECK(limit.judge("node-" + std::to_string(i), start).pass);
    CHECK(limit.judge("first", start).pass);
}

}  // namespace log_limit_test
