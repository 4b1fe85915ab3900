#include "gateway/core/reason_codes.hpp"

namespace mqttsn::gateway {

namespace {

// MQTT 5 reason codes by their names in the standard.
enum Reason : mqtt::ReasonCode {
    success = 0x00,
    not_authorized = 0x87,
    server_unavailable = 0x88,
    server_busy = 0x89,
    session_taken_over = 0x8E,
    packet_identifier_in_use = 0x91,
    packet_identifier_not_found = 0x92,
    quota_exceeded = 0x97,
    administrative_action = 0x98,
    use_another_server = 0x9C,
    server_moved = 0x9D,
    connection_rate_exceeded = 0x9F,
};

}  // namespace

sn::ReturnCode connack_code(mqtt::ReasonCode reason) noexcept {
    switch (reason) {
        case success:
            return sn::ReturnCode::accepted;
        case server_unavailable:
        case server_busy:
        case quota_exceeded:
        case use_another_server:
        case server_moved:
        case connection_rate_exceeded:
            return sn::ReturnCode::congestion;
        default:
            return sn::ReturnCode::not_supported;
    }
}

sn::ReturnCode puback_code(mqtt::ReasonCode reason) noexcept {
    // The packet ids are ours to repair; the client's exchange completes.
    if (!mqtt::is_failure(reason) || reason == packet_identifier_in_use || reason == packet_identifier_not_found) {
        return sn::ReturnCode::accepted;
    }
    return reason == quota_exceeded ? sn::ReturnCode::congestion : sn::ReturnCode::not_supported;
}

sn::ReturnCode suback_code(mqtt::ReasonCode reason) noexcept {
    if (!mqtt::is_failure(reason)) return sn::ReturnCode::accepted;
    return reason == quota_exceeded ? sn::ReturnCode::congestion : sn::ReturnCode::not_supported;
}

bool is_final_disconnect(mqtt::ReasonCode reason) noexcept {
    return reason == session_taken_over || reason == administrative_action || reason == not_authorized;
}

}  // namespace mqttsn::gateway
