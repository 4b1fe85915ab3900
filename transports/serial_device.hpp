// Opens one tty and sets its line: real ones through libserialport, pseudo-terminals through termios. The descriptor is
// the same to read and write in both cases.
#pragma once

#include "protocol/types.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

struct sp_port;

namespace mqttsn::transports {

enum class Parity : std::uint8_t { none, even, odd };
enum class FlowControl : std::uint8_t { none, rts_cts, xon_xoff };
enum class ControlLine : std::uint8_t { keep, on, off };  ///< keep: as opening leaves it, raised on most systems

struct SerialLine {
    std::string device;  ///< path; links such as /dev/serial/by-id/… are followed at every opening
    std::string usb;     ///< instead of device: "vid:pid" or "vid:pid:serial"
    std::uint32_t baud = 115200;
    unsigned data_bits = 8;
    unsigned stop_bits = 1;
    Parity parity = Parity::none;
    FlowControl flow_control = FlowControl::none;
    ControlLine dtr = ControlLine::keep;
    ControlLine rts = ControlLine::keep;

    /// For logs: the device, or "usb 10c4:ea60".
    std::string to_string() const { return device.empty() ? "usb " + usb : device; }
    /// How long so many octets take, start and stop bits included.
    Duration time_for(std::size_t octets) const noexcept;
};

class SerialDevice {
public:
    enum class Cause : std::uint8_t {
        missing,
        no_permission,
        busy,
        no_port,  ///< the path leads to something that is no tty: time does not heal it
        other,
    };
    struct Failure {
        Cause cause = Cause::other;
        std::string text;  ///< for people: what, where, what to do about it
    };

    SerialDevice() = default;
    ~SerialDevice() { close(); }
    SerialDevice(const SerialDevice&) = delete;
    SerialDevice& operator=(const SerialDevice&) = delete;

    /// Takes the port for this process alone: raw, without blocking, stale input discarded. nullopt = it is open.
    std::optional<Failure> open(const SerialLine& line);
    /// False when the port cannot do it.
    bool set_baud(std::uint32_t baud);
    /// Drops what waits to be sent: a device that is gone, or whose peer holds the line, would block the caller.
    void close() noexcept;

    /// Whether the port still sends what it was given.
    bool is_sending() const noexcept;
    bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Open, and closed by close() only.
    int descriptor() const noexcept { return descriptor_; }

private:
    std::optional<Failure> configure(const std::string& path, const SerialLine& line);
    std::string set_line(const SerialLine& line);
    std::string set_line_by_termios(const SerialLine& line) const;
    void finish(const SerialLine& line) const;

    struct ClosePort {
        void operator()(sp_port* port) const noexcept;
    };
    int descriptor_ = -1;
    std::unique_ptr<sp_port, ClosePort> port_;  ///< null for a pseudo-terminal
};

}  // namespace mqttsn::transports
