// `--serial PATH,link=KIND,key=value` of the tools.
#pragma once

#include "transports/serial_transport.hpp"

#include <string>

namespace mqttsn::tools {

struct ReadSerial {
    std::optional<transports::SerialConfig> config;
    std::string error;
};
/// Keys are link (default raw), baud, mtu, and what the kind of link has; usb=VID:PID instead of PATH. The spelling is
/// that of mqttsn-gateway --serial.
ReadSerial read_serial(const std::string& text);

}  // namespace mqttsn::tools
