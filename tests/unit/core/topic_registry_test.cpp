#include "gateway/core/topic_registry.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace topic_registry_test {

using namespace mqttsn;
using gateway::TopicRegistry;
using Origin = TopicRegistry::Origin;

namespace {

bool nothing_predefined(sn::TopicId) {
    return false;
}

}  // namespace

TEST_CASE("a name keeps one id, whoever asks for it", "[SN12-6.5-b][SN12-6.5-c]") {
    TopicRegistry topics;
    const auto id = topics.assign("a/b", Origin::client, 10, nothing_predefined);
    REQUIRE(id);
    CHECK_FALSE(sn::is_reserved(*id));
    CHECK(topics.assign("a/b", Origin::client, 10, nothing_predefined) == id);
    CHECK(topics.assign("a/b", Origin::gateway, 10, nothing_predefined) == id);
    CHECK(topics.size() == 1);
    CHECK(topics.find(*id)->name == "a/b");
    CHECK(topics.find(std::string_view("a/b")) == id);
}

TEST_CASE("names are compared whole", "[SN12-6.6-a]") {
    TopicRegistry topics;
    const auto id = topics.assign("a/b", Origin::client, 10, nothing_predefined);
    CHECK(topics.assign("a/bc", Origin::client, 10, nothing_predefined) != id);
    CHECK_FALSE(topics.find(std::string_view("a/")));
    CHECK_FALSE(topics.find(std::string_view("A/b")));
    CHECK(topics.find(sn::TopicId{999}) == nullptr);
}

TEST_CASE("a full registry refuses the client instead of reusing an id", "[SN12-6.5-d]") {
    TopicRegistry topics;
    REQUIRE(topics.assign("one", Origin::client, 2, nothing_predefined));
    REQUIRE(topics.assign("two", Origin::gateway, 2, nothing_predefined));
    CHECK_FALSE(topics.assign("three", Origin::client, 2, nothing_predefined));
    CHECK(topics.find(std::string_view("one")));
    CHECK(topics.find(std::string_view("two")));
}

TEST_CASE("the gateway recycles the id it announced and used longest ago, under a new number", "[SN12-6.5-e]") {
    TopicRegistry topics;
    const auto own = topics.assign("own", Origin::client, 3, nothing_predefined);
    const auto old = topics.assign("old", Origin::gateway, 3, nothing_predefined);
    const auto recent = topics.assign("recent", Origin::gateway, 3, nothing_predefined);
    REQUIRE(topics.find(std::string_view("recent")) == recent);
    const auto fresh = topics.assign("fresh", Origin::gateway, 3, nothing_predefined);
    REQUIRE(fresh);
    CHECK(*fresh != *old);
    CHECK(topics.find(*old) == nullptr);
    CHECK(topics.find(std::string_view("own")) == own);
    CHECK(topics.find(std::string_view("recent")) == recent);
}

TEST_CASE("without an id of its own to give up the gateway gets none", "[SN12-6.5-e]") {
    TopicRegistry topics;
    REQUIRE(topics.assign("one", Origin::client, 1, nothing_predefined));
    CHECK_FALSE(topics.assign("two", Origin::gateway, 1, nothing_predefined));
}

TEST_CASE("a number comes back only after the whole range was used", "[SN12-6.5-e][SN12-5.3.11-a]") {
    TopicRegistry topics;
    std::set<sn::TopicId> seen;
    for (int i = 0; i < 65534; ++i) {
        const auto id = topics.assign("t" + std::to_string(i), Origin::gateway, 1, nothing_predefined);
        REQUIRE(id);
        REQUIRE_FALSE(sn::is_reserved(*id));
        REQUIRE(seen.insert(*id).second);
    }
    CHECK(seen.size() == 65534);
    CHECK(topics.assign("again", Origin::gateway, 1, nothing_predefined));
}

TEST_CASE("normal ids keep away from predefined ones", "[SN12-6.7-b]") {
    TopicRegistry topics;
    const auto id = topics.assign("a", Origin::client, 10, [](sn::TopicId each) { return each < 7; });
    CHECK(id == sn::TopicId{7});
}

TEST_CASE("confirmation is per connection, the numbers stay", "[SN12-6.3-b][SN12-6.10-a]") {
    TopicRegistry topics;
    const auto id = topics.assign("a", Origin::client, 10, nothing_predefined).value();
    CHECK_FALSE(topics.is_confirmed(id));
    topics.confirm(id);
    CHECK(topics.is_confirmed(id));
    topics.unconfirm_all();
    CHECK_FALSE(topics.is_confirmed(id));
    CHECK(topics.find(id)->name == "a");
}

}  // namespace topic_registry_test
