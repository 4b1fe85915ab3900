// Serial ports as text.
#pragma once

#include "transports/serial_list.hpp"

namespace mqttsn::tools {

/// `device = "…"`, ready for [[serial]]: by the name that stays, where there is one.
std::string config_line(const transports::ListedPort& port);
/// For people; also when there is none.
std::string describe_ports(const std::vector<transports::ListedPort>& ports);

}  // namespace mqttsn::tools
