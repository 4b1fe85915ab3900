// The configuration file: every key, its type, and the example of the documentation.
#include "tests/unit/runtime/loaded_settings.hpp"

#include <map>
#include <set>

namespace settings_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace mqttsn::gateway::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::string header_of(const SettingKey& key) {
    return fmt::format("[{}]\n", key.section);
}

/// Needed beside the key itself, so that nothing else is wrong.
std::string companions_of(const SettingKey& key) {
    if (key.section == "[delivery.policy]") {
        return fmt::format("{}{}", key.name == "topics" ? "" : "topics = [\"x\"]\n",
                           key.name == "up" ? "" : "up = \"broker\"\n");
    }
    if (key.section != "[topic]") return "";
    return fmt::format("{}{}", key.name == "id" ? "" : "id = 9\n", key.name == "name" ? "" : "name = \"x\"\n");
}

/// For every key a value that differs from the default, as TOML.
const std::map<std::string, std::string> other_values{{"gateway.id", "7"},
                                                      {"gateway.name", "\"barn\""},
                                                      {"gateway.discovery", "false"},
                                                      {"gateway.takeover", "\"deny-active\""},
                                                      {"gateway.will_update", "\"reconnect\""},
                                                      {"gateway.retry_exhausted", "\"drop\""},
                                                      {"gateway.state_dir", "\"/var/lib/mqttsn\""},
                                                      {"store.commit_interval", "\"0s\""},
                                                      {"store.synchronous", "\"normal\""},
                                                      {"store.max_backlog", "65536"},
                                                      {"delivery.up", "\"store\""},
                                                      {"delivery.qos0", "\"store\""},
                                                      {"delivery.max_messages", "1"},
                                                      {"delivery.max_octets", "1024"},
                                                      {"delivery.max_age", "\"86400s\""},
                                                      {"delivery.replay_per_second", "0"},
                                                      {"[delivery.policy].topics", "[\"alarm/#\", \"+/s\"]"},
                                                      {"[delivery.policy].up", "\"store\""},
                                                      {"[delivery.policy].qos0", "\"store\""},
                                                      {"[delivery.policy].max_age", "\"60s\""},
                                                      {"sleep.custody", "\"gateway\""},
                                                      {"sleep.queue_qos0", "false"},
                                                      {"awake.max_messages", "5"},
                                                      {"awake.max_time", "\"1s\""},
                                                      {"broker.url", "\"mqtt://broker.example:1884\""},
                                                      {"broker.version", "\"5\""},
                                                      {"broker.keep_alive", "\"30s\""},
                                                      {"broker.username", "\"user\""},
                                                      {"broker.username_file", "\"/etc/user\""},
                                                      {"broker.password", "\"secret\""},
                                                      {"broker.password_file", "\"/etc/password\""},
                                                      {"broker.password_env", "\"MQTT_PASSWORD\""},
                                                      {"broker.password_credential", "\"mqtt-password\""},
                                                      {"broker.ca_file", "\"/etc/ca.pem\""},
                                                      {"broker.ca_path", "\"/etc/ssl\""},
                                                      {"broker.certificate", "\"/etc/gateway.pem\""},
                                                      {"broker.key", "\"/etc/gateway.key\""},
                                                      {"broker.verify", "false"},
                                                      {"broker.server_name", "\"broker.example\""},
                                                      {"broker.tls_version", "\"1.3\""},
                                                      {"broker.alpn", "[\"mqtt\"]"},
                                                      {"broker.bind_address", "\"127.0.0.2\""},
                                                      {"broker.connect_timeout", "\"250ms\""},
                                                      {"broker.max_unsent", "65536"},
                                                      {"broker.client_id_prefix", "\"barn-\""},
                                                      {"broker.gateway_client_id", "\"barn\""},
                                                      {"broker.session_expiry", "\"3600s\""},
                                                      {"broker.receive_maximum", "65535"},
                                                      {"broker.max_in_flight", "1"},
                                                      {"broker.maximum_packet_size", "1024"},
                                                      {"[udp].listen", "\"127.0.0.1:1884\""},
                                                      {"[udp].name", "\"radio\""},
                                                      {"[udp].multicast", "[\"225.1.1.1:1883\", \"225.1.1.2:1883\"]"},
                                                      {"[udp].multicast_interface", "\"lo\""},
                                                      {"[udp].advertise_to", "[\"225.1.1.1:1883\"]"},
                                                      {"[udp].multicast_hops", "255"},
                                                      {"[udp].receive_buffer", "4096"},
                                                      {"[udp].send_buffer", "8192"},
                                                      {"[udp].send_queue", "65536"},
                                                      {"[udp].receive_limit", "32"},
                                                      {"[udp].max_frame", "60"},
                                                      {"[udp].discovery", "false"},
                                                      {"[udp].gwinfo", "\"unicast\""},
                                                      {"[udp].qos0_gap", "\"20ms\""},
                                                      {"[udp].advertise_radius", "3"},
                                                      {"[serial].device", "\"/dev/ttyACM0\""},
                                                      {"[serial].usb", "\"10c4:ea60\""},
                                                      {"[serial].name", "\"radio\""},
                                                      {"[serial].link", "\"slip\""},
                                                      {"[serial].baud", "57600"},
                                                      {"[serial].data_bits", "7"},
                                                      {"[serial].parity", "\"even\""},
                                                      {"[serial].stop_bits", "2"},
                                                      {"[serial].flow_control", "\"rtscts\""},
                                                      {"[serial].dtr", "\"on\""},
                                                      {"[serial].rts", "\"off\""},
                                                      {"[serial].open_delay", "\"2200ms\""},
                                                      {"[serial].reopen_min", "\"10ms\""},
                                                      {"[serial].reopen_max", "\"60s\""},
                                                      {"[serial].mtu", "60"},
                                                      {"[serial].duty_cycle", "\"0.1%\""},
                                                      {"[serial].duty_window", "\"60s\""},
                                                      {"[serial].turnaround", "\"100ms\""},
                                                      {"[serial].queue_frames", "1"},
                                                      {"[serial].queue_octets", "256"},
                                                      {"[serial].queue_frames_per_node", "1"},
                                                      {"[serial].queue_octets_per_node", "256"},
                                                      {"[serial].patience", "\"0s\""},
                                                      {"[serial].discovery", "false"},
                                                      {"[serial].qos0_gap", "\"0s\""},
                                                      {"[serial].advertise_radius", "2"},
                                                      {"[serial].retry", "\"60s\""},
                                                      {"[serial].retries", "0"},
                                                      {"[serial].departure_limit", "\"1s\""},
                                                      {"[topic].id", "65534"},
                                                      {"[topic].name", "\"a/b\""},
                                                      {"[topic].clients", "\"barn-*\""},
                                                      {"forwarder.max_depth", "0"},
                                                      {"forwarder.endpoints", "[\"192.0.2.1:1883\"]"},
                                                      {"forwarder.only_listed", "true"},
                                                      {"forwarder.advertise", "true"},
                                                      {"qos_minus_one.enabled", "false"},
                                                      {"qos_minus_one.allow_retain", "true"},
                                                      {"qos_minus_one.only_listed", "true"},
                                                      {"qos_minus_one.allowed", "[\"192.0.2.1:1883\"]"},
                                                      {"qos_minus_one.messages_per_second_per_source", "2.5"},
                                                      {"qos_minus_one.queue_messages", "0"},
                                                      {"timers.retry", "\"10ms\""},
                                                      {"timers.retries", "0"},
                                                      {"timers.wait", "\"10ms\""},
                                                      {"timers.advertise", "\"10ms\""},
                                                      {"timers.ping_probe", "true"},
                                                      {"timers.keep_alive_max", "\"65535s\""},
                                                      {"timers.upstream_connect_timeout", "\"10ms\""},
                                                      {"timers.upstream_grace", "\"10ms\""},
                                                      {"timers.upstream_backoff_min", "\"10ms\""},
                                                      {"timers.upstream_backoff_max", "\"86400s\""},
                                                      {"timers.session_expiry", "\"86400s\""},
                                                      {"limits.clients", "1"},
                                                      {"limits.topics_per_client", "1"},
                                                      {"limits.subscriptions_per_client", "1"},
                                                      {"limits.pending_subscriptions", "1"},
                                                      {"limits.inflight_in", "1"},
                                                      {"limits.queue_messages", "1"},
                                                      {"limits.queue_octets", "1024"},
                                                      {"limits.pending_connects", "1"},
                                                      {"limits.pending_connects_per_source", "1"},
                                                      {"limits.client_id_octets", "65535"},
                                                      {"limits.reconnects_per_second", "1"},
                                                      {"limits.client_id_strict", "true"},
                                                      {"limits.client_id_assign", "true"},
                                                      {"limits.frames_per_second_per_source", "0.5"},
                                                      {"limits.replies_to_unknown_per_second", "0"},
                                                      {"limits.searchgw_per_second", "1"},
                                                      {"http.listen", "\"\""},
                                                      {"status.mqtt", "false"},
                                                      {"status.devices", "false"},
                                                      {"status.device_interval", "\"5s\""},
                                                      {"status.devices_per_second", "7"},
                                                      {"status.base_topic", "\"farm/gateways\""},
                                                      {"limits.tracked_sources", "16"},
                                                      {"log.level", "\"error\""},
                                                      {"log.per_device_rate", "0"},
                                                      {"log.per_device_burst", "1"}};

Settings with_elements() {
    Settings settings;
    settings.udp.emplace_back();
    settings.serial.emplace_back();
    settings.core.topics.emplace_back();
    settings.core.delivery.policies.emplace_back();
    return settings;
}

}  // namespace

TEST_CASE("every key is read from a file into its own place, and shown as it was written") {
    const Settings defaults = with_elements();
    for (const SettingKey& key : setting_keys()) {
        if (key.of_some_links) continue;
        const auto name = key.section + "." + key.name;
        INFO(name);
        REQUIRE(other_values.contains(name));
        const std::string& value = other_values.at(name);
        REQUIRE(value != key.show(defaults));
        const TemporaryFile file(header_of(key) + companions_of(key) + key.name + " = " + value + "\n");
        Settings settings;
        const auto errors = read_settings_file(file.path(), settings);
        INFO(fmt::format("{}", fmt::join(errors, "\n")));
        REQUIRE(errors.empty());
        CHECK(key.show(settings) == value);
        if (settings.udp.empty()) settings.udp.emplace_back();
        if (settings.serial.empty()) settings.serial.emplace_back();
        if (settings.core.topics.empty()) settings.core.topics.emplace_back();
        if (settings.core.delivery.policies.empty()) settings.core.delivery.policies.emplace_back();
        for (const SettingKey& other : setting_keys()) {
            const bool is_companion = key.section == other.section && !companions_of(key).empty();
            if (&other == &key || is_companion) continue;
            INFO(other.section + "." + other.name);
            CHECK(other.show(settings) == other.show(defaults));
        }
    }
    const auto keys = setting_keys();
    CHECK(static_cast<std::ptrdiff_t>(other_values.size()) ==
          std::count_if(keys.begin(), keys.end(), [](const SettingKey& key) { return !key.of_some_links; }));
}

TEST_CASE("no key has two meanings") {
    std::set<std::pair<std::string, std::string>> seen;
    for (const SettingKey& key : setting_keys()) {
        CHECK(seen.emplace(key.section, key.name).second);
        CHECK(find_key(key.section, key.name) == &key);
    }
    CHECK(find_key("timers", "no_such_key") == nullptr);
}

TEST_CASE("the printed reference names every key with its default, and loads with and without its comment signs") {
    std::string reference = describe_settings();
    const Settings defaults = with_elements();
    for (const SettingKey& key : setting_keys()) {
        const bool is_example = (key.section == "[topic]" && key.name != "clients") ||
                                (key.section == "[delivery.policy]" && key.name == "topics") ||
                                (key.section == "[serial]" && key.name == "device");
        CHECK_THAT(reference, Contains((key.of_some_links ? "\n# " : "\n#") + key.name + " = " +
                                       (is_example ? "" : key.show(defaults))));
    }
    const Loaded as_printed = load(reference);
    INFO(as_printed.text());
    CHECK(as_printed.errors.empty());
    CHECK(as_printed.settings.core.topics.empty());

    for (auto at = reference.find("\n#"); at != std::string::npos; at = reference.find("\n#", at + 1)) {
        if (reference[at + 2] != ' ') reference.erase(at + 1, 1);
    }
    const Loaded in_force = load(reference);
    INFO(in_force.text());
    CHECK(in_force.errors.empty());
    CHECK(in_force.settings.core.topics.size() == 1);
    CHECK(in_force.settings.core.delivery.policies.size() == 1);
}

TEST_CASE("the documented example loads as it stands") {
    const Loaded loaded = load(R"([gateway]
id = 1
name = "barn"
[broker]
url = "mqtt://localhost:1883"
version = "3.1.1"
keep_alive = "60s"
[[udp]]
listen = "0.0.0.0:1883"
multicast = ["225.1.1.1:1883"]
advertise_to = ["225.1.1.1:1883"]
[[topic]]
id = 1
name = "predef/one"
clients = "*"
[timers]
retry = "10s"
retries = 3
advertise = "960s"
[limits]
clients = 10000
topics_per_client = 1000
)");
    INFO(loaded.text());
    REQUIRE(loaded.errors.empty());
    const Settings& settings = loaded.settings;
    CHECK(settings.core.gateway_id == 1);
    CHECK(settings.core.name == "barn");
    CHECK(settings.broker.host == "localhost");
    CHECK(settings.broker.port == "1883");
    CHECK(settings.core.broker.client.version == mqtt::Version::v3_1_1);
    CHECK(settings.core.broker.client.keep_alive_s == 60);
    REQUIRE(settings.udp.size() == 1);
    CHECK(settings.udp[0].socket.listen == "0.0.0.0:1883");
    CHECK(settings.udp[0].socket.multicast == std::vector<std::string>{"225.1.1.1:1883"});
    CHECK(settings.udp[0].socket.advertise_to == std::vector<std::string>{"225.1.1.1:1883"});
    REQUIRE(settings.core.links.size() == 1);
    CHECK(settings.core.links[0].advertise);
    CHECK_FALSE(settings.core.links[0].gwinfo_unicast);
    REQUIRE(settings.core.topics.size() == 1);
    CHECK(settings.core.topics[0].id == 1);
    CHECK(settings.core.topics[0].name == "predef/one");
    CHECK(settings.core.topics[0].clients == "*");
    CHECK(settings.core.timers.retry == Duration(10s));
    CHECK(settings.core.timers.retries == 3);
    CHECK(settings.core.timers.advertise == Duration(960s));
    CHECK(settings.core.limits.clients == 10000);
    CHECK(settings.core.limits.topics_per_client == 1000);
}

TEST_CASE("a wrong type is told with line, key and what is allowed") {
    const Settings defaults = with_elements();
    for (const SettingKey& key : setting_keys()) {
        const auto name = key.section + "." + key.name;
        INFO(name);
        const TemporaryFile file("# a comment\n" + header_of(key) + companions_of(key) + key.name + " = 1979-05-27\n");
        Settings settings;
        const auto errors = read_settings_file(file.path(), settings);
        REQUIRE(errors.size() == 1);
        const std::string companions = companions_of(key);
        const auto line = 3 + std::ranges::count(companions, '\n');
        CHECK_THAT(errors[0], Contains(fmt::format("{}:{}:", file.path(), line)));
        CHECK_THAT(errors[0], Contains(key.name + ": expected " + key.expects));
    }
}

}  // namespace settings_test
