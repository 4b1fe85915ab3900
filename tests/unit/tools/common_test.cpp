// Options of the sub-commands.
#include "tools/commands/common.hpp"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

namespace common_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using Catch::Matchers::Contains;

namespace {

std::string error_of(const NodeOptions& options) {
    node::ClientOptions client;
    return make_client_options(options, client).value_or("");
}

node::ClientOptions client_of(const NodeOptions& options) {
    node::ClientOptions client;
    const auto error = make_client_options(options, client);
    INFO(error.value_or(""));
    REQUIRE_FALSE(error.has_value());
    return client;
}

NodeOptions parse(std::vector<std::string> arguments) {
    NodeOptions options;
    CLI::App app;
    add_node_options(app, options);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return options;
}

}  // namespace

TEST_CASE("options without a word are those of the specification") {
    const auto client = client_of(parse({}));
    CHECK(client.clean_session);
    CHECK(client.keep_alive_s == 60);
    CHECK(client.retry == std::chrono::seconds(10));
    CHECK(client.retries == 3);
    CHECK(client.wait == std::chrono::seconds(300));
    CHECK(client.predefined.empty());
    CHECK(client.node_id.empty());
    CHECK_FALSE(client.will.has_value());
}

TEST_CASE("every node option reaches the client") {
    const auto options = parse({"-h",
                                "gw.example",
                                "-p",
                                "2000",
                                "-i",
                                "c1",
                                "-k",
                                "7",
                                "-c",
                                "-d",
                                "--retry",
                                "0.25",
                                "--retries",
                                "5",
                                "--wait",
                                "0.01",
                                "--predefined",
                                "1=a/b",
                                "--predefined",
                                "65534=c=d",
                                "--node-id",
                                "0aFF",
                                "--will-topic",
                                "w",
                                "--will-payload",
                                "bye",
                                "--will-qos",
                                "2",
                                "--will-retain"});
    CHECK(options.host == "gw.example");
    CHECK(options.port == 2000);
    CHECK(options.debug);
    const auto client = client_of(options);
    CHECK(client.client_id == "c1");
    CHECK(client.keep_alive_s == 7);
    CHECK_FALSE(client.clean_session);
    CHECK(client.retry == std::chrono::milliseconds(250));
    CHECK(client.retries == 5);
    CHECK(client.wait == std::chrono::milliseconds(10));
    CHECK(client.predefined == std::map<sn::TopicId, std::string>{{1, "a/b"}, {65534, "c=d"}});
    CHECK(as_text(client.node_id) == "\x0A\xFF");
    REQUIRE(client.will.has_value());
    CHECK(client.will->topic == "w");
    CHECK(as_text(client.will->message) == "bye");
    CHECK(client.will->qos == Qos::exactly_once);
    CHECK(client.will->retain);
}

TEST_CASE("options that make no sense are refused by the parser") {
    CHECK_THROWS_AS(parse({"--retry", "0"}), CLI::ValidationError);
    CHECK_THROWS_AS(parse({"--wait", "-1"}), CLI::ValidationError);
    CHECK_THROWS_AS(parse({"--will-qos", "3"}), CLI::ValidationError);
    CHECK_THROWS_AS(parse({"-p", "65536"}), CLI::ConversionError);
    CHECK_THROWS_AS(parse({"--no-such-option"}), CLI::ExtrasError);
}

TEST_CASE("a made-up client id has 1 to 23 characters and differs from run to run", "[SN12C-5.3.1-a]") {
    const auto first = client_of({}).client_id;
    CHECK(first.size() >= 1);
    CHECK(first.size() <= 23);
    std::size_t different = 0;
    for (int i = 0; i < 8; ++i)
        different += client_of({}).client_id != first ? 1U : 0U;
    CHECK(different > 0);
}

TEST_CASE("client ids longer than 23 characters are refused, characters are not octets", "[SN12C-5.3.1-a]") {
    NodeOptions options;
    options.client_id = std::string(23, 'x');
    CHECK(client_of(options).client_id == options.client_id);
    options.client_id += 'x';
    CHECK_THAT(error_of(options), Contains("1 to 23 characters"));
    options.client_id.clear();
    for (int i = 0; i < 23; ++i)
        options.client_id += "ä";
    CHECK(error_of(options).empty());
    options.client_id = "\xFF";
    CHECK_THAT(error_of(options), Contains("-i"));
}

TEST_CASE("a kept session needs a client id that stays the same", "[SN12C-5.3.1-a]") {
    NodeOptions options;
    options.keep_session = true;
    CHECK_THAT(error_of(options), Contains("-i"));
    options.client_id = "c1";
    CHECK(error_of(options).empty());
}

TEST_CASE("predefined topics need ID=NAME with a usable id") {
    const std::string wrong = GENERATE("", "1", "=a", "x=a", "1x=a", "0=a", "65535=a", "65536=a", "-1=a", " 1=a");
    NodeOptions options;
    options.predefined = {wrong};
    CHECK_THAT(error_of(options), Contains("ID=NAME") && Contains("1 to 65534"));
}

TEST_CASE("times on the command line have units") {
    const auto client = client_of(parse({"--retry", "250ms", "--wait", "2m"}));
    CHECK(client.retry == std::chrono::milliseconds(250));
    CHECK(client.wait == std::chrono::minutes(2));
    CHECK_THROWS_AS(parse({"--retry", "soon"}), CLI::ValidationError);
}

TEST_CASE("a forced topic type has to fit the topic") {
    const auto forced = [](const std::string& type, const std::string& topic) {
        auto client = client_of(parse({"--topic-type", type, "--predefined", "5=five"}));
        const auto error = force_topic_type({topic}, client);
        return error ? *error : client.predefined.contains(7) ? "7 is " + client.predefined[7] : "";
    };
    CHECK(forced("normal", "a/+").empty());
    CHECK(forced("short", "ab").empty());
    CHECK_THAT(forced("short", "abc"), Contains("two octets"));
    CHECK_THAT(forced("short", "+/"), Contains("wildcard"));
    CHECK(forced("predefined", "five").empty());
    CHECK(forced("predefined", "7") == "7 is 7");
    CHECK_THAT(forced("predefined", "5"), Contains("--predefined"));
    CHECK_THAT(forced("predefined", "0"), Contains("1 to 65534"));
    CHECK_THAT(forced("predefined", "other"), Contains("--predefined ID=other"));
    CHECK_THROWS_AS(parse({"--topic-type", "long"}), CLI::ValidationError);
}

TEST_CASE("gateways are searched in the group of the specification's example, or where the user says") {
    GatewayOptions options;
    auto places = search_places(options);
    REQUIRE(places.targets.size() == 1);
    CHECK(transports::to_string(places.targets[0]) == "225.1.1.1:1883");
    options.groups = {"192.0.2.255:2000", "[::1]:1883"};
    CHECK(search_places(options).targets.size() == 2);
    options.groups = {GENERATE(as<std::string>{}, "225.1.1.1", "host:1883", "225.1.1.1:0")};
    CHECK_THAT(search_places(options).error, Contains("--group " + options.groups[0]));
}

TEST_CASE("node ids are 1 to 252 octets in hex") {
    NodeOptions options;
    options.node_id = GENERATE(as<std::string>{}, "0", "0g", "0x01", "+1", "01 2");
    CHECK_THAT(error_of(options), Contains("--node-id"));
    options.node_id = std::string(504, 'a');
    CHECK(client_of(options).node_id.size() == 252);
    options.node_id += "aa";
    CHECK_THAT(error_of(options), Contains("252"));
}

TEST_CASE("return codes are told in words") {
    CHECK(text_of(sn::ReturnCode::accepted) == "accepted");
    CHECK_THAT(text_of(sn::ReturnCode::congestion), Contains("congestion"));
    CHECK_THAT(text_of(sn::ReturnCode::invalid_topic_id), Contains("invalid topic id"));
    CHECK_THAT(text_of(sn::ReturnCode::not_supported), Contains("not supported"));
    CHECK(text_of(static_cast<sn::ReturnCode>(0x42)) == "code 66");
}

}  // namespace common_test
