// The keys of [http] and [status]: how the gateway shows itself.
#include "gateway/runtime/settings_key_types.hpp"

namespace mqttsn::gateway {

void add_status(std::vector<SettingKey>& keys) {
    keys.push_back(text("http", "listen",
                        "address and port of /metrics, /healthz, /readyz and /api/v1; readable without a password, so "
                        "better on the loopback; empty = off",
                        MQTTSN_AT(http_listen)));

    keys.push_back(boolean("status", "mqtt",
                           "tell retained, under base_topic/<gateway name>/bridge, whether this gateway is online",
                           MQTTSN_AT(status_mqtt)));
    keys.push_back(
        boolean("status", "devices",
                "with status.mqtt: tell there also of each device, on devices/<client id>, when its state or "
                "address changes; who subscribes sees who is there",
                MQTTSN_AT(status_devices)));
    keys.push_back(duration("status", "device_interval", "shortest time between two messages about the same device",
                            10ms, 1h, MQTTSN_AT(core.bridge.device_interval)));
    keys.push_back(integer("status", "devices_per_second", "messages about all devices together", 1, 100000,
                           MQTTSN_AT(core.bridge.devices_per_second)));
    keys.push_back(text("status", "base_topic", "first levels of these topics", MQTTSN_AT(status_base_topic), 1));
}

}  // namespace mqttsn::gateway
