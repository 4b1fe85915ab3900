// mqttsn pub: publishes messages as a sensor node would.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>

namespace mqttsn::tools {

namespace {

struct PublishOptions {
    NodeOptions node;
    std::string topic;
    std::string message;
    std::string file;
    bool lines = false;
    bool null = false;
    bool whole_stdin = false;
    int qos = 0;
    bool retain = false;
    double timeout_s = 0;
};

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

int publish(const PublishOptions& options) {
    node::ClientOptions client;
    std::vector<Buffer> messages;
    auto error = make_client_options(options.node, client);
    if (!error) error = read_messages(options, messages);
    if (error) {
        fmt::print(stderr, "mqttsn pub: {}\n", *error);
        return exit_usage;
    }
    std::size_t open = messages.size();
    int code = exit_ok;
    const Qos qos = static_cast<Qos>(options.qos);
    std::unique_ptr<LineReader> lines;
    bool input_ended = !options.lines;
    const auto send_line = [&](NodeRun& run, std::string_view line) {
        ++open;
        run.link().act([&](node::Client& each, TimePoint now, node::Outbox& out) {
            each.publish(options.topic, buffer_of(line), qos, options.retain, now, out);
        });
    };
    const auto end_input = [&](NodeRun& run) {
        input_ended = true;
        if (open == 0) run.finish(code);
    };
    const auto send_all = [&](NodeRun& run) {
        if (options.lines) {
            if (lines) return;  // a connection later than the first
            lines = std::make_unique<LineReader>(
                run.io(), [&](std::string_view line) { send_line(run, line); }, [&] { end_input(run); });
            return;
        }
        run.link().act([&](node::Client& each, TimePoint now, node::Outbox& out) {
            for (Buffer& message : messages)
                each.publish(options.topic, std::move(message), qos, options.retain, now, out);
            messages.clear();  // the client keeps them over a reconnection
        });
    };
    const auto on_event = [&](NodeRun& run, const node::Event& event) {
        const auto* done = std::get_if<node::Published>(&event);
        if (done == nullptr) return;
        if (done->code != sn::ReturnCode::accepted) {
            const bool needs_id = qos == Qos::minus_one;
            fmt::print(stderr, "not published on {}: {}\n", options.topic,
                       needs_id ? "QoS -1 needs a topic of two characters or a --predefined one" : text_of(done->code));
            code = exit_failed;
        }
        if (--open == 0 && input_ended) run.finish(code);
    };
    NodeRun run(options.node, std::move(client), {send_all, on_event});
    const int result = run.run(qos != Qos::minus_one, options.timeout_s);
    lines.reset();  // before the loop that it waits in
    return result;
}

}  // namespace

void add_publish(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("pub", "Publish messages");
    auto options = std::make_shared<PublishOptions>();
    add_node_options(*app, options->node);
    app->add_option("-t,--topic", options->topic, "Topic name")->required()->type_name("TOPIC");
    auto* source = app->add_option_group("message")->require_option(1);
    source->add_option("-m,--message", options->message, "Message")->type_name("TEXT");
    source->add_option("-f,--file", options->file, "Send this file as the message")->type_name("FILE");
    source->add_flag("-l,--stdin-line", options->lines, "Send each line of stdin as a message");
    source->add_flag("-n,--null-message", options->null, "Send an empty message");
    source->add_flag("-s,--stdin-file", options->whole_stdin, "Send all of stdin as the message");
    app->add_option("-q,--qos", options->qos, "QoS -1, 0, 1 or 2 [0]")->check(CLI::Range(-1, 2));
    app->add_flag("-r,--retain", options->retain, "Retain the message");
    app->add_option("-W,--timeout", options->timeout_s, "Give up after this many seconds")->type_name("S");
    app->footer(
        "Examples:\n"
        "  mqttsn pub -t barn/temperature -m 21.5 -q 1\n"
        "  mqttsn pub -h 192.0.2.7 -t ab -m x -q -1\n"
        "  tail -f log | mqttsn pub -t lines -l\n"
        "Exit codes: 0 published, 1 no answer or refused, 2 wrong usage, 27 timed out.");
    app->callback([options, &exit_code] { exit_code = publish(*options); });
}

}  // namespace mqttsn::tools
