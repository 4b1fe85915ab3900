// /metrics against a strict reader of the format: every counter of the code is visible, and values are what happened.
#include "gateway/runtime/metrics.hpp"
#include "gateway/runtime/exposition.hpp"
#include "tests/unit/runtime/exposition_parser.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <stdexcept>

namespace metrics_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;
using mqttsn::test::MetricFamily;
using mqttsn::test::parse_exposition;

namespace {

const TimePoint start{1000s};

std::vector<std::byte> octets(std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int each : values)
        result.push_back(static_cast<std::byte>(each));
    return result;
}

/// A gateway that was sent one SEARCHGW, one CONNECT of client "d" and one frame that is none.
class Metrics {
public:
    Metrics() {
        gateway.start(start, out);
        receive(octets({3, 0x01, 0}));
        receive(octets({7, 0x04, 0x04, 0x01, 0, 60, 'd'}));
        receive(octets({3, 0x7F, 0}));
    }

    void receive(const std::vector<std::byte>& frame, std::optional<Signal> signal = {}) {
        out.clear();
        gateway.on_frame({{0, {}}, signal}, frame, start, out);
    }

    std::vector<MetricFamily> families(std::optional<StoreSnapshot> store = StoreSnapshot{}) const {
        Snapshot snapshot{
            gateway, "barn", "mqtt://localhost", {{name_of_a, true, {}, {}}, {"udp:b", false, {}, more}}, store,
            {},      {}};
        snapshot.links[1].counters = {1, 2, 3, 4, 5, 6, 7, 8};
        return parse_exposition(show_metrics(snapshot, {4096, 1.5, 3, 1024, 1e9}, "1.2.3"));
    }

    static constexpr const char* name_of_a = "udp:\"a\"\\\n";
    /// What link b counts beside.
    std::vector<transports::NamedCount> more;

    /// The one value with these labels.
    double value(const std::string& name, const std::map<std::string, std::string>& labels = {}) const {
        for (const MetricFamily& family : families()) {
            for (const auto& sample : family.samples) {
                if (sample.name == name && sample.labels == labels) return sample.value;
            }
        }
        throw std::runtime_error("no sample " + name);
    }

private:
    Config config = [] {
        Config made;
        made.links.push_back({});
        return made;
    }();
    Outbox out;
    Gateway gateway{config, {}};
};

}  // namespace

TEST_CASE("every counter of the code is a metric, with its meaning") {
    const auto families = Metrics().families();
    Counters{}.for_each([&](std::string_view name, std::string_view text, std::uint64_t) {
        const auto found = std::ranges::find(families, "mqttsn_" + std::string(name) + "_total", &MetricFamily::name);
        INFO(name);
        REQUIRE(found != families.end());
        CHECK(found->type == "counter");
        CHECK(found->help == text);
        CHECK(found->samples.size() == 1);
    });
}

TEST_CASE("metrics tell what happened") {
    const Metrics metrics;
    CHECK(metrics.value("mqttsn_frames_in_total") == 3);
    CHECK(metrics.value("mqttsn_malformed_total") == 1);
    CHECK(metrics.value("mqttsn_messages_received_total", {{"type", "CONNECT"}}) == 1);
    CHECK(metrics.value("mqttsn_messages_received_total", {{"type", "SEARCHGW"}}) == 1);
    CHECK(metrics.value("mqttsn_messages_received_total", {{"type", "PUBLISH"}}) == 0);
    CHECK(metrics.value("mqttsn_sessions", {{"state", "connecting"}}) == 1);
    CHECK(metrics.value("mqttsn_sessions", {{"state", "active"}}) == 0);
    CHECK(metrics.value("mqttsn_broker_up") == 0);
    CHECK(metrics.value("mqttsn_build_info", {{"version", "1.2.3"}}) == 1);
    CHECK(metrics.value("process_resident_memory_bytes") == 4096);
    CHECK(metrics.value("process_cpu_seconds_total") == 1.5);
    CHECK(metrics.value("process_start_time_seconds") == 1e9);
}

TEST_CASE("links are told apart by their name, whatever is in it") {
    const Metrics metrics;
    CHECK(metrics.value("mqttsn_link_up", {{"link", Metrics::name_of_a}}) == 1);
    CHECK(metrics.value("mqttsn_link_up", {{"link", "udp:b"}}) == 0);
}

TEST_CASE("every counter of links, store and pages is a metric") {
    const Metrics metrics;
    const auto of_b = [&](const std::string& name) { return metrics.value(name, {{"link", "udp:b"}}); };
    CHECK(of_b("mqttsn_link_received_frames_total") == 1);
    CHECK(of_b("mqttsn_link_received_bytes_total") == 2);
    CHECK(of_b("mqttsn_link_sent_frames_total") == 3);
    CHECK(of_b("mqttsn_link_sent_bytes_total") == 4);
    int expected = 5;
    for (const char* error : {"truncated", "receive", "send", "queue_full"})
        CHECK(metrics.value("mqttsn_link_errors_total", {{"link", "udp:b"}, {"error", error}}) == expected++);
    StoreSnapshot store;
    store.counters = {1, 2, 3, 4, 5, 6, 7s};
    store.frames_dropped = 8;
    std::map<std::string, double> shown;
    for (const MetricFamily& family : metrics.families(store)) {
        if (family.name.starts_with("mqttsn_store_")) shown[family.name.substr(13)] = family.samples.at(0).value;
    }
    CHECK(shown == std::map<std::string, double>{{"up", 1},
                                                 {"commits_total", 1},
                                                 {"records_total", 2},
                                                 {"written_bytes_total", 3},
                                                 {"pages_total", 4},
                                                 {"checkpoints_total", 5},
                                                 {"failures_total", 6},
                                                 {"longest_commit_seconds", 7},
                                                 {"sessions_waiting", 0},
                                                 {"frames_dropped_total", 8}});
}

TEST_CASE("what only some links count is a metric of its kind") {
    using enum transports::NamedCount::Kind;
    Metrics metrics;
    metrics.more = {{"check errors", 3, events},
                    {"skipped octets", 4, octets},
                    {"air time", 1500, milliseconds},
                    {"waiting now", 5, level}};
    CHECK(metrics.value("mqttsn_link_events_total", {{"link", "udp:b"}, {"event", "check_errors"}}) == 3);
    CHECK(metrics.value("mqttsn_link_line_bytes_total", {{"link", "udp:b"}, {"of", "skipped_octets"}}) == 4);
    CHECK(metrics.value("mqttsn_link_time_seconds_total", {{"link", "udp:b"}, {"of", "air_time"}}) == 1.5);
    CHECK(metrics.value("mqttsn_link_queue_frames", {{"link", "udp:b"}, {"of", "waiting_now"}}) == 5);
}

TEST_CASE("frames that cannot be decoded are told apart by their cause") {
    const Metrics metrics;
    CHECK(metrics.value("mqttsn_undecodable_frames_total", {{"cause", "reserved_type"}}) == 1);
    CHECK(metrics.value("mqttsn_undecodable_frames_total", {{"cause", "length_mismatch"}}) == 0);
}

TEST_CASE("links with signals tell the mean and the weakest of their devices") {
    Metrics metrics;
    CHECK_THROWS(metrics.value("mqttsn_link_signal_devices", {{"link", Metrics::name_of_a}}));
    metrics.receive(octets({7, 0x04, 0x04, 0x01, 0, 60, 'd'}), Signal{-70, 9});
    metrics.receive(octets({7, 0x04, 0x04, 0x01, 0, 60, 'd'}), Signal{-80, 5});
    CHECK(metrics.value("mqttsn_link_signal_devices", {{"link", Metrics::name_of_a}}) == 1);
    CHECK(metrics.value("mqttsn_link_rssi_dbm", {{"link", Metrics::name_of_a}, {"of", "all"}}) == -75);
    CHECK(metrics.value("mqttsn_link_rssi_dbm", {{"link", Metrics::name_of_a}, {"of", "weakest"}}) == -75);
    CHECK(metrics.value("mqttsn_link_snr_db", {{"link", Metrics::name_of_a}, {"of", "all"}}) == 7);
}

TEST_CASE("without a store its metrics are absent") {
    const auto has_store = [](const std::vector<MetricFamily>& families) {
        return std::ranges::any_of(families,
                                   [](const MetricFamily& each) { return each.name.starts_with("mqttsn_store_"); });
    };
    CHECK(has_store(Metrics().families()));
    CHECK_FALSE(has_store(Metrics().families(std::nullopt)));
}

TEST_CASE("more devices make no more metrics") {
    const auto count = [](const Metrics& metrics) {
        std::size_t samples = 0;
        for (const MetricFamily& family : metrics.families())
            samples += family.samples.size();
        return samples;
    };
    Metrics many;
    for (int i = 'e'; i < 'z'; ++i)
        many.receive(octets({7, 0x04, 0x04, 0x01, 0, 60, i}));
    CHECK(count(many) == count(Metrics()));
}

TEST_CASE("a histogram counts each duration in the first bucket that holds it") {
    DurationHistogram durations;
    for (const Duration each : {Duration(0us), Duration(500us), Duration(501us), Duration(30ms), Duration(6s)})
        durations.add(each);
    Exposition out;
    out.histogram("waited_seconds", "how long", durations);
    const auto families = parse_exposition(out.text());
    REQUIRE(families.size() == 1);
    std::map<std::string, double> buckets;
    for (const auto& each : families[0].samples) {
        if (each.name == "waited_seconds_bucket") buckets[each.labels.at("le")] = each.value;
        if (each.name == "waited_seconds_sum") CHECK(each.value == Approx(6.031001));
    }
    CHECK(buckets.size() == DurationHistogram::bounds.size() + 1);
    CHECK(buckets.at("0.0005") == 2);
    CHECK(buckets.at("0.001") == 3);
    CHECK(buckets.at("0.025") == 3);
    CHECK(buckets.at("0.05") == 4);
    CHECK(buckets.at("5") == 4);
    CHECK(buckets.at("+Inf") == 5);
}

TEST_CASE("the strict reader refuses what the format forbids") {
    const std::string head = "# HELP a_total b\n# TYPE a_total counter\n";
    CHECK_NOTHROW(parse_exposition(head + "a_total{x=\"\\\"\\\\\\n\",y=\"\"} 1\n"));
    for (const char* wrong : {"a_total 1", "a_total{} 1\n", "a_total  1\n", "a_total{x=1} 1\n", "a_total{x=\"\",} 1\n",
                              "a_total one\n", "other 1\n", "a_total 1\na_total 2\n", "a_total{x=\"\\q\"} 1\n",
                              "# TYPE a_total counter\n", "# HELP a_total b\n"}) {
        INFO(wrong);
        CHECK_THROWS_AS(parse_exposition(head + wrong), std::runtime_error);
    }
    CHECK_THROWS_AS(parse_exposition("# HELP a b\n# TYPE a counter\na 1\n"), std::runtime_error);
    CHECK_THROWS_AS(parse_exposition("# TYPE a gauge\na 1\n"), std::runtime_error);
}

}  // namespace metrics_test
