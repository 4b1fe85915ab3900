// The one table of MQTT-SN 1.2 packets: octets on the wire, the value they mean, and its text. Codec tests, text tests
// and the fuzz corpus read it.
#pragma once

#include "protocol/sn/v12_packet.hpp"

#include <vector>

namespace mqttsn::test {

struct SnVector {
    std::string_view name;
    Buffer octets;            ///< as the encoder must write it
    sn::Packet packet;        ///< its views live as long as the program
    std::string_view text{};  ///< the one-line form; empty for those with long content
};

/// The reference vectors of the checklist (section 3), at least two packets of every type that has more than one, and
/// the sizes around the change of the Length form.
const std::vector<SnVector>& sn_vectors();

/// One encapsulated frame (SN 5.5).
struct ForwarderVector {
    std::string_view name;
    Buffer octets;
    std::uint8_t radius = 0;
    Buffer node_id;
    Buffer inner;
};
const std::vector<ForwarderVector>& forwarder_vectors();

/// Same type and same fields, views compared by content.
bool is_equal(const sn::Packet& a, const sn::Packet& b);

/// The same message with a 3-octet Length; a message that has one already is returned as it is.
Buffer in_long_form(Bytes frame);

}  // namespace mqttsn::test
