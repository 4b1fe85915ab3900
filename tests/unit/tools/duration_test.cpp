#include "tools/commands/duration.hpp"

#include <catch2/catch.hpp>

namespace duration_test {

using mqttsn::tools::parse_duration;
using namespace std::chrono_literals;

TEST_CASE("times have a unit, or are in seconds") {
    CHECK(parse_duration("500ms") == 500ms);
    CHECK(parse_duration("30s") == 30s);
    CHECK(parse_duration("1.5m") == 90s);
    CHECK(parse_duration("2h") == 2h);
    CHECK(parse_duration("1d") == 24h);
    CHECK(parse_duration("10") == 10s);
    CHECK(parse_duration("0.25") == 250ms);
    CHECK(parse_duration("0") == 0s);
}

TEST_CASE("other texts are no times") {
    const std::string text = GENERATE("", "s", "-1", "1x", "1 s", "1s ", "inf", "nan", "1e3", "1000000d", "1ss");
    CHECK_FALSE(parse_duration(text).has_value());
}

}  // namespace duration_test
