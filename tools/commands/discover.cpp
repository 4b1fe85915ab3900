// mqttsn discover: which gateways are there, and where.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/discovery_link.hpp"
#include "tools/commands/json_report.hpp"
#include "tools/commands/message_format.hpp"
#include "tools/commands/node_link.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <map>

namespace mqttsn::tools {

namespace {

struct DiscoverOptions {
    GatewayOptions gateway;
    bool ask_host = false;
    int radius = 1;
    double seconds = 0;
    std::size_t count = 0;
    bool passive = false;
    bool answer = false;
    bool verbose = false;
    bool debug = false;
    bool json = false;
};

double age_s(const node::KnownGateway& gateway) {
    return std::chrono::duration<double>(NodeLink::now() - gateway.heard_at).count();
}

std::string address_of(const node::KnownGateway& gateway) {
    return transports::to_string(transports::to_socket_address(gateway.address));
}

void print_table(const std::vector<node::KnownGateway>& gateways) {
    fmt::print("{:>3}  {:<28}  {:<16}  {:>10}  {:>7}\n", "ID", "ADDRESS", "HEARD BY", "ADVERTISES", "AGE");
    std::map<unsigned, int> seen;
    for (const node::KnownGateway& each : gateways) {
        const auto period = each.duration_s ? fmt::format("{} s", *each.duration_s) : std::string("-");
        fmt::print("{:>3}  {:<28}  {:<16}  {:>10}  {:>5.1f} s\n", each.gw_id, address_of(each),
                   source_name(each.source), period, age_s(each));
        ++seen[each.gw_id];
    }
    for (const auto& [id, times] : seen) {
        if (times > 1) fmt::print(stderr, "gateway id {} has {} addresses: two gateways may share it\n", id, times);
    }
}

void print_event(const node::DiscoveryEvent& event) {
    const auto* found = std::get_if<node::GatewayFound>(&event);
    const auto& gateway = found != nullptr ? found->gateway : std::get<node::GatewayGone>(event).gateway;
    fmt::print("{} gateway {} at {} ({})\n", found != nullptr ? "found" : "gone:", gateway.gw_id, address_of(gateway),
               source_name(gateway.source));
    std::fflush(stdout);
}

std::string places_of(const std::vector<transports::SocketAddress>& targets) {
    std::string text;
    for (const auto& each : targets)
        text += (text.empty() ? "" : ", ") + transports::to_string(each);
    return text;
}

int discover(const DiscoverOptions& options) {
    boost::asio::io_context io{1};
    SearchPlaces places;
    if (!options.ask_host || !options.gateway.groups.empty()) places = search_places(options.gateway);
    if (!places.error.empty()) {
        fmt::print(stderr, "mqttsn discover: {}\n", places.error);
        return exit_usage;
    }
    if (options.ask_host) {
        const auto host = resolve_gateway(io, options.gateway.host, options.gateway.port);
        if (!host.endpoint) {
            fmt::print(stderr, "{}\n", host.error);
            return exit_no_gateway;
        }
        places.targets.push_back(to_socket_address(*host.endpoint));
    }
    node::DiscoveryOptions search = make_discovery_options(options.gateway);
    search.radius = static_cast<std::uint8_t>(options.radius);
    std::size_t found = 0;
    DiscoveryLink::Handler handler;
    handler.on_event = [&](const node::DiscoveryEvent& event) {
        if (options.verbose && !options.json) print_event(event);
        if (std::holds_alternative<node::GatewayFound>(event) && ++found == options.count) io.stop();
    };
    if (options.debug) handler.on_frame = print_frame;
    DiscoveryLink link(io, search, options.answer, std::move(handler));
    if (const auto error = link.open(places.targets, options.gateway.interface)) {
        fmt::print(stderr, "mqttsn discover: {}\n", *error);
        return exit_usage;
    }
    for (const auto& each : link.warnings())
        fmt::print(stderr, "{}\n", each);
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code, int) { io.stop(); });
    boost::asio::steady_timer limit(io);
    const double seconds = options.seconds > 0 ? options.seconds : options.gateway.search_delay_s + 5;
    limit.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
    limit.async_wait([&](boost::system::error_code) { io.stop(); });
    if (!options.passive) link.search();
    io.run();
    if (options.json) {
        fmt::print("{}\n", to_json(link.gateways(), NodeLink::now()));
    } else if (!link.gateways().empty()) {
        print_table(link.gateways());
    }
    if (!link.gateways().empty()) return exit_ok;
    fmt::print(stderr, "no gateway {} {} within {} s\n", options.passive ? "advertised itself in" : "answers at",
               places_of(places.targets), seconds);
    return exit_no_gateway;
}

}  // namespace

void add_discover(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("discover", "Search the network for gateways");
    auto options = std::make_shared<DiscoverOptions>();
    auto& gateway = options->gateway;
    app->set_help_flag("--help", "Print this help and exit");
    auto* host = app->add_option("-h,--host", gateway.host, "Ask this host directly")->type_name("HOST");
    app->add_option("-p,--port", gateway.port, "UDP port of that host [1883]")->type_name("PORT");
    app->add_option("--group", gateway.groups,
                    "Multicast group or broadcast address to search; may be repeated [225.1.1.1:1883]")
        ->type_name("ADDRESS:PORT")
        ->allow_extra_args(false);
    app->add_option("--interface", gateway.interface, "Network interface for multicast [the system's choice]")
        ->type_name("NAME");
    app->add_option("--radius", options->radius, "Hops that the search travels; 0 = the whole network [1]")
        ->check(CLI::Range(0, 255));
    takes_seconds(app->add_option("--search-delay", gateway.search_delay_s,
                                  "T_SEARCHGW: the first SEARCHGW waits a random time up to this [5s]"),
                  true);
    takes_seconds(app->add_option("-W,--timeout", options->seconds, "How long to listen [--search-delay and 5s more]"));
    app->add_option("-C,--count", options->count, "End as soon as this many are found")->type_name("N");
    app->add_flag("--passive", options->passive, "Send no SEARCHGW, only listen");
    app->add_flag("--answer", options->answer, "Tell other searching nodes what was found, as nodes do (SN 6.1)");
    app->add_flag("-v,--verbose", options->verbose, "Print gateways when they come and go");
    app->add_flag("-d,--debug", options->debug, "Print every frame");
    app->add_flag("--json", options->json, "Print the table as JSON");
    app->footer(
        "Examples:\n"
        "  mqttsn discover\n"
        "  mqttsn discover --interface eth0 --group '[ff02::1]:1883' -W 20s --json\n"
        "  mqttsn discover -h 192.0.2.7                 # is there a gateway on this host?\n"
        "  mqttsn discover --passive -v -W 30m          # watch ADVERTISE\n"
        "Exit codes: 0 found, 2 wrong usage, 3 no gateway answers.");
    app->callback([options, host, &exit_code] {
        options->ask_host = host->count() > 0;
        exit_code = discover(*options);
    });
}

}  // namespace mqttsn::tools
