// Frames that wait until their driver can send: the important first, every node its turn, never more than the bounds.
// Pure.
#pragma once

#include "transports/radio/driver.hpp"

namespace mqttsn::transports {

/// In the order of leaving. Under a duty cycle the last ones may never leave.
enum class TransmitClass : std::uint8_t {
    control,     ///< handshakes, acknowledgements, pings: whoever waits for them would send again
    reliable,    ///< PUBLISH with QoS 1 or 2: the session sends it again when it is dropped
    unreliable,  ///< PUBLISH with QoS 0: droppable, and worthless when it is old
    advertise,   ///< yields to everything
};

/// By the MsgType behind any number of forwarder headers (SN 5.5). What cannot be read is control.
TransmitClass transmit_class(Bytes frame) noexcept;

struct TransmitLimits {
    std::size_t frames = 256;
    std::size_t octets = std::size_t{64} * 1024;
    std::size_t frames_per_node = 32;
    std::size_t octets_per_node = std::size_t{16} * 1024;
    /// Frames without promise (QoS 0, ADVERTISE) that waited longer are dropped; 0 = never.
    Duration patience = std::chrono::seconds(60);
};

struct TransmitCounters {
    std::uint64_t queued = 0;
    std::uint64_t duplicates = 0;  ///< the same frame was waiting already, or its PUBREL came
    std::uint64_t refused = 0;     ///< no room, and nothing less important to drop
    std::uint64_t displaced = 0;   ///< dropped to make room
    std::uint64_t expired = 0;     ///< dropped because nobody wants them so late
    std::size_t most_frames = 0;   ///< high-water mark
};

/// A node is an address of the link together with the node ids of the forwarder headers; broadcasts are a node of
/// their own. Within a node and class frames keep their order. PINGRESP and DISCONNECT neither overtake nor are
/// overtaken by any frame of their node: a sleeping node stops listening after them (SN 6.14). A PUBREL drops the
/// repeated PUBLISH with its MsgId that still waits: it has arrived, and behind PUBREL it would count as new (SN 6.13).
class TransmitQueue {
public:
    explicit TransmitQueue(TransmitLimits limits = {}) : limits_(limits) {}

    enum class Outcome : std::uint8_t { queued, duplicate, refused };
    struct Pushed {
        Outcome outcome = Outcome::refused;
        FrameToken waiting = 0;  ///< with duplicate: the frame that waits already, and whose departure counts
    };

    /// Copies the frame. The same frame still waiting (a retransmission: DUP does not matter) is not queued again;
    /// two PUBLISH with QoS 0 are never the same. The tokens of frames dropped for this one are appended to `dropped`:
    /// they have departed as failed. The pushed frame itself, when refused or a duplicate, is not among them.
    Pushed push(const OutgoingFrame& frame, TimePoint now, std::vector<FrameToken>& dropped);

    /// Drops what lost its worth by waiting; call before next().
    void expire(TimePoint now, std::vector<FrameToken>& dropped);
    /// When expire() has something to do.
    std::optional<TimePoint> next_expiry() const noexcept;

    /// The frame to leave next; views until the queue is changed.
    std::optional<OutgoingFrame> next() const noexcept;
    /// Removes what next() returns: it was given to the driver. Its node goes to the end of the round.
    void pop();

    /// The link is down: everything waiting has failed.
    void clear(std::vector<FrameToken>& dropped);

    bool empty() const noexcept { return frames_ == 0; }
    std::size_t size() const noexcept { return frames_; }
    std::size_t octets() const noexcept { return octets_; }
    const TransmitCounters& counters() const noexcept { return counters_; }

private:
    struct Waiting {
        FrameToken token = 0;
        TransmitClass rank = TransmitClass::control;
        bool keeps_place = false;
        bool broadcast = false;
        std::uint8_t radius = 0;
        Address to;
        Buffer frame;
        TimePoint since;
    };
    struct Node {
        Buffer key;
        std::vector<Waiting> waiting;
        std::size_t octets = 0;

        TransmitClass best() const noexcept;
        std::size_t first_to_leave() const noexcept;
    };
    struct Place {
        std::size_t node = 0;
        std::size_t index = 0;
    };

    std::optional<Place> next_place() const noexcept;
    const Waiting* find_same(const Node& node, const OutgoingFrame& frame) const noexcept;
    std::optional<Place> find_victim(TransmitClass rank, std::optional<std::size_t> only_node) const noexcept;
    bool make_room(std::size_t node, std::size_t size, TransmitClass rank, std::vector<FrameToken>& dropped);
    void drop_released(std::size_t node, Bytes message, std::vector<FrameToken>& dropped);
    void erase(Place place);
    void remove_idle_nodes();

    TransmitLimits limits_;
    std::vector<Node> nodes_;  ///< in the order of their turns
    std::size_t frames_ = 0;
    std::size_t octets_ = 0;
    TransmitCounters counters_;
};

}  // namespace mqttsn::transports
