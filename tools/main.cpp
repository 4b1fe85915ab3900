#include "tools/commands/commands.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <array>

namespace {

using mqttsn::tools::add_bench;
using mqttsn::tools::add_bridge;
using mqttsn::tools::add_discover;
using mqttsn::tools::add_dump;
using mqttsn::tools::add_ports;
using mqttsn::tools::add_publish;
using mqttsn::tools::add_simulate;
using mqttsn::tools::add_status;
using mqttsn::tools::add_subscribe;

constexpr std::array commands{add_publish, add_subscribe, add_discover, add_simulate, add_bridge,
                              add_dump,    add_bench,     add_ports,    add_status};

}  // namespace

int main(int argc, char** argv) {
    CLI::App program(
        "Tools for MQTT-SN networks: publish, subscribe, discover gateways, simulate nodes, decode frames, list serial "
        "ports, watch gateways.",
        "mqttsn");
    program.set_version_flag("-V,--version", "mqttsn " MQTTSN_VERSION);
    program.require_subcommand(1);
    int exit_code = 0;
    for (const auto add : commands)
        add(program, exit_code);
    try {
        program.parse(argc, argv);
    } catch (const CLI::CallForVersion& version) {
        fmt::print("{}\n", version.what());
        return 0;
    } catch (const CLI::ParseError& error) {
        return error.get_exit_code() == 0 ? program.exit(error) : (program.exit(error), 2);
    }
    return exit_code;
}
