#include "gateway/runtime/settings_serial.hpp"

#include "transports/registry.hpp"
#include "transports/serial_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mqttsn::gateway {

namespace {

// On channels without carrier sense: with the usual T_retry of 10 s, the range of SN table 30.
constexpr double retry_jitter = 0.5;

std::string kind_names() {
    std::vector<std::string> names;
    for (const transports::DriverKind* kind : transports::driver_kinds())
        names.push_back(fmt::format("\"{}\"", kind->name));
    return fmt::format("{}", fmt::join(names, ", "));
}

class SerialCompletion {
public:
    SerialCompletion(Settings& settings, const std::string& where, SettingErrors& errors)
        : settings_(settings), where_(where), errors_(errors) {
        for (const LinkConfig& each : settings.core.links)
            names_.insert(each.name);
    }

    void add(SerialSettings& serial) {
        present_ = &serial;
        port();
        link();
        if (!names_.insert(serial.core.name).second) {
            error(fmt::format("name = \"{}\": another link has this name", serial.core.name));
        }
        settings_.core.links.push_back(serial.core);
    }

private:
    void error(const std::string& text) {
        errors_.push_back(fmt::format("{}: [[serial]] {}", present_->where.empty() ? where_ : present_->where, text));
    }

    void port() {
        const auto& line = present_->link.port.line;
        if (line.device.empty() == line.usb.empty()) {
            error("needs device = \"/dev/…\" or usb = \"vid:pid\", one of them (see: mqttsn ports)");
        }
        if (!line.usb.empty() && !transports::parse_usb_id(line.usb)) {
            error(fmt::format("usb = \"{}\": expected \"vid:pid\" or \"vid:pid:serial\", such as \"10c4:ea60\"",
                              line.usb));
        }
        if (!line.device.empty() && !devices_.insert(line.device).second) {
            error(fmt::format("device = \"{}\" is given twice", line.device));
        }
        if (present_->link.port.reopen_min > present_->link.port.reopen_max) {
            error("reopen_min must not be longer than reopen_max");
        }
    }

    void link() {
        auto& [link, kind_name, baud, core, where] = *present_;
        link.kind = transports::find_kind(kind_name);
        if (link.kind == nullptr) {
            return error(fmt::format("link = \"{}\": expected one of {}", kind_name, kind_names()));
        }
        link.port.line.baud = baud != 0 ? baud : link.kind->baud;
        if (link.name.empty()) link.name = fmt::format("{}:{}", link.kind->name, link.port.line.to_string());
        core.name = link.name;
        const auto made = link.kind->make(link.values, link.mtu);
        if (!made.driver) return error(made.error);
        duty_cycle(*made.driver);
        const auto traits = made.driver->traits();
        core.max_frame = traits.mtu;
        core.confirms_departure = true;
        core.retry_jitter = traits.half_duplex ? retry_jitter : 0;
        // Nowhere to broadcast to: the searcher alone gets its answer.
        core.advertise = traits.broadcast;
        core.gwinfo_unicast = !traits.broadcast;
    }

    // A limit that cannot be kept, or that lets nothing through, is no limit that somebody wanted.
    void duty_cycle(const transports::Driver& driver) {
        const transports::SerialConfig& link = present_->link;
        const transports::DutyCycle duty(link.duty_cycle, link.duty_window);
        if (!duty.limits()) return;
        const std::size_t mtu = driver.traits().mtu;
        const Duration air_time = driver.air_time(mtu);
        if (air_time == Duration::zero()) {
            const bool has_rate = std::ranges::any_of(
                link.kind->options, [](const transports::DriverOption& each) { return each.name == "air_rate"; });
            error(fmt::format("duty_cycle cannot be kept: the air time of link = \"{}\" is not known{}",
                              link.kind->name, has_rate ? "; give the radio's air_rate in bit/s" : ""));
        } else if (!duty.earliest(air_time, TimePoint())) {
            error(fmt::format(
                "duty_cycle = \"{:g}%\" is too little: a frame of {} octets is {} ms on the air and "
                "would never leave; raise it, or lower mtu",
                link.duty_cycle * 100, mtu, std::chrono::ceil<std::chrono::milliseconds>(air_time).count()));
        }
    }

    Settings& settings_;
    const std::string& where_;
    SettingErrors& errors_;
    SerialSettings* present_ = nullptr;
    std::set<std::string> names_;
    std::set<std::string> devices_;
};

}  // namespace

void complete_serial(Settings& settings, const std::string& where, SettingErrors& errors) {
    SerialCompletion completion(settings, where, errors);
    for (SerialSettings& each : settings.serial)
        completion.add(each);
}

}  // namespace mqttsn::gateway
