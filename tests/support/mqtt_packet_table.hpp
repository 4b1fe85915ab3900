// The one table of MQTT packets, versions 3.1, 3.1.1 and 5.0: octets on the wire and the value they mean.
#pragma once

#include "protocol/mqtt/packet.hpp"

#include <vector>

namespace mqttsn::test {

struct MqttVector {
    std::string_view name;
    std::vector<mqtt::Version> versions;  ///< in which these octets have this meaning
    Buffer octets;                        ///< as the encoder must write it
    mqtt::Packet packet;                  ///< its views live as long as the program
};
const std::vector<MqttVector>& mqtt_vectors();

/// Same type and same fields, views compared by content.
bool is_equal(const mqtt::Packet& a, const mqtt::Packet& b);

}  // namespace mqttsn::test
