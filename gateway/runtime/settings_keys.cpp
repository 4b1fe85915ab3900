#include "gateway/runtime/settings_keys.hpp"

#include "gateway/runtime/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

namespace mqttsn::gateway {

namespace {

using Value = SettingValue;

/// A key whose place in Settings is given by `at`, a callable Settings& -> T&.
template <class At>
struct Place {
    At at;
    auto& in(Settings& settings) const { return at(settings); }
    const auto& in(const Settings& settings) const { return at(const_cast<Settings&>(settings)); }
};

std::string quoted(std::string_view text) {
    return fmt::format("\"{}\"", text);
}

template <class At>
SettingKey boolean(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "true or false",
            [place](Settings& settings, const Value& value) {
                const auto* given = std::get_if<bool>(&value);
                if (given != nullptr) place.in(settings) = *given;
                return given != nullptr;
            },
            [place](const Settings& settings) { return place.in(settings) ? "true" : "false"; }};
}

template <class At>
SettingKey integer(std::string section, std::string name, std::string help, std::int64_t lowest, std::int64_t highest,
                   At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("an integer from {} to {}", lowest, highest),
            [place, lowest, highest](Settings& settings, const Value& value) {
                const auto* given = std::get_if<std::int64_t>(&value);
                if (given == nullptr || *given < lowest || *given > highest) return false;
                place.in(settings) = static_cast<std::remove_reference_t<decltype(place.in(settings))>>(*given);
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{}", place.in(settings)); }};
}

template <class At>
SettingKey number(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "a number of at least 0",
            [place](Settings& settings, const Value& value) {
                double given = -1;
                if (const auto* real = std::get_if<double>(&value)) given = *real;
                if (const auto* whole = std::get_if<std::int64_t>(&value)) given = static_cast<double>(*whole);
                if (!(given >= 0) || given > 1e9) return false;
                place.in(settings) = given;
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{:g}", place.in(settings)); }};
}

template <class At>
SettingKey octets(std::string section, std::string name, std::string help, std::size_t lowest, std::size_t highest,
                  At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("a size from {} to {}, such as 4096, \"64KiB\" or \"4MiB\"", lowest, highest),
            [place, lowest, highest](Settings& settings, const Value& value) {
                std::optional<std::size_t> given;
                if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0) {
                    given = static_cast<std::size_t>(*whole);
                }
                if (const auto* text = std::get_if<std::string>(&value)) given = parse_octets(*text);
                if (!given || *given < lowest || *given > highest) return false;
                place.in(settings) = static_cast<std::remove_reference_t<decltype(place.in(settings))>>(*given);
                return true;
            },
            [place](const Settings& settings) { return fmt::format("{}", place.in(settings)); }};
}

template <class At>
SettingKey duration(std::string section, std::string name, std::string help, Duration lowest, Duration highest, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("a duration from {} to {}, such as \"10s\", \"250ms\", \"5m\" or a number of seconds",
                        show_duration(lowest), show_duration(highest)),
            [place, lowest, highest](Settings& settings, const Value& value) {
                std::optional<Duration> given;
                if (const auto* whole = std::get_if<std::int64_t>(&value);
                    whole != nullptr && *whole >= 0 && *whole < 1000000000) {
                    given = std::chrono::seconds(*whole);
                }
                if (const auto* text = std::get_if<std::string>(&value)) given = parse_duration(*text);
                if (!given || *given < lowest || *given > highest) return false;
                using Target = std::remove_reference_t<decltype(place.in(settings))>;
                if constexpr (std::is_arithmetic_v<Target>) {
                    place.in(settings) = static_cast<Target>(std::chrono::ceil<std::chrono::seconds>(*given).count());
                } else {
                    place.in(settings) = std::chrono::duration_cast<Target>(*given);
                }
                return true;
            },
            [place](const Settings& settings) {
                const auto& value = place.in(settings);
                if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
                    return quoted(show_duration(std::chrono::seconds(value)));
                } else {
                    return quoted(show_duration(value));
                }
            }};
}

template <class At>
SettingKey text(std::string section, std::string name, std::string help, At at, std::size_t shortest = 0) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            shortest == 0 ? "a text" : "a text that is not empty",
            [place, shortest](Settings& settings, const Value& value) {
                const auto* given = std::get_if<std::string>(&value);
                if (given == nullptr || given->size() < shortest) return false;
                place.in(settings) = *given;
                return true;
            },
            [place](const Settings& settings) { return quoted(place.in(settings)); }};
}

template <class At>
SettingKey texts(std::string section, std::string name, std::string help, At at) {
    const Place<At> place{at};
    return {std::move(section),
            std::move(name),
            std::move(help),
            "a list of texts",
            [place](Settings& settings, const Value& value) {
                const auto* given = std::get_if<std::vector<std::string>>(&value);
                if (given != nullptr) place.in(settings) = *given;
                return given != nullptr;
            },
            [place](const Settings& settings) {
                std::vector<std::string> list;
                for (const auto& each : place.in(settings))
                    list.push_back(quoted(each));
                return fmt::format("[{}]", fmt::join(list, ", "));
            }};
}

template <class Enum, class At>
SettingKey choice(std::string section, std::string name, std::string help,
                  std::vector<std::pair<std::string, Enum>> choices, At at) {
    const Place<At> place{at};
    std::vector<std::string> names;
    for (const auto& each : choices)
        names.push_back(quoted(each.first));
    return {std::move(section),
            std::move(name),
            std::move(help),
            fmt::format("one of {}", fmt::join(names, ", ")),
            [place, choices](Settings& settings, const Value& value) {
                const auto* given = std::get_if<std::string>(&value);
                if (given == nullptr) return false;
                const auto found = std::ranges::find(choices, *given, &std::pair<std::string, Enum>::first);
                if (found != choices.end()) place.in(settings) = found->second;
                return found != choices.end();
            },
            [place, choices](const Settings& settings) {
                const auto found =
                    std::ranges::find(choices, place.in(settings), &std::pair<std::string, Enum>::second);
                return quoted(found->first);
            }};
}

// `auto&` of a lambda parameter list is spelled once here, so that the tables below stay readable.
#define AT(expression)          \
    [](Settings & s) -> auto& { \
        return s.expression;    \
    }

constexpr auto max_int = std::numeric_limits<std::int32_t>::max();

void add_gateway_and_broker(std::vector<SettingKey>& keys) {
    keys.push_back(integer("gateway", "id", "GwId in ADVERTISE and GWINFO; different for each gateway of a network", 0,
                           255, AT(core.gateway_id)));
    keys.push_back(text("gateway", "name", "name of this gateway in logs", AT(core.name), 1));
    keys.push_back(boolean("gateway", "discovery", "send ADVERTISE, answer SEARCHGW", AT(core.discovery)));
    keys.push_back(choice<Takeover>(
        "gateway", "takeover", "CONNECT of a connected client from another address",
        {{"allow", Takeover::allow}, {"same-host", Takeover::same_host}, {"deny-active", Takeover::deny_active}},
        AT(core.takeover)));
    keys.push_back(choice<WillUpdate>(
        "gateway", "will_update",
        "WILLTOPICUPD and WILLMSGUPD: keep the new will here, reconnect to the broker with it, or refuse",
        {{"local", WillUpdate::local}, {"reconnect", WillUpdate::reconnect}, {"reject", WillUpdate::reject}},
        AT(core.will_update)));
    keys.push_back(choice<RetryExhausted>(
        "gateway", "retry_exhausted",
        "a client that does not answer after all retries is lost, or only the message is dropped",
        {{"lost", RetryExhausted::lost}, {"drop", RetryExhausted::drop}}, AT(core.retry_exhausted)));

    keys.push_back(text("broker", "url", "the MQTT broker: mqtt://host[:port]", AT(broker_url), 1));
    keys.push_back(choice<mqtt::Version>(
        "broker", "version", "MQTT version spoken to the broker",
        {{"3.1", mqtt::Version::v3_1}, {"3.1.1", mqtt::Version::v3_1_1}, {"5", mqtt::Version::v5}},
        AT(core.broker.client.version)));
    keys.push_back(duration("broker", "keep_alive", "MQTT keep-alive of every broker connection; 0 = none", 0s, 65535s,
                            AT(core.broker.client.keep_alive_s)));
    keys.push_back(
        text("broker", "username", "sent with every broker connection; empty = none", AT(core.broker.username)));
    keys.push_back(text("broker", "password", "better in password_file", AT(core.broker.password)));
    keys.push_back(text("broker", "password_file", "the first line of this file is the password", AT(password_file)));
    keys.push_back(text("broker", "bind_address", "source address of broker connections; empty = the system's choice",
                        AT(broker.bind_address)));
    keys.push_back(
        duration("broker", "connect_timeout", "for the TCP connection", 10ms, 3600s, AT(broker.connect_timeout)));
    keys.push_back(octets("broker", "max_unsent", "octets waiting for a slow broker before its connection is given up",
                          65536, 1U << 30, AT(broker.max_unsent)));
    keys.push_back(
        text("broker", "client_id_prefix", "put before each device's client id", AT(core.broker.client_id_prefix)));
    keys.push_back(text("broker", "gateway_client_id", "client id of the gateway's own connection (QoS -1)",
                        AT(core.broker.gateway_client_id), 1));
    keys.push_back(duration("broker", "session_expiry",
                            "MQTT 5: how long the broker keeps sessions of devices with CleanSession=0", 0s,
                            4294967295s, AT(core.broker.client.session_expiry_s)));
    keys.push_back(integer("broker", "receive_maximum",
                           "MQTT 5: unacknowledged messages the broker may send for one device", 1, 65535,
                           AT(core.broker.client.receive_maximum)));
    keys.push_back(integer("broker", "max_in_flight", "unacknowledged messages sent for one device", 1, 65535,
                           AT(core.broker.client.max_in_flight)));
    keys.push_back(octets("broker", "maximum_packet_size", "larger packets from the broker end the connection", 1024,
                          268435455, AT(core.broker.client.maximum_packet_size)));
}

void add_links(std::vector<SettingKey>& keys) {
    keys.push_back(text("[udp]", "listen", "address and port that serve devices; \"[::]:1883\" for IPv6",
                        AT(udp.back().socket.listen), 1));
    keys.push_back(text("[udp]", "name", "in logs and counters; empty = udp:<listen>", AT(udp.back().socket.name)));
    keys.push_back(texts("[udp]", "multicast", "groups to join for SEARCHGW", AT(udp.back().socket.multicast)));
    keys.push_back(text("[udp]", "multicast_interface", "network interface of the groups; empty = the system's choice",
                        AT(udp.back().socket.multicast_interface)));
    keys.push_back(texts("[udp]", "advertise_to",
                         "where ADVERTISE and GWINFO go: multicast, broadcast or unicast addresses",
                         AT(udp.back().socket.advertise_to)));
    keys.push_back(integer("[udp]", "multicast_hops", "hop limit for radius 0, and the most for larger radii", 1, 255,
                           AT(udp.back().socket.multicast_hops)));
    keys.push_back(
        octets("[udp]", "receive_buffer", "socket buffer", 4096, 1U << 30, AT(udp.back().socket.receive_buffer)));
    keys.push_back(octets("[udp]", "send_buffer", "socket buffer", 4096, 1U << 30, AT(udp.back().socket.send_buffer)));
    keys.push_back(octets("[udp]", "send_queue", "octets waiting while the socket is full", 65536, 1U << 30,
                          AT(udp.back().socket.send_queue)));
    keys.push_back(integer("[udp]", "receive_limit", "larger datagrams are dropped", 32, 65535,
                           AT(udp.back().socket.receive_limit)));
    keys.push_back(
        integer("[udp]", "max_frame", "larger frames are never sent", 32, 65507, AT(udp.back().socket.max_frame)));
    keys.push_back(
        boolean("[udp]", "discovery", "ADVERTISE and GWINFO on this listener", AT(udp.back().core.discovery)));
    keys.push_back(choice<bool>("[udp]", "gwinfo", "GWINFO to everybody, or to the searcher alone",
                                {{"broadcast", false}, {"unicast", true}}, AT(udp.back().core.gwinfo_unicast)));
    keys.push_back(integer("[udp]", "advertise_radius", "radius of ADVERTISE; 0 = the whole network", 0, 255,
                           AT(udp.back().core.advertise_radius)));

    keys.push_back(integer("[topic]", "id", "predefined topic id", 1, 65534, AT(core.topics.back().id)));
    keys.push_back(text("[topic]", "name", "topic name", AT(core.topics.back().name), 1));
    keys.push_back(text("[topic]", "clients", "\"*\" for all, a client id, or a pattern with * and ?",
                        AT(core.topics.back().clients), 1));

    keys.push_back(integer("forwarder", "max_depth", "encapsulation headers accepted in one datagram", 0, 8,
                           AT(core.forwarder.max_depth)));
    keys.push_back(texts("forwarder", "endpoints", "known forwarders, \"ip:port\"", AT(forwarders)));
    keys.push_back(boolean("forwarder", "only_listed", "drop encapsulated frames from other endpoints",
                           AT(core.forwarder.only_listed)));
    keys.push_back(
        boolean("forwarder", "advertise", "send ADVERTISE to the listed forwarders too", AT(core.forwarder.advertise)));

    keys.push_back(boolean("qos_minus_one", "enabled", "accept PUBLISH with QoS -1", AT(core.qos_minus_one.enabled)));
    keys.push_back(
        boolean("qos_minus_one", "allow_retain", "forward the retain flag", AT(core.qos_minus_one.allow_retain)));
    keys.push_back(boolean("qos_minus_one", "only_listed", "only from the addresses in allowed",
                           AT(core.qos_minus_one.only_listed)));
    keys.push_back(texts("qos_minus_one", "allowed", "sources, \"ip:port\"", AT(qos_minus_one_allowed)));
    keys.push_back(number("qos_minus_one", "messages_per_second_per_source", "more are dropped",
                          AT(core.qos_minus_one.messages_per_second_per_source)));
    keys.push_back(integer("qos_minus_one", "queue_messages", "kept while the broker is away, oldest dropped first", 0,
                           100000, AT(core.qos_minus_one.queue_messages)));
}

void add_timers(std::vector<SettingKey>& keys) {
    const Duration day = 24h;
    keys.push_back(duration("timers", "retry", "T_retry: before a message to a device is repeated", 10ms, day,
                            AT(core.timers.retry)));
    keys.push_back(
        integer("timers", "retries", "N_retry: repeats after the first sending", 0, 100, AT(core.timers.retries)));
    keys.push_back(duration("timers", "wait", "T_wait: pause after a device reported congestion", 10ms, day,
                            AT(core.timers.wait)));
    keys.push_back(
        duration("timers", "advertise", "T_ADV: period of ADVERTISE", 10ms, 65535s, AT(core.timers.advertise)));
    keys.push_back(boolean("timers", "ping_probe", "send PINGREQ to a silent device at its keep-alive time",
                           AT(core.timers.ping_probe)));
    keys.push_back(duration("timers", "keep_alive_max",
                            "longest keep-alive of a device, also when it asks for none; 0 = as devices ask", 0s,
                            65535s, AT(core.timers.keep_alive_max)));
    keys.push_back(duration("timers", "upstream_connect_timeout", "for TCP connection and CONNACK together", 10ms, day,
                            AT(core.timers.upstream_connect_timeout)));
    keys.push_back(duration("timers", "upstream_grace",
                            "how long a connected device survives without its broker connection", 10ms, day,
                            AT(core.timers.upstream_grace)));
    keys.push_back(duration("timers", "upstream_backoff_min", "first pause before reconnecting", 10ms, day,
                            AT(core.timers.upstream_backoff_min)));
    keys.push_back(duration("timers", "upstream_backoff_max", "longest pause before reconnecting", 10ms, day,
                            AT(core.timers.upstream_backoff_max)));
    keys.push_back(duration("timers", "session_expiry",
                            "after which a disconnected device with CleanSession=0 is forgotten; 0 = never", 0s,
                            3650 * day, AT(core.timers.session_expiry)));
}

void add_limits_and_log(std::vector<SettingKey>& keys) {
    keys.push_back(integer("limits", "clients", "devices known at a time, connected or not", 1, 10000000,
                           AT(core.limits.clients)));
    keys.push_back(
        integer("limits", "topics_per_client", "normal topic ids", 1, 65534, AT(core.limits.topics_per_client)));
    keys.push_back(
        integer("limits", "subscriptions_per_client", "", 1, 65534, AT(core.limits.subscriptions_per_client)));
    keys.push_back(integer("limits", "pending_subscriptions", "SUBSCRIBEs of one device waiting for the broker", 1,
                           1000, AT(core.limits.pending_subscriptions)));
    keys.push_back(integer("limits", "inflight_in", "unfinished QoS 1/2 PUBLISHes accepted from one device", 1, 1000,
                           AT(core.limits.inflight_in)));
    keys.push_back(integer("limits", "queue_messages", "messages waiting for one device", 1, 1000000,
                           AT(core.limits.queue_messages)));
    keys.push_back(octets("limits", "queue_octets", "octets waiting for one device", 1024, 1U << 30,
                          AT(core.limits.queue_octets)));
    keys.push_back(
        integer("limits", "pending_connects", "CONNECTs being decided", 1, max_int, AT(core.limits.pending_connects)));
    keys.push_back(integer("limits", "pending_connects_per_source", "CONNECTs being decided from one address", 1,
                           max_int, AT(core.limits.pending_connects_per_source)));
    keys.push_back(
        integer("limits", "client_id_octets", "longest client id", 1, 65535, AT(core.limits.client_id_octets)));
    keys.push_back(boolean("limits", "client_id_strict", "at most 23 characters, as the specification says",
                           AT(core.limits.client_id_strict)));
    keys.push_back(boolean("limits", "client_id_assign", "give an id to devices that send none with CleanSession=1",
                           AT(core.limits.client_id_assign)));
    keys.push_back(number("limits", "frames_per_second_per_source", "more are dropped; 0 = no limit",
                          AT(core.limits.frames_per_second_per_source)));
    keys.push_back(number("limits", "replies_to_unknown_per_second", "DISCONNECTs to unknown senders, in total",
                          AT(core.limits.replies_to_unknown_per_second)));
    keys.push_back(number("limits", "searchgw_per_second", "GWINFOs, in total", AT(core.limits.searchgw_per_second)));
    keys.push_back(integer("limits", "tracked_sources", "addresses remembered for the limits per source", 16, 10000000,
                           AT(core.limits.tracked_sources)));

    keys.push_back(choice<LogLevel>("log", "level", "least severe level that is logged",
                                    {{"debug", LogLevel::debug},
                                     {"info", LogLevel::info},
                                     {"warning", LogLevel::warning},
                                     {"error", LogLevel::error}},
                                    AT(log.level)));
    keys.push_back(number("log", "per_device_rate", "log lines per second and device; more are counted and summed up",
                          AT(log.per_subject_per_second)));
    keys.push_back(
        integer("log", "per_device_burst", "log lines of one device at once", 1, 100000, AT(log.per_subject_burst)));
}

#undef AT

// Edit distance, small texts only.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row.back();
}

template <class Range, class Name>
std::string nearest(const Range& keys, std::string_view wanted, Name&& name) {
    std::string best;
    std::size_t best_distance = wanted.size() / 2 + 2;
    for (const SettingKey& each : keys) {
        const std::string candidate = name(each);
        const std::size_t d = candidate.empty() ? best_distance : distance(wanted, candidate);
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace

std::span<const SettingKey> setting_keys() {
    static const auto keys = [] {
        std::vector<SettingKey> list;
        add_gateway_and_broker(list);
        add_links(list);
        add_timers(list);
        add_limits_and_log(list);
        return list;
    }();
    return keys;
}

const SettingKey* find_key(std::string_view section, std::string_view name) {
    const auto keys = setting_keys();
    const auto found =
        std::ranges::find_if(keys, [&](const SettingKey& key) { return key.section == section && key.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

std::string nearest_key(std::string_view section, std::string_view name) {
    return nearest(setting_keys(), name,
                   [&](const SettingKey& key) { return key.section == section ? key.name : std::string(); });
}

std::string nearest_section(std::string_view name) {
    return nearest(setting_keys(), name, [](const SettingKey& key) { return key.section; });
}

std::string describe_settings() {
    Settings defaults;
    defaults.udp.emplace_back();
    defaults.core.topics.push_back({1, "predef/one", "*"});
    std::string out = "# Keys of the configuration file with their defaults. Every key may be left out.\n";
    std::string section;
    for (const SettingKey& key : setting_keys()) {
        if (key.section != section) {
            section = key.section;
            // An empty [[topic]] is an error, and every [[udp]] adds a listener: these stay comments.
            const bool is_array = section.starts_with('[');
            out += fmt::format("\n{}[{}]\n", is_array ? "#" : "", section);
        }
        out += fmt::format("# {}{}{}\n#{} = {}\n", key.help, key.help.empty() ? "" : ": ", key.expects, key.name,
                           key.show(defaults));
    }
    return out;
}

}  // namespace mqttsn::gateway
