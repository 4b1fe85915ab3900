// Topic names and filters (MQTT 4.7): what may go to a broker, and what matches what.
#include "protocol/topic.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace topic_test {

using namespace mqttsn;

namespace {

constexpr std::string_view with_nul("a\0b", 3);

struct Match {
    std::string_view filter;
    std::string_view name;
};

}  // namespace

TEST_CASE("well-formed UTF-8 of every length is valid") {
    for (const std::string_view text :
         {std::string_view(""), std::string_view("abc"), std::string_view("\0", 1), std::string_view("\x7F"),
          std::string_view("\xC2\x80"), std::string_view("\xDF\xBF"), std::string_view("\xE0\xA0\x80"),
          std::string_view("\xED\x9F\xBF"), std::string_view("\xEE\x80\x80"), std::string_view("\xEF\xBF\xBF"),
          std::string_view("\xF0\x90\x80\x80"), std::string_view("\xF4\x8F\xBF\xBF"),
          std::string_view("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z")}) {
        CAPTURE(text);
        CHECK(is_valid_utf8(text));
    }
}

TEST_CASE("malformed UTF-8 is not valid") {
    for (const auto* text : {
             "\x80",
             "\xBF",
             "a\x80",  // continuation without a lead
             "\xC0\x80",
             "\xC1\xBF",
             "\xE0\x80\x80",
             "\xE0\x9F\xBF",  // overlong
             "\xF0\x80\x80\x80",
             "\xF0\x8F\xBF\xBF",  // overlong
             "\xED\xA0\x80",
             "\xED\xBF\xBF",  // surrogates
             "\xF4\x90\x80\x80",
             "\xF5\x80\x80\x80",
             "\xFE",
             "\xFF",  // above U+10FFFF
             "\xC3",
             "\xE2\x82",
             "\xE2",
             "\xF0\x9F\x98",
             "\xF0",  // cut off
             "\xC3(",
             "\xE2(\x82",
             "\xE2\x82(",
             "\xF0\x9F\x98(",  // no continuation
         }) {
        CAPTURE(text);
        CHECK_FALSE(is_valid_utf8(text));
        CHECK_FALSE(is_valid_utf8("a/" + std::string(text) + "/b"));
    }
}

TEST_CASE("code points are counted, not octets") {
    CHECK(count_code_points("") == 0);
    CHECK(count_code_points("abc") == 3);
    CHECK(count_code_points("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80") == 4);
}

TEST_CASE("text for a broker has no U+0000 and at most 65535 octets", "[SN12-5.3.12-a]") {
    CHECK(is_usable_text(""));
    CHECK(is_usable_text(std::string(65535, 'x')));
    CHECK_FALSE(is_usable_text(std::string(65536, 'x')));
    CHECK_FALSE(is_usable_text(with_nul));
    CHECK_FALSE(is_mqtt_text(with_nul));
    CHECK_FALSE(is_usable_text("\xFF"));
    CHECK_FALSE(is_mqtt_text("\xFF"));
}

TEST_CASE("text that may make a broker close the connection is not for it", "[SN12-5.3.12-a][SN12-5.3.1-d]") {
    for (const auto* text : {"a\x01", "\x1F", "a\x7F/b", "\xC2\x80", "\xC2\x9F", "\xEF\xB7\x90", "\xEF\xBF\xBE", "\xEF\xBF\xBF",
                             "\xF0\x9F\xBF\xBE", "\xF4\x8F\xBF\xBF"}) {
        CAPTURE(text);
        CHECK(is_mqtt_text(text));  // a broker may send it
        CHECK_FALSE(is_usable_text(text));
        CHECK_FALSE(is_usable_topic_name(text));
        CHECK_FALSE(is_usable_topic_filter(text));
    }
    for (const auto* text : {" ", "~", "\xC2\xA0", "\xEF\xB7\x8F", "\xEF\xB7\xB0", "\xEF\xBF\xBD", "\xF0\x9F\x98\x80"}) {
        CAPTURE(text);
        CHECK(is_usable_text(text));
    }
}

TEST_CASE("a name to publish to is text without wildcards", "[SN12-5.3.12-a]") {
    for (const auto* name : {"a", "/", "//", "a/b", "/a", "a/", " ", "$SYS/x", "a b/\xC3\xA4"}) {
        CAPTURE(name);
        CHECK(is_usable_topic_name(name));
    }
    for (const auto* name : {"", "+", "#", "a/+", "a/#", "a+b", "a#", "\xC3"}) {
        CAPTURE(name);
        CHECK_FALSE(is_usable_topic_name(name));
    }
    CHECK_FALSE(is_usable_topic_name(with_nul));
    CHECK_FALSE(is_usable_topic_name(std::string(65536, 'x')));
}

TEST_CASE("a filter has wildcards only alone in a level and # only at the end", "[SN12-5.3.12-a]") {
    for (const auto* filter :
         {"a", "/", "a/b", "+", "#", "+/+", "a/#", "+/#", "/#", "/+", "+/", "a/+/b", "$SYS/#", "a//#", "$share"}) {
        CAPTURE(filter);
        CHECK(is_usable_topic_filter(filter));
    }
    for (const auto* filter :
         {"", "a+", "+a", "a#", "#a", "a/b#", "a/#/b", "#/", "##", "++", "a/+b/c", "#/a", "\xC3"}) {
        CAPTURE(filter);
        CHECK_FALSE(is_usable_topic_filter(filter));
    }
    CHECK_FALSE(is_usable_topic_filter(with_nul));
    CHECK(is_usable_topic_filter(std::string(65535, 'x')));
    CHECK_FALSE(is_usable_topic_filter(std::string(65536, 'x')));
}

TEST_CASE("a shared filter has a group and a usable filter behind it") {
    for (const auto* filter : {"$share/g/a", "$share/g/#", "$share/g/+/b", "$share/g//", "$share/g//a"}) {
        CAPTURE(filter);
        CHECK(is_usable_topic_filter(filter));
    }
    for (const auto* filter : {"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a",
                               "$share/g+/a", "$share/g/a#", "$share/g/#/a"}) {
        CAPTURE(filter);
        CHECK_FALSE(is_usable_topic_filter(filter));
    }
    CHECK(without_share("a/b") == "a/b");
    CHECK(without_share("$share/g/a/b") == "a/b");
    CHECK(without_share("$share/g").empty());
    CHECK(without_share("$share") == "$share");
}

TEST_CASE("has_wildcard sees + and # anywhere") {
    CHECK(has_wildcard("a/+"));
    CHECK(has_wildcard("#"));
    CHECK_FALSE(has_wildcard("a/b"));
    CHECK_FALSE(has_wildcard(""));
}

TEST_CASE("a filter matches the names that MQTT says") {
    for (const auto& [filter, name] : {Match{"a", "a"},
                                       {"a/b", "a/b"},
                                       {"+", "a"},
                                       {"+/b", "a/b"},
                                       {"a/+", "a/b"},
                                       {"a/+", "a/"},
                                       {"+/+", "/a"},
                                       {"/+", "/a"},
                                       {"+/", "a/"},
                                       {"a/+/c", "a//c"},
                                       {"a/+/c", "a/b/c"},
                                       {"#", "a"},
                                       {"#", "/"},
                                       {"#", "a/b/c"},
                                       {"a/#", "a"},
                                       {"a/#", "a/"},
                                       {"a/#", "a/b"},
                                       {"a/#", "a/b/c"},
                                       {"+/#", "a"},
                                       {"+/#", "a/b"},
                                       {"/#", "/"},
                                       {"/#", "/a"},
                                       {"a/+/#", "a/b"},
                                       {"a/+/#", "a/b/c/d"},
                                       {"$SYS/#", "$SYS/x"},
                                       {"$SYS/+", "$SYS/x"},
                                       {"$share/g/a/+", "a/b"},
                                       {"$share/g/#", "a"},
                                       {"$share/g/$SYS/#", "$SYS/x"}}) {
        CAPTURE(filter, name);
        CHECK(matches(filter, name));
    }
}

TEST_CASE("a filter matches nothing else") {
    for (const auto& [filter, name] : {Match{"a", "b"},     {"a", "A"},
                                       {"a", "a/"},         {"a", "/a"},
                                       {"a", "ab"},         {"ab", "a"},
                                       {"a/b", "a"},        {"a/b", "a/b/c"},
                                       {"+", "a/b"},        {"+", "/a"},
                                       {"+", "/"},          {"/+", "a"},
                                       {"/+", "/a/b"},      {"a/+", "a"},
                                       {"a/+", "a/b/c"},    {"a/#", "ab"},
                                       {"a/#", "b"},        {"a/#", "b/a"},
                                       {"a/+/#", "a"},      {"/#", "a"},
                                       {"#", "$SYS/x"},     {"+/x", "$SYS/x"},
                                       {"+", "$SYS"},       {"$share/g/#", "$SYS/x"},
                                       {"$share/g/a", "b"}, {"$share/g/a", "$share/g/a"},
                                       {"", "a"},           {"a", ""},
                                       {"#", ""},           {"$share/g/", "a"}}) {
        CAPTURE(filter, name);
        CHECK_FALSE(matches(filter, name));
    }
}

TEST_CASE("a name matches itself and # and its own levels as +") {
    for (const std::string name : {"a", "/", "a/b/c", "//a", "a//", "x/\xC3\xA4/z"}) {
        std::string every_level = name;
        for (std::size_t at = 0; at <= every_level.size();) {
            const auto end = std::min(every_level.find('/', at), every_level.size());
            every_level.replace(at, end - at, "+");
            at += 2;
        }
        CAPTURE(name, every_level);
        REQUIRE(is_usable_topic_filter(every_level));
        CHECK(matches(name, name));
        CHECK(matches("#", name));
        CHECK(matches(every_level, name));
        CHECK(matches(name + "/#", name));
        CHECK_FALSE(matches(name + "/+", name));
    }
}

}  // namespace topic_test
