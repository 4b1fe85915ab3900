// The key of [http].
#include "gateway/runtime/settings_key_types.hpp"

namespace mqttsn::gateway {

void add_http(std::vector<SettingKey>& keys) {
    keys.push_back(text("http", "listen",
                        "address and port of /metrics, /healthz, /readyz and /api/v1; readable without a password, so "
                        "better on the loopback; empty = off",
                        MQTTSN_AT(http_listen)));
}

}  // namespace mqttsn::gateway
