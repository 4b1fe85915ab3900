// Octets written as text, for tests.
#pragma once

#include "protocol/hex.hpp"

#include <string>

namespace mqttsn::test {

/// "0804 0401…" as octets.
Buffer hex(std::string_view text);
using mqttsn::to_hex;

}  // namespace mqttsn::test
