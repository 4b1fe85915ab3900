#include "tools/commands/latencies.hpp"

#include <catch2/catch.hpp>

namespace latencies_test {

using mqttsn::Duration;
using mqttsn::tools::Latencies;
using namespace std::chrono_literals;

TEST_CASE("percentiles of times are exact below 128 microseconds, and to 2 % above") {
    Latencies latencies;
    for (int us = 1; us <= 100; ++us)
        latencies.add(Duration(us));
    CHECK(latencies.count() == 100);
    CHECK(latencies.percentile(0.5) == 50us);
    CHECK(latencies.percentile(0.99) == 99us);
    CHECK(latencies.percentile(0) == 1us);
    CHECK(latencies.percentile(1) == 100us);
    for (const Duration large : {Duration(128), Duration(129), Duration(1ms), Duration(777ms), Duration(1h)}) {
        Latencies one;
        one.add(large);
        one.add(large * 100);
        CHECK(one.percentile(0.5) >= large);
        CHECK(one.percentile(0.5) <= large * 102 / 100);
    }
}

TEST_CASE("without times there are no percentiles, impossible times do no harm") {
    Latencies latencies;
    CHECK(latencies.percentile(0.5) == 0us);
    CHECK(latencies.max() == 0us);
    latencies.add(Duration(-5));
    latencies.add(Duration::max());
    CHECK(latencies.percentile(0.5) == 0us);
    CHECK(latencies.max() == Duration::max());
}

}  // namespace latencies_test
