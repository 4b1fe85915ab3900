#include "tools/commands/json_report.hpp"

#include "protocol/topic.hpp"
#include "tools/commands/message_format.hpp"
#include "tools/commands/ports.hpp"
#include "transports/udp_address.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace mqttsn::tools {

namespace json = boost::json;

namespace {

double milliseconds_of(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

json::object percentiles_of(const Latencies& latencies) {
    return {{"p50", milliseconds_of(latencies.percentile(0.5))},
            {"p90", milliseconds_of(latencies.percentile(0.9))},
            {"p99", milliseconds_of(latencies.percentile(0.99))},
            {"max", milliseconds_of(latencies.max())}};
}

json::object impairment_of(const node::ImpairmentCounters& counts) {
    const auto way = [](const node::ImpairmentCounters::Way& each) {
        return json::object{{"frames", each.frames},
                            {"lost", each.lost},
                            {"doubled", each.doubled},
                            {"reordered", each.reordered},
                            {"delayed", each.delayed}};
    };
    return {{"up", way(counts.ways[0])},
            {"down", way(counts.ways[1])},
            {"new_addresses", counts.rebindings},
            {"astray", counts.astray},
            {"overflows", counts.overflows}};
}

json::object dongle_of(const DongleReport& report) {
    const dongle::DongleCounters& counts = report.dongle;
    const auto line = [](const dongle::LineCounters& octets) {
        return json::object{{"octets", octets.octets},
                            {"corrupted", octets.corrupted},
                            {"dropped", octets.dropped},
                            {"inserted", octets.inserted}};
    };
    return {{"frames_up", counts.frames_up},
            {"frames_down", counts.frames_down},
            {"lost_on_air", counts.lost_on_air},
            {"collisions", counts.collisions},
            {"unheard", counts.unheard},
            {"malformed", counts.malformed},
            {"refused", counts.refused},
            {"unknown_node", counts.unknown_node},
            {"replies_withheld", counts.replies_withheld},
            {"too_large", report.too_large},
            {"line_from_gateway", line(report.from_host)},
            {"line_to_gateway", line(report.to_host)},
            {"overrun", report.overrun},
            {"wrong_speed", report.wrong_speed},
            {"unplugged", report.unplugged},
            {"resets", report.resets}};
}

json::array nodes_of(const std::vector<NodeReport>& nodes) {
    json::array list;
    for (const NodeReport& each : nodes) {
        list.push_back({{"id", each.client_id},
                        {"sent", each.sent},
                        {"acknowledged", each.acknowledged},
                        {"lost", each.lost},
                        {"retransmitted", each.retransmitted},
                        {"latency_mean_ms", milliseconds_of(each.latency_mean)},
                        {"latency_max_ms", milliseconds_of(each.latency_max)},
                        {"echo_latency_max_ms", milliseconds_of(each.echo_latency_max)}});
    }
    return list;
}

}  // namespace

std::string to_json(const std::vector<node::KnownGateway>& gateways, TimePoint now) {
    json::array list;
    for (const node::KnownGateway& each : gateways) {
        json::value period = nullptr;
        if (each.duration_s) period = *each.duration_s;
        list.push_back({{"id", each.gw_id},
                        {"address", transports::to_string(transports::to_socket_address(each.address))},
                        {"heard_by", source_name(each.source)},
                        {"advertise_s", period},
                        {"age_s", std::chrono::duration<double>(now - each.heard_at).count()}});
    }
    return json::serialize(list);
}

std::string to_json(const std::vector<transports::ListedPort>& ports) {
    const auto text_or_null = [](const std::string& text) { return text.empty() ? json::value() : json::value(text); };
    json::array list;
    for (const transports::ListedPort& each : ports) {
        const auto usb = each.usb.value_or(transports::UsbId{});
        const auto hex_or_null = [&](std::uint16_t id) {
            return each.usb ? json::value(fmt::format("{:04x}", id)) : json::value();
        };
        list.push_back({{"device", each.device},
                        {"by_id", text_or_null(each.by_id)},
                        {"vendor_id", hex_or_null(usb.vendor)},
                        {"product_id", hex_or_null(usb.product)},
                        {"manufacturer", text_or_null(each.manufacturer)},
                        {"product", text_or_null(each.product)},
                        {"serial", text_or_null(usb.serial)},
                        {"config", config_line(each)}});
    }
    return json::serialize(list);
}

std::string to_json(const node::Received& message, const std::string& time, bool payload_is_json) {
    json::object object{{"tst", time},
                        {"topic", message.topic},
                        {"qos", static_cast<int>(message.qos)},
                        {"retain", message.retain ? 1 : 0},
                        {"payloadlen", message.payload.size()}};
    if (message.msg_id != 0) object["mid"] = message.msg_id;
    const auto text = as_text(message.payload);
    boost::system::error_code error;
    json::value value;
    if (payload_is_json) value = json::parse({text.data(), text.size()}, error);
    if (payload_is_json && !error) {
        object["payload"] = std::move(value);
    } else if (is_valid_utf8(text)) {
        object["payload"] = json::string_view(text.data(), text.size());
    } else {
        object["payload_hex"] = hex_of(message.payload);
    }
    return json::serialize(object);
}

std::string to_json(const FleetReport& report, const std::vector<NodeReport>& nodes) {
    const FleetTotals& totals = report.totals;
    const double messages = totals.sent == 0 ? 1 : static_cast<double>(totals.sent);
    const auto per_message = [&](std::uint64_t count) { return static_cast<double>(count) / messages; };
    json::object object{{"nodes", report.nodes},
                        {"elapsed_s", std::chrono::duration<double>(report.elapsed).count()},
                        {"sent", totals.sent},
                        {"acknowledged", totals.acknowledged},
                        {"without_acknowledgement", totals.without_acknowledgement},
                        {"refused", totals.refused},
                        {"lost", report.lost},
                        {"retransmitted", report.retransmitted},
                        {"skipped", totals.skipped},
                        {"commands", totals.commands},
                        {"connects", totals.connects},
                        {"connections_lost", totals.connections_lost},
                        {"latency_ms", percentiles_of(totals.latencies)},
                        {"echoes", totals.echoes},
                        {"echoes_lost", report.echoes_lost},
                        {"echoes_duplicated", totals.echoes_duplicated},
                        {"echo_latency_ms", percentiles_of(totals.echo_latencies)},
                        {"frames_up_per_message", per_message(report.frames_up)},
                        {"frames_down_per_message", per_message(report.frames_down)},
                        {"octets_up_per_message", per_message(report.octets_up)},
                        {"octets_down_per_message", per_message(report.octets_down)},
                        {"cpu_s", report.cpu_s},
                        {"rss_kib", report.rss_kib}};
    if (report.impaired) object["network"] = impairment_of(*report.impaired);
    if (!report.faults.empty()) {
        json::object& faults = object["faults"].emplace_object();
        for (const auto& [name, count] : report.faults)
            faults[name] = count;
    }
    if (report.dongle) {
        object["altered"] = totals.altered;
        object["dongle"] = dongle_of(*report.dongle);
    }
    if (!nodes.empty()) object["per_node"] = nodes_of(nodes);
    return json::serialize(object);
}

}  // namespace mqttsn::tools
