// How impairments are written.
#include "tools/commands/impairment_text.hpp"

#include <catch2/catch.hpp>

namespace impairment_text_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("probabilities are in percent or from 0 to 1") {
    CHECK(parse_probability("10%") == 0.1);
    CHECK(parse_probability("0.25") == 0.25);
    CHECK(parse_probability("0") == 0.0);
    CHECK(parse_probability("100%") == 1.0);
    const std::string wrong = GENERATE("", "%", "101%", "1.5", "-1%", "x", "10 %", "nan");
    CHECK_FALSE(parse_probability(wrong).has_value());
}

TEST_CASE("a delay may have a jitter") {
    const std::string sign = GENERATE("±", "+-");
    const auto delay = parse_delay("200ms" + sign + "100ms");
    REQUIRE(delay.has_value());
    CHECK(delay->delay == 200ms);
    CHECK(delay->jitter == 100ms);
    CHECK(parse_delay("2s")->jitter == 0s);
    const std::string wrong = GENERATE("", "x", "1s±", "±1s", "1s±2s", "1s+-x");
    CHECK_FALSE(parse_delay(wrong).has_value());
}

TEST_CASE("a rule says what befalls which frames", "[SN12C-6.13-b]") {
    const auto withheld = parse_impairment_rule("up PUBACK lose #1-3");
    REQUIRE(withheld.rule.has_value());
    CHECK(*withheld.rule ==
          node::ImpairmentRule{node::Effect::lose, node::Direction::up, sn::MsgType::puback, 1, 1, 3, 0s, 0s});
    const auto delayed = parse_impairment_rule(" 50% down delay  200ms±100ms #4-");
    REQUIRE(delayed.rule.has_value());
    node::ImpairmentRule expected;
    expected.effect = node::Effect::delay;
    expected.direction = node::Direction::down;
    expected.probability = 0.5;
    expected.first = 4;
    expected.delay = 200ms;
    expected.jitter = 100ms;
    CHECK(*delayed.rule == expected);
    CHECK(parse_impairment_rule("double 5%").rule->effect == node::Effect::duplicate);
    CHECK(parse_impairment_rule("reorder #7").rule->last == 7);
    CHECK(parse_impairment_rule("lose PINGRESP").rule->type == sn::MsgType::pingresp);
}

TEST_CASE("a rule without a meaning says what is wrong with it") {
    CHECK_THAT(parse_impairment_rule("").error, Contains("lose, double, reorder or delay?"));
    CHECK_THAT(parse_impairment_rule("up 5%").error, Contains("lose, double, reorder or delay?"));
    CHECK_THAT(parse_impairment_rule("up lose double").error, Contains("one effect"));
    CHECK_THAT(parse_impairment_rule("lose #0").error, Contains("#1-3"));
    CHECK_THAT(parse_impairment_rule("lose #3-2").error, Contains("#1-3"));
    CHECK_THAT(parse_impairment_rule("lose 110%").error, Contains("100%"));
    CHECK_THAT(parse_impairment_rule("lose PUBLICH").error, Contains("\"PUBLICH\""));
    CHECK_THAT(parse_impairment_rule("lose reserved").error, Contains("\"reserved\""));
    CHECK_THAT(parse_impairment_rule("delay").error, Contains("has a time"));
    CHECK_THAT(parse_impairment_rule("lose 200ms").error, Contains("has a time"));
}

}  // namespace impairment_text_test
