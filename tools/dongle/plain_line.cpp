// No radio: nodes, or a home-made dongle that passes their frames on, directly on the line.
#include "tools/dongle/forwarding.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/line_code.hpp"
#include "tools/dongle/values.hpp"

namespace mqttsn::dongle {

namespace {

class PlainLine : public Dongle {
public:
    PlainLine(LineCode code, bool encapsulates, NodeNumber nodes)
        : code_(std::move(code)), encapsulates_(encapsulates), nodes_(nodes) {}

    void power_on(TimePoint, DongleOutput&) override { code_.reset(); }

    void from_host(Bytes octets, TimePoint now, DongleOutput& out) override {
        std::vector<Buffer> frames;
        code_.receive(octets, now, frames);
        deliver(frames, out);
    }

    void from_node(NodeNumber node, Bytes frame, TimePoint, DongleOutput& out) override {
        ++counters_.frames_up;
        code_.encode(encapsulates_ ? Bytes(encapsulated(node, frame)) : frame, out.host);
    }

    void timeout(TimePoint now, DongleOutput& out) override {
        std::vector<Buffer> frames;
        code_.timeout(now, frames);
        deliver(frames, out);
    }
    std::optional<TimePoint> next_timeout() const noexcept override { return code_.next_timeout(); }
    std::size_t max_frame() const noexcept override { return 1000; }
    const DongleCounters& counters() const noexcept override { return counters_; }

private:
    void deliver(const std::vector<Buffer>& frames, DongleOutput& out) {
        for (const Buffer& frame : frames) {
            const auto inner = unwrapped(frame, nodes_);
            if (inner && inner->to <= nodes_) {
                ++counters_.frames_down;
                out.deliveries.push_back({inner->to, Buffer(inner->inner.begin(), inner->inner.end())});
            } else {
                ++(inner ? counters_.unknown_node : counters_.malformed);
            }
        }
        counters_.malformed += code_.errors() - std::exchange(code_errors_, code_.errors());
    }

    LineCode code_;
    bool encapsulates_;
    NodeNumber nodes_;
    std::uint64_t code_errors_ = 0;
    DongleCounters counters_;
};

constexpr DongleKey addressing{"addressing", "auto", "fe, single, or auto (fe for several nodes)"};
constexpr std::array plain_keys{addressing};
constexpr std::array slip_keys{addressing, DongleKey{"crc", "none", crc_names_text}};
constexpr std::array cobs_keys{addressing, DongleKey{"crc", "crc16-x25", crc_names_text}};

template <Framing framing>
std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions&) {
    Crc crc = no_crc;
    if constexpr (framing == Framing::hdlc) crc = crc16_x25;
    if constexpr (framing == Framing::slip || framing == Framing::cobs) crc = crc_of(values, "crc");
    const auto choice = values.choice("addressing", {"auto", "fe", "single"});
    return std::make_unique<PlainLine>(LineCode(framing, crc), choice == 1 || (choice == 0 && nodes > 1), nodes);
}

}  // namespace

const DongleKind raw_kind{"raw", "Frames back to back on a serial line", plain_keys, make<Framing::raw>};
const DongleKind slip_kind{"slip", "A serial line with SLIP", slip_keys, make<Framing::slip>};
const DongleKind hdlc_kind{"hdlc", "A serial line with HDLC framing and FCS-16", plain_keys, make<Framing::hdlc>};
const DongleKind cobs_kind{"cobs", "A serial line with COBS and CRC", cobs_keys, make<Framing::cobs>};

}  // namespace mqttsn::dongle
