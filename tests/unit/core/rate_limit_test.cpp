#include "gateway/core/rate_limit.hpp"

#include <catch2/catch.hpp>

namespace rate_limit_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;

namespace {

Route source(std::uint8_t last) {
    const std::array octets{std::byte{10}, std::byte{last}};
    return {{0, Address(octets)}, {}};
}

}  // namespace

TEST_CASE("a rate limit gives its burst, then its rate") {
    RateLimit limit(2.0, 3.0);
    const TimePoint start = TimePoint{} + 1h;
    CHECK(limit.allow(start));
    CHECK(limit.allow(start));
    CHECK(limit.allow(start));
    CHECK_FALSE(limit.allow(start));
    CHECK_FALSE(limit.allow(start + 400ms));
    CHECK(limit.allow(start + 500ms));
    CHECK_FALSE(limit.allow(start + 500ms));
}

TEST_CASE("sources are limited one by one, in bounded memory", "[SN12-5.4.21-d]") {
    SourceRateLimit limit(0.1, 1.0, 2);
    const TimePoint start = TimePoint{} + 1h;
    CHECK(limit.allow(source(1), start));
    CHECK_FALSE(limit.allow(source(1), start + 9s));
    CHECK(limit.allow(source(2), start));
    CHECK(limit.allow(source(1), start + 10s));
    // A third source is more than the memory holds: it starts anew.
    CHECK(limit.allow(source(3), start + 10s));
    CHECK(limit.allow(source(1), start + 11s));
}

}  // namespace rate_limit_test
