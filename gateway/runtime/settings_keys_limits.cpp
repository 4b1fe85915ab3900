// The keys of [timers], [limits] and [log].
#include "gateway/runtime/settings_key_types.hpp"

#include <limits>

namespace mqttsn::gateway {

void add_timers(std::vector<SettingKey>& keys) {
    const Duration day = 24h;
    keys.push_back(duration("timers", "retry", "T_retry: before a message to a device is repeated", 10ms, day,
                            MQTTSN_AT(core.timers.retry)));
    keys.push_back(integer("timers", "retries", "N_retry: repeats after the first sending", 0, 100,
                           MQTTSN_AT(core.timers.retries)));
    keys.push_back(duration("timers", "wait", "T_wait: pause after a device reported congestion", 10ms, day,
                            MQTTSN_AT(core.timers.wait)));
    keys.push_back(
        duration("timers", "advertise", "T_ADV: period of ADVERTISE", 10ms, 65535s, MQTTSN_AT(core.timers.advertise)));
    keys.push_back(boolean("timers", "ping_probe", "send PINGREQ to a silent device at its keep-alive time",
                           MQTTSN_AT(core.timers.ping_probe)));
    keys.push_back(duration("timers", "keep_alive_max",
                            "longest keep-alive of a device, also when it asks for none; 0 = as devices ask", 0s,
                            65535s, MQTTSN_AT(core.timers.keep_alive_max)));
    keys.push_back(duration("timers", "upstream_connect_timeout", "for TCP connection and CONNACK together", 10ms, day,
                            MQTTSN_AT(core.timers.upstream_connect_timeout)));
    keys.push_back(duration("timers", "upstream_grace",
                            "how long a connected device survives without its broker connection", 10ms, day,
                            MQTTSN_AT(core.timers.upstream_grace)));
    keys.push_back(duration("timers", "upstream_backoff_min", "first pause before reconnecting", 10ms, day,
                            MQTTSN_AT(core.timers.upstream_backoff_min)));
    keys.push_back(duration("timers", "upstream_backoff_max", "longest pause before reconnecting", 10ms, day,
                            MQTTSN_AT(core.timers.upstream_backoff_max)));
    keys.push_back(duration("timers", "session_expiry",
                            "after which a disconnected device with CleanSession=0 is forgotten; 0 = never", 0s,
                            3650 * day, MQTTSN_AT(core.timers.session_expiry)));
}

void add_limits_and_log(std::vector<SettingKey>& keys) {
    constexpr auto max_int = std::numeric_limits<std::int32_t>::max();
    keys.push_back(integer("limits", "clients", "devices known at a time, connected or not", 1, 10000000,
                           MQTTSN_AT(core.limits.clients)));
    keys.push_back(
        integer("limits", "topics_per_client", "normal topic ids", 1, 65534, MQTTSN_AT(core.limits.topics_per_client)));
    keys.push_back(
        integer("limits", "subscriptions_per_client", "", 1, 65534, MQTTSN_AT(core.limits.subscriptions_per_client)));
    keys.push_back(integer("limits", "pending_subscriptions", "SUBSCRIBEs of one device waiting for the broker", 1,
                           1000, MQTTSN_AT(core.limits.pending_subscriptions)));
    keys.push_back(integer("limits", "inflight_in", "unfinished QoS 1/2 PUBLISHes accepted from one device", 1, 1000,
                           MQTTSN_AT(core.limits.inflight_in)));
    keys.push_back(integer("limits", "queue_messages", "messages waiting for one device", 1, 1000000,
                           MQTTSN_AT(core.limits.queue_messages)));
    keys.push_back(octets("limits", "queue_octets", "octets waiting for one device", 1024, 1U << 30,
                          MQTTSN_AT(core.limits.queue_octets)));
    keys.push_back(integer("limits", "pending_connects", "CONNECTs being decided", 1, max_int,
                           MQTTSN_AT(core.limits.pending_connects)));
    keys.push_back(integer("limits", "pending_connects_per_source", "CONNECTs being decided from one address", 1,
                           max_int, MQTTSN_AT(core.limits.pending_connects_per_source)));
    keys.push_back(
        integer("limits", "client_id_octets", "longest client id", 1, 65535, MQTTSN_AT(core.limits.client_id_octets)));
    keys.push_back(integer("limits", "reconnects_per_second",
                           "broker connections opened again after an outage or a restart, of all devices", 1, 1000000,
                           MQTTSN_AT(core.limits.reconnects_per_second)));
    keys.push_back(boolean("limits", "client_id_strict", "at most 23 characters, as the specification says",
                           MQTTSN_AT(core.limits.client_id_strict)));
    keys.push_back(boolean("limits", "client_id_assign", "give an id to devices that send none with CleanSession=1",
                           MQTTSN_AT(core.limits.client_id_assign)));
    keys.push_back(number("limits", "frames_per_second_per_source", "more are dropped; 0 = no limit",
                          MQTTSN_AT(core.limits.frames_per_second_per_source)));
    keys.push_back(number("limits", "replies_to_unknown_per_second", "DISCONNECTs to unknown senders, in total",
                          MQTTSN_AT(core.limits.replies_to_unknown_per_second)));
    keys.push_back(
        number("limits", "searchgw_per_second", "GWINFOs, in total", MQTTSN_AT(core.limits.searchgw_per_second)));
    keys.push_back(integer("limits", "tracked_sources", "addresses remembered for the limits per source", 16, 10000000,
                           MQTTSN_AT(core.limits.tracked_sources)));

    keys.push_back(choice<LogLevel>("log", "level", "least severe level that is logged",
                                    {{"debug", LogLevel::debug},
                                     {"info", LogLevel::info},
                                     {"warning", LogLevel::warning},
                                     {"error", LogLevel::error}},
                                    MQTTSN_AT(log.level)));
    keys.push_back(number("log", "per_device_rate", "log lines per second and device; more are counted and summed up",
                          MQTTSN_AT(log.per_subject_per_second)));
    keys.push_back(integer("log", "per_device_burst", "log lines of one device at once", 1, 100000,
                           MQTTSN_AT(log.per_subject_burst)));
}

}  // namespace mqttsn::gateway
