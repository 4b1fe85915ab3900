// The only place that knows spdlog.
#include "gateway/runtime/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace mqttsn::gateway {

namespace {

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

// The priorities of syslog.
std::string_view journal_prefix(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "<7>";
        case LogLevel::info:
            return "<6>";
        case LogLevel::warning:
            return "<4>";
        case LogLevel::error:
            return "<3>";
    }
    return {};
}

}  // namespace

class Log::Lines {
public:
    Lines(const LogSettings& settings, bool to_journal)
        : to_journal_(to_journal), logger_("gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
        reconfigure(settings);
        logger_.set_pattern(to_journal ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
    }

    void line(LogLevel level, std::string_view text) {
        logger_.log(level_of(level), "{}{}", to_journal_ ? journal_prefix(level) : std::string_view(), text);
    }
    void entry(const LogEntry& entry, TimePoint now) {
        if (!logger_.should_log(level_of(entry.level))) return;
        const auto verdict = limit_->judge(entry.subject, now);
        if (!verdict.pass) return;
        if (verdict.suppressed != 0) {
            line(entry.level,
                 fmt::format("{}: {} (and {} more lines left out)", entry.subject, entry.text, verdict.suppressed));
        } else {
            line(entry.level, fmt::format("{}: {}", entry.subject, entry.text));
        }
    }
    void flush() { logger_.flush(); }
    void reconfigure(const LogSettings& settings) {
        limit_ = std::make_unique<LogLimit>(settings.per_subject_per_second, settings.per_subject_burst);
        logger_.set_level(level_of(settings.level));
    }

private:
    bool to_journal_;
    std::unique_ptr<LogLimit> limit_;
    spdlog::logger logger_;
};

Log::Log(const LogSettings& settings, bool to_journal) : lines_(std::make_unique<Lines>(settings, to_journal)) {}
Log::~Log() = default;

bool Log::is_journal() noexcept {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

void Log::write(LogLevel level, std::string_view text) {
    lines_->line(level, text);
}
void Log::write(const LogEntry& entry, std::chrono::steady_clock::time_point now) {
    lines_->entry(entry, TimePoint(std::chrono::duration_cast<Duration>(now.time_since_epoch())));
}
void Log::flush() {
    lines_->flush();
}
void Log::reconfigure(const LogSettings& settings) {
    lines_->reconfigure(settings);
}

}  // namespace mqttsn::gateway
