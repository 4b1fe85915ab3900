// Octets written as text, for tests.
#pragma once

#include "protocol/types.hpp"

#include <string>

namespace mqttsn::test {

/// "0804 0401…" as octets.
Buffer hex(std::string_view text);
std::string to_hex(Bytes octets);

}  // namespace mqttsn::test
