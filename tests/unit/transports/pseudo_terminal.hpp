// The far end of a serial line: a pseudo-terminal under a name of its own, which can be unplugged and plugged in again.
#pragma once

#include "protocol/types.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace mqttsn::transports {

class PseudoTerminal {
public:
    PseudoTerminal() {
        char directory[] = "/tmp/mqttsn-pty-XXXXXX";
        directory_ = ::mkdtemp(directory);
        plug();
    }
    ~PseudoTerminal() {
        unplug();
        std::filesystem::remove_all(directory_);
    }
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;

    /// A link that leads to the terminal while it is plugged in.
    std::string path() const { return directory_ + "/line"; }
    std::string directory() const { return directory_; }
    std::string terminal() const { return std::filesystem::canonical(path()); }

    void plug() {
        termios raw{};
        ::cfmakeraw(&raw);
        ::cfsetspeed(&raw, B50);
        char name[64];
        if (::openpty(&far_, &near_, name, &raw, nullptr) != 0) std::abort();
        // Without a descriptor of our own the far end hangs up whenever the near one is closed.
        ::fcntl(far_, F_SETFL, O_NONBLOCK);
        std::filesystem::create_symlink(name, path());
    }
    void unplug() {
        if (far_ < 0) return;
        std::filesystem::remove(path());
        ::close(near_);
        ::close(far_);
        far_ = near_ = -1;
    }

    /// What the far end sends.
    void send(std::string_view octets) {
        if (::write(far_, octets.data(), octets.size()) != static_cast<ssize_t>(octets.size())) std::abort();
    }
    /// What has arrived at the far end, at most `limit` octets.
    std::string take(std::size_t limit = 65536) {
        std::string octets(limit, '\0');
        const auto size = ::read(far_, octets.data(), octets.size());
        octets.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return octets;
    }
    termios settings() const {
        termios settings{};
        ::tcgetattr(far_, &settings);
        return settings;
    }
    /// Octets sent that the near end has not read.
    int unread() const {
        int count = 0;
        ::ioctl(near_, FIONREAD, &count);
        return count;
    }

private:
    std::string directory_;
    int far_ = -1;
    int near_ = -1;
};

}  // namespace mqttsn::transports
