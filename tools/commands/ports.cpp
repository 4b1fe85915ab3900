// mqttsn ports: which serial ports this computer has, and how to configure them.
#include "tools/commands/ports.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/json_report.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace mqttsn::tools {

namespace {

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

int list_ports(bool json) {
    const auto ports = transports::list_serial_ports();
    if (json) {
        fmt::print("{}\n", to_json(ports));
        return 0;
    }
    fmt::print("{}", describe_ports(ports));
    return 0;
}

}  // namespace

std::string config_line(const transports::ListedPort& port) {
    return fmt::format("device = \"{}\"", port.by_id.empty() ? port.device : port.by_id);
}

std::string describe_ports(const std::vector<transports::ListedPort>& ports) {
    if (ports.empty()) {
        return "No serial port is here. A dongle that is plugged in shows in dmesg; a Raspberry Pi's own UART has to "
               "be "
               "enabled with raspi-config.\n";
    }
    std::string text;
    for (const transports::ListedPort& each : ports) {
        text += each.device + "\n";
        if (each.usb) {
            text +=
                fmt::format("    usb {:04x}:{:04x}, {}, {}, serial number {}\n", each.usb->vendor, each.usb->product,
                            or_dash(each.manufacturer), or_dash(each.product), or_dash(each.usb->serial));
        }
        text += fmt::format("    {}\n", config_line(each));
    }
    return text + "\nFor the configuration: [[serial]], the line above, and link = what is at the end of the line.\n";
}

void add_ports(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("ports", "List serial ports and how to configure them");
    auto json = std::make_shared<bool>(false);
    app->add_flag("--json", *json, "Print the list as JSON");
    app->footer(
        "Examples:\n"
        "  mqttsn ports\n"
        "  mqttsn ports --json\n"
        "Exit code: 0, also when there is no port.");
    app->callback([json, &exit_code] { exit_code = list_ports(*json); });
}

}  // namespace mqttsn::tools
