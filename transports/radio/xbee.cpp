#include "transports/radio/xbee.hpp"

#include "protocol/hex.hpp"
#include "transports/radio/driver_values.hpp"
#include "transports/radio/xbee_mode_suspicion.hpp"
#include "transports/radio/xbee_nodes.hpp"
#include "transports/radio/xbee_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;
using Level = DriverOutput::Level;

constexpr Duration busy_wait = 100ms;
constexpr int busy_retries = 3;
/// A module that joined again without saying so would be waited for in vain.
constexpr Duration longest_unjoined = 30s;
constexpr Duration longest_network_sleep = 10min;
constexpr int timeouts_of_a_dead_module = 3;
constexpr std::uint32_t failures_of_a_lost_node = 3;
constexpr std::uint32_t smallest_limit = 16;  ///< less is no answer that can be right
/// Of one input: a dongle gone mad must not fill the log.
constexpr std::size_t most_notes = 16;

enum class TransmitFrame : std::uint8_t { automatic, modern, legacy };

struct Options {
    XbeeSetupOptions setup;
    XbeeProtocol protocol = XbeeProtocol::unknown;
    TransmitFrame frame = TransmitFrame::automatic;
    std::size_t window = 3;
    Duration status_time{};
    std::uint8_t transmit_options = 0;
    std::size_t mtu = 0;
};

void tell(Level level, std::string text, DriverOutput& out) {
    if (out.notes.size() < most_notes) out.notes.push_back({level, std::move(text)});
}

class XbeeDriver final : public Driver {
public:
    explicit XbeeDriver(const Options& options) : options_(options), setup_(options.setup, line_) {}

    void opened(TimePoint now, DriverOutput& out) override;
    void closed(TimePoint now, DriverOutput& out) override;
    void receive(Bytes octets, TimePoint now, DriverOutput& out) override;
    bool can_send() const noexcept override { return ready_ && !held_until_ && pending_.size() < window(); }
    void send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) override;
    void timeout(TimePoint now, DriverOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override;
    DriverTraits traits() const noexcept override;
    Duration air_time(std::size_t /*octets*/) const noexcept override { return Duration::zero(); }
    const DriverCounters& counters() const noexcept override { return counters_; }
    std::string to_string(const Address& address) const override { return to_hex(address.octets()); }

private:
    /// Handed to the module; its status has not come.
    struct Pending {
        xbee::TransmitRequest request;  ///< without payload
        FrameToken token = 0;
        Buffer payload;
        TimePoint deadline;
        bool waiting = false;  ///< to be sent once more at the deadline
        int retries_left = busy_retries;
        bool channel_retried = false;
        bool route_retried = false;
    };

    std::size_t window() const noexcept { return setup_.facts().series1() ? 1 : options_.window; }
    XbeeProtocol protocol() const noexcept {
        return options_.protocol == XbeeProtocol::unknown ? setup_.facts().protocol() : options_.protocol;
    }
    void set_up(TimePoint now, DriverOutput& out);
    void count_line(DriverOutput& out);
    void after_setup(DriverOutput& out);
    void handle_frames(TimePoint now, DriverOutput& out);
    void handle(const xbee::ReceivePacket& packet, DriverOutput& out);
    void handle(const xbee::TransmitStatus& status, TimePoint now, DriverOutput& out);
    void handle(const xbee::ModemStatus& status, TimePoint now, DriverOutput& out);
    bool try_again(Pending& pending, std::uint8_t status, TimePoint now);
    void report(const Pending& pending, std::uint8_t status, TimePoint now, DriverOutput& out);
    void transmit(Pending& pending, TimePoint now, DriverOutput& out);
    void fail_pending(DriverOutput& out);
    void expire_pending(TimePoint now, DriverOutput& out);
    void hold(Duration at_most, TimePoint now, std::string_view why, DriverOutput& out);
    void release(DriverOutput& out);
    void count_failure(const Pending& pending, DriverOutput& out);
    std::uint8_t next_id() noexcept;

    const Options options_;
    XbeeApiFraming line_;
    XbeeSetup setup_;
    FrameList frames_;
    std::vector<Pending> pending_;
    XbeeNodes nodes_;
    bool ready_ = false;
    bool legacy_heard_ = false;  ///< the last packet came as 80 or 81
    bool modern_heard_ = false;  ///< ... as 90 or 91
    std::optional<TimePoint> held_until_;
    std::uint8_t last_id_ = 0;
    int silent_ = 0;           ///< statuses missed since the module last said anything
    bool reset_seen_ = false;  ///< since the port was opened
    std::uint64_t malformed_ = 0;
    XbeeModeSuspicion suspicion_;
    DriverCounters counters_;
};

void XbeeDriver::opened(TimePoint now, DriverOutput& out) {
    line_.reset();
    reset_seen_ = false;
    set_up(now, out);
}

void XbeeDriver::closed(TimePoint /*now*/, DriverOutput& out) {
    setup_.stop();
    fail_pending(out);
    held_until_.reset();
    ready_ = false;
    out.ready = false;
}

/// Frame numbers and what was under way are unknown to a module that has begun anew.
void XbeeDriver::set_up(TimePoint now, DriverOutput& out) {
    fail_pending(out);
    held_until_.reset();
    silent_ = 0;
    legacy_heard_ = modern_heard_ = false;
    ready_ = false;
    out.ready = false;
    setup_.start(now, out);
}

void XbeeDriver::after_setup(DriverOutput& out) {
    if (ready_ || !setup_.done()) return;
    ready_ = true;
    out.ready = true;
}

void XbeeDriver::receive(Bytes octets, TimePoint now, DriverOutput& out) {
    setup_.heard(octets.size());
    // What an octet means can depend on the frame before it: on the API mode that it told, on a reset, on text.
    for (const std::byte& each : octets) {
        const Bytes one(&each, 1);
        if (setup_.in_text()) {
            setup_.receive_text(one, now, out);
            continue;
        }
        line_.receive(one, now, frames_);
        if (!frames_.empty()) handle_frames(now, out);
    }
    count_line(out);
}

void XbeeDriver::handle_frames(TimePoint now, DriverOutput& out) {
    for (std::size_t i = 0; i < frames_.size(); ++i) {
        ++counters_.frames_in;
        silent_ = 0;
        suspicion_.sound_frame(frames_[i], line_.check_errors_with_escape());
        const auto frame = xbee::decode(frames_[i]);
        if (!frame) {
            ++malformed_;
            continue;
        }
        if (const auto* packet = std::get_if<xbee::ReceivePacket>(&*frame)) {
            handle(*packet, out);
        } else if (const auto* status = std::get_if<xbee::TransmitStatus>(&*frame)) {
            handle(*status, now, out);
        } else if (const auto* modem = std::get_if<xbee::ModemStatus>(&*frame)) {
            handle(*modem, now, out);
        } else if (const auto* response = std::get_if<xbee::AtResponse>(&*frame)) {
            if (!setup_.handle(*response, now, out)) ++counters_.unexpected;
            after_setup(out);
        }
    }
    frames_.clear();
}

void XbeeDriver::count_line(DriverOutput& out) {
    const FramingCounters& line = line_.counters();
    counters_.check_errors = line.check_errors;
    counters_.framing_errors = line.framing_errors + line.escape_errors + malformed_;
    counters_.oversize = line.oversize;
    counters_.skipped_octets = line.skipped_octets;
    if (line_.escapes() || !suspicion_.rises(line_.check_errors_with_escape())) return;
    tell(Level::warning,
         "wrong checksums in frames that hold 7D: was the XBee switched to API mode 2 "
         "behind the gateway's back?",
         out);
}

void XbeeDriver::handle(const xbee::ReceivePacket& packet, DriverOutput& out) {
    legacy_heard_ = packet.legacy;
    modern_heard_ = !packet.legacy;
    if (packet.short_address < xbee::no_short_address && packet.from.octets().size() == 8) {
        nodes_.of(packet.from).short_address = packet.short_address;
    }
    out.push_received(packet.from, packet.signal, packet.payload);
}

void XbeeDriver::handle(const xbee::ModemStatus& status, TimePoint now, DriverOutput& out) {
    switch (status.status) {
        case 0x00:
        case 0x01:
            ++counters_.resets;
            // The first time before it is ready it has just got power, with the port or at the same moment.
            tell(ready_ || reset_seen_ ? Level::warning : Level::debug,
                 fmt::format("the XBee started anew ({})", status.status == 0 ? "power or reset" : "its watchdog"),
                 out);
            reset_seen_ = true;
            set_up(now, out);
            break;
        case 0x02:
        case 0x06:
        case 0x0b:
            release(out);
            break;
        case 0x03:
            hold(longest_unjoined, now, "the XBee has left its network", out);
            break;
        case 0x0c:
            hold(longest_network_sleep, now, "the network sleeps", out);
            break;
        default:
            tell(Level::debug, fmt::format("XBee modem status {:02x}", status.status), out);
    }
}

/// Nothing leaves until release(), or for so long: the word that it may go on can be lost.
void XbeeDriver::hold(Duration at_most, TimePoint now, std::string_view why, DriverOutput& out) {
    if (!held_until_) tell(Level::warning, fmt::format("{}: sending waits", why), out);
    held_until_ = now + at_most;
}

void XbeeDriver::release(DriverOutput& out) {
    if (held_until_) tell(Level::info, "the XBee is in its network: sending goes on", out);
    held_until_.reset();
}

std::uint8_t XbeeDriver::next_id() noexcept {
    const auto used = [this](std::uint8_t id) {
        return std::ranges::any_of(pending_, [id](const Pending& each) { return each.request.id == id; });
    };
    do {
        last_id_ = last_id_ == 255 ? std::uint8_t{1} : static_cast<std::uint8_t>(last_id_ + 1);
    } while (used(last_id_));
    return last_id_;
}

void XbeeDriver::send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) {
    assert(can_send());
    if (!frame.broadcast && !xbee::is_address(frame.to)) {
        ++counters_.send_failures;
        out.departed.push_back({frame.token, Departure::failed});
        return;
    }
    Pending& pending = pending_.emplace_back();
    pending.token = frame.token;
    pending.payload.assign(frame.frame.begin(), frame.frame.end());
    pending.request.broadcast = frame.broadcast;
    pending.request.to = frame.to;
    pending.request.radius = frame.radius;
    pending.request.options = options_.transmit_options;
    if (!frame.broadcast) pending.request.short_address = nodes_.of(frame.to).short_address;
    ++counters_.sent;
    transmit(pending, now, out);
}

void XbeeDriver::transmit(Pending& pending, TimePoint now, DriverOutput& out) {
    pending.request.id = next_id();
    pending.request.legacy = options_.frame == TransmitFrame::legacy ||
                             (options_.frame == TransmitFrame::automatic &&
                              (legacy_heard_ || (!modern_heard_ && protocol() == XbeeProtocol::ieee802154)));
    pending.request.payload = pending.payload;
    Buffer data;
    append(pending.request, data);
    line_.encode(data, out.wire);
    pending.waiting = false;
    pending.deadline = now + options_.status_time;
}

void XbeeDriver::handle(const xbee::TransmitStatus& status, TimePoint now, DriverOutput& out) {
    const auto found = std::ranges::find_if(
        pending_, [&](const Pending& each) { return !each.waiting && each.request.id == status.id; });
    if (found == pending_.end()) {
        ++counters_.unexpected;  // late, or twice: nobody waits any more
        return;
    }
    Pending& pending = *found;
    if (try_again(pending, status.status, now)) {
        ++counters_.retried;
        return;
    }
    if (status.status == 0 && !pending.request.broadcast && status.short_address < xbee::no_short_address &&
        pending.request.to.octets().size() == 8) {
        nodes_.of(pending.request.to).short_address = status.short_address;
    }
    report(pending, status.status, now, out);
    pending_.erase(found);
}

bool XbeeDriver::try_again(Pending& pending, std::uint8_t status, TimePoint now) {
    switch (status) {
        case 0x02:
            if (std::exchange(pending.channel_retried, true)) return false;
            break;
        case 0x24:
        case 0x25:
            if (pending.request.broadcast) return false;
            nodes_.of(pending.request.to).short_address = xbee::no_short_address;
            pending.request.short_address = xbee::no_short_address;
            if (std::exchange(pending.route_retried, true)) return false;
            break;
        case 0x2c:
        case 0x31:
        case 0x32:
            if (pending.retries_left-- == 0) return false;
            break;
        default:
            return false;
    }
    pending.waiting = true;
    pending.deadline = now + busy_wait;
    return true;
}

void XbeeDriver::report(const Pending& pending, std::uint8_t status, TimePoint now, DriverOutput& out) {
    // 26: no neighbour repeated the broadcast; those that hear the module itself have it.
    const bool left = status == 0x00 || (pending.request.broadcast && status == 0x26);
    if (left) {
        ++counters_.departed;
        const bool acknowledged = !pending.request.broadcast && (options_.transmit_options & 1) == 0;
        out.departed.push_back({pending.token, acknowledged ? Departure::confirmed : Departure::left});
        if (pending.request.broadcast) return;
        XbeeNodes::Node& node = nodes_.of(pending.request.to);
        if (node.failures >= failures_of_a_lost_node) {
            tell(Level::info, fmt::format("node {} is back", to_string(pending.request.to)), out);
        }
        node.failures = 0;
        return;
    }
    ++counters_.send_failures;
    out.departed.push_back({pending.token, Departure::failed});
    tell(status == 0x23 || status == 0x74 ? Level::warning : Level::debug,
         fmt::format("a frame of {} octets to {} failed: {} (status {:02x})", pending.payload.size(),
                     pending.request.broadcast ? "all" : to_string(pending.request.to), xbee::delivery_text(status),
                     status),
         out);
    if (status == 0x22) hold(longest_unjoined, now, "the XBee has not joined a network", out);
    if (status == 0x74) setup_.read_payload_limit(out);
    if (status == 0x01 || status == 0x21 || status == 0x24 || status == 0x25) count_failure(pending, out);
}

void XbeeDriver::count_failure(const Pending& pending, DriverOutput& out) {
    if (pending.request.broadcast) return;
    XbeeNodes::Node& node = nodes_.of(pending.request.to);
    if (++node.failures != failures_of_a_lost_node) return;
    tell(Level::warning,
         fmt::format("node {} does not answer: {} frames in a row had no effect", to_string(pending.request.to),
                     node.failures),
         out);
}

void XbeeDriver::fail_pending(DriverOutput& out) {
    for (const Pending& each : pending_) {
        ++counters_.send_failures;
        out.departed.push_back({each.token, Departure::failed});
    }
    pending_.clear();
}

void XbeeDriver::expire_pending(TimePoint now, DriverOutput& out) {
    for (auto each = pending_.begin(); each != pending_.end();) {
        if (now < each->deadline) {
            ++each;
        } else if (each->waiting) {
            transmit(*each, now, out);
            ++each;
        } else {
            ++counters_.send_timeouts;
            ++silent_;
            out.departed.push_back({each->token, Departure::failed});
            each = pending_.erase(each);
        }
    }
}

void XbeeDriver::timeout(TimePoint now, DriverOutput& out) {
    if (line_.next_timeout() && now >= *line_.next_timeout()) {
        line_.timeout(now, frames_);
        handle_frames(now, out);
        count_line(out);
    }
    expire_pending(now, out);
    if (held_until_ && now >= *held_until_) held_until_.reset();
    setup_.timeout(now, out);
    if (ready_ && silent_ >= timeouts_of_a_dead_module) {
        tell(Level::error, fmt::format("the XBee is silent: {} frames without a status", silent_), out);
        setup_.unblock(out);
        set_up(now, out);
    }
    after_setup(out);
}

std::optional<TimePoint> XbeeDriver::next_timeout() const noexcept {
    std::optional<TimePoint> next = line_.next_timeout();
    const auto sooner = [&next](const std::optional<TimePoint>& each) {
        if (each && (!next || *each < *next)) next = each;
    };
    sooner(setup_.next_timeout());
    sooner(held_until_);
    for (const Pending& each : pending_)
        sooner(each.deadline);
    return next;
}

DriverTraits XbeeDriver::traits() const noexcept {
    const XbeeFacts& facts = setup_.facts();
    // Digi's own figures for modules that do not know NP.
    std::size_t limit = protocol() == XbeeProtocol::ieee802154 ? 94 : protocol() == XbeeProtocol::zigbee ? 84 : 73;
    if (facts.payload_limit && *facts.payload_limit >= smallest_limit)
        limit = std::min<std::size_t>(*facts.payload_limit, 2048);
    if (options_.mtu > 0) limit = std::min(limit, options_.mtu);
    return {.mtu = limit, .addressed = true, .broadcast = true, .confirms_departure = true};
}

constexpr DriverOption option_table[] = {
    {"api_mode", "auto", "auto, 1 or 2", "API mode of the module (AP); auto asks it"},
    {"variant", "auto", "auto, 802154, zigbee or digimesh", "the module's protocol; auto asks it"},
    {"tx_frame", "auto", "auto, 10 or 00", "frames to send: 10 (Zigbee, DigiMesh), 00 (802.15.4: 00 and 01)"},
    {"window", "3", "a number from 1 to 16", "frames handed to the module whose status has not come"},
    {"tx_timeout_ms", "5000", "a number from 100 to 60000", "how long to wait for a status"},
    {"tx_options", "0", "a number from 0 to 255", "transmit options of every frame"},
    {"probe", "false", "true or false", "look for the module at other speeds and in transparent mode"},
    {"configure", "false", "true or false", "change AP and AO of the module where they do not fit"},
    {"persist", "false", "true or false", "write what was changed to the module's flash (WR)"},
};

MadeDriver make(const DriverValues& values, std::size_t mtu) {
    DriverValueReader read(values, option_table);
    Options options;
    options.setup.api_mode = static_cast<int>(read.choice("api_mode", {"auto", "1", "2"}));
    options.protocol = static_cast<XbeeProtocol>(read.choice("variant", {"auto", "802154", "zigbee", "digimesh"}));
    options.frame = static_cast<TransmitFrame>(read.choice("tx_frame", {"auto", "10", "00"}));
    options.window = static_cast<std::size_t>(read.number("window", 1, 16));
    options.status_time = std::chrono::milliseconds(read.number("tx_timeout_ms", 100, 60000));
    options.transmit_options = static_cast<std::uint8_t>(read.number("tx_options", 0, 255));
    options.setup.probe = read.boolean("probe");
    options.setup.configure = read.boolean("configure");
    options.setup.persist = read.boolean("persist");
    options.mtu = mtu;
    if (!read.error().empty()) return {nullptr, read.error()};
    return {std::make_unique<XbeeDriver>(options), {}};
}

}  // namespace

const DriverKind& xbee_kind() {
    static const DriverKind kind{"xbee", "Digi XBee in API mode: 802.15.4, Zigbee, DigiMesh", 9600, option_table, make};
    return kind;
}

}  // namespace mqttsn::transports
