// After the REYAX AT command guides for RYLR998/498 (2025) and RYLR896/406 (2022). A packet is text for the module, so
// MQTT-SN messages travel as hexadecimal digits unless told otherwise.
#include "transports/radio/rylr.hpp"

#include "transports/radio/at_modem.hpp"
#include "transports/radio/at_text.hpp"
#include "transports/radio/driver_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mqttsn::transports {

namespace {

constexpr std::size_t longest_text = 240;  // characters in a packet
constexpr std::size_t added_octets = 8;    // that the module puts into every packet
constexpr std::string_view receive_event = "+RCV=";

enum class Payload : std::uint8_t { hex, base64, raw };
enum class Configure : std::uint8_t { yes, check, no };

struct RylrSettings {
    std::int64_t address = 0;
    std::int64_t network_id = 0;
    std::int64_t band_hz = 0;
    std::string parameter;
    std::int64_t power_dbm = 0;
    std::string cpin;
    Payload payload = Payload::hex;
    Configure configure = Configure::yes;
    LoraModulation modulation;
};

/// "+RCV=5,24," in front of the data.
struct PacketHead {
    std::int64_t address = 0;
    std::size_t data_begin = 0;
    std::size_t data_size = 0;
};

std::optional<PacketHead> parse_head(std::string_view line) {
    const auto first = line.find(',', receive_event.size());
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = line.find(',', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const auto address = parse_decimal(line.substr(receive_event.size(), first - receive_event.size()));
    const auto size = parse_decimal(line.substr(first + 1, second - first - 1));
    if (!address || *address < 0 || *address > 0xFFFF) return std::nullopt;
    if (!size || *size < 0 || *size > static_cast<std::int64_t>(longest_text)) return std::nullopt;
    return PacketHead{*address, second + 1, static_cast<std::size_t>(*size)};
}

/// Raw data may hold ends of lines.
std::size_t data_end(std::string_view begun) {
    const auto at = begun.find(receive_event);
    if (at == std::string_view::npos || begun.find_first_of("\r\n") < at) return 0;
    const auto head = parse_head(begun.substr(at));
    return head ? at + head->data_begin + head->data_size : 0;
}

std::string_view describe(std::int64_t error) {
    switch (error) {
        case 1:
            return "the end of the command is missing";
        case 2:
            return "not an AT command";
        case 3:
            return "the = is missing";
        case 4:
            return "unknown command";
        case 5:
            return "length does not match";
        case 10:
            return "transmission took too long";
        case 13:
            return "more than 240 octets";
        case 14:
            return "flash cannot be written";
        case 18:
            return "preamble not allowed";
        case 20:
            return "time not allowed";
        default:
            return "unknown failure";
    }
}

class Rylr final : public AtModem {
public:
    Rylr(RylrSettings settings, const DriverTraits& traits)
        : AtModem({.model = "RYLR", .reset = "AT+RESET", .value_answers = true}, traits,
                  settings.payload == Payload::raw ? data_end : nullptr),
          settings_(std::move(settings)) {}

    Duration air_time(std::size_t octets) const noexcept override {
        const std::size_t characters = settings_.payload == Payload::hex      ? octets * 2
                                       : settings_.payload == Payload::base64 ? (octets + 2) / 3 * 4
                                                                              : octets;
        return lora_air_time(settings_.modulation, characters + added_octets);
    }
    std::string to_string(const Address& address) const override { return to_digits(address.octets()); }

protected:
    void initialise() override;
    std::optional<std::string> transmission(const OutgoingFrame& frame) override;
    Reply read(std::string_view line, TimePoint now, DriverOutput& out) override;
    bool same(std::string_view value, std::string_view expected) const override;

private:
    void receive_packet(std::string_view line, DriverOutput& out);
    Reply read_value(std::string_view line) const;

    RylrSettings settings_;
    bool has_warned_of_zero_ = false;
};

/// What the flash holds already is not written again.
void Rylr::initialise() {
    ask(Purpose::probe, habits_.probe);
    if (settings_.configure == Configure::no) return;
    const auto want = [&](std::string_view name, const std::string& value) {
        query(fmt::format("AT+{}?", name), value,
              settings_.configure == Configure::yes ? fmt::format("AT+{}={}", name, value) : std::string());
    };
    want("MODE", "0");
    want("ADDRESS", std::to_string(settings_.address));
    want("NETWORKID", std::to_string(settings_.network_id));  // in front of the preamble, which depends on it
    want("BAND", std::to_string(settings_.band_hz));
    want("PARAMETER", settings_.parameter);
    want("CRFOP", std::to_string(settings_.power_dbm));
    if (!settings_.cpin.empty()) want("CPIN", settings_.cpin);
}

bool Rylr::same(std::string_view value, std::string_view expected) const {
    std::string plain(value);
    std::erase(plain, ' ');
    return std::ranges::equal(plain, expected, [](char one, char other) {
        return one == other || ((one ^ other) == 0x20 && (one | 0x20) >= 'a' && (one | 0x20) <= 'z');
    });
}

std::optional<std::string> Rylr::transmission(const OutgoingFrame& frame) {
    unsigned address = 0;  // everybody
    if (!frame.broadcast) {
        const Bytes octets = frame.to.octets();
        if (octets.size() != 2) return std::nullopt;
        address = static_cast<unsigned>(octets[0]) << 8U | static_cast<unsigned>(octets[1]);
    }
    const std::string text = settings_.payload == Payload::hex      ? to_digits(frame.frame)
                             : settings_.payload == Payload::base64 ? to_base64(frame.frame)
                                                                    : std::string(as_text(frame.frame));
    return fmt::format("AT+SEND={},{},{}", address, text.size(), text);
}

AtModem::Reply Rylr::read(std::string_view line, TimePoint /*now*/, DriverOutput& out) {
    std::size_t begin = line.find(receive_event);  // noise in front of it
    if (begin == std::string_view::npos) begin = std::min(line.find('+'), line.size());
    counters_.skipped_octets += begin;
    line.remove_prefix(begin);
    if (line.starts_with(receive_event)) {
        receive_packet(line, out);
        return {Meaning::nothing, {}};
    }
    if (trim(line) == "+OK") return {Meaning::ok, {}};
    if (line.starts_with("+RESET")) return {Meaning::restarting, {}};
    if (line.starts_with("+READY")) return {Meaning::started, {}};
    if (!line.starts_with("+ERR=")) return read_value(line);
    const auto error = parse_decimal(line.substr(5));
    if (!error) return {};
    if (*error == 11 || *error == 12 || *error == 19) {  // of a packet from the air
        ++counters_.check_errors;
        return {Meaning::nothing, {}};
    }
    if (*error == 17) return {Meaning::busy, "busy"};
    return {Meaning::refused, describe(*error)};
}

/// "+NETWORKID=18", which some firmware calls NETWORK.
AtModem::Reply Rylr::read_value(std::string_view line) const {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals < 5 || outstanding() == nullptr) return {};
    if (outstanding()->purpose != Purpose::query) return {};
    const std::string_view asked = std::string_view(outstanding()->text).substr(3);
    if (!asked.starts_with(line.substr(1, equals - 1))) return {};
    return {Meaning::value, line.substr(equals + 1)};
}

void Rylr::receive_packet(std::string_view line, DriverOutput& out) {
    const auto head = parse_head(line);
    if (!head || line.size() < head->data_begin + head->data_size) {
        ++counters_.framing_errors;
        return;
    }
    const std::string_view data = line.substr(head->data_begin, head->data_size);
    const std::string_view tail = line.substr(head->data_begin + head->data_size);
    std::optional<Buffer> frame;
    if (settings_.payload == Payload::hex)
        frame = parse_digits(data);
    else if (settings_.payload == Payload::base64)
        frame = parse_base64(data);
    else
        frame.emplace(as_bytes(data).begin(), as_bytes(data).end());
    if (!frame || frame->empty() || (!tail.empty() && !tail.starts_with(','))) {
        ++counters_.framing_errors;
        return;
    }
    std::optional<Signal> signal;  // not told by every firmware
    const auto values = tail.empty() ? std::nullopt : parse_decimals(tail.substr(1), ",");
    if (values && values->size() >= 2) signal = to_signal((*values)[0], (*values)[1]);
    if (head->address == 0 && !has_warned_of_zero_) {
        has_warned_of_zero_ = true;
        note(DriverOutput::Level::warning, "hears a node with address 0: what is sent to it reaches every node", out);
    }
    const std::array address{static_cast<std::byte>(head->address >> 8U), static_cast<std::byte>(head->address & 0xFF)};
    received(Address(address), signal, *frame, out);
}

constexpr std::array options{
    DriverOption{"address", "1", "a number from 1 to 65535", "the gateway's own address"},
    DriverOption{"network_id", "18", "a number from 0 to 18",
                 "all nodes have the same: 3 to 15 or 18 (RYLR998), 0 to 16 (RYLR896)"},
    DriverOption{"band", "868500000", "a frequency in Hz from 137000000 to 1020000000", "of the channel"},
    DriverOption{"parameter", "9,7,1,12",
                 "spreading factor 5 to 12, bandwidth 0 to 9, coding rate 1 to 4, preamble 4 to 24",
                 "as in AT+PARAMETER; bandwidth 7 = 125 kHz, 8 = 250, 9 = 500; all nodes have the same"},
    DriverOption{"power", "14", "a number from 0 to 22", "transmit power in dBm; at most 14 in the EU"},
    DriverOption{"cpin", "", "8 hexadecimal digits (RYLR998) or 32 (RYLR896)", "password of the network"},
    DriverOption{"payload", "hex", "hex, base64 or raw",
                 "how a message is written in a packet of 240 characters: at most 120, 180 or 240 octets; nodes do the "
                 "same. The manual does not promise that raw octets survive"},
    DriverOption{"configure", "yes", "yes, check or no",
                 "set what differs from these keys, only warn of it, or leave the modem alone"},
    DriverOption{"turnaround_ms", "100", "a number from 0 to 10000",
                 "what a node needs from sending to receiving: answers wait so long"},
};

/// In Hz, by the code of AT+PARAMETER.
constexpr std::array<unsigned, 10> bandwidths{7'800,  10'400, 15'600,  20'800,  31'250,
                                              41'700, 62'500, 125'000, 250'000, 500'000};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader reader(values, options);
    RylrSettings settings;
    settings.address = reader.number("address", 1, 0xFFFF);
    settings.network_id = reader.number("network_id", 0, 18);
    settings.band_hz = reader.number("band", 137'000'000, 1'020'000'000);
    settings.parameter = reader.text("parameter");
    std::erase(settings.parameter, ' ');
    const auto parameter = parse_decimals(settings.parameter, ",");
    const auto is_in = [&](std::size_t at, std::int64_t lowest, std::int64_t highest) {
        return (*parameter)[at] >= lowest && (*parameter)[at] <= highest;
    };
    if (parameter && parameter->size() == 4 && is_in(0, 5, 12) && is_in(1, 0, 9) && is_in(2, 1, 4) && is_in(3, 4, 24)) {
        settings.modulation.spreading_factor = static_cast<unsigned>((*parameter)[0]);
        settings.modulation.bandwidth_hz = bandwidths[static_cast<std::size_t>((*parameter)[1])];
        settings.modulation.coding_rate = static_cast<unsigned>((*parameter)[2]);
        settings.modulation.preamble = static_cast<unsigned>((*parameter)[3]);
    } else {
        reader.refuse("parameter");
    }
    settings.power_dbm = reader.number("power", 0, 22);
    settings.cpin = reader.text("cpin");
    const bool is_password = settings.cpin.size() == 8 || settings.cpin.size() == 32;
    if (!settings.cpin.empty() && (!is_password || !parse_digits(settings.cpin))) reader.refuse("cpin");
    settings.payload = static_cast<Payload>(reader.choice("payload", {"hex", "base64", "raw"}));
    settings.configure = static_cast<Configure>(reader.choice("configure", {"yes", "check", "no"}));

    constexpr std::array<std::size_t, 3> mtus{longest_text / 2, longest_text / 4 * 3, longest_text};
    DriverTraits traits{
        .mtu = mtus[static_cast<std::size_t>(settings.payload)], .addressed = true, .half_duplex = true};
    traits.confirms_departure = true;
    traits.turnaround = std::chrono::milliseconds(reader.number("turnaround_ms", 0, 10'000));
    std::string error = reader.error();
    if (error.empty()) error = choose_mtu(traits, mtu, traits.mtu);
    if (!error.empty()) return {nullptr, error};
    return {std::make_unique<Rylr>(std::move(settings), traits), {}};
}

}  // namespace

const DriverKind& rylr_kind() {
    static constexpr DriverKind kind{"rylr", "REYAX RYLR998/498 and RYLR896/406, LoRa modems with AT commands", 115200,
                                     options, make};
    return kind;
}

}  // namespace mqttsn::transports
