// What stands between the octets of a serial port and the frames of a link: a framed line, or a radio dongle with its
// command set. A state machine without port and clock: octets, frames and time in; octets, frames and notes out.
#pragma once

#include "protocol/address.hpp"
#include "protocol/departure.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mqttsn::transports {

using mqttsn::Departure;
using mqttsn::FrameToken;

/// What a driver wants done, appended during one input and drained by the caller before the next.
struct DriverOutput {
    enum class Level : std::uint8_t { debug, info, warning, error };
    struct Received {
        Address from;  ///< empty on links without addresses
        std::optional<Signal> signal;
        std::size_t offset = 0;  ///< in `octets`
        std::size_t size = 0;
    };
    struct Departed {
        FrameToken token = 0;
        Departure departure = Departure::left;
    };
    struct Note {  ///< for the log
        Level level = Level::info;
        std::string text;
    };

    Buffer wire;                        ///< for the port, in order; after `baud` has been set
    std::optional<std::uint32_t> baud;  ///< the port's speed from now on
    bool reopen = false;                ///< the dongle makes no sense any more: close the port and open it again
    std::optional<bool> ready;          ///< the link works (initialised) or does not; absent = as before
    Buffer octets;                      ///< of received frames
    std::vector<Received> received;
    std::vector<Departed> departed;
    std::vector<Note> notes;

    void push_received(const Address& from, std::optional<Signal> signal, Bytes frame) {
        received.push_back({from, signal, octets.size(), frame.size()});
        octets.insert(octets.end(), frame.begin(), frame.end());
    }
    Bytes frame(const Received& each) const noexcept { return Bytes(octets).subspan(each.offset, each.size); }
    /// Keeps the capacity.
    void clear() noexcept {
        wire.clear();
        baud.reset();
        reopen = false;
        ready.reset();
        octets.clear();
        received.clear();
        departed.clear();
        notes.clear();
    }
};

/// One frame to send. Views live for the call.
struct OutgoingFrame {
    FrameToken token = 0;
    bool broadcast = false;
    std::uint8_t radius = 0;  ///< of a broadcast; 0 = the whole network
    Address to;               ///< not with broadcast
    Bytes frame;
};

struct DriverTraits {
    std::size_t mtu = 255;            ///< largest MQTT-SN message; may change when the dongle has told
    bool addressed = false;           ///< frames carry the address of their node; else several nodes need SN 5.5
    bool broadcast = true;            ///< one transmission reaches all nodes
    bool half_duplex = false;         ///< deaf while it sends
    bool confirms_departure = false;  ///< reports Departed itself; else a frame has left when its octets have
    Duration turnaround{};            ///< to wait after an uplink frame before answering: the node must turn to receive
};

/// What the dongle counts, for people that debug radios; a driver with a Framing adds that one's counters.
struct DriverCounters {
    std::uint64_t sent = 0;           ///< frames handed to the dongle
    std::uint64_t departed = 0;       ///< left or confirmed
    std::uint64_t send_failures = 0;  ///< told by the dongle
    std::uint64_t send_timeouts = 0;  ///< the dongle said nothing in time
    std::uint64_t retried = 0;        ///< sent once more because the dongle was busy or the channel was
    std::uint64_t resets = 0;         ///< the dongle started anew by itself
    std::uint64_t frames_in = 0;
    std::uint64_t check_errors = 0;  ///< checksum, CRC, or a reply that cannot be right
    std::uint64_t framing_errors = 0;
    std::uint64_t oversize = 0;
    std::uint64_t skipped_octets = 0;
    std::uint64_t unexpected = 0;  ///< replies that nobody asked for
};

class Driver {
public:
    virtual ~Driver() = default;

    /// The port is open (again): initialises the dongle. Ends in `ready`.
    virtual void opened(TimePoint now, DriverOutput& out) = 0;
    /// The port is gone: everything handed over and not departed has failed. The next input is opened().
    virtual void closed(TimePoint now, DriverOutput& out) = 0;
    virtual void receive(Bytes octets, TimePoint now, DriverOutput& out) = 0;
    /// Whether send() may be called now. The caller keeps frames in its own, bounded queue meanwhile.
    virtual bool can_send() const noexcept = 0;
    /// Takes one frame of at most traits().mtu octets. Ends in `departed` where traits().confirms_departure.
    virtual void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) = 0;
    virtual void timeout(TimePoint now, DriverOutput& out) = 0;
    virtual std::optional<TimePoint> next_timeout() const noexcept = 0;

    virtual DriverTraits traits() const noexcept = 0;
    /// How long a message of so many octets occupies the channel; 0 where the line itself is the channel.
    virtual Duration air_time(std::size_t octets) const noexcept = 0;
    virtual const DriverCounters& counters() const noexcept = 0;
    /// "0013a20040401122"; empty for the empty address.
    virtual std::string to_string(const Address& address) const = 0;
};

/// A key of [[serial]] that only one kind of link has.
struct DriverOption {
    std::string_view name;      ///< "network_id"
    std::string_view standard;  ///< the default as text
    std::string_view expects;   ///< "a number from 0 to 16", for messages
    std::string_view help;
};

/// Values of such keys by name, as text; what is not given has its default.
using DriverValues = std::map<std::string, std::string, std::less<>>;

struct MadeDriver {
    std::unique_ptr<Driver> driver;  ///< null: see error
    std::string error;               ///< "network_id = \"99\": expected a number from 0 to 16"
};

/// One kind of link over a serial port. A new kind is one file with such a value, and one line in registry.cpp.
struct DriverKind {
    std::string_view name;  ///< as in link = "xbee"
    std::string_view help;  ///< one line for people
    std::uint32_t baud = 115200;
    std::span<const DriverOption> options;
    /// `mtu`: 0 = the kind's own. Checks all values.
    MadeDriver (*make)(const DriverValues& values, std::size_t mtu) = nullptr;
};

}  // namespace mqttsn::transports
