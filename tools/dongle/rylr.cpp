// REYAX RYLR896 and RYLR998: LoRa modems with AT commands, addresses in every packet.
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/lora_modem.hpp"
#include "tools/dongle/values.hpp"

#include <fmt/format.h>

namespace mqttsn::dongle {

namespace {

constexpr NodeNumber node_address = 100;  // + number
constexpr std::size_t most_characters = 240;
constexpr std::size_t packet_overhead = 8;  // the packet on air is that much longer than the data
constexpr auto boot_time = std::chrono::milliseconds(200);
constexpr std::array<std::uint32_t, 10> bandwidths{7800,  10400, 15600,  20800,  31250,
                                                   41700, 62500, 125000, 250000, 500000};

enum Error : int {
    no_line_end = 1,
    no_at = 2,
    unknown_command = 4,
    wrong_length = 5,
    too_long = 13,
    still_sending = 17,
};

enum class PayloadText : std::uint8_t { hex, base64, raw };

class Rylr : public LoraModem {
public:
    Rylr(bool is_998, PayloadText payload, bool tells_signal, double reply_loss, NodeNumber nodes,
         const AirOptions& air)
        : LoraModem(nodes, air, reply_loss), is_998_(is_998), payload_(payload), tells_signal_(tells_signal) {
        settings_ = {{"ADDRESS", {"0", 0, 65535}},
                     {"NETWORKID", is_998 ? Value{"18", 3, 18} : Value{"0", 0, 16}},
                     {"BAND", {is_998 ? "915000000" : "868500000", 137000000, 1020000000}},
                     {"CRFOP", {is_998 ? "22" : "15", 0, is_998 ? 22 : 15}},
                     {"MODE", {"0", 0, 2}},
                     {"IPR", {"115200", 300, 115200}}};
        set_parameter(is_998 ? "9,7,1,12" : "12,7,1,4");
    }

    void power_on(TimePoint now, DongleOutput&) override {
        restart();
        deaf_until_ = now + boot_time;
        say("+READY", now + boot_time);
    }

    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) override {
        const std::string text = encoded(frame);
        const Bytes octets = as_bytes(text);
        transmit_of_node(node, Buffer(octets.begin(), octets.end()), text.size() + packet_overhead, now);
    }

    std::size_t max_frame() const noexcept override {
        if (payload_ == PayloadText::raw) return most_characters;
        return payload_ == PayloadText::hex ? most_characters / 2 : most_characters / 4 * 3;
    }

protected:
    void on_line(std::string_view line, bool proper, TimePoint now, DongleOutput& out) override;
    void on_unended_line(TimePoint, DongleOutput& out) override { fail(no_line_end, out); }
    void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override;
    void on_heard(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override;

private:
    struct Value {
        std::string text;
        std::int64_t lowest = 0;
        std::int64_t highest = 0;
    };

    void fail(Error error, DongleOutput& out) {
        ++counters_.refused;
        answer(fmt::format("+ERR={}", static_cast<int>(error)), out);
    }
    void send(std::string_view arguments, TimePoint now, DongleOutput& out);
    void ask(std::string_view name, DongleOutput& out);
    void set(std::string_view name, std::string_view value, DongleOutput& out);
    bool set_parameter(std::string_view value);
    std::string encoded(Bytes frame) const {
        if (payload_ == PayloadText::raw) return std::string(as_text(frame));
        return payload_ == PayloadText::hex ? to_hex(frame) : to_base64(frame);
    }
    std::optional<Buffer> decoded(Bytes text) const {
        if (payload_ == PayloadText::raw) return Buffer(text.begin(), text.end());
        return payload_ == PayloadText::hex ? from_hex(as_text(text)) : from_base64(as_text(text));
    }

    bool is_998_;
    PayloadText payload_;
    bool tells_signal_;
    std::map<std::string, Value, std::less<>> settings_;
    std::string parameter_;
    std::string password_ = "No Password!";
};

void Rylr::on_line(std::string_view line, bool proper, TimePoint now, DongleOutput& out) {
    if (!proper) return fail(no_line_end, out);
    if (!line.starts_with("AT")) return fail(no_at, out);
    line.remove_prefix(2);
    if (line.empty()) return answer("+OK", out);
    if (line[0] != '+') return fail(unknown_command, out);
    line.remove_prefix(1);
    if (line == "RESET") {
        answer("+RESET", out);
        return power_on(now, out);
    }
    if (line == "FACTORY") return answer("+FACTORY", out);
    if (line.ends_with('?')) return ask(line.substr(0, line.size() - 1), out);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return fail(unknown_command, out);
    if (line.substr(0, equals) == "SEND") return send(line.substr(equals + 1), now, out);
    set(line.substr(0, equals), line.substr(equals + 1), out);
}

void Rylr::ask(std::string_view name, DongleOutput& out) {
    if (name == "VER") return answer(is_998_ ? "+VER=RYLR998_REYAX_V1.2.2" : "+VER=RYLR89C_V1.2.7", out);
    if (name == "UID") return answer("+UID=164738323135383200000000", out);
    if (name == "PARAMETER") return answer("+PARAMETER=" + parameter_, out);
    if (name == "CPIN") return answer("+CPIN=" + password_, out);
    const auto found = settings_.find(name);
    if (found == settings_.end()) return fail(unknown_command, out);
    answer(fmt::format("+{}={}", name, found->second.text), out);
}

void Rylr::set(std::string_view name, std::string_view value, DongleOutput& out) {
    if (name == "PARAMETER") return set_parameter(value) ? answer("+OK", out) : fail(unknown_command, out);
    if (name == "CPIN") {
        password_ = value;
        return answer("+OK", out);
    }
    const auto found = settings_.find(name);
    if (found == settings_.end() || !number_of(value, found->second.lowest, found->second.highest)) {
        return fail(unknown_command, out);
    }
    found->second.text = value;
    answer(name == "IPR" ? fmt::format("+IPR={}", value) : "+OK", out);
}

bool Rylr::set_parameter(std::string_view value) {
    const auto parts = split(value, ',');
    if (parts.size() != 4) return false;
    const auto spreading = number_of(parts[0], is_998_ ? 5 : 7, is_998_ ? 11 : 12);
    const auto bandwidth = number_of(parts[1], is_998_ ? 7 : 0, 9);
    const auto coding = number_of(parts[2], 1, 4);
    const auto preamble = number_of(parts[3], 4, 24);
    if (!spreading || !bandwidth || !coding || !preamble) return false;
    radio_ = {static_cast<unsigned>(*spreading), bandwidths[static_cast<std::size_t>(*bandwidth)],
              static_cast<unsigned>(*coding), static_cast<unsigned>(*preamble)};
    parameter_ = value;
    return true;
}

void Rylr::send(std::string_view arguments, TimePoint now, DongleOutput& out) {
    const auto first = arguments.find(',');
    const auto second = first == std::string_view::npos ? first : arguments.find(',', first + 1);
    if (second == std::string_view::npos) return fail(unknown_command, out);
    const auto address = number_of(arguments.substr(0, first), 0, 65535);
    const auto length = number_of(arguments.substr(first + 1, second - first - 1), 0, 65535);
    const auto data = arguments.substr(second + 1);
    if (!address || !length) return fail(unknown_command, out);
    if (*length > static_cast<std::int64_t>(most_characters)) return fail(too_long, out);
    if (data.size() != static_cast<std::size_t>(*length)) return fail(wrong_length, out);
    if (is_sending(now)) return fail(still_sending, out);
    const Bytes octets = as_bytes(data);
    transmit(static_cast<std::uint32_t>(*address), Buffer(octets.begin(), octets.end()), data.size() + packet_overhead,
             now);
}

void Rylr::on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) {
    say("+OK", now, true);
    const auto frame = decoded(done.octets);
    if (!done.heard) {
        ++counters_.lost_on_air;
    } else if (!frame) {
        ++counters_.malformed;
    } else if (done.tag != 0 && (done.tag <= node_address || done.tag > std::uint32_t{node_address} + nodes_)) {
        ++counters_.unknown_node;
    } else {
        ++counters_.frames_down;
        out.deliveries.push_back({done.tag == 0 ? everyone : static_cast<NodeNumber>(done.tag - node_address), *frame});
    }
}

void Rylr::on_heard(const Channel::Transmission& done, TimePoint, DongleOutput& out) {
    ++counters_.frames_up;
    const auto text = as_text(done.octets);
    const std::string signal =
        tells_signal_ ? fmt::format(",{},{}", done.signal.rssi_dbm, static_cast<int>(done.signal.snr_db)) : "";
    answer(fmt::format("+RCV={},{},{}{}", node_address + done.from, text.size(), text, signal), out);
}

constexpr std::array rylr_keys{
    DongleKey{"model", "998", "896 or 998"},
    DongleKey{"payload", "hex", "hex, base64 or raw"},
    DongleKey{"signal", "yes", "yes or no"},
    DongleKey{"reply_loss", "0", "a share from 0 to 1"},
};

std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions& air) {
    const bool is_998 = values.choice("model", {"896", "998"}) == 1;
    const auto payload = static_cast<PayloadText>(values.choice("payload", {"hex", "base64", "raw"}));
    return std::make_unique<Rylr>(is_998, payload, values.flag("signal"), values.share("reply_loss"), nodes, air);
}

}  // namespace

const DongleKind rylr_kind{"rylr", "REYAX RYLR896/998 LoRa modem", rylr_keys, make};

}  // namespace mqttsn::dongle
