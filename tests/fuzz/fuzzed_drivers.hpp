// The drivers that fuzz_driver goes through, and the language of its inputs: the driver, then steps.
#pragma once

#include "transports/radio/aquila.hpp"
#include "transports/radio/ebyte.hpp"
#include "transports/radio/framed_line.hpp"
#include "transports/radio/transparent.hpp"
#include "transports/radio/xbee.hpp"

#include <array>

namespace mqttsn::fuzz {

/// A new driver gets its line here. The order is that of the first octet of the corpus: append.
inline const auto& driver_kinds() {
    static const std::array kinds{
        &transports::raw_kind(),         &transports::slip_kind(),   &transports::hdlc_kind(),
        &transports::cobs_kind(),        &transports::xbee_kind(),   &transports::ebyte_kind(),
        &transports::transparent_kind(), &transports::aquila_kind(),
    };
    return kinds;
}

/// The three lowest bits of the octet that begins a step.
enum class DriverStep : std::uint8_t {
    receive,     ///< a size octet, and so many octets from the port
    wait,        ///< a word: milliseconds
    timeout,     ///< on to the next time-out
    send,        ///< to the node that was heard last: a size octet, and so many octets of a frame
    broadcast,   ///< the same, to all; the upper bits are the radius
    reopen,      ///< the port is closed, and opened again
    echo,        ///< what was written last comes back from the port
    early_call,  ///< timeout() although nothing is due
};

}  // namespace mqttsn::fuzz
