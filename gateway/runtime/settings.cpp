#include "gateway/runtime/settings_broker.hpp"

#include "gateway/runtime/settings_serial.hpp"
#include "protocol/topic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace mqttsn::gateway {

namespace {

class Completion {
public:
    Completion(Settings& settings, const std::string& where) : settings_(settings), where_(where) {}

    SettingErrors run() {
        complete_broker(settings_, [this](std::string text) { error(std::move(text)); });
        listeners();
        complete_serial(settings_, where_, errors_);
        endpoints("forwarder", "endpoints", settings_.forwarders, settings_.core.forwarder.endpoints);
        endpoints("qos_minus_one", "allowed", settings_.qos_minus_one_allowed, settings_.core.qos_minus_one.allowed);
        topics();
        policies();
        state_directory();
        http();
        client_id();
        bridge();
        const Timers& timers = settings_.core.timers;
        if (timers.upstream_backoff_min > timers.upstream_backoff_max) {
            error("[timers] upstream_backoff_min must not be longer than upstream_backoff_max");
        }
        return std::move(errors_);
    }

private:
    void error(std::string text) { errors_.push_back(fmt::format("{}: {}", where_, std::move(text))); }

    void listeners() {
        if (settings_.udp.empty() && settings_.serial.empty()) settings_.udp.emplace_back();
        std::set<std::string> seen;
        for (UdpSettings& each : settings_.udp) {
            const auto check = [&](const char* key, const std::string& text, bool group) {
                const auto address = transports::parse_socket_address(text);
                if (!address) {
                    error(fmt::format(
                        "[[udp]] {} = \"{}\": expected an address such as \"0.0.0.0:1883\" or \"[::]:1883\"", key,
                        text));
                } else if (group && !address->is_multicast()) {
                    error(fmt::format("[[udp]] {} = \"{}\": not a multicast address (224.0.0.0/4 or ff00::/8)", key,
                                      text));
                }
            };
            check("listen", each.socket.listen, false);
            for (const auto& group : each.socket.multicast)
                check("multicast", group, true);
            for (const auto& to : each.socket.advertise_to)
                check("advertise_to", to, false);
            if (!each.socket.listen.ends_with(":0") && !seen.insert(each.socket.listen).second) {
                error(fmt::format("[[udp]] listen = \"{}\" is given twice", each.socket.listen));
            }
            each.core.name = each.socket.name.empty() ? "udp:" + each.socket.listen : each.socket.name;
            each.core.max_frame = each.socket.max_frame;
            each.core.receive_limit = each.socket.receive_limit;
            if (each.socket.advertise_to.empty()) {
                // Nowhere to broadcast to: the searcher alone gets its answer.
                each.core.advertise = false;
                each.core.gwinfo_unicast = true;
            }
            settings_.core.links.push_back(each.core);
        }
    }

    // A serial line without addresses is one sender, known by the name of its link.
    std::optional<LinkId> serial_link(const std::string& name) const {
        for (std::size_t i = 0; i < settings_.serial.size(); ++i) {
            if (settings_.serial[i].core.name == name) return static_cast<LinkId>(settings_.udp.size() + i);
        }
        return std::nullopt;
    }

    // An address belongs to every link that could carry it: the sender's link is not known from its address.
    void endpoints(const char* section, const char* key, const std::vector<std::string>& texts,
                   std::vector<Endpoint>& list) {
        for (const auto& text : texts) {
            if (const auto link = serial_link(text)) {
                list.push_back({*link, {}});
                continue;
            }
            const auto address = transports::parse_socket_address(text);
            if (!address) {
                error(fmt::format("[{}] {}: \"{}\" is not an address such as \"192.0.2.1:1883\"", section, key, text));
                continue;
            }
            for (std::size_t link = 0; link < settings_.udp.size(); ++link) {
                const auto listen = transports::parse_socket_address(settings_.udp[link].socket.listen);
                if (listen && listen->is_v6() == address->is_v6()) {
                    list.push_back({static_cast<LinkId>(link), transports::to_address(*address)});
                }
            }
        }
    }

    void topics() {
        std::set<std::pair<sn::TopicId, std::string>> seen;
        for (const PredefinedTopic& topic : settings_.core.topics) {
            if (!is_usable_topic_name(topic.name)) {
                error(fmt::format("[[topic]] id = {}: name \"{}\" is not a topic name (no wildcards, valid UTF-8)",
                                  topic.id, topic.name));
            }
            if (sn::is_reserved(topic.id))
                error(fmt::format("[[topic]] id = {} is reserved: use 1 to 65534", topic.id));
            if (!seen.emplace(topic.id, topic.clients).second) {
                error(fmt::format("[[topic]] id = {} is given twice for clients = \"{}\"", topic.id, topic.clients));
            }
        }
    }

    void policies() {
        const auto check = [&](const char* section, const auto& each) {
            if (each.up == DeliveryUp::store) return;
            if (each.store_qos0) error(fmt::format("{} qos0 = \"store\" needs up = \"store\" beside it", section));
            if (each.max_age != Duration::zero())
                error(fmt::format("{} max_age needs up = \"store\" beside it: nothing else is kept", section));
        };
        check("[delivery]", settings_.core.delivery);
        for (const DeliveryPolicy& policy : settings_.core.delivery.policies) {
            check("[[delivery.policy]]", policy);
            if (policy.topics.empty()) error("[[delivery.policy]] topics: name at least one topic filter");
            for (const auto& filter : policy.topics) {
                if (is_usable_topic_filter(filter)) continue;
                error(
                    fmt::format("[[delivery.policy]] topics: \"{}\" is not a topic filter such as \"alarm/#\" or "
                                "\"+/status\"",
                                filter));
            }
        }
    }

    // Opening the store finds out the rest; this much can be told without touching anything.
    void state_directory() {
        settings_.store.directory = settings_.state_dir;
        settings_.core.durable = !settings_.state_dir.empty();
        const auto needs_store = [&](std::string_view what) {
            if (!settings_.core.durable) error(fmt::format("{} needs a place to store: set [gateway] state_dir", what));
        };
        if (settings_.core.delivery.up == DeliveryUp::store) needs_store("[delivery] up = \"store\"");
        const auto stores = [](const DeliveryPolicy& each) { return each.up == DeliveryUp::store; };
        if (std::ranges::any_of(settings_.core.delivery.policies, stores))
            needs_store("[[delivery.policy]] up = \"store\"");
        if (settings_.core.sleep.custody == Custody::gateway) needs_store("[sleep] custody = \"gateway\"");
        std::error_code failure;
        const auto status = std::filesystem::status(settings_.store.directory, failure);
        const bool is_other = std::filesystem::exists(status) && !std::filesystem::is_directory(status);
        if (is_other || failure == std::errc::not_a_directory) {
            error(fmt::format("[gateway] state_dir = \"{}\": not a directory", settings_.state_dir));
        }
    }

    void http() {
        const std::string& listen = settings_.http_listen;
        if (!listen.empty() && !transports::parse_socket_address(listen)) {
            error(
                fmt::format("[http] listen = \"{}\": expected an address such as \"127.0.0.1:9883\", or \"\"", listen));
        }
    }

    void client_id() {
        const std::string& client_id = own_client_id(settings_.core);
        if (is_usable_text(client_id)) return;
        error(
            fmt::format("[broker] gateway_client_id = \"{}\": expected valid UTF-8 without control characters (when "
                        "empty it is [gateway] name)",
                        client_id));
    }

    void bridge() {
        if (!settings_.status_mqtt) return;
        const std::string base = fmt::format("{}/{}/", settings_.status_base_topic, settings_.core.name);
        settings_.core.bridge.state_topic = base + "bridge/state";
        settings_.core.bridge.info_topic = base + "bridge/info";
        if (settings_.status_devices) settings_.core.bridge.devices_prefix = base + "devices/";
        if (is_usable_topic_name(settings_.core.bridge.state_topic)) return;
        error(
            fmt::format("[status] base_topic = \"{}\" and [gateway] name = \"{}\" make no topic (no wildcards, valid "
                        "UTF-8); change them, or set [status] mqtt = false",
                        settings_.status_base_topic, settings_.core.name));
    }

    Settings& settings_;
    const std::string& where_;
    SettingErrors errors_;
};

}  // namespace

SettingErrors complete(Settings& settings, const std::string& where) {
    return Completion(settings, where).run();
}

}  // namespace mqttsn::gateway
