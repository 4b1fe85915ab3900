// Everything an operator can set, from the file and the command line, checked.
#pragma once

#include "gateway/core/config.hpp"
#include "gateway/runtime/broker_socket.hpp"
#include "gateway/runtime/log.hpp"
#include "gateway/runtime/store.hpp"
#include "transports/serial_transport.hpp"
#include "transports/udp.hpp"

#include <string>
#include <vector>

namespace mqttsn::gateway {

struct UdpSettings {
    transports::UdpConfig socket;
    LinkConfig core;
};

struct SerialSettings {
    SerialSettings() { core.qos0_gap = std::chrono::milliseconds(20); }  // SN12-6.14-j

    transports::SerialConfig link;  ///< its kind and speed follow from the next two
    std::string kind = "raw";
    std::uint32_t baud = 0;  ///< 0 = usual for the kind
    LinkConfig core;
    std::string where;  ///< file and line, for messages
};

struct Settings {
    Config core;
    std::string broker_url = "mqtt://localhost:1883";
    BrokerAddress broker;  ///< host and port are taken from broker_url
    std::string username_file;
    std::string password_file;
    std::string password_env;
    std::string password_credential;
    TlsSettings tls;                      ///< used with mqtts://
    std::vector<UdpSettings> udp;         ///< the first links
    std::vector<SerialSettings> serial;   ///< the links behind them
    std::vector<std::string> forwarders;  ///< "ip:port" of [forwarder] endpoints
    std::vector<std::string> qos_minus_one_allowed;
    std::string state_dir;  ///< empty: nothing is kept on disk
    StoreSettings store;    ///< directory is taken from state_dir
    LogSettings log;
    std::string http_listen = "127.0.0.1:9883";  ///< empty: no status pages
    bool status_mqtt = true;
    bool status_devices = true;
    std::string status_base_topic = "mqttsn";
};

/// All that is wrong, each message ready to print: where, which key, what is allowed.
using SettingErrors = std::vector<std::string>;

/// Reads a TOML file into `settings`. Errors: cannot be read, TOML syntax, unknown keys, wrong types, impossible
/// values.
SettingErrors read_settings_file(const std::string& path, Settings& settings);

/// What no single key shows: the broker URL, predefined topics, duplicate listeners, the state directory. Derives
/// core.links, the broker address and store.directory, and adds the default listener if there is no link. `where` names
/// the source in messages.
SettingErrors complete(Settings& settings, const std::string& where);

/// All keys with type, default and meaning, as a commented TOML file.
std::string describe_settings();

}  // namespace mqttsn::gateway
