#include "gateway/runtime/command_line.hpp"
#include "gateway/runtime/engine.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>

namespace {

using namespace mqttsn::gateway;

// Each connected client needs a socket to the broker.
void raise_file_limit(const Settings& settings, Log& log) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t needed = settings.core.limits.clients + 100;
    if (limit.rlim_cur < needed) {
        log.write(LogLevel::warning, fmt::format("only {} files may be open, but [limits] clients = {} needs {}: raise "
                                                 "LimitNOFILE (systemd) or ulimit -n",
                                                 limit.rlim_cur, settings.core.limits.clients, needed));
    }
}

}  // namespace

int main(int argc, char** argv) {
    CommandLine command_line = read_command_line(argc, argv);
    if (command_line.exit_code) {
        std::fputs(command_line.output.c_str(), *command_line.exit_code == 0 ? stdout : stderr);
        return *command_line.exit_code;
    }
    Log log(command_line.settings.log, Log::is_journal());
    raise_file_limit(command_line.settings, log);
    Engine engine(std::move(command_line.settings), log);
    engine.reload_from([argc, argv] { return read_command_line(argc, argv); });
    if (!engine.start()) return 1;
    return engine.run();
}
