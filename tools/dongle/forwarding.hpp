// Node numbers in forwarder encapsulation (SN 5.5), on modules whose frames carry no address: id of two octets, high
// octet first, FFFF is everyone.
#pragma once

#include "tools/dongle/dongle.hpp"

namespace mqttsn::dongle {

Buffer encapsulated(NodeNumber node, Bytes frame);
/// A frame of the gateway: whom it is for. Without encapsulation, with a radius, or for FFFF it is for everyone.
/// Nothing when it is no encapsulation, or for somebody who cannot exist.
struct Unwrapped {
    NodeNumber to = everyone;
    Bytes inner;
};
std::optional<Unwrapped> unwrapped(Bytes frame);

}  // namespace mqttsn::dongle
