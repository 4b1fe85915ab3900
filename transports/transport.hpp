// A link that carries whole frames to and from nodes: a UDP listener, a serial line, a radio dongle.
#pragma once

#include "protocol/address.hpp"
#include "protocol/departure.hpp"

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace mqttsn::transports {

struct LinkTraits {
    std::string name;                 ///< for logs and counters, unique: "udp:0.0.0.0:1883"
    std::size_t max_frame = 65535;    ///< larger frames cannot leave on this link (SN12-5.2.1-i)
    bool broadcast = false;           ///< broadcast() reaches someone
    bool confirms_departure = false;  ///< on_departed() follows send() with a token
};

/// Counted by the link itself; read by the runtime between turns.
struct LinkCounters {
    std::uint64_t frames_in = 0;
    std::uint64_t octets_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t octets_out = 0;
    std::uint64_t truncated = 0;  ///< received larger than the receive limit, dropped
    std::uint64_t receive_errors = 0;
    std::uint64_t send_errors = 0;      ///< the system refused a frame (no route, port unreachable …)
    std::uint64_t send_queue_full = 0;  ///< frames refused because the bounded send queue was full
};

/// A counter that only some links have, for the log and for metrics.
struct NamedCount {
    enum class Kind : std::uint8_t { events, octets, milliseconds, level };  ///< `level` also falls
    std::string_view name;                                                   ///< without a unit
    std::uint64_t value = 0;
    Kind kind = Kind::events;

    /// As logs show it.
    std::string_view unit() const noexcept { return kind == Kind::milliseconds ? " ms" : ""; }
    /// The name as pages for programs show it: "check_errors".
    std::string identifier() const {
        std::string text(name);
        std::ranges::replace(text, ' ', '_');
        return text;
    }
};

enum class NoteLevel : std::uint8_t { debug, info, warning, error };

/// What a link tells its owner. Called from the event loop, never from inside send() or broadcast().
class FrameHandler {
public:
    /// `frame` is valid for the call.
    virtual void on_frame(const FrameInfo& info, Bytes frame) = 0;
    /// A link works again or not; once per change, and again for each new reason.
    virtual void on_link_state(LinkId link, bool up, const std::string& reason) = 0;
    /// A frame that was given to send() with this token has left, or never will.
    virtual void on_departed(LinkId /*link*/, FrameToken /*token*/, Departure /*departure*/) {}
    /// traits().max_frame has changed.
    virtual void on_link_limit(LinkId /*link*/, std::size_t /*octets*/) {}
    /// Something worth a line in the log.
    virtual void on_link_note(LinkId /*link*/, NoteLevel /*level*/, const std::string& /*text*/) {}
    /// All frames that were ready at this wake-up have been delivered: time to flush.
    virtual void on_batch_end() = 0;

protected:
    ~FrameHandler() = default;
};

class Transport {
public:
    virtual ~Transport() = default;

    /// Opens the link and starts reading. Errors name what to fix (address in use, no such interface …).
    virtual Result<void> start(FrameHandler& handler) = 0;
    virtual void stop() = 0;

    /// Copies into a bounded queue; false = full, or the link cannot carry it (counted). The queue leaves at flush(),
    /// or when the link can send. Links that confirm departures report that of a frame with a token, also after false.
    virtual bool send(const Address& to, Bytes frame, FrameToken token = 0) = 0;
    /// To all nodes within `radius` hops (SN 5.3.9; 0 = all the network).
    virtual bool broadcast(std::uint8_t radius, Bytes frame) = 0;
    virtual void flush() = 0;

    virtual const LinkTraits& traits() const noexcept = 0;
    virtual const LinkCounters& counters() const noexcept = 0;
    /// What else this kind of link counts.
    virtual std::vector<NamedCount> more_counters() const { return {}; }
    /// Why start() failed, for people: what, where, and what to do about it.
    virtual const std::string& error() const noexcept = 0;
    /// What start() could not get although it went on (a smaller buffer …).
    virtual const std::vector<std::string>& warnings() const noexcept = 0;
    virtual std::string to_string(const Address& address) const = 0;
    /// Whether two addresses are on the same host (policy takeover = "same-host"); links without hosts compare equal.
    virtual bool same_host(const Address& a, const Address& b) const noexcept = 0;
};

}  // namespace mqttsn::transports
