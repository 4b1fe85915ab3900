#include "gateway/runtime/units.hpp"

#include <catch2/catch.hpp>

namespace units_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;

TEST_CASE("durations are read with their unit") {
    CHECK(parse_duration("10s") == Duration(10s));
    CHECK(parse_duration("250ms") == Duration(250ms));
    CHECK(parse_duration("7us") == Duration(7us));
    CHECK(parse_duration("5m") == Duration(5min));
    CHECK(parse_duration("1h") == Duration(1h));
    CHECK(parse_duration("2d") == Duration(48h));
    CHECK(parse_duration("1.5s") == Duration(1500ms));
    CHECK(parse_duration("0s") == Duration(0s));
}

TEST_CASE("what is not a duration is refused") {
    const std::string text =
        GENERATE("", "s", "10", "10 s", "10S", "-1s", "1s ", " 1s", "1e300s", "nans", "infs", "1,5s", "ten s");
    INFO(text);
    CHECK_FALSE(parse_duration(text).has_value());
}

TEST_CASE("durations beyond what the clock can count are refused") {
    CHECK_FALSE(parse_duration("1000000000000d").has_value());
    CHECK_FALSE(parse_duration("200000000d").has_value());
    CHECK(parse_duration("3650d") == Duration(std::chrono::hours(24 * 3650)));
}

TEST_CASE("durations are shown so that they can be read back") {
    CHECK(show_duration(10s) == "10s");
    CHECK(show_duration(250ms) == "250ms");
    CHECK(show_duration(1500ms) == "1500ms");
    CHECK(show_duration(7us) == "7us");
    CHECK(show_duration(0s) == "0s");
    for (const Duration each :
         {Duration(1us), Duration(1001us), Duration(999ms), Duration(65535s), Duration(24h * 3650)}) {
        CHECK(parse_duration(show_duration(each)) == each);
    }
}

TEST_CASE("sizes are read with their unit") {
    CHECK(parse_octets("4096") == 4096U);
    CHECK(parse_octets("64KiB") == 65536U);
    CHECK(parse_octets("4MiB") == 4194304U);
    CHECK(parse_octets("1GiB") == 1073741824U);
    CHECK(parse_octets("0") == 0U);
    const std::string wrong = GENERATE("", "KiB", "64KB", "64k", "-1", "4 MiB", "1000000000000GiB");
    INFO(wrong);
    CHECK_FALSE(parse_octets(wrong).has_value());
}

}  // namespace units_test
