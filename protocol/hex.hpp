// Octets as hexadecimal digits. Pure.
#pragma once

#include "protocol/types.hpp"

#include <optional>
#include <string>

namespace mqttsn {

/// Two lower-case digits an octet, nothing between them.
std::string to_hex(Bytes octets);

/// Digits of either case; between octets there may be blanks, `:`, `-`, `,`, and each group may begin with 0x.
/// nullopt for anything else, and for half an octet. Text without digits gives no octets.
std::optional<Buffer> parse_hex(std::string_view text);

}  // namespace mqttsn
