// A frame as one line of JSON.
#pragma once

#include "tools/dump/shown_frame.hpp"

namespace mqttsn::tools {

/// `{"number":1,"time":…,"from":…,"to":…,"length":8,"hex":…,"type":"PUBLISH","msg_type":12, … its fields …}`.
/// Forwarder headers are objects in the array "forwarder", outermost first. An undecodable frame has "malformed" with
/// the reason instead of "type". Beside a Coded field "x" there is "x_text"; of octets that are no text "x_hex" only.
std::string json_line(const ShownFrame& frame);

}  // namespace mqttsn::tools
