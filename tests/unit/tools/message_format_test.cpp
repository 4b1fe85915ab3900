// The output formats of `mqttsn sub`, and results as JSON.
#include "tools/commands/message_format.hpp"
#include "tests/unit/tools/node_talk.hpp"
#include "tools/commands/json_report.hpp"
#include "transports/udp_address.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>

namespace message_format_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using Catch::Matchers::Contains;

namespace {

const node::Received reading{"barn/t", node::octets("{\"t\":21.5}"), Qos::at_least_once, true, 7};
const auto noon = std::chrono::system_clock::from_time_t(1'700'000'000) + std::chrono::nanoseconds(123'456'789);

std::string shown(std::string_view format, const node::Received& message = reading) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    return formatted(format, message, noon);
}

}  // namespace

TEST_CASE("formats have the letters of mosquitto_sub") {
    CHECK(shown("%t|%p|%l|%q|%r|%m|%%") == "barn/t|{\"t\":21.5}|10|1|1|7|%");
    CHECK(shown("%x %X") == "7b2274223a32312e357d 7B2274223A32312E357D");
    CHECK(shown("%I") == "2023-11-14T22:13:20+0000");
    CHECK(shown("%U") == "1700000000.123456789");
    CHECK(shown("%@Y-%@m %@H:%@M") == "2023-11 22:13");
    CHECK(shown(R"(a\tb\nc\\d)") == "a\tb\nc\\d");
    CHECK(shown(R"(\0)") == std::string(1, '\0'));
    CHECK(shown("plain text") == "plain text");
}

TEST_CASE("formats have messages as JSON, with text, JSON or other payloads") {
    CHECK(shown("%j") == R"({"tst":"2023-11-14T22:13:20+0000","topic":"barn/t","qos":1,"retain":1,"payloadlen":10,)"
                         R"("mid":7,"payload":"{\"t\":21.5}"})");
    CHECK_THAT(shown("%J"), Contains(R"("payload":{"t":2.15E1}})") || Contains(R"("payload":{"t":21.5}})"));
    node::Received other{"x", node::octets("no json"), Qos::at_most_once, false, 0};
    CHECK_THAT(shown("%J", other), Contains(R"("payload":"no json"})") && !Contains("mid"));
    other.payload = node::octets("\xFF\x01");
    CHECK_THAT(shown("%j", other), Contains(R"("payload_hex":"ff01"})"));
}

TEST_CASE("formats without meaning are refused before anything is sent") {
    CHECK_FALSE(check_format("%t %p \\n %@H %% \\\\").has_value());
    CHECK_FALSE(check_format("").has_value());
    CHECK_THAT(check_format("%t %y").value_or(""), Contains("%y"));
    CHECK_THAT(check_format("%@@").value_or(""), Contains("%@@"));
    CHECK_THAT(check_format("\\q").value_or(""), Contains("\\q"));
    for (const auto* cut_off : {"%", "x%@", "\\"})
        CHECK_THAT(check_format(cut_off).value_or(""), Contains("nothing follows"));
}

TEST_CASE("gateways as JSON have id, address, source, period and age") {
    node::KnownGateway gateway;
    gateway.gw_id = 7;
    gateway.address = transports::to_address(*transports::parse_socket_address("192.0.2.7:1883"));
    gateway.source = node::KnownGateway::Source::gwinfo;
    const auto now = gateway.heard_at + std::chrono::seconds(2);
    const auto begin = R"([{"id":7,"address":"192.0.2.7:1883","heard_by":"GWINFO","advertise_s":)";
    CHECK(to_json({gateway}, now) == std::string(begin) + R"(null,"age_s":2E0}])");
    gateway.duration_s = 900;
    CHECK(to_json({gateway}, now) == std::string(begin) + R"(900,"age_s":2E0}])");
    CHECK(to_json(std::vector<node::KnownGateway>{}, now) == "[]");
}

}  // namespace message_format_test
