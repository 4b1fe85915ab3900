#include "gateway/runtime/settings.hpp"

#include "protocol/topic.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

namespace mqttsn::gateway {

namespace {

class Completion {
public:
    Completion(Settings& settings, const std::string& where) : settings_(settings), where_(where) {}

    SettingErrors run() {
        broker_url();
        password();
        listeners();
        endpoints("forwarder", "endpoints", settings_.forwarders, settings_.core.forwarder.endpoints);
        endpoints("qos_minus_one", "allowed", settings_.qos_minus_one_allowed, settings_.core.qos_minus_one.allowed);
        topics();
        state_directory();
        const Timers& timers = settings_.core.timers;
        if (timers.upstream_backoff_min > timers.upstream_backoff_max) {
            error("[timers] upstream_backoff_min must not be longer than upstream_backoff_max");
        }
        return std::move(errors_);
    }

private:
    void error(std::string text) { errors_.push_back(fmt::format("{}: {}", where_, std::move(text))); }

    // A password has no place in a log.
    static std::string without_user(std::string url) {
        const auto at = url.rfind('@');
        const auto scheme = url.find("://");
        if (at == std::string::npos) return url;
        const std::size_t begin = scheme < at ? scheme + 3 : 0;
        return url.replace(begin, at - begin, "...");
    }

    void broker_url() {
        std::string_view rest = settings_.broker_url;
        const auto wrong = [&](std::string_view why) {
            error(fmt::format("[broker] url = \"{}\": {}; expected mqtt://host or mqtt://host:port",
                              without_user(settings_.broker_url), why));
        };
        if (rest.starts_with("mqtts://") || rest.starts_with("ws"))
            return wrong("TLS and WebSocket are not supported yet");
        if (!rest.starts_with("mqtt://")) return wrong("unknown scheme");
        rest.remove_prefix(7);
        if (rest.ends_with('/')) rest.remove_suffix(1);
        if (rest.find('@') != std::string_view::npos) return wrong("put user name and password into their own keys");
        const std::size_t end_of_v6 = rest.starts_with('[') ? rest.find(']') : 0;
        const auto colon = end_of_v6 == std::string_view::npos ? end_of_v6 : rest.find(':', end_of_v6);
        std::string_view host = rest.substr(0, colon);
        const std::string_view port = colon == std::string_view::npos ? "1883" : rest.substr(colon + 1);
        if (port.find(':') != std::string_view::npos) return wrong("write an IPv6 address in brackets");
        if (host.starts_with('[')) {
            if (!host.ends_with(']')) return wrong("an IPv6 address ends with ] and may be followed by :port");
            host = host.substr(1, host.size() - 2);
        }
        std::uint16_t number = 0;
        const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (host.empty() || host.find('/') != std::string_view::npos) return wrong("no host name");
        if (failure != std::errc() || end != port.data() + port.size() || number == 0) return wrong("not a port");
        settings_.broker.host = host;
        settings_.broker.port = port;
    }

    void password() {
        if (settings_.password_file.empty()) return;
        std::ifstream file(settings_.password_file);
        std::string line;
        if (!std::getline(file, line)) {
            return error(
                fmt::format("[broker] password_file = \"{}\" cannot be read or is empty", settings_.password_file));
        }
        if (line.ends_with('\r')) line.pop_back();
        settings_.core.broker.password = line;
    }

    void listeners() {
        if (settings_.udp.empty()) settings_.udp.emplace_back();
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

    // An address belongs to every link that could carry it: the sender's link is not known from its address.
    void endpoints(const char* section, const char* key, const std::vector<std::string>& texts,
                   std::vector<Endpoint>& list) {
        for (const auto& text : texts) {
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

    // Opening the store finds out the rest; this much can be told without touching anything.
    void state_directory() {
        settings_.store.directory = settings_.state_dir;
        settings_.core.durable = !settings_.state_dir.empty();
        if (settings_.core.delivery.up == DeliveryUp::store && !settings_.core.durable) {
            error("[delivery] up = \"store\" needs a place to store: set [gateway] state_dir");
        }
        std::error_code failure;
        const auto status = std::filesystem::status(settings_.store.directory, failure);
        const bool is_other = std::filesystem::exists(status) && !std::filesystem::is_directory(status);
        if (is_other || failure == std::errc::not_a_directory) {
            error(fmt::format("[gateway] state_dir = \"{}\": not a directory", settings_.state_dir));
        }
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
