// The report for programs: one JSON object. Absent members were not measured.
#include "tools/benchmark/benchmark.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace mqttsn::tools::benchmark {

namespace {

namespace json = boost::json;

/// Three decimals are more than was measured, and can be read.
double rounded(double value) {
    return std::round(value * 1000) / 1000;
}
double us(std::int64_t ns) {
    return rounded(static_cast<double>(ns) / 1e3);
}
double seconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}
double share(std::int64_t ns, std::uint64_t events) {
    return events > 0 ? rounded(static_cast<double>(ns) / 1e3 / static_cast<double>(events)) : 0;
}

json::object delays(const Histogram& histogram) {
    return {{"count", histogram.count()},
            {"mean", rounded(histogram.mean() / 1e3)},
            {"p50", us(histogram.percentile(0.5))},
            {"p90", us(histogram.percentile(0.9))},
            {"p99", us(histogram.percentile(0.99))},
            {"p999", us(histogram.percentile(0.999))},
            {"max", us(histogram.max())}};
}

void add_cpu(json::object& to, const Report& report, std::int64_t cpu_ns, std::uint64_t events, std::string_view each) {
    if (report.options.pid == 0) return;
    const double cost = share(cpu_ns, events);
    to[std::string("gateway_cpu_us_per_") + std::string(each)] = cost;
    if (const auto echoes = report.in_echoes(cost))
        to[std::string("echoes_per_") + std::string(each)] = rounded(*echoes);
}

json::object trial_object(const Report& report, const TrialResult& trial) {
    json::object object{{"sent", trial.sent},
                        {"arrived", trial.arrived},
                        {"lost", trial.lost()},
                        {"doubled", trial.duplicated},
                        {"out_of_order", trial.out_of_order},
                        {"repeated", trial.repeated},
                        {"refused", trial.refused},
                        {"given_up", trial.unacknowledged},
                        {"foreign", trial.foreign},
                        {"seconds", rounded(seconds(trial.elapsed_ns))},
                        {"per_second", rounded(trial.rate())},
                        {"delay_us", delays(trial.delay)},
                        {"bench_cpu_us_per_message", share(trial.own_cpu_ns, trial.sent)},
                        {"bench_user_cpu_us_per_message", share(trial.own_user_cpu_ns, trial.sent)}};
    if (trial.rate_asked > 0) {
        object["per_second_asked"] = rounded(trial.rate_asked);
        object["held"] = Report::held(trial);
    }
    if (trial.acknowledgement.count() > 0) object["acknowledged_us"] = delays(trial.acknowledgement);
    add_cpu(object, report, trial.gateway_cpu_ns, trial.sent, "message");
    return object;
}

json::object options_object(const Options& options) {
    return {{"scenario", name_of(options.scenario)},
            {"clients", options.clients},
            {"qos", options.qos},
            {"size", options.size},
            {"window", options.window},
            {"in_flight",
             options.scenario == Scenario::connect ? options.requests_in_flight() : options.messages_in_flight()},
            {"rate", options.rate}};
}

json::object memory_object(const Report& report) {
    json::object object{{"before", *report.resident_before}, {"connected", *report.resident_connected}};
    if (report.resident_after) object["after"] = *report.resident_after;
    const auto grown = static_cast<double>(*report.resident_connected) - static_cast<double>(*report.resident_before);
    object["per_client"] = rounded(grown / report.options.clients);
    return object;
}

}  // namespace

std::string as_json(const Report& report) {
    json::object object = options_object(report.options);
    if (!report.failure.empty()) object["failure"] = report.failure;
    object["promises_kept"] = report.promises_kept();
    if (report.echo) {
        object["echo"] = json::object{{"echoes", report.echo->echoes},
                                      {"cpu_us", rounded(report.echo->cpu_us_each())},
                                      {"round_trip_us", delays(report.echo->round_trip)}};
    }
    if (report.connect) {
        json::object connect{{"done", report.connect->done},
                             {"seconds", rounded(seconds(report.connect->elapsed_ns))},
                             {"per_second", rounded(report.connect->per_second())},
                             {"repeated", report.connect->repeated},
                             {"congested", report.connect->congested},
                             {"delay_us", delays(report.connect->latency)}};
        add_cpu(connect, report, report.connect->gateway_cpu_ns, report.connect->done, "connect");
        object["connect"] = std::move(connect);
    }
    if (const TrialResult* trial = report.decisive()) object["messages"] = trial_object(report, *trial);
    if (report.highest_rate) {
        object["highest_per_second"] = rounded(*report.highest_rate);
        json::array trials;
        for (const TrialResult& each : report.trials)
            trials.push_back(trial_object(report, each));
        object["trials"] = std::move(trials);
    }
    if (report.resident_before && report.resident_connected) object["resident_octets"] = memory_object(report);
    if (report.options.scenario == Scenario::idle && report.idle_s > 0) {
        object["idle"] = json::object{
            {"seconds", rounded(report.idle_s)},
            {"gateway_cpu_us_per_second", rounded(static_cast<double>(report.idle_cpu_ns) / 1e3 / report.idle_s)},
            {"pings_answered", report.pings},
            {"pings_unanswered", report.unanswered_pings}};
    }
    object["frames"] = json::object{{"sent", report.frames.sent},
                                    {"received", report.frames.received},
                                    {"malformed", report.frames.malformed},
                                    {"not_sent", report.frames.not_sent}};
    return json::serialize(object);
}

}  // namespace mqttsn::tools::benchmark
