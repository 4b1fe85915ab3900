// What all radio modems with AT commands have in common: one command at a time, with the lines that answer it and the
// lines that come unasked in between; the initialisation; one transmission at a time; and what to do about a modem that
// is busy, silent, or starts anew. A dialect says how its commands look and what its lines mean.
#pragma once

#include "transports/radio/at_lines.hpp"
#include "transports/radio/driver.hpp"
#include "transports/radio/lora_air_time.hpp"

#include <deque>

namespace mqttsn::transports {

/// How a dialect goes about what all of them do. An empty command means that it needs none.
struct AtHabits {
    std::string model = {};            ///< for notes
    std::string probe = "AT";          ///< something that any such modem answers
    std::string reset = {};            ///< starts the modem anew
    std::string stop_receiving = {};   ///< in front of a transmission
    std::string start_receiving = {};  ///< after it, and at the end of the initialisation
    bool tells_departure = false;      ///< a line after the OK says that the packet has left; else the OK does
    bool value_answers = false;        ///< a value is the whole answer to a query; else an OK follows
    bool checks_by_receiving = false;  ///< an idle modem is checked by starting reception anew; else with `probe`
    Duration patience = std::chrono::seconds(1);   ///< with the answer to anything but a transmission
    Duration allowance = std::chrono::seconds(1);  ///< a transmission may last 2 x its air time and this
    Duration busy_wait{};                          ///< before a busy modem is asked again; 0 = one air time
    unsigned busy_retries = 3;                     ///< of a transmission
};

/// Sets traits.mtu to `mtu`, unless that is 0; or says what is wrong with it.
std::string choose_mtu(DriverTraits& traits, std::size_t mtu, std::size_t largest);

class AtModem : public Driver {
public:
    void opened(TimePoint now, DriverOutput& out) final;
    void closed(TimePoint now, DriverOutput& out) final;
    void receive(Bytes octets, TimePoint now, DriverOutput& out) final;
    bool can_send() const noexcept final;
    void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) final;
    void timeout(TimePoint now, DriverOutput& out) final;
    std::optional<TimePoint> next_timeout() const noexcept final;
    DriverTraits traits() const noexcept final { return traits_; }
    const DriverCounters& counters() const noexcept final;

protected:
    enum class Purpose : std::uint8_t {
        probe,
        query,  ///< compare the value, and correct it
        set,    ///< must succeed, or the link cannot work
        ask,    ///< useful, may be refused
        stop_receiving,
        transmit,
        start_receiving,
    };
    struct Command {
        Purpose purpose = Purpose::probe;
        std::string text;
        std::string expected = {};    ///< of a query, as same() compares
        std::string correction = {};  ///< the command for a value that is another; empty = only say so
        unsigned attempts = 0;
        unsigned refusals = 0;             ///< other than busy
        std::optional<bool> matches = {};  ///< the value of a query, which has arrived
    };
    /// What a line means.
    enum class Meaning : std::uint8_t {
        unknown,
        nothing,  ///< dealt with by the dialect
        ok,
        value,       ///< of the query, in Reply::text
        refused,     ///< in Reply::text why
        busy,        ///< refused, try again later
        departed,    ///< the packet is on its way
        lost,        ///< the packet did not leave
        restarting,  ///< the modem begins to start
        started,     ///< the modem has started
    };
    struct Reply {
        Meaning meaning = Meaning::unknown;
        std::string_view text;
    };

    AtModem(AtHabits habits, const DriverTraits& traits, AtLines::DataEnd data_end = nullptr)
        : habits_(std::move(habits)), traits_(traits), lines_(data_end) {}

    /// Asks for what brings a modem in any state to where start_receiving is next.
    virtual void initialise() = 0;
    /// The command that sends the frame; nullopt when it can never be sent (an address of another link).
    virtual std::optional<std::string> transmission(const OutgoingFrame& frame) = 0;
    virtual Reply read(std::string_view line, TimePoint now, DriverOutput& out) = 0;
    /// Whether the modem's value is the expected one.
    virtual bool same(std::string_view value, std::string_view expected) const { return value == expected; }
    /// A command has its answer (`ok` or not), or gets none.
    virtual void concluded(const Command& /*command*/, bool /*ok*/, DriverOutput& /*out*/) {}

    void ask(Purpose purpose, std::string text) { queue_.push_back({purpose, std::move(text)}); }
    void query(std::string text, std::string expected, std::string correction) {
        queue_.push_back({Purpose::query, std::move(text), std::move(expected), std::move(correction)});
    }
    /// Before everything else that waits.
    void ask_next(Purpose purpose, std::string text) { queue_.push_front({purpose, std::move(text)}); }
    /// Reception has ended by itself: starts it again, unless that is going to happen anyway.
    void receive_again();
    void expect_restart() noexcept { is_restart_expected_ = true; }
    void received(const Address& from, std::optional<Signal> signal, Bytes frame, DriverOutput& out);
    const Command* outstanding() const noexcept { return outstanding_ ? &*outstanding_ : nullptr; }
    bool is_on_air() const noexcept { return phase_ == Phase::on_air; }
    void note(DriverOutput::Level level, std::string_view text, DriverOutput& out) const;

    AtHabits habits_;
    DriverCounters counters_;  // without those of the lines

private:
    enum class Phase : std::uint8_t {
        closed,
        starting,
        idle,
        sending,  // until the modem accepts the frame
        on_air,   // until it says that the frame has left
        resting,  // until `pause_`, then starting
    };
    struct Transmission {
        FrameToken token = 0;
        std::string command;
        Duration air_time{};
        TimePoint deadline{};  // of the departure, from the moment of the command
        bool is_repeated = false;
    };

    void start(TimePoint now, DriverOutput& out);
    void begin_next(TimePoint now, DriverOutput& out);
    void check(TimePoint now);
    void handle(std::string_view line, TimePoint now, DriverOutput& out);
    void answer(const Reply& reply, TimePoint now, DriverOutput& out);
    void answer_query(const Reply& reply, TimePoint now, DriverOutput& out);
    void answer_change(const Reply& reply, TimePoint now, DriverOutput& out);
    void answer_transmit(const Reply& reply, TimePoint now, DriverOutput& out);
    void conclude(bool ok, DriverOutput& out);
    void try_again(Duration wait, TimePoint now);
    void unanswered(TimePoint now, DriverOutput& out);
    void missed_departure(TimePoint now, DriverOutput& out);
    void depart(Departure departure, DriverOutput& out);
    void fail_transmission(DriverOutput& out);
    void restarting(bool is_complete, TimePoint now, DriverOutput& out);
    void give_up(std::string_view why, Duration rest, TimePoint now, DriverOutput& out);
    void silent(TimePoint now, DriverOutput& out);
    void reset_modem(TimePoint now, DriverOutput& out);
    void rest(Duration duration, TimePoint now);
    void forget_commands() noexcept;
    void set_ready(bool ready, DriverOutput& out);

    DriverTraits traits_;
    AtLines lines_;
    FrameList found_;
    Phase phase_ = Phase::closed;
    std::deque<Command> queue_;  // bounded: an initialisation, or one transmission and what goes with it
    std::optional<Command> outstanding_;
    TimePoint answer_by_{};           // with outstanding_
    std::optional<TimePoint> pause_;  // nothing is asked before
    std::optional<Transmission> transmission_;
    TimePoint heard_at_{};
    unsigned silences_ = 0;           // one after the other
    unsigned missed_departures_ = 0;  // one after the other
    bool is_ready_ = false;
    bool has_complained_ = false;  // since it was ready
    bool is_restart_expected_ = false;
    mutable DriverCounters sum_;
};

}  // namespace mqttsn::transports
