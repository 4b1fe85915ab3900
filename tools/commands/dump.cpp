// mqttsn dump: shows frames from hex, captures or a port, and keeps them in a file for Wireshark.
#include "protocol/hex.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/common.hpp"
#include "tools/dump/capture_file.hpp"
#include "tools/dump/json_line.hpp"
#include "tools/dump/link_layer.hpp"
#include "tools/dump/listener.hpp"
#include "tools/dump/pcapng_writer.hpp"
#include "tools/dump/port_filter.hpp"
#include "tools/dump/reassembly.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>

namespace mqttsn::tools {

namespace {

struct DumpOptions {
    std::vector<std::string> hex;
    std::string read;
    std::string listen;
    std::string interface;
    std::string write;
    std::vector<std::string> ports;
    std::size_t count = 0;
    double timeout_s = 0;
    bool verbose = false;
    bool json = false;
};

template <class... Arguments>
void complain(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    std::fflush(stdout);  // so that both streams on one terminal stay in order
    fmt::print(stderr, "mqttsn dump: {}\n", fmt::format(text, std::forward<Arguments>(arguments)...));
}

// Where all frames end: on the screen, and in the file of -w.
class Output {
public:
    Output(const DumpOptions& options, PcapngFile* file) : options_(options), file_(file) {}

    void put(bool is_from_network, CaptureTime time, const UdpDatagram& datagram) {
        put(show(shown_ + 1, is_from_network, time, datagram));
    }
    void put(const ShownFrame& frame) {
        ++shown_;
        malformed_ += frame.is_malformed() ? 1 : 0;
        if (options_.write != "-") {
            const auto text = options_.json ? json_line(frame) : options_.verbose ? all_lines(frame) : one_line(frame);
            std::fwrite(text.data(), 1, text.size(), stdout);
        }
        if (file_ == nullptr) return;
        if (const auto written = file_->write(frame.time, frame.datagram); !written) {
            complain("frame {} is not in the file: {} octets are too many for one datagram", frame.number,
                     frame.datagram.real_size);
            has_failed_ = true;
        }
    }
    /// Shows everything now: what comes next may take a while.
    void flush() {
        if (file_ != nullptr) file_->flush();
        std::fflush(stdout);
    }
    /// A line of input that is no frame.
    void refuse() noexcept { has_failed_ = true; }
    std::uint64_t shown() const noexcept { return shown_; }
    bool is_full() const noexcept {
        return (options_.count != 0 && shown_ >= options_.count) || (file_ != nullptr && !file_->error().empty());
    }

    /// The exit code, after the last words.
    int end() {
        flush();
        if (malformed_ != 0) complain("{} of {} frames are malformed", malformed_, shown_);
        if (std::ferror(stdout) != 0) complain("cannot write to the standard output");
        if (file_ != nullptr && !file_->error().empty()) complain("{}", file_->error());
        const bool is_written = std::ferror(stdout) == 0 && (file_ == nullptr || file_->error().empty());
        return malformed_ == 0 && !has_failed_ && is_written ? exit_ok : exit_failed;
    }

private:
    const DumpOptions& options_;
    PcapngFile* file_;
    std::uint64_t shown_ = 0;
    std::uint64_t malformed_ = 0;
    bool has_failed_ = false;
};

CaptureTime now() {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

// Frames given as text get addresses of their own in the file: some client to the gateway's usual port.
void put_text_frame(Bytes frame, Output& output) {
    static const auto from = transports::parse_socket_address("127.0.0.1:49152");
    static const auto to = transports::parse_socket_address("127.0.0.1:1883");
    output.put(false, now(), {*from, *to, frame, frame.size()});
}

int dump_arguments(const DumpOptions& options, Output& output) {
    std::vector<Buffer> frames;
    bool was_single = false;
    for (const auto& text : options.hex) {
        auto octets = parse_hex(text);
        if (!octets || octets->empty()) {
            complain("\"{}\" is not a frame in hex, such as 0217, \"03 05 00\" or 03:05:00", text);
            return exit_usage;
        }
        // No frame has one octet: 03 05 00 without quotes is one frame.
        const bool is_single = octets->size() == 1;
        if (is_single && was_single) {
            frames.back().push_back(octets->front());
        } else {
            frames.push_back(std::move(*octets));
        }
        was_single = is_single;
    }
    for (const Buffer& each : frames) {
        if (!output.is_full()) put_text_frame(each, output);
    }
    return output.end();
}

int dump_standard_input(Output& output) {
    std::string line;
    for (std::size_t number = 1; !output.is_full() && std::getline(std::cin, line); ++number) {
        const auto content = std::string_view(line).substr(0, line.find('#'));
        const auto octets = parse_hex(content);
        if (!octets) {
            complain("line {} is not hex: {}", number, sn::to_string(line, 80));
            output.refuse();
        } else if (!octets->empty()) {
            put_text_frame(*octets, output);
            output.flush();
        }
    }
    return output.end();
}

// What a capture has besides frames, for the last words.
struct LeftOut {
    std::uint64_t other_ports = 0;
    std::set<std::uint16_t> ports;  // some of them
    std::uint64_t other_protocols = 0;
    std::uint64_t cut_off = 0;

    void add_ports(const UdpDatagram& datagram) {
        ++other_ports;
        constexpr std::size_t enough = 8;
        if (ports.size() < enough) ports.insert(std::min(datagram.from.port(), datagram.to.port()));
    }
    void tell(const PortFilter& filter, bool has_frames, std::uint64_t fragments) const {
        if (fragments != 0) complain("{} IP fragments are left out: the rest of their packets is missing", fragments);
        if (cut_off != 0) complain("{} packets are left out: the capture cut off their headers", cut_off);
        if (has_frames) return;
        if (other_ports != 0) {
            complain("no frames on UDP port {}, but {} datagrams on others ({}): choose with --port",
                     filter.to_string(), other_ports, fmt::join(ports, ", "));
        } else if (other_protocols != 0) {
            complain("no frames: none of {} UDP datagrams decodes", other_protocols);
        } else {
            complain("no UDP datagrams in the capture");
        }
    }
};

void dump_packet(const Found& found, const PortFilter& filter, CaptureTime time, LeftOut& left_out, Output& output) {
    switch (found.what) {
        case Found::What::udp:
            break;
        case Found::What::cut_off:
            ++left_out.cut_off;
            return;
        case Found::What::fragment:
        case Found::What::other:
            return;
    }
    if (!filter.passes(found.datagram)) return left_out.add_ports(found.datagram);
    const auto frame = show(output.shown() + 1, true, time, found.datagram);
    if (filter.is_any() && frame.is_malformed()) {
        ++left_out.other_protocols;
    } else {
        output.put(frame);
    }
}

int dump_capture(CaptureFile& capture, const PortFilter& filter, Output& output) {
    CapturedPacket packet;
    LeftOut left_out;
    Reassembly reassembly;
    while (!output.is_full() && capture.next(packet)) {
        Found found = find_udp(capture.link_type(), packet.octets);
        if (found.what == Found::What::fragment) found = reassembly.add(found.fragment);
        dump_packet(found, filter, packet.time, left_out, output);
    }
    left_out.tell(filter, output.shown() != 0, reassembly.left_over());
    const int code = output.end();
    if (capture.error().empty()) return code;
    complain("{}", capture.error());
    return exit_failed;
}

int dump_port(const DumpOptions& options, Output& output) {
    Listener listener(options.listen, options.interface);
    if (!listener.error().empty()) {
        complain("{}", listener.error());
        return exit_failed;
    }
    complain("listening on {}", to_string(listener.address()));
    const auto ended = listener.run(options.timeout_s, [&](const UdpDatagram& datagram) {
        output.put(true, now(), datagram);
        output.flush();
        return !output.is_full();
    });
    const int code = output.end();
    return code == exit_ok && ended == Listener::Ended::timed_out ? static_cast<int>(exit_timed_out) : code;
}

std::optional<std::string> contradiction(const DumpOptions& options) {
    const int sources = !options.hex.empty() + !options.read.empty() + !options.listen.empty();
    if (sources > 1) return "frames come from hex arguments, from -r or from -l, not from several of them";
    if (options.timeout_s > 0 && options.listen.empty()) return "-W goes with -l";
    if (!options.interface.empty() && options.listen.empty()) return "--interface goes with -l";
    if (!options.ports.empty() && options.read.empty()) return "--port goes with -r";
    std::error_code ignored;
    if (!options.read.empty() && std::filesystem::equivalent(options.read, options.write, ignored)) {
        return "-r and -w name the same file";
    }
    return std::nullopt;
}

int dump(const DumpOptions& options) {
    const auto filter = PortFilter::parse(options.ports);
    auto error = contradiction(options);
    if (!filter) error = "--port: expected a number from 1 to 65535, or any";
    if (error) {
        complain("{}", *error);
        return exit_usage;
    }
    // Read first: a wrong name there must not cost the other file its contents.
    std::unique_ptr<CaptureFile> capture;
    if (!options.read.empty()) capture = std::make_unique<CaptureFile>(options.read);
    if (capture && !capture->error().empty()) {
        complain("{}", capture->error());
        return exit_failed;
    }
    std::unique_ptr<PcapngFile> file;
    if (!options.write.empty()) file = std::make_unique<PcapngFile>(options.write);
    if (file && !file->error().empty()) {
        complain("{}", file->error());
        return exit_failed;
    }
    Output output(options, file.get());
    if (capture) return dump_capture(*capture, *filter, output);
    if (!options.listen.empty()) return dump_port(options, output);
    if (options.hex.empty() || options.hex == std::vector<std::string>{"-"}) return dump_standard_input(output);
    return dump_arguments(options, output);
}

constexpr const char* dump_footer =
    "Each frame is one line; what is usual is left out (flags that are not set, a topic id type \"normal\").\n"
    "A forwarder's header stands in front of the message that it carries. Octets that are no frame are\n"
    "shown as \"malformed\" with the reason.\n"
    "Wireshark has no port for MQTT-SN: Decode As... UDP port 1883 = MQTT-SN, or -d udp.port==1883,mqttsn.\n"
    "Frames from hex or standard input go from 127.0.0.1:49152 to 127.0.0.1:1883 in the file.\n"
    "Examples:\n"
    "  mqttsn dump 080c200005000278 0217\n"
    "  mqttsn dump -v 03 05 00\n"
    "  grep -o 'frame=.*' node.log | cut -d= -f2 | mqttsn dump -\n"
    "  mqttsn dump -r capture.pcapng --port 10000 --json | jq -r 'select(.type == \"PUBLISH\") | .data'\n"
    "  tcpdump -i eth0 -U -w - udp port 1883 | mqttsn dump -r -\n"
    "  mqttsn dump -l 225.1.1.1:1883 -W 60 -w advertise.pcapng\n"
    "  mqttsn dump -l 1884 -w - | wireshark -k -i - -d udp.port==1884,mqttsn\n"
    "Exit codes: 0 all frames are good, 1 some are malformed or something failed, 2 wrong usage, 27 timed out.";

}  // namespace

void add_dump(CLI::App& program, int& exit_code) {
    auto* app = program.add_subcommand("dump", "Decode frames from hex, captures or a port");
    auto options = std::make_shared<DumpOptions>();
    app->set_help_flag("--help", "Print this help and exit");
    app->add_option("hex", options->hex,
                    "Frames, one an argument (single octets are put together); none or - : from standard input, one a "
                    "line, # begins a comment")
        ->type_name("HEX");
    app->add_option("-r,--read", options->read, "Frames of a pcap or pcapng file; - is standard input")
        ->type_name("FILE");
    app->add_option("--port", options->ports,
                    "UDP port, of either end, that carries MQTT-SN in the capture [1883]; may be repeated; any: all "
                    "datagrams that decode")
        ->type_name("N")
        ->allow_extra_args(false);
    app->add_option("-l,--listen", options->listen,
                    "Frames that arrive at this address; a multicast group is joined; a port alone means all addresses")
        ->type_name("HOST:PORT");
    app->add_option("--interface", options->interface, "Where to join the multicast group [the system's choice]")
        ->type_name("NAME");
    app->add_option("-w,--write", options->write,
                    "Also write the frames to a pcapng file; - is standard output, instead")
        ->type_name("FILE");
    app->add_option("-C,--count", options->count, "End after this many frames")->type_name("N");
    app->add_option("-W,--timeout", options->timeout_s, "Listen for this many seconds, then end with code 27")
        ->type_name("S")
        ->check(CLI::PositiveNumber);
    app->add_flag("-v,--verbose", options->verbose, "All fields, one a line, and the octets");
    app->add_flag("--json", options->json, "One JSON object a line, with all fields");
    app->footer(dump_footer);
    app->callback([options, &exit_code] { exit_code = dump(*options); });
}

}  // namespace mqttsn::tools
