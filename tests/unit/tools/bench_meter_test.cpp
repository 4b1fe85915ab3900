// The meters of `mqttsn bench`: delays, CPU time and memory, and what makes a rate the highest.
#include "tools/benchmark/histogram.hpp"
#include "tools/benchmark/process_meter.hpp"
#include "tools/benchmark/rate_search.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

namespace bench_meter_test {

using namespace mqttsn;
using namespace mqttsn::tools::benchmark;

TEST_CASE("an empty histogram has no delays") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.percentile(0.5) == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.mean() == 0);
}

TEST_CASE("small delays are kept exactly") {
    Histogram histogram;
    for (int ns = 1; ns <= 100; ++ns)
        histogram.record(ns);
    CHECK(histogram.percentile(0) == 1);
    CHECK(histogram.percentile(0.5) == 50);
    CHECK(histogram.percentile(0.99) == 99);
    CHECK(histogram.percentile(1) == 100);
    CHECK(histogram.mean() == Approx(50.5));
}

TEST_CASE("percentiles of any delays are those of the sorted list within one percent") {
    std::mt19937_64 random(7);
    Histogram histogram;
    std::vector<std::int64_t> sorted;
    for (int i = 0; i < 20000; ++i) {
        const auto ns = static_cast<std::int64_t>(random() >> (random() % 63 + 1));  // of every magnitude
        histogram.record(ns);
        sorted.push_back(ns);
    }
    std::ranges::sort(sorted);
    for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
        const std::int64_t exact = sorted[rank - 1];
        const std::int64_t kept = histogram.percentile(share);
        INFO(share << ": " << kept << " for " << exact);
        CHECK(kept >= exact);
        CHECK(kept - exact <= exact / 100);
    }
    CHECK(histogram.max() == sorted.back());
    CHECK(histogram.count() == sorted.size());
}

TEST_CASE("one delay is every percentile, one below zero counts as zero") {
    Histogram histogram;
    histogram.record(-5);
    CHECK(histogram.percentile(0.5) == 0);
    Histogram other;
    other.record(1'234'567'890'123);
    CHECK(other.percentile(0.01) == 1'234'567'890'123);
    CHECK(other.percentile(1) == 1'234'567'890'123);
}

TEST_CASE("the CPU time of a process is what it burnt") {
    const auto before = cpu_ns(getpid());
    REQUIRE(before.has_value());
    const std::int64_t own_before = own_cpu_ns();
    while (own_cpu_ns() - own_before < 100'000'000) {
    }
    const auto after = cpu_ns(getpid());
    REQUIRE(after.has_value());
    // What the kernel shows of a running process is up to a tick or two old.
    CHECK(*after - *before > 70'000'000);
    CHECK(*after - *before < 500'000'000);
    CHECK(own_user_cpu_ns() <= own_cpu_ns() + 20'000'000);
}

TEST_CASE("the resident memory of a process grows with what it touches") {
    const auto before = resident_octets(getpid());
    REQUIRE(before.has_value());
    CHECK(*before > 100'000);
    constexpr std::size_t size = 64U << 20U;
    std::vector<std::byte> memory(size, std::byte{1});
    const auto after = resident_octets(getpid());
    REQUIRE(after.has_value());
    CHECK(memory[size / 2] == std::byte{1});
    CHECK(*after >= *before + size / 2);
}

TEST_CASE("a process that is not there is an error") {
    constexpr pid_t beyond_all = 0x3FFFFFFF;  // PID_MAX_LIMIT is 2^22
    CHECK_FALSE(cpu_ns(beyond_all).has_value());
    CHECK_FALSE(resident_octets(beyond_all).has_value());
}

TEST_CASE("the search finds the highest rate that holds") {
    const double limit = GENERATE(3.0, 40.0, 999.0, 1000.0, 12345.0, 2e6);
    RateSearch search(1000);
    int trials = 0;
    while (!search.is_over()) {
        search.rate() <= limit ? search.held() : search.failed();
        REQUIRE(++trials < 40);
    }
    CHECK(search.best() <= limit);
    CHECK(search.best() * (1 + 2 * RateSearch::precision) >= limit);
}

TEST_CASE("a search in which nothing holds ends") {
    RateSearch search(1000);
    int trials = 0;
    for (; !search.is_over(); ++trials)
        search.failed();
    CHECK(search.best() == 0);
    CHECK(trials < 20);
}

}  // namespace bench_meter_test
