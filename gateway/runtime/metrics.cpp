#include "gateway/runtime/metrics.hpp"

#include "gateway/runtime/exposition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mqttsn::gateway {

namespace {

void show_counters(const Counters& counters, Exposition& out) {
    counters.for_each([&](std::string_view name, std::string_view text, std::uint64_t value) {
        out.counter(fmt::format("mqttsn_{}_total", name), text, value);
    });
}

void show_traffic(const Traffic& traffic, Exposition& out) {
    const auto by_type = [&](const auto& counts) {
        for (std::size_t code = 0; code < Traffic::type_count; ++code) {
            const auto type = sn::name_of(static_cast<sn::MsgType>(code));
            if (type != "reserved") out.sample(counts[code], {{"type", type}});
        }
    };
    out.counter("mqttsn_messages_received_total", "well-formed messages from nodes, by type");
    by_type(traffic.received);
    out.counter("mqttsn_messages_sent_total", "messages to nodes, by type");
    by_type(traffic.sent);
    out.counter("mqttsn_undecodable_frames_total",
                "frames from nodes that are no message or wrongly encapsulated, by cause");
    for (std::size_t i = 0; i < sn::codec_error_count; ++i) {
        const auto cause = static_cast<sn::CodecError>(i + 1);
        if (cause != sn::CodecError::too_long) out.sample(traffic.undecodable[i], {{"cause", sn::name_of(cause)}});
    }
    out.histogram("mqttsn_broker_round_trip_seconds", "from a PUBLISH QoS 1/2 to the broker until its acknowledgement",
                  traffic.round_trips);
}

void show_totals(const Gateway& gateway, Exposition& out) {
    const Totals totals = gateway.totals();
    out.gauge("mqttsn_sessions", "sessions of devices, by state");
    for (std::size_t state = 0; state < client_state_count; ++state)
        out.sample(std::uint64_t{totals.sessions[state]}, {{"state", name_of(static_cast<ClientState>(state))}});
    out.gauge("mqttsn_deliveries_waiting", "messages waiting for devices");
    out.sample(std::uint64_t{totals.deliveries});
    out.gauge("mqttsn_deliveries_waiting_bytes", "their topics and payloads");
    out.sample(std::uint64_t{totals.delivery_octets});
    out.gauge("mqttsn_taken_waiting", "messages in the store waiting for the broker");
    out.sample(std::uint64_t{totals.taken});
    out.gauge("mqttsn_taken_waiting_bytes", "their topics and payloads");
    out.sample(std::uint64_t{totals.taken_octets});
    out.gauge("mqttsn_broker_up", "1 while the gateway's own broker connection stands");
    out.sample(std::uint64_t{gateway.is_broker_connected() ? 1U : 0U});
    out.gauge("mqttsn_broker_connections", "broker connections that stand, the gateway's own included");
    out.sample(std::uint64_t{totals.broker_connections + (gateway.is_broker_connected() ? 1 : 0)});
}

void show_links(const std::vector<LinkSnapshot>& links, Exposition& out) {
    using transports::LinkCounters;
    static_assert(sizeof(LinkCounters) == 8 * sizeof(std::uint64_t), "show new counters below");
    out.gauge("mqttsn_link_up", "1 while the link works");
    for (const LinkSnapshot& each : links)
        out.sample(std::uint64_t{each.up ? 1U : 0U}, {{"link", each.name}});
    const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t LinkCounters::*member) {
        out.counter(name, help);
        for (const LinkSnapshot& each : links)
            out.sample(each.counters.*member, {{"link", each.name}});
    };
    counter("mqttsn_link_received_frames_total", "frames received", &LinkCounters::frames_in);
    counter("mqttsn_link_received_bytes_total", "octets received", &LinkCounters::octets_in);
    counter("mqttsn_link_sent_frames_total", "frames sent", &LinkCounters::frames_out);
    counter("mqttsn_link_sent_bytes_total", "octets sent", &LinkCounters::octets_out);
    out.counter("mqttsn_link_errors_total",
                "frames lost on the link: truncated (larger than the receive limit), receive, send (refused by the "
                "system), queue_full (the send queue was full)");
    for (const LinkSnapshot& each : links) {
        const LinkCounters& counters = each.counters;
        out.sample(counters.truncated, {{"link", each.name}, {"error", "truncated"}});
        out.sample(counters.receive_errors, {{"link", each.name}, {"error", "receive"}});
        out.sample(counters.send_errors, {{"link", each.name}, {"error", "send"}});
        out.sample(counters.send_queue_full, {{"link", each.name}, {"error", "queue_full"}});
    }
}

// What only some kinds of links count; a family without a sample is left out.
void show_link_events(const std::vector<LinkSnapshot>& links, Exposition& out) {
    using Kind = transports::NamedCount::Kind;
    const auto family = [&](Kind kind, std::string_view label, auto&& begin) {
        bool begun = false;
        for (const LinkSnapshot& link : links) {
            for (const auto& each : link.more) {
                if (each.kind != kind) continue;
                if (!std::exchange(begun, true)) begin();
                const std::string name = each.identifier();
                if (kind == Kind::milliseconds) {
                    out.sample(static_cast<double>(each.value) / 1000, {{"link", link.name}, {label, name}});
                } else {
                    out.sample(each.value, {{"link", link.name}, {label, name}});
                }
            }
        }
    };
    family(Kind::events, "event", [&] {
        out.counter("mqttsn_link_events_total", "what happened on serial lines and in radio dongles, errors included");
    });
    family(Kind::octets, "of", [&] { out.counter("mqttsn_link_line_bytes_total", "octets on serial lines"); });
    family(Kind::milliseconds, "of",
           [&] { out.counter("mqttsn_link_time_seconds_total", "air time, and waits for it"); });
    family(Kind::level, "of", [&] { out.gauge("mqttsn_link_queue_frames", "frames that wait to leave the link"); });
}

// Per link, not per device: the number of series must not depend on devices.
void show_signals(const Snapshot& snapshot, Exposition& out) {
    struct Heard {
        std::uint64_t devices = 0;
        double rssi_sum = 0;
        double snr_sum = 0;
        double weakest_rssi = 0;
        double weakest_snr = 0;
    };
    std::vector<Heard> heard(snapshot.links.size());
    for (const DeviceSignal& each : snapshot.gateway.signals()) {
        if (each.link >= heard.size()) continue;
        Heard& link = heard[each.link];
        const double rssi = each.quality.mean_rssi_dbm();
        const double snr = each.quality.mean_snr_db();
        link.weakest_rssi = link.devices == 0 ? rssi : std::min(link.weakest_rssi, rssi);
        link.weakest_snr = link.devices == 0 ? snr : std::min(link.weakest_snr, snr);
        link.rssi_sum += rssi;
        link.snr_sum += snr;
        ++link.devices;
    }
    if (std::ranges::all_of(heard, [](const Heard& each) { return each.devices == 0; })) return;
    const auto family = [&](std::string_view name, std::string_view help, double Heard::*sum, double Heard::*weakest) {
        out.gauge(name, help);
        for (std::size_t i = 0; i < heard.size(); ++i) {
            if (heard[i].devices == 0) continue;
            const double mean = heard[i].*sum / static_cast<double>(heard[i].devices);
            out.sample(mean, {{"link", snapshot.links[i].name}, {"of", "all"}});
            out.sample(heard[i].*weakest, {{"link", snapshot.links[i].name}, {"of", "weakest"}});
        }
    };
    out.gauge("mqttsn_link_signal_devices", "devices whose signal the link reports");
    for (std::size_t i = 0; i < heard.size(); ++i)
        out.sample(heard[i].devices, {{"link", snapshot.links[i].name}});
    family("mqttsn_link_rssi_dbm", "how strongly devices are heard: mean of all, and of the weakest", &Heard::rssi_sum,
           &Heard::weakest_rssi);
    family("mqttsn_link_snr_db", "signal to noise: mean of all, and of the worst", &Heard::snr_sum,
           &Heard::weakest_snr);
}

void show_store(const StoreSnapshot& store, Exposition& out) {
    const StoreCounters& counters = store.counters;
    static_assert(sizeof(counters) == 6 * sizeof(std::uint64_t) + sizeof(Duration), "show new counters below");
    out.gauge("mqttsn_store_up", "1 while the disk takes records");
    out.sample(std::uint64_t{store.takes_records ? 1U : 0U});
    out.counter("mqttsn_store_commits_total", "commits to disk", counters.commits);
    out.counter("mqttsn_store_records_total", "records written or erased", counters.records_written);
    out.counter("mqttsn_store_written_bytes_total", "octets of records", counters.octets_written);
    out.counter("mqttsn_store_pages_total", "pages of 4096 octets written to the log", counters.pages_written);
    out.counter("mqttsn_store_checkpoints_total", "checkpoints", counters.checkpoints);
    out.counter("mqttsn_store_failures_total", "commits and checkpoints that failed", counters.failures);
    out.gauge("mqttsn_store_longest_commit_seconds", "the longest commit so far",
              std::chrono::duration<double>(counters.longest_commit).count());
    out.gauge("mqttsn_store_sessions_waiting", "sessions whose answers wait for the disk");
    out.sample(std::uint64_t{store.sessions_waiting});
    out.counter("mqttsn_store_frames_dropped_total", "frames dropped: too many of a device waited for the disk",
                store.frames_dropped);
}

void show_process(const ProcessUsage& usage, Exposition& out) {
    out.gauge("process_resident_memory_bytes", "resident memory");
    out.sample(usage.resident_bytes);
    out.counter("process_cpu_seconds_total", "processor time, user and system");
    out.sample(usage.cpu_seconds);
    out.gauge("process_open_fds", "open file descriptors");
    out.sample(usage.open_files);
    out.gauge("process_max_fds", "limit of open file descriptors");
    out.sample(usage.max_files);
    out.gauge("process_start_time_seconds", "start of the process, Unix time");
    out.sample(usage.started_at);
}

}  // namespace

std::string show_metrics(const Snapshot& snapshot, const ProcessUsage& usage, std::string_view version) {
    Exposition out;
    out.gauge("mqttsn_build_info", "1, with the version as a label");
    out.sample(std::uint64_t{1}, {{"version", version}});
    show_counters(snapshot.gateway.counters(), out);
    show_traffic(snapshot.gateway.traffic(), out);
    show_totals(snapshot.gateway, out);
    show_links(snapshot.links, out);
    show_link_events(snapshot.links, out);
    show_signals(snapshot, out);
    if (snapshot.store) show_store(*snapshot.store, out);
    out.histogram("mqttsn_event_loop_lag_seconds", "how late the event loop is, looked at once a second",
                  snapshot.loop_lag);
    static_assert(sizeof(HttpCounters) == 2 * sizeof(std::uint64_t), "show new counters below");
    out.counter("mqttsn_http_requests_total", "requests to the status pages", snapshot.http.requests);
    out.counter("mqttsn_http_refused_total", "connections to the status pages refused: too many at a time",
                snapshot.http.refused);
    show_process(usage, out);
    return out.text();
}

}  // namespace mqttsn::gateway
