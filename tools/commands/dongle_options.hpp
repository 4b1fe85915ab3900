// Options of a simulated dongle, and what it did, for people.
#pragma once

#include "tools/commands/dongle_link.hpp"

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace mqttsn::tools {

struct DongleOptions {
    std::string link;
    std::string path;
    std::uint32_t baud = 0;
    std::string noise = "0";
    std::string garbage = "0";
    std::string truncation = "0";
    std::string air_loss = "0";
    int rssi_dbm = -83;
    int snr_db = 9;
    std::optional<bool> collisions;
    double unplug_s = 0;
    double unplugged_s = 2;
    std::uint32_t unplug_times = 0;
    double reset_s = 0;
};

void add_dongle_options(CLI::App& app, DongleOptions& options);
/// "1/500", "0.2%" or "0.002"; from 0 to 1.
std::optional<double> parse_share(std::string_view text);
/// Error text when an option makes no sense.
std::optional<std::string> make_dongle_link_options(const DongleOptions& options, std::uint64_t seed,
                                                    DongleLinkOptions& result);
void print_dongle(const DongleReport& report);

}  // namespace mqttsn::tools
