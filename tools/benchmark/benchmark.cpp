#include "tools/benchmark/benchmark.hpp"

#include "tools/benchmark/idle.hpp"
#include "tools/benchmark/process_meter.hpp"
#include "tools/benchmark/rate_search.hpp"
#include "tools/commands/node_link.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <random>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::int64_t broker_patience = 10'000'000'000;  // ns
constexpr double first_rate = 1000;                       // of a search without --rate
constexpr double default_trial_s = 2;
constexpr double default_idle_s = 10;
constexpr std::uint32_t most_echo_clients = 100;

struct Silence final : Listener {
    void on_frame(std::uint32_t, const sn::Packet&, std::int64_t) override {}
    void on_message(const mqtt::Publish&, std::int64_t) override {}
};

}  // namespace

std::string_view name_of(Scenario scenario) noexcept {
    constexpr std::array<std::string_view, 5> names{"connect", "up", "down", "rtt", "idle"};
    return names[static_cast<std::size_t>(scenario)];
}

std::optional<std::string> check(const Options& options) {
    if (options.size < Stamp::octets) {
        return fmt::format("--size {}: a payload has at least {} octets, for client, sequence number and time",
                           options.size, Stamp::octets);
    }
    const bool has_load =
        options.scenario == Scenario::up || options.scenario == Scenario::down || options.scenario == Scenario::rtt;
    if (options.search && !has_load) return "--search is for up, down and rtt";
    if (options.scenario == Scenario::idle && options.pid == 0)
        return "idle measures a process: give the gateway's with --pid";
    if (options.pid != 0 && !cpu_ns(options.pid))
        return fmt::format("--pid {}: no such process, or it may not be looked at", options.pid);
    return std::nullopt;
}

Benchmark::Benchmark(Options options) : options_(std::move(options)) {
    report_.options = options_;
    names_.run = options_.seed != 0 ? options_.seed : std::random_device{}();
    trial_ = names_.run;
}

std::string Benchmark::place() const {
    return fmt::format("{}:{}", options_.host, options_.port);
}

std::optional<std::uint64_t> Benchmark::resident() const {
    if (options_.pid == 0) return std::nullopt;
    const auto octets = resident_octets(options_.pid);
    return octets ? std::optional(*octets) : std::nullopt;
}

std::int64_t Benchmark::gateway_cpu() const {
    if (options_.pid == 0) return 0;
    const auto ns = cpu_ns(options_.pid);
    return ns ? *ns : 0;
}

Report Benchmark::run() {
    auto error = prepare();
    if (!error) error = run_scenario();
    report_.failure = error.value_or("");
    say_goodbye();
    report_.frames = network_.fleet().counters();
    return std::move(report_);
}

std::optional<std::string> Benchmark::prepare() {
    if (options_.echoes > 0) {
        std::optional<std::string> error;
        report_.echo =
            measure_echo(std::min(options_.clients, most_echo_clients), options_.echoes, options_.size, error);
        if (error) return error;
    }
    // Where processors are few, the generator must not push aside what it measures each time an answer comes: it gets
    // its turn as soon, with more answers waiting. Refused is no harm.
    const sched_param no_priority{};
    sched_setscheduler(0, SCHED_BATCH, &no_priority);
    boost::asio::io_context io;
    const auto gateway = resolve_gateway(io, options_.host, options_.port);
    if (!gateway.endpoint) return gateway.error;
    if (auto error = network_.open()) return error;
    if (options_.needs_broker()) {
        if (auto error = open_broker()) return error;
    }
    return network_.open_fleet(gateway.endpoint->data(), static_cast<socklen_t>(gateway.endpoint->size()),
                               options_.clients);
}

std::optional<std::string> Benchmark::open_broker() {
    if (auto error = network_.open_broker(options_.broker, fmt::format("bench-{:08x}", names_.run))) return error;
    BrokerLink& broker = network_.broker();
    Silence nobody;
    const auto wait_for = [&](auto condition) -> std::optional<std::string> {
        const std::int64_t deadline = now_ns() + broker_patience;
        while (!condition()) {
            if (const auto failure = network_.failure(); !failure.empty())
                return fmt::format("{}: {}", options_.broker, failure);
            if (now_ns() > deadline) return fmt::format("the broker at {} does not answer", options_.broker);
            network_.turn(nobody, deadline);
        }
        return std::nullopt;
    };
    auto error = wait_for([&] { return broker.is_connected(); });
    if (error || options_.scenario != Scenario::up) return error;
    // On a connection that stays, QoS 1 loses and doubles nothing; QoS 2 would only cost more.
    broker.subscribe(names_.all_topics(), static_cast<Qos>(std::min(options_.qos, 1)));
    return wait_for([&] { return broker.is_subscribed(); });
}

std::optional<std::string> Benchmark::shake_hands(Handshake::Kind kind, std::string_view what,
                                                  HandshakeResult& result) {
    const std::int64_t cpu_before = gateway_cpu();
    result = Handshake(kind, network_, names_, options_, topic_ids_).run();
    result.gateway_cpu_ns = gateway_cpu() - cpu_before;
    const auto failure = network_.failure();
    if (failure == "interrupted") return failure;
    if (result.done == options_.clients) return std::nullopt;
    const auto why = !result.rejection.empty() ? result.rejection : failure;
    const auto reason = why.empty() ? std::string() : fmt::format(" ({})", why);
    if (result.done == 0 && result.rejection.empty()) return fmt::format("no gateway answers at {}{}", place(), reason);
    return fmt::format("only {} of {} clients {}{}; {} answers were \"congestion\"", result.done, options_.clients,
                       what, reason, result.congested);
}

std::optional<std::string> Benchmark::connect() {
    report_.resident_before = resident();
    HandshakeResult result;
    const auto error = shake_hands(Handshake::Kind::connect, "could connect", result);
    connected_ = result.done;
    report_.connect = std::move(result);
    report_.resident_connected = resident();
    return error;
}

std::optional<std::string> Benchmark::prepare_topics() {
    HandshakeResult result;
    if (options_.scenario == Scenario::up)
        return shake_hands(Handshake::Kind::register_, "could register their topic", result);
    return shake_hands(Handshake::Kind::subscribe, "could subscribe", result);
}

std::optional<std::string> Benchmark::run_scenario() {
    if (auto error = connect()) return error;
    if (options_.scenario == Scenario::connect) return std::nullopt;
    if (options_.scenario == Scenario::idle) return idle();
    if (auto error = prepare_topics()) return error;
    const auto error = options_.search ? search() : load(options_.messages, options_.rate);
    report_.resident_after = resident();
    return error;
}

std::optional<std::string> Benchmark::idle() {
    const double seconds = options_.seconds > 0 ? options_.seconds : default_idle_s;
    const std::int64_t cpu_before = gateway_cpu();
    const auto result = stay_idle(network_, options_, seconds);
    report_.idle_cpu_ns = gateway_cpu() - cpu_before;
    report_.idle_s = static_cast<double>(result.elapsed_ns) / 1e9;
    report_.pings = result.answered;
    report_.unanswered_pings = result.unanswered;
    report_.resident_connected = resident();
    if (!result.failure.empty()) return result.failure;
    return std::nullopt;
}

std::optional<std::string> Benchmark::load(std::uint64_t messages, double rate) {
    const std::int64_t cpu_before = gateway_cpu();
    auto result = Load(network_, names_, options_, topic_ids_, messages, rate, ++trial_).run();
    result.gateway_cpu_ns = gateway_cpu() - cpu_before;
    const auto failure = result.failure;
    report_.trials.push_back(std::move(result));
    if (!failure.empty()) return failure;
    return std::nullopt;
}

std::optional<std::string> Benchmark::search() {
    const double seconds = options_.seconds > 0 ? options_.seconds : default_trial_s;
    RateSearch search(options_.rate > 0 ? options_.rate : first_rate);
    while (!search.is_over()) {
        const auto messages = std::max<std::uint64_t>(static_cast<std::uint64_t>(search.rate() * seconds), 1);
        if (auto error = load(messages, search.rate())) return error;
        Report::held(report_.trials.back()) ? search.held() : search.failed();
    }
    report_.highest_rate = search.best();
    return std::nullopt;
}

void Benchmark::say_goodbye() {
    network_.forget_interruption();  // a second Ctrl-C ends this, too
    if (connected_ > 0) {
        options_.retry_s = std::min(options_.retry_s, 0.5);
        options_.retries = 1;
        Handshake(Handshake::Kind::disconnect, network_, names_, options_, topic_ids_).run();
    }
    network_.broker().disconnect();
}

}  // namespace mqttsn::tools::benchmark
