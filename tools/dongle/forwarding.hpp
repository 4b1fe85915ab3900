// Node numbers in forwarder encapsulation (SN 5.5), on modules whose frames carry no address: id of two octets, high
// octet first, FFFF is everyone.
#pragma once

#include "tools/dongle/dongle.hpp"

namespace mqttsn::dongle {

Buffer encapsulated(NodeNumber node, Bytes frame);
/// A frame of the gateway: whom of so many nodes it is for. With a radius, for FFFF or without encapsulation it is for
/// everyone, if it is ADVERTISE or GWINFO or there is an only node; another message got there by noise (a DISCONNECT
/// that all heard would cost all their connections) and is for nobody. So is what is damaged or for a node that cannot
/// exist.
struct Unwrapped {
    NodeNumber to = everyone;
    Bytes inner;
};
std::optional<Unwrapped> unwrapped(Bytes frame, NodeNumber nodes);

}  // namespace mqttsn::dongle
