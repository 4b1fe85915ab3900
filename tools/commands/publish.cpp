// mqttsn pub: publishes messages as a sensor node would.
#include "protocol/topic.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/node_run.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

namespace mqttsn::tools {

namespace {

struct PublishOptions {
    NodeOptions node;
    WillUpdateOptions will;
    std::vector<std::string> topics;
    std::string message;
    std::string file;
    bool lines = false;
    bool null = false;
    bool whole_stdin = false;
    int qos = 0;
    bool retain = false;
    double timeout_s = 0;
};

std::string too_long(std::size_t size, std::size_t most) {
    return fmt::format("a message of {} octets does not fit into a frame: at most {}", size, most);
}

Buffer buffer_of(std::string_view text) {
    const Bytes octets = as_bytes(text);
    return {octets.begin(), octets.end()};
}

// The lines of standard input as they come: that of `tail -f log | mqttsn pub -l` never ends.
class LineReader {
public:
    using OnLine = std::function<void(std::string_view)>;
    using OnEnd = std::function<void()>;

    LineReader(boost::asio::io_context& io, OnLine on_line, OnEnd on_end)
        : on_line_(std::move(on_line)), on_end_(std::move(on_end)), input_(io) {
        boost::system::error_code ignored;  // then reading fails too
        input_.assign(::dup(STDIN_FILENO), ignored);
        wait();
    }

private:
    void wait() {
        input_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
            // A file cannot be waited for, and need not be.
            if (error != boost::asio::error::operation_aborted) read();
        });
    }

    void read() {
        std::array<char, 4096> octets{};
        const auto size = ::read(STDIN_FILENO, octets.data(), octets.size());
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return wait();
        if (size <= 0) {
            if (!rest_.empty()) on_line_(rest_);
            return on_end_();
        }
        rest_.append(octets.data(), static_cast<std::size_t>(size));
        std::size_t start = 0;
        for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', start)) {
            on_line_(std::string_view(rest_).substr(start, end - start));
            start = end + 1;
        }
        rest_.erase(0, start);
        wait();
    }

    OnLine on_line_;
    OnEnd on_end_;
    boost::asio::posix::stream_descriptor input_;
    std::string rest_;
};

std::optional<std::string> read_messages(const PublishOptions& options, std::vector<Buffer>& messages) {
    if (options.lines) return std::nullopt;
    if (options.null) {
        messages.emplace_back();
        return std::nullopt;
    }
    if (options.whole_stdin) {
        messages.push_back(buffer_of(std::string(std::istreambuf_iterator<char>(std::cin), {})));
        return std::nullopt;
    }
    if (!options.file.empty()) {
        std::ifstream file(options.file, std::ios::binary);
        if (!file) return fmt::format("cannot read {}", options.file);
        messages.push_back(buffer_of(std::string(std::istreambuf_iterator<char>(file), {})));
        return std::nullopt;
    }
    messages.push_back(buffer_of(options.message));
    return std::nullopt;
}

/// The whole of one `mqttsn pub`.
class Publishing {
public:
    Publishing(const PublishOptions& options, std::vector<Buffer> messages, std::size_t max_payload)
        : options_(options), messages_(std::move(messages)), max_payload_(max_payload) {}

    int run(node::ClientOptions client) {
        NodeRun run(options_.node, std::move(client),
                    {[this](NodeRun& each) { on_connected(each); },
                     [this](NodeRun& each, const node::Event& event) { on_event(each, event); }});
        const int code = run.run(qos() != Qos::minus_one, options_.timeout_s);
        lines_.reset();  // before the loop that it waits in
        return code;
    }

private:
    Qos qos() const noexcept { return static_cast<Qos>(options_.qos); }

    void on_connected(NodeRun& run) {
        run.update_will(options_.will, [this, &run] { send_all(run); });
    }

    void send_all(NodeRun& run) {
        if (options_.lines) {
            if (lines_) return;  // a connection later than the first
            lines_ = std::make_unique<LineReader>(
                run.io(), [this, &run](std::string_view line) { send(run, buffer_of(line)); },
                [this, &run] { end_input(run); });
            return;
        }
        input_ended_ = false;
        for (Buffer& message : std::exchange(messages_, {}))  // the client keeps them over a reconnection
            send(run, std::move(message));
        end_input(run);
    }

    void send(NodeRun& run, Buffer message) {
        if (message.size() > max_payload_) {
            fmt::print(stderr, "{}\n", too_long(message.size(), max_payload_));
            code_ = exit_failed;
            return;
        }
        run.link().act([&](node::Client& client, TimePoint now, node::Outbox& out) {
            for (const auto& topic : options_.topics) {
                ++open_;
                const auto token = client.publish(topic, message, qos(), options_.retain, now, out);
                topic_of_.emplace(token, topic);
            }
        });
    }

    void on_event(NodeRun& run, const node::Event& event) {
        const auto* done = std::get_if<node::Published>(&event);
        if (done == nullptr) return;
        const auto topic = topic_of_.extract(done->token);
        if (done->code != sn::ReturnCode::accepted) {
            const bool needs_id = qos() == Qos::minus_one;
            fmt::print(stderr, "not published on {}: {}\n", topic ? topic.mapped() : "",
                       needs_id ? "QoS -1 needs a topic of two characters or a --predefined one" : text_of(done->code));
            code_ = exit_failed;
        }
        if (--open_ == 0 && input_ended_) run.finish(code_);
    }

    void end_input(NodeRun& run) {
        input_ended_ = true;
        if (open_ == 0) run.finish(code_);
    }

    const PublishOptions& options_;
    std::vector<Buffer> messages_;
    std::size_t max_payload_;
    std::unique_ptr<LineReader> lines_;
    std::map<node::Token, std::string> topic_of_;
    std::size_t open_ = 0;
    bool input_ended_ = false;
    int code_ = exit_ok;
};

int publish(const PublishOptions& options) {
    node::ClientOptions client;
    std::vector<Buffer> messages;
    auto error = make_client_options(options.node, client);
    if (!error) error = force_topic_type(options.topics, client);
    for (const auto& topic : options.topics) {
        if (!error && !is_usable_topic_name(topic)) error = fmt::format("-t {}: wildcards are for subscribers", topic);
    }
    const bool updates_will = !options.will.topic.empty() || options.will.has_payload || options.will.remove;
    if (!error && options.qos < 0 && updates_will) error = "-q -1 makes no connection: there is no will to update";
    if (!error) error = read_messages(options, messages);
    const std::size_t max_payload = client.max_payload();
    for (const Buffer& message : messages) {
        if (!error && message.size() > max_payload) error = too_long(message.size(), max_payload);
    }
    if (error) {
        fmt::print(stderr, "mqttsn pub: {}\n", *error);
        return exit_usage;
    }
    return Publishing(options, std::move(messages), max_payload).run(std::move(client));
}

}  // namespace

void add_publish(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("pub", "Publish messages");
    auto options = std::make_shared<PublishOptions>();
    add_node_options(*app, options->node);
    add_will_update_options(*app, options->will);
    app->add_option("-t,--topic", options->topics, "Topic name; may be repeated")
        ->required()
        ->type_name("TOPIC")
        ->allow_extra_args(false);
    auto* source = app->add_option_group("message")->require_option(1);
    source->add_option("-m,--message", options->message, "Message")->type_name("TEXT");
    source->add_option("-f,--file", options->file, "Send this file as the message")->type_name("FILE");
    source->add_flag("-l,--stdin-line", options->lines, "Send each line of stdin as a message");
    source->add_flag("-n,--null-message", options->null, "Send an empty message");
    source->add_flag("-s,--stdin-file", options->whole_stdin, "Send all of stdin as the message");
    app->add_option("-q,--qos", options->qos, "QoS -1, 0, 1 or 2 [0]")->check(CLI::Range(-1, 2));
    app->add_flag("-r,--retain", options->retain, "Retain the message");
    takes_seconds(app->add_option("-W,--timeout", options->timeout_s, "Give up after this time"));
    app->footer(
        "Examples:\n"
        "  mqttsn pub -t barn/temperature -m 21.5 -q 1\n"
        "  mqttsn pub --discover -t barn/temperature -t shed/temperature -m 21.5\n"
        "  mqttsn pub -h 192.0.2.7 -t ab -m x -q -1                      # no connection: two characters\n"
        "  mqttsn pub -t 7 --topic-type predefined -m x -q -1            # no connection: predefined id 7\n"
        "  tail -f log | mqttsn pub -t lines -l\n"
        "  mqttsn pub -i n1 -c --will-topic gone/n1 --will-payload bye --update-will-payload later -t up -m 1\n" +
        std::string(exit_codes_text));
    app->callback([options, &exit_code] { exit_code = publish(*options); });
}

}  // namespace mqttsn::tools
