#include "transports/registry.hpp"

#include "transports/radio/framed_line.hpp"

#include <algorithm>

namespace mqttsn::transports {

std::span<const DriverKind* const> driver_kinds() {
    static const auto kinds = [] {
        std::vector<const DriverKind*> list;
        for (const DriverKind& each : framed_line_kinds())
            list.push_back(&each);
        // A kind of link more: its file, and its line here.
        return list;
    }();
    return kinds;
}

const DriverKind* find_kind(std::string_view name) {
    const auto kinds = driver_kinds();
    const auto found = std::ranges::find(kinds, name, &DriverKind::name);
    return found == kinds.end() ? nullptr : *found;
}

}  // namespace mqttsn::transports
