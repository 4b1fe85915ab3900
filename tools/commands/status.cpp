// mqttsn status: links, broker and devices of a running gateway, from its status pages.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/http_get.hpp"
#include "tools/commands/status_table.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

namespace mqttsn::tools {

namespace {

struct StatusOptions {
    std::string url = "http://127.0.0.1:9883";
    std::string after;
    unsigned devices = 50;
    double interval_s = 2;
    bool watch = false;
    bool json = false;
};

constexpr const char* clear_screen = "\x1b[H\x1b[2J";

std::string percent_encoded(std::string_view text) {
    std::string result;
    for (const char each : text)
        result += fmt::format("%{:02X}", static_cast<unsigned char>(each));
    return result;
}

int show_once(const StatusOptions& options) {
    const HttpPage status = http_get(options.url, "/api/v1/status");
    const HttpPage devices = status.error.empty()
                                 ? http_get(options.url, fmt::format("/api/v1/devices?limit={}&after={}",
                                                                     options.devices, percent_encoded(options.after)))
                                 : HttpPage{};
    if (!status.error.empty() || !devices.error.empty()) {
        fmt::print(stderr, "{}; does the gateway run, and is [http] listen there?\n",
                   status.error.empty() ? devices.error : status.error);
        return exit_no_gateway;
    }
    const auto table =
        status.status == 200 && devices.status == 200 ? status_table(status.body, devices.body) : std::nullopt;
    if (!table) {
        fmt::print(stderr, "{}: not the status pages of a gateway\n", options.url);
        return exit_failed;
    }
    if (options.json) {
        fmt::print("{{\"status\":{},\"page\":{}}}\n", std::string_view(status.body).substr(0, status.body.size() - 1),
                   std::string_view(devices.body).substr(0, devices.body.size() - 1));
    } else {
        fmt::print("{}{}", options.watch ? clear_screen : "", *table);
    }
    std::fflush(stdout);
    return exit_ok;
}

// A gateway that is away for a while is what one watches for: it is asked again.
int watch(const StatusOptions& options) {
    if (!options.url.starts_with("http://")) {
        fmt::print(stderr, "mqttsn status: --url {}: expected http://HOST[:PORT]\n", options.url);
        return exit_usage;
    }
    while (true) {
        const int code = show_once(options);
        if (!options.watch) return code;
        std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_s));
    }
}

}  // namespace

void add_status(CLI::App& program, int& exit_code) {
    auto options = std::make_shared<StatusOptions>();
    CLI::App* app = program.add_subcommand("status", "Show links, broker and devices of a running gateway");
    app->add_option("--url", options->url, "Where its status pages are [http://127.0.0.1:9883]")->type_name("URL");
    app->add_option("-n,--devices", options->devices, "How many devices to show [50]")
        ->type_name("N")
        ->check(CLI::Range(1, 1000));
    app->add_option("--after", options->after, "Show the devices whose client ids follow this one")->type_name("ID");
    app->add_flag("-w,--watch", options->watch, "Show it again and again, until interrupted");
    takes_seconds(app->add_option("--interval", options->interval_s, "--watch: how often [2s]"));
    app->add_flag("--json", options->json, "Both pages as one line of JSON: {\"status\":...,\"page\":...}");
    app->footer(
        "Examples:\n"
        "  mqttsn status\n"
        "  mqttsn status --watch --interval 500ms\n"
        "  mqttsn status --url http://192.0.2.7:9883 --json | jq .status.sessions\n\n"
        "Exit codes: 0 shown, 1 that is no gateway, 2 wrong usage, 3 no gateway answers.");
    app->callback([options, &exit_code] { exit_code = watch(*options); });
}

}  // namespace mqttsn::tools
