// Lines of text of a modem with AT commands, found in the octets of its port. A line ends with CR or LF (empty ones do
// not count) or, when its end was lost, with silence. Some lines carry data that may itself hold CR and LF: those are
// passed over by the length that the line tells.
#pragma once

#include "transports/framing/framing.hpp"

#include <string>

namespace mqttsn::transports {

class AtLines final : public Framing {
public:
    /// Looks at the octets of a line that has begun and returns how many of them, counted from the first, hold no end
    /// of the line; 0 = any may, or the line is not known well enough yet. After them must come a comma or the end.
    using DataEnd = std::size_t (*)(std::string_view begun);

    static constexpr std::size_t longest = 600;  ///< an event with 255 octets in hexadecimal, and then some
    static constexpr Duration silence = std::chrono::milliseconds(500);

    explicit AtLines(DataEnd data_end = nullptr) noexcept : data_end_(data_end) {}

    /// A command with its end of line.
    void encode(Bytes line, Buffer& wire) const override;
    void receive(Bytes octets, TimePoint now, FrameList& lines) override;
    void timeout(TimePoint now, FrameList& lines) override;
    std::optional<TimePoint> next_timeout() const noexcept override { return silent_at_; }
    void reset() noexcept override;
    const FramingCounters& counters() const noexcept override { return counters_; }

private:
    void take_lines(bool is_silent, FrameList& lines);
    std::size_t protected_octets(std::string_view begun, bool is_silent) const;

    DataEnd data_end_;
    std::string begun_;           // at most `longest` octets between two inputs
    bool is_discarding_ = false;  // up to the next end of a line
    std::optional<TimePoint> silent_at_;
    FramingCounters counters_;
};

}  // namespace mqttsn::transports
