// mqttsn bench: what a gateway can carry, and what it costs.
#include "tools/benchmark/benchmark.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <map>

namespace mqttsn::tools {

namespace {

using benchmark::Options;
using benchmark::Scenario;

int bench(const Options& options) {
    if (const auto error = benchmark::check(options)) {
        fmt::print(stderr, "mqttsn bench: {}\n", *error);
        return exit_usage;
    }
    const auto report = benchmark::Benchmark(options).run();
    if (!report.failure.empty()) fmt::print(stderr, "{}\n", report.failure);
    if (options.json) {
        fmt::print("{}\n", benchmark::as_json(report));
    } else if (report.connect) {
        fmt::print("{}", benchmark::as_table(report));
    }
    return report.exit_code();
}

void add_load_options(CLI::App& app, Options& options) {
    app.add_option("--messages", options.messages, "How many, of all clients together [20000]")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
    app.add_option("-q,--qos", options.qos, "QoS 0, 1 or 2 [0]")->check(CLI::Range(0, 2));
    app.add_option("--size", options.size, "Octets of a payload [32]")->check(CLI::Range(1, 65000));
    app.add_option("--window", options.window, "Messages of one client on their way [1]")->check(CLI::Range(1, 1000));
    app.add_option("--in-flight", options.in_flight, "Of all clients on their way [512 messages, 64 connects]")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--rate", options.rate,
                   "Messages (or connects) per second, whatever comes back; delays count from the intended time "
                   "[as fast as the window allows]")
        ->check(CLI::PositiveNumber);
    app.add_flag("--search", options.search,
                 "Search the highest rate with a loss of at most 0.1 %, from --rate or 1000");
    app.add_option("--seconds", options.seconds, "idle: how long [10]; --search: each trial [2]")
        ->check(CLI::PositiveNumber);
    app.add_option("-k,--keepalive", options.keep_alive_s, "Keep-alive of idle clients; they ping [60]")
        ->type_name("S");
    app.add_option("--retry", options.retry_s, "T_retry in seconds [1]")->type_name("S")->check(CLI::PositiveNumber);
    app.add_option("--retries", options.retries, "N_retry [5]")->type_name("N");
    app.add_option("--lost-after", options.lost_after_s,
                   "A message that is silent for this long is lost [QoS 0: 1; else 15, so that a gateway can repeat]")
        ->type_name("S")
        ->check(CLI::PositiveNumber);
}

}  // namespace

void add_bench(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("bench", "Measure what a gateway carries, and what it costs");
    auto options = std::make_shared<Options>();
    app->set_help_flag("--help", "Print this help and exit");
    const std::map<std::string, Scenario> scenarios{{"connect", Scenario::connect},
                                                    {"up", Scenario::up},
                                                    {"down", Scenario::down},
                                                    {"rtt", Scenario::rtt},
                                                    {"idle", Scenario::idle}};
    app->add_option("scenario", options->scenario,
                    "connect: connects per second; up: device to broker; down: broker to device; rtt: up and back to "
                    "the same device; idle: memory and CPU of silent clients")
        ->required()
        ->transform(CLI::CheckedTransformer(scenarios).description(""));
    app->add_option("-h,--host", options->host, "Gateway [127.0.0.1]")->type_name("HOST");
    app->add_option("-p,--port", options->port, "UDP port of the gateway [1883]")->type_name("PORT");
    app->add_option("--broker", options->broker,
                    "Broker of the gateway, for up and down: arrivals are counted there, messages come from there "
                    "[mqtt://127.0.0.1:1883]")
        ->type_name("URL");
    app->add_option("--clients", options->clients, "How many, each with a UDP port of its own [100]")
        ->type_name("N")
        ->check(CLI::Range(1, 60000));
    add_load_options(*app, *options);
    app->add_option("--pid", options->pid, "Process of the gateway, to measure its CPU time and memory")
        ->type_name("PID")
        ->check(CLI::PositiveNumber);
    app->add_option("--echoes", options->echoes, "Datagrams of the echo reference; 0 = without [20000]")
        ->type_name("N");
    app->add_option("--seed", options->seed, "Client ids, topics and payloads by this number [by chance]");
    app->add_flag("--json", options->json, "Report as JSON");
    app->footer(
        "Every payload carries client, number and intended time, so that losses, copies, order and delay are seen "
        "where\n"
        "it arrives: at the broker (up) or at the client (down, rtt). The unit \"echo\" is the CPU time that a "
        "process\n"
        "of this machine needs to receive a datagram and send it back, measured in the same run.\n"
        "Examples:\n"
        "  mqttsn bench up -q 1 --clients 100 --pid $(pidof mqttsn-gateway)\n"
        "  mqttsn bench down -q 2 --rate 5000 --messages 50000 --broker mqtt://192.0.2.7:1883 -h 192.0.2.8\n"
        "  mqttsn bench up --search\n"
        "  mqttsn bench idle --clients 10000 --seconds 30 --pid $(pidof mqttsn-gateway)\n"
        "Exit codes: 0 measured; 1 could not be measured, or messages were given up for want of an acknowledgement;\n"
        "2 a QoS 1 or 2 message was lost or a QoS 2 one doubled (also: wrong usage).");
    app->callback([options, &exit_code] { exit_code = bench(*options); });
}

}  // namespace mqttsn::tools
