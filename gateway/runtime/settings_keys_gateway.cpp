// The keys of [gateway], [store] and [broker].
#include "gateway/runtime/settings_key_types.hpp"

namespace mqttsn::gateway {

void add_gateway(std::vector<SettingKey>& keys) {
    keys.push_back(integer("gateway", "id", "GwId in ADVERTISE and GWINFO; different for each gateway of a network", 0,
                           255, MQTTSN_AT(core.gateway_id)));
    keys.push_back(text("gateway", "name", "name of this gateway in logs", MQTTSN_AT(core.name), 1));
    keys.push_back(boolean("gateway", "discovery", "send ADVERTISE, answer SEARCHGW", MQTTSN_AT(core.discovery)));
    keys.push_back(choice<Takeover>(
        "gateway", "takeover", "CONNECT of a connected client from another address",
        {{"allow", Takeover::allow}, {"same-host", Takeover::same_host}, {"deny-active", Takeover::deny_active}},
        MQTTSN_AT(core.takeover)));
    keys.push_back(choice<WillUpdate>(
        "gateway", "will_update",
        "WILLTOPICUPD and WILLMSGUPD: keep the new will here, reconnect to the broker with it, or refuse",
        {{"local", WillUpdate::local}, {"reconnect", WillUpdate::reconnect}, {"reject", WillUpdate::reject}},
        MQTTSN_AT(core.will_update)));
    keys.push_back(choice<RetryExhausted>(
        "gateway", "retry_exhausted",
        "a client that does not answer after all retries is lost, or only the message is dropped",
        {{"lost", RetryExhausted::lost}, {"drop", RetryExhausted::drop}}, MQTTSN_AT(core.retry_exhausted)));
    keys.push_back(text("gateway", "state_dir",
                        "directory for what survives a restart: sessions, their messages; empty = nothing is kept",
                        MQTTSN_AT(state_dir)));

    keys.push_back(
        duration("store", "commit_interval",
                 "shortest time from one commit to the next, which spares an SD card; acknowledgements that need "
                 "the disk wait for it; 0 = the next as soon as the last is done",
                 0s, 10s, MQTTSN_AT(store.commit_interval)));
    keys.push_back(choice<Synchronous>(
        "store", "synchronous",
        "after a power cut nothing is lost (full), the last seconds (normal), or the file may be damaged (off); the "
        "end of the gateway alone loses nothing",
        {{"off", Synchronous::off}, {"normal", Synchronous::normal}, {"full", Synchronous::full}},
        MQTTSN_AT(store.synchronous)));
    keys.push_back(octets("store", "max_backlog",
                          "waiting for the disk; above it devices are told congestion until the disk has caught up",
                          65536, 1U << 30, MQTTSN_AT(store.max_backlog)));
}

namespace {

void add_tls(std::vector<SettingKey>& keys) {
    keys.push_back(text("broker", "ca_file",
                        "mqtts: who signs the broker's certificate, PEM; empty = the system's list",
                        MQTTSN_AT(tls.ca_file)));
    keys.push_back(text("broker", "ca_path", "mqtts: directory of such files, as openssl rehash makes it",
                        MQTTSN_AT(tls.ca_path)));
    keys.push_back(text("broker", "certificate", "mqtts: of this gateway, PEM with its chain; empty = none",
                        MQTTSN_AT(tls.certificate)));
    keys.push_back(
        text("broker", "key", "mqtts: private key of certificate, PEM; empty = in the same file", MQTTSN_AT(tls.key)));
    keys.push_back(
        boolean("broker", "verify", "mqtts: check the broker's certificate and host name", MQTTSN_AT(tls.verify)));
    keys.push_back(text("broker", "server_name",
                        "mqtts: name to ask for (SNI) and to find in the certificate; empty = the host of url",
                        MQTTSN_AT(tls.server_name)));
    keys.push_back(choice<TlsVersion>("broker", "tls_version", "mqtts: lowest version accepted",
                                      {{"1.2", TlsVersion::v1_2}, {"1.3", TlsVersion::v1_3}},
                                      MQTTSN_AT(tls.minimum_version)));
    keys.push_back(texts("broker", "alpn", "mqtts: protocol names to offer, where the broker shares its port",
                         MQTTSN_AT(tls.alpn)));
}

}  // namespace

void add_broker(std::vector<SettingKey>& keys) {
    keys.push_back(text("broker", "url", "the MQTT broker: mqtt://host[:port], or mqtts://host[:port] for TLS",
                        MQTTSN_AT(broker_url), 1));
    keys.push_back(choice<mqtt::Version>(
        "broker", "version", "MQTT version spoken to the broker",
        {{"3.1", mqtt::Version::v3_1}, {"3.1.1", mqtt::Version::v3_1_1}, {"5", mqtt::Version::v5}},
        MQTTSN_AT(core.broker.client.version)));
    keys.push_back(duration("broker", "keep_alive", "MQTT keep-alive of every broker connection; 0 = none", 0s, 65535s,
                            MQTTSN_AT(core.broker.client.keep_alive_s)));
    keys.push_back(
        text("broker", "username", "sent with every broker connection; empty = none", MQTTSN_AT(core.broker.username)));
    keys.push_back(
        text("broker", "username_file", "the first line of this file is the user name", MQTTSN_AT(username_file)));
    keys.push_back(text("broker", "password", "better in one of the next three", MQTTSN_AT(core.broker.password)));
    keys.push_back(
        text("broker", "password_file", "the first line of this file is the password", MQTTSN_AT(password_file)));
    keys.push_back(
        text("broker", "password_env", "this environment variable is the password", MQTTSN_AT(password_env)));
    keys.push_back(text("broker", "password_credential",
                        "the systemd credential of this name (LoadCredential=) is the password",
                        MQTTSN_AT(password_credential)));
    keys.push_back(text("broker", "bind_address", "source address of broker connections; empty = the system's choice",
                        MQTTSN_AT(broker.bind_address)));
    keys.push_back(duration("broker", "connect_timeout", "for the TCP connection", 10ms, 3600s,
                            MQTTSN_AT(broker.connect_timeout)));
    keys.push_back(octets("broker", "max_unsent", "octets waiting for a slow broker before its connection is given up",
                          65536, 1U << 30, MQTTSN_AT(broker.max_unsent)));
    keys.push_back(text("broker", "client_id_prefix", "put before each device's client id",
                        MQTTSN_AT(core.broker.client_id_prefix)));
    keys.push_back(text("broker", "gateway_client_id",
                        "client id of the gateway's own connection (QoS -1, status); empty = [gateway] name",
                        MQTTSN_AT(core.broker.gateway_client_id)));
    keys.push_back(duration("broker", "session_expiry",
                            "MQTT 5: how long the broker keeps sessions of devices with CleanSession=0", 0s,
                            4294967295s, MQTTSN_AT(core.broker.client.session_expiry_s)));
    keys.push_back(integer("broker", "receive_maximum",
                           "MQTT 5: unacknowledged messages the broker may send for one device", 1, 65535,
                           MQTTSN_AT(core.broker.client.receive_maximum)));
    keys.push_back(integer("broker", "max_in_flight", "unacknowledged messages sent for one device", 1, 65535,
                           MQTTSN_AT(core.broker.client.max_in_flight)));
    keys.push_back(octets("broker", "maximum_packet_size", "larger packets from the broker end the connection", 1024,
                          268435455, MQTTSN_AT(core.broker.client.maximum_packet_size)));
    add_tls(keys);
}

}  // namespace mqttsn::gateway
