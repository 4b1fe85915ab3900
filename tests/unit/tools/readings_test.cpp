// What simulated sensors measure, and how it is told.
#include "tools/node/readings.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

namespace readings_test {

using namespace mqttsn;
using namespace mqttsn::node;
using namespace std::chrono_literals;

namespace {

std::vector<Reading> day_of(std::uint64_t seed, std::uint32_t index) {
    Readings readings(random_of(seed, 0, index), 24h);
    std::vector<Reading> day;
    for (auto elapsed = 0min; elapsed < 24h; elapsed += 10min)
        day.push_back(readings.next(elapsed));
    return day;
}

std::vector<std::string> texts_of(const std::vector<Reading>& readings) {
    std::vector<std::string> texts;
    for (const Reading& each : readings)
        texts.push_back(to_json(each, 0));
    return texts;
}

}  // namespace

TEST_CASE("the same seed gives the same readings, another seed, group or node gives others") {
    CHECK(texts_of(day_of(1, 1)) == texts_of(day_of(1, 1)));
    CHECK(texts_of(day_of(1, 1)) != texts_of(day_of(2, 1)));
    CHECK(texts_of(day_of(1, 1)) != texts_of(day_of(1, 2)));
    CHECK(random_of(1, 1, 2)() != random_of(1, 2, 1)());
}

TEST_CASE("a day has its cold and its warm hours, and the battery falls") {
    double night = 0;
    double afternoon = 0;
    for (std::uint32_t index = 1; index <= 20; ++index) {
        const auto day = day_of(7, index);
        // It begins at eight: three in the afternoon is seven hours later, three in the morning nineteen.
        afternoon += day[7 * 6].temperature_c / 20;
        night += day[19 * 6].temperature_c / 20;
        for (std::size_t i = 0; i < day.size(); ++i) {
            REQUIRE(day[i].number == i + 1);
            REQUIRE(day[i].temperature_c > 0);
            REQUIRE(day[i].temperature_c < 35);
            REQUIRE(day[i].humidity_percent >= 5);
            REQUIRE(day[i].humidity_percent <= 99);
            if (i > 0) REQUIRE(day[i].battery_v < day[i - 1].battery_v);
        }
    }
    CHECK(afternoon - night > 9);
    CHECK(afternoon - night < 15);
}

TEST_CASE("an empty battery stays empty") {
    Readings readings(random_of(1, 1, 1), 1s);
    CHECK(readings.next(1h).battery_v == 2.0);
    CHECK(readings.next(2h).battery_v == 2.0);
}

TEST_CASE("a reading has exactly the length that is asked for, and stays JSON") {
    const Reading reading{12, 21.534, 64.25, 3.1021};
    CHECK(to_json(reading, 0) == R"({"n":12,"t":21.53,"h":64.2,"bat":3.102})");
    CHECK(to_json(reading, 24) == R"({"n":12,"t":21.53      })");
    CHECK(to_json(reading, 28) == R"({"n":12,"t":21.53,"pad":"x"})");
    CHECK(to_json(reading, 51) == R"({"n":12,"t":21.53,"h":64.2,"bat":3.102,"pad":"xxx"})");
    for (std::size_t size = smallest_payload; size < 400; ++size) {
        REQUIRE(to_json(reading, size).size() == size);
        REQUIRE(to_json({9999999, -12.34, 5, 2}, size).size() == size);
    }
    CHECK(to_json(reading, 60000).size() == 60000);
}

TEST_CASE("the number of a reading is found again") {
    const Reading reading{4711, 21.5, 64, 3};
    for (const std::size_t size : {0U, 24U, 100U})
        CHECK(number_of(to_json(reading, size)) == 4711);
    for (const auto* other : {"", "open", "{\"n\":", "{\"n\":12", "{\"n\":x}", "{\"m\":1}", "{\"n\":1]"})
        CHECK_FALSE(number_of(other).has_value());
}

TEST_CASE("a sealed reading shows whether any octet of it was altered", "[tools]") {
    node::Readings readings(node::random_of(1, 1, 1), std::chrono::hours(24));
    const std::string text = node::to_sealed_json(readings.next(std::chrono::seconds(0)), 60);
    CHECK(text.size() == 60);
    CHECK(node::is_intact(text));
    CHECK(node::number_of(text) == 1);
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string altered = text;
        altered[at] = static_cast<char>(altered[at] ^ 0x01);
        CHECK_FALSE(node::is_intact(altered));
        CHECK_FALSE(node::is_intact(text.substr(0, at)));
    }
    CHECK(node::sealed("{\"a\":1}") == "{\"a\":1,\"c\":\"cff5\"}");
    CHECK(node::is_intact(node::sealed("{\"a\":1}")));
}

}  // namespace readings_test
