// Scenario files of the simulator.
#include "tools/commands/scenario.hpp"

#include <catch2/catch.hpp>

namespace scenario_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

std::string error_of(const std::string& text) {
    auto read = read_scenario(text, "barn.toml");
    if (!read.scenario) return read.error;
    return read.scenario->complete().value_or("");
}

}  // namespace

TEST_CASE("every key of a scenario file is understood") {
    auto read = read_scenario(R"(
        [fleet]
        id_prefix = "a-"
        topic_prefix = "barn"
        duration = "2m"
        day = "10m"
        connects_per_second = 50
        keep_alive = 30
        seed = 7
        [impairment]
        loss = "10%"
        dup = "5%"
        reorder = "2%"
        delay = "200ms±100ms"
        nat_rebind = "60s"
        rules = ["up PUBACK lose #1-3"]
        [faults]
        names = ["nested", "length-0"]
        share = "20%"
        [[nodes]]
        profile = "sensor"
        name = "thermo"
        count = 3
        qos = [0, 1, 2]
        period = "500ms"
        jitter = 0.5
        payload = 100
        forwarders = 2
        retain = true
        echo = true
        [[nodes]]
        profile = "sleeper"
        qos = 2
        sleep = "30s"
        [[nodes]]
        profile = "beacon"
        count = 4
    )",
                              "barn.toml");
    INFO(read.error);
    REQUIRE(read.scenario.has_value());
    Scenario& scenario = *read.scenario;
    CHECK_FALSE(scenario.complete().has_value());
    CHECK(scenario.id_prefix == "a-");
    CHECK(scenario.topic_prefix == "barn");
    CHECK(scenario.duration == 2min);
    CHECK(scenario.day == 10min);
    CHECK(scenario.connects_per_second == 50);
    CHECK(scenario.impairment.loss == 0.1);
    CHECK(scenario.impairment.duplication == 0.05);
    CHECK(scenario.impairment.reorder == 0.02);
    CHECK(scenario.impairment.delay == 200ms);
    CHECK(scenario.impairment.jitter == 100ms);
    CHECK(scenario.impairment.nat_rebind == 60s);
    REQUIRE(scenario.impairment.rules.size() == 1);
    CHECK(scenario.impairment.rules[0].type == sn::MsgType::puback);
    REQUIRE(scenario.faults.faults.size() == 2);
    CHECK(scenario.faults.faults[0]->name == "nested");
    CHECK(scenario.faults.share == 0.2);
    CHECK(scenario.keep_alive_s == 30);
    CHECK(scenario.seed == 7);
    CHECK(scenario.nodes() == 8);
    CHECK(scenario.sockets() == 2 + 1 + 4);
    const NodeGroup& sensors = scenario.groups[0];
    CHECK((sensors.profile == Profile::sensor && sensors.name == "thermo" && sensors.count == 3));
    CHECK(sensors.qos == std::vector{Qos::at_most_once, Qos::at_least_once, Qos::exactly_once});
    CHECK((sensors.period == 500ms && sensors.jitter == 0.5 && sensors.payload == 100));
    CHECK((sensors.retain && sensors.echo));
    CHECK(scenario.groups[1].name == "sleeper");
    CHECK(scenario.groups[1].qos == std::vector{Qos::exactly_once});
    CHECK(scenario.groups[1].sleep == 30s);
    CHECK(scenario.groups[2].sleep == 5s);
}

TEST_CASE("the example that the tool prints is a scenario") {
    CHECK(error_of(std::string(scenario_example())).empty());
}

TEST_CASE("errors in a scenario file name the file, the line, the key and what is expected") {
    const auto nodes = [](const std::string& line) { return error_of("[[nodes]]\n" + line + "\n"); };
    CHECK_THAT(nodes("profile = \"lamp\""), StartsWith("barn.toml:2: [[nodes]] profile: expected \"sensor\""));
    CHECK_THAT(nodes("count = 0"), Contains("barn.toml:2: [[nodes]] count: expected a number from 1 to 10000"));
    CHECK_THAT(nodes("count = 1.5"), Contains("count"));
    CHECK_THAT(nodes("qos = [0, 3]"), Contains("qos: expected 0, 1, 2, or a list"));
    CHECK_THAT(nodes("qos = []"), Contains("qos"));
    CHECK_THAT(nodes("period = 5"), Contains("period: expected a time such as"));
    CHECK_THAT(nodes("period = \"0s\""), Contains("period"));
    CHECK_THAT(nodes("sleep = \"soon\""), Contains("sleep"));
    CHECK_THAT(nodes("jitter = 1"), Contains("jitter"));
    CHECK_THAT(nodes("retain = 1"), Contains("retain: expected true or false"));
    CHECK_THAT(nodes("name = 1"), Contains("name: expected a text"));
    CHECK_THAT(nodes("colour = 1"), StartsWith("barn.toml:2: [[nodes]] colour is unknown; known are command_qos, count"));
    CHECK_THAT(error_of("[fleet]\nseeed = 1\n[[nodes]]\n"), Contains("[fleet] seeed is unknown"));
    CHECK_THAT(error_of("colour = 1\n[[nodes]]\n"),
               Contains("barn.toml:1: colour is unknown; known are faults, fleet, impairment, nodes"));
    const auto faults = [](const std::string& line) { return error_of("[faults]\n" + line + "\n[[nodes]]\n"); };
    CHECK_THAT(faults("names = \"nested\""), Contains("names: expected a list"));
    CHECK_THAT(faults("names = [\"nesded\"]"), Contains("[faults] names: \"nesded\" is no fault"));
    CHECK_THAT(faults("share = \"200%\""), Contains("share"));
    const auto network = [](const std::string& line) { return error_of("[impairment]\n" + line + "\n[[nodes]]\n"); };
    CHECK_THAT(network("loss = 0.1"), StartsWith("barn.toml:2: [impairment] loss: expected a share such as"));
    CHECK_THAT(network("delay = \"1s±2s\""), Contains("delay: expected a time such as"));
    CHECK_THAT(network("nat_rebind = 60"), Contains("nat_rebind"));
    CHECK_THAT(network("rules = \"lose\""), Contains("rules: expected a list"));
    CHECK_THAT(network("rules = [\"lose\", \"loose\"]"), Contains("rules: \"loose\": expected up, down"));
    CHECK_THAT(error_of("[fleet]\n"), Contains("no [[nodes]]"));
    CHECK_THAT(error_of("[[nodes\n"), StartsWith("barn.toml:1: "));
}

TEST_CASE("what does not fit together is told") {
    CHECK_THAT(error_of("[[nodes]]\n[[nodes]]\n"), Contains("two groups have the name sensor"));
    CHECK_THAT(error_of("[[nodes]]\nname = \"a-very-long-name-it-is\"\ncount = 10\n"), Contains("at most 23"));
    CHECK_THAT(error_of("[[nodes]]\npayload = 23\n"), Contains("at least 24 octets"));
    CHECK_THAT(error_of("[[nodes]]\ncount = 2\nforwarders = 3\n"), Contains("3 forwarders for 2 nodes"));
    CHECK_THAT(error_of("[[nodes]]\nprofile = \"actuator\"\necho = true\n"), Contains("only sensors"));
    CHECK_THAT(error_of("[[nodes]]\ncount = 9999\n[[nodes]]\nname = \"b\"\ncount = 2\n"), Contains("10001 nodes"));
    CHECK_THAT(Scenario{}.complete().value_or(""), Contains("no nodes"));
}

}  // namespace scenario_test
