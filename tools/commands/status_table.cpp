#include "tools/commands/status_table.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace mqttsn::tools {

namespace {

namespace json = boost::json;
using Row = std::vector<std::string>;

// What devices and brokers name themselves must not steer the terminal.
std::string shown(std::string_view text) {
    std::string result(text);
    std::ranges::replace_if(
        result, [](char each) { return static_cast<unsigned char>(each) < 0x20 || each == 0x7F; }, '?');
    return result.empty() ? "-" : result;
}

std::string shown(const json::value& value) {
    if (value.is_null()) return "-";
    if (const auto* text = value.if_string()) return shown(std::string_view(text->data(), text->size()));
    return json::serialize(value);
}

std::string ago(const json::value& seconds) {
    if (!seconds.is_number()) return "-";
    const double value = seconds.to_number<double>();
    if (value < 60) return fmt::format("{:.1f}s", value);
    if (value < 3600) return fmt::format("{:.0f}m", value / 60);
    if (value < 2 * 86400) return fmt::format("{:.0f}h", value / 3600);
    return fmt::format("{:.0f}d", value / 86400);
}

std::string strength(const json::value& signal) {
    const auto* values = signal.if_object();
    if (values == nullptr) return "-";
    return fmt::format("{} dBm", shown(values->at("rssi_dbm")));
}

// Characters, not octets: continuation octets of UTF-8 take no place.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char each) { return (static_cast<unsigned char>(each) & 0xC0U) != 0x80U; }));
}

std::string aligned(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows[0].size());
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text += std::string(widths[i] - width(row[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string head(const json::object& status) {
    std::string readiness = "ready";
    if (!status.at("ready").as_bool()) {
        readiness = "NOT READY";
        for (const auto& reason : status.at("not_ready_because").as_array())
            readiness += fmt::format("; {}", shown(reason));
    }
    const auto& broker = status.at("broker").as_object();
    std::string text = fmt::format("{} {}: {}\n", shown(status.at("name")), shown(status.at("version")), readiness);
    text += fmt::format("broker    {}: {}, {} device connections\n", shown(broker.at("url")),
                        broker.at("connected").as_bool() ? "connected" : "not connected",
                        shown(broker.at("device_connections")));
    std::string sessions;
    for (const auto& [state, count] : status.at("sessions").as_object())
        sessions += fmt::format("{}{} {}", sessions.empty() ? "" : ", ", shown(count), std::string(state));
    text += fmt::format("devices   {}\n", sessions);
    text += fmt::format("waiting   {} messages for devices, {} in the store for the broker\n",
                        shown(status.at("deliveries")), shown(status.at("taken")));
    if (const auto* store = status.at("store").if_object()) {
        text += fmt::format("store     {}, {} commits, {} failures\n",
                            store->at("takes_records").as_bool() ? "takes records" : "TAKES NO RECORDS",
                            shown(store->at("commits")), shown(store->at("failures")));
    }
    return text;
}

std::string links(const json::object& status) {
    std::vector<Row> rows{{"LINK", "STATE", "RECEIVED", "SENT", "ERRORS"}};
    for (const auto& each : status.at("links").as_array()) {
        const auto& link = each.as_object();
        std::uint64_t errors = 0;
        for (const char* kind : {"truncated", "receive_errors", "send_errors", "send_queue_full"})
            errors += link.at(kind).to_number<std::uint64_t>();
        // Of serial lines and their dongles.
        const auto& more = link.at("more").as_object();
        for (const char* kind :
             {"check_errors", "framing_errors", "oversize", "send_failures", "send_timeouts", "too_long"}) {
            if (const auto* count = more.if_contains(kind)) errors += count->to_number<std::uint64_t>();
        }
        rows.push_back({shown(link.at("name")), link.at("up").as_bool() ? "up" : "DOWN",
                        shown(link.at("frames_received")), shown(link.at("frames_sent")), fmt::format("{}", errors)});
    }
    return aligned(rows);
}

std::string devices(const json::object& page) {
    std::vector<Row> rows{
        {"DEVICE", "STATE", "HEARD", "WAITING", "TOPICS", "SUBSCRIBED", "BROKER", "SIGNAL", "ADDRESS"}};
    for (const auto& each : page.at("devices").as_array()) {
        const auto& device = each.as_object();
        rows.push_back({shown(device.at("client_id")), shown(device.at("state")), ago(device.at("heard_s")),
                        shown(device.at("deliveries")), shown(device.at("topics")), shown(device.at("subscriptions")),
                        shown(device.at("broker")), strength(device.at("signal")), shown(device.at("address"))});
    }
    std::string text = rows.size() == 1 ? "no devices\n" : aligned(rows);
    if (!page.at("next").is_null()) text += fmt::format("more: --after {}\n", shown(page.at("next")));
    return text;
}

}  // namespace

std::optional<std::string> status_table(std::string_view status, std::string_view page) {
    try {
        const auto parsed_status = json::parse({status.data(), status.size()});
        const auto parsed_page = json::parse({page.data(), page.size()});
        const auto& object = parsed_status.as_object();
        return head(object) + "\n" + links(object) + "\n" + devices(parsed_page.as_object());
    } catch (const std::exception&) {
        return std::nullopt;  // not JSON, or a key is missing or of another type
    }
}

}  // namespace mqttsn::tools
