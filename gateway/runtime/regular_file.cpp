#include "gateway/runtime/regular_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mqttsn::gateway {

std::string why_unreadable(const std::string& path) {
    const auto of_system = [] { return std::generic_category().message(errno); };
    struct stat what {};
    if (::stat(path.c_str(), &what) != 0) return of_system();
    if (S_ISDIR(what.st_mode)) return "is a directory";
    if (!S_ISREG(what.st_mode)) return "is a FIFO or a device";
    return ::access(path.c_str(), R_OK) == 0 ? "" : of_system();
}

}  // namespace mqttsn::gateway
