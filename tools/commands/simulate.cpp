// mqttsn sim: a fleet of simulated nodes in one process.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/discovery_link.hpp"
#include "tools/commands/dongle_options.hpp"
#include "tools/commands/fleet.hpp"
#include "tools/commands/impairment_text.hpp"
#include "tools/commands/json_report.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <fstream>
#include <iterator>

namespace mqttsn::tools {

namespace {

/// What the command line says of the scenario; the rest comes from the file, or from the defaults.
struct Overrides {
    std::optional<std::string> id_prefix;
    std::optional<std::string> topic_prefix;
    std::optional<double> seconds;
    std::optional<double> day_s;
    std::optional<double> connects_per_second;
    std::optional<std::uint16_t> keep_alive_s;
    std::optional<std::uint64_t> seed;
    std::optional<std::string> loss;
    std::optional<std::string> duplication;
    std::optional<std::string> reorder;
    std::optional<std::string> delay;
    std::optional<double> nat_rebind_s;
    std::vector<std::string> rules;
    std::vector<std::string> faults;
    std::optional<std::string> fault_share;
};

struct SimulateOptions {
    NodeOptions node;
    FleetOutput output;
    std::string scenario_file;
    Overrides overrides;
    DongleOptions dongle;
    std::size_t sensors = 5;
    std::size_t sleepers = 0;
    std::size_t actuators = 0;
    std::size_t beacons = 0;
    std::size_t forwarded = 0;
    std::size_t forwarders = 1;
    std::vector<int> qos{0, 1, 2};
    double period_s = 5;
    double jitter = 0.2;
    int command_qos = 1;
    double sleep_s = 0;
    std::size_t payload = 0;
    bool retain = false;
    bool echo = false;
    bool progress = false;
    bool per_node = false;
    bool json = false;
};

Duration duration_of(double seconds) {
    return Duration(static_cast<Duration::rep>(seconds * 1e6));
}

// All at once would find out nothing but what a channel cannot carry.
constexpr double connects_per_second_behind_dongle = 5;

double milliseconds_of(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

Scenario scenario_of_flags(const SimulateOptions& options) {
    Scenario scenario;
    NodeGroup common;
    common.qos.clear();
    for (const int each : options.qos)
        common.qos.push_back(static_cast<Qos>(each));
    common.period = duration_of(options.period_s);
    common.jitter = options.jitter;
    common.sleep = duration_of(options.sleep_s);
    common.payload = options.payload;
    common.retain = options.retain;
    common.command_qos = static_cast<Qos>(options.command_qos);
    const auto add = [&](Profile profile, const char* name, std::size_t count) {
        if (count == 0) return;
        NodeGroup& group = scenario.groups.emplace_back(common);
        group.profile = profile;
        group.name = name;
        group.count = count;
        group.echo = options.echo && profile == Profile::sensor;
    };
    add(Profile::sensor, "sensor", options.sensors);
    add(Profile::sensor, "forwarded", options.forwarded);
    if (options.forwarded > 0) scenario.groups.back().forwarders = options.forwarders;
    add(Profile::sleeper, "sleeper", options.sleepers);
    add(Profile::actuator, "actuator", options.actuators);
    add(Profile::beacon, "beacon", options.beacons);
    return scenario;
}

ReadScenario read_file(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    if (!file) return {std::nullopt, fmt::format("cannot read {}", name)};
    return read_scenario(std::string(std::istreambuf_iterator<char>(file), {}), name);
}

/// Error text when one of them has no meaning.
std::optional<std::string> override_impairment(const Overrides& flags, node::ImpairmentOptions& impairment,
                                               node::FaultOptions& faults) {
    const auto probability = [](const char* name, const std::optional<std::string>& text, double& value) {
        const auto found = text ? parse_probability(*text) : std::optional(value);
        if (found) value = *found;
        return found ? std::string() : fmt::format("{} {}: expected a share from 0% to 100%", name, *text);
    };
    std::string error = probability("--loss", flags.loss, impairment.loss);
    if (error.empty()) error = probability("--dup", flags.duplication, impairment.duplication);
    if (error.empty()) error = probability("--reorder", flags.reorder, impairment.reorder);
    if (error.empty()) error = probability("--fault-share", flags.fault_share, faults.share);
    if (error.empty()) error = find_faults(flags.faults, faults.faults);
    if (!error.empty()) return error;
    if (flags.delay) {
        const auto delay = parse_delay(*flags.delay);
        if (!delay) return fmt::format("--delay {}: expected a time such as 200ms or 200ms±100ms", *flags.delay);
        impairment.delay = delay->delay;
        impairment.jitter = delay->jitter;
    }
    if (flags.nat_rebind_s) impairment.nat_rebind = duration_of(*flags.nat_rebind_s);
    for (const auto& each : flags.rules) {
        const auto read = parse_impairment_rule(each);
        if (!read.rule) return fmt::format("--impair {}", read.error);
        impairment.rules.push_back(*read.rule);
    }
    return std::nullopt;
}

ReadScenario make_scenario(const SimulateOptions& options) {
    ReadScenario result;
    if (options.scenario_file.empty()) {
        result.scenario = scenario_of_flags(options);
        if (!options.dongle.link.empty()) result.scenario->connects_per_second = connects_per_second_behind_dongle;
    } else {
        result = read_file(options.scenario_file);
    }
    if (!result.scenario) return result;
    Scenario& scenario = *result.scenario;
    const Overrides& flags = options.overrides;
    if (flags.id_prefix) scenario.id_prefix = *flags.id_prefix;
    if (flags.topic_prefix) scenario.topic_prefix = *flags.topic_prefix;
    if (flags.seconds) scenario.duration = duration_of(*flags.seconds);
    if (flags.day_s) scenario.day = duration_of(*flags.day_s);
    if (flags.connects_per_second) scenario.connects_per_second = *flags.connects_per_second;
    if (flags.keep_alive_s) scenario.keep_alive_s = *flags.keep_alive_s;
    if (flags.seed) scenario.seed = *flags.seed;
    if (const auto error = override_impairment(flags, scenario.impairment, scenario.faults))
        return {std::nullopt, *error};
    if (const auto error = scenario.complete()) return {std::nullopt, *error};
    return result;
}

void print_progress(const FleetReport& report, std::uint64_t sent_before) {
    const bool is_terminal = isatty(STDERR_FILENO) != 0;
    fmt::print(stderr, "{}{:.0f} s: {} of {} connected, {} sent ({}/s), {} acknowledged, {} under way, p99 {:.1f} ms{}",
               is_terminal ? "\r" : "", std::chrono::duration<double>(report.elapsed).count(), report.connected,
               report.nodes, report.totals.sent, report.totals.sent - sent_before, report.totals.acknowledged,
               report.lost, milliseconds_of(report.totals.latencies.percentile(0.99)), is_terminal ? " \x1B[K" : "\n");
}

void print_impairment(const node::ImpairmentCounters& counts) {
    const char* name = "up";
    for (const auto& way : counts.ways) {
        fmt::print("network {}: {} frames, {} lost, {} doubled, {} reordered, {} delayed\n", name, way.frames, way.lost,
                   way.doubled, way.reordered, way.delayed);
        name = "down";
    }
    if (counts.rebindings + counts.astray + counts.overflows == 0) return;
    fmt::print("{} new addresses, {} frames sent to a former one, {} lost because too many were under way\n",
               counts.rebindings, counts.astray, counts.overflows);
}

void print_faults(const FleetReport& report) {
    std::string text;
    for (const auto& [name, count] : report.faults)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    fmt::print("faults: {}\n", text);
}

void print_summary(const FleetReport& report) {
    const FleetTotals& totals = report.totals;
    const double messages = totals.sent == 0 ? 1 : static_cast<double>(totals.sent);
    const auto per_message = [&](std::uint64_t count) { return static_cast<double>(count) / messages; };
    const auto times = [](const Latencies& latencies) {
        return fmt::format("p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, max {:.2f}", milliseconds_of(latencies.percentile(0.5)),
                           milliseconds_of(latencies.percentile(0.9)), milliseconds_of(latencies.percentile(0.99)),
                           milliseconds_of(latencies.max()));
    };
    fmt::print(
        "{} nodes: {} sent, {} acknowledged, {} without acknowledgement (QoS 0, -1), {} refused, {} lost, {} frames "
        "retransmitted\n",
        report.nodes, totals.sent, totals.acknowledged, totals.without_acknowledgement, totals.refused, report.lost,
        report.retransmitted);
    fmt::print("{} connections made, {} lost; {} readings skipped without connection; {} commands obeyed\n",
               totals.connects, totals.connections_lost, totals.skipped, totals.commands);
    fmt::print("acknowledged after (ms): {}\n", times(totals.latencies));
    if (totals.echoes + report.echoes_lost > 0) {
        fmt::print("{} readings came back, {} did not, {} more than once; after (ms): {}\n", totals.echoes,
                   report.echoes_lost, totals.echoes_duplicated, times(totals.echo_latencies));
    }
    fmt::print("per message: {:.2f} frames and {:.0f} octets up, {:.2f} frames and {:.0f} octets down\n",
               per_message(report.frames_up), per_message(report.octets_up), per_message(report.frames_down),
               per_message(report.octets_down));
    if (report.impaired) print_impairment(*report.impaired);
    if (!report.faults.empty()) print_faults(report);
    if (report.dongle) {
        fmt::print("{} readings came back altered\n", totals.altered);
        print_dongle(*report.dongle);
    }
    fmt::print("this process: {:.1f} s of CPU time in {:.1f} s, {:.1f} MiB\n", report.cpu_s,
               std::chrono::duration<double>(report.elapsed).count(), static_cast<double>(report.rss_kib) / 1024);
}

void print_nodes(const std::vector<NodeReport>& nodes) {
    fmt::print("{:<23}  {:>8}  {:>8}  {:>6}  {:>6}  {:>9}  {:>9}  {:>9}\n", "NODE", "SENT", "ACKED", "LOST", "RETX",
               "MEAN ms", "MAX ms", "BACK ms");
    for (const NodeReport& each : nodes) {
        fmt::print("{:<23}  {:>8}  {:>8}  {:>6}  {:>6}  {:>9.2f}  {:>9.2f}  {:>9.2f}\n", each.client_id, each.sent,
                   each.acknowledged, each.lost, each.retransmitted, milliseconds_of(each.latency_mean),
                   milliseconds_of(each.latency_max), milliseconds_of(each.echo_latency_max));
    }
}

/// The whole of one `mqttsn sim`.
class Simulation {
public:
    Simulation(const SimulateOptions& options, Scenario scenario, node::ClientOptions client, DongleLinkOptions dongle)
        : options_(options), fleet_(io_, std::move(scenario), std::move(client), options.output) {
        if (!dongle.link.empty()) dongle_ = std::make_unique<DongleLink>(io_, std::move(dongle));
    }

    int run() {
        int code = exit_no_gateway;
        if (const auto error = start(code)) {
            fmt::print(stderr, "mqttsn sim: {}\n", *error);
            return code;
        }
        for (const int signal : {SIGINT, SIGTERM})
            signals_.add(signal);
        wait_for_signal();
        if (fleet_.scenario().duration > Duration::zero()) {
            limit_.expires_after(fleet_.scenario().duration);
            limit_.async_wait([this](boost::system::error_code failed) {
                if (!failed) stop();
            });
        }
        if (options_.progress || (isatty(STDERR_FILENO) != 0 && !options_.output.verbose)) show_progress();
        io_.run();
        return summary();
    }

private:
    /// Error text, and the exit code for it.
    std::optional<std::string> start(int& code) {
        if (dongle_) {
            code = exit_usage;
            return fleet_.start(*dongle_);
        }
        const auto gateway = options_.node.discover ? find_gateway(io_, options_.node)
                                                    : resolve_gateway(io_, options_.node.host, options_.node.port);
        if (!gateway.endpoint) return gateway.error;
        code = exit_usage;
        return fleet_.start(*gateway.endpoint);
    }

    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code error, int) {
            if (error) return;
            stop();
            wait_for_signal();
        });
    }

    void stop() {
        fleet_.stop([this] { io_.stop(); });
    }

    void show_progress() {
        progress_.expires_after(std::chrono::seconds(1));
        progress_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            const FleetReport report = fleet_.report();
            print_progress(report, std::exchange(sent_before_, report.totals.sent));
            show_progress();
        });
    }

    int summary() {
        FleetReport report = fleet_.report();
        if (dongle_) report.dongle = dongle_->report();
        if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\n");
        const auto nodes = options_.per_node ? fleet_.node_reports() : std::vector<NodeReport>();
        if (options_.json) {
            fmt::print("{}\n", to_json(report, nodes));
        } else {
            if (options_.per_node) print_nodes(nodes);
            print_summary(report);
        }
        if (fleet_.connecting_nodes() > 0 && report.totals.connects == 0) {
            fmt::print(
                stderr, "no gateway answers {}\n",
                dongle_ ? "on " + dongle_->path() : fmt::format("at {}:{}", options_.node.host, options_.node.port));
            return exit_no_gateway;
        }
        const bool all_came = report.lost == 0 && report.echoes_lost == 0 && report.totals.refused == 0 &&
                              report.totals.connects >= fleet_.connecting_nodes();
        return all_came ? exit_ok : exit_failed;
    }

    const SimulateOptions& options_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer limit_{io_};
    boost::asio::steady_timer progress_{io_};
    std::uint64_t sent_before_ = 0;
    std::unique_ptr<DongleLink> dongle_;  // before the nodes, which leave it at the end
    Fleet fleet_;
};

/// Error text when this fleet cannot be behind a dongle.
std::optional<std::string> check_for_dongle(const Scenario& scenario) {
    constexpr std::size_t most_nodes = 1000;
    if (scenario.nodes() > most_nodes) return fmt::format("a dongle has at most {} nodes", most_nodes);
    for (const NodeGroup& each : scenario.groups) {
        if (each.forwarders > 0) return fmt::format("{}: nodes behind a dongle have no forwarders", each.name);
        if (each.payload > 0 && each.payload < node::smallest_payload + node::seal_size) {
            return fmt::format("{}: a payload has at least {} octets with its checksum", each.name,
                               node::smallest_payload + node::seal_size);
        }
    }
    return std::nullopt;
}

int simulate(const SimulateOptions& options) {
    node::ClientOptions client;
    auto error = make_client_options(options.node, client);
    auto made = error ? ReadScenario{} : make_scenario(options);
    if (!error && !made.scenario) error = made.error;
    DongleLinkOptions dongle;
    if (!error) error = make_dongle_link_options(options.dongle, made.scenario->seed, dongle);
    if (!error && !dongle.link.empty()) error = check_for_dongle(*made.scenario);
    if (error) {
        fmt::print(stderr, "mqttsn sim: {}\n", *error);
        return exit_usage;
    }
    return Simulation(options, std::move(*made.scenario), std::move(client), std::move(dongle)).run();
}

template <class T>
CLI::Option* add_override(CLI::App& app, const std::string& name, std::optional<T>& value, const std::string& text) {
    return app.add_option_function<T>(
        name, [&value](const T& given) { value = given; }, text);
}

void add_fleet_options(CLI::App& app, SimulateOptions& options) {
    const std::string group = "Fleet";
    const auto nodes = CLI::Range(std::size_t{0}, Scenario::most_nodes);
    auto* file = app.add_option("--scenario", options.scenario_file, "Take the fleet from this TOML file")
                     ->type_name("FILE")
                     ->group(group);
    app.add_flag_function(
           "--help-scenario",
           [](std::int64_t) {
               fmt::print("{}", scenario_example());
               throw CLI::Success();
           },
           "Print a scenario file with every key and exit")
        ->group(group);
    const auto not_in_file = [&](CLI::Option* option) { return option->excludes(file)->group(group); };
    not_in_file(app.add_option("-n,--nodes", options.sensors, "Sensors with periodic readings [5]")->check(nodes));
    not_in_file(app.add_option("--sleepers", options.sleepers,
                               "Sensors that sleep in between and obey commands when they wake [0]")
                    ->check(nodes));
    not_in_file(app.add_option("--actuators", options.actuators,
                               "Actuators: obey PREFIX/actuator-N/command, confirm on …/state [0]")
                    ->check(nodes));
    not_in_file(
        app.add_option("--beacons", options.beacons, "Nodes that send QoS -1 on short topics, without connection [0]")
            ->check(nodes));
    not_in_file(app.add_option("--forwarded", options.forwarded, "Sensors behind forwarders [0]")->check(nodes));
    not_in_file(app.add_option("--forwarders", options.forwarders, "How many forwarders those share [1]")
                    ->check(CLI::Range(std::size_t{1}, Scenario::most_nodes)));
    not_in_file(app.add_option("-q,--qos", options.qos, "QoS of readings, one node after the other [0,1,2]")
                    ->delimiter(',')
                    ->check(CLI::Range(0, 2)));
    not_in_file(app.add_option("--command-qos", options.command_qos, "QoS of subscriptions to commands [1]")
                    ->check(CLI::Range(0, 2)));
    not_in_file(takes_seconds(app.add_option("--period", options.period_s, "Between two readings [5s]")));
    not_in_file(app.add_option("--jitter", options.jitter, "Share of the period by which it varies [0.2]")
                    ->check(CLI::Range(0.0, 0.9)));
    not_in_file(takes_seconds(app.add_option("--sleep", options.sleep_s, "What sleepers announce [the period]")));
    not_in_file(app.add_option("--payload", options.payload, "Octets of a reading [as long as it is]")
                    ->check(CLI::Range(0, 60000)));
    not_in_file(app.add_flag("-r,--retain", options.retain, "Retain the readings"));
    not_in_file(
        app.add_flag("--echo", options.echo, "Sensors subscribe to their own readings, to measure the way back"));
}

void add_impairment_options(CLI::App& app, Overrides& flags) {
    const auto add = [&](const char* name, std::optional<std::string>& value, const char* text, const char* type) {
        add_override(app, name, value, text)->type_name(type)->group("Network");
    };
    add("--loss", flags.loss, "Frames that are lost, each way", "SHARE");
    add("--dup", flags.duplication, "Frames that arrive twice, each way", "SHARE");
    add("--reorder", flags.reorder, "Frames that the next one overtakes, each way", "SHARE");
    add("--delay", flags.delay, "How long frames travel, each way: 200ms or 200ms+-100ms", "TIME");
    takes_seconds(add_override(app, "--nat-rebind", flags.nat_rebind_s, "How often a node's address changes [never]"))
        ->group("Network");
    app.add_option(
           "--impair", flags.rules,
           "What befalls chosen frames, such as \"up PUBACK lose #1-3\", \"down PUBLISH double 5%\", \"PINGREQ "
           "delay 2s\": up, down or both, a message type or all, lose, double, reorder or delay, a share, which "
           "of them each node; may be repeated")
        ->type_name("RULE")
        ->allow_extra_args(false)
        ->group("Network");
    app.add_option("--fault", flags.faults, "How the nodes break the rules; all for every fault of --help-faults")
        ->type_name("NAME")
        ->delimiter(',')
        ->group("Faults");
    add_override(app, "--fault-share", flags.fault_share, "Of the frames where there is an occasion [10%]")
        ->type_name("SHARE")
        ->group("Faults");
    app.add_flag_function(
           "--help-faults",
           [](std::int64_t) {
               fmt::print("{}", list_of_faults());
               throw CLI::Success();
           },
           "Print every fault and exit")
        ->group("Faults");
}

}  // namespace

void add_simulate(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("sim", "Simulate a fleet of nodes");
    auto options = std::make_shared<SimulateOptions>();
    auto& flags = options->overrides;
    options->node.client_id = "sim";  // each node puts its own name in its place
    add_gateway_options(*app, options->node);
    add_timer_options(*app, options->node);
    add_fleet_options(*app, *options);
    add_impairment_options(*app, flags);
    add_dongle_options(*app, options->dongle);
    add_override(*app, "-i,--id-prefix", flags.id_prefix, "Put before all client ids")->type_name("TEXT");
    add_override(*app, "--topic-prefix", flags.topic_prefix, "First level of all topics [sim]")->type_name("TOPIC");
    takes_seconds(add_override(*app, "--seconds", flags.seconds, "End after this time [run until Ctrl-C]"), true);
    takes_seconds(add_override(*app, "--day", flags.day_s, "How long the simulated day lasts [24h]"));
    add_override(*app, "--connect-rate", flags.connects_per_second,
                 "CONNECTs, and at the end DISCONNECTs, per second [1000, behind a dongle 5]")
        ->check(CLI::Range(1.0, 100000.0));
    add_override(*app, "-k,--keepalive", flags.keep_alive_s, "Keep-alive in seconds [60]")->type_name("S");
    add_override(*app, "--seed", flags.seed, "Same seed, same readings at the same times, same luck [1]")
        ->type_name("N");
    app->add_flag("-v,--verbose", options->output.verbose, "Print every message");
    app->add_flag("--quiet", options->output.quiet, "Do not print commands");
    app->add_flag("--progress", options->progress, "Print a line per second [on a terminal]");
    app->add_flag("--per-node", options->per_node, "Also print what each node did");
    app->add_flag("--json", options->json, "Summary as JSON");
    app->footer(
        "Examples:\n"
        "  mqttsn sim --nodes 20 --sleepers 5 --actuators 2 --beacons 1 --seconds 60\n"
        "  mqttsn sim -n 10000 -q 1 --period 10s --seconds 60 --json\n"
        "  mqttsn sim -n 100 -q 0,1,1,2 --echo --seconds 30 --per-node\n"
        "  mqttsn sim --sleepers 20 --sleep 30s --loss 10% --dup 5% --reorder 5% --delay 200ms+-100ms --nat-rebind "
        "60s\n"
        "  mqttsn sim --impair \"up PUBREC lose #1-2\" --impair \"down PINGRESP lose 50%\"\n"
        "  mqttsn sim --fault length-0,new-port --fault-share 5%\n"
        "  mqttsn sim --link xbee --pty ./xbee0 --nodes 20 --noise 1/500 --unplug 20s\n"
        "  mqttsn sim --help-scenario > barn.toml && mqttsn sim --scenario barn.toml --seed 7\n"
        "Exit codes: 0 all connected and nothing lost, 1 otherwise, 2 wrong usage, 3 no gateway answers.");
    app->callback([options, &exit_code] { exit_code = simulate(*options); });
}

}  // namespace mqttsn::tools
