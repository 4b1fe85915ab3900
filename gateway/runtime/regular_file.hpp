// Files that a configuration names.
#pragma once

#include <string>

namespace mqttsn::gateway {

/// Why the file cannot be read ("is a directory", "is a FIFO or a device", or what the system says); empty = it is a
/// regular file that one may open. Reading anything else could wait for ever, or never end.
std::string why_unreadable(const std::string& path);

}  // namespace mqttsn::gateway
