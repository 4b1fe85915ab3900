// Reads the keys of a [[serial]] link that only its kind has, and says what is wrong with them.
#pragma once

#include "transports/radio/driver.hpp"

#include <initializer_list>

namespace mqttsn::transports {

/// Getters return the value, or the default where none was given or the given one is wrong; error() tells the first
/// that is wrong. The names must be in `options`: anything else is a bug of the driver.
class DriverValueReader {
public:
    DriverValueReader(const DriverValues& values, std::span<const DriverOption> options);

    std::string text(std::string_view name);
    /// Decimal.
    std::int64_t number(std::string_view name, std::int64_t lowest, std::int64_t highest);
    /// "true" or "false".
    bool boolean(std::string_view name);
    /// Index into `choices`.
    std::size_t choice(std::string_view name, std::initializer_list<std::string_view> choices);
    /// Pairs of hex digits, blanks and colons allowed between them: `shortest` to `longest` octets.
    Buffer hex(std::string_view name, std::size_t shortest, std::size_t longest);
    /// Reports a value that was found wrong by the driver itself.
    void refuse(std::string_view name);

    const std::string& error() const noexcept { return error_; }

private:
    const DriverOption& option(std::string_view name) const;

    const DriverValues& values_;
    std::span<const DriverOption> options_;
    std::string error_;
};

}  // namespace mqttsn::transports
