// SIGHUP: what a new configuration changes at once, and what it changes at the next start.
#include "gateway/runtime/reload.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace reload_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using Names = std::vector<std::string>;

namespace {

Settings completed(Settings settings = {}) {
    REQUIRE(complete(settings, "test") == SettingErrors{});
    return settings;
}

}  // namespace

TEST_CASE("topics, limits and the log are taken over, and nothing waits") {
    Settings running = completed();
    Settings fresh;
    fresh.core.topics = {{7, "a/b", "*"}};
    fresh.core.limits.clients = 3;
    fresh.log.level = LogLevel::debug;
    CHECK(take_over(running, completed(fresh)) == Names{});
    REQUIRE(running.core.topics.size() == 1);
    CHECK(running.core.topics[0].name == "a/b");
    CHECK(running.core.limits.clients == 3);
    CHECK(running.log.level == LogLevel::debug);
}

TEST_CASE("what cannot change is named and stays as it is") {
    Settings running = completed();
    Settings fresh;
    fresh.core.timers.retry = std::chrono::seconds(3);
    fresh.core.gateway_id = 9;
    fresh.core.broker.password = "secret";
    CHECK(take_over(running, completed(fresh)) == Names{"[gateway] id", "[broker] password", "[timers] retry"});
    CHECK(running.core.gateway_id == 1);
    CHECK(running.core.timers.retry == std::chrono::seconds(10));
    CHECK(running.core.broker.password.empty());
}

TEST_CASE("listeners are compared one by one") {
    Settings two;
    two.udp.resize(2);
    two.udp[0].socket.listen = "127.0.0.1:1";
    two.udp[1].socket.listen = "127.0.0.1:2";
    Settings running = completed(two);
    CHECK(take_over(running, completed(two)) == Names{});
    Settings moved = two;
    moved.udp[0].socket.listen = "127.0.0.1:3";
    CHECK(take_over(running, completed(moved)) == Names{"[[udp]] listen"});
    Settings fewer = two;
    fewer.udp.pop_back();
    CHECK_THAT(take_over(running, completed(fewer)), Catch::VectorContains(std::string("[[udp]] listen")));
}

TEST_CASE("TLS is read anew, but not for another broker") {
    Settings tls;
    tls.broker_url = "mqtts://one.example";
    Settings running = completed(tls);
    const auto before = running.broker.tls;
    REQUIRE(before);
    tls.tls.server_name = "two.example";
    SECTION("same broker") {
        CHECK(take_over(running, completed(tls)) == Names{});
        CHECK(running.broker.tls != before);
        CHECK(running.tls.server_name == "two.example");
    }
    SECTION("another") {
        tls.broker_url = GENERATE("mqtts://two.example", "mqtt://two.example");
        CHECK(take_over(running, completed(tls)) == Names{"[broker] url", "[broker] server_name"});
        CHECK(running.broker.tls == before);
        CHECK(running.broker.host == "one.example");
    }
}

TEST_CASE("every key is either taken over or compared") {
    Settings running = completed();
    std::set<std::string> sections;
    std::set<std::string> compared_lists;
    for (const SettingKey& key : setting_keys()) {
        if (is_reloadable(key)) {
            sections.insert(key.section);
        } else if (key.section.starts_with('[')) {
            compared_lists.insert(key.section);
        }
    }
    CHECK(compared_lists == std::set<std::string>{"[delivery.policy]", "[serial]", "[udp]"});
    CHECK(sections == std::set<std::string>{"broker", "limits", "log", "[topic]"});
    CHECK(take_over(running, completed()) == Names{});
}

}  // namespace reload_test
