#include "tools/dump/port_filter.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mqttsn::tools {

namespace {

constexpr std::uint16_t usual_port = 1883;

}  // namespace

std::optional<PortFilter> PortFilter::parse(const std::vector<std::string>& texts) {
    PortFilter filter;
    bool is_any = false;
    for (const auto& text : texts) {
        std::uint16_t port = 0;
        const auto* end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, port);
        if (text == "any") {
            is_any = true;
        } else if (error == std::errc() && rest == end && port != 0) {
            filter.ports_.insert(port);
        } else {
            return std::nullopt;
        }
    }
    if (is_any) filter.ports_.clear();
    if (texts.empty()) filter.ports_ = {usual_port};
    return filter;
}

bool PortFilter::passes(const UdpDatagram& datagram) const {
    return is_any() || ports_.contains(datagram.from.port()) || ports_.contains(datagram.to.port());
}

std::string PortFilter::to_string() const {
    return is_any() ? "any" : fmt::format("{}", fmt::join(ports_, ", "));
}

}  // namespace mqttsn::tools
