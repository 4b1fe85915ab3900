// Radios that take octets and put them out again elsewhere: Ebyte E22, E220 and E32, HC-12, SiK, RFCOMM. They make
// packets by length and by pauses, and know nothing of frames: nodes are told apart by forwarder encapsulation.
#include "tools/dongle/channel.hpp"
#include "tools/dongle/ebyte_registers.hpp"
#include "tools/dongle/forwarding.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/line_code.hpp"
#include "tools/dongle/schedule.hpp"
#include "tools/dongle/values.hpp"

#include <algorithm>
#include <map>

namespace mqttsn::dongle {

namespace {

constexpr std::size_t air_overhead = 12;  // preamble, header and check of a packet
constexpr std::size_t fixed_header = 3;
constexpr std::uint16_t everyone_on_channel = 0xFFFF;
constexpr auto shortest_pause = std::chrono::milliseconds(4);

struct Model {
    std::size_t subpacket;
    std::size_t buffer;
};

struct StreamRadioOptions {
    Model model{240, 1000};
    bool fixed = false;
    bool rssi_octet = false;
    bool half_formula = false;
    bool waits = false;  ///< listens, or has time slots
    std::uint32_t air_rate = 2400;
    std::uint32_t uart = 9600;
    std::uint8_t channel = 0x17;
    Framing framing = Framing::cobs;
    Crc crc;
    std::optional<EbyteRegisters> registers;  ///< modules that can be configured
};

class StreamRadio : public Dongle {
public:
    StreamRadio(StreamRadioOptions options, NodeNumber nodes, const AirOptions& air)
        : options_(std::move(options)),
          nodes_(nodes),
          code_(options_.framing, options_.crc),
          channel_(air, options_.waits) {}

    void power_on(TimePoint, DongleOutput&) override {
        channel_.silence(0);
        held_.clear();
        send_at_.reset();
        buffered_ = 0;
        listeners_.clear();
        if (options_.registers) options_.registers->restart();
    }
    void from_host(Bytes octets, TimePoint now, DongleOutput& out) override;
    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput& out) override;
    void timeout(TimePoint now, DongleOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override {
        auto next = earliest(channel_.next_timeout(), send_at_);
        for (const auto& [address, listener] : listeners_)
            next = earliest(next, listener.next_timeout());
        return next;
    }
    std::size_t max_frame() const noexcept override { return 245; }
    const DongleCounters& counters() const noexcept override { return counters_; }

private:
    Duration air_time(std::size_t octets) const {
        return std::chrono::ceil<Duration>(
            std::chrono::duration<double>(8.0 * static_cast<double>(octets + air_overhead) / options_.air_rate));
    }
    Duration pause() const { return std::max<Duration>(shortest_pause, Duration(3 * 10'000'000ULL / options_.uart)); }
    void send_burst(TimePoint now);
    void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out);
    void on_heard(const Channel::Transmission& done, DongleOutput& out);
    void deliver(std::uint32_t address, const std::vector<Buffer>& frames, DongleOutput& out);

    StreamRadioOptions options_;
    NodeNumber nodes_;
    LineCode code_;  ///< of the nodes' firmware
    Channel channel_;
    Buffer held_;                                  ///< of the host's burst that has not ended
    std::optional<TimePoint> send_at_;             ///< when the pause has lasted
    std::size_t buffered_ = 0;                     ///< octets that wait for the air
    std::map<std::uint32_t, LineCode> listeners_;  ///< what nodes have heard so far, by address
    DongleCounters counters_;
};

void StreamRadio::from_host(Bytes octets, TimePoint now, DongleOutput& out) {
    timeout(now, out);
    if (options_.registers && options_.registers->take(octets, out.host)) return;
    // What does not fit into the buffer is gone.
    const std::size_t room = options_.model.buffer - std::min(options_.model.buffer, buffered_ + held_.size());
    counters_.refused += octets.size() > room ? 1U : 0U;
    const Bytes taken = octets.first(std::min(room, octets.size()));
    held_.insert(held_.end(), taken.begin(), taken.end());
    if (!held_.empty()) send_at_ = now + pause();
}

void StreamRadio::send_burst(TimePoint now) {
    Buffer burst = std::exchange(held_, {});
    send_at_.reset();
    std::uint32_t address = everyone_on_channel;
    if (options_.fixed) {
        if (burst.size() <= fixed_header) {
            ++counters_.malformed;
            return;
        }
        address = static_cast<std::uint32_t>(burst[0]) << 8U | static_cast<std::uint32_t>(burst[1]);
        if (burst[2] != std::byte{options_.channel}) {
            ++counters_.unknown_node;
            return;
        }
        burst.erase(burst.begin(), burst.begin() + fixed_header);
    }
    for (std::size_t at = 0; at < burst.size(); at += options_.model.subpacket) {
        const auto packet = Bytes(burst).subspan(at, std::min(options_.model.subpacket, burst.size() - at));
        buffered_ += packet.size();
        channel_.transmit(0, address, Buffer(packet.begin(), packet.end()), air_time(packet.size()), 1, now);
    }
}

void StreamRadio::from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) {
    Buffer stream;
    code_.encode(encapsulated(node, frame), stream);
    for (std::size_t at = 0; at < stream.size(); at += options_.model.subpacket) {
        const auto packet = Bytes(stream).subspan(at, std::min(options_.model.subpacket, stream.size() - at));
        channel_.transmit(node, 0, Buffer(packet.begin(), packet.end()), air_time(packet.size()), 1, now);
    }
    ++counters_.frames_up;
}

void StreamRadio::on_heard(const Channel::Transmission& done, DongleOutput& out) {
    if (!done.heard || (options_.registers && options_.registers->is_configuring())) {
        ++(done.heard ? counters_.unheard : counters_.lost_on_air);
        return;
    }
    out.host.insert(out.host.end(), done.octets.begin(), done.octets.end());
    if (!options_.rssi_octet) return;
    const int level = done.signal.rssi_dbm;
    out.host.push_back(static_cast<std::byte>(options_.half_formula ? std::min(255, -2 * level) : 256 + level));
}

void StreamRadio::on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) {
    buffered_ -= std::min(buffered_, done.octets.size());
    if (!done.heard) {
        ++counters_.lost_on_air;
        return;
    }
    auto& listener = listeners_.try_emplace(done.tag, options_.framing, options_.crc).first->second;
    std::vector<Buffer> frames;
    const auto errors = listener.errors();
    listener.receive(done.octets, now, frames);
    counters_.malformed += listener.errors() - errors;
    deliver(done.tag, frames, out);
}

void StreamRadio::deliver(std::uint32_t address, const std::vector<Buffer>& frames, DongleOutput& out) {
    for (const Buffer& frame : frames) {
        const auto inner = unwrapped(frame, nodes_);
        if (!inner) {
            ++counters_.malformed;
            continue;
        }
        // A node hears what is for its own address or for all, and takes what is for its own id or for all.
        NodeNumber to = inner->to;
        if (address != everyone_on_channel) {
            if (to != everyone && to != address) {
                ++counters_.unknown_node;
                continue;
            }
            to = static_cast<NodeNumber>(address);
        }
        if (to > nodes_) {
            ++counters_.unknown_node;
            continue;
        }
        ++counters_.frames_down;
        out.deliveries.push_back({to, Buffer(inner->inner.begin(), inner->inner.end())});
    }
}

void StreamRadio::timeout(TimePoint now, DongleOutput& out) {
    if (send_at_ && *send_at_ <= now) send_burst(now);
    while (const auto done = channel_.take(now)) {
        if (done->from == 0) {
            on_sent(*done, now, out);
        } else {
            on_heard(*done, out);
        }
    }
    counters_.collisions = channel_.collisions();
    for (auto& [address, listener] : listeners_) {
        std::vector<Buffer> frames;
        listener.timeout(now, frames);
        deliver(address, frames, out);
    }
}

constexpr std::string_view framing_names = "raw, slip, hdlc or cobs";
constexpr std::array ebyte_keys{
    DongleKey{"model", "e22", "e22, e220 or e32"},
    DongleKey{"mode", "transparent", "transparent or fixed"},
    DongleKey{"channel", "23", "a number from 0 to 83"},
    DongleKey{"subpacket", "0", "a number from 0 (the largest of the model) to 240"},
    DongleKey{"rssi_byte", "no", "yes or no"},
    DongleKey{"lbt", "no", "yes or no: whether all listen before they send (E22 and E220: REG3 bit 4)"},
    DongleKey{"rssi_formula", "256", "256 or half"},
    DongleKey{"air_rate", "2400", "a number from 300 to 62500"},
    DongleKey{"uart", "9600", "a number from 1200 to 115200"},
    DongleKey{"framing", "cobs", framing_names},
    DongleKey{"crc", "crc16-x25", crc_names_text},
    DongleKey{"pins", "normal", "normal or config: how M0 and M1 are set"},
};
constexpr std::array transparent_keys{
    DongleKey{"radio", "sik", "hc12, sik or rfcomm"},
    DongleKey{"chunk", "64", "a number from 1 to 250"},
    DongleKey{"uart", "57600", "a number from 1200 to 115200"},
    DongleKey{"framing", "cobs", framing_names},
    DongleKey{"crc", "crc16-x25", crc_names_text},
};

void read_framing(Values& values, StreamRadioOptions& options) {
    options.framing = static_cast<Framing>(values.choice("framing", {"raw", "slip", "hdlc", "cobs"}));
    options.crc = options.framing == Framing::raw    ? no_crc
                  : options.framing == Framing::hdlc ? crc16_x25
                                                     : crc_of(values, "crc");
}

std::unique_ptr<Dongle> make_ebyte(Values& values, NodeNumber nodes, const AirOptions& air) {
    static constexpr std::array models{Model{240, 1000}, Model{200, 400}, Model{58, 512}};
    StreamRadioOptions options;
    const auto model = values.choice("model", {"e22", "e220", "e32"});
    options.model = models[model];
    options.fixed = values.choice("mode", {"transparent", "fixed"}) == 1;
    options.channel = static_cast<std::uint8_t>(values.number("channel", 0, 83));
    const auto subpacket = static_cast<std::size_t>(values.number("subpacket", 0, 240));
    if (subpacket != 0) options.model.subpacket = std::min(options.model.subpacket, subpacket);
    options.rssi_octet = values.flag("rssi_byte");
    options.waits = values.flag("lbt");
    options.half_formula = values.choice("rssi_formula", {"256", "half"}) == 1;
    options.air_rate = static_cast<std::uint32_t>(values.number("air_rate", 300, 62500));
    options.uart = static_cast<std::uint32_t>(values.number("uart", 1200, 115200));
    read_framing(values, options);
    const bool is_configuring = values.choice("pins", {"normal", "config"}) == 1;
    options.registers.emplace(static_cast<EbyteModel>(model), options.channel, is_configuring);
    return std::make_unique<StreamRadio>(std::move(options), nodes, air);
}

std::unique_ptr<Dongle> make_transparent(Values& values, NodeNumber nodes, const AirOptions& air) {
    static constexpr std::array<std::uint32_t, 3> air_rates{15000, 64000, 700000};
    StreamRadioOptions options;
    const auto radio = values.choice("radio", {"hc12", "sik", "rfcomm"});
    options.air_rate = air_rates[radio];
    options.waits = radio != 0;  // SiK has time slots, Bluetooth its own medium access
    options.model.subpacket = static_cast<std::size_t>(values.number("chunk", 1, 250));
    options.uart = static_cast<std::uint32_t>(values.number("uart", 1200, 115200));
    read_framing(values, options);
    return std::make_unique<StreamRadio>(std::move(options), nodes, air);
}

}  // namespace

const DongleKind ebyte_kind{"ebyte", "Ebyte E22, E220 or E32 LoRa module", ebyte_keys, make_ebyte};
const DongleKind transparent_kind{"transparent", "Transparent radio: HC-12, SiK, RFCOMM", transparent_keys,
                                  make_transparent};

}  // namespace mqttsn::dongle
