// After the RUI3 AT command manual of RAKwireless and its change log; events of three generations of firmware are read.
#include "transports/radio/rak.hpp"

#include "transports/radio/at_modem.hpp"
#include "transports/radio/at_text.hpp"
#include "transports/radio/driver_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mqttsn::transports {

namespace {

constexpr std::size_t largest_packet = 250;  // AT+PSEND takes 500 digits
constexpr std::size_t usual_mtu = 245;       // room for an encapsulation of 5 octets (SN 5.5)
constexpr std::string_view event = "+EVT:";
constexpr std::string_view p2p_mode = "AT+NWM=0";

enum class Configure : std::uint8_t { yes, check, no };
enum class Listen : std::uint8_t { keep, yes, no };

struct RakSettings {
    std::string p2p;  ///< frequency:SF:kHz:coding rate:preamble:dBm
    std::vector<std::int64_t> p2p_values;
    bool receives_while_sending = false;
    Listen listen = Listen::keep;
    Configure configure = Configure::yes;
};

AtHabits habits_of(const RakSettings& settings) {
    AtHabits habits{.model = "RAK",
                    .reset = "ATZ",
                    .start_receiving = "AT+PRECV=65533",
                    .tells_departure = true,
                    .checks_by_receiving = true,
                    .patience = std::chrono::milliseconds(500),  // it may be deaf meanwhile
                    .allowance = std::chrono::seconds(2),
                    .busy_wait = std::chrono::milliseconds(100),
                    .busy_retries = 5};
    if (settings.listen == Listen::yes) {
        // A busy channel is no fault, and lasts as long as what somebody sends.
        habits.busy_wait = {};
        habits.busy_retries = 10;
    }
    if (!settings.receives_while_sending) {
        habits.stop_receiving = "AT+PRECV=0";
        habits.start_receiving = "AT+PRECV=65534";
    }
    return habits;
}

class Rak final : public AtModem {
public:
    Rak(RakSettings settings, const DriverTraits& traits)
        : AtModem(habits_of(settings), traits), settings_(std::move(settings)) {}

    Duration air_time(std::size_t octets) const noexcept override {
        const auto value = [&](std::size_t at) { return static_cast<unsigned>(settings_.p2p_values[at]); };
        return lora_air_time({.spreading_factor = value(1),
                              .bandwidth_hz = value(2) * 1000,
                              .coding_rate = value(3) + 1,
                              .preamble = value(4)},
                             octets);
    }
    std::string to_string(const Address& /*address*/) const override { return {}; }

protected:
    void initialise() override;
    std::optional<std::string> transmission(const OutgoingFrame& frame) override {
        return "AT+PSEND=" + to_digits(frame.frame);
    }
    Reply read(std::string_view line, TimePoint now, DriverOutput& out) override;
    bool same(std::string_view value, std::string_view expected) const override;
    void concluded(const Command& command, bool /*ok*/, DriverOutput& /*out*/) override {
        if (command.text == p2p_mode) expect_restart();
    }

private:
    Reply read_event(std::string_view text, DriverOutput& out);
    Reply read_value(std::string_view line) const;
    void receive_packet(std::string_view text, DriverOutput& out);
    void receive_data(std::string_view digits, std::optional<Signal> signal, DriverOutput& out);

    RakSettings settings_;
    bool awaits_data_ = false;  // the line with the signal has come, the one with the data is next
    std::optional<Signal> signal_;
};

void Rak::initialise() {
    awaits_data_ = false;
    ask(Purpose::probe, habits_.probe);
    ask(Purpose::ask, "AT+PRECV=0");  // a receiving module refuses changes; one in LoRaWAN mode refuses this
    if (settings_.configure == Configure::no) return;
    const bool corrects = settings_.configure == Configure::yes;
    query("AT+NWM=?", "0", corrects ? std::string(p2p_mode) : std::string());
    query("AT+P2P=?", settings_.p2p, corrects ? "AT+P2P=" + settings_.p2p : std::string());
    if (settings_.listen == Listen::keep) return;
    const std::string listens = settings_.listen == Listen::yes ? "1" : "0";
    query("AT+CAD=?", listens, corrects ? "AT+CAD=" + listens : std::string());
}

/// The bandwidth comes back in kHz or as a code, the numbers with colons, commas or blanks between them.
bool Rak::same(std::string_view value, std::string_view expected) const {
    const auto told = parse_decimals(value, ":, ");
    const auto wanted = parse_decimals(expected, ":");
    if (!told || !wanted || told->size() != wanted->size()) return false;
    constexpr std::array<std::int64_t, 3> codes{125, 250, 500};
    for (std::size_t at = 0; at < told->size(); ++at) {
        std::int64_t one = (*told)[at];
        if (at == 2 && one >= 0 && one < 3) one = codes[static_cast<std::size_t>(one)];
        if (one != (*wanted)[at]) return false;
    }
    return true;
}

AtModem::Reply Rak::read(std::string_view line, TimePoint /*now*/, DriverOutput& out) {
    line = trim(line);
    if (const auto begin = line.find(event); begin != std::string_view::npos) {
        counters_.skipped_octets += begin;
        return read_event(line.substr(begin + event.size()), out);
    }
    if (line == "OK") return {Meaning::ok, {}};
    if (line.starts_with("AT_BUSY_ERROR")) return {Meaning::busy, line};
    if (line.starts_with("AT_")) return {Meaning::refused, line};
    if (line.starts_with("Current Work Mode")) return {Meaning::started, {}};  // the last line of its greeting
    return read_value(line);
}

AtModem::Reply Rak::read_event(std::string_view text, DriverOutput& out) {
    if (text.starts_with("TXP2P")) {
        return {text.find("DONE") != std::string_view::npos ? Meaning::departed : Meaning::lost, text};
    }
    if (text.starts_with("RXP2P")) {
        if (text.find("TIMEOUT") != std::string_view::npos)
            receive_again();
        else if (text.find("ERROR") != std::string_view::npos) {
            ++counters_.check_errors;
            receive_again();
        } else {
            receive_packet(text.substr(5), out);
        }
        return {Meaning::nothing, {}};
    }
    if (!awaits_data_) return {};
    awaits_data_ = false;
    receive_data(text, signal_, out);
    return {Meaning::nothing, {}};
}

/// "AT+P2P=868500000:7:125:0:8:14", "+P2P:868500000:7:0:0:8:14", or the numbers alone.
AtModem::Reply Rak::read_value(std::string_view line) const {
    if (outstanding() == nullptr || outstanding()->purpose != Purpose::query) return {};
    std::string_view name = std::string_view(outstanding()->text).substr(2);  // "+P2P=?"
    name.remove_suffix(2);
    if (line.starts_with("AT")) line.remove_prefix(2);
    if (line.starts_with(name)) {
        line.remove_prefix(name.size());
        if (!line.starts_with('=') && !line.starts_with(':')) return {};
        line.remove_prefix(1);
    }
    if (line.empty() || line[0] < '0' || line[0] > '9') return {};
    return {Meaning::value, line};
}

/// ":-83:9:0C0C21…", ":RSSI -83:SNR 9:0C0C21…", or ", RSSI -83, SNR 9" with the data in the next line.
void Rak::receive_packet(std::string_view text, DriverOutput& out) {
    std::array<std::string_view, 3> parts;
    std::size_t count = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(":,"), text.size());
        std::string_view part = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.starts_with("RSSI"))
            part = trim(part.substr(4));
        else if (part.starts_with("SNR"))
            part = trim(part.substr(3));
        if (part.empty()) continue;
        if (count == parts.size()) {
            ++counters_.framing_errors;
            return;
        }
        parts[count++] = part;
    }
    const auto rssi = parse_decimal(parts[0]);
    const auto snr = parse_decimal(parts[1]);
    const auto signal = rssi && snr ? to_signal(*rssi, *snr) : std::nullopt;
    if (count == 3) return receive_data(parts[2], signal, out);
    awaits_data_ = count == 2;
    signal_ = signal;
    if (count < 2) ++counters_.framing_errors;
}

void Rak::receive_data(std::string_view digits, std::optional<Signal> signal, DriverOutput& out) {
    const auto frame = parse_digits(digits);
    if (!frame || frame->empty() || frame->size() > 255) {
        ++counters_.framing_errors;
        return;
    }
    received({}, signal, *frame, out);
}

constexpr std::array options{
    DriverOption{"p2p", "868500000:7:125:0:8:14",
                 "Hz, spreading factor 5 to 12, 125, 250 or 500 kHz, coding rate 0 to 3, preamble 5 to 65535, and 5 to "
                 "22 dBm, with colons between",
                 "as in AT+P2P; coding rate 0 = 4/5 to 3 = 4/8; all nodes have the same"},
    DriverOption{"precv", "65534", "65534 or 65533",
                 "how the module receives: 65534 works with every firmware, which has to stop for each transmission; "
                 "65533 receives in between, from RUI3 3.4.0"},
    DriverOption{"cad", "keep", "keep, yes or no",
                 "listen before sending (AT+CAD, from RUI3 4.0.6): yes wherever several nodes share the channel"},
    DriverOption{"configure", "yes", "yes, check or no",
                 "set what differs from these keys, only warn of it, or leave the modem alone"},
    DriverOption{"turnaround_ms", "100", "a number from 0 to 10000",
                 "what a node needs from sending to receiving: answers wait so long"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader reader(values, options);
    RakSettings settings;
    settings.p2p = reader.text("p2p");
    std::erase(settings.p2p, ' ');
    const auto numbers = parse_decimals(settings.p2p, ":");
    const auto is_in = [&](std::size_t at, std::int64_t lowest, std::int64_t highest) {
        return (*numbers)[at] >= lowest && (*numbers)[at] <= highest;
    };
    const bool is_right = numbers && numbers->size() == 6 && is_in(0, 150'000'000, 960'000'000) && is_in(1, 5, 12) &&
                          (is_in(2, 125, 125) || is_in(2, 250, 250) || is_in(2, 500, 500)) && is_in(3, 0, 3) &&
                          is_in(4, 5, 0xFFFF) && is_in(5, 5, 22);
    if (is_right)
        settings.p2p_values = *numbers;
    else
        reader.refuse("p2p");
    settings.receives_while_sending = reader.choice("precv", {"65534", "65533"}) == 1;
    settings.listen = static_cast<Listen>(reader.choice("cad", {"keep", "yes", "no"}));
    settings.configure = static_cast<Configure>(reader.choice("configure", {"yes", "check", "no"}));

    DriverTraits traits{.mtu = usual_mtu, .half_duplex = true, .confirms_departure = true};
    traits.turnaround = std::chrono::milliseconds(reader.number("turnaround_ms", 0, 10'000));
    std::string error = reader.error();
    if (error.empty()) error = choose_mtu(traits, mtu, largest_packet);
    if (!error.empty()) return {nullptr, error};
    return {std::make_unique<Rak>(std::move(settings), traits), {}};
}

}  // namespace

const DriverKind& rak_kind() {
    static constexpr DriverKind kind{"rak", "RAKwireless RAK3172 and others with RUI3, LoRa P2P", 115200, options,
                                     make};
    return kind;
}

}  // namespace mqttsn::transports
