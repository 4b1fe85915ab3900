// RAK3172 with RUI3 in LoRa P2P mode: no addresses, so nodes are told apart by forwarder encapsulation.
#include "tools/dongle/forwarding.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/lora_modem.hpp"
#include "tools/dongle/values.hpp"

#include <fmt/format.h>

namespace mqttsn::dongle {

namespace {

constexpr auto boot_time = std::chrono::milliseconds(300);
constexpr std::int64_t receive_off = 0;
constexpr std::int64_t receive_and_send = 65533;
constexpr std::int64_t receive_for_ever = 65534;
constexpr std::int64_t receive_once = 65535;
constexpr std::size_t most_digits = 500;

class Rak : public LoraModem {
public:
    Rak(bool is_p2p, bool old_events, bool listens, double reply_loss, NodeNumber nodes, const AirOptions& air)
        : LoraModem(nodes, air, reply_loss), is_p2p_(is_p2p), old_events_(old_events), listens_(listens) {
        nodes_listen_ = listens;  // they are such modules too
    }

    void power_on(TimePoint now, DongleOutput&) override {
        restart();
        receives_ = receive_off;
        receive_until_.reset();
        deaf_until_ = now + boot_time;
        say("RAKwireless RAK3172 Example", now + boot_time);
        say("------------------------------------------------------", now + boot_time);
        say(is_p2p_ ? "Current Work Mode: LoRa P2P." : "Current Work Mode: LoRaWAN.", now + boot_time);
    }

    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) override {
        Buffer packet = encapsulated(node, frame);
        const std::size_t size = packet.size();
        transmit_of_node(node, std::move(packet), size, now);
    }

    std::size_t max_frame() const noexcept override { return most_digits / 2 - 5; }  // without encapsulation

protected:
    void on_line(std::string_view line, bool proper, TimePoint now, DongleOutput& out) override;
    void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override {
        say("+EVT:TXP2P DONE", now, true);
        deliver_encapsulated(done.octets, done.heard, nodes_, counters_, out);
    }
    void on_heard(const Channel::Transmission& done, TimePoint now, DongleOutput& out) override;
    void on_time(TimePoint now, DongleOutput& out) override {
        if (!receive_until_ || *receive_until_ > now) return;
        receive_until_.reset();
        receives_ = receive_off;
        answer("+EVT:RXP2P RECEIVE TIMEOUT", out);
    }
    std::optional<TimePoint> own_timeout() const noexcept override { return receive_until_; }

private:
    void fail(std::string_view error, DongleOutput& out) {
        ++counters_.refused;
        answer(error, out);
    }
    void tell(std::string_view name, std::string_view value, DongleOutput& out) {
        answer(fmt::format("AT+{}={}", name, value), out);
        answer("OK", out);
    }
    void on_set(std::string_view name, std::string_view value, TimePoint now, DongleOutput& out);
    bool set_p2p(std::string_view value);
    void receive(std::string_view value, TimePoint now, DongleOutput& out);
    void send(std::string_view value, TimePoint now, DongleOutput& out);

    bool is_p2p_;  ///< AT+NWM, in flash
    bool old_events_;
    bool listens_;  ///< AT+CAD, in flash; from RUI 4.0.6
    std::string p2p_ = "868000000:7:125:0:8:14";
    std::int64_t receives_ = receive_off;
    std::optional<TimePoint> receive_until_;
};

void Rak::on_line(std::string_view line, bool, TimePoint now, DongleOutput& out) {
    if (line == "AT") return answer("OK", out);
    if (line == "ATZ") return power_on(now, out);
    if (!line.starts_with("AT+")) return fail("AT_ERROR", out);
    line.remove_prefix(3);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return fail("AT_ERROR", out);
    const auto name = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (value != "?") return on_set(name, value, now, out);
    if (name == "VER") return tell(name, "RUI_4.0.6_RAK3172-E", out);
    if (name == "NWM") return tell(name, is_p2p_ ? "0" : "1", out);
    if (name == "CAD") return tell(name, listens_ ? "1" : "0", out);
    if (name == "P2P" && is_p2p_) return tell(name, p2p_, out);
    if (name == "PRECV" && is_p2p_) return tell(name, std::to_string(receives_), out);
    fail(name == "P2P" || name == "PRECV" ? "AT_MODE_NO_SUPPORT" : "AT_ERROR", out);
}

void Rak::on_set(std::string_view name, std::string_view value, TimePoint now, DongleOutput& out) {
    if (name == "NWM") {
        if (value != "0" && value != "1") return fail("AT_PARAM_ERROR", out);
        const bool changes = is_p2p_ != (value == "0");
        is_p2p_ = value == "0";
        answer("OK", out);
        if (changes) power_on(now, out);
        return;
    }
    if (name == "CAD") {
        if (value != "0" && value != "1") return fail("AT_PARAM_ERROR", out);
        listens_ = value == "1";
        return answer("OK", out);
    }
    if (name != "P2P" && name != "PRECV" && name != "PSEND") return fail("AT_ERROR", out);
    if (!is_p2p_) return fail("AT_MODE_NO_SUPPORT", out);
    if (name == "PRECV") return receive(value, now, out);
    if (receives_ != receive_off && receives_ != receive_and_send) return fail("AT_BUSY_ERROR", out);
    if (is_sending(now)) return fail("AT_BUSY_ERROR", out);
    if (name == "PSEND") return send(value, now, out);
    if (!set_p2p(value)) return fail("AT_PARAM_ERROR", out);
    answer("OK", out);
}

bool Rak::set_p2p(std::string_view value) {
    const auto parts = split(value, ':');
    if (parts.size() < 6) return false;
    const auto frequency = number_of(parts[0], 150000000, 960000000);
    const auto spreading = number_of(parts[1], 5, 12);
    const auto bandwidth = number_of(parts[2], 0, 500);
    const auto coding = number_of(parts[3], 0, 3);
    const auto preamble = number_of(parts[4], 2, 65535);
    const auto power = number_of(parts[5], 5, 22);
    if (!frequency || !spreading || !bandwidth || !coding || !preamble || !power) return false;
    // 0, 1, 2 are codes for 125, 250, 500 kHz.
    const std::int64_t kilohertz = *bandwidth < 3 ? 125 << *bandwidth : *bandwidth;
    if (kilohertz != 125 && kilohertz != 250 && kilohertz != 500) return false;
    radio_ = {static_cast<unsigned>(*spreading), static_cast<std::uint32_t>(kilohertz * 1000),
              static_cast<unsigned>(*coding + 1), static_cast<unsigned>(*preamble)};
    p2p_ = value;
    return true;
}

void Rak::receive(std::string_view value, TimePoint now, DongleOutput& out) {
    const auto window = number_of(value, 0, 65535);
    if (!window) return fail("AT_PARAM_ERROR", out);
    // While it receives for ever only 0 is taken.
    const bool is_for_ever = receives_ == receive_for_ever || receives_ == receive_once;
    if (is_sending(now) || (is_for_ever && *window != receive_off)) return fail("AT_BUSY_ERROR", out);
    receives_ = *window;
    const bool ends = receives_ > receive_off && receives_ < receive_and_send;
    receive_until_ = ends ? std::optional(now + std::chrono::milliseconds(*window)) : std::nullopt;
    answer("OK", out);
}

void Rak::send(std::string_view value, TimePoint now, DongleOutput& out) {
    const auto data = from_hex(value);
    if (!data || data->empty() || value.size() > most_digits) return fail("AT_PARAM_ERROR", out);
    // What it detects on the channel keeps it from sending.
    if (listens_ && hears_activity(now)) return fail("AT_BUSY_ERROR", out);
    answer("OK", out);
    transmit(0, *data, data->size(), now);
}

void Rak::on_heard(const Channel::Transmission& done, TimePoint now, DongleOutput& out) {
    if (receives_ == receive_off || is_sending(now)) {
        ++counters_.unheard;
        return;
    }
    ++counters_.frames_up;
    const int snr = done.signal.snr_db;
    if (old_events_) {
        answer(fmt::format("+EVT:RXP2P, RSSI {}, SNR {}", done.signal.rssi_dbm, snr), out);
        answer(fmt::format("+EVT:{}", to_hex(done.octets)), out);
    } else {
        answer(fmt::format("+EVT:RXP2P:{}:{}:{}", done.signal.rssi_dbm, snr, to_hex(done.octets)), out);
    }
    if (receives_ == receive_once || receive_until_) {
        receives_ = receive_off;
        receive_until_.reset();
    }
}

constexpr std::array rak_keys{
    DongleKey{"mode", "p2p", "p2p or lorawan, what it is in when it starts for the first time"},
    DongleKey{"events", "new", "new, or old as up to RUI 1.0.4"},
    DongleKey{"cad", "no", "yes or no: whether module and nodes listen before they send (AT+CAD)"},
    DongleKey{"reply_loss", "0", "a share from 0 to 1"},
};

std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions& air) {
    const bool is_p2p = values.choice("mode", {"p2p", "lorawan"}) == 0;
    const bool old_events = values.choice("events", {"new", "old"}) == 1;
    const bool listens = values.flag("cad");
    return std::make_unique<Rak>(is_p2p, old_events, listens, values.share("reply_loss"), nodes, air);
}

}  // namespace

const DongleKind rak_kind{"rak", "RAK3172 LoRa modem (RUI3, P2P)", rak_keys, make};

}  // namespace mqttsn::dongle
