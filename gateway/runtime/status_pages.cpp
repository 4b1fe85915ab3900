#include "gateway/runtime/status_pages.hpp"

#include "gateway/runtime/exposition.hpp"
#include "gateway/runtime/metrics.hpp"
#include "gateway/runtime/status_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

namespace mqttsn::gateway {

namespace {

constexpr std::string_view version = MQTTSN_VERSION;
constexpr std::string_view json = "application/json";
constexpr std::size_t max_page = 1000;
constexpr std::size_t default_page = 100;

constexpr const char* contents =
    "mqttsn-gateway\n\n"
    "/metrics            for Prometheus\n"
    "/healthz            200 while the process answers\n"
    "/readyz             200 while devices can be served, or 503 with the reasons\n"
    "/api/v1/status      links, broker, store and counters as JSON\n"
    "/api/v1/devices     devices as JSON; ?limit=100 (at most 1000) and ?after=CLIENT-ID for the next page\n";

HttpReply text(unsigned status, std::string body) {
    return {.status = status, .body = std::move(body)};
}

// nullopt: a percent sign without two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        unsigned value = 0;
        const char* begin = text.data() + i + 1;
        if (text.size() - i < 3 || std::from_chars(begin, begin + 2, value, 16).ptr != begin + 2) return std::nullopt;
        result += static_cast<char>(value);
        i += 2;
    }
    return result;
}

struct Page {
    std::string after;
    std::size_t limit = default_page;
};

// Errors: what is wrong with the query, as text.
std::optional<std::string> read_query(std::string_view query, Page& page) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const std::string_view name = pair.substr(0, pair.find('='));
        const auto value = percent_decoded(pair.substr(std::min(pair.size(), name.size() + 1)));
        if (!value) return fmt::format("{}: wrong percent encoding\n", name);
        if (name == "after") {
            page.after = *value;
        } else if (name == "limit") {
            const char* end = value->data() + value->size();
            const auto [rest, failure] = std::from_chars(value->data(), end, page.limit);
            if (failure != std::errc() || rest != end || page.limit < 1 || page.limit > max_page) {
                return fmt::format("limit: expected 1 to {}\n", max_page);
            }
        } else if (!pair.empty()) {
            return fmt::format("{}: unknown; there are limit and after\n", name);
        }
    }
    return std::nullopt;
}

HttpReply devices_page(std::string_view query, const Snapshot& snapshot, TimePoint now) {
    Page page;
    if (auto wrong = read_query(query, page)) return text(400, std::move(*wrong));
    auto devices = snapshot.gateway.devices(page.after, page.limit + 1, now);
    const bool more = devices.size() > page.limit;
    if (more) devices.pop_back();
    return {200, json, show_devices(devices, snapshot.links, more)};
}

}  // namespace

std::vector<std::string> obstacles(const Snapshot& snapshot) {
    std::vector<std::string> found;
    if (!snapshot.gateway.is_broker_connected()) {
        found.push_back(fmt::format("no connection to the broker {}", snapshot.broker_url));
    }
    for (const LinkSnapshot& each : snapshot.links) {
        if (!each.up) found.push_back(fmt::format("link {} is down", each.name));
    }
    if (snapshot.store && !snapshot.store->takes_records) found.emplace_back("the store takes no records");
    return found;
}

HttpReply page_for(std::string_view target, const Snapshot& snapshot, TimePoint now) {
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = target.substr(std::min(target.size(), path.size() + 1));
    if (path == "/metrics") {
        return {200, Exposition::content_type, show_metrics(snapshot, read_process_usage(), version)};
    }
    if (path == "/healthz") return text(200, "ok\n");
    if (path == "/readyz") {
        const auto reasons = obstacles(snapshot);
        return reasons.empty() ? text(200, "ready\n") : text(503, fmt::format("{}\n", fmt::join(reasons, "\n")));
    }
    if (path == "/api/v1/status") {
        return {200, json, show_status(snapshot, obstacles(snapshot), read_process_usage(), version)};
    }
    if (path == "/api/v1/devices") return devices_page(query, snapshot, now);
    if (path == "/") return text(200, contents);
    return text(404, fmt::format("no such page; there are:\n\n{}", contents));
}

StatusPages::StatusPages(boost::asio::io_context& io, std::function<Snapshot()> collect, std::function<TimePoint()> now)
    : collect_(std::move(collect)),
      now_(std::move(now)),
      lag_(io),
      server_(io, [this](std::string_view target) { return answer(target); }) {}

std::string StatusPages::start(const std::string& listen) {
    std::string failure = server_.listen(listen);
    if (failure.empty()) lag_.start();
    return failure;
}

void StatusPages::stop() {
    server_.stop();
    lag_.stop();
}

HttpReply StatusPages::answer(std::string_view target) const {
    Snapshot snapshot = collect_();
    snapshot.loop_lag = lag_.seen();
    snapshot.http = server_.counters();
    return page_for(target, snapshot, now_());
}

}  // namespace mqttsn::gateway
