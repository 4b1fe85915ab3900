// The links raw, slip, hdlc and cobs as drivers.
#include "transports/radio/framed_line.hpp"

#include "tests/support/hex.hpp"
#include "tests/support/link_vectors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace framed_line_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{1s};

const std::vector<DriverKind>& framed_line_kinds() {
    static const std::vector kinds{raw_kind(), slip_kind(), hdlc_kind(), cobs_kind()};
    return kinds;
}

const DriverKind& kind(std::string_view name) {
    return *std::ranges::find(framed_line_kinds(), name, &DriverKind::name);
}

MadeDriver make(std::string_view name, const DriverValues& values = {}, std::size_t mtu = 0) {
    return kind(name).make(values, mtu);
}

std::unique_ptr<Driver> opened(std::string_view name, const DriverValues& values = {}) {
    auto made = make(name, values);
    REQUIRE(made.driver);
    DriverOutput out;
    made.driver->opened(start, out);
    CHECK(out.ready == true);
    CHECK(out.wire.empty());
    return std::move(made.driver);
}

std::string wire_of(std::string_view name, const DriverValues& values) {
    const auto driver = opened(name, values);
    DriverOutput out;
    const Buffer frame = sample_publish();
    driver->send({1, false, 0, {}, frame}, start, out);
    return to_hex(out.wire);
}

}  // namespace

TEST_CASE("each framed line carries frames both ways without addresses") {
    for (const auto& each : framed_line_kinds()) {
        CAPTURE(each.name);
        const auto driver = opened(each.name);
        CHECK(driver->can_send());
        const auto traits = driver->traits();
        CHECK(traits.mtu == 255);
        CHECK_FALSE(traits.addressed);
        CHECK(traits.broadcast);
        CHECK_FALSE(traits.confirms_departure);
        CHECK(driver->air_time(100) == Duration::zero());
        CHECK(driver->to_string({}).empty());
        DriverOutput out;
        const Buffer frame = sample_publish();
        driver->send({1, false, 0, {}, frame}, start, out);
        driver->send({2, true, 3, {}, frame}, start, out);
        const Buffer wire = out.wire;
        out.clear();
        driver->receive(wire, start, out);
        if (const auto due = driver->next_timeout()) driver->timeout(*due, out);
        REQUIRE(out.received.size() == 2);
        for (const auto& received : out.received) {
            CHECK(to_hex(out.frame(received)) == to_hex(frame));
            CHECK(received.from == Address());
        }
        CHECK_FALSE(driver->next_timeout());
        CHECK(driver->counters().sent == 2);
        CHECK(driver->counters().frames_in == 2);
    }
}

TEST_CASE("a closed line cannot send, and what had begun never ends") {
    for (const auto& each : framed_line_kinds()) {
        CAPTURE(each.name);
        CHECK_FALSE(make(each.name).driver->can_send());
        const auto driver = opened(each.name);
        DriverOutput out;
        const Buffer frame = sample_connect();
        driver->send({1, false, 0, {}, frame}, start, out);
        const Buffer wire = out.wire;
        out.clear();
        driver->receive(Bytes(wire).first(wire.size() / 2), start, out);
        driver->closed(start, out);
        CHECK(out.ready == false);
        CHECK(out.departed.empty());
        CHECK_FALSE(driver->can_send());
        CHECK_FALSE(driver->next_timeout());
        driver->opened(start + 1s, out);
        driver->receive(wire, start + 1s, out);
        driver->timeout(start + 2s, out);
        REQUIRE(out.received.size() == 1);
        CHECK(to_hex(out.frame(out.received[0])) == to_hex(frame));
    }
}

TEST_CASE("the keys of framed lines choose what is on the wire") {
    CHECK(wire_of("raw", {}) == to_hex(link_vector("raw-publish").wire));
    CHECK(wire_of("slip", {}) == to_hex(link_vector("slip-publish").wire));
    CHECK(wire_of("hdlc", {}) == to_hex(link_vector("hdlc-publish").wire));
    CHECK(wire_of("hdlc", {{"hdlc_escape", "spinel"}}) == to_hex(link_vector("hdlc-publish-xon").wire));
    CHECK(wire_of("cobs", {}) == to_hex(link_vector("cobs-x25").wire));
    CHECK(wire_of("cobs", {{"crc", "none"}}) == to_hex(link_vector("cobs-none").wire));
    CHECK(wire_of("cobs", {{"crc", "crc16-ccitt-false"}}) == to_hex(link_vector("cobs-ccittf").wire));
    CHECK(wire_of("cobs", {{"crc", "crc16-xmodem"}}) == to_hex(link_vector("cobs-xmodem").wire));
    CHECK(wire_of("cobs", {{"crc", "crc32"}}) == to_hex(link_vector("cobs-crc32").wire));
    CHECK(wire_of("slip", {{"crc", "crc16-x25"}}) == "c00c0c210011007edbdcdbdd7d13000998c0");
    CHECK(wire_of("slip", {{"crc", "crc16-x25"}, {"crc_order", "be"}}) == "c00c0c210011007edbdcdbdd7d13009809c0");
    CHECK(wire_of("slip", {{"crc", "crc16-xmodem"}, {"crc_order", "le"}}) == "c00c0c210011007edbdcdbdd7d13007845c0");
}

TEST_CASE("the keys of framed lines reach their traits") {
    auto made = make("slip", {{"half_duplex", "true"}, {"turnaround_ms", "100"}, {"air_rate", "8000"}}, 60);
    REQUIRE(made.driver);
    CHECK(made.driver->traits().half_duplex);
    CHECK(made.driver->traits().turnaround == 100ms);
    CHECK(made.driver->traits().mtu == 60);
    CHECK(made.driver->air_time(94) == 100ms);
}

TEST_CASE("the gap of a raw line is a key") {
    const auto driver = opened("raw", {{"gap_ms", "200"}});
    DriverOutput out;
    const Buffer half = hex("0C 0C 21");
    driver->receive(half, start, out);
    CHECK(driver->next_timeout() == start + 200ms);
}

TEST_CASE("a raw line takes what gateways send only without strict types") {
    const Buffer pingresp = hex("02 17");
    for (const auto* strict : {"true", "false"}) {
        const auto driver = opened("raw", {{"strict_types", strict}});
        DriverOutput out;
        driver->receive(pingresp, start, out);
        driver->timeout(start + 1s, out);
        CHECK(out.received.empty() == (std::string_view(strict) == "true"));
    }
}

TEST_CASE("wrong keys of framed lines are refused with what is expected") {
    const auto error = [](std::string_view name, const DriverValues& values, std::size_t mtu = 0) {
        const auto made = make(name, values, mtu);
        CHECK_FALSE(made.driver);
        return made.error;
    };
    CHECK(error("raw", {{"gap_ms", "0"}}) == "gap_ms = \"0\": expected a number from 1 to 60000");
    CHECK(error("raw", {{"crc", "none"}}) == "crc = \"none\": this kind of link has no such key");
    CHECK(error("slip", {{"crc", "md5"}}) ==
          "crc = \"md5\": expected none, crc16-x25, crc16-ccitt-false, crc16-xmodem or crc32");
    CHECK(error("cobs", {{"crc_order", "middle"}}) == "crc_order = \"middle\": expected usual, le or be");
    CHECK(error("hdlc", {{"hdlc_escape", "all"}}) == "hdlc_escape = \"all\": expected min, xonxoff or spinel");
    CHECK(error("hdlc", {{"half_duplex", "yes"}}) == "half_duplex = \"yes\": expected true or false");
    CHECK(error("hdlc", {}, 15) == "mtu = 15: expected a number from 16 to 65535");
    CHECK(error("hdlc", {}, 65536) == "mtu = 65536: expected a number from 16 to 65535");
    for (const auto& each : framed_line_kinds()) {
        for (const auto& option : each.options) {
            CAPTURE(each.name, option.name);
            CHECK(make(each.name, {{std::string(option.name), std::string(option.standard)}}).driver);
        }
    }
}

TEST_CASE("two ends that do not agree are told once per opening") {
    const Buffer noise(300, std::byte{0x55});
    for (const auto& each : framed_line_kinds()) {
        CAPTURE(each.name);
        const auto driver = opened(each.name);
        DriverOutput out;
        driver->receive(noise, start, out);
        CHECK(out.notes.empty());
        for (int i = 0; i < 10; ++i)
            driver->receive(noise, start, out);
        REQUIRE(out.notes.size() == 1);
        CHECK(out.notes[0].text ==
              "600 octets without one good frame: baud, link and crc have to be the same at both ends");
        driver->closed(start, out);
        out.clear();
        driver->opened(start, out);
        for (int i = 0; i < 2; ++i)
            driver->receive(noise, start, out);
        CHECK(out.notes.size() == 1);
    }
}

TEST_CASE("a device that speaks IP over SLIP is told what it needs") {
    const auto driver = opened("slip");
    Buffer packet(30, std::byte{0x11});
    const Buffer header = hex("45 00 00 1E");
    std::ranges::copy(header, packet.begin());
    Buffer wire{std::byte{0xC0}};
    wire.insert(wire.end(), packet.begin(), packet.end());
    wire.push_back(std::byte{0xC0});
    DriverOutput out;
    driver->receive(wire, start, out);
    driver->receive(wire, start, out);
    REQUIRE(out.notes.size() == 1);
    CHECK(out.notes[0].text.find("IP over SLIP") != std::string::npos);
    CHECK(driver->counters().unexpected == 2);
}

}  // namespace framed_line_test
