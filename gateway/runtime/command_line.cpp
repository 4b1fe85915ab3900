// The only place of the gateway that knows CLI11.
#include "gateway/runtime/command_line.hpp"

#include "gateway/runtime/settings_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <charconv>

namespace mqttsn::gateway {

namespace {

constexpr int usage_error = 2;

struct Flags {
    std::string config;
    std::string broker;
    std::vector<std::string> udp;
    std::vector<std::string> serial;
    std::optional<int> id;
    std::string name;
    std::vector<std::string> topics;
    std::string state_dir;
    std::string log_level;
    bool check_config = false;
    bool help_config = false;
};

void describe(CLI::App& app, Flags& flags) {
    app.set_version_flag("-V,--version", "mqttsn-gateway " MQTTSN_VERSION);
    app.add_option("-c,--config", flags.config, "Configuration file (TOML); see --help-config")->type_name("FILE");
    app.add_option("-b,--broker", flags.broker, "The MQTT broker [mqtt://localhost:1883]")->type_name("URL");
    app.add_option("-u,--udp", flags.udp, "Listen here for devices; may be repeated [0.0.0.0:1883]")
        ->type_name("ADDR:PORT");
    app.add_option("--serial", flags.serial,
                   "A serial line or radio dongle, with keys of [[serial]]; may be repeated. Without --udp there is no "
                   "UDP listener then")
        ->type_name("PATH[,KEY=VALUE...]")
        ->allow_extra_args(false);
    app.add_option("-i,--id", flags.id, "Gateway id for discovery, 0-255 [1]")->type_name("N");
    app.add_option("--name", flags.name, "Name of this gateway in logs")->type_name("NAME");
    app.add_option("-t,--topic", flags.topics, "Predefined topic id; may be repeated")->type_name("ID=NAME");
    app.add_option("-s,--state-dir", flags.state_dir, "Keep sessions and messages here over a restart")
        ->type_name("DIR");
    app.add_option("-l,--log-level", flags.log_level, "debug, info, warning or error [info]")->type_name("LEVEL");
    app.add_flag("--check-config", flags.check_config, "Check the configuration, say what is wrong, and exit");
    app.add_flag("--help-config", flags.help_config, "Print every configuration key with its default, and exit");
    app.footer(
        "Examples:\n"
        "  mqttsn-gateway\n"
        "  mqttsn-gateway --broker mqtt://192.0.2.10:1883 --udp 0.0.0.0:1883 --udp '[::]:1883'\n"
        "  mqttsn-gateway --serial /dev/ttyUSB0,link=xbee,baud=9600 --udp 0.0.0.0:1883\n"
        "  mqttsn-gateway --state-dir /var/lib/mqttsn-gateway\n"
        "  mqttsn-gateway --config gateway.toml --log-level debug\n"
        "  mqttsn-gateway --help-config > gateway.toml\n\n"
        "Signals: SIGTERM and SIGINT end in order (a second one at once), SIGUSR1 logs the counters,\n"
        "SIGHUP reads the configuration again: topics, limits, log level and certificates change without a restart.\n"
        "Exit codes: 0 ended in order, 1 could not start or go on, 2 wrong usage or configuration.");
}

void set(const char* section, const char* name, const SettingValue& value, Settings& settings, SettingErrors& errors,
         const std::string& flag) {
    const SettingKey* key = find_key(section, name);
    if (!key->set(settings, value)) errors.push_back(fmt::format("{}: expected {}", flag, key->expects));
}

// A value has the type that its key takes; what looks like a number may be a text ("0013").
bool set_from_text(const SettingKey& key, const std::string& text, Settings& settings) {
    if (key.set(settings, text)) return true;
    if (text == "true" || text == "false") return key.set(settings, text == "true");
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc() && end == text.data() + text.size() && key.set(settings, number);
}

void add_serial_link(const std::string& flag, Settings& settings, SettingErrors& errors) {
    settings.serial.emplace_back();
    settings.serial.back().where = "--serial " + flag;
    std::string_view rest = flag;
    for (bool is_first = true; is_first || !rest.empty(); is_first = false) {
        const std::string_view part = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        const auto equals = part.find('=');
        if (is_first && equals == std::string_view::npos) {
            settings.serial.back().link.port.line.device = part;
            continue;
        }
        const SettingKey* key = find_key("[serial]", part.substr(0, equals));
        if (equals == std::string_view::npos || key == nullptr) {
            const std::string near = nearest_key("[serial]", part.substr(0, equals));
            errors.push_back(fmt::format("--serial {}: \"{}\": expected KEY=VALUE with a key of [[serial]]{}", flag,
                                         part, near.empty() ? "" : "; did you mean " + near + "?"));
        } else if (!set_from_text(*key, std::string(part.substr(equals + 1)), settings)) {
            errors.push_back(fmt::format("--serial {}: {}: expected {}", flag, key->name, key->expects));
        }
    }
}

void apply(const Flags& flags, Settings& settings, SettingErrors& errors) {
    if (!flags.broker.empty()) set("broker", "url", flags.broker, settings, errors, "--broker");
    if (flags.id) set("gateway", "id", std::int64_t{*flags.id}, settings, errors, "--id");
    if (!flags.name.empty()) set("gateway", "name", flags.name, settings, errors, "--name");
    if (!flags.state_dir.empty()) set("gateway", "state_dir", flags.state_dir, settings, errors, "--state-dir");
    if (!flags.log_level.empty()) set("log", "level", flags.log_level, settings, errors, "--log-level");
    if (!flags.udp.empty()) settings.udp.clear();
    for (const auto& listen : flags.udp) {
        settings.udp.emplace_back();
        set("[udp]", "listen", listen, settings, errors, "--udp");
    }
    if (!flags.serial.empty()) settings.serial.clear();
    for (const auto& serial : flags.serial)
        add_serial_link(serial, settings, errors);
    for (const auto& topic : flags.topics) {
        const auto equals = topic.find('=');
        std::int64_t id = 0;
        const auto [end, failure] = std::from_chars(topic.data(), topic.data() + std::min(equals, topic.size()), id);
        if (equals == std::string::npos || failure != std::errc() || end != topic.data() + equals) {
            errors.push_back(fmt::format("--topic {}: expected ID=NAME, such as 1=barn/temperature", topic));
            continue;
        }
        settings.core.topics.emplace_back();
        set("[topic]", "id", id, settings, errors, "--topic");
        set("[topic]", "name", topic.substr(equals + 1), settings, errors, "--topic");
    }
}

}  // namespace

CommandLine read_command_line(int argc, const char* const* argv) {
    CommandLine result;
    Flags flags;
    CLI::App app("MQTT-SN gateway: lets sensor nodes without TCP/IP take part in an MQTT network.", "mqttsn-gateway");
    describe(app, flags);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForVersion& version) {
        return {{}, 0, fmt::format("{}\n", version.what())};
    } catch (const CLI::CallForHelp&) {
        return {{}, 0, app.help()};
    } catch (const CLI::ParseError& error) {
        return {{}, usage_error, fmt::format("mqttsn-gateway: {}\nSee mqttsn-gateway --help\n", error.what())};
    }
    if (flags.help_config) return {{}, 0, describe_settings()};
    SettingErrors errors;
    if (!flags.config.empty()) errors = read_settings_file(flags.config, result.settings);
    apply(flags, result.settings, errors);
    if (errors.empty()) errors = complete(result.settings, flags.config.empty() ? "command line" : flags.config);
    if (!errors.empty()) return {{}, usage_error, fmt::format("{}\n", fmt::join(errors, "\n"))};
    if (flags.check_config) return {{}, 0, "configuration ok\n"};
    return result;
}

}  // namespace mqttsn::gateway
