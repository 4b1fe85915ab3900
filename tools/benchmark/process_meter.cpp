#include "tools/benchmark/process_meter.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

namespace mqttsn::tools::benchmark {

namespace {

boost::system::error_code system_error(int code) {
    return {code, boost::system::system_category()};
}

std::int64_t read_clock(clockid_t clock) noexcept {
    timespec time{};
    clock_gettime(clock, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Result<std::string> read_file(const std::string& path) {
    errno = 0;
    std::ifstream file(path);
    if (!file) return system_error(errno != 0 ? errno : ENOENT);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::int64_t> cpu_by_ticks(pid_t pid) {
    const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) return stat.error();
    // The name in parentheses may hold blanks and parentheses; utime and stime are fields 14 and 15.
    std::istringstream fields(stat->substr(stat->rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        fields >> skipped;
    std::int64_t user = 0;
    std::int64_t system = 0;
    if (!(fields >> user >> system)) return system_error(EPROTO);
    return (user + system) * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

}  // namespace

std::int64_t now_ns() noexcept {
    return read_clock(CLOCK_MONOTONIC);
}
std::int64_t own_cpu_ns() noexcept {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

std::int64_t own_user_cpu_ns() noexcept {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return std::int64_t{usage.ru_utime.tv_sec} * 1'000'000'000 + std::int64_t{usage.ru_utime.tv_usec} * 1000;
}

Result<std::int64_t> cpu_ns(pid_t pid) {
    const auto path = fmt::format("/proc/{}/task", pid);
    const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir(path.c_str()), closedir);
    if (!tasks) return system_error(errno);
    std::int64_t sum = 0;
    while (const dirent* task = readdir(tasks.get())) {
        if (task->d_name[0] == '.') continue;
        const auto text = read_file(fmt::format("{}/{}/schedstat", path, task->d_name));
        if (!text) continue;  // it ended meanwhile, or there is no schedstat
        std::int64_t ns = 0;
        std::from_chars(text->data(), text->data() + text->size(), ns);
        sum += ns;
    }
    if (sum == 0) return cpu_by_ticks(pid);
    return sum;
}

Result<std::uint64_t> resident_octets(pid_t pid) {
    const auto rollup = read_file(fmt::format("/proc/{}/smaps_rollup", pid));
    const auto at = rollup ? rollup->find("\nRss:") : std::string::npos;
    std::uint64_t amount = 0;
    if (at != std::string::npos && std::istringstream(rollup->substr(at + 5)) >> amount) return amount * 1024;
    // Of another user's process only the coarser counter is shown.
    const auto statm = read_file(fmt::format("/proc/{}/statm", pid));
    if (!statm) return statm.error();
    std::uint64_t total = 0;
    if (!(std::istringstream(*statm) >> total >> amount)) return system_error(EPROTO);
    return amount * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace mqttsn::tools::benchmark
