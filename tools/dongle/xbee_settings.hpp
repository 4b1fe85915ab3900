// What an XBee module is asked for and told by AT commands.
#pragma once

#include "protocol/types.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mqttsn::dongle {

enum class XbeeVariant : std::uint8_t { zigbee, digimesh, legacy_802154 };

class XbeeSettings {
public:
    /// `np` 0 = what the variant has.
    XbeeSettings(XbeeVariant variant, std::uint8_t ap, std::uint8_t ao, std::uint16_t my, std::uint16_t np);

    enum class Status : std::uint8_t { ok = 0, error = 1, bad_command = 2, bad_parameter = 3 };
    struct Answer {
        Status status = Status::ok;
        Buffer value;        ///< of a query
        bool reset = false;  ///< the module starts anew after its answer
    };
    /// A value of no octets asks.
    Answer command(std::string_view name, Bytes value);

    std::uint32_t number(std::string_view name) const;
    std::uint64_t serial() const;
    void set(std::string_view name, std::uint32_t value);

private:
    struct Setting {
        std::uint32_t value = 0;
        std::size_t octets = 1;
        std::optional<std::uint32_t> most;  ///< not given: cannot be set
    };
    std::map<std::string, Setting, std::less<>> settings_;
    std::string node_identifier_ = "GATEWAY";
};

}  // namespace mqttsn::dongle
