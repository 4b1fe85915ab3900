// mqttsn sub: subscribes as an actuator node would, and prints what arrives.
#include "protocol/topic.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/message_format.hpp"
#include "tools/commands/node_run.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace mqttsn::tools {

namespace {

constexpr double longest_sleep_s = 65535;

struct SubscribeOptions {
    NodeOptions node;
    WillUpdateOptions will;
    std::vector<std::string> topics;
    std::vector<std::string> unsubscribe;
    int qos = 0;
    bool verbose = false;
    bool no_newline = false;
    bool no_retained = false;
    bool exit_when_subscribed = false;
    std::size_t count = 0;
    double timeout_s = 0;
    double sleep_s = 0;
    std::string format;
};

/// The whole of one `mqttsn sub`.
class Subscribing {
public:
    explicit Subscribing(const SubscribeOptions& options) : options_(options) {}

    int run(node::ClientOptions client) {
        return NodeRun(options_.node, std::move(client),
                       {[this](NodeRun& run) { on_connected(run); },
                        [this](NodeRun& run, const node::Event& event) { on_event(run, event); }})
            .run(true, options_.timeout_s);
    }

private:
    void on_connected(NodeRun& run) {
        run.update_will(options_.will, [this, &run] { subscribe(run); });
    }

    void subscribe(NodeRun& run) {
        run.link().act([&](node::Client& client, TimePoint now, node::Outbox& out) {
            const auto is_open = [&](const std::string& topic) {
                return std::ranges::any_of(open_, [&](const auto& asked) { return asked.second == topic; });
            };
            // What is open the client asks again by itself after a reconnection.
            for (const auto& topic : options_.unsubscribe) {
                if (!is_open(topic)) open_[client.unsubscribe(topic, now, out)] = topic;
            }
            for (const auto& topic : options_.topics) {
                if (!is_open(topic)) open_[client.subscribe(topic, static_cast<Qos>(options_.qos), now, out)] = topic;
            }
        });
    }

    void on_event(NodeRun& run, const node::Event& event) {
        if (const auto* done = std::get_if<node::Subscribed>(&event)) {
            on_subscribed(run, *done);
        } else if (const auto* gone = std::get_if<node::Unsubscribed>(&event)) {
            if (options_.node.debug) fmt::print(stderr, "unsubscribed from {}\n", open_[gone->token]);
            open_.erase(gone->token);
            if (open_.empty()) on_complete(run);
        } else if (const auto* message = std::get_if<node::Received>(&event)) {
            if (is_complete_ || (options_.no_retained && message->retain)) return;
            print(*message);
            if (options_.count == 0 || ++seen_ < options_.count) return;
            is_complete_ = true;
            run.finish(exit_ok);
        } else if (std::holds_alternative<node::Asleep>(event) && options_.node.debug) {
            fmt::print(stderr, "asleep\n");
        }
    }

    void on_subscribed(NodeRun& run, const node::Subscribed& done) {
        if (done.code != sn::ReturnCode::accepted) {
            fmt::print(stderr, "not subscribed to {}: {}\n", open_[done.token], text_of(done.code));
            return run.finish(exit_failed);
        }
        if (options_.node.debug) {
            fmt::print(stderr, "subscribed to {} (QoS {})\n", open_[done.token], static_cast<int>(done.granted));
        }
        open_.erase(done.token);
        if (open_.empty()) on_complete(run);
    }

    void on_complete(NodeRun& run) {
        if (options_.exit_when_subscribed) return run.finish(exit_ok);
        if (options_.sleep_s <= 0) return;
        run.link().act([&](node::Client& client, TimePoint now, node::Outbox& out) {
            client.sleep(static_cast<std::uint16_t>(options_.sleep_s), now, out);
        });
    }

    void print(const node::Received& message) const {
        if (!options_.format.empty()) {
            const auto line = formatted(options_.format, message, std::chrono::system_clock::now());
            std::fwrite(line.data(), 1, line.size(), stdout);
        } else {
            if (options_.verbose) fmt::print("{} ", message.topic);
            std::fwrite(message.payload.data(), 1, message.payload.size(), stdout);
        }
        if (!options_.no_newline) std::fputc('\n', stdout);
        std::fflush(stdout);
    }

    const SubscribeOptions& options_;
    std::map<node::Token, std::string> open_;
    std::size_t seen_ = 0;
    bool is_complete_ = false;
};

int subscribe(const SubscribeOptions& options) {
    node::ClientOptions client;
    auto error = make_client_options(options.node, client);
    if (!error) error = force_topic_type(options.topics, client);
    if (!error) error = force_topic_type(options.unsubscribe, client);
    if (!error) error = check_format(options.format);
    if (!error && options.topics.empty() && options.unsubscribe.empty()) error = "-t or -U is needed";
    if (!error && options.sleep_s > longest_sleep_s) {
        error = fmt::format("--sleep: at most {} s fit into DISCONNECT", longest_sleep_s);
    }
    if (!error && options.sleep_s > 0 && options.sleep_s < 1) error = "--sleep: at least 1s";
    if (error) {
        fmt::print(stderr, "mqttsn sub: {}\n", *error);
        return exit_usage;
    }
    return Subscribing(options).run(std::move(client));
}

}  // namespace

void add_subscribe(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("sub", "Subscribe and print messages");
    auto options = std::make_shared<SubscribeOptions>();
    add_node_options(*app, options->node);
    add_will_update_options(*app, options->will);
    app->add_option("-t,--topic", options->topics, "Topic filter; may be repeated")
        ->type_name("FILTER")
        ->allow_extra_args(false);
    app->add_option("-U,--unsubscribe", options->unsubscribe,
                    "Topic filter to leave, of a kept session; may be repeated")
        ->type_name("FILTER")
        ->allow_extra_args(false);
    app->add_option("-q,--qos", options->qos, "QoS 0, 1 or 2 [0]")->check(CLI::Range(0, 2));
    takes_seconds(app->add_option("--sleep", options->sleep_s,
                                  "Sleep for this time once subscribed (SN 6.14); wake before it is over for what the "
                                  "gateway kept, and sleep again"));
    app->add_flag("-v,--verbose", options->verbose, "Print the topic before the message");
    app->add_flag("-N", options->no_newline, "No newline after each message");
    app->add_flag("-R", options->no_retained, "Do not print retained messages");
    app->add_flag("-E", options->exit_when_subscribed, "End when all subscriptions are acknowledged");
    app->add_option("-C,--count", options->count, "End after this many messages")->type_name("N");
    takes_seconds(app->add_option("-W,--timeout", options->timeout_s, "End after this time, with code 27"));
    app->add_option(
           "-F,--format", options->format,
           "%t topic, %p payload, %x %X payload in hex, %l its length, %q QoS, %r retain, %m message id, %I time, "
           "%U Unix time, %@H and so on as strftime, %j JSON, %J JSON with a JSON payload, %%, \\n, \\t")
        ->type_name("FORMAT");
    app->footer(
        "Examples:\n"
        "  mqttsn sub -t 'barn/#' -v\n"
        "  mqttsn sub --discover -t cmd/door -q 2 -C 1 -W 30s\n"
        "  mqttsn sub -i door -c -t cmd/door -q 1 --sleep 30s            # a sleeping actuator\n"
        "  mqttsn sub -t 'barn/+/reading' -F '%I %t %p'\n"
        "  mqttsn sub -i door -c -U cmd/door -E                          # leave a kept subscription\n" +
        std::string(exit_codes_text));
    app->callback([options, &exit_code] { exit_code = subscribe(*options); });
}

}  // namespace mqttsn::tools
