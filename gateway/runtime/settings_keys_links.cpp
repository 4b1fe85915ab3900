// The keys of [[udp]], [[topic]], [forwarder] and [qos_minus_one].
#include "gateway/runtime/settings_key_types.hpp"

namespace mqttsn::gateway {

void add_links(std::vector<SettingKey>& keys) {
    keys.push_back(text("[udp]", "listen", "address and port that serve devices; \"[::]:1883\" for IPv6",
                        MQTTSN_AT(udp.back().socket.listen), 1));
    keys.push_back(
        text("[udp]", "name", "in logs and counters; empty = udp:<listen>", MQTTSN_AT(udp.back().socket.name)));
    keys.push_back(texts("[udp]", "multicast", "groups to join for SEARCHGW", MQTTSN_AT(udp.back().socket.multicast)));
    keys.push_back(text("[udp]", "multicast_interface", "network interface of the groups; empty = the system's choice",
                        MQTTSN_AT(udp.back().socket.multicast_interface)));
    keys.push_back(texts("[udp]", "advertise_to",
                         "where ADVERTISE and GWINFO go: multicast, broadcast or unicast addresses",
                         MQTTSN_AT(udp.back().socket.advertise_to)));
    keys.push_back(integer("[udp]", "multicast_hops", "hop limit for radius 0, and the most for larger radii", 1, 255,
                           MQTTSN_AT(udp.back().socket.multicast_hops)));
    keys.push_back(octets("[udp]", "receive_buffer", "socket buffer", 4096, 1U << 30,
                          MQTTSN_AT(udp.back().socket.receive_buffer)));
    keys.push_back(
        octets("[udp]", "send_buffer", "socket buffer", 4096, 1U << 30, MQTTSN_AT(udp.back().socket.send_buffer)));
    keys.push_back(octets("[udp]", "send_queue", "octets waiting while the socket is full", 65536, 1U << 30,
                          MQTTSN_AT(udp.back().socket.send_queue)));
    keys.push_back(integer("[udp]", "receive_limit", "larger datagrams are dropped", 32, 65535,
                           MQTTSN_AT(udp.back().socket.receive_limit)));
    keys.push_back(integer("[udp]", "max_frame", "larger frames are never sent", 32, 65507,
                           MQTTSN_AT(udp.back().socket.max_frame)));
    keys.push_back(
        boolean("[udp]", "discovery", "ADVERTISE and GWINFO on this listener", MQTTSN_AT(udp.back().core.discovery)));
    keys.push_back(choice<bool>("[udp]", "gwinfo", "GWINFO to everybody, or to the searcher alone",
                                {{"broadcast", false}, {"unicast", true}}, MQTTSN_AT(udp.back().core.gwinfo_unicast)));
    keys.push_back(duration("[udp]", "qos0_gap",
                            "pause after each QoS 0 message to a device that is awake, so that PINGRESP and the next "
                            "message do not overtake it",
                            0s, 10s, MQTTSN_AT(udp.back().core.qos0_gap)));
    keys.push_back(integer("[udp]", "advertise_radius", "radius of ADVERTISE; 0 = the whole network", 0, 255,
                           MQTTSN_AT(udp.back().core.advertise_radius)));

    keys.push_back(integer("[topic]", "id", "predefined topic id", 1, 65534, MQTTSN_AT(core.topics.back().id)));
    keys.push_back(text("[topic]", "name", "topic name", MQTTSN_AT(core.topics.back().name), 1));
    keys.push_back(text("[topic]", "clients", "\"*\" for all, a client id, or a pattern with * and ?",
                        MQTTSN_AT(core.topics.back().clients), 1));

    keys.push_back(integer("forwarder", "max_depth", "encapsulation headers accepted in one datagram", 0, 8,
                           MQTTSN_AT(core.forwarder.max_depth)));
    keys.push_back(texts("forwarder", "endpoints", "known forwarders, \"ip:port\"", MQTTSN_AT(forwarders)));
    keys.push_back(boolean("forwarder", "only_listed", "drop encapsulated frames from other endpoints",
                           MQTTSN_AT(core.forwarder.only_listed)));
    keys.push_back(boolean("forwarder", "advertise", "send ADVERTISE to the listed forwarders too",
                           MQTTSN_AT(core.forwarder.advertise)));

    keys.push_back(
        boolean("qos_minus_one", "enabled", "accept PUBLISH with QoS -1", MQTTSN_AT(core.qos_minus_one.enabled)));
    keys.push_back(boolean("qos_minus_one", "allow_retain", "forward the retain flag",
                           MQTTSN_AT(core.qos_minus_one.allow_retain)));
    keys.push_back(boolean("qos_minus_one", "only_listed", "only from the addresses in allowed",
                           MQTTSN_AT(core.qos_minus_one.only_listed)));
    keys.push_back(texts("qos_minus_one", "allowed", "sources, \"ip:port\"", MQTTSN_AT(qos_minus_one_allowed)));
    keys.push_back(number("qos_minus_one", "messages_per_second_per_source", "more are dropped",
                          MQTTSN_AT(core.qos_minus_one.messages_per_second_per_source)));
    keys.push_back(integer("qos_minus_one", "queue_messages", "kept while the broker is away, oldest dropped first", 0,
                           100000, MQTTSN_AT(core.qos_minus_one.queue_messages)));
}

}  // namespace mqttsn::gateway
