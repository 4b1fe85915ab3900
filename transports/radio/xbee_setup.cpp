#include "transports/radio/xbee_setup.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;

constexpr Duration answer_time = 1s;
constexpr Duration guard_time = 1100ms;  ///< GT is one second of silence on both sides of +++
constexpr Duration text_time = 2s;
constexpr Duration rest_time = 10s;
constexpr int attempts_per_question = 2;
constexpr std::size_t longest_text = 64;

constexpr std::array<std::uint32_t, 5> speeds{9600, 38400, 57600, 115200, 19200};

struct Reading {
    std::string_view command;
    std::uint8_t id;
    std::optional<std::uint32_t> XbeeFacts::*fact;
};
constexpr std::array<Reading, 6> readings{{{"NP", 0x52, &XbeeFacts::payload_limit},
                                           {"AO", 0x53, &XbeeFacts::output_mode},
                                           {"SH", 0x54, &XbeeFacts::serial_high},
                                           {"SL", 0x55, &XbeeFacts::serial_low},
                                           {"HV", 0x56, &XbeeFacts::hardware},
                                           {"VR", 0x57, &XbeeFacts::firmware}}};
constexpr std::uint8_t mode_id = 0x51;
constexpr std::uint8_t save_id = 0x58;
/// 0: packets as 90; 2: as 80 and 81, with RSSI (802.15.4). 1 and the rest add fields and packets of no use here.
constexpr bool is_good_output(std::uint32_t mode) {
    return mode == 0 || mode == 2;
}

std::string_view name(XbeeProtocol protocol) {
    switch (protocol) {
        case XbeeProtocol::ieee802154:
            return "802.15.4";
        case XbeeProtocol::zigbee:
            return "Zigbee";
        case XbeeProtocol::digimesh:
            return "DigiMesh";
        case XbeeProtocol::unknown:
            break;
    }
    return "unknown protocol";
}

std::string hex_or_unknown(const std::optional<std::uint32_t>& value) {
    return value ? fmt::format("{:x}", *value) : "unknown";
}

}  // namespace

bool XbeeFacts::series1() const noexcept {
    const std::uint32_t board = hardware.value_or(0) >> 8 & 0xff;
    return board == 0x17 || board == 0x18;
}

XbeeProtocol XbeeFacts::protocol() const noexcept {
    if (!hardware || !firmware) return XbeeProtocol::unknown;
    const std::uint32_t board = *hardware >> 8 & 0xff;
    const std::uint32_t family = *firmware >> 12 & 0xf;
    if (series1()) return family == 8 ? XbeeProtocol::digimesh : XbeeProtocol::ieee802154;
    switch (board) {
        case 0x21:  // S2C
        case 0x22:
        case 0x2d:
        case 0x2e:
        case 0x30:
            if (family == 2) return XbeeProtocol::ieee802154;
            return family == 9 ? XbeeProtocol::digimesh : XbeeProtocol::zigbee;
        case 0x41:  // XBee 3
        case 0x42:
        case 0x43:
            if (family == 2) return XbeeProtocol::ieee802154;
            return family == 3 ? XbeeProtocol::digimesh : XbeeProtocol::zigbee;
        case 0x19:  // S2, S2B, S2D
        case 0x1a:
        case 0x1e:
        case 0x32:
        case 0x33:
        case 0x34:
        case 0x35:
            return XbeeProtocol::zigbee;
        case 0x1b:  // 900 and 868 MHz
        case 0x23:
        case 0x24:
        case 0x26:
        case 0x31:
        case 0x3e:
        case 0x3f:
        case 0x45:
            return XbeeProtocol::digimesh;
        default:
            return XbeeProtocol::unknown;
    }
}

void XbeeSetup::start(TimePoint now, DriverOutput& out) {
    facts_ = {};
    speed_ = 0;
    heard_ = 0;
    changed_ = mode_tried_ = text_tried_ = transparent_ = given_up_ = false;
    enter(Step::ask_mode, now, out);
}

void XbeeSetup::stop() noexcept {
    step_ = Step::off;
    deadline_.reset();
}

void XbeeSetup::enter(Step step, TimePoint now, DriverOutput& out) {
    step_ = step;
    attempts_ = 0;
    deadline_.reset();
    switch (step) {
        case Step::ask_mode:
            if (line_.escapes()) line_.set_escapes(false);
            send(now, out);
            break;
        case Step::read:
            reading_ = answered_ = 0;
            send(now, out);
            break;
        case Step::change_mode:
        case Step::change_output:
        case Step::save:
            send(now, out);
            break;
        case Step::guard:
            text_tried_ = true;
            text_.clear();
            deadline_ = now + guard_time;
            break;
        case Step::escape: {
            const Bytes plusses = as_bytes("+++");
            out.wire.insert(out.wire.end(), plusses.begin(), plusses.end());
            deadline_ = now + text_time;
            break;
        }
        case Step::rest:
            deadline_ = now + rest_time;
            break;
        case Step::off:
        case Step::text:
        case Step::done:
            break;
    }
}

void XbeeSetup::unblock(DriverOutput& out) const {
    out.wire.insert(out.wire.end(), line_.largest_on_wire(), std::byte{0});
}

/// The question of this step, once more.
void XbeeSetup::send(TimePoint now, DriverOutput& out) {
    Buffer data;
    const std::array<std::byte, 1> mode{static_cast<std::byte>(options_.api_mode)};
    const std::array<std::byte, 1> zero{};
    switch (step_) {
        case Step::ask_mode:
            xbee::append_at_command(mode_id, "AP", {}, data);
            break;
        case Step::change_mode:
            xbee::append_at_command(mode_id, "AP", mode, data);
            break;
        case Step::read:
            xbee::append_at_command(readings[reading_].id, readings[reading_].command, {}, data);
            break;
        case Step::change_output:
            xbee::append_at_command(readings[1].id, "AO", zero, data);
            break;
        case Step::save:
            xbee::append_at_command(save_id, "WR", {}, data);
            break;
        default:
            return;
    }
    line_.encode(data, out.wire);
    ++attempts_;
    deadline_ = now + answer_time;
}

void XbeeSetup::read_payload_limit(DriverOutput& out) {
    Buffer data;
    xbee::append_at_command(readings[0].id, readings[0].command, {}, data);
    line_.encode(data, out.wire);
}

bool XbeeSetup::handle(const xbee::AtResponse& response, TimePoint now, DriverOutput& out) {
    switch (step_) {
        case Step::ask_mode:
            if (response.id != mode_id || !response.is("AP")) return false;
            take_mode(response, now, out);
            return true;
        case Step::change_mode:
            if (response.id != mode_id || !response.is("AP")) return false;
            if (response.status == 0) {
                line_.set_escapes(options_.api_mode == 2);
                changed_ = true;
            } else {
                out.notes.push_back({DriverOutput::Level::warning, "the XBee refused to change its API mode (AP)"});
            }
            enter(Step::read, now, out);
            return true;
        case Step::read: {
            const Reading& reading = readings[reading_];
            if (response.id != reading.id || !response.is(reading.command)) return false;
            ++answered_;
            if (response.status == 0) facts_.*reading.fact = response.number();
            next_reading(now, out);
            return true;
        }
        case Step::change_output:
            if (response.id != readings[1].id || !response.is("AO")) return false;
            if (response.status == 0) {
                facts_.output_mode = 0;
                changed_ = true;
            }
            finish(now, out);
            return true;
        case Step::save:
            if (response.id != save_id || !response.is("WR")) return false;
            if (response.status != 0) {
                out.notes.push_back({DriverOutput::Level::warning, "the XBee refused to save its settings (WR)"});
            }
            changed_ = false;
            finish(now, out);
            return true;
        case Step::done:
            if (response.id != readings[0].id || !response.is("NP") || response.status != 0) return false;
            if (response.number()) facts_.payload_limit = response.number();
            return true;
        default:
            return false;
    }
}

void XbeeSetup::take_mode(const xbee::AtResponse& response, TimePoint now, DriverOutput& out) {
    const std::uint32_t mode = response.number().value_or(0);
    if (response.status != 0 || mode < 1 || mode > 2) {
        complain(fmt::format("the XBee answers AP = {}: it has to be 1 or 2 (set it with XCTU)", mode), out);
        enter(Step::rest, now, out);
        return;
    }
    if (mode == 2) line_.set_escapes(true);
    if (speed_ > 0) {
        out.notes.push_back({DriverOutput::Level::warning, fmt::format("the XBee talks at {} baud: set baud = {}",
                                                                       speeds[speed_ - 1], speeds[speed_ - 1])});
    }
    const bool wanted = options_.api_mode == 0 || options_.api_mode == static_cast<int>(mode);
    if (!wanted && options_.configure && !mode_tried_) {
        mode_tried_ = true;
        enter(Step::change_mode, now, out);
        return;
    }
    if (!wanted) {
        out.notes.push_back(
            {DriverOutput::Level::warning,
             fmt::format("the XBee is in API mode {}, not {}: going with the module{}", mode, options_.api_mode,
                         options_.configure ? "" : " (configure = true would change it)")});
    }
    enter(Step::read, now, out);
}

void XbeeSetup::next_reading(TimePoint now, DriverOutput& out) {
    attempts_ = 0;
    if (++reading_ < readings.size()) {
        send(now, out);
    } else if (answered_ == 0) {
        no_answer(now, out);
    } else {
        after_readings(now, out);
    }
}

void XbeeSetup::after_readings(TimePoint now, DriverOutput& out) {
    if (options_.configure && facts_.output_mode && !is_good_output(*facts_.output_mode)) {
        enter(Step::change_output, now, out);
    } else {
        finish(now, out);
    }
}

void XbeeSetup::finish(TimePoint now, DriverOutput& out) {
    if (changed_ && options_.persist) {
        enter(Step::save, now, out);
        return;
    }
    enter(Step::done, now, out);
    complaint_.clear();
    std::string serial = "of unknown serial number";
    if (facts_.serial_high && facts_.serial_low) {
        serial = fmt::format("{:08x}{:08x}", *facts_.serial_high, *facts_.serial_low);
    }
    out.notes.push_back(
        {DriverOutput::Level::info,
         fmt::format("XBee {}: {}, hardware {}, firmware {}, API mode {}, output mode {}, payload limit {}", serial,
                     name(facts_.protocol()), hex_or_unknown(facts_.hardware), hex_or_unknown(facts_.firmware),
                     line_.escapes() ? 2 : 1, hex_or_unknown(facts_.output_mode),
                     facts_.payload_limit ? std::to_string(*facts_.payload_limit) : "unknown")});
}

void XbeeSetup::timeout(TimePoint now, DriverOutput& out) {
    if (!deadline_ || now < *deadline_) return;
    deadline_.reset();
    switch (step_) {
        case Step::ask_mode:
            if (attempts_ < attempts_per_question) {
                unblock(out);
                return send(now, out);
            }
            if (options_.probe && !text_tried_) return enter(Step::guard, now, out);
            return no_answer(now, out);
        case Step::read:
            if (attempts_ < attempts_per_question) return send(now, out);
            return next_reading(now, out);
        case Step::change_mode:
            if (attempts_ < attempts_per_question) return send(now, out);
            // Whether it took the new mode is unknown: ask.
            return enter(Step::ask_mode, now, out);
        case Step::change_output:
        case Step::save:
            if (attempts_ < attempts_per_question) return send(now, out);
            changed_ = false;
            return finish(now, out);
        case Step::guard:
            return enter(Step::escape, now, out);
        case Step::escape:
        case Step::text:
            return no_answer(now, out);
        case Step::rest:
            if (speed_ == 0) return start(now, out);
            // The speed that the user configured comes back with a new open only.
            out.reopen = true;
            return stop();
        case Step::off:
        case Step::done:
            return;
    }
}

void XbeeSetup::no_answer(TimePoint now, DriverOutput& out) {
    if (options_.probe && !transparent_ && speed_ < speeds.size()) {
        next_speed(now, out);
        return;
    }
    complain(silence_text(), out);
    enter(Step::rest, now, out);
}

void XbeeSetup::next_speed(TimePoint now, DriverOutput& out) {
    out.baud = speeds[speed_++];
    text_tried_ = false;
    enter(Step::ask_mode, now, out);
}

std::string XbeeSetup::silence_text() const {
    if (transparent_) return "the XBee is in transparent mode and does not answer to commands: power it off and on";
    std::string text = "no XBee answers here: ";
    if (heard_ > 0) {
        text +=
            "octets arrive, but no API frames: the speed is wrong (baud must be the module's BD), or it is in "
            "transparent mode";
    } else {
        text +=
            "nothing arrives: look at power, wiring and speed (baud must be the module's BD), or it is in "
            "transparent mode";
    }
    text += " (set AP to 1 or 2 with XCTU).";
    if (!options_.probe) text += " probe = true looks for it at other speeds and in transparent mode.";
    return text;
}

void XbeeSetup::receive_text(Bytes octets, TimePoint now, DriverOutput& out) {
    for (const char each : as_text(octets)) {
        if (!in_text()) return;  // the rest belongs to a mode that has just ended
        if (each == '\r') {
            const std::string line = std::exchange(text_, {});
            line_of_text(line, now, out);
        } else if (each != '\n') {
            if (text_.size() == longest_text) text_.erase(text_.begin());
            text_ += each;
        }
    }
}

void XbeeSetup::line_of_text(std::string_view line, TimePoint now, DriverOutput& out) {
    if (step_ == Step::escape) {
        // Packets of nodes can come right before it.
        if (!line.ends_with("OK")) return;
        commands_ = {"ATAP"};
        step_ = Step::text;
        next_text(now, out);
        return;
    }
    if (step_ != Step::text) return;
    const std::string command = commands_.front();
    commands_.erase(commands_.begin());
    if (command == "ATAP") {
        transparent_ = line == "0";
        if (transparent_ && options_.configure) {
            commands_ = {fmt::format("ATAP{}", options_.api_mode == 0 ? 2 : options_.api_mode), "ATAO0", "ATCN"};
            if (options_.persist) commands_.insert(commands_.end() - 1, "ATWR");
        } else {
            commands_ = {"ATCN"};
        }
        if (transparent_ && !options_.configure) {
            give_up(
                "the XBee is in transparent mode: set AP to 1 or 2 with XCTU, or let the gateway do it with "
                "configure = true (persist = true keeps it)",
                out);
        }
    } else if (command.starts_with("ATAP") && line != "OK") {
        give_up("the XBee is in transparent mode and refuses to leave it (AP)", out);
    }
    if (!commands_.empty()) return next_text(now, out);
    enter(given_up_ ? Step::rest : Step::ask_mode, now, out);
}

/// Only the end of the command mode is left to do.
void XbeeSetup::give_up(std::string why, DriverOutput& out) {
    complain(std::move(why), out);
    commands_ = {"ATCN"};
    given_up_ = true;
}

void XbeeSetup::next_text(TimePoint now, DriverOutput& out) {
    const Bytes command = as_bytes(commands_.front());
    out.wire.insert(out.wire.end(), command.begin(), command.end());
    out.wire.push_back(std::byte{'\r'});
    deadline_ = now + text_time;
}

void XbeeSetup::complain(std::string text, DriverOutput& out) {
    if (text == complaint_) return;
    complaint_ = text;
    out.notes.push_back({DriverOutput::Level::error, std::move(text)});
}

}  // namespace mqttsn::transports
