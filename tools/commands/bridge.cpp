// mqttsn bridge: a serial link here, its gateway elsewhere.
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/commands/node_link.hpp"
#include "tools/commands/serial_option.hpp"
#include "tools/node/relay.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <array>
#include <csignal>
#include <cstdio>

namespace mqttsn::tools {

namespace {

using boost::asio::ip::udp;

struct BridgeOptions {
    GatewayOptions gateway;
    std::string serial;
    bool debug = false;
};

/// The whole of one `mqttsn bridge`.
class Bridge : private transports::FrameHandler {
public:
    Bridge(const BridgeOptions& options, transports::SerialConfig config)
        : options_(options), link_(io_, 0, std::move(config)) {}

    int run() {
        const auto gateway = resolve_gateway(io_, options_.gateway.host, options_.gateway.port);
        if (!gateway.endpoint) return fail(gateway.error, exit_no_gateway);
        boost::system::error_code error;
        socket_.open(gateway.endpoint->protocol(), error);
        if (!error) socket_.connect(*gateway.endpoint, error);
        if (!error) socket_.non_blocking(true, error);
        if (error) return fail(fmt::format("cannot open a UDP socket: {}", error.message()), exit_failed);
        if (!link_.start(*this)) return fail(link_.error(), exit_usage);
        for (const std::string& each : link_.warnings())
            say(each);
        say(fmt::format("{} to {}:{}", link_.traits().name, options_.gateway.host, options_.gateway.port));
        for (const int signal : {SIGINT, SIGTERM, SIGUSR1})
            signals_.add(signal);
        wait_for_signal();
        wait_readable();
        io_.run();
        say(counters());
        return exit_ok;
    }

private:
    static int fail(const std::string& text, int code) {
        fmt::print(stderr, "mqttsn bridge: {}\n", text);
        return code;
    }
    static void say(const std::string& text) { fmt::print(stderr, "{}\n", text); }

    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error) return;
            if (signal != SIGUSR1) {
                link_.stop();
                io_.stop();
                return;
            }
            say(counters());
            wait_for_signal();
        });
    }

    void on_frame(const FrameInfo& info, Bytes frame) override {
        const Buffer datagram = relay_.up(info.from.address, frame);
        if (options_.debug) print_frame(true, datagram);
        boost::system::error_code error;
        socket_.send(boost::asio::buffer(datagram), 0, error);
        // A lost datagram is lost to the node's retransmission; that the gateway is away is worth a word.
        if (!error) return;  // whether anybody hears it is not known
        ++send_errors_;
        tell_gateway_state(error);
    }
    void on_link_state(LinkId, bool up, const std::string& reason) override {
        say(fmt::format("{}: {}{}{}", link_.traits().name, up ? "up" : "down", reason.empty() ? "" : ": ", reason));
    }
    void on_link_note(LinkId, transports::NoteLevel level, const std::string& text) override {
        if (level != transports::NoteLevel::debug || options_.debug) {
            say(fmt::format("{}: {}", link_.traits().name, text));
        }
    }
    void on_batch_end() override {}

    void wait_readable() {
        socket_.async_wait(udp::socket::wait_read, [this](boost::system::error_code error) {
            if (error) return;
            std::array<std::byte, 65536> datagram;
            while (true) {
                const auto size = ::recv(socket_.native_handle(), datagram.data(), datagram.size(), MSG_DONTWAIT);
                if (size < 0) {
                    if (errno != EAGAIN) tell_gateway_state({errno, boost::system::system_category()});
                    break;
                }
                tell_gateway_state({});
                on_datagram(Bytes(datagram).first(static_cast<std::size_t>(size)));
            }
            link_.flush();
            wait_readable();
        });
    }

    void on_datagram(Bytes datagram) {
        if (options_.debug) print_frame(false, datagram);
        const auto down = relay_.down(datagram);
        if (!down) return;
        const bool is_taken =
            down->broadcast ? link_.broadcast(down->radius, down->frame) : link_.send(down->to, down->frame);
        refused_ += is_taken ? 0U : 1U;
    }

    // A refused port shows that nothing listens there; it is said once per change.
    void tell_gateway_state(boost::system::error_code error) {
        if (error.failed() == is_gateway_away_) return;
        is_gateway_away_ = error.failed();
        say(is_gateway_away_ ? fmt::format("gateway: {}; trying on", error.message()) : "gateway: answers");
    }

    std::string counters() const {
        const auto& relayed = relay_.counters();
        std::string text =
            fmt::format("{} frames up ({} not sent), {} down ({} broadcast, {} malformed, {} refused by the link)",
                        relayed.up, send_errors_, relayed.down, relayed.broadcasts, relayed.malformed, refused_);
        const auto& counts = link_.counters();
        text += fmt::format("; {}: frames_in {}, frames_out {}, octets_in {}, octets_out {}", link_.traits().name,
                            counts.frames_in, counts.frames_out, counts.octets_in, counts.octets_out);
        for (const auto& each : link_.more_counters()) {
            if (each.value != 0) text += fmt::format(", {} {}{}", each.name, each.value, each.unit());
        }
        return text;
    }

    const BridgeOptions& options_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    udp::socket socket_{io_};
    transports::SerialTransport link_;
    node::Relay relay_;
    std::uint64_t send_errors_ = 0;
    std::uint64_t refused_ = 0;
    bool is_gateway_away_ = false;
};

int bridge(const BridgeOptions& options) {
    auto read = read_serial(options.serial);
    if (!read.config) {
        fmt::print(stderr, "mqttsn bridge: --serial {}: {}\n", options.serial, read.error);
        return exit_usage;
    }
    return Bridge(options, std::move(*read.config)).run();
}

}  // namespace

void add_bridge(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("bridge", "Carry a serial link to a gateway elsewhere");
    auto options = std::make_shared<BridgeOptions>();
    app->set_help_flag("--help", "Print this and exit");
    app->add_option("--serial", options->serial, "Port and kind of link, such as /dev/ttyUSB0,link=xbee,baud=9600")
        ->type_name("PORT,link=KIND")
        ->required();
    app->add_option("-h,--host", options->gateway.host, "The gateway [127.0.0.1]");
    app->add_option("-p,--port", options->gateway.port, "Its UDP port [1883]");
    app->add_flag("-d,--debug", options->debug, "Print every datagram");
    app->footer(
        "The gateway sees a forwarder (MQTT-SN 5.5) whose nodes have their addresses on the link as ids. The port is\n"
        "opened again for ever when it goes; SIGUSR1 prints the counters.\n"
        "Examples:\n"
        "  mqttsn bridge --serial /dev/ttyUSB0,link=raw -h 192.0.2.10\n"
        "  mqttsn bridge --serial usb=10c4:ea60,link=rylr -h gateway.example -p 10000\n"
        "Exit codes: 0 ended as asked, 1 the system refused, 2 wrong usage, 3 the gateway's name is unknown.");
    app->callback([options, &exit_code] { exit_code = bridge(*options); });
}

}  // namespace mqttsn::tools
