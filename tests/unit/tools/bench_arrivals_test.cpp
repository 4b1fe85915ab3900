// How `mqttsn bench` tells losses, copies and order.
#include "tools/benchmark/arrivals.hpp"
#include "tools/benchmark/benchmark.hpp"
#include "tools/benchmark/stamp.hpp"
#include "tools/commands/common.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace bench_arrivals_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using namespace mqttsn::tools::benchmark;
using Kind = Arrivals::Kind;

namespace {

Report report_with(int qos, std::uint64_t arrived, std::uint64_t duplicated) {
    Report report;
    report.options.qos = qos;
    TrialResult trial;
    trial.sent = 1000;
    trial.arrived = arrived;
    trial.duplicated = duplicated;
    trial.elapsed_ns = 1'000'000'000;
    report.trials.push_back(std::move(trial));
    return report;
}

}  // namespace

TEST_CASE("messages are dealt out to the clients in turn") {
    const Arrivals arrivals(4, 10);
    CHECK(arrivals.quota(0) == 3);
    CHECK(arrivals.quota(1) == 3);
    CHECK(arrivals.quota(2) == 2);
    CHECK(arrivals.quota(3) == 2);
    CHECK(Arrivals(3, 1).quota(2) == 0);
}

TEST_CASE("every message that arrives is counted once") {
    Arrivals arrivals(3, 7);
    for (std::uint32_t client = 0; client < 3; ++client) {
        for (std::uint32_t sequence = 0; sequence < arrivals.quota(client); ++sequence)
            CHECK(arrivals.arrive(client, sequence) == Kind::in_order);
    }
    CHECK(arrivals.arrived() == 7);
    CHECK(arrivals.duplicates() == 0);
    CHECK(arrivals.out_of_order() == 0);
    CHECK(arrivals.unknown() == 0);
}

TEST_CASE("every copy of a message is counted") {
    Arrivals arrivals(2, 4);
    CHECK(arrivals.arrive(1, 0) == Kind::in_order);
    CHECK(arrivals.arrive(1, 0) == Kind::duplicate);
    CHECK(arrivals.arrive(0, 0) == Kind::in_order);
    CHECK(arrivals.arrive(1, 0) == Kind::duplicate);
    CHECK(arrivals.arrived() == 2);
    CHECK(arrivals.duplicates() == 2);
}

TEST_CASE("a message behind a later one of its client is out of order, and a copy is not") {
    Arrivals arrivals(2, 8);
    CHECK(arrivals.arrive(0, 1) == Kind::in_order);  // number 0 may be lost, that is not a matter of order
    CHECK(arrivals.arrive(1, 0) == Kind::in_order);  // of another client
    CHECK(arrivals.arrive(0, 0) == Kind::late);
    CHECK(arrivals.arrive(0, 0) == Kind::duplicate);
    CHECK(arrivals.arrive(0, 2) == Kind::in_order);
    CHECK(arrivals.out_of_order() == 1);
    CHECK(arrivals.duplicates() == 1);
    CHECK(arrivals.arrived() == 4);
}

TEST_CASE("what nobody sent is not an arrival") {
    Arrivals arrivals(2, 3);
    CHECK(arrivals.arrive(2, 0) == Kind::unknown);
    CHECK(arrivals.arrive(1, 1) == Kind::unknown);
    CHECK(arrivals.arrive(0xFFFFFFFF, 0xFFFFFFFF) == Kind::unknown);
    CHECK(arrivals.unknown() == 3);
    CHECK(arrivals.arrived() == 0);
}

TEST_CASE("a stamp is read as it was written") {
    const Stamp stamp{0xAABBCCDD, 9999, 123456, 1'700'000'000'123'456'789};
    std::array<std::byte, 32> payload{};
    payload.fill(std::byte{0x55});
    stamp.write(payload);
    CHECK(Stamp::read(payload) == stamp);
    CHECK(Stamp::read(std::span(payload).first(Stamp::octets)) == stamp);
    CHECK(payload[Stamp::octets] == std::byte{0x55});
    CHECK_FALSE(Stamp::read(std::span(payload).first(Stamp::octets - 1)).has_value());
    CHECK_FALSE(Stamp::read({}).has_value());
}

TEST_CASE("a lost message breaks the promise of QoS 1 and 2") {
    CHECK(report_with(0, 999, 0).exit_code() == exit_ok);
    CHECK(report_with(1, 999, 0).exit_code() == exit_promise_broken);
    CHECK(report_with(2, 999, 0).exit_code() == exit_promise_broken);
    CHECK(report_with(2, 1000, 0).exit_code() == exit_ok);
}

TEST_CASE("a doubled message breaks the promise of QoS 2") {
    CHECK(report_with(0, 1000, 1).exit_code() == exit_ok);
    CHECK(report_with(1, 1000, 1).exit_code() == exit_ok);
    CHECK(report_with(2, 1000, 1).exit_code() == exit_promise_broken);
}

TEST_CASE("what could not be measured to the end, or was never acknowledged, is a failure") {
    auto report = report_with(1, 900, 0);
    report.failure = "interrupted";
    CHECK(report.exit_code() == exit_failed);
    auto given_up = report_with(1, 1000, 0);
    given_up.trials[0].unacknowledged = 1;
    CHECK(given_up.exit_code() == exit_failed);
}

TEST_CASE("a rate holds when at most one message of a thousand is lost and none falls behind") {
    const auto trial = [](std::uint64_t sent, std::uint64_t arrived, double rate) {
        TrialResult result;
        result.sent = sent;
        result.arrived = arrived;
        result.rate_asked = rate;
        result.elapsed_ns = 1'000'000'000;
        return result;
    };
    CHECK(Report::held(trial(1000, 1000, 1000)));
    CHECK(Report::held(trial(1000, 999, 1000)));
    CHECK_FALSE(Report::held(trial(1000, 998, 1000)));
    CHECK_FALSE(Report::held(trial(1000, 1000, 1100)));
    CHECK_FALSE(Report::held(trial(0, 0, 1000)));
}

TEST_CASE("options that make no sense are told apart") {
    Options options;
    CHECK_FALSE(check(options).has_value());
    options.size = 19;
    CHECK(check(options).value_or("").find("--size 19") == 0);
    options = {};
    options.scenario = Scenario::idle;
    CHECK(check(options).value_or("").find("--pid") != std::string::npos);
    options = {};
    options.scenario = Scenario::connect;
    options.search = true;
    CHECK(check(options).value_or("").find("--search") == 0);
    options = {};
    options.pid = 0x3FFFFFFF;
    CHECK(check(options).value_or("").find("no such process") != std::string::npos);
}

}  // namespace bench_arrivals_test
