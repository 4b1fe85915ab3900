// Which serial ports this computer has. The list is libserialport's: /sys/class/tty, without pseudo-terminals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::transports {

struct UsbId {
    std::uint16_t vendor = 0;
    std::uint16_t product = 0;
    std::string serial;  ///< empty = any
    bool operator==(const UsbId&) const = default;
};

/// "10c4:ea60" or "10c4:ea60:0001"; nullopt for anything else.
std::optional<UsbId> parse_usb_id(std::string_view text);

struct ListedPort {
    std::string device;  ///< "/dev/ttyUSB0"
    std::string by_id;   ///< "/dev/serial/by-id/…", the name that stays; empty = there is none
    std::optional<UsbId> usb;
    std::string manufacturer;
    std::string product;
};

/// In the order of their names. Nodes that exist in /sys only are left out.
std::vector<ListedPort> list_serial_ports();
/// The first listed port with this id; empty when there is none.
std::string find_usb_port(const UsbId& id);

}  // namespace mqttsn::transports
