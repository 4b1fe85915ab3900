// The kernel's own structures instead of <termios.h>, because only they tell speeds that have no constant.
#include "tools/commands/pseudo_terminal.hpp"

#include <asm/termbits.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace mqttsn::tools {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view terminals = "/dev/pts/";

// A fresh terminal echoes and interprets, which would answer whatever the dongle says.
bool make_raw(int descriptor) {
    termios2 settings{};
    if (::ioctl(descriptor, TCGETS2, &settings) != 0) return false;
    settings.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
    settings.c_cflag |= CS8;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    return ::ioctl(descriptor, TCSETS2, &settings) == 0;
}

}  // namespace

std::optional<std::string> PseudoTerminal::plug() {
    const auto failed = [this](const char* what) {
        const int error = errno;
        unplug();
        return fmt::format("cannot {} a pseudo-terminal: {}", what, std::strerror(error));
    };
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master_ < 0) return failed("open");
    std::array<char, 64> name{};
    if (::grantpt(master_) != 0 || ::unlockpt(master_) != 0 || ::ptsname_r(master_, name.data(), name.size()) != 0) {
        return failed("name");
    }
    name_ = name.data();
    if (!make_raw(master_)) return failed("set up");
    slave_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave_ < 0) return failed("open the other end of");
    auto error = make_link(name_);
    if (error) unplug();
    return error;
}

std::optional<std::string> PseudoTerminal::make_link(const std::string& target) const {
    std::error_code error;
    const auto present = fs::symlink_status(path_, error);
    if (fs::is_symlink(present)) {
        // One that an earlier simulation left, or that another one has: the path is meant for such.
        const std::string former = fs::read_symlink(path_, error).string();
        if (!former.starts_with(terminals)) {
            return fmt::format("{} is a link to {}, not to a pseudo-terminal: remove it or choose another path", path_,
                               former);
        }
        fs::remove(path_, error);
    } else if (fs::exists(present)) {
        return fmt::format("{} exists and is not a link to a pseudo-terminal: remove it or choose another path", path_);
    }
    fs::create_symlink(target, path_, error);
    if (error) return fmt::format("cannot make the link {}: {}", path_, error.message());
    return std::nullopt;
}

void PseudoTerminal::unplug() noexcept {
    std::error_code ignored;
    if (!name_.empty() && fs::read_symlink(path_, ignored) == fs::path(name_)) fs::remove(path_, ignored);
    name_.clear();
    if (slave_ >= 0) ::close(slave_);
    if (master_ >= 0) ::close(master_);
    slave_ = master_ = -1;
}

std::uint32_t PseudoTerminal::speed() const noexcept {
    termios2 settings{};
    return ::ioctl(slave_, TCGETS2, &settings) == 0 ? settings.c_ospeed : 0;
}

}  // namespace mqttsn::tools
