#include "transports/radio/aquila.hpp"
#include "transports/radio/ebyte.hpp"
#include "transports/radio/framed_line.hpp"
#include "transports/radio/transparent.hpp"
#include "transports/radio/xbee.hpp"

#include <catch2/catch.hpp>

namespace driver_kinds_test {

using namespace mqttsn;
using namespace mqttsn::transports;

namespace {

std::vector<DriverKind> kinds() {
    return {raw_kind(),  slip_kind(),  hdlc_kind(),        cobs_kind(),
            xbee_kind(), ebyte_kind(), transparent_kind(), aquila_kind()};
}

}  // namespace

TEST_CASE("every kind of link is made from its defaults, given or not") {
    for (const DriverKind& kind : kinds()) {
        INFO(kind.name);
        CHECK_FALSE(kind.help.empty());
        CHECK(kind.baud >= 9600);
        DriverValues values;
        for (const DriverOption& option : kind.options) {
            values.emplace(option.name, option.standard);
            CHECK_FALSE(option.help.empty());
            CHECK_FALSE(option.expects.empty());
        }
        CHECK(values.size() == kind.options.size());
        for (const DriverValues& given : {DriverValues{}, values}) {
            const MadeDriver made = kind.make(given, 0);
            CHECK(made.error.empty());
            REQUIRE(made.driver != nullptr);
            CHECK_FALSE(made.driver->can_send());
            CHECK_FALSE(made.driver->next_timeout().has_value());
            CHECK(made.driver->traits().mtu >= 50);
        }
    }
}

TEST_CASE("every kind of link refuses a wrong value with key, value and what it expects") {
    for (const DriverKind& kind : kinds()) {
        for (const DriverOption& option : kind.options) {
            for (const std::string wrong :
                 {"", "nonsense", "-1", "99999999999999999999", "0x10", " 1", "1.5", "TRUE"}) {
                INFO(kind.name << ": " << option.name << " = " << wrong);
                const MadeDriver made = kind.make({{std::string(option.name), wrong}}, 0);
                CHECK(made.driver == nullptr);
                CHECK(made.error ==
                      std::string(option.name) + " = \"" + wrong + "\": expected " + std::string(option.expects));
            }
        }
    }
}

TEST_CASE("every kind of link refuses a key that it does not have") {
    for (const DriverKind& kind : kinds()) {
        const MadeDriver made = kind.make({{"colour", "red"}}, 0);
        CHECK(made.driver == nullptr);
        CHECK(made.error == "colour = \"red\": this kind of link has no such key");
    }
}

TEST_CASE("every kind of link keeps to a smaller mtu") {
    for (const DriverKind& kind : kinds()) {
        INFO(kind.name);
        const MadeDriver made = kind.make({}, 40);
        REQUIRE(made.driver != nullptr);
        CHECK(made.driver->traits().mtu == 40);
    }
}

}  // namespace driver_kinds_test
