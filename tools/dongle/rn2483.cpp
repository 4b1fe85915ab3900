// Microchip RN2483 and RN2903 with radio commands: it receives only when told, one packet at a time.
#include "tools/dongle/forwarding.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/lora_modem.hpp"
#include "tools/dongle/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::dongle {

namespace {

constexpr auto boot_time = std::chrono::milliseconds(250);
constexpr std::string_view version = "RN2483 1.0.5 Oct 31 2018 15:06:52";
constexpr std::size_t most_octets = 255;
constexpr std::int64_t longest_watchdog_ms = 4294967295;

class Rn2483 : public LoraModem {
public:
    Rn2483(bool has_rxstop, double reply_loss, NodeNumber nodes, const AirOptions& air)
        : LoraModem(nodes, air, reply_loss), has_rxstop_(has_rxstop) {}

    void power_on(TimePoint now, DongleOutput&) override {
        restart();
        settings_ = {{"mod", "lora"},  {"freq", "868100000"}, {"sf", "sf12"}, {"bw", "125"},
                     {"cr", "4/5"},    {"crc", "on"},         {"sync", "34"}, {"pwr", "1"},
                     {"wdt", "15000"}, {"iqi", "off"},        {"prlen", "8"}};
        tune();
        paused_ = false;
        stop_receiving();
        deaf_until_ = now + boot_time;
        say(version, now + boot_time);
    }

    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) override {
        Buffer packet = encapsulated(node, frame);
        const std::size_t size = packet.size();
        transmit_of_node(node, std::move(packet), size, now);
    }

    std::size_t max_frame() const noexcept override { return most_octets - 5; }  // without encapsulation

protected:
    void on_line(std::string_view line, bool proper, TimePoint now, DongleOutput& out) override;
    void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override {
        say("radio_tx_ok", now, true);
        deliver_encapsulated(done.octets, done.heard, nodes_, counters_, out);
    }
    void on_heard(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override {
        if (!receiving_ || is_sending(now)) {
            ++counters_.unheard;
            return;
        }
        ++counters_.frames_up;
        last_snr_ = done.signal.snr_db;
        stop_receiving();
        answer("radio_rx  " + to_hex(done.octets), out);
    }
    void on_time(TimePoint now, DongleOutput& out) override {
        if (!watchdog_ || *watchdog_ > now) return;
        stop_receiving();
        answer("radio_err", out);
    }
    std::optional<TimePoint> own_timeout() const noexcept override { return watchdog_; }

private:
    void fail(std::string_view error, DongleOutput& out) {
        ++counters_.refused;
        answer(error, out);
    }
    void stop_receiving() noexcept {
        receiving_ = false;
        watchdog_.reset();
    }
    void on_radio(std::string_view command, std::string_view rest, TimePoint now, DongleOutput& out);
    void on_set(std::string_view name, std::string_view value, DongleOutput& out);
    static bool is_valid(std::string_view name, std::string_view value);
    void tune();
    void receive(std::string_view window, TimePoint now, DongleOutput& out);
    void send(std::string_view digits, TimePoint now, DongleOutput& out);

    bool has_rxstop_;
    std::map<std::string, std::string, std::less<>> settings_;
    bool paused_ = false;  ///< the LoRaWAN stack
    bool receiving_ = false;
    std::optional<TimePoint> watchdog_;
    int last_snr_ = -128;
};

void Rn2483::on_line(std::string_view line, bool, TimePoint now, DongleOutput& out) {
    const auto words = split(line, ' ');
    const auto first = words[0];
    const auto second = words.size() > 1 ? words[1] : std::string_view();
    const auto rest = words.size() > 2 ? line.substr(first.size() + second.size() + 2) : std::string_view();
    if (first == "sys" && second == "get" && rest == "ver") return answer(version, out);
    if (first == "sys" && second == "get" && rest == "hweui") return answer("0004A30B001A2B3C", out);
    if (first == "sys" && second == "reset") return power_on(now, out);
    if (first == "mac" && second == "pause") {
        paused_ = true;
        return answer("4294967245", out);
    }
    if (first == "mac" && second == "resume") {
        paused_ = false;
        return answer("ok", out);
    }
    if (first == "radio") return on_radio(second, rest, now, out);
    fail("invalid_param", out);
}

void Rn2483::on_radio(std::string_view command, std::string_view rest, TimePoint now, DongleOutput& out) {
    if (command == "get") {
        if (rest == "snr") return answer(std::to_string(last_snr_), out);
        const auto found = settings_.find(rest);
        return found == settings_.end() ? fail("invalid_param", out) : answer(found->second, out);
    }
    if (command == "set") {
        const auto blank = rest.find(' ');
        if (blank == std::string_view::npos) return fail("invalid_param", out);
        return on_set(rest.substr(0, blank), rest.substr(blank + 1), out);
    }
    // The LoRaWAN stack has the radio until it is paused.
    if (command == "rxstop" && has_rxstop_) {
        stop_receiving();
        return answer("ok", out);
    }
    if (command != "rx" && command != "tx") return fail("invalid_param", out);
    if (!paused_ || receiving_ || is_sending(now)) return fail("busy", out);
    if (command == "rx") return receive(rest, now, out);
    send(rest, now, out);
}

bool Rn2483::is_valid(std::string_view name, std::string_view value) {
    const auto is_one_of = [&](std::initializer_list<std::string_view> values) {
        return std::ranges::find(values, value) != values.end();
    };
    if (name == "mod") return is_one_of({"lora", "fsk"});
    if (name == "sf") return is_one_of({"sf7", "sf8", "sf9", "sf10", "sf11", "sf12"});
    if (name == "bw") return is_one_of({"125", "250", "500"});
    if (name == "cr") return is_one_of({"4/5", "4/6", "4/7", "4/8"});
    if (name == "crc" || name == "iqi") return is_one_of({"on", "off"});
    if (name == "freq") return number_of(value, 433050000, 870000000).has_value();
    if (name == "pwr") return number_of(value, -3, 15).has_value();
    if (name == "wdt") return number_of(value, 0, longest_watchdog_ms).has_value();
    if (name == "prlen") return number_of(value, 0, 65535).has_value();
    if (name == "sync") return value.size() <= 16 && !value.empty() && from_hex(value).has_value();
    return false;
}

void Rn2483::on_set(std::string_view name, std::string_view value, DongleOutput& out) {
    if (!is_valid(name, value)) return fail("invalid_param", out);
    settings_[std::string(name)] = value;
    tune();
    answer("ok", out);
}

void Rn2483::tune() {
    const auto number = [&](std::string_view name, std::size_t skip) {
        return static_cast<unsigned>(
            number_of(std::string_view(settings_.find(name)->second).substr(skip), 0, 65535).value_or(0));
    };
    radio_ = {number("sf", 2), number("bw", 0) * 1000, number("cr", 2) - 4, number("prlen", 0)};
}

void Rn2483::receive(std::string_view window, TimePoint now, DongleOutput& out) {
    const auto symbols = number_of(window, 0, 65535);
    if (!symbols) return fail("invalid_param", out);
    receiving_ = true;
    const auto watchdog_ms = number_of(settings_.find("wdt")->second, 0, longest_watchdog_ms).value_or(0);
    if (*symbols != 0) {
        const double symbol_s = static_cast<double>(1U << radio_.spreading_factor) / radio_.bandwidth_hz;
        watchdog_ =
            now + std::chrono::ceil<Duration>(std::chrono::duration<double>(symbol_s * static_cast<double>(*symbols)));
    } else if (watchdog_ms != 0) {
        watchdog_ = now + std::chrono::milliseconds(watchdog_ms);
    }
    answer("ok", out);
}

void Rn2483::send(std::string_view digits, TimePoint now, DongleOutput& out) {
    const auto data = from_hex(digits);
    if (!data || data->empty() || data->size() > most_octets) return fail("invalid_param", out);
    answer("ok", out);
    transmit(0, *data, data->size(), now);
}

constexpr std::array rn2483_keys{
    DongleKey{"rxstop", "yes", "yes or no: whether the firmware knows radio rxstop"},
    DongleKey{"reply_loss", "0", "a share from 0 to 1"},
};

std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions& air) {
    return std::make_unique<Rn2483>(values.flag("rxstop"), values.share("reply_loss"), nodes, air);
}

}  // namespace

const DongleKind rn2483_kind{"rn2483", "Microchip RN2483 LoRa modem", rn2483_keys, make};

}  // namespace mqttsn::dongle
