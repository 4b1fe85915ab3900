// What a gateway finds at the end of its serial line, played: a radio dongle with its command set, and the air behind
// it. A state machine without port and clock: octets of the host, frames of nodes and time in; octets for the host and
// frames for nodes out. Written from the manuals of the modules, and never from the drivers that talk to them.
#pragma once

#include "protocol/types.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::dongle {

/// Nodes count from 1; each module makes an address of the number.
using NodeNumber = std::uint16_t;
inline constexpr NodeNumber everyone = 0;

/// Appended during one input, drained by the caller before the next.
struct DongleOutput {
    struct Delivery {
        NodeNumber to = everyone;
        Buffer frame;
    };
    Buffer host;  ///< for the serial line, in order
    std::vector<Delivery> deliveries;
};

struct DongleCounters {
    std::uint64_t frames_up = 0;         ///< of nodes, told to the host
    std::uint64_t frames_down = 0;       ///< of the host, that reached a node or all
    std::uint64_t lost_on_air = 0;       ///< in both directions, after what the radio repeats by itself
    std::uint64_t collisions = 0;        ///< two sent at once
    std::uint64_t unheard = 0;           ///< came while the module did not listen
    std::uint64_t malformed = 0;         ///< from the host: bad check, syntax or length
    std::uint64_t refused = 0;           ///< answered with an error or a failed delivery
    std::uint64_t unknown_node = 0;      ///< for an address where nobody is
    std::uint64_t replies_withheld = 0;  ///< by reply_loss
};

class Dongle {
public:
    virtual ~Dongle() = default;

    /// Power comes on, or the module starts anew: nothing is left of before, but what it keeps in flash.
    virtual void power_on(TimePoint now, DongleOutput& out) = 0;
    virtual void from_host(Bytes octets, TimePoint now, DongleOutput& out) = 0;
    /// A node (1 …) begins to send a frame to the gateway.
    virtual void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput& out) = 0;
    virtual void timeout(TimePoint now, DongleOutput& out) = 0;
    virtual std::optional<TimePoint> next_timeout() const noexcept = 0;
    /// The largest message of a node that the module can carry.
    virtual std::size_t max_frame() const noexcept = 0;
    virtual const DongleCounters& counters() const noexcept = 0;
};

/// Radio quality that the nodes have, and what the air does to them.
struct AirOptions {
    std::int16_t rssi_dbm = -83;  ///< mean; each node is somewhere around it
    std::int8_t snr_db = 9;
    double loss = 0;                 ///< share of transmissions that nobody hears
    std::optional<bool> collisions;  ///< nodes send whenever they like; not given = as the radio of the module does
    std::uint64_t seed = 1;
};

struct MadeDongle {
    std::unique_ptr<Dongle> dongle;  ///< null: see error
    std::string error;               ///< "ap=7: expected 0, 1 or 2"
};

/// A key of `--link KIND,key=value`.
struct DongleKey {
    std::string_view name;
    std::string_view standard;
    std::string_view expects;
};

class Values;

/// One kind of module. A new one is one file with such a value, and one line in kinds.cpp.
struct DongleKind {
    std::string_view name;
    std::string_view help;
    std::span<const DongleKey> keys;
    std::unique_ptr<Dongle> (*make)(Values& values, NodeNumber nodes, const AirOptions& air) = nullptr;
};

std::span<const DongleKind* const> dongle_kinds() noexcept;
/// `text` is "xbee" or "xbee,ap=1,variant=zigbee".
MadeDongle make_dongle(std::string_view text, NodeNumber nodes, const AirOptions& air);

}  // namespace mqttsn::dongle
