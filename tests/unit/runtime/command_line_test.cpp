#include "gateway/runtime/command_line.hpp"

#include "tests/unit/runtime/temporary_file.hpp"

namespace command_line_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using Catch::Matchers::Contains;
using test::TemporaryFile;

namespace {

CommandLine read(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "mqttsn-gateway");
    std::vector<const char*> argv;
    for (const auto& each : arguments)
        argv.push_back(each.c_str());
    return read_command_line(static_cast<int>(argv.size()), argv.data());
}

Settings settings_of(const std::vector<std::string>& arguments) {
    const CommandLine line = read(arguments);
    INFO(line.output);
    REQUIRE_FALSE(line.exit_code.has_value());
    return line.settings;
}

std::string refusal_of(const std::vector<std::string>& arguments) {
    const CommandLine line = read(arguments);
    REQUIRE(line.exit_code.has_value());
    CHECK(*line.exit_code == 2);
    CHECK(line.output.ends_with('\n'));
    return line.output;
}

}  // namespace

TEST_CASE("without arguments the gateway has its defaults") {
    const Settings settings = settings_of({});
    CHECK(settings.broker_url == "mqtt://localhost:1883");
    REQUIRE(settings.core.links.size() == 1);
    CHECK(settings.core.links[0].name == "udp:0.0.0.0:1883");
    CHECK(settings.log.level == LogLevel::info);
}

TEST_CASE("every flag, long and short, reaches the settings") {
    const bool is_long = GENERATE(true, false);
    const Settings settings =
        is_long ? settings_of({"--broker", "mqtt://b.example:2", "--udp", "127.0.0.1:3", "--udp", "[::1]:4", "--id",
                               "9", "--name", "barn", "--state-dir", "/var/lib/barn", "--topic", "5=a/b", "--topic", "6=c=d", "--log-level", "debug"})
                : settings_of({"-b", "mqtt://b.example:2", "-u", "127.0.0.1:3", "-u", "[::1]:4", "-i", "9", "--name",
                               "barn", "-s", "/var/lib/barn", "-t", "5=a/b", "-t", "6=c=d", "-l", "debug"});
    CHECK(settings.broker.host == "b.example");
    CHECK(settings.broker.port == "2");
    REQUIRE(settings.udp.size() == 2);
    CHECK(settings.udp[0].socket.listen == "127.0.0.1:3");
    CHECK(settings.udp[1].socket.listen == "[::1]:4");
    CHECK(settings.core.links.size() == 2);
    CHECK(settings.core.gateway_id == 9);
    CHECK(settings.core.name == "barn");
    REQUIRE(settings.core.topics.size() == 2);
    CHECK(settings.core.topics[0].id == 5);
    CHECK(settings.core.topics[0].name == "a/b");
    CHECK(settings.core.topics[1].name == "c=d");
    CHECK(settings.store.directory == "/var/lib/barn");
    CHECK(settings.log.level == LogLevel::debug);
}

TEST_CASE("flags win over the file, --udp replaces its listeners, --topic adds to its topics") {
    const TemporaryFile file(
        "[gateway]\nid = 7\nname = \"file\"\n[[udp]]\nlisten = \"127.0.0.1:1\"\n[[udp]]\nlisten = \"127.0.0.1:2\"\n"
        "[[topic]]\nid = 1\nname = \"a\"\n");
    const Settings of_file = settings_of({"-c", file.path()});
    CHECK(of_file.core.gateway_id == 7);
    CHECK(of_file.udp.size() == 2);
    const Settings settings =
        settings_of({"--config", file.path(), "--id", "8", "--udp", "127.0.0.1:3", "--topic", "2=b"});
    CHECK(settings.core.gateway_id == 8);
    CHECK(settings.core.name == "file");
    REQUIRE(settings.udp.size() == 1);
    CHECK(settings.udp[0].socket.listen == "127.0.0.1:3");
    CHECK(settings.core.topics.size() == 2);
}

TEST_CASE("wrong usage ends with code 2 and says what is wrong") {
    CHECK_THAT(refusal_of({"--no-such-flag"}), Contains("--no-such-flag") && Contains("--help"));
    CHECK_THAT(refusal_of({"stray"}), Contains("stray"));
    CHECK_THAT(refusal_of({"--id", "256"}), Contains("--id: expected an integer from 0 to 255"));
    CHECK_THAT(refusal_of({"--id", "x"}), Contains("--id"));
    CHECK_THAT(refusal_of({"--log-level", "loud"}), Contains("--log-level: expected one of \"debug\""));
    CHECK_THAT(refusal_of({"--broker", "localhost"}), Contains("command line: [broker] url = \"localhost\""));
    CHECK_THAT(refusal_of({"--udp", "1883"}), Contains("listen = \"1883\""));
    CHECK_THAT(refusal_of({"--udp", "127.0.0.1:1", "--udp", "127.0.0.1:1"}), Contains("given twice"));
    CHECK_THAT(refusal_of({"--config", "/no/such/file"}), Contains("/no/such/file: cannot be read"));
}

TEST_CASE("a --topic flag needs an id and a name") {
    const std::string wrong = GENERATE("", "1", "=a", "x=a", "1x=a", "0=a", "65535=a", "1=", "1=a/#");
    INFO(wrong);
    CHECK_THAT(refusal_of({"--topic", wrong}), Contains("topic"));
}

TEST_CASE("errors of the file name the file") {
    const TemporaryFile file("[gateway]\nid = 300\n");
    CHECK_THAT(refusal_of({"--config", file.path(), "--check-config"}), Contains(file.path() + ":2:"));
}

TEST_CASE("what only prints ends with code 0") {
    const auto output_of = [](const std::vector<std::string>& arguments) {
        const CommandLine line = read(arguments);
        REQUIRE(line.exit_code.has_value());
        CHECK(*line.exit_code == 0);
        return line.output;
    };
    CHECK_THAT(output_of({"--help"}), Contains("--config") && Contains("Examples:") && Contains("Exit codes:"));
    CHECK_THAT(output_of({"--version"}), Contains("mqttsn-gateway"));
    CHECK(output_of({"--help-config"}) == describe_settings());
    CHECK(output_of({"--check-config"}) == "configuration ok\n");
}

}  // namespace command_line_test
