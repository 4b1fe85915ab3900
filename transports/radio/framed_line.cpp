#include "transports/radio/framed_line.hpp"

#include "protocol/hex.hpp"
#include "transports/radio/driver_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace mqttsn::transports {

namespace {

// So much without one good frame, and more than two of the largest, is not noise in front of the first: the two ends do
// not agree.
constexpr std::size_t suspicious_octets = 600;
// Delimiters, block codes and check value around a message, for estimates.
constexpr std::size_t framing_overhead = 6;

constexpr std::size_t smallest_mtu = 16;
constexpr std::size_t largest_mtu = 65535;
constexpr std::size_t standard_mtu = 255;

}  // namespace

FramedLine::FramedLine(const FramedLineOptions& options)
    : options_(options), framing_(make_framing(options.framing, options.framing_options)) {}

void FramedLine::opened(TimePoint /*now*/, DriverOutput& out) {
    framing_->reset();
    is_open_ = true;
    has_hinted_ = false;
    octets_without_frame_ = 0;
    foreign_before_ = framing_->counters().foreign;
    out.ready = true;
}

void FramedLine::closed(TimePoint /*now*/, DriverOutput& out) {
    framing_->reset();
    is_open_ = false;
    out.ready = false;
}

void FramedLine::receive(Bytes octets, TimePoint now, DriverOutput& out) {
    octets_without_frame_ += octets.size();
    framing_->receive(octets, now, frames_);
    deliver(out);
    if (has_hinted_) return;
    if (framing_->counters().foreign > foreign_before_) {
        has_hinted_ = true;
        out.notes.push_back({DriverOutput::Level::warning,
                             "this device speaks IP over SLIP: attach the line with slattach or tunslip6, and let the "
                             "gateway listen with [[udp]] on the interface"});
    } else if (octets_without_frame_ >= std::max(suspicious_octets, 2 * options_.framing_options.largest)) {
        has_hinted_ = true;
        out.notes.push_back({DriverOutput::Level::warning,
                             fmt::format("{} octets without one good frame: baud, link and crc have to be the same at "
                                         "both ends",
                                         octets_without_frame_)});
    }
}

void FramedLine::timeout(TimePoint now, DriverOutput& out) {
    framing_->timeout(now, frames_);
    deliver(out);
}

void FramedLine::deliver(DriverOutput& out) {
    for (std::size_t i = 0; i < frames_.size(); ++i)
        out.push_received({}, std::nullopt, frames_[i]);
    if (!frames_.empty()) octets_without_frame_ = 0;
    frames_.clear();
    take_counters();
}

void FramedLine::take_counters() noexcept {
    const FramingCounters& from = framing_->counters();
    counters_.frames_in = from.frames_in;
    counters_.check_errors = from.check_errors;
    counters_.framing_errors = from.framing_errors + from.escape_errors;
    counters_.oversize = from.oversize;
    counters_.skipped_octets = from.skipped_octets;
    counters_.unexpected = from.foreign;
}

void FramedLine::send(const OutgoingFrame& frame, TimePoint /*now*/, DriverOutput& out) {
    assert(can_send() && frame.frame.size() <= traits().mtu);
    framing_->encode(frame.frame, out.wire);
    ++counters_.sent;
    ++counters_.departed;
}

DriverTraits FramedLine::traits() const noexcept {
    DriverTraits traits;
    traits.mtu = options_.framing_options.largest;
    traits.half_duplex = options_.half_duplex;
    traits.turnaround = options_.turnaround;
    return traits;
}

Duration FramedLine::air_time(std::size_t octets) const noexcept {
    if (options_.air_rate == 0) return Duration::zero();
    const std::uint64_t bits = std::uint64_t{8} * (octets + framing_overhead);
    return Duration(static_cast<Duration::rep>(bits * 1'000'000 / options_.air_rate));
}

std::string FramedLine::to_string(const Address& address) const {
    return to_hex(address.octets());
}

namespace {

constexpr DriverOption half_duplex{"half_duplex", "false", "true or false",
                                   "the radio behind the line is deaf while it sends"};
constexpr DriverOption turnaround{"turnaround_ms", "0", "a number from 0 to 60000",
                                  "how long a node needs to turn to receive after sending, in ms"};
constexpr DriverOption air_rate{"air_rate", "0", "a number from 0 to 10000000",
                                "bit/s of the radio behind the line, for duty_cycle; 0 = no radio"};
constexpr DriverOption crc_order{"crc_order", "usual", "usual, le or be",
                                 "octet order of the check value; usual = le for crc16-x25 and crc32, else be"};
constexpr std::string_view crc_choices = "none, crc16-x25, crc16-ccitt-false, crc16-xmodem or crc32";

constexpr std::array raw_options{
    DriverOption{"gap_ms", "50", "a number from 1 to 60000",
                 "silence that ends a message, in ms; at least 20 octets, so more than 50 below 4800 baud"},
    DriverOption{"strict_types", "true", "true or false",
                 "take only what nodes send, in the sizes of MQTT-SN 1.2, for the beginning of a message"},
    half_duplex, turnaround, air_rate};
constexpr std::array slip_options{DriverOption{"crc", "none", crc_choices, "check value behind every message"},
                                  crc_order, half_duplex, turnaround, air_rate};
constexpr std::array cobs_options{DriverOption{"crc", "crc16-x25", crc_choices, "check value behind every message"},
                                  crc_order, half_duplex, turnaround, air_rate};
constexpr std::array hdlc_options{
    DriverOption{"hdlc_escape", "min", "min, xonxoff or spinel",
                 "what is escaped beside flag and escape: nothing, XON and XOFF, or these and F8"},
    half_duplex, turnaround, air_rate};

FrameCheck read_check(DriverValueReader& values) {
    const auto kind =
        static_cast<CrcKind>(values.choice("crc", {"none", "crc16-x25", "crc16-ccitt-false", "crc16-xmodem", "crc32"}));
    switch (values.choice("crc_order", {"usual", "le", "be"})) {
        case 1:
            return {kind, OctetOrder::little_endian};
        case 2:
            return {kind, OctetOrder::big_endian};
        default:
            return {kind, usual_order(kind)};
    }
}

template <FramingKind kind>
constexpr std::span<const DriverOption> options_of() noexcept {
    if constexpr (kind == FramingKind::raw) return raw_options;
    if constexpr (kind == FramingKind::slip) return slip_options;
    if constexpr (kind == FramingKind::hdlc) return hdlc_options;
    if constexpr (kind == FramingKind::cobs) return cobs_options;
}

template <FramingKind kind>
MadeDriver make(const DriverValues& given, std::size_t mtu) {
    if (mtu != 0 && (mtu < smallest_mtu || mtu > largest_mtu)) {
        return {nullptr, fmt::format("mtu = {}: expected a number from {} to {}", mtu, smallest_mtu, largest_mtu)};
    }
    DriverValueReader values(given, options_of<kind>());
    FramedLineOptions options;
    options.framing = kind;
    options.framing_options.largest = mtu == 0 ? standard_mtu : mtu;
    if constexpr (kind == FramingKind::raw) {
        options.framing_options.gap = std::chrono::milliseconds(values.number("gap_ms", 1, 60000));
        options.framing_options.peer = values.boolean("strict_types") ? Peer::nodes : Peer::any;
    }
    if constexpr (kind == FramingKind::slip || kind == FramingKind::cobs) {
        options.framing_options.check = read_check(values);
    }
    if constexpr (kind == FramingKind::hdlc) {
        options.framing_options.escapes =
            static_cast<HdlcEscapes>(values.choice("hdlc_escape", {"min", "xonxoff", "spinel"}));
    }
    options.half_duplex = values.boolean("half_duplex");
    options.turnaround = std::chrono::milliseconds(values.number("turnaround_ms", 0, 60000));
    options.air_rate = static_cast<std::uint32_t>(values.number("air_rate", 0, 10'000'000));
    if (!values.error().empty()) return {nullptr, values.error()};
    return {std::make_unique<FramedLine>(options), {}};
}

constexpr DriverKind raw{"raw", "MQTT-SN messages back to back, without checksum", 115200, raw_options,
                         make<FramingKind::raw>};
constexpr DriverKind slip{"slip", "SLIP (RFC 1055), with an optional check value", 115200, slip_options,
                          make<FramingKind::slip>};
constexpr DriverKind hdlc{"hdlc", "HDLC-like frames (RFC 1662) with FCS-16", 115200, hdlc_options,
                          make<FramingKind::hdlc>};
constexpr DriverKind cobs{"cobs", "COBS with a check value", 115200, cobs_options, make<FramingKind::cobs>};

}  // namespace

const DriverKind& raw_kind() noexcept {
    return raw;
}
const DriverKind& slip_kind() noexcept {
    return slip;
}
const DriverKind& hdlc_kind() noexcept {
    return hdlc;
}
const DriverKind& cobs_kind() noexcept {
    return cobs;
}

}  // namespace mqttsn::transports
