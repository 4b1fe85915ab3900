// What happened, counted. One X-macro line per counter: the member, the text for operators.
#pragma once

#include <cstdint>
#include <string_view>

namespace mqttsn::gateway {

#define MQTTSN_COUNTERS(X)                                                                           \
    X(frames_in, "frames received")                                                                  \
    X(frames_out, "frames sent")                                                                     \
    X(malformed, "frames dropped: not MQTT-SN 1.2")                                                  \
    X(oversized, "frames dropped: larger than the receive limit")                                    \
    X(gateway_only_type, "frames dropped: a type that only gateways send")                           \
    X(flood_dropped, "frames dropped: source above its rate limit")                                  \
    X(forwarder_refused, "encapsulated frames dropped: forwarder not listed or nested too deep")     \
    X(unexpected, "frames dropped: not allowed in the client's state")                               \
    X(unknown_sender, "frames from unknown senders")                                                 \
    X(disconnects_suppressed, "DISCONNECTs to unknown senders not sent: rate limit")                 \
    X(connects_accepted, "CONNECTs accepted")                                                        \
    X(connects_rejected, "CONNECTs rejected")                                                        \
    X(clients_limit, "CONNECTs rejected: client limit")                                              \
    X(pending_limit, "CONNECTs rejected: too many handshakes in progress")                           \
    X(takeovers, "clients that came back from another address")                                      \
    X(clients_lost, "clients lost (keep-alive or retries exhausted)")                                \
    X(wills_published, "wills published by the gateway itself")                                      \
    X(topics_limit, "registrations refused: topic limit of the client")                              \
    X(subscriptions_limit, "subscriptions refused: limit of the client")                             \
    X(publish_in_qos_minus1, "PUBLISH QoS -1 received")                                              \
    X(publish_in_qos0, "PUBLISH QoS 0 received")                                                     \
    X(publish_in_qos1, "PUBLISH QoS 1 received")                                                     \
    X(publish_in_qos2, "PUBLISH QoS 2 received")                                                     \
    X(publish_in_duplicates, "repeated PUBLISH absorbed")                                            \
    X(publish_in_excess, "PUBLISH dropped: more outstanding than inflight.in")                       \
    X(publish_in_refused, "PUBLISH answered with an error")                                          \
    X(taken, "messages taken into the store for the broker")                                         \
    X(taken_delivered, "of these, brought to the broker")                                            \
    X(taken_replayed, "of these, sent after the broker had been away or the gateway had restarted")  \
    X(taken_dropped, "of these, dropped: too old, or refused by the broker")                         \
    X(qos_minus1_dropped, "PUBLISH QoS -1 dropped: unknown topic, not allowed, rate or queue limit") \
    X(publish_out_qos0, "PUBLISH QoS 0 sent to clients")                                             \
    X(publish_out_qos1, "PUBLISH QoS 1 completed by clients")                                        \
    X(publish_out_qos2, "PUBLISH QoS 2 completed by clients")                                        \
    X(retransmissions, "messages sent again to clients")                                             \
    X(departures_failed, "frames that a link could not bring to their clients")                      \
    X(retries_exhausted, "messages given up after N_retry")                                          \
    X(deliveries_too_long, "deliveries abandoned: larger than the packet limit of the link")         \
    X(deliveries_rejected, "deliveries given up: the client refused them")                           \
    X(deliveries_dropped, "deliveries dropped: queue limit of the client")                           \
    X(deliveries_asleep_dropped, "QoS 0 deliveries dropped: the client sleeps (sleep.queue_qos0)")   \
    X(deliveries_kept, "deliveries taken into the store for sleeping clients")                       \
    X(deliveries_suppressed, "deliveries dropped: the client refused the topic")                     \
    X(advertises, "ADVERTISE sent")                                                                  \
    X(searchgw, "SEARCHGW received")                                                                 \
    X(searchgw_suppressed, "SEARCHGW not answered: rate limit or no broker")                         \
    X(gateway_id_conflicts, "ADVERTISE with our own gateway id from another gateway")                \
    X(device_status_told, "states of devices told over MQTT")                                        \
    X(device_status_dropped, "states of devices not told: limits.clients of them are told or wait")  \
    X(upstream_connects, "broker connections accepted")                                              \
    X(upstream_paced, "broker connections opened later because many are to be opened")               \
    X(upstream_failures, "broker connections failed, refused or lost")                               \
    X(records_damaged, "records of the store that could not be read")

struct Counters {
#define X(name, text) std::uint64_t name = 0;
    MQTTSN_COUNTERS(X)
#undef X

    /// Calls f(name, text, value) for each.
    template <class F>
    void for_each(F&& f) const {
#define X(name, text) f(std::string_view(#name), std::string_view(text), name);
        MQTTSN_COUNTERS(X)
#undef X
    }
};

}  // namespace mqttsn::gateway
