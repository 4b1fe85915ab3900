// One frame as `mqttsn dump` shows it.
#pragma once

#include "protocol/sn/v12_text.hpp"
#include "tools/dump/datagram.hpp"

namespace mqttsn::tools {

struct ShownFrame {
    std::uint64_t number = 0;      ///< from 1 on
    bool is_from_network = false;  ///< the time and the addresses are real
    CaptureTime time;
    UdpDatagram datagram;
    sn::FrameText text;  ///< of the payload; of one that was cut off, an error says so

    bool is_malformed() const noexcept { return text.error.failed(); }
};

/// Describes the payload. Views into it.
ShownFrame show(std::uint64_t number, bool is_from_network, CaptureTime time, const UdpDatagram& datagram);

/// "TIME FROM > TO PUBLISH qos=1 …", without time and addresses if the frame is not from the network.
std::string one_line(const ShownFrame& frame);
/// A heading, a line a field, and the octets.
std::string all_lines(const ShownFrame& frame);

}  // namespace mqttsn::tools
