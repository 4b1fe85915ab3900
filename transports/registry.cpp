#include "transports/registry.hpp"

#include "transports/radio/aquila.hpp"
#include "transports/radio/ebyte.hpp"
#include "transports/radio/framed_line.hpp"
#include "transports/radio/rak.hpp"
#include "transports/radio/rn2483.hpp"
#include "transports/radio/rylr.hpp"
#include "transports/radio/transparent.hpp"
#include "transports/radio/xbee.hpp"

#include <algorithm>

namespace mqttsn::transports {

std::span<const DriverKind* const> driver_kinds() {
    static const auto kinds = [] {
        // A kind of link more: its file, and its name here.
        return std::vector{&raw_kind(), &slip_kind(),   &hdlc_kind(),  &cobs_kind(),        &xbee_kind(),  &rylr_kind(),
                           &rak_kind(), &rn2483_kind(), &ebyte_kind(), &transparent_kind(), &aquila_kind()};
    }();
    return kinds;
}

const DriverKind* find_kind(std::string_view name) {
    const auto kinds = driver_kinds();
    const auto found = std::ranges::find(kinds, name, &DriverKind::name);
    return found == kinds.end() ? nullptr : *found;
}

}  // namespace mqttsn::transports
