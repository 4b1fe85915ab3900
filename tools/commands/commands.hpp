// The sub-commands of `mqttsn`: one file each, one line each in main.cpp.
#pragma once

namespace CLI {
class App;
}

namespace mqttsn::tools {

/// Each adds its sub-command to the program; when chosen, it runs and sets the exit code.
void add_publish(CLI::App& program, int& exit_code);
void add_subscribe(CLI::App& program, int& exit_code);
void add_simulate(CLI::App& program, int& exit_code);
void add_dump(CLI::App& program, int& exit_code);
void add_bench(CLI::App& program, int& exit_code);
void add_ports(CLI::App& program, int& exit_code);
void add_discover(CLI::App& program, int& exit_code);
void add_bridge(CLI::App& program, int& exit_code);
void add_status(CLI::App& program, int& exit_code);

}  // namespace mqttsn::tools
