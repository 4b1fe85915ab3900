// The part of complete() that concerns the broker: its URL, the credentials, TLS.
#pragma once

#include "gateway/runtime/settings.hpp"

#include <functional>

namespace mqttsn::gateway {

/// Derives broker.host, .port and .tls, and core.broker.username and .password. `error` gets what is wrong, without the
/// name of the source.
void complete_broker(Settings& settings, const std::function<void(std::string)>& error);

}  // namespace mqttsn::gateway
