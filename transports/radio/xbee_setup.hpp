// Finds out how an XBee talks (speed, API mode) and what it is, with AT commands, and changes its settings only where
// that was allowed. Pure. Asking for AP works in both API modes: neither question nor answer holds an octet that API
// mode 2 escapes.
#pragma once

#include "transports/framing/xbee_api.hpp"
#include "transports/radio/driver.hpp"
#include "transports/radio/xbee_frame.hpp"

namespace mqttsn::transports {

struct XbeeSetupOptions {
    int api_mode = 0;        ///< 0: whatever the module is in
    bool probe = false;      ///< try other speeds, and whether the module is in transparent mode
    bool configure = false;  ///< the module's settings may be changed
    bool persist = false;    ///< ... and written to its flash
};

enum class XbeeProtocol : std::uint8_t { unknown, ieee802154, zigbee, digimesh };

/// What the module told; absent where it did not know the command.
struct XbeeFacts {
    std::optional<std::uint32_t> payload_limit;  ///< NP
    std::optional<std::uint32_t> output_mode;    ///< AO
    std::optional<std::uint32_t> serial_high;
    std::optional<std::uint32_t> serial_low;
    std::optional<std::uint32_t> hardware;  ///< HV
    std::optional<std::uint32_t> firmware;  ///< VR

    XbeeProtocol protocol() const noexcept;
    /// The first generation: one frame at a time is all it can bear.
    bool series1() const noexcept;
};

class XbeeSetup {
public:
    XbeeSetup(const XbeeSetupOptions& options, XbeeApiFraming& line) : options_(options), line_(line) {}

    /// Begins anew, at the speed that the port has. Ends in done(), after notes; until then it tries for ever, and asks
    /// for the port to be opened again after trying other speeds.
    void start(TimePoint now, DriverOutput& out);
    /// A module in API mode 1 may be waiting for the end of a frame whose length was damaged: as many zeros as the
    /// largest frame has octets complete it; between frames they mean nothing.
    void unblock(DriverOutput& out) const;
    void stop() noexcept;
    bool done() const noexcept { return step_ == Step::done; }
    /// While the module is asked in text, octets go here instead of to the line.
    bool in_text() const noexcept { return step_ == Step::guard || step_ == Step::escape || step_ == Step::text; }
    void receive_text(Bytes octets, TimePoint now, DriverOutput& out);
    /// Any octets at all tell a silent line from a wrong speed.
    void heard(std::size_t octets) noexcept { heard_ += octets; }
    /// False for an answer that nobody waits for.
    bool handle(const xbee::AtResponse& response, TimePoint now, DriverOutput& out);
    /// Asks for NP again, once done.
    void read_payload_limit(DriverOutput& out);
    void timeout(TimePoint now, DriverOutput& out);
    std::optional<TimePoint> next_timeout() const noexcept { return deadline_; }

    const XbeeFacts& facts() const noexcept { return facts_; }

private:
    enum class Step : std::uint8_t {
        off,
        ask_mode,       ///< AT AP in a frame
        change_mode,    ///< AT AP with the wanted value
        read,           ///< the facts, one by one
        change_output,  ///< AO
        save,           ///< WR
        done,
        guard,   ///< silence before +++
        escape,  ///< +++ sent
        text,    ///< AT commands as lines
        rest,    ///< before trying again
    };

    void enter(Step step, TimePoint now, DriverOutput& out);
    void send(TimePoint now, DriverOutput& out);
    void next_reading(TimePoint now, DriverOutput& out);
    void finish(TimePoint now, DriverOutput& out);
    void after_readings(TimePoint now, DriverOutput& out);
    void take_mode(const xbee::AtResponse& response, TimePoint now, DriverOutput& out);
    void no_answer(TimePoint now, DriverOutput& out);
    void next_speed(TimePoint now, DriverOutput& out);
    void line_of_text(std::string_view line, TimePoint now, DriverOutput& out);
    void next_text(TimePoint now, DriverOutput& out);
    void give_up(std::string why, DriverOutput& out);
    void complain(std::string text, DriverOutput& out);
    std::string silence_text() const;

    const XbeeSetupOptions options_;
    XbeeApiFraming& line_;
    Step step_ = Step::off;
    std::optional<TimePoint> deadline_;
    int attempts_ = 0;
    std::size_t speed_ = 0;     ///< 0: as opened; else 1 + index of the speed tried
    std::size_t reading_ = 0;   ///< index of the fact asked for
    bool mode_tried_ = false;   ///< changing the API mode was
    bool changed_ = false;      ///< something is worth saving
    bool text_tried_ = false;   ///< at this speed
    bool transparent_ = false;  ///< found in transparent mode
    bool given_up_ = false;     ///< in text
    std::size_t answered_ = 0;  ///< readings
    std::uint64_t heard_ = 0;
    std::vector<std::string> commands_;  ///< text, in order; the first one is under way
    std::string text_;
    std::string complaint_;  ///< not told twice
    XbeeFacts facts_;
};

}  // namespace mqttsn::transports
