// The keys of [[serial]]: those of every serial link, and those that single kinds of links bring along.
#include "gateway/runtime/settings_key_types.hpp"

#include "transports/registry.hpp"

#include <charconv>

namespace mqttsn::gateway {

namespace {

using transports::ControlLine;
using transports::FlowControl;
using transports::Parity;

/// A key that may also be "auto": then `unset` holds, and the value comes from elsewhere.
SettingKey or_auto(SettingKey key, std::function<void(Settings&)> reset,
                   std::function<bool(const Settings&)> is_unset) {
    key.expects = "\"auto\" or " + key.expects;
    key.set = [set = key.set, reset = std::move(reset)](Settings& settings, const SettingValue& value) {
        const auto* given = std::get_if<std::string>(&value);
        if (given == nullptr || *given != "auto") return set(settings, value);
        reset(settings);
        return true;
    };
    key.show = [show = key.show, is_unset = std::move(is_unset)](const Settings& settings) {
        return is_unset(settings) ? std::string("\"auto\"") : show(settings);
    };
    return key;
}

// "1%" or "0.1 %"; 0 means no limit.
std::optional<double> parse_percent(std::string_view text) {
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    if (failure != std::errc() || unit != "%" || !(value >= 0) || value > 100) return std::nullopt;
    return value / 100;
}

SettingKey duty_cycle() {
    return {"[serial]",
            "duty_cycle",
            "how much of the time the radio may send, as the law of the band has it; 0% = no limit",
            "a share from \"0%\" to \"100%\", such as \"1%\" or \"0.1%\"",
            [](Settings& settings, const SettingValue& value) {
                const auto* given = std::get_if<std::string>(&value);
                const auto share = given != nullptr ? parse_percent(*given) : std::nullopt;
                if (share) settings.serial.back().link.duty_cycle = *share;
                return share.has_value();
            },
            [](const Settings& settings) {
                return in_quotes(fmt::format("{:g}%", settings.serial.back().link.duty_cycle * 100));
            }};
}

std::string as_text(const SettingValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
    if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:g}", *real);
    return fmt::format("{}", fmt::join(std::get<std::vector<std::string>>(value), " "));
}

/// Its kind checks the value, when it is known which kind it is.
SettingKey kind_option(const transports::DriverOption& option) {
    return {"[serial]",
            std::string(option.name),
            std::string(option.help),
            std::string(option.expects),
            [name = std::string(option.name)](Settings& settings, const SettingValue& value) {
                settings.serial.back().link.values[name] = as_text(value);
                return true;
            },
            [standard = std::string(option.standard)](const Settings&) { return in_quotes(standard); },
            true};
}

void add_kind_options(std::vector<SettingKey>& keys) {
    const std::size_t first = keys.size();
    for (const transports::DriverKind* kind : transports::driver_kinds()) {
        for (const transports::DriverOption& option : kind->options) {
            const auto known = std::find_if(keys.begin() + static_cast<std::ptrdiff_t>(first), keys.end(),
                                            [&](const SettingKey& key) { return key.name == option.name; });
            if (known == keys.end()) {
                keys.push_back(kind_option(option));
                keys.back().help = fmt::format("link = {}: {}", kind->name, option.help);
            } else {
                const std::string standard = in_quotes(option.standard);
                const bool differs = known->show(Settings{}) != standard;
                known->help.insert(known->help.find(':'),
                                   fmt::format(", {}{}", kind->name, differs ? " (where it is " + standard + ")" : ""));
            }
        }
    }
}

void add_line(std::vector<SettingKey>& keys) {
    keys.push_back(text("[serial]", "device", "the port; /dev/serial/by-id/… names stay when ports are swapped",
                        MQTTSN_AT(serial.back().link.port.line.device)));
    keys.push_back(text("[serial]", "usb", "instead of device: \"vid:pid\" or \"vid:pid:serial\", see: mqttsn ports",
                        MQTTSN_AT(serial.back().link.port.line.usb)));
    keys.push_back(
        text("[serial]", "name", "in logs and counters; empty = <link>:<device>", MQTTSN_AT(serial.back().link.name)));
    std::string kinds;
    for (const transports::DriverKind* kind : transports::driver_kinds())
        kinds += fmt::format("{}{} ({})", kinds.empty() ? "" : ", ", kind->name, kind->help);
    keys.push_back(
        text("[serial]", "link", "what is at the end of the line: " + kinds, MQTTSN_AT(serial.back().kind), 1));
    keys.push_back(or_auto(
        integer("[serial]", "baud", "bits per second; auto = usual for this kind of link", 50, 12000000,
                MQTTSN_AT(serial.back().baud)),
        [](Settings& s) { s.serial.back().baud = 0; }, [](const Settings& s) { return s.serial.back().baud == 0; }));
    keys.push_back(
        integer("[serial]", "data_bits", "of an octet", 7, 8, MQTTSN_AT(serial.back().link.port.line.data_bits)));
    keys.push_back(choice<Parity>("[serial]", "parity", "",
                                  {{"none", Parity::none}, {"even", Parity::even}, {"odd", Parity::odd}},
                                  MQTTSN_AT(serial.back().link.port.line.parity)));
    keys.push_back(integer("[serial]", "stop_bits", "", 1, 2, MQTTSN_AT(serial.back().link.port.line.stop_bits)));
    keys.push_back(choice<FlowControl>(
        "[serial]", "flow_control", "xonxoff only with devices that escape 0x11 and 0x13",
        {{"none", FlowControl::none}, {"rtscts", FlowControl::rts_cts}, {"xonxoff", FlowControl::xon_xoff}},
        MQTTSN_AT(serial.back().link.port.line.flow_control)));
    const std::vector<std::pair<std::string, ControlLine>> levels = {
        {"keep", ControlLine::keep}, {"on", ControlLine::on}, {"off", ControlLine::off}};
    keys.push_back(choice<ControlLine>("[serial]", "dtr", "keep = as the system opens the port, mostly on", levels,
                                       MQTTSN_AT(serial.back().link.port.line.dtr)));
    keys.push_back(
        choice<ControlLine>("[serial]", "rts", "not with rtscts", levels, MQTTSN_AT(serial.back().link.port.line.rts)));
    keys.push_back(duration("[serial]", "open_delay", "from opening to use: an Arduino that resets needs 2200ms", 0s,
                            60s, MQTTSN_AT(serial.back().link.port.open_delay)));
    keys.push_back(duration("[serial]", "reopen_min",
                            "first wait before a port that went away is tried again; it doubles", 10ms, 3600s,
                            MQTTSN_AT(serial.back().link.port.reopen_min)));
    keys.push_back(duration("[serial]", "reopen_max", "longest such wait", 10ms, 3600s,
                            MQTTSN_AT(serial.back().link.port.reopen_max)));
}

void add_radio(std::vector<SettingKey>& keys) {
    keys.push_back(or_auto(
        integer("[serial]", "mtu", "largest MQTT-SN message; auto = what the kind of link carries", 8, 65535,
                MQTTSN_AT(serial.back().link.mtu)),
        [](Settings& s) { s.serial.back().link.mtu = 0; },
        [](const Settings& s) { return s.serial.back().link.mtu == 0; }));
    keys.push_back(duty_cycle());
    keys.push_back(duration("[serial]", "duty_window", "in which duty_cycle is kept", 1s, 24h,
                            MQTTSN_AT(serial.back().link.duty_window)));
    keys.push_back(or_auto(
        duration("[serial]", "turnaround",
                 "pause between a frame from a node and one to it: the node has to turn to receiving", 0s, 60s,
                 [](Settings& s) -> Duration& {
                     auto& turnaround = s.serial.back().link.turnaround;
                     return turnaround ? *turnaround : turnaround.emplace();
                 }),
        [](Settings& s) { s.serial.back().link.turnaround.reset(); },
        [](const Settings& s) { return !s.serial.back().link.turnaround; }));
    keys.push_back(integer("[serial]", "queue_frames", "waiting to be sent, in total", 1, 100000,
                           MQTTSN_AT(serial.back().link.queue.frames)));
    keys.push_back(octets("[serial]", "queue_octets", "waiting to be sent, in total", 256, 1U << 30,
                          MQTTSN_AT(serial.back().link.queue.octets)));
    keys.push_back(integer("[serial]", "queue_frames_per_node", "waiting to be sent to one node", 1, 100000,
                           MQTTSN_AT(serial.back().link.queue.frames_per_node)));
    keys.push_back(octets("[serial]", "queue_octets_per_node", "waiting to be sent to one node", 256, 1U << 30,
                          MQTTSN_AT(serial.back().link.queue.octets_per_node)));
    keys.push_back(duration("[serial]", "patience", "QoS 0 and ADVERTISE that waited longer are dropped; 0 = never", 0s,
                            24h, MQTTSN_AT(serial.back().link.queue.patience)));
}

void add_core(std::vector<SettingKey>& keys) {
    keys.push_back(
        boolean("[serial]", "discovery", "ADVERTISE and GWINFO on this link", MQTTSN_AT(serial.back().core.discovery)));
    keys.push_back(duration("[serial]", "qos0_gap",
                            "pause after each QoS 0 message to a device that is awake, so that PINGRESP and the next "
                            "message do not overtake it",
                            0s, 10s, MQTTSN_AT(serial.back().core.qos0_gap)));
    keys.push_back(integer("[serial]", "advertise_radius", "radius of ADVERTISE; 0 = the whole network", 0, 255,
                           MQTTSN_AT(serial.back().core.advertise_radius)));
    keys.push_back(or_auto(
        duration("[serial]", "retry",
                 "T_retry of this link, from the departure of a message; auto = "
                 "timers.retry",
                 1ms, 86400s, MQTTSN_AT(serial.back().core.retry)),
        [](Settings& s) { s.serial.back().core.retry = 0s; },
        [](const Settings& s) { return s.serial.back().core.retry == 0s; }));
    keys.push_back(or_auto(
        integer("[serial]", "retries", "N_retry of this link; auto = timers.retries", 0, 100,
                [](Settings& s) -> std::uint32_t& {
                    auto& retries = s.serial.back().core.retries;
                    return retries ? *retries : retries.emplace();
                }),
        [](Settings& s) { s.serial.back().core.retries.reset(); },
        [](const Settings& s) { return !s.serial.back().core.retries; }));
    keys.push_back(duration("[serial]", "departure_limit",
                            "longest wait for a message to leave before it counts as sent", 1s, 86400s,
                            MQTTSN_AT(serial.back().core.departure_limit)));
}

}  // namespace

void add_serial(std::vector<SettingKey>& keys) {
    add_line(keys);
    add_radio(keys);
    add_core(keys);
    add_kind_options(keys);
}

}  // namespace mqttsn::gateway
