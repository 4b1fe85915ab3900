// Which datagrams of a capture are taken for MQTT-SN.
#pragma once

#include "tools/dump/datagram.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mqttsn::tools {

class PortFilter {
public:
    /// Texts of --port: numbers from 1 to 65535, or "any". None means 1883. nullopt for anything else.
    static std::optional<PortFilter> parse(const std::vector<std::string>& texts);

    /// With "any", what does not decode belongs to another protocol; on a port that was named it is malformed.
    bool is_any() const noexcept { return ports_.empty(); }
    /// Whether one end has a port of the filter.
    bool passes(const UdpDatagram& datagram) const;
    std::string to_string() const;

private:
    std::set<std::uint16_t> ports_;
};

}  // namespace mqttsn::tools
