#include "transports/radio/air_line.hpp"

#include "protocol/sn/forwarder.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;

/// The RSSI octet follows at once; what comes later begins something else.
constexpr Duration rssi_time = 100ms;
/// Preamble, length, check value: of any radio that sends packets.
constexpr std::size_t air_overhead = 16;

std::byte delimiter_of(FramingKind kind) {
    switch (kind) {
        case FramingKind::slip:
            return std::byte{0xc0};
        case FramingKind::hdlc:
            return std::byte{0x7e};
        default:
            return std::byte{0};
    }
}

/// The module's address of who shall hear the frame: the node id of the forwarder header (SN 5.5), else everybody.
std::array<std::byte, 2> target_of(const OutgoingFrame& frame) {
    constexpr std::array<std::byte, 2> everybody{std::byte{0xff}, std::byte{0xff}};
    if (frame.broadcast) return everybody;
    const auto encapsulated = sn::decode_encapsulated(frame.frame);
    if (!encapsulated) return everybody;
    const Bytes id = encapsulated->node_id;
    if (id.size() == 1) return {std::byte{0}, id[0]};
    if (id.size() == 2) return {id[0], id[1]};
    return everybody;
}

FramedLineOptions line_options(const AirLineOptions& options) {
    FramedLineOptions line;
    line.framing = options.framing.kind;
    line.framing_options.largest = options.mtu;
    line.framing_options.check = options.framing.check;
    return line;
}

class AirLine final : public Driver {
public:
    explicit AirLine(const AirLineOptions& options) : options_(options), line_(line_options(options)) {}

    void opened(TimePoint now, DriverOutput& out) override;
    void closed(TimePoint now, DriverOutput& out) override;
    void receive(Bytes octets, TimePoint now, DriverOutput& out) override;
    bool can_send() const noexcept override { return line_.can_send() && !sending_; }
    void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) override;
    void timeout(TimePoint now, DriverOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override;
    DriverTraits traits() const noexcept override;
    Duration air_time(std::size_t octets) const noexcept override {
        return time_of(octets + options_.framing.overhead());
    }
    const DriverCounters& counters() const noexcept override { return counters_; }
    std::string to_string(const Address& address) const override { return line_.to_string(address); }

private:
    struct Sending {
        FrameToken token = 0;
        TimePoint end;
    };

    bool paced() const noexcept { return options_.air_rate > 0 || options_.least_interval > Duration::zero(); }
    Duration time_of(std::size_t wire_octets) const noexcept;
    void receive_octet(std::byte octet, TimePoint now, DriverOutput& out);
    void deliver(std::optional<Signal> signal, DriverOutput& out);
    void take_counters() noexcept;

    const AirLineOptions options_;
    FramedLine line_;
    DriverOutput held_;                    ///< with RSSI: the last frame, until its octet is there
    bool in_frame_ = false;                ///< octets since the last delimiter
    std::optional<TimePoint> rssi_until_;  ///< the next octet is an RSSI
    std::optional<Sending> sending_;
    DriverCounters counters_;
};

void AirLine::opened(TimePoint now, DriverOutput& out) {
    held_.clear();
    in_frame_ = false;
    rssi_until_.reset();
    line_.opened(now, out);
}

void AirLine::closed(TimePoint now, DriverOutput& out) {
    held_.clear();
    rssi_until_.reset();
    line_.closed(now, out);
    if (!sending_) return;
    ++counters_.send_failures;
    out.departed.push_back({sending_->token, Departure::failed});
    sending_.reset();
}

void AirLine::receive(Bytes octets, TimePoint now, DriverOutput& out) {
    if (!options_.rssi) {
        line_.receive(octets, now, out);
    } else {
        if (rssi_until_ && now >= *rssi_until_) {
            rssi_until_.reset();
            deliver(std::nullopt, out);
        }
        for (const std::byte each : octets)
            receive_octet(each, now, out);
    }
    take_counters();
}

/// The RSSI can be a delimiter itself, so it never reaches the framing.
void AirLine::receive_octet(std::byte octet, TimePoint now, DriverOutput& out) {
    if (rssi_until_) {
        rssi_until_.reset();
        const int value = std::to_integer<int>(octet);
        const int dbm = *options_.rssi == RssiFormula::half ? -value / 2 : value - 256;
        deliver(Signal{static_cast<std::int16_t>(dbm), 0}, out);
        return;
    }
    line_.receive(Bytes(&octet, 1), now, held_);
    if (octet != delimiter_of(options_.framing.kind)) {
        in_frame_ = true;
    } else if (in_frame_) {
        in_frame_ = false;
        rssi_until_ = now + rssi_time;
    }
}

void AirLine::deliver(std::optional<Signal> signal, DriverOutput& out) {
    for (const auto& each : held_.received)
        out.push_received(each.from, signal, held_.frame(each));
    out.notes.insert(out.notes.end(), held_.notes.begin(), held_.notes.end());
    held_.clear();
}

void AirLine::send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) {
    assert(can_send());
    const std::size_t before = out.wire.size();
    if (options_.channel) {
        for (const std::byte each : target_of(frame))
            out.wire.push_back(each);
        out.wire.push_back(static_cast<std::byte>(*options_.channel));
    }
    line_.send(frame, now, out);
    ++counters_.sent;
    if (paced()) {
        sending_ = {frame.token, now + time_of(out.wire.size() - before)};
    } else {
        ++counters_.departed;
    }
}

Duration AirLine::time_of(std::size_t wire_octets) const noexcept {
    Duration time{};
    if (options_.air_rate > 0) {
        const std::uint64_t bits = (wire_octets + air_overhead) * 8;
        time = std::chrono::microseconds(bits * options_.air_factor * 10'000 / options_.air_rate);
    }
    return std::max(time, options_.least_interval);
}

void AirLine::timeout(TimePoint now, DriverOutput& out) {
    line_.timeout(now, out);
    take_counters();
    if (rssi_until_ && now >= *rssi_until_) {
        rssi_until_.reset();
        deliver(std::nullopt, out);
    }
    if (sending_ && now >= sending_->end) {
        ++counters_.departed;
        out.departed.push_back({sending_->token, Departure::left});
        sending_.reset();
    }
}

std::optional<TimePoint> AirLine::next_timeout() const noexcept {
    std::optional<TimePoint> next = line_.next_timeout();
    if (rssi_until_ && (!next || *rssi_until_ < *next)) next = rssi_until_;
    if (sending_ && (!next || sending_->end < *next)) next = sending_->end;
    return next;
}

DriverTraits AirLine::traits() const noexcept {
    return {.mtu = options_.mtu,
            .addressed = false,
            .broadcast = true,
            .half_duplex = options_.half_duplex,
            .confirms_departure = paced(),
            .turnaround = options_.turnaround};
}

/// A frame departs later here than the line thinks.
void AirLine::take_counters() noexcept {
    const DriverCounters own = counters_;
    counters_ = line_.counters();
    counters_.sent = own.sent;
    counters_.departed = own.departed;
    counters_.send_failures = own.send_failures;
}

}  // namespace

std::size_t LineFraming::overhead() const noexcept {
    switch (kind) {
        case FramingKind::slip:
            return 2 + check.size();
        case FramingKind::hdlc:
            return 2 + crc_size(CrcKind::crc16_x25);
        case FramingKind::cobs:
            return 2 + check.size();
        default:
            return 0;
    }
}

std::size_t LineFraming::largest_within(std::size_t packet) const noexcept {
    switch (kind) {
        case FramingKind::slip:
        case FramingKind::hdlc: {
            const std::size_t escaped = (packet - std::min<std::size_t>(packet, 2)) / 2;
            return escaped - std::min(escaped, overhead() - 2);
        }
        case FramingKind::cobs: {
            // One octet more for each 254; packets are shorter than two blocks.
            const std::size_t blocks = packet > 256 ? 1 : 0;
            return packet - std::min(packet, overhead() + blocks);
        }
        default:
            return packet;
    }
}

LineFraming read_line_framing(DriverValueReader& read) {
    constexpr std::array kinds{FramingKind::cobs, FramingKind::slip, FramingKind::hdlc, FramingKind::raw};
    constexpr std::array checks{CrcKind::none, CrcKind::crc16_x25, CrcKind::crc16_ccitt_false, CrcKind::crc16_xmodem,
                                CrcKind::crc32};
    LineFraming framing;
    framing.kind = kinds[read.choice("framing", {"cobs", "slip", "hdlc", "raw"})];
    const CrcKind check =
        checks[read.choice("crc", {"none", "crc16-x25", "crc16-ccitt-false", "crc16-xmodem", "crc32"})];
    const std::array orders{usual_order(check), OctetOrder::little_endian, OctetOrder::big_endian};
    framing.check = {check, orders[read.choice("crc_order", {"usual", "le", "be"})]};
    return framing;
}

std::unique_ptr<Driver> make_air_line(const AirLineOptions& options) {
    return std::make_unique<AirLine>(options);
}

}  // namespace mqttsn::transports
