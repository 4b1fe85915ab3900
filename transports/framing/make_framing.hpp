// Any framing by its name and options, for drivers that let the user choose.
#pragma once

#include "transports/framing/hdlc.hpp"
#include "transports/framing/message_shape.hpp"

#include <memory>

namespace mqttsn::transports {

enum class FramingKind : std::uint8_t { raw, slip, hdlc, cobs, xbee_api_1, xbee_api_2 };

/// Each kind reads what concerns it.
struct FramingOptions {
    std::size_t largest = 255;  ///< message without forwarder headers; with xbee_api the data of a frame
    Duration gap{};             ///< raw, xbee_api: silence that ends a frame; 0 = the kind's own
    Peer peer = Peer::nodes;    ///< raw: what the other end may send
    bool messages = true;       ///< slip, hdlc, cobs: false = a driver puts its own octets around the messages
    FrameCheck check;           ///< slip, cobs
    HdlcEscapes escapes = HdlcEscapes::minimal;
};

std::unique_ptr<Framing> make_framing(FramingKind kind, const FramingOptions& options = {});

}  // namespace mqttsn::transports
