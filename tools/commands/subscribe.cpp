// mqttsn sub: subscribes as an actuator node would, and prints what arrives.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace mqttsn::tools {

namespace {

struct SubscribeOptions {
    NodeOptions node;
    std::vector<std::string> topics;
    int qos = 0;
    bool verbose = false;
    bool no_newline = false;
    std::size_t count = 0;
    double timeout_s = 0;
    std::string format;
};

std::string hex_of(Bytes octets) {
    std::string text;
    for (const std::byte each : octets)
        text += fmt::format("{:02x}", static_cast<unsigned>(each));
    return text;
}

// The letters of mosquitto_sub -F that make sense here.
std::string formatted(std::string_view format, const node::Received& message) {
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
        const bool is_last = i + 1 == format.size();
        if (format[i] == '\\' && !is_last) {
            const char next = format[++i];
            out += next == 'n' ? '\n' : next == 't' ? '\t' : next;
            continue;
        }
        if (format[i] != '%' || is_last) {
            out += format[i];
            continue;
        }
        switch (format[++i]) {
            case 't':
                out += message.topic;
                break;
            case 'p':
                out += as_text(message.payload);
                break;
            case 'x':
                out += hex_of(message.payload);
                break;
            case 'l':
                out += std::to_string(message.payload.size());
                break;
            case 'q':
                out += std::to_string(static_cast<int>(message.qos));
                break;
            case 'r':
                out += message.retain ? '1' : '0';
                break;
            case 'U':
                out += std::to_string(std::time(nullptr));
                break;
            case 'I':
                out += fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::localtime(std::time(nullptr)));
                break;
            case '%':
                out += '%';
                break;
            default:
                out += format.substr(i - 1, 2);
                break;
        }
    }
    return out;
}

void print(const SubscribeOptions& options, const node::Received& message) {
    if (!options.format.empty()) {
        const auto line = formatted(options.format, message);
        std::fwrite(line.data(), 1, line.size(), stdout);
    } else {
        if (options.verbose) fmt::print("{} ", message.topic);
        std::fwrite(message.payload.data(), 1, message.payload.size(), stdout);
    }
    if (!options.no_newline) std::fputc('\n', stdout);
    std::fflush(stdout);
}

int subscribe(const SubscribeOptions& options) {
    node::ClientOptions client;
    if (const auto error = make_client_options(options.node, client)) {
        fmt::print(stderr, "mqttsn sub: {}\n", *error);
        return exit_usage;
    }
    std::size_t seen = 0;
    std::map<node::Token, std::string> open;
    const auto on_connected = [&](NodeRun& run) {
        run.link().act([&](node::Client& each, TimePoint now, node::Outbox& out) {
            for (const auto& topic : options.topics) {
                const auto is_same = [&](const auto& asked) { return asked.second == topic; };
                if (std::ranges::any_of(open, is_same)) continue;  // the client asks again after a reconnection
                open[each.subscribe(topic, static_cast<Qos>(options.qos), now, out)] = topic;
            }
        });
    };
    const auto on_event = [&](NodeRun& run, const node::Event& event) {
        if (const auto* done = std::get_if<node::Subscribed>(&event)) {
            if (done->code == sn::ReturnCode::accepted) {
                if (options.node.debug)
                    fmt::print(stderr, "subscribed to {} (QoS {})\n", open[done->token],
                               static_cast<int>(done->granted));
                open.erase(done->token);
                return;
            }
            fmt::print(stderr, "not subscribed to {}: {}\n", open[done->token], text_of(done->code));
            run.finish(exit_failed);
        } else if (const auto* message = std::get_if<node::Received>(&event)) {
            print(options, *message);
            if (options.count != 0 && ++seen == options.count) run.finish(exit_ok);
        }
    };
    return NodeRun(options.node, std::move(client), {on_connected, on_event}).run(true, options.timeout_s);
}

}  // namespace

void add_subscribe(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("sub", "Subscribe and print messages");
    auto options = std::make_shared<SubscribeOptions>();
    add_node_options(*app, options->node);
    app->add_option("-t,--topic", options->topics, "Topic filter; may be repeated")->required()->type_name("FILTER");
    app->add_option("-q,--qos", options->qos, "QoS 0, 1 or 2 [0]")->check(CLI::Range(0, 2));
    app->add_flag("-v,--verbose", options->verbose, "Print the topic before the message");
    app->add_flag("-N", options->no_newline, "No newline after each message");
    app->add_option("-C,--count", options->count, "End after this many messages")->type_name("N");
    app->add_option("-W,--timeout", options->timeout_s, "End after this many seconds, with code 27")->type_name("S");
    app->add_option("-F,--format", options->format,
                    "%t topic, %p payload, %x payload in hex, %l length, %q QoS, %r retain, %I time, %U Unix time");
    app->footer(
        "Examples:\n"
        "  mqttsn sub -t 'barn/#' -v\n"
        "  mqttsn sub -t cmd/door -q 2 -C 1 -W 30\n"
        "Exit codes: 0 ended as asked, 1 no answer or refused, 2 wrong usage, 27 timed out.");
    app->callback([options, &exit_code] { exit_code = subscribe(*options); });
}

}  // namespace mqttsn::tools
