// After Microchip's RN2483 command reference (DS40001784). `radio rxstop` and `radio get rssi` exist from firmware
// 1.0.5; with older ones reception has to end by itself before a frame can be sent, so the watchdog ends it.
#include "transports/radio/rn2483.hpp"

#include "transports/radio/at_modem.hpp"
#include "transports/radio/at_text.hpp"
#include "transports/radio/driver_values.hpp"

#include <fmt/format.h>

#include <array>

namespace mqttsn::transports {

namespace {

constexpr std::size_t largest_packet = 255;
constexpr std::size_t usual_mtu = 250;  // room for an encapsulation of 5 octets (SN 5.5)
constexpr std::string_view ask_version = "sys get ver";
constexpr std::string_view pause_mac = "mac pause";
constexpr std::string_view stop_receiving = "radio rxstop";
constexpr std::string_view ask_snr = "radio get snr";
constexpr std::string_view ask_rssi = "radio get rssi";
constexpr unsigned old_watchdog_ms = 1000;

struct Rn2483Settings {
    std::int64_t freq_hz = 0;
    std::int64_t spreading_factor = 0;
    std::int64_t bandwidth_khz = 0;
    std::int64_t coding_rate = 0;  ///< 1 = 4/5
    std::int64_t preamble = 0;
    std::string sync;
    std::int64_t power_dbm = 0;
    bool wants_signal = true;
};

class Rn2483 final : public AtModem {
public:
    Rn2483(Rn2483Settings settings, const DriverTraits& traits)
        : AtModem({.model = "RN2483",
                   .probe = std::string(ask_version),
                   .reset = "sys reset",
                   .start_receiving = "radio rx 0",
                   .tells_departure = true,
                   .checks_by_receiving = true,
                   // It is deaf until it is told to receive, and answers within a few milliseconds.
                   .patience = std::chrono::milliseconds(300),
                   .allowance = std::chrono::milliseconds(300),
                   .busy_wait = std::chrono::milliseconds(50),
                   .busy_retries = 40},
                  traits),
          settings_(std::move(settings)) {}

    Duration air_time(std::size_t octets) const noexcept override {
        return lora_air_time({.spreading_factor = static_cast<unsigned>(settings_.spreading_factor),
                              .bandwidth_hz = static_cast<unsigned>(settings_.bandwidth_khz) * 1000,
                              .coding_rate = static_cast<unsigned>(settings_.coding_rate),
                              .preamble = static_cast<unsigned>(settings_.preamble)},
                             octets);
    }
    std::string to_string(const Address& /*address*/) const override { return {}; }

protected:
    void initialise() override;
    std::optional<std::string> transmission(const OutgoingFrame& frame) override {
        return "radio tx " + to_digits(frame.frame);
    }
    Reply read(std::string_view line, TimePoint now, DriverOutput& out) override;
    void concluded(const Command& command, bool ok, DriverOutput& out) override;

private:
    void set_can_stop(bool can_stop) {
        can_stop_ = can_stop;
        habits_.stop_receiving = can_stop ? stop_receiving : std::string_view();
    }
    void read_version(std::string_view line);
    bool awaits_number() const noexcept {
        const Command* asked = outstanding();
        return asked != nullptr && (asked->text == pause_mac || asked->text == ask_snr || asked->text == ask_rssi);
    }
    Reply read_number(std::string_view line);
    void receive_packet(std::string_view digits, DriverOutput& out);
    void deliver(DriverOutput& out);

    Rn2483Settings settings_;
    bool can_stop_ = false;        // as firmware 1.0.5 and later can
    std::optional<Buffer> frame_;  // that waits for its signal
    std::optional<std::int64_t> snr_;
    std::optional<std::int64_t> rssi_;
};

/// All of it lives in RAM: nothing to compare.
void Rn2483::initialise() {
    frame_.reset();
    ask(Purpose::probe, std::string(ask_version));
    ask(Purpose::ask, std::string(stop_receiving));
    ask(Purpose::set, std::string(pause_mac));
    ask(Purpose::set, "radio set mod lora");
    ask(Purpose::set, fmt::format("radio set freq {}", settings_.freq_hz));
    ask(Purpose::set, fmt::format("radio set sf sf{}", settings_.spreading_factor));
    ask(Purpose::set, fmt::format("radio set bw {}", settings_.bandwidth_khz));
    ask(Purpose::set, fmt::format("radio set cr 4/{}", settings_.coding_rate + 4));
    ask(Purpose::set, fmt::format("radio set prlen {}", settings_.preamble));
    ask(Purpose::set, "radio set crc on");
    ask(Purpose::set, "radio set sync " + settings_.sync);
    ask(Purpose::set, fmt::format("radio set pwr {}", settings_.power_dbm));
}

void Rn2483::concluded(const Command& command, bool ok, DriverOutput& out) {
    if (command.text == stop_receiving && command.purpose == Purpose::ask) set_can_stop(can_stop_ && ok);
    if (command.text == pause_mac && ok) {  // the version is known by now
        ask_next(Purpose::set, fmt::format("radio set wdt {}", can_stop_ ? 0 : old_watchdog_ms));
    }
    if (command.text == ask_rssi) deliver(out);
}

AtModem::Reply Rn2483::read(std::string_view line, TimePoint /*now*/, DriverOutput& out) {
    line = trim(line);
    if (const auto begin = line.find("radio_"); begin != std::string_view::npos) {
        counters_.skipped_octets += begin;
        line.remove_prefix(begin);
    }
    if (line.starts_with("radio_rx")) {
        receive_packet(trim(line.substr(8)), out);
        receive_again();
        return {Meaning::nothing, {}};
    }
    if (line == "radio_tx_ok") return {Meaning::departed, {}};
    if (line == "radio_err") {
        if (is_on_air()) return {Meaning::lost, line};
        if (can_stop_) ++counters_.check_errors;  // else the watchdog has ended reception as it shall
        receive_again();
        return {Meaning::nothing, {}};
    }
    if (line == "ok" && !awaits_number()) return {Meaning::ok, {}};
    if (line == "busy") return {Meaning::busy, line};
    if (line == "invalid_param") return {Meaning::refused, line};
    if (line.starts_with("RN2483 ") || line.starts_with("RN2903 ")) {
        read_version(line.substr(7));
        const bool was_asked = outstanding() != nullptr && outstanding()->text == ask_version;
        return {was_asked ? Meaning::ok : Meaning::started, {}};
    }
    return read_number(line);
}

/// "1.0.5 Oct 31 2018 15:06:52"
void Rn2483::read_version(std::string_view line) {
    const auto version = parse_decimals(line.substr(0, line.find(' ')), ".");
    set_can_stop(version && *version >= std::vector<std::int64_t>{1, 0, 5});
}

AtModem::Reply Rn2483::read_number(std::string_view line) {
    const auto number = parse_decimal(line);
    if (!number || outstanding() == nullptr) return {};
    const std::string_view asked = outstanding()->text;
    if (asked == pause_mac) return {*number > 0 ? Meaning::ok : Meaning::busy, line};  // for so many milliseconds
    if (asked == ask_snr)
        snr_ = number;
    else if (asked == ask_rssi)
        rssi_ = number;
    else
        return {};
    return {Meaning::ok, {}};
}

void Rn2483::receive_packet(std::string_view digits, DriverOutput& out) {
    auto frame = parse_digits(digits);
    if (!frame || frame->empty() || frame->size() > largest_packet) {
        ++counters_.framing_errors;
        return;
    }
    if (!can_stop_ || !settings_.wants_signal) return received({}, std::nullopt, *frame, out);
    const bool is_asking = frame_.has_value();
    if (is_asking) received({}, std::nullopt, *frame_, out);  // the signal will be that of the later one
    frame_ = std::move(frame);
    snr_.reset();
    rssi_.reset();
    if (is_asking) return;
    ask_next(Purpose::ask, std::string(ask_rssi));
    ask_next(Purpose::ask, std::string(ask_snr));
}

void Rn2483::deliver(DriverOutput& out) {
    if (!frame_) return;
    received({}, snr_ && rssi_ ? to_signal(*rssi_, *snr_) : std::nullopt, *frame_, out);
    frame_.reset();
}

constexpr std::array options{
    DriverOption{"freq", "868500000", "a frequency in Hz from 137000000 to 1020000000", "of the channel"},
    DriverOption{"sf", "7", "a number from 7 to 12", "spreading factor; all nodes have the same"},
    DriverOption{"bw", "125", "125, 250 or 500", "bandwidth in kHz; all nodes have the same"},
    DriverOption{"cr", "4/5", "4/5, 4/6, 4/7 or 4/8", "coding rate"},
    DriverOption{"preamble", "8", "a number from 6 to 65535", "symbols"},
    DriverOption{"sync", "12", "an octet in hexadecimal", "sync word; all nodes have the same"},
    DriverOption{"power", "14", "a number from -3 to 20",
                 "transmit power in dBm, up to 15 with RN2483, from 2 with RN2903; at most 14 in the EU"},
    DriverOption{"signal", "true", "true or false",
                 "ask for RSSI and SNR of every packet, which keeps the module deaf some 10 ms longer; firmware 1.0.5"},
    DriverOption{"turnaround_ms", "100", "a number from 0 to 10000",
                 "what a node needs from sending to receiving: answers wait so long"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader reader(values, options);
    Rn2483Settings settings;
    settings.freq_hz = reader.number("freq", 137'000'000, 1'020'000'000);
    settings.spreading_factor = reader.number("sf", 7, 12);
    constexpr std::array<std::int64_t, 3> bandwidths{125, 250, 500};
    settings.bandwidth_khz = bandwidths[reader.choice("bw", {"125", "250", "500"})];
    settings.coding_rate = static_cast<std::int64_t>(reader.choice("cr", {"4/5", "4/6", "4/7", "4/8"})) + 1;
    settings.preamble = reader.number("preamble", 6, 0xFFFF);
    settings.sync = to_digits(reader.hex("sync", 1, 1));
    settings.power_dbm = reader.number("power", -3, 20);
    settings.wants_signal = reader.boolean("signal");

    DriverTraits traits{.mtu = usual_mtu, .half_duplex = true, .confirms_departure = true};
    traits.turnaround = std::chrono::milliseconds(reader.number("turnaround_ms", 0, 10'000));
    std::string error = reader.error();
    if (error.empty()) error = choose_mtu(traits, mtu, largest_packet);
    if (!error.empty()) return {nullptr, error};
    return {std::make_unique<Rn2483>(std::move(settings), traits), {}};
}

}  // namespace

const DriverKind& rn2483_kind() {
    static constexpr DriverKind kind{"rn2483", "Microchip RN2483 and RN2903, LoRa without LoRaWAN", 57600, options,
                                     make};
    return kind;
}

}  // namespace mqttsn::transports
