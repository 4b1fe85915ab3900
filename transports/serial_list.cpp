#include "transports/serial_list.hpp"

#include <libserialport.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace mqttsn::transports {

namespace {

std::string text_or_empty(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

std::optional<std::uint16_t> parse_hex4(std::string_view text) {
    std::uint16_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    const bool good = text.size() == 4 && failure == std::errc() && end == text.data() + text.size();
    return good ? std::optional(value) : std::nullopt;
}

std::string find_by_id(const std::string& device) {
    std::error_code failure;
    for (const auto& link : std::filesystem::directory_iterator("/dev/serial/by-id", failure)) {
        if (std::filesystem::canonical(link.path(), failure) == device) return link.path();
    }
    return {};
}

ListedPort describe(const sp_port* port) {
    ListedPort listed;
    listed.device = text_or_empty(sp_get_port_name(port));
    listed.by_id = find_by_id(listed.device);
    int vendor = 0;
    int product = 0;
    if (sp_get_port_transport(port) == SP_TRANSPORT_USB && sp_get_port_usb_vid_pid(port, &vendor, &product) == SP_OK) {
        listed.usb = UsbId{static_cast<std::uint16_t>(vendor), static_cast<std::uint16_t>(product),
                           text_or_empty(sp_get_port_usb_serial(port))};
        listed.manufacturer = text_or_empty(sp_get_port_usb_manufacturer(port));
        listed.product = text_or_empty(sp_get_port_usb_product(port));
    }
    return listed;
}

}  // namespace

std::optional<UsbId> parse_usb_id(std::string_view text) {
    const auto vendor = parse_hex4(text.substr(0, 4));
    const auto product = text.size() >= 9 && text[4] == ':' ? parse_hex4(text.substr(5, 4)) : std::nullopt;
    if (!vendor || !product) return std::nullopt;
    if (text.size() == 9) return UsbId{*vendor, *product, {}};
    if (text[9] != ':' || text.size() == 10) return std::nullopt;
    return UsbId{*vendor, *product, std::string(text.substr(10))};
}

std::vector<ListedPort> list_serial_ports() {
    std::vector<ListedPort> result;
    sp_port** ports = nullptr;
    if (sp_list_ports(&ports) != SP_OK) return result;
    for (sp_port** each = ports; *each != nullptr; ++each) {
        std::error_code failure;
        ListedPort listed = describe(*each);
        if (std::filesystem::exists(listed.device, failure)) result.push_back(std::move(listed));
    }
    sp_free_port_list(ports);
    std::ranges::sort(result, {}, &ListedPort::device);
    return result;
}

std::string find_usb_port(const UsbId& id) {
    for (const ListedPort& each : list_serial_ports()) {
        if (!each.usb || each.usb->vendor != id.vendor || each.usb->product != id.product) continue;
        if (id.serial.empty() || each.usb->serial == id.serial) return each.device;
    }
    return {};
}

}  // namespace mqttsn::transports
