#include "transports/radio/aquila.hpp"

#include "protocol/hex.hpp"
#include "transports/framing/slip.hpp"
#include "transports/radio/driver_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;
using Level = DriverOutput::Level;

constexpr std::uint8_t type_nack = 0x00;  ///< 01 is ACK
constexpr std::uint8_t type_config = 0x02;
constexpr std::uint8_t type_pair = 0x03;
constexpr std::uint8_t type_message = 0xfe;

constexpr std::size_t signal_size = 2;  ///< lqi and rssi, in front of everything from the bridge
constexpr std::size_t header_size = 5;  ///< length, type, ctrl, address
constexpr std::uint8_t config_length = 19;
constexpr std::uint16_t everybody = 0xffff;
/// SLIP buffer of the bridges: 255 octets with header and check value.
constexpr std::size_t largest_message = 255 - header_size - 2;
/// Old bridges answer NACK to CONFIG, newer ones nothing: the answer must not be taken for that of a frame.
constexpr Duration settle_time = 200ms;
constexpr int timeouts_of_a_dead_bridge = 3;

struct Options {
    std::uint8_t pan = 1;
    Buffer key;
    Duration ack_time{};
    Duration boot_time{};
    std::size_t mtu = 60;
};

std::uint8_t octet(Bytes data, std::size_t at) noexcept {
    return std::to_integer<std::uint8_t>(data[at]);
}

FrameRules frame_rules() {
    FrameRules rules;
    rules.largest = 300;
    rules.check = {CrcKind::crc16_xmodem, OctetOrder::little_endian};
    rules.messages = false;
    return rules;
}

/// Bridges hand on their driver's 8-bit dBm; one with a magnitude means the same.
std::optional<Signal> signal_of(std::uint8_t rssi) noexcept {
    if (rssi == 0) return std::nullopt;
    return Signal{static_cast<std::int16_t>(rssi >= 128 ? rssi - 256 : -rssi), 0};
}

class AquilaDriver final : public Driver {
public:
    explicit AquilaDriver(const Options& options) : options_(options) {}

    void opened(TimePoint now, DriverOutput& out) override;
    void closed(TimePoint now, DriverOutput& out) override;
    void receive(Bytes octets, TimePoint now, DriverOutput& out) override;
    bool can_send() const noexcept override { return state_ == State::ready && !outstanding_; }
    void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) override;
    void timeout(TimePoint now, DriverOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override;
    DriverTraits traits() const noexcept override {
        return {.mtu = options_.mtu, .addressed = true, .broadcast = true, .confirms_departure = true};
    }
    /// Of the radio nothing is known; the bridge answers when it is done.
    Duration air_time(std::size_t /*octets*/) const noexcept override { return Duration::zero(); }
    const DriverCounters& counters() const noexcept override { return counters_; }
    std::string to_string(const Address& address) const override { return to_hex(address.octets()); }

private:
    enum class State : std::uint8_t {
        closed,
        booting,   ///< opening the port resets many boards: their boot loader would swallow what is sent
        settling,  ///< CONFIG sent
        ready,
    };
    struct Outstanding {
        FrameToken token = 0;
        TimePoint deadline;
    };

    void handle(Bytes data, TimePoint now, DriverOutput& out);
    void handle_message(Bytes data, DriverOutput& out);
    void answered(Departure departure, DriverOutput& out);
    void configure(TimePoint now, DriverOutput& out);
    void fail_outstanding(DriverOutput& out);
    void count_line() noexcept;

    const Options options_;
    SlipFraming line_{frame_rules()};
    FrameList frames_;
    State state_ = State::closed;
    std::optional<TimePoint> deadline_;  ///< of booting and settling
    std::optional<Outstanding> outstanding_;
    bool was_ready_ = false;  ///< since the port was opened
    int silent_ = 0;          ///< answers missed in a row
    bool silence_told_ = false;
    bool pairing_told_ = false;
    std::uint64_t malformed_ = 0;
    DriverCounters counters_;
};

void AquilaDriver::opened(TimePoint now, DriverOutput& out) {
    line_.reset();
    state_ = State::booting;
    deadline_ = now + options_.boot_time;
    was_ready_ = false;
    silent_ = 0;
    out.ready = false;
}

void AquilaDriver::closed(TimePoint /*now*/, DriverOutput& out) {
    fail_outstanding(out);
    state_ = State::closed;
    deadline_.reset();
    out.ready = false;
}

void AquilaDriver::receive(Bytes octets, TimePoint now, DriverOutput& out) {
    if (state_ == State::closed) return;
    frames_.clear();
    line_.receive(octets, now, frames_);
    for (std::size_t i = 0; i < frames_.size(); ++i)
        handle(frames_[i], now, out);
    count_line();
}

void AquilaDriver::handle(Bytes data, TimePoint now, DriverOutput& out) {
    if (data.size() < signal_size + 2) {
        ++malformed_;
        return;
    }
    const std::uint8_t length = octet(data, signal_size);
    const std::uint8_t type = octet(data, signal_size + 1);
    if (type == type_message) return handle_message(data, out);
    if (type == type_pair) {
        ++counters_.unexpected;
        if (!std::exchange(pairing_told_, true)) {
            out.notes.push_back({Level::info, "a node asks to be paired: not supported, give it an address by hand"});
        }
        return;
    }
    if (type > type_config || length != data.size() - signal_size || length != 2) {
        ++malformed_;
        return;
    }
    if (type != type_config) return answered(type == type_nack ? Departure::failed : Departure::left, out);
    // Asked for when the bridge has started. It says ACK before, which may have answered a frame that it never saw:
    // what needs an answer is repeated by the protocol above.
    if (std::exchange(was_ready_, false)) {
        ++counters_.resets;
        out.notes.push_back({Level::warning, "the bridge started anew"});
    }
    fail_outstanding(out);
    configure(now, out);
}

void AquilaDriver::handle_message(Bytes data, DriverOutput& out) {
    constexpr std::size_t before = signal_size + header_size;
    // The length counts the header (SN 5.5); bridges add the message, modulo 256.
    const auto length = octet(data, signal_size);
    if (data.size() <= before ||
        (length != header_size && length != static_cast<std::uint8_t>(data.size() - signal_size))) {
        ++malformed_;
        return;
    }
    const auto address = static_cast<std::uint16_t>(octet(data, 6) << 8 | octet(data, 5));
    // 0 belongs to nodes that have not been paired.
    if (address == 0 || address == everybody) {
        ++counters_.unexpected;
        return;
    }
    const std::array<std::byte, 2> from{data[6], data[5]};
    ++counters_.frames_in;
    out.push_received(Address(from), signal_of(octet(data, 1)), data.subspan(before));
}

void AquilaDriver::answered(Departure departure, DriverOutput& out) {
    if (!outstanding_) {
        ++counters_.unexpected;  // late, twice, of CONFIG, or of a bridge that has just started
        return;
    }
    silent_ = 0;
    silence_told_ = false;
    if (departure == Departure::left) {
        ++counters_.departed;
    } else {
        ++counters_.send_failures;
    }
    out.departed.push_back({outstanding_->token, departure});
    outstanding_.reset();
}

void AquilaDriver::configure(TimePoint now, DriverOutput& out) {
    Buffer data{static_cast<std::byte>(config_length), static_cast<std::byte>(type_config),
                static_cast<std::byte>(options_.pan)};
    data.insert(data.end(), options_.key.begin(), options_.key.end());
    line_.encode(data, out.wire);
    state_ = State::settling;
    deadline_ = now + settle_time;
}

void AquilaDriver::send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) {
    assert(can_send());
    const Bytes to = frame.to.octets();
    if (!frame.broadcast && to.size() != 2) {
        ++counters_.send_failures;
        out.departed.push_back({frame.token, Departure::failed});
        return;
    }
    constexpr std::byte all{0xff};
    const auto radius = static_cast<std::byte>(frame.broadcast ? std::min<std::uint8_t>(frame.radius, 3) : 1);
    Buffer data{static_cast<std::byte>(header_size), static_cast<std::byte>(type_message), radius,
                frame.broadcast ? all : to[1], frame.broadcast ? all : to[0]};
    data.insert(data.end(), frame.frame.begin(), frame.frame.end());
    line_.encode(data, out.wire);
    ++counters_.sent;
    outstanding_ = {frame.token, now + options_.ack_time};
}

void AquilaDriver::fail_outstanding(DriverOutput& out) {
    if (!outstanding_) return;
    ++counters_.send_failures;
    out.departed.push_back({outstanding_->token, Departure::failed});
    outstanding_.reset();
}

void AquilaDriver::timeout(TimePoint now, DriverOutput& out) {
    if (deadline_ && now >= *deadline_) {
        deadline_.reset();
        if (state_ == State::booting) {
            configure(now, out);
        } else if (state_ == State::settling) {
            state_ = State::ready;
            was_ready_ = true;
            out.ready = true;
        }
    }
    if (!outstanding_ || now < outstanding_->deadline) return;
    ++counters_.send_timeouts;
    out.departed.push_back({outstanding_->token, Departure::failed});
    outstanding_.reset();
    if (++silent_ < timeouts_of_a_dead_bridge) return;
    if (!std::exchange(silence_told_, true)) {
        out.notes.push_back({Level::error, fmt::format("the bridge is silent: {} frames in a row without an answer. "
                                                       "Opening its port again",
                                                       silent_)});
    }
    state_ = State::closed;
    out.ready = false;
    out.reopen = true;  // many boards start anew with it
}

std::optional<TimePoint> AquilaDriver::next_timeout() const noexcept {
    if (!outstanding_) return deadline_;
    return deadline_ ? std::min(*deadline_, outstanding_->deadline) : outstanding_->deadline;
}

void AquilaDriver::count_line() noexcept {
    const FramingCounters& line = line_.counters();
    counters_.check_errors = line.check_errors;
    counters_.framing_errors = line.framing_errors + line.escape_errors + malformed_;
    counters_.oversize = line.oversize;
    counters_.skipped_octets = line.skipped_octets;
}

constexpr DriverOption option_table[] = {
    {"pan", "1", "a number from 0 to 255", "network of the nodes"},
    {"key", "ffffffffffffffffffffffffffffffff", "32 hex digits", "encryption key of the nodes; all f: none"},
    {"ack_timeout_ms", "5000", "a number from 100 to 60000", "how long to wait for the bridge's answer to a frame"},
    {"boot_delay_ms", "2200", "a number from 0 to 10000", "how long the board needs after its port was opened"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader read(values, option_table);
    Options options;
    options.pan = static_cast<std::uint8_t>(read.number("pan", 0, 255));
    options.key = read.hex("key", 16, 16);
    options.ack_time = std::chrono::milliseconds(read.number("ack_timeout_ms", 100, 60'000));
    options.boot_time = std::chrono::milliseconds(read.number("boot_delay_ms", 0, 10'000));
    if (!read.error().empty()) return {nullptr, read.error()};
    if (mtu > largest_message) {
        return {nullptr, fmt::format("mtu = {}: a frame of this link holds at most {}", mtu, largest_message)};
    }
    if (mtu > 0) options.mtu = mtu;
    return {std::make_unique<AquilaDriver>(options), {}};
}

}  // namespace

const DriverKind& aquila_kind() {
    static const DriverKind kind{"aquila", "bridges with the serial protocol of the Aquila gateway (RFM69, 802.15.4)",
                                 115200, option_table, make};
    return kind;
}

}  // namespace mqttsn::transports
