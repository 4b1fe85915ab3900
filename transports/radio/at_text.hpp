// How numbers and octets are written in the lines of AT modems. Pure.
#pragma once

#include "protocol/address.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mqttsn::transports {

std::string_view trim(std::string_view text) noexcept;

/// Decimal, with or without a sign; blanks around it do not count.
std::optional<std::int64_t> parse_decimal(std::string_view text) noexcept;

/// "9,7,1,12" with any of `separators` between the numbers; nullopt when one of them is none.
std::optional<std::vector<std::int64_t>> parse_decimals(std::string_view text, std::string_view separators);

/// Two upper-case digits an octet: some modems know no others.
std::string to_digits(Bytes octets);
/// Digits of either case and nothing else; nullopt also for half an octet.
std::optional<Buffer> parse_digits(std::string_view text);

/// RFC 4648, section 4.
std::string to_base64(Bytes octets);
/// nullopt when it is not exactly what to_base64() would write.
std::optional<Buffer> parse_base64(std::string_view text);

/// nullopt when it cannot be true.
std::optional<Signal> to_signal(std::int64_t rssi_dbm, std::int64_t snr_db) noexcept;

}  // namespace mqttsn::transports
