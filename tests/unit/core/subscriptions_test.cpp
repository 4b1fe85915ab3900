#include "gateway/core/subscriptions.hpp"

#include <catch2/catch.hpp>

namespace subscriptions_test {

using namespace mqttsn;
using gateway::Subscriptions;

TEST_CASE("repeating a subscription replaces it", "[SN12-6.9-e]") {
    Subscriptions list;
    list.add({"a/b", Qos::at_most_once, std::nullopt});
    list.add({"a/b", Qos::exactly_once, std::nullopt});
    REQUIRE(list.all().size() == 1);
    CHECK(list.all().front().granted == Qos::exactly_once);
}

TEST_CASE("a rejected name stays silent until a matching subscription", "[SN12-6.10-f]") {
    Subscriptions list;
    list.add({"a/#", Qos::at_most_once, std::nullopt});
    list.suppress("a/b", 10);
    CHECK(list.is_suppressed("a/b"));
    CHECK_FALSE(list.is_suppressed("a/c"));
    list.add({"x/#", Qos::at_most_once, std::nullopt});
    CHECK(list.is_suppressed("a/b"));
    SECTION("subscribing again lifts it") {
        list.add({"a/+", Qos::at_most_once, std::nullopt});
        CHECK_FALSE(list.is_suppressed("a/b"));
    }
    SECTION("unsubscribing the name does not: the wildcard still covers it") {
        list.remove("a/b");
        CHECK(list.is_suppressed("a/b"));
    }
    SECTION("unsubscribing the wildcard lifts it too") {
        list.remove("a/#");
        CHECK_FALSE(list.is_suppressed("a/b"));
        CHECK_FALSE(list.covers("a/b"));
    }
}

TEST_CASE("the predefined id is used only where the client subscribed through it", "[SN12-6.7-f][SN12-6.10-j]") {
    Subscriptions list;
    list.add({"one", Qos::at_most_once, sn::TopicId{1}});
    list.add({"#", Qos::at_most_once, std::nullopt});
    CHECK(list.predefined_id("one") == sn::TopicId{1});
    CHECK_FALSE(list.predefined_id("two"));
    list.forget_predefined(1);
    CHECK_FALSE(list.predefined_id("one"));
    CHECK(list.covers("one"));
}

TEST_CASE("of too many rejected names the oldest is forgotten") {
    Subscriptions list;
    for (const auto* name : {"one", "two", "two", "three"})
        list.suppress(name, 2);
    CHECK_FALSE(list.is_suppressed("one"));
    CHECK(list.is_suppressed("two"));
    CHECK(list.is_suppressed("three"));
}

}  // namespace subscriptions_test
