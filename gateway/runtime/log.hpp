// The log on stderr: readable in a terminal and in journald, limited per device.
#pragma once

#include "gateway/core/outbox.hpp"

#include <chrono>
#include <memory>
#include <string_view>

namespace mqttsn::gateway {

struct LogSettings {
    LogLevel level = LogLevel::info;
    double per_subject_per_second = 1.0;
    std::uint32_t per_subject_burst = 20;
    bool operator==(const LogSettings&) const = default;
};

class Log {
public:
    /// `to_journal`: priorities instead of time stamps, as journald wants them (it is what stderr leads to).
    Log(const LogSettings& settings, bool to_journal);
    ~Log();

    /// Whether stderr is connected to journald.
    static bool is_journal() noexcept;

    /// A line about the gateway as a whole; never limited.
    void write(LogLevel level, std::string_view text);
    /// A line about one device or address. Above the rate it is counted, and the count is said with its next line.
    void write(const LogEntry& entry, std::chrono::steady_clock::time_point now);
    void flush();
    /// Level and limits from the next line on.
    void reconfigure(const LogSettings& settings);

private:
    class Lines;
    std::unique_ptr<Lines> lines_;
};

/// Decides which lines of a subject pass. Pure, bounded memory.
class LogLimit {
public:
    LogLimit(double per_second, std::uint32_t burst);
    ~LogLimit();

    struct Verdict {
        bool pass = true;
        std::uint64_t suppressed = 0;  ///< lines of this subject left out since the last that passed
    };
    Verdict judge(std::string_view subject, TimePoint now);

private:
    class Subjects;
    std::unique_ptr<Subjects> subjects_;
};

}  // namespace mqttsn::gateway
