// One run of `mqttsn bench`: connects the clients, puts the load on, says goodbye.
#pragma once

#include "tools/benchmark/echo.hpp"
#include "tools/benchmark/load.hpp"

namespace mqttsn::tools::benchmark {

/// Of the program, when a message that the protocol promises was lost or doubled. (Wrong usage has the same code, but
/// then nothing was measured and nothing is printed on standard output.)
constexpr int exit_promise_broken = 2;

/// What was measured; what does not belong to the scenario or was not asked for is absent.
struct Report {
    Options options;
    std::string failure;  ///< why it could not be measured to the end; empty otherwise
    std::optional<EchoResult> echo;
    std::optional<HandshakeResult> connect;
    std::vector<TrialResult> trials;
    std::optional<double> highest_rate;  ///< search: 0 = none held
    std::optional<std::uint64_t> resident_before;
    std::optional<std::uint64_t> resident_connected;
    std::optional<std::uint64_t> resident_after;  ///< the load
    double idle_s = 0;
    std::int64_t idle_cpu_ns = 0;
    std::uint64_t pings = 0;  ///< idle: answered
    std::uint64_t unanswered_pings = 0;
    FleetCounters frames;

    /// Echoes that cost as much CPU time; nullopt without reference.
    std::optional<double> in_echoes(double cpu_us) const;
    /// The trial that the result is about: the only one, or of a search the highest that held (else the last).
    const TrialResult* decisive() const noexcept;
    /// Loss at most 0.1 %, and as fast as asked for.
    static bool held(const TrialResult& trial) noexcept;
    /// No QoS 1 or 2 message lost, no QoS 2 message doubled.
    bool promises_kept() const noexcept;
    int exit_code() const noexcept;
};

class Benchmark {
public:
    explicit Benchmark(Options options);
    Report run();

private:
    std::optional<std::string> prepare();
    std::optional<std::string> connect();
    std::optional<std::string> open_broker();
    std::optional<std::string> prepare_topics();
    std::optional<std::string> run_scenario();
    std::optional<std::string> idle();
    std::optional<std::string> load(std::uint64_t messages, double rate);
    std::optional<std::string> search();
    std::optional<std::string> shake_hands(Handshake::Kind kind, std::string_view what, HandshakeResult& result);
    void say_goodbye();
    std::optional<std::uint64_t> resident() const;
    std::int64_t gateway_cpu() const;
    std::string place() const;

    Options options_;
    Report report_;
    Names names_;
    Network network_;
    std::vector<sn::TopicId> topic_ids_;
    std::uint32_t trial_ = 0;
    std::uint32_t connected_ = 0;
};

/// Checks what the command line cannot; error text.
std::optional<std::string> check(const Options& options);

std::string as_table(const Report& report);
std::string as_json(const Report& report);

}  // namespace mqttsn::tools::benchmark
