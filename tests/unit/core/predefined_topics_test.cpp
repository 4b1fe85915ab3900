#include "gateway/core/predefined_topics.hpp"

#include <catch2/catch.hpp>

namespace predefined_topics_test {

using namespace mqttsn::gateway;

TEST_CASE("a client's own predefined id wins over a pattern, a pattern over the gateway-wide one", "[SN12-6.7-e]") {
    const PredefinedTopics topics(
        {{1, "all", "*"}, {1, "barn", "barn-*"}, {1, "barn/seven", "barn-7"}, {2, "only/pattern", "x?"}});
    CHECK(topics.find("house", 1) == "all");
    CHECK(topics.find("barn-1", 1) == "barn");
    CHECK(topics.find("barn-7", 1) == "barn/seven");
    CHECK(topics.find("", 1) == "all");
    CHECK(topics.find("x1", 2) == "only/pattern");
    CHECK(topics.find("x12", 2).empty());
    CHECK(topics.find("", 2).empty());
    CHECK(topics.find("house", 3).empty());
    CHECK(topics.contains(2));
    CHECK_FALSE(topics.contains(3));
}

TEST_CASE("client patterns know * and ?") {
    CHECK(fits_pattern("*", ""));
    CHECK(fits_pattern("a*c", "abbc"));
    CHECK(fits_pattern("a*b*c", "aXbYbZc"));
    CHECK(fits_pattern("?", "x"));
    CHECK(fits_pattern("*-?", "node-7"));
    CHECK_FALSE(fits_pattern("", "x"));
    CHECK_FALSE(fits_pattern("a*c", "ab"));
    CHECK_FALSE(fits_pattern("?", ""));
    CHECK_FALSE(fits_pattern("abc", "abcd"));
}

}  // namespace predefined_topics_test
