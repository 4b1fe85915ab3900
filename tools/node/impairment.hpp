// A bad network between a node and its gateway, from one seed: frames are lost, doubled, reordered and delayed, in each
// direction, by probability or by script, and a NAT gives the node a new address now and then. No socket, no clock.
#pragma once

#include "protocol/sn/v12_packet.hpp"
#include "tools/node/small_random.hpp"

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace mqttsn::node {

enum class Direction : std::uint8_t { up, down };  ///< from the node, to the node

enum class Effect : std::uint8_t {
    lose,
    duplicate,
    reorder,  ///< the next frame of its direction overtakes it; it is late when none comes
    delay,    ///< frames of one direction keep their order
};

/// What befalls some frames.
struct ImpairmentRule {
    Effect effect = Effect::lose;
    std::optional<Direction> direction;  ///< not given: both
    std::optional<sn::MsgType> type;     ///< not given: all; of an encapsulated frame the message inside counts
    double probability = 1;
    std::uint32_t first = 1;  ///< the first of the frames of this direction and type that it befalls …
    std::uint32_t last = std::numeric_limits<std::uint32_t>::max();  ///< … and the last one
    Duration delay{};
    Duration jitter{};  ///< the delay is uniform in delay ± jitter

    bool operator==(const ImpairmentRule&) const = default;
};

struct ImpairmentOptions {
    double loss = 0;  ///< probabilities, in each direction
    double duplication = 0;
    double reorder = 0;
    Duration delay{};
    Duration jitter{};
    Duration nat_rebind{};              ///< how often the node's address changes; 0 = never
    std::vector<ImpairmentRule> rules;  ///< besides

    bool is_any() const noexcept;
};

struct ImpairmentCounters {
    struct Way {
        std::uint64_t frames = 0;  ///< handed in
        std::uint64_t lost = 0;
        std::uint64_t doubled = 0;
        std::uint64_t reordered = 0;
        std::uint64_t delayed = 0;
    };
    std::array<Way, 2> ways;       ///< by Direction
    std::uint64_t rebindings = 0;  ///< new addresses
    std::uint64_t astray = 0;      ///< sent to an address that the node did not have any more
    std::uint64_t overflows = 0;   ///< lost because most_waiting frames were under way

    ImpairmentCounters& operator+=(const ImpairmentCounters& other) noexcept;
};

class Impairment {
public:
    static constexpr std::size_t most_waiting = 4096;
    /// How long a frame that should be overtaken waits for another.
    static constexpr Duration patience = std::chrono::milliseconds(250);

    struct Arrival {
        Direction direction{};
        Buffer frame;
    };

    /// The same random numbers befall the same frames: what one rule draws does not depend on the other rules' outcome.
    Impairment(const ImpairmentOptions& options, std::uint64_t seed, TimePoint now);

    /// A frame sets out.
    void put(Direction direction, Bytes frame, TimePoint now);
    /// The next frame that has arrived by now.
    std::optional<Arrival> take(TimePoint now);
    /// When take() has the next one, unless more is put in.
    std::optional<TimePoint> next_timeout() const noexcept;
    /// Asked before a frame leaves the node: whether it leaves from a new address.
    bool rebinds(TimePoint now);

    const ImpairmentCounters& counters() const noexcept { return counters_; }

private:
    struct Rule {
        ImpairmentRule what;
        std::array<std::uint32_t, 2> seen{};  ///< by Direction
    };
    struct Fate {
        bool is_lost = false;
        bool is_doubled = false;
        bool is_reordered = false;
        Duration delay{};
    };
    struct Held {
        Buffer frame;
        Fate fate;
        TimePoint until{};
    };

    void add(Effect effect, double probability, Duration delay = {}, Duration jitter = {});
    Fate decide(Direction direction, Bytes frame);
    void schedule(Direction direction, const Buffer& frame, const Fate& fate, TimePoint now);
    void release(Direction direction, TimePoint now);
    SmallRandom& random_of_way(Direction direction) noexcept { return random_[static_cast<std::size_t>(direction)]; }

    std::vector<Rule> rules_;
    std::array<SmallRandom, 2> random_;  ///< by Direction: traffic one way does not change the luck of the other
    std::array<std::vector<Held>, 2> held_;
    std::array<TimePoint, 2> last_at_{};
    std::multimap<TimePoint, Arrival> waiting_;
    Duration nat_rebind_;
    std::optional<TimePoint> rebind_at_;
    ImpairmentCounters counters_;
};

/// What the header says, encapsulation taken off; nullopt when there is none.
std::optional<sn::MsgType> type_of_frame(Bytes frame) noexcept;

}  // namespace mqttsn::node
