// Radios that carry octets as they come and tell nothing: a framing on the line, pacing by an estimate of the time on
// the air, and what Ebyte modules add (a target in front of a frame, the signal strength behind it). Pure.
#pragma once

#include "transports/radio/driver_values.hpp"
#include "transports/radio/framed_line.hpp"

namespace mqttsn::transports {

struct LineFraming {
    FramingKind kind = FramingKind::cobs;
    FrameCheck check{CrcKind::crc16_x25, OctetOrder::little_endian};

    /// Octets around a message; SLIP and HDLC add one more for each that they escape.
    std::size_t overhead() const noexcept;
    /// Longest message whose frame never exceeds `packet` octets, whatever it holds.
    std::size_t largest_within(std::size_t packet) const noexcept;
};

/// The keys framing, crc and crc_order, and their values. A driver's table begins with them.
inline constexpr DriverOption framing_option{"framing", "cobs", "cobs, slip, hdlc or raw",
                                             "how frames are found in the octets"};
inline constexpr DriverOption crc_option{"crc", "crc16-x25",
                                         "none, crc16-x25, crc16-ccitt-false, crc16-xmodem or crc32",
                                         "check value behind a frame (cobs, slip; hdlc has its own)"};
inline constexpr DriverOption crc_order_option{
    "crc_order", "usual", "usual, le or be",
    "octet order of the check value; usual = le for crc16-x25 and crc32, else be"};
LineFraming read_line_framing(DriverValueReader& read);

/// What an RSSI octet means (Ebyte changed it between modules).
enum class RssiFormula : std::uint8_t {
    minus_256,  ///< dBm = octet − 256
    half,       ///< dBm = −octet / 2
};

struct AirLineOptions {
    LineFraming framing;
    std::size_t mtu = 255;
    std::uint32_t air_rate = 0;      ///< bit/s; 0: the line is the channel
    std::uint32_t air_factor = 100;  ///< percent of what octets and rate make
    Duration least_interval{};       ///< between two frames
    bool half_duplex = true;
    Duration turnaround{};
    std::optional<std::uint8_t> channel;  ///< fixed transmission: target address and this in front of every frame
    std::optional<RssiFormula> rssi;      ///< an RSSI octet follows every frame
};

std::unique_ptr<Driver> make_air_line(const AirLineOptions& options);

}  // namespace mqttsn::transports
