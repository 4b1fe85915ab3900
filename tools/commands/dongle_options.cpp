#include "tools/commands/dongle_options.hpp"

#include "tools/commands/common.hpp"
#include "tools/commands/impairment_text.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>

namespace mqttsn::tools {

namespace {

Duration duration_of(double seconds) {
    return Duration(static_cast<Duration::rep>(seconds * 1e6));
}

void print_links() {
    for (const dongle::DongleKind* kind : dongle::dongle_kinds()) {
        fmt::print("{}: {}\n", kind->name, kind->help);
        for (const dongle::DongleKey& key : kind->keys)
            fmt::print("    {}={}  ({})\n", key.name, key.standard, key.expects);
    }
}

}  // namespace

void add_dongle_options(CLI::App& app, DongleOptions& options) {
    const std::string group = "Dongle";
    app.add_option("--link", options.link,
                   "Put all nodes behind a simulated dongle instead of UDP: raw, slip, hdlc, cobs, xbee, rylr, rak, "
                   "rn2483, ebyte, transparent or aquila, with ,key=value for what --help-links names")
        ->type_name("KIND")
        ->group(group);
    app.add_flag_function(
           "--help-links",
           [](std::int64_t) {
               print_links();
               throw CLI::Success();
           },
           "Print the kinds of dongles with their keys and exit")
        ->group(group);
    const auto of_link = [&](CLI::Option* option) { return option->needs("--link")->group(group); };
    of_link(
        app.add_option("--pty", options.path, "Where its serial port appears, as a link to a pseudo-terminal [KIND0]"))
        ->type_name("PATH");
    of_link(app.add_option("--baud", options.baud, "Its speed; at another one the host sees garbage [the host's]"))
        ->check(CLI::Range(300, 4000000));
    of_link(
        app.add_option("--noise", options.noise,
                       "Octets of the serial line that are corrupted, dropped or inserted, each way, such as 1/500"))
        ->type_name("SHARE");
    of_link(app.add_option("--garbage", options.garbage, "Octets with a run of random ones before them, each way"))
        ->type_name("SHARE");
    of_link(app.add_option("--truncate", options.truncation, "Octets that are missing with some that follow, each way"))
        ->type_name("SHARE");
    of_link(app.add_option("--air-loss", options.air_loss, "Radio transmissions that nobody hears"))
        ->type_name("SHARE");
    of_link(app.add_option("--rssi", options.rssi_dbm, "Mean of what nodes are heard with, in dBm [-83]"))
        ->check(CLI::Range(-140, -1));
    of_link(app.add_option("--snr", options.snr_db, "The same in dB over noise [9]"))->check(CLI::Range(-20, 30));
    of_link(app.add_flag_function(
        "--collisions,!--no-collisions", [&options](std::int64_t count) { options.collisions = count > 0; },
        "Nodes send without listening first [LoRa and HC-12 do, the others do not]"));
    of_link(takes_seconds(app.add_option("--unplug", options.unplug_s, "How often it is unplugged [never]")));
    of_link(takes_seconds(app.add_option("--unplugged", options.unplugged_s, "… and for how long [2s]")));
    of_link(app.add_option("--unplug-times", options.unplug_times, "… and how many times [without end]"));
    of_link(takes_seconds(app.add_option("--reset", options.reset_s, "How often the module starts anew [never]")));
}

std::optional<double> parse_share(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return parse_probability(text);
    const auto number = [](std::string_view part) -> std::optional<double> {
        double value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
        return value;
    };
    const auto above = number(text.substr(0, slash));
    const auto below = number(text.substr(slash + 1));
    if (!above || !below || !(*above >= 0) || !(*below > 0) || *above > *below) return std::nullopt;
    return *above / *below;
}

std::optional<std::string> make_dongle_link_options(const DongleOptions& options, std::uint64_t seed,
                                                    DongleLinkOptions& result) {
    std::string error;
    const auto share = [&](const char* name, const std::string& text, double& value) {
        const auto found = parse_share(text);
        if (found) value = *found;
        if (!found && error.empty()) error = fmt::format("{} {}: expected a share such as 1/500 or 0.2%", name, text);
    };
    result.link = options.link;
    result.path = options.path.empty() ? options.link.substr(0, options.link.find(',')) + "0" : options.path;
    result.baud = options.baud;
    result.line.seed = seed;
    share("--noise", options.noise, result.line.noise);
    share("--garbage", options.garbage, result.line.garbage);
    share("--truncate", options.truncation, result.line.truncation);
    share("--air-loss", options.air_loss, result.air.loss);
    result.air.rssi_dbm = static_cast<std::int16_t>(options.rssi_dbm);
    result.air.snr_db = static_cast<std::int8_t>(options.snr_db);
    result.air.collisions = options.collisions;
    result.air.seed = seed;
    result.unplug_every = duration_of(options.unplug_s);
    result.unplugged_for = duration_of(options.unplugged_s);
    result.unplug_times = options.unplug_times;
    result.reset_every = duration_of(options.reset_s);
    return error.empty() ? std::nullopt : std::optional(error);
}

void print_dongle(const DongleReport& report) {
    const dongle::DongleCounters& counts = report.dongle;
    fmt::print(
        "dongle: {} frames up, {} down, {} lost on air, {} collisions, {} while deaf, {} malformed, {} refused, "
        "{} for nobody, {} too large\n",
        counts.frames_up, counts.frames_down, counts.lost_on_air, counts.collisions, counts.unheard, counts.malformed,
        counts.refused, counts.unknown_node, report.too_large);
    const auto line = [](const char* name, const dongle::LineCounters& octets) {
        fmt::print("line {} the gateway: {} octets, {} corrupted, {} dropped, {} inserted\n", name, octets.octets,
                   octets.corrupted, octets.dropped, octets.inserted);
    };
    line("from", report.from_host);
    line("to", report.to_host);
    if (report.overrun + report.wrong_speed + report.unplugged + report.resets == 0) return;
    fmt::print("unplugged {} times, {} resets, {} octets not taken by the gateway, {} at the wrong speed\n",
               report.unplugged, report.resets, report.overrun, report.wrong_speed);
}

}  // namespace mqttsn::tools
