// A pseudo-terminal that looks like a serial port with a dongle: its name is a link at a chosen path, and it can be
// unplugged.
#pragma once

#include "protocol/types.hpp"

#include <optional>
#include <string>

namespace mqttsn::tools {

class PseudoTerminal {
public:
    explicit PseudoTerminal(std::string path) : path_(std::move(path)) {}
    ~PseudoTerminal() { unplug(); }
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;

    /// Makes a terminal, raw before anybody opens it, and the link. Error text: the path is taken by something that is
    /// not such a link, no more terminals …
    std::optional<std::string> plug();
    /// Whoever has the port open sees it hang up; the link is gone.
    void unplug() noexcept;

    bool is_plugged() const noexcept { return master_ >= 0; }
    /// The dongle's end, non-blocking. -1 while unplugged.
    int descriptor() const noexcept { return master_; }
    /// The speed that the other end has set, in bit/s.
    std::uint32_t speed() const noexcept;

private:
    std::optional<std::string> make_link(const std::string& target) const;

    std::string path_;
    std::string name_;
    int master_ = -1;
    int slave_ = -1;  ///< held open, so that the master never hangs up
};

}  // namespace mqttsn::tools
