// The configuration file: what values mean, and everything that can be wrong with a file.
#include "tests/unit/runtime/loaded_settings.hpp"

#include <algorithm>

namespace settings_values_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace mqttsn::gateway::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("an empty file means the defaults: one listener, the local broker") {
    const Loaded loaded = load("");
    REQUIRE(loaded.errors.empty());
    REQUIRE(loaded.settings.udp.size() == 1);
    CHECK(loaded.settings.udp[0].socket.listen == "0.0.0.0:1883");
    CHECK(loaded.settings.broker.host == "localhost");
    REQUIRE(loaded.settings.core.links.size() == 1);
    CHECK(loaded.settings.core.links[0].name == "udp:0.0.0.0:1883");
    // Nowhere to broadcast to: no ADVERTISE, and GWINFO to the searcher alone.
    CHECK_FALSE(loaded.settings.core.links[0].advertise);
    CHECK(loaded.settings.core.links[0].gwinfo_unicast);
}

TEST_CASE("durations may be whole seconds, and are rounded up where only whole seconds exist") {
    const Loaded loaded = load("[timers]\nretry = 3\n[broker]\nkeep_alive = \"1500ms\"\n");
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.settings.core.timers.retry == Duration(3s));
    CHECK(loaded.settings.core.broker.client.keep_alive_s == 2);
}

TEST_CASE("sizes may carry a unit") {
    const Loaded loaded = load("[[udp]]\nreceive_buffer = \"64KiB\"\n");
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.settings.udp[0].socket.receive_buffer == 65536);
}

TEST_CASE("impossible values are told with what is allowed") {
    struct Wrong {
        const char* toml;
        const char* line;
        const char* says;
    };
    const Wrong each = GENERATE(values<Wrong>({
        {"[gateway]\nid = 256\n", ":2:", "[gateway] id: expected an integer from 0 to 255"},
        {"[gateway]\nid = -1\n", ":2:", "an integer from 0 to 255"},
        {"[gateway]\nid = \"1\"\n", ":2:", "an integer from 0 to 255"},
        {"[gateway]\nid = 1.0\n", ":2:", "an integer from 0 to 255"},
        {"[gateway]\nname = \"\"\n", ":2:", "[gateway] name: expected a text that is not empty"},
        {"[gateway]\n\ntakeover = \"never\"\n", ":3:", "one of \"allow\", \"same-host\", \"deny-active\""},
        {"[gateway]\ndiscovery = 1\n", ":2:", "true or false"},
        {"[store]\ncommit_interval = \"11s\"\n", ":2:", "[store] commit_interval: expected a duration from 0s to 10s"},
        {"[store]\nsynchronous = \"on\"\n",
         ":2:", "[store] synchronous: expected one of \"off\", \"normal\", \"full\""},
        {"[store]\nmax_backlog = \"1KiB\"\n", ":2:", "[store] max_backlog: expected a size from 65536"},
        {"[broker]\nversion = \"4\"\n", ":2:", "one of \"3.1\", \"3.1.1\", \"5\""},
        {"[broker]\nversion = 5\n", ":2:", "one of \"3.1\", \"3.1.1\", \"5\""},
        {"[broker]\nkeep_alive = \"65536s\"\n", ":2:", "a duration from 0s to 65535s"},
        {"[broker]\nkeep_alive = \"60\"\n", ":2:", "\"10s\""},
        {"[broker]\nkeep_alive = -1\n", ":2:", "a duration from 0s to 65535s"},
        {"[timers]\nretry = \"0s\"\n", ":2:", "[timers] retry: expected a duration from 10ms"},
        {"[timers]\nretry = true\n", ":2:", "a duration from 10ms"},
        {"[timers]\nadvertise = \"65536s\"\n", ":2:", "to 65535s"},
        {"[limits]\nclients = 0\n", ":2:", "an integer from 1 to 10000000"},
        {"[limits]\nqueue_octets = \"1KB\"\n", ":2:", "a size from 1024"},
        {"[limits]\nqueue_octets = -1\n", ":2:", "a size from 1024"},
        {"[limits]\nsearchgw_per_second = -0.5\n", ":2:", "a number of at least 0"},
        {"[limits]\nsearchgw_per_second = nan\n", ":2:", "a number of at least 0"},
        {"[[udp]]\nmulticast = \"225.1.1.1:1883\"\n", ":2:", "[[udp]] multicast: expected a list of texts"},
        {"[[udp]]\nmulticast = [1]\n", ":2:", "a list of texts"},
        {"[[udp]]\nmax_frame = 65508\n", ":2:", "an integer from 32 to 65507"},
        {"[[topic]]\nid = 0\nname = \"x\"\n", ":2:", "[[topic]] id: expected an integer from 1 to 65534"},
        {"[[topic]]\nid = 65535\nname = \"x\"\n", ":2:", "an integer from 1 to 65534"},
    }));
    const auto error = error_of(each.toml);
    CHECK_THAT(error, Catch::Matchers::StartsWith(each.line) && Contains(each.says));
}

TEST_CASE("an unknown key or section is told with its place and what it may have been meant to be") {
    CHECK_THAT(error_of("[timers]\nretrys = 3\n"),
               Catch::Matchers::StartsWith(":2:1:") && Contains("[timers] retrys: unknown key; did you mean retry?"));
    CHECK_THAT(error_of("[broker]\nkeepalive = \"60s\"\n"), Contains("did you mean keep_alive?"));
    CHECK_THAT(error_of("[timer]\nretry = \"1s\"\n"), Contains("\"timer\"; did you mean [timers]?"));
    CHECK_THAT(error_of("[[topics]]\nid = 1\n"), Contains("did you mean [[topic]]?"));
    CHECK_THAT(error_of("retry = 3\n"),
               Catch::Matchers::StartsWith(":1:") && Contains("unknown section or key \"retry\""));
    CHECK_THAT(error_of("[limits]\nzzzzzzzzzzzzzzzz = 3\n"),
               Contains("[limits] zzzzzzzzzzzzzzzz: unknown key") && !Contains("did you mean"));
}

TEST_CASE("single and double brackets are told apart") {
    CHECK_THAT(error_of("[udp]\nlisten = \"0.0.0.0:1883\"\n"), Contains("write [[udp]] instead of [udp]"));
    CHECK_THAT(error_of("[[timers]]\nretry = \"1s\"\n"), Contains("write [timers] instead of [[timers]]"));
    CHECK_THAT(error_of("udp = [1]\n"), Contains("[[udp]] must be a table"));
    CHECK_THAT(error_of("[delivery.policy]\ntopics = [\"#\"]\n"),
               Contains("write [[delivery.policy]] instead of [delivery.policy]"));
}

TEST_CASE("a topic without id or name is told") {
    CHECK_THAT(error_of("[[topic]]\nname = \"x\"\n"), Contains(":1:") && Contains("[[topic]] needs id"));
    CHECK_THAT(error_of("[[topic]]\nid = 1\n"), Contains("[[topic]] needs name"));
}

TEST_CASE("everything wrong in a file is told at once") {
    const Loaded loaded = load("[gateway]\nid = 300\nnam = \"x\"\n[timers]\nretry = false\n");
    REQUIRE(loaded.errors.size() == 3);
    CHECK_THAT(loaded.text(), Contains(":2:") && Contains(":3:") && Contains(":5:"));
}

TEST_CASE("a syntax error is told with line and column, a key given twice too") {
    CHECK_THAT(error_of("[gateway]\nid = \n"), Catch::Matchers::StartsWith(":2:"));
    CHECK_THAT(error_of("[gateway\n"), Catch::Matchers::StartsWith(":1:"));
    const auto twice = error_of("[gateway]\nid = 1\nid = 2\n");
    CHECK_THAT(twice, Catch::Matchers::StartsWith(":3:") && Contains("id"));
    CHECK_THAT(error_of("[gateway]\nid = 1\n[gateway]\nname = \"x\"\n"),
               Catch::Matchers::StartsWith(":3:") && Contains("gateway"));
}

TEST_CASE("a file that cannot be read is told with the reason") {
    Settings settings;
    const auto missing = read_settings_file("/no/such/gateway.toml", settings);
    REQUIRE(missing.size() == 1);
    CHECK(missing[0] == "/no/such/gateway.toml: cannot be read: No such file or directory");
    const auto directory = read_settings_file("/tmp", settings);
    REQUIRE(directory.size() == 1);
    CHECK(directory[0] == "/tmp: is a directory, not a configuration file");
    const auto device = read_settings_file("/dev/zero", settings);  // it would never end
    REQUIRE(device.size() == 1);
    CHECK(device[0] == "/dev/zero: is a FIFO or a device, not a configuration file");
    CHECK_THAT(error_of("[broker]\npassword_file = \"/dev/zero\"\n"),
               Contains("[broker] password_file = \"/dev/zero\" cannot be read: is a FIFO or a device"));
}

TEST_CASE("broker URLs give host and port") {
    struct Good {
        const char* url;
        const char* host;
        const char* port;
    };
    const Good each = GENERATE(values<Good>({{"mqtt://localhost", "localhost", "1883"},
                                             {"mqtt://broker.example:1884", "broker.example", "1884"},
                                             {"mqtt://broker.example:1884/", "broker.example", "1884"},
                                             {"mqtts://broker.example", "broker.example", "8883"},
                                             {"mqtts://[::1]:1", "::1", "1"},
                                             {"mqtt://192.0.2.1", "192.0.2.1", "1883"},
                                             {"mqtt://[2001:db8::1]", "2001:db8::1", "1883"},
                                             {"mqtt://[::1]:65535", "::1", "65535"}}));
    const Loaded loaded = load(fmt::format("[broker]\nurl = \"{}\"\n", each.url));
    INFO(loaded.text());
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.settings.broker.host == each.host);
    CHECK(loaded.settings.broker.port == each.port);
    CHECK((loaded.settings.broker.tls != nullptr) == std::string_view(each.url).starts_with("mqtts"));
}

TEST_CASE("bad broker URLs are told with the reason and an example") {
    struct Bad {
        const char* url;
        const char* reason;
    };
    const Bad each = GENERATE(values<Bad>({{"localhost:1883", "unknown scheme"},
                                           {"http://localhost", "unknown scheme"},
                                           {"ws://localhost", "WebSocket"},
                                           {"mqtt://", "no host name"},
                                           {"mqtt://:1883", "no host name"},
                                           {"mqtt://[]", "no host name"},
                                           {"mqtt://host/path", "no host name"},
                                           {"mqtt://user:secret@host", "their own keys"},
                                           {"mqtt://host:", "not a port"},
                                           {"mqtt://host:0", "not a port"},
                                           {"mqtt://host:65536", "not a port"},
                                           {"mqtt://host:18x", "not a port"},
                                           {"mqtt://::1", "in brackets"},
                                           {"mqtt://[::1", "ends with ]"},
                                           {"mqtt://[::1]1883", "ends with ]"},
                                           {"mqtt://[::1]x:1883", "ends with ]"},
                                           {"mqtts://user:secret@host", "their own keys"}}));
    INFO(each.url);
    const auto error = error_of(fmt::format("[broker]\nurl = \"{}\"\n", each.url));
    CHECK_THAT(error, Contains("[broker] url") && Contains(each.reason) && Contains("mqtt://host:port"));
    CHECK_THAT(error, !Contains("secret"));
}

TEST_CASE("addresses that are none are told with their key") {
    CHECK_THAT(error_of("[[udp]]\nlisten = \"1883\"\n"),
               Contains("[[udp]] listen = \"1883\"") && Contains("0.0.0.0:1883"));
    CHECK_THAT(error_of("[[udp]]\nmulticast = [\"192.0.2.1:1883\"]\n"),
               Contains("not a multicast address") && Contains("224.0.0.0/4"));
    CHECK_THAT(error_of("[[udp]]\nadvertise_to = [\"x\"]\n"), Contains("[[udp]] advertise_to = \"x\""));
    CHECK_THAT(error_of("[forwarder]\nendpoints = [\"x\"]\n"), Contains("[forwarder] endpoints: \"x\""));
    CHECK_THAT(error_of("[qos_minus_one]\nallowed = [\"x\"]\n"), Contains("[qos_minus_one] allowed: \"x\""));
}

TEST_CASE("duplicates are told: listeners, and topic ids for the same clients") {
    CHECK_THAT(error_of("[[udp]]\nlisten = \"[::]:1883\"\n[[udp]]\nlisten = \"[::]:1883\"\n"),
               Contains("listen = \"[::]:1883\" is given twice"));
    CHECK_THAT(error_of("[[topic]]\nid = 1\nname = \"a\"\n[[topic]]\nid = 1\nname = \"b\"\n"),
               Contains("[[topic]] id = 1 is given twice"));
    const Loaded apart = load(
        "[[topic]]\nid = 1\nname = \"a\"\n[[topic]]\nid = 1\nname = \"b\"\nclients = \"c1\"\n"
        "[[udp]]\nlisten = \"127.0.0.1:0\"\n[[udp]]\nlisten = \"127.0.0.1:0\"\n");
    INFO(apart.text());
    CHECK(apart.errors.empty());
}

TEST_CASE("a predefined topic must be a topic name") {
    CHECK_THAT(error_of("[[topic]]\nid = 1\nname = \"a/#\"\n"), Contains("\"a/#\" is not a topic name"));
    CHECK_THAT(error_of("[[topic]]\nid = 1\nname = \"+\"\n"), Contains("not a topic name"));
}

TEST_CASE("the shortest pause must not be longer than the longest") {
    CHECK_THAT(error_of("[timers]\nupstream_backoff_min = \"31s\"\n"),
               Contains("upstream_backoff_min") && Contains("upstream_backoff_max"));
}

TEST_CASE("the password is the first line of its file") {
    const TemporaryFile password("open sesame\r\nsecond line\n");
    const Loaded loaded = load(fmt::format("[broker]\nusername = \"u\"\npassword_file = \"{}\"\n", password.path()));
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.settings.core.broker.password == "open sesame");
    CHECK_THAT(error_of("[broker]\npassword_file = \"/no/such/file\"\n"),
               Contains("password_file = \"/no/such/file\" cannot be read"));
}

TEST_CASE("the state directory is where the store is, and nothing is kept without one") {
    CHECK(load("").settings.store.directory.empty());
    const Loaded loaded =
        load("[gateway]\nstate_dir = \"/var/lib/no-such-gateway\"\n[store]\nmax_backlog = \"1GiB\"\n");
    INFO(loaded.text());
    REQUIRE(loaded.errors.empty());
    CHECK(loaded.settings.store.directory == "/var/lib/no-such-gateway");
    CHECK(loaded.settings.store.max_backlog == 1073741824U);
    CHECK(loaded.settings.store.commit_interval == Duration(50ms));
    CHECK(loaded.settings.store.synchronous == Synchronous::full);
}

TEST_CASE("a state directory that is no directory is told") {
    const TemporaryFile file("text");
    const std::string path = GENERATE("", "/below");
    CHECK_THAT(error_of(fmt::format("[gateway]\nstate_dir = \"{}{}\"\n", file.path(), path)),
               Contains("[gateway] state_dir = \"" + file.path() + path + "\": not a directory"));
}

TEST_CASE("listed endpoints belong to every listener of their address family") {
    const Loaded loaded = load(
        "[[udp]]\nlisten = \"0.0.0.0:1883\"\n[[udp]]\nlisten = \"[::]:1883\"\n[[udp]]\nlisten = \"127.0.0.1:1884\"\n"
        "[forwarder]\nendpoints = [\"192.0.2.1:5000\"]\n[qos_minus_one]\nallowed = [\"[2001:db8::1]:5000\"]\n");
    INFO(loaded.text());
    REQUIRE(loaded.errors.empty());
    const auto address = transports::to_address(*transports::parse_socket_address("192.0.2.1:5000"));
    CHECK(loaded.settings.core.forwarder.endpoints == std::vector<Endpoint>{{0, address}, {2, address}});
    REQUIRE(loaded.settings.core.qos_minus_one.allowed.size() == 1);
    CHECK(loaded.settings.core.qos_minus_one.allowed[0].link == 1);
}

TEST_CASE("messages can be taken into the store only where there is one") {
    CHECK_THAT(error_of("[delivery]\nup = \"store\"\n"), Contains("set [gateway] state_dir"));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = [\"#\"]\nup = \"store\"\n"),
               Contains("[[delivery.policy]] up = \"store\" needs a place to store: set [gateway] state_dir"));
    CHECK_THAT(error_of("[sleep]\ncustody = \"gateway\"\n"),
               Contains("[sleep] custody = \"gateway\" needs a place to store: set [gateway] state_dir"));
    CHECK(load("[gateway]\nstate_dir = \"/var/lib/no-such-gateway\"\n[delivery]\nup = \"store\"\n"
               "[[delivery.policy]]\ntopics = [\"#\"]\nup = \"store\"\n[sleep]\ncustody = \"gateway\"\n")
              .errors.empty());
}

TEST_CASE("policies for topics stand in the order of the file, after [delivery] or before") {
    const std::string policies =
        "[[delivery.policy]]\ntopics = [\"alarm/#\", \"+/door\"]\nup = \"store\"\nmax_age = \"24h\"\n"
        "[[delivery.policy]]\ntopics = [\"log/#\"]\nup = \"store\"\nqos0 = \"store\"\n";
    const std::string others = "[delivery]\nmax_messages = 5\n[gateway]\nstate_dir = \"/var/lib/no-such-gateway\"\n";
    const Loaded loaded = load(GENERATE(false, true) ? policies + others : others + policies);
    INFO(loaded.text());
    REQUIRE(loaded.errors.empty());
    const auto& delivery = loaded.settings.core.delivery;
    CHECK(delivery.max_messages == 5);
    CHECK(delivery.up == DeliveryUp::broker);
    CHECK(delivery.uses_store());
    REQUIRE(delivery.policies.size() == 2);
    CHECK(delivery.policies[0].topics == std::vector<std::string>{"alarm/#", "+/door"});
    CHECK(delivery.policies[0].up == DeliveryUp::store);
    CHECK(delivery.policies[0].max_age == Duration(24h));
    CHECK_FALSE(delivery.policies[0].store_qos0);
    CHECK(delivery.policies[1].store_qos0);
}

TEST_CASE("a policy that cannot work is told") {
    CHECK_THAT(error_of("[[delivery.policy]]\nup = \"broker\"\n"),
               Contains(":1:") && Contains("[[delivery.policy]] needs topics"));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = [\"a\"]\n"), Contains("[[delivery.policy]] needs up"));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = []\nup = \"broker\"\n"), Contains("at least one topic filter"));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = [\"a/#/b\"]\nup = \"broker\"\n"),
               Contains("\"a/#/b\" is not a topic filter"));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = [\"a\"]\nup = \"disk\"\n"),
               Contains("[[delivery.policy]] up: expected one of \"broker\", \"store\""));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopics = [\"a\"]\nup = \"broker\"\nqos0 = \"store\"\n"),
               Contains("[[delivery.policy]] qos0 = \"store\" needs up = \"store\""));
    CHECK_THAT(error_of("[delivery]\nmax_age = \"1h\"\n"), Contains("[delivery] max_age needs up = \"store\""));
    CHECK_THAT(error_of("[[delivery.policy]]\ntopic = [\"a\"]\ntopics = [\"a\"]\nup = \"broker\"\n"),
               Contains("did you mean topics?"));
    CHECK_THAT(error_of("[delivery]\npolicy = 3\n"), Contains("write [[delivery.policy]]"));
}

}  // namespace settings_values_test
