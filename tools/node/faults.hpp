// The ways in which a simulated node can break the rules (checklist Part II, fault switches): most gateway defects show
// only against imperfect clients. Frames in, the datagrams that leave instead out; no socket, no clock.
#pragma once

#include "protocol/types.hpp"
#include "tools/node/small_random.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace mqttsn::node {

struct FaultyDatagram {
    enum class Port : std::uint8_t {
        own,
        second,  ///< a further one, at the same time
        fresh,   ///< a new one, which is the node's own from now on
    };
    Buffer octets;
    Port from = Port::own;
};

struct Occasion;

struct Fault {
    std::string_view name;
    std::string_view item;  ///< of the checklist
    std::string_view what;
    /// Appends what leaves instead of the frame; false: it is no occasion for this fault.
    bool (*commit)(Occasion& occasion, std::vector<FaultyDatagram>& out);
};

/// In the order of the checklist; loss and its like, and withheld messages, are impairments (impairment.hpp).
std::span<const Fault> faults() noexcept;
/// nullptr when there is none of this name.
const Fault* fault_named(std::string_view name) noexcept;

struct FaultOptions {
    std::vector<const Fault*> faults;
    double share = 0.1;  ///< of the frames, where there is an occasion for one of the faults
};

/// A node's frames on their way out.
class Misbehaviour {
public:
    Misbehaviour(FaultOptions options, std::uint64_t seed);

    /// What leaves instead of this frame of the client; nothing when it is withheld.
    std::vector<FaultyDatagram> send(Bytes frame);
    /// How often each of the faults was committed, in the order of the options.
    const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
    const FaultOptions& options() const noexcept { return options_; }

private:
    FaultOptions options_;
    SmallRandom random_;
    std::vector<std::uint64_t> counts_;
    Buffer last_connect_;
    std::uint32_t answers_ = 0;  ///< to messages of this wake-up
    bool is_awake_ = false;      ///< between the PINGREQ of a wake-up and the next request
};

}  // namespace mqttsn::node
