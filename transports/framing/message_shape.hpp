// How long the MQTT-SN message at the front of some octets is, and whether it can be one. Pure.
#pragma once

#include "protocol/types.hpp"

namespace mqttsn::transports {

enum class Peer : std::uint8_t {
    nodes,    ///< only what a client or forwarder sends, in its sizes
    gateway,  ///< only what a gateway sends, in its sizes
    any,      ///< every type with a meaning, in any size
};

struct Shape {
    enum class Verdict : std::uint8_t {
        implausible,
        incomplete,  ///< plausible so far
        whole,       ///< the message is the first `size` octets
    };
    Verdict verdict = Verdict::implausible;
    std::size_t size = 0;     ///< with whole
    bool is_decided = false;  ///< with incomplete: no octet that is still to come makes it implausible
};

/// A message of at most `largest` octets, behind forwarder headers (SN 5.5) if there are any.
Shape shape_of(Bytes octets, Peer peer, std::size_t largest) noexcept;

/// Forwarder headers deeper than this are implausible.
constexpr int deepest_encapsulation = 3;
/// What all forwarder headers in front of a message can measure.
constexpr std::size_t longest_headers = 255 * deepest_encapsulation;

/// What the Length fields declare. Types and contents do not matter. `message` is 0 if they contradict the octets at
/// hand.
struct DeclaredSize {
    std::size_t headers = 0;  ///< of forwarders
    std::size_t message = 0;
    std::size_t total() const noexcept { return headers + message; }
};
DeclaredSize declared_size(Bytes frame) noexcept;

}  // namespace mqttsn::transports
