#include "gateway/runtime/process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace mqttsn::gateway {

namespace {

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t size_pages = 0;
    std::uint64_t resident_pages = 0;
    if (!(file >> size_pages >> resident_pages)) return 0;
    return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_files() {
    std::error_code failure;
    std::uint64_t count = 0;
    for (auto each = std::filesystem::directory_iterator("/proc/self/fd", failure);
         !failure && each != std::filesystem::directory_iterator(); each.increment(failure)) {
        ++count;
    }
    return count == 0 ? 0 : count - 1;  // without the one that lists them
}

// Field 22 of /proc/self/stat, in clock ticks since the machine started; the name in field 2 may hold anything.
double started_at() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    if (!std::getline(file, line) || line.rfind(')') == std::string::npos) return 0;
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field)
        fields >> skipped;
    double ticks = 0;
    double up_seconds = 0;
    if (!(fields >> ticks) || !(std::ifstream("/proc/uptime") >> up_seconds)) return 0;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count() - up_seconds +
           ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessUsage read_process_usage() {
    static const double start = started_at();  // once: computed again, it would tremble with the clock
    ProcessUsage usage{resident_bytes(), 0, open_files(), 0, start};
    rusage spent{};
    if (::getrusage(RUSAGE_SELF, &spent) == 0) {
        const auto of = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        usage.cpu_seconds = of(spent.ru_utime) + of(spent.ru_stime);
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_files = limit.rlim_cur;
    return usage;
}

}  // namespace mqttsn::gateway
