// What the gateway was started with.
#pragma once

#include "gateway/runtime/settings.hpp"

#include <optional>

namespace mqttsn::gateway {

struct CommandLine {
    Settings settings;
    std::optional<int> exit_code;  ///< there is nothing to run: help, --check-config, or an error
    std::string output;            ///< to print before exiting; errors go to stderr
};

/// Reads the arguments and the file they name; flags win over the file. Exit code 2 for anything wrong.
CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace mqttsn::gateway
