// What a device is told about an outcome at the broker (checklist section 13, SN12-5.3.10-c).
#pragma once

#include "protocol/mqtt/client.hpp"
#include "protocol/sn/v12_packet.hpp"

namespace mqttsn::gateway {

sn::ReturnCode connack_code(mqtt::ReasonCode reason) noexcept;
sn::ReturnCode puback_code(mqtt::ReasonCode reason) noexcept;
sn::ReturnCode suback_code(mqtt::ReasonCode reason) noexcept;

/// DISCONNECT reasons after which connecting again would be wrong: taken over, administrative, not authorized.
bool is_final_disconnect(mqtt::ReasonCode reason) noexcept;

}  // namespace mqttsn::gateway
