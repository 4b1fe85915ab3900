// The report for people.
#include "tools/benchmark/benchmark.hpp"
#include "tools/commands/common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace mqttsn::tools::benchmark {

namespace {

constexpr double highest_loss = 0.001;  // of what a rate may lose and still hold
constexpr double slowest = 0.95;        // of the rate asked for: below, a backlog grows
constexpr double octets_per_kb = 1024;

using Out = std::back_insert_iterator<std::string>;

double us(std::int64_t ns) {
    return static_cast<double>(ns) / 1e3;
}

void put_delays(Out out, std::string_view what, const Histogram& delays) {
    if (delays.count() == 0) return;
    fmt::format_to(out, "  {:<14}{:>12.0f}{:>12.0f}{:>12.0f}{:>12.0f}{:>12.0f}\n", what, us(delays.percentile(0.5)),
                   us(delays.percentile(0.9)), us(delays.percentile(0.99)), us(delays.percentile(0.999)),
                   us(delays.max()));
}

void put_delay_head(Out out) {
    fmt::format_to(out, "  {:<14}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "delay, us", "p50", "p90", "p99", "p99.9", "max");
}

void put_trial(Out out, const TrialResult& trial) {
    fmt::format_to(out, "  {} messages in {:.3f} s: {:.0f} per second", trial.sent,
                   static_cast<double>(trial.elapsed_ns) / 1e9, trial.rate());
    if (trial.rate_asked > 0) {
        fmt::format_to(out, ", asked for {:.0f}: {}", trial.rate_asked, Report::held(trial) ? "held" : "not held");
    }
    fmt::format_to(out, "\n  arrived {}, lost {}, doubled {}, out of order {}, repeated {}, refused {}, given up {}",
                   trial.arrived, trial.lost(), trial.duplicated, trial.out_of_order, trial.repeated, trial.refused,
                   trial.unacknowledged);
    if (trial.foreign > 0) fmt::format_to(out, ", not of this load {}", trial.foreign);
    fmt::format_to(out, "\n");
}

void put_gateway_cpu(Out out, const Report& report, std::int64_t cpu_ns, std::uint64_t events, std::string_view each) {
    if (report.options.pid == 0 || events == 0) return;
    const double each_us = us(cpu_ns) / static_cast<double>(events);
    fmt::format_to(out, "  gateway: {:.2f} us CPU per {}", each_us, each);
    if (const auto echoes = report.in_echoes(each_us)) fmt::format_to(out, " = {:.2f} echoes", *echoes);
    fmt::format_to(out, "\n");
}

void put_memory(Out out, const Report& report) {
    if (!report.resident_before || !report.resident_connected) return;
    const double before = static_cast<double>(*report.resident_before);
    const double connected = static_cast<double>(*report.resident_connected);
    fmt::format_to(out, "  gateway: {:.0f} KB resident before, {:.0f} KB with {} clients: {:.1f} KB per client\n",
                   before / octets_per_kb, connected / octets_per_kb, report.options.clients,
                   (connected - before) / octets_per_kb / report.options.clients);
}

std::string head(const Options& options) {
    if (options.scenario == Scenario::connect || options.scenario == Scenario::idle)
        return fmt::format("{}: {} clients\n", name_of(options.scenario), options.clients);
    const auto pace = options.is_open_loop() ? std::string("open loop") : fmt::format("window {}", options.window);
    return fmt::format("{}: {} clients, QoS {}, {} octets, {}\n", name_of(options.scenario), options.clients,
                       options.qos, options.size, options.search ? "search for the highest rate" : pace);
}

void put_load(Out out, const Report& report) {
    const TrialResult* trial = report.decisive();
    if (trial == nullptr) return;
    if (report.highest_rate) {
        for (const TrialResult& each : report.trials) {
            fmt::format_to(out, "  {:>9.0f} per second: {}, lost {} of {}, p99 {:.0f} us\n", each.rate_asked,
                           Report::held(each) ? "held" : "not held", each.lost(), each.sent,
                           us(each.delay.percentile(0.99)));
        }
        fmt::format_to(out, "  highest rate with a loss of at most 0.1 %: {:.0f} per second\n", *report.highest_rate);
    }
    put_trial(out, *trial);
    put_delay_head(out);
    put_delays(out, report.options.scenario == Scenario::rtt ? "there and back" : "end to end", trial->delay);
    put_delays(out, "acknowledged", trial->acknowledgement);
    put_gateway_cpu(out, report, trial->gateway_cpu_ns, trial->sent,
                    report.options.scenario == Scenario::rtt ? "round trip" : "message");
    const auto messages = static_cast<double>(std::max<std::uint64_t>(trial->sent, 1));
    fmt::format_to(out, "  bench: {:.2f} us CPU per message, {:.2f} of it outside the kernel\n",
                   us(trial->own_cpu_ns) / messages, us(trial->own_user_cpu_ns) / messages);
}

}  // namespace

std::optional<double> Report::in_echoes(double cpu_us) const {
    if (!echo || echo->cpu_us_each() <= 0) return std::nullopt;
    return cpu_us / echo->cpu_us_each();
}

bool Report::held(const TrialResult& trial) noexcept {
    const auto bad = static_cast<double>(std::max(trial.lost(), trial.unacknowledged));
    return trial.sent > 0 && bad <= highest_loss * static_cast<double>(trial.sent) &&
           trial.rate() >= slowest * trial.rate_asked;
}

const TrialResult* Report::decisive() const noexcept {
    if (trials.empty()) return nullptr;
    if (highest_rate) {
        for (const TrialResult& each : trials) {
            if (each.rate_asked == *highest_rate) return &each;
        }
    }
    return &trials.back();
}

bool Report::promises_kept() const noexcept {
    return std::ranges::all_of(trials, [&](const TrialResult& each) {
        return (options.qos < 1 || each.lost() == 0) && (options.qos < 2 || each.duplicated == 0);
    });
}

int Report::exit_code() const noexcept {
    // What was cut short has messages on their way: they are not lost yet.
    if (!failure.empty()) return exit_failed;
    if (!promises_kept()) return exit_promise_broken;
    const bool all_acknowledged =
        std::ranges::all_of(trials, [](const TrialResult& each) { return each.unacknowledged == 0; });
    return all_acknowledged || options.search ? exit_ok : exit_failed;
}

std::string as_table(const Report& report) {
    std::string text = head(report.options);
    const Out out(text);
    if (report.echo) {
        fmt::format_to(out, "  echo: {:.2f} us CPU each, {:.0f} us there and back, {:.0f} per second\n",
                       report.echo->cpu_us_each(), us(report.echo->round_trip.percentile(0.5)),
                       report.echo->elapsed_ns > 0 ? static_cast<double>(report.echo->echoes) * 1e9 /
                                                         static_cast<double>(report.echo->elapsed_ns)
                                                   : 0.0);
    }
    if (report.connect) {
        fmt::format_to(out, "  connected {} in {:.3f} s: {:.0f} per second, repeated {}, congested {}\n",
                       report.connect->done, static_cast<double>(report.connect->elapsed_ns) / 1e9,
                       report.connect->per_second(), report.connect->repeated, report.connect->congested);
        if (report.options.scenario == Scenario::connect) {
            put_delay_head(out);
            put_delays(out, "CONNACK", report.connect->latency);
            put_gateway_cpu(out, report, report.connect->gateway_cpu_ns, report.connect->done, "connect");
        }
    }
    put_load(out, report);
    put_memory(out, report);
    if (report.options.scenario == Scenario::idle && report.idle_s > 0) {
        fmt::format_to(out, "  gateway: {:.0f} us CPU per second over {:.1f} s; {} pings answered, {} not\n",
                       us(report.idle_cpu_ns) / report.idle_s, report.idle_s, report.pings, report.unanswered_pings);
    }
    if (report.frames.malformed > 0 || report.frames.not_sent > 0) {
        fmt::format_to(out, "  {} malformed frames received, {} frames could not be sent\n", report.frames.malformed,
                       report.frames.not_sent);
    }
    if (!report.promises_kept() && report.failure.empty()) {
        fmt::format_to(out, "  PROMISE BROKEN: a QoS {} message was lost{}\n", report.options.qos,
                       report.options.qos == 2 ? " or doubled" : "");
    }
    return text;
}

}  // namespace mqttsn::tools::benchmark
