// One UDP datagram with its frame, wherever it comes from.
#pragma once

#include "protocol/types.hpp"
#include "transports/udp_address.hpp"

#include <chrono>

namespace mqttsn::tools {

/// Since the Unix epoch, as captures have it.
using CaptureTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct UdpDatagram {
    transports::SocketAddress from;
    transports::SocketAddress to;
    Bytes payload;              ///< a view; what the capture has of it
    std::size_t real_size = 0;  ///< of the payload on the wire: more than payload.size() if the capture cut it off
};

/// "2026-02-01T12:00:00.123456Z", with nine digits if there are nanoseconds.
std::string to_string(CaptureTime time);

}  // namespace mqttsn::tools
