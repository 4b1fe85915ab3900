#include "tools/commands/scenario.hpp"

#include "tools/commands/duration.hpp"
#include "tools/commands/impairment_text.hpp"
#include "tools/node/readings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>

namespace mqttsn::tools {

namespace {

constexpr std::array profile_names{std::string_view("sensor"), std::string_view("sleeper"),
                                   std::string_view("actuator"), std::string_view("beacon")};
constexpr std::size_t longest_client_id = 23;  // SN 5.3.1
constexpr std::size_t largest_payload = 60000;
constexpr Duration longest_sleep = std::chrono::seconds(65535);
constexpr double most_connects_per_second = 100000;
constexpr double largest_jitter = 0.9;

/// Takes the known keys out of one table; what is left at the end is unknown.
class TableReader {
public:
    TableReader(const toml::table& table, std::string place, std::string& error)
        : table_(table), place_(std::move(place)), error_(error) {}

    void text(std::string_view key, std::string& value) {
        if (const auto* node = find(key)) {
            const auto found = node->value_exact<std::string>();
            if (!found) return fail(*node, key, "a text");
            value = *found;
        }
    }
    void duration(std::string_view key, Duration& value, Duration least) {
        if (const auto* node = find(key)) {
            const auto found = parse_duration(node->value_exact<std::string>().value_or(""));
            if (!found || *found < least) return fail(*node, key, "a time such as \"30s\" or \"500ms\"");
            value = *found;
        }
    }
    template <class Number>
    void number(std::string_view key, Number& value, Number least, Number most) {
        if (const auto* node = find(key)) {
            const auto found = node->is_number() ? node->value<double>() : std::nullopt;
            const bool is_whole = std::is_floating_point_v<Number> || node->is_integer();
            if (!found || !is_whole || *found < static_cast<double>(least) || *found > static_cast<double>(most)) {
                return fail(*node, key, fmt::format("a number from {} to {}", least, most));
            }
            value = static_cast<Number>(*found);
        }
    }
    void flag(std::string_view key, bool& value) {
        if (const auto* node = find(key)) {
            const auto found = node->value_exact<bool>();
            if (!found) return fail(*node, key, "true or false");
            value = *found;
        }
    }
    void profile(std::string_view key, Profile& value) {
        if (const auto* node = find(key)) {
            const auto found = profile_named(node->value_exact<std::string>().value_or(""));
            if (!found) return fail(*node, key, "\"sensor\", \"sleeper\", \"actuator\" or \"beacon\"");
            value = *found;
        }
    }
    void qos(std::string_view key, std::vector<Qos>& value) {
        if (const auto* node = find(key)) {
            std::vector<Qos> found;
            const auto add = [&](const toml::node& each) {
                const auto number = each.value_exact<std::int64_t>().value_or(-2);
                if (number >= 0 && number <= 2) found.push_back(static_cast<Qos>(number));
                return number >= 0 && number <= 2;
            };
            const auto* array = node->as_array();
            const bool is_good = array == nullptr ? add(*node) : std::all_of(array->begin(), array->end(), add);
            if (!is_good || found.empty()) return fail(*node, key, "0, 1, 2, or a list of them such as [0, 1, 1, 2]");
            value = std::move(found);
        }
    }
    void probability(std::string_view key, double& value) {
        if (const auto* node = find(key)) {
            const auto found = parse_probability(node->value_exact<std::string>().value_or(""));
            if (!found) return fail(*node, key, "a share such as \"10%\"");
            value = *found;
        }
    }
    void delay(std::string_view key, Duration& value, Duration& jitter) {
        if (const auto* node = find(key)) {
            const auto found = parse_delay(node->value_exact<std::string>().value_or(""));
            if (!found) return fail(*node, key, "a time such as \"200ms\" or \"200ms±100ms\"");
            value = found->delay;
            jitter = found->jitter;
        }
    }
    void rules(std::string_view key, std::vector<node::ImpairmentRule>& value) {
        const auto* node = find(key);
        if (node == nullptr) return;
        const auto* array = node->as_array();
        if (array == nullptr) return fail(*node, key, "a list such as [\"up PUBACK lose #1-3\"]");
        for (const auto& each : *array) {
            auto read = parse_impairment_rule(each.value_exact<std::string>().value_or(""));
            if (!read.rule) return report(each, fmt::format("{}{}: {}", place_, key, read.error));
            value.push_back(*read.rule);
        }
    }
    void faults(std::string_view key, std::vector<const node::Fault*>& value) {
        const auto* node = find(key);
        if (node == nullptr) return;
        const auto* array = node->as_array();
        if (array == nullptr) return fail(*node, key, "a list such as [\"length-0\", \"new-port\"]");
        for (const auto& each : *array) {
            const auto error = find_faults({each.value_exact<std::string>().value_or("")}, value);
            if (!error.empty()) return report(each, fmt::format("{}{}: {}", place_, key, error));
        }
    }
    void finish(const std::vector<std::string_view>& tables = {}) {
        for (const auto& [key, node] : table_) {
            if (known_.contains(key.str()) || std::ranges::find(tables, key.str()) != tables.end()) continue;
            std::string names;
            for (const auto& each : known_)
                names += (names.empty() ? "" : ", ") + each;
            for (const auto each : tables)
                names += fmt::format("{}{}", names.empty() ? "" : ", ", each);
            report(node, fmt::format("{}{} is unknown; known are {}", place_, key.str(), names));
        }
    }

private:
    const toml::node* find(std::string_view key) {
        known_.emplace(key);
        return table_.get(key);
    }
    void fail(const toml::node& node, std::string_view key, const std::string& expected) {
        report(node, fmt::format("{}{}: expected {}", place_, key, expected));
    }
    void report(const toml::node& node, const std::string& text) {
        if (error_.empty()) error_ = fmt::format("{}: {}", node.source().begin.line, text);
    }

    const toml::table& table_;
    std::string place_;
    std::string& error_;
    std::set<std::string, std::less<>> known_;
};

NodeGroup read_group(const toml::table& table, std::string& error) {
    NodeGroup group;
    TableReader reader(table, "[[nodes]] ", error);
    reader.profile("profile", group.profile);
    reader.text("name", group.name);
    reader.number<std::size_t>("count", group.count, 1, Scenario::most_nodes);
    reader.qos("qos", group.qos);
    reader.duration("period", group.period, std::chrono::milliseconds(1));
    reader.number("jitter", group.jitter, 0.0, largest_jitter);
    reader.duration("sleep", group.sleep, std::chrono::seconds(1));
    reader.number<std::size_t>("payload", group.payload, 0, largest_payload);
    reader.number<std::size_t>("forwarders", group.forwarders, 0, Scenario::most_nodes);
    reader.flag("retain", group.retain);
    std::vector<Qos> command_qos{group.command_qos};
    reader.qos("command_qos", command_qos);
    group.command_qos = command_qos.front();
    reader.flag("echo", group.echo);
    reader.finish();
    return group;
}

Scenario read_tables(const toml::table& root, std::string& error) {
    Scenario scenario;
    TableReader top(root, "", error);
    top.finish({"faults", "fleet", "impairment", "nodes"});
    if (const auto* fleet = root["fleet"].as_table()) {
        TableReader reader(*fleet, "[fleet] ", error);
        reader.text("id_prefix", scenario.id_prefix);
        reader.text("topic_prefix", scenario.topic_prefix);
        reader.duration("duration", scenario.duration, Duration::zero());
        reader.duration("day", scenario.day, std::chrono::seconds(1));
        reader.number("connects_per_second", scenario.connects_per_second, 1.0, most_connects_per_second);
        reader.number<std::uint16_t>("keep_alive", scenario.keep_alive_s, 0, 65535);
        reader.number<std::uint64_t>("seed", scenario.seed, 0, std::uint64_t{1} << 53U);
        reader.finish();
    }
    if (const auto* impairment = root["impairment"].as_table()) {
        TableReader reader(*impairment, "[impairment] ", error);
        reader.probability("loss", scenario.impairment.loss);
        reader.probability("dup", scenario.impairment.duplication);
        reader.probability("reorder", scenario.impairment.reorder);
        reader.delay("delay", scenario.impairment.delay, scenario.impairment.jitter);
        reader.duration("nat_rebind", scenario.impairment.nat_rebind, Duration::zero());
        reader.rules("rules", scenario.impairment.rules);
        reader.finish();
    }
    if (const auto* faults = root["faults"].as_table()) {
        TableReader reader(*faults, "[faults] ", error);
        reader.faults("names", scenario.faults.faults);
        reader.probability("share", scenario.faults.share);
        reader.finish();
    }
    if (const auto* groups = root["nodes"].as_array()) {
        for (const auto& each : *groups) {
            if (const auto* table = each.as_table()) scenario.groups.push_back(read_group(*table, error));
        }
    }
    if (scenario.groups.empty() && error.empty()) error = "1: no [[nodes]] with a profile and a count";
    return scenario;
}

std::optional<std::string> complete_group(NodeGroup& group, const std::string& id_prefix) {
    if (group.name.empty()) group.name = std::string(name_of(group.profile));
    if (id_prefix.size() + group.name.size() + 1 + std::to_string(group.count).size() > longest_client_id) {
        return fmt::format("{}{}-{}: a client id has at most {} characters", id_prefix, group.name, group.count,
                           longest_client_id);
    }
    if (group.payload != 0 && group.payload < node::smallest_payload) {
        return fmt::format("{}: a payload has at least {} octets (0 = as long as a reading is)", group.name,
                           node::smallest_payload);
    }
    if (group.forwarders > group.count) {
        return fmt::format("{}: {} forwarders for {} nodes", group.name, group.forwarders, group.count);
    }
    if (group.echo && group.profile != Profile::sensor) {
        return fmt::format("{}: only sensors can hear their own readings", group.name);
    }
    if (group.sleep == Duration::zero()) group.sleep = std::max<Duration>(group.period, std::chrono::seconds(1));
    group.sleep = std::min(group.sleep, longest_sleep);
    return std::nullopt;
}

}  // namespace

std::optional<Profile> profile_named(std::string_view name) noexcept {
    const auto found = std::ranges::find(profile_names, name);
    if (found == profile_names.end()) return std::nullopt;
    return static_cast<Profile>(found - profile_names.begin());
}

std::string_view name_of(Profile profile) noexcept {
    return profile_names[static_cast<std::size_t>(profile)];
}

std::size_t Scenario::nodes() const noexcept {
    std::size_t count = 0;
    for (const NodeGroup& each : groups)
        count += each.count;
    return count;
}

std::size_t Scenario::sockets() const noexcept {
    std::size_t count = 0;
    for (const NodeGroup& each : groups)
        count += each.forwarders == 0 ? each.count : each.forwarders;
    return count;
}

std::optional<std::string> Scenario::complete() {
    std::set<std::string> names;
    for (NodeGroup& each : groups) {
        if (const auto error = complete_group(each, id_prefix)) return error;
        if (!names.insert(each.name).second) {
            return fmt::format("two groups have the name {}: give one another name", each.name);
        }
    }
    if (nodes() == 0) return "no nodes: give a number of them";
    if (nodes() > most_nodes) return fmt::format("{} nodes: one process simulates at most {}", nodes(), most_nodes);
    return std::nullopt;
}

ReadScenario read_scenario(const std::string& text, const std::string& file) {
    ReadScenario result;
    try {
        auto scenario = read_tables(toml::parse(text), result.error);
        if (result.error.empty()) {
            result.scenario = std::move(scenario);
        } else {
            result.error = fmt::format("{}:{}", file, result.error);
        }
    } catch (const toml::parse_error& error) {
        result.error = fmt::format("{}:{}: {}", file, error.source().begin.line, error.description());
    }
    return result;
}

std::string_view scenario_example() noexcept {
    return R"([fleet]
id_prefix = ""                # of client ids
topic_prefix = "sim"          # first level of all topics
duration = "0s"               # 0 = until Ctrl-C
day = "24h"                   # how long the simulated day lasts
connects_per_second = 1000
keep_alive = 60               # seconds
seed = 1                      # same seed, same readings at the same times, same luck

[impairment]                  # of the network between each node and the gateway
loss = "0%"                   # each way
dup = "0%"
reorder = "0%"                # the next frame overtakes
delay = "0ms"                 # each way; "200ms±100ms" varies
nat_rebind = "0s"             # how often a node's address changes; 0 = never
rules = []                    # such as "up PUBACK lose #1-3", "down PUBLISH double 5%", "PINGREQ delay 2s"

[faults]                      # with which the nodes break the rules
names = []                    # of mqttsn sim --help-faults
share = "10%"                 # of the frames where there is an occasion

[[nodes]]
profile = "sensor"            # sensor, sleeper, actuator, beacon
name = "sensor"               # nodes are sensor-1, sensor-2, …
count = 1
qos = [1]                     # of readings, one node after the other: [0, 1, 1, 2]
period = "5s"
jitter = 0.2                  # share of the period by which it varies
payload = 0                   # octets; 0 = as long as a reading is
forwarders = 0                # not 0: the nodes are behind this many forwarders
retain = false
echo = false                  # subscribe to the own readings, to measure the way back

[[nodes]]
profile = "sleeper"
sleep = "60s"                 # announced to the gateway; not given = the period
command_qos = [1]             # of the subscription to its commands
)";
}

}  // namespace mqttsn::tools
