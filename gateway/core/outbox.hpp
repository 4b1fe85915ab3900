// What the core wants done, collected during one input and drained by the caller before the next.
#pragma once

#include "gateway/core/record.hpp"
#include "protocol/address.hpp"
#include "protocol/departure.hpp"
#include "protocol/types.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace mqttsn::gateway {

/// Names one broker socket: every UpstreamAction::open brings a new one, and none is used twice.
using UpstreamId = std::uint32_t;

/// Names a session in the store; 0 = none.
using SessionNumber = std::uint32_t;

/// A frame to one node, or to all nodes of a link within a radius.
struct FrameOut {
    Endpoint to;  ///< with broadcast only the link counts
    bool broadcast = false;
    std::uint8_t radius = 0;
    std::size_t offset = 0;  ///< in Outbox::octets
    std::size_t size = 0;
    ClientKey owner = 0;   ///< whose records it may have to wait for
    FrameToken token = 0;  ///< not 0: the core wants on_departed()
};

enum class UpstreamAction : std::uint8_t {
    open,   ///< open a socket to the broker, then on_upstream_open() or on_upstream_closed()
    send,   ///< append octets to what the socket has to send
    close,  ///< send what is queued, then close in order; no on_upstream_closed() follows
    abort,  ///< close at once, unsent octets dropped, so that the broker publishes the will
};
struct UpstreamOut {
    UpstreamId id = 0;
    UpstreamAction action = UpstreamAction::open;
    std::size_t offset = 0;  ///< in Outbox::octets (send only)
    std::size_t size = 0;
    ClientKey owner = 0;  ///< as in FrameOut
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };
/// Something an operator may want to read. `subject` (a client id or an endpoint) is the key of the rate limit.
struct LogEntry {
    LogLevel level = LogLevel::info;
    std::string subject;
    std::string text;
};

/// Output commit: nothing that a session says may run ahead of what the disk knows. Whatever leaves for an owner, in
/// this turn or a later one, waits until the owner's records of `store` are committed. Without a store the runtime
/// gives none of its sessions a record, and nothing waits.
struct Outbox {
    std::vector<StoreOp> store;
    std::vector<FrameOut> frames;
    std::vector<UpstreamOut> upstream;
    std::vector<LogEntry> log;
    Buffer octets;

    Bytes view(std::size_t offset, std::size_t size) const noexcept { return Bytes(octets).subspan(offset, size); }
    bool empty() const noexcept { return store.empty() && frames.empty() && upstream.empty() && log.empty(); }
    /// Keeps the capacity: a steady state does not allocate.
    void clear() noexcept {
        store.clear();
        frames.clear();
        upstream.clear();
        log.clear();
        octets.clear();
    }
};

}  // namespace mqttsn::gateway
