#include "transports/serial_device.hpp"

#include "transports/serial_list.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <libserialport.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace mqttsn::transports {

namespace {

constexpr std::pair<std::uint32_t, speed_t> speeds[] = {
    {300, B300},         {600, B600},         {1200, B1200},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
    {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},   {921600, B921600},
    {1000000, B1000000}, {1500000, B1500000}, {2000000, B2000000}, {3000000, B3000000}, {4000000, B4000000}};

// A pseudo-terminal has no speed: rates without a constant change nothing that could be measured.
void set_speed(termios& settings, std::uint32_t baud) {
    for (const auto& [rate, constant] : speeds) {
        if (rate == baud) ::cfsetspeed(&settings, constant);
    }
}

// "ModemManager (process 412)"; empty when nobody is found, which an ordinary user cannot always.
std::string find_holder(const std::string& path) {
    std::error_code failure;
    const std::string own = std::to_string(::getpid());
    for (const auto& process : std::filesystem::directory_iterator("/proc", failure)) {
        const std::string number = process.path().filename();
        if (number.find_first_not_of("0123456789") != std::string::npos || number == own) continue;
        std::error_code hidden;
        for (auto it = std::filesystem::directory_iterator(process.path() / "fd", hidden);
             !hidden && it != std::filesystem::directory_iterator(); it.increment(hidden)) {
            if (std::filesystem::read_symlink(it->path(), failure) != path) continue;
            std::string name;
            std::ifstream(process.path() / "comm") >> name;
            return fmt::format("{} (process {})", name, number);
        }
    }
    return {};
}

SerialDevice::Failure busy(const std::string& path) {
    const std::string holder = find_holder(path);
    return {
        SerialDevice::Cause::busy,
        fmt::format("{} is in use by {}", path, holder.empty() ? "another process (see: fuser " + path + ")" : holder)};
}

std::string what_it_is(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISREG(mode)) return "a file";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device of another kind";
}

SerialDevice::Failure not_a_port(const std::string& path, mode_t mode) {
    return {SerialDevice::Cause::no_port,
            fmt::format("{} is {}, not a serial port (see: mqttsn ports)", path, what_it_is(mode))};
}

SerialDevice::Failure cannot_open(const std::string& path, int error) {
    if (error == EACCES || error == EPERM) {
        return {SerialDevice::Cause::no_permission,
                fmt::format("no permission to open {}: add the user of the gateway to the group dialout (usermod -aG "
                            "dialout NAME) and start it again",
                            path)};
    }
    if (error == EBUSY) return busy(path);
    if (error == ENOENT || error == ENODEV || error == ENXIO || error == ENOTDIR) {
        return {SerialDevice::Cause::missing,
                fmt::format("{} is not there: is it plugged in? (see: mqttsn ports)", path)};
    }
    return {SerialDevice::Cause::other, fmt::format("{} cannot be opened: {}", path, std::strerror(error))};
}

}  // namespace

Duration SerialLine::time_for(std::size_t octets) const noexcept {
    const std::uint64_t bits = octets * (1U + data_bits + stop_bits + (parity == Parity::none ? 0U : 1U));
    return Duration(static_cast<std::int64_t>((bits * 1000000 + baud - 1) / std::max(baud, 1U)));
}

void SerialDevice::ClosePort::operator()(sp_port* port) const noexcept {
    sp_close(port);
    sp_free_port(port);
}

std::optional<SerialDevice::Failure> SerialDevice::open(const SerialLine& line) {
    close();
    std::string path = line.device;
    if (path.empty()) {
        const auto id = parse_usb_id(line.usb);
        path = id ? find_usb_port(*id) : std::string();
        if (path.empty())
            return Failure{Cause::missing, fmt::format("no USB device {} is there (see: mqttsn ports)", line.usb)};
    }
    std::error_code failure;
    // libserialport knows ports by the names of their nodes only.
    const std::string real = std::filesystem::canonical(path, failure);
    if (failure) return cannot_open(path, failure.value());
    struct stat status {};
    if (::stat(real.c_str(), &status) != 0) return cannot_open(path, errno);
    if (!S_ISCHR(status.st_mode)) return not_a_port(path, status.st_mode);
    descriptor_ = ::open(real.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor_ < 0) return cannot_open(path, errno);
    auto problem = ::isatty(descriptor_) == 1 ? configure(real, line) : not_a_port(path, status.st_mode);
    if (problem) close();
    return problem;
}

// The lock comes before any setting: a port that another process works with is not disturbed.
std::optional<SerialDevice::Failure> SerialDevice::configure(const std::string& path, const SerialLine& line) {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) return busy(path);
    sp_port* port = nullptr;
    std::string problem;
    if (!path.starts_with("/dev/pts/") && sp_get_port_by_name(path.c_str(), &port) == SP_OK) {
        port_.reset(port);
        if (sp_open(port, SP_MODE_READ_WRITE) != SP_OK) return cannot_open(path, sp_last_error_code());
        problem = set_line(line);
    } else {
        problem = set_line_by_termios(line);
    }
    if (!problem.empty()) return Failure{Cause::other, fmt::format("{}: {}: the port cannot do this", path, problem)};
    finish(line);
    return std::nullopt;
}

// Returns the setting that the port refuses.
std::string SerialDevice::set_line(const SerialLine& line) {
    sp_port* port = port_.get();
    if (sp_set_baudrate(port, static_cast<int>(line.baud)) != SP_OK) return fmt::format("baud = {}", line.baud);
    if (sp_set_bits(port, static_cast<int>(line.data_bits)) != SP_OK) {
        return fmt::format("data_bits = {}", line.data_bits);
    }
    const auto parity = line.parity == Parity::none   ? SP_PARITY_NONE
                        : line.parity == Parity::even ? SP_PARITY_EVEN
                                                      : SP_PARITY_ODD;
    if (sp_set_parity(port, parity) != SP_OK) return "parity";
    if (sp_set_stopbits(port, static_cast<int>(line.stop_bits)) != SP_OK) {
        return fmt::format("stop_bits = {}", line.stop_bits);
    }
    const auto flow = line.flow_control == FlowControl::none      ? SP_FLOWCONTROL_NONE
                      : line.flow_control == FlowControl::rts_cts ? SP_FLOWCONTROL_RTSCTS
                                                                  : SP_FLOWCONTROL_XONXOFF;
    return sp_set_flowcontrol(port, flow) == SP_OK ? "" : "flow_control";
}

std::string SerialDevice::set_line_by_termios(const SerialLine& line) const {
    termios settings{};
    if (::tcgetattr(descriptor_, &settings) != 0) return "its settings";
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= static_cast<tcflag_t>(~(CRTSCTS | CSTOPB | PARENB | PARODD | CSIZE));
    settings.c_cflag |= line.data_bits == 7 ? CS7 : CS8;
    if (line.stop_bits == 2) settings.c_cflag |= CSTOPB;
    if (line.parity != Parity::none) settings.c_cflag |= PARENB;
    if (line.parity == Parity::odd) settings.c_cflag |= PARODD;
    if (line.flow_control == FlowControl::rts_cts) settings.c_cflag |= CRTSCTS;
    if (line.flow_control == FlowControl::xon_xoff) settings.c_iflag |= IXON | IXOFF;
    set_speed(settings, line.baud);
    // The system may take a setting and leave it out without an error.
    termios taken{};
    const bool is_set = ::tcsetattr(descriptor_, TCSANOW, &settings) == 0 && ::tcgetattr(descriptor_, &taken) == 0 &&
                        ((taken.c_cflag ^ settings.c_cflag) & (CSIZE | PARENB)) == 0;
    return is_set ? "" : "data_bits or parity";
}

// What neither way of setting the line does: a read of no octets must mean hang-up (libserialport leaves VMIN at 0, and
// an idle port would look closed), closing must not reset the board behind the port, and nobody else may open it.
void SerialDevice::finish(const SerialLine& line) const {
    int other = -1;
    if (port_ && sp_get_port_handle(port_.get(), &other) == SP_OK) ::fcntl(other, F_SETFD, FD_CLOEXEC);
    termios settings{};
    ::tcgetattr(descriptor_, &settings);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    settings.c_cflag &= static_cast<tcflag_t>(~HUPCL);
    ::tcsetattr(descriptor_, TCSANOW, &settings);
    ::ioctl(descriptor_, TIOCEXCL);
    // Ports without control lines refuse these, which takes nothing from anybody.
    const auto set = [&](ControlLine wanted, int bit) {
        if (wanted != ControlLine::keep) ::ioctl(descriptor_, wanted == ControlLine::on ? TIOCMBIS : TIOCMBIC, &bit);
    };
    set(line.dtr, TIOCM_DTR);
    if (line.flow_control != FlowControl::rts_cts) set(line.rts, TIOCM_RTS);
    ::tcflush(descriptor_, TCIOFLUSH);
}

bool SerialDevice::set_baud(std::uint32_t baud) {
    if (port_) return sp_set_baudrate(port_.get(), static_cast<int>(baud)) == SP_OK;
    termios settings{};
    if (::tcgetattr(descriptor_, &settings) != 0) return false;
    set_speed(settings, baud);
    return ::tcsetattr(descriptor_, TCSANOW, &settings) == 0;
}

bool SerialDevice::is_sending() const noexcept {
    int octets = 0;
    return ::ioctl(descriptor_, TIOCOUTQ, &octets) == 0 && octets > 0;
}

void SerialDevice::close() noexcept {
    if (descriptor_ < 0) return;
    if (is_sending()) ::tcflush(descriptor_, TCOFLUSH);
    ::ioctl(descriptor_, TIOCNXCL);
    port_.reset();
    ::close(descriptor_);
    descriptor_ = -1;
}

}  // namespace mqttsn::transports
