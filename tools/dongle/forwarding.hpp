// Node numbers in forwarder encapsulation (SN 5.5), on modules whose frames carry no address: id of two octets, high
// octet first, FFFF is everyone.
#pragma once

#include "tools/dongle/dongle.hpp"

namespace mqttsn::dongle {

Buffer encapsulated(NodeNumber node, Bytes frame);
/// A frame of the gateway: whom of so many nodes it is for. With a radius or for FFFF it is for everyone, as is without
/// encapsulation an ADVERTISE or GWINFO, or whatever is for an only node. Nothing when it is for nobody: another
/// message without encapsulation, a damaged encapsulation, or one for somebody who cannot exist.
struct Unwrapped {
    NodeNumber to = everyone;
    Bytes inner;
};
std::optional<Unwrapped> unwrapped(Bytes frame, NodeNumber nodes);

}  // namespace mqttsn::dongle
