#include "gateway/runtime/state_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace mqttsn::gateway {

namespace {

constexpr const char* lock_name = "gateway.lock";

std::string remedy(int error) {
    switch (error) {
        case EROFS:
            return "the file system is read-only: mount it read-write, or choose another [gateway] state_dir";
        case EACCES:
        case EPERM:
            return "permission denied: let the user that runs the gateway write there (chown), or choose another "
                   "[gateway] state_dir";
        case ENOTDIR:
        case EEXIST:
        case EISDIR:
        case ELOOP:
            return fmt::format("{}: [gateway] state_dir must name a directory of the gateway's own",
                               std::strerror(error));
        case ENOSPC:
        case EDQUOT:
            return fmt::format("{}: delete something, or choose another [gateway] state_dir", std::strerror(error));
        default:
            return fmt::format("{}: choose another [gateway] state_dir if this cannot be repaired",
                               std::strerror(error));
    }
}

// Who holds the lock wrote its process id into the file.
std::string holder(int lock) {
    std::array<char, 16> text{};
    const auto size = ::pread(lock, text.data(), text.size() - 1, 0);
    return size > 0 ? fmt::format(" (process {})", std::strtol(text.data(), nullptr, 10)) : std::string();
}

}  // namespace

StateDirectory::StateDirectory(const std::filesystem::path& path) {
    std::error_code failure;
    path_ = std::filesystem::absolute(path, failure).lexically_normal();
    if (failure) path_ = path;
    if (!path_.has_filename()) path_ = path_.parent_path();  // it ended with a slash
}

StateDirectory::~StateDirectory() {
    close();
}

void StateDirectory::close() {
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

bool StateDirectory::fail(const std::filesystem::path& where, int error) {
    error_ = fmt::format("{}: {}", where.string(), remedy(error));
    return false;
}

bool StateDirectory::open() {
    std::error_code failure;
    std::filesystem::create_directories(path_.parent_path(), failure);
    if (failure) return fail(path_, failure.value());
    if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return fail(path_, errno);

    const auto file = path_ / lock_name;
    lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) return fail(errno == ENOTDIR ? path_ : file, errno);
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail(file, errno);
        error_ = fmt::format("{}: in use by another gateway{}: give each gateway a [gateway] state_dir of its own",
                             path_.string(), holder(lock_));
        return false;
    }
    // For people only: the lock counts, not the number.
    const std::string process = fmt::format("{}\n", ::getpid());
    if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, process.data(), process.size(), 0) < 0) return fail(file, errno);
    return true;
}

bool StateDirectory::create(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return fail(file, errno);
    ::close(descriptor);
    return true;
}

std::filesystem::path StateDirectory::set_aside(const std::filesystem::path& file) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 32> stamp{};
    std::strftime(stamp.data(), stamp.size(), "%Y%m%d-%H%M%S", &local);
    const std::string base = fmt::format("{}.damaged-{}", file.string(), stamp.data());
    std::string name = base;
    std::error_code failure;
    for (int i = 2; std::filesystem::exists(name, failure); ++i)
        name = fmt::format("{}-{}", base, i);

    if (::rename(file.c_str(), name.c_str()) != 0) {
        fail(file, errno);
        return {};
    }
    for (const char* suffix : {"-wal", "-shm"}) {
        const auto from = file.string() + suffix;
        // Left behind, it would be taken for a part of the new file.
        if (::rename(from.c_str(), (name + suffix).c_str()) != 0 && errno != ENOENT) {
            fail(from, errno);
            return {};
        }
    }
    return name;
}

std::string free_space(const std::filesystem::path& path) {
    struct statvfs space {};
    if (::statvfs(path.c_str(), &space) != 0) return "unknown space free";
    return fmt::format("{} MiB free", (static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize) >> 20);
}

}  // namespace mqttsn::gateway
