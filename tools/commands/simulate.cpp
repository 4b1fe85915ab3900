// mqttsn sim: a fleet of simulated nodes in one process.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/sim_node.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <csignal>

namespace mqttsn::tools {

namespace {

struct SimulateOptions {
    NodeOptions node;
    FleetOptions fleet;
    std::size_t sensors = 5;
    std::size_t actuators = 0;
    std::size_t beacons = 0;
    std::size_t forwarded = 0;
    std::vector<int> qos{0, 1, 2};
    double seconds = 0;
    std::uint64_t seed = 1;
    bool json = false;
};

double percentile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

class Fleet {
public:
    explicit Fleet(const SimulateOptions& options) : options_(options) {}

    int run();

private:
    bool populate();
    void show_progress();
    void quiesce();
    void poll_end();
    int summary();

    const SimulateOptions& options_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer end_{io_};
    boost::asio::steady_timer progress_{io_};
    FleetTotals totals_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::chrono::steady_clock::time_point deadline_{};
    std::size_t lost_ = 0;
    bool quiescing_ = false;
    bool disconnecting_ = false;
};

bool Fleet::populate() {
    node::ClientOptions client;
    NodeOptions common = options_.node;
    common.client_id = "sim";  // each node puts its own name in its place
    if (const auto error = make_client_options(common, client)) {
        fmt::print(stderr, "mqttsn sim: {}\n", *error);
        return false;
    }
    const auto gateway = resolve_gateway(io_, options_.node.host, options_.node.port);
    if (!gateway.endpoint) {
        fmt::print(stderr, "{}\n", gateway.error);
        return false;
    }
    const auto add = [&](SimNode::Profile profile, std::size_t index, Qos qos, bool forwarded) {
        node::ClientOptions each = client;
        if (forwarded)
            each.node_id = {std::byte{0xF0}, static_cast<std::byte>(index >> 8U),
                            static_cast<std::byte>(index & 0xFFU)};
        nodes_.push_back(std::make_unique<SimNode>(io_, profile, index, qos, std::move(each), options_.fleet, totals_,
                                                   options_.seed * 1000003U + nodes_.size()));
    };
    for (std::size_t i = 0; i < options_.sensors + options_.forwarded; ++i) {
        add(SimNode::Profile::sensor, i + 1, static_cast<Qos>(options_.qos[i % options_.qos.size()]),
            i >= options_.sensors);
    }
    for (std::size_t i = 0; i < options_.actuators; ++i)
        add(SimNode::Profile::actuator, i + 1, Qos::at_least_once, false);
    for (std::size_t i = 0; i < options_.beacons; ++i)
        add(SimNode::Profile::beacon, i + 1, Qos::minus_one, false);

    // Two thousand CONNECTs a second, so that a large fleet does not knock the broker over.
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (const auto started = nodes_[i]->start(*gateway.endpoint, std::chrono::milliseconds(i / 2)); !started) {
            fmt::print(stderr, "cannot open a UDP socket for node {}: {} (see: ulimit -n)\n", i + 1,
                       started.error().message());
            return false;
        }
    }
    return true;
}

int Fleet::run() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (!populate()) return exit_usage;
    for (const int signal : {SIGINT, SIGTERM})
        signals_.add(signal);
    signals_.async_wait([this](boost::system::error_code error, int) {
        if (!error) quiesce();
    });
    if (options_.seconds > 0) {
        end_.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(options_.seconds * 1e6)));
        end_.async_wait([this](boost::system::error_code error) {
            if (!error) quiesce();
        });
    }
    if (isatty(STDERR_FILENO) != 0 && !options_.fleet.verbose) show_progress();
    io_.run();
    return summary();
}

void Fleet::show_progress() {
    progress_.expires_after(std::chrono::seconds(1));
    progress_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        const auto connected = std::ranges::count_if(nodes_, [](const auto& node) { return !node->is_disconnected(); });
        fmt::print(stderr, "\r{} of {} connected, {} sent, {} confirmed, {} commands ", connected, nodes_.size(),
                   totals_.sent, totals_.confirmed, totals_.commands);
        show_progress();
    });
}

void Fleet::quiesce() {
    if (quiescing_) return io_.stop();  // asked twice: at once
    quiescing_ = true;
    signals_.async_wait([this](boost::system::error_code error, int) {
        if (!error) io_.stop();
    });
    for (auto& node : nodes_)
        node->quiesce();
    const double patience_s = options_.node.retry_s * (options_.node.retries + 1);
    deadline_ =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<std::int64_t>(patience_s * 1000));
    poll_end();
}

// First what is on its way, then DISCONNECT, each within the protocol's patience.
void Fleet::poll_end() {
    const bool is_late = std::chrono::steady_clock::now() >= deadline_;
    if (!disconnecting_) {
        const bool idle = std::ranges::all_of(nodes_, [](const auto& node) { return node->is_idle(); });
        if (idle || is_late) {
            disconnecting_ = true;
            for (const auto& node : nodes_)
                lost_ += node->open_messages();
            for (auto& node : nodes_)
                node->disconnect();
        }
    } else if (is_late || std::ranges::all_of(nodes_, [](const auto& node) { return node->is_disconnected(); })) {
        io_.stop();
        return;
    }
    end_.expires_after(std::chrono::milliseconds(20));
    end_.async_wait([this](boost::system::error_code error) {
        if (!error) poll_end();
    });
}

int Fleet::summary() {
    if (!disconnecting_) {
        for (const auto& node : nodes_)
            lost_ += node->open_messages();
    }
    std::uint64_t frames = 0;
    std::uint64_t octets = 0;
    std::uint64_t retransmitted = 0;
    for (const auto& node : nodes_) {
        frames += node->counters().frames_sent;
        octets += node->counters().octets_sent;
        retransmitted += node->counters().retransmissions;
    }
    auto& latencies = totals_.latencies_ms;
    std::ranges::sort(latencies);
    const double worst = latencies.empty() ? 0 : latencies.back();
    const double per_message = totals_.sent == 0 ? 0 : static_cast<double>(frames) / static_cast<double>(totals_.sent);
    const double octets_per_message =
        totals_.sent == 0 ? 0 : static_cast<double>(octets) / static_cast<double>(totals_.sent);
    if (options_.json) {
        fmt::print(
            "{{\"nodes\":{},\"sent\":{},\"confirmed\":{},\"unconfirmed\":{},\"refused\":{},\"lost\":{},"
            "\"retransmitted\":{},\"commands\":{},\"connects\":{},\"connections_lost\":{},"
            "\"latency_ms\":{{\"p50\":{:.3f},\"p90\":{:.3f},\"p99\":{:.3f},\"max\":{:.3f}}},"
            "\"frames_per_message\":{:.2f},\"octets_per_message\":{:.1f}}}\n",
            nodes_.size(), totals_.sent, totals_.confirmed, totals_.unconfirmed, totals_.refused, lost_, retransmitted,
            totals_.commands, totals_.connects, totals_.connections_lost, percentile(latencies, 0.5),
            percentile(latencies, 0.9), percentile(latencies, 0.99), worst, per_message, octets_per_message);
    } else {
        fmt::print(
            "{} nodes: {} sent, {} confirmed, {} without confirmation (QoS 0, -1), {} refused, {} lost, {} frames "
            "retransmitted, {} commands obeyed, {} connections lost\n",
            nodes_.size(), totals_.sent, totals_.confirmed, totals_.unconfirmed, totals_.refused, lost_, retransmitted,
            totals_.commands, totals_.connections_lost);
        fmt::print(
            "confirmed after (ms): p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, max {:.2f}; {:.2f} frames and {:.0f} octets "
            "sent per message\n",
            percentile(latencies, 0.5), percentile(latencies, 0.9), percentile(latencies, 0.99), worst, per_message,
            octets_per_message);
    }
    const bool all_came = lost_ == 0 && totals_.refused == 0 &&
                          totals_.connects >= options_.sensors + options_.actuators + options_.forwarded;
    if (totals_.connects == 0 && nodes_.size() > options_.beacons) {
        fmt::print(stderr, "no gateway answers at {}:{}\n", options_.node.host, options_.node.port);
    }
    return all_came ? exit_ok : exit_refused;
}

}  // namespace

void add_simulate(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("sim", "Simulate a fleet of nodes");
    auto options = std::make_shared<SimulateOptions>();
    add_node_options(*app, options->node);
    app->add_option("-n,--nodes", options->sensors, "Sensors with periodic readings [5]")->check(CLI::Range(0, 10000));
    app->add_option("--actuators", options->actuators,
                    "Actuators: obey PREFIX/actuator-N/command, confirm on …/state [0]")
        ->check(CLI::Range(0, 10000));
    app->add_option("--beacons", options->beacons, "Nodes that send QoS -1 on short topics, without connection [0]")
        ->check(CLI::Range(0, 10000));
    app->add_option("--forwarded", options->forwarded, "Sensors behind a forwarder [0]")->check(CLI::Range(0, 10000));
    app->add_option("-q,--qos", options->qos, "QoS of the sensors in turn [0,1,2]")
        ->delimiter(',')
        ->check(CLI::Range(0, 2));
    app->add_option("--period", options->fleet.period_s, "Seconds between two readings [5]")
        ->check(CLI::PositiveNumber);
    app->add_option("--jitter", options->fleet.jitter, "Share of the period by which it varies [0.2]")
        ->check(CLI::Range(0.0, 0.9));
    app->add_option("--topic-prefix", options->fleet.topic_prefix, "First level of all topics [sim]");
    app->add_option("--seconds", options->seconds, "End after this time [run until Ctrl-C]");
    app->add_option("--seed", options->seed, "Same seed, same readings and times [1]");
    app->add_flag("-v,--verbose", options->fleet.verbose, "Print every message");
    app->add_flag("--quiet", options->fleet.quiet, "Do not print commands");
    app->add_flag("--json", options->json, "Summary as JSON");
    app->footer(
        "Examples:\n"
        "  mqttsn sim --nodes 20 --actuators 2 --beacons 1 --seconds 60\n"
        "  mqttsn sim -n 10000 -q 1 --period 10 --seconds 60 --json\n"
        "Exit codes: 0 all connected and nothing lost, 1 otherwise, 2 wrong usage.");
    app->callback([options, &exit_code] { exit_code = Fleet(*options).run(); });
}

}  // namespace mqttsn::tools
