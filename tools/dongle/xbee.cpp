// Digi XBee: 802.15.4 (series 1), Zigbee and DigiMesh, in API mode 1 or 2, or transparent until told otherwise.
#include "tools/dongle/channel.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/schedule.hpp"
#include "tools/dongle/values.hpp"
#include "tools/dongle/xbee_api.hpp"
#include "tools/dongle/xbee_command_mode.hpp"
#include "tools/dongle/xbee_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mqttsn::dongle {

namespace {

constexpr std::uint64_t node_serial = 0x0013A20040401000;  // + number
constexpr std::uint64_t everyone64 = 0xFFFF;
constexpr std::uint64_t use_address16 = 0xFFFFFFFFFFFFFFFF;
constexpr std::uint16_t unknown16 = 0xFFFE;
constexpr std::uint16_t everyone16 = 0xFFFF;
constexpr std::uint16_t node_address16 = 0x1000;              // + number
constexpr std::size_t radio_overhead = 25;                    // octets around the payload on the air
constexpr auto octet_on_air = std::chrono::microseconds(32);  // 250 kbit/s
constexpr auto channel_access = std::chrono::microseconds(1200);
constexpr unsigned most_sendings = 4;
constexpr std::size_t most_waiting = 5;  // transmissions; more are refused for want of buffers
constexpr auto boot_time = std::chrono::milliseconds(100);
constexpr auto join_time = std::chrono::milliseconds(150);

namespace delivery {
constexpr unsigned success = 0x00, no_mac_ack = 0x01, no_network_ack = 0x21, no_address = 0x24, no_route = 0x25,
                   no_resource = 0x32, too_large = 0x74;
}

class Reader {
public:
    explicit Reader(Bytes octets) : rest_(octets) {}
    std::uint64_t take(std::size_t octets) {
        std::uint64_t value = 0;
        ok_ = ok_ && octets <= rest_.size();
        for (std::size_t i = 0; ok_ && i < octets; ++i)
            value = value << 8U | static_cast<std::uint64_t>(rest_[i]);
        if (ok_) rest_ = rest_.subspan(octets);
        return value;
    }
    bool ok() const noexcept { return ok_; }
    Bytes rest() const noexcept { return rest_; }

private:
    Bytes rest_;
    bool ok_ = true;
};

void append(Buffer& data, std::uint64_t value, std::size_t octets) {
    for (std::size_t i = octets; i-- > 0;)
        data.push_back(static_cast<std::byte>(value >> 8 * i & 0xFFU));
}

struct XbeeOptions {
    XbeeVariant variant = XbeeVariant::digimesh;
    std::uint8_t ap = 2;
    std::uint8_t ao = 0;
    std::uint16_t my = 0;
    std::uint16_t np = 0;
    Duration status_delay{};
    double status_loss = 0;
    double failure = 0;
    unsigned failure_status = delivery::no_network_ack;
};

class Xbee : public Dongle {
public:
    Xbee(const XbeeOptions& options, NodeNumber nodes, const AirOptions& air)
        : options_(options),
          nodes_(nodes),
          settings_(options.variant, options.ap, options.ao, options.my, options.np),
          channel_(air, true),  // CSMA/CA
          random_(node::random_of(air.seed, 0xC1, 0)) {}

    void power_on(TimePoint now, DongleOutput& out) override;
    void from_host(Bytes octets, TimePoint now, DongleOutput& out) override;
    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput& out) override;
    void timeout(TimePoint now, DongleOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override {
        return earliest(earliest(later_.next(), channel_.next_timeout()), command_mode_.next_timeout());
    }
    std::size_t max_frame() const noexcept override { return largest_payload(); }
    const DongleCounters& counters() const noexcept override { return counters_; }

private:
    struct Sent {
        std::uint8_t id = 0;
        bool is_legacy = false;  ///< answered by 89
        NodeNumber to = everyone;
    };

    /// Zigbee's NP is FF because it fragments; without it one packet holds less.
    std::size_t largest_payload() const {
        const std::size_t np = settings_.number("NP");
        return np == 0 ? 100 : np;
    }
    bool is_802154() const noexcept { return options_.variant == XbeeVariant::legacy_802154; }
    void emit(const Buffer& data, DongleOutput& out) const;
    void on_frame(Bytes data, TimePoint now);
    void on_at(Bytes data, TimePoint now);
    void on_transmit(std::uint8_t type, Bytes data, TimePoint now);
    std::optional<NodeNumber> node_at(std::uint64_t address64, std::uint16_t address16) const;
    void status(const Sent& of, unsigned code, unsigned retries, TimePoint now);
    void on_departed(const Channel::Transmission& done, TimePoint now, DongleOutput& out);
    void on_heard(const Channel::Transmission& done, DongleOutput& out);
    bool happens(double share) { return std::uniform_real_distribution<double>(0, 1)(random_) < share; }

    XbeeOptions options_;
    NodeNumber nodes_;
    XbeeSettings settings_;
    Channel channel_;
    node::SmallRandom random_;
    XbeeApi api_;
    XbeeCommandMode command_mode_;
    Schedule<Buffer> later_;  ///< data of frames for the host
    std::map<std::uint32_t, Sent> sent_;
    std::uint32_t last_tag_ = 0;
    DongleCounters counters_;
};

void Xbee::power_on(TimePoint now, DongleOutput&) {
    api_.reset();
    command_mode_.reset(now);
    later_.clear();
    sent_.clear();
    channel_.silence(0);
    Buffer reset_frame;
    append(reset_frame, 0x8A00, 2);
    later_.add(now + boot_time, reset_frame);
    if (options_.variant == XbeeVariant::zigbee) {
        Buffer coordinator_started;
        append(coordinator_started, 0x8A06, 2);
        later_.add(now + boot_time + join_time, coordinator_started);
    }
}

void Xbee::emit(const Buffer& data, DongleOutput& out) const {
    if (settings_.number("AP") != 0) XbeeApi::encode(settings_.number("AP") == 2, data, out.host);
}

void Xbee::from_host(Bytes octets, TimePoint now, DongleOutput& out) {
    if (settings_.number("AP") == 0 || command_mode_.is_active()) {
        const auto passed_on = command_mode_.receive(octets, now, settings_, out.host);
        // Transparent: whatever it is, it goes to everyone, and no node makes a message of it.
        counters_.malformed += passed_on.empty() ? 0U : 1U;
        if (command_mode_.take_reset()) power_on(now, out);
        return;
    }
    std::vector<Buffer> frames;
    api_.receive(settings_.number("AP") == 2, octets, frames);
    for (const Buffer& each : frames)
        on_frame(each, now);
    counters_.malformed = api_.errors();
    timeout(now, out);
}

void Xbee::on_frame(Bytes data, TimePoint now) {
    const auto type = static_cast<std::uint8_t>(data[0]);
    if (type == 0x08 || type == 0x09) return on_at(data.subspan(1), now);
    const bool is_known = type == 0x10 ? !is_802154() : is_802154() && type <= 0x01;
    if (is_known) on_transmit(type, data.subspan(1), now);
}

void Xbee::on_at(Bytes data, TimePoint now) {
    if (data.size() < 3) return;
    const auto answer = settings_.command(as_text(data.subspan(1, 2)), data.subspan(3));
    Buffer response;
    append(response, 0x88, 1);
    response.insert(response.end(), data.begin(), data.begin() + 3);
    append(response, static_cast<std::uint64_t>(answer.status), 1);
    response.insert(response.end(), answer.value.begin(), answer.value.end());
    counters_.refused += answer.status == XbeeSettings::Status::ok ? 0U : 1U;
    if (data[0] != std::byte{0}) later_.add(now, response);
    if (answer.reset)
        later_.add(now + boot_time, [] {
            Buffer reset;
            append(reset, 0x8A00, 2);
            return reset;
        }());
}

std::optional<NodeNumber> Xbee::node_at(std::uint64_t address64, std::uint16_t address16) const {
    if (address64 == everyone64 || (address64 == use_address16 && address16 == everyone16)) return everyone;
    const std::uint64_t number =
        address64 == use_address16 ? std::uint64_t{address16} - node_address16 : address64 - node_serial;
    if (number >= 1 && number <= nodes_) return static_cast<NodeNumber>(number);
    return std::nullopt;
}

void Xbee::on_transmit(std::uint8_t type, Bytes data, TimePoint now) {
    Reader reader(data);
    Sent sent{static_cast<std::uint8_t>(reader.take(1)), type != 0x10, everyone};
    const std::uint64_t address64 = type == 0x01 ? use_address16 : reader.take(8);
    const auto address16 = static_cast<std::uint16_t>(type == 0x00 ? unknown16 : reader.take(2));
    reader.take(type == 0x10 ? 2 : 1);  // radius, options
    if (!reader.ok()) {
        ++counters_.malformed;
        return;
    }
    if (reader.rest().size() > largest_payload()) return status(sent, delivery::too_large, 0, now);
    if (sent_.size() >= most_waiting) return status(sent, delivery::no_resource, 0, now);
    const auto node = node_at(address64, address16);
    if (!node) {
        ++counters_.unknown_node;
        const unsigned code = is_802154()                               ? delivery::no_mac_ack
                              : options_.variant == XbeeVariant::zigbee ? delivery::no_address
                                                                        : delivery::no_route;
        return status(sent, code, 0, now + channel_access);
    }
    sent.to = *node;
    const Duration air = channel_access + octet_on_air * (reader.rest().size() + radio_overhead);
    sent_[++last_tag_] = sent;
    channel_.transmit(0, last_tag_, Buffer(reader.rest().begin(), reader.rest().end()), air,
                      sent.to == everyone ? 1 : most_sendings, now);
}

void Xbee::status(const Sent& of, unsigned code, unsigned retries, TimePoint now) {
    counters_.refused += code == delivery::success ? 0U : 1U;
    if (of.id == 0) return;
    if (options_.status_loss > 0 && happens(options_.status_loss)) {
        ++counters_.replies_withheld;
        return;
    }
    Buffer data;
    if (of.is_legacy) {
        append(data, 0x89, 1);
        append(data, of.id, 1);
        append(data, code == delivery::success ? 0 : code == delivery::no_mac_ack ? 1 : 2, 1);
    } else {
        append(data, 0x8B, 1);
        append(data, of.id, 1);
        const bool is_short_known = options_.variant == XbeeVariant::zigbee && of.to != everyone;
        append(data, is_short_known ? node_address16 + of.to : unknown16, 2);
        append(data, retries, 1);
        append(data, code, 1);
        append(data, 0, 1);
    }
    later_.add(now + options_.status_delay, data);
}

void Xbee::on_departed(const Channel::Transmission& done, TimePoint now, DongleOutput& out) {
    const auto found = sent_.extract(done.tag);
    if (!found) return;
    const Sent& sent = found.mapped();
    const bool fails = options_.failure > 0 && happens(options_.failure);
    if (done.heard && !fails) {
        ++counters_.frames_down;
        out.deliveries.push_back({sent.to, done.octets});
    } else {
        ++counters_.lost_on_air;
    }
    // Nobody acknowledges a broadcast.
    const bool is_known_lost = (!done.heard || fails) && sent.to != everyone;
    const unsigned code = fails         ? options_.failure_status
                          : is_802154() ? delivery::no_mac_ack
                                        : delivery::no_network_ack;
    status(sent, is_known_lost ? code : delivery::success, done.sendings - 1, now);
}

void Xbee::from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) {
    const Duration air = channel_access + octet_on_air * (frame.size() + radio_overhead);
    channel_.transmit(node, 0, Buffer(frame.begin(), frame.end()), air, most_sendings, now);
}

void Xbee::on_heard(const Channel::Transmission& done, DongleOutput& out) {
    if (!done.heard) {
        ++counters_.lost_on_air;
        return;
    }
    if (settings_.number("AP") == 0) {
        out.host.insert(out.host.end(), done.octets.begin(), done.octets.end());
        return;
    }
    Buffer data;
    const std::uint64_t serial = node_serial + done.from;
    if (is_802154()) {
        const bool has_short = settings_.number("MY") < unknown16;
        append(data, has_short ? 0x81 : 0x80, 1);
        append(data, has_short ? node_address16 + done.from : serial, has_short ? 2 : 8);
        append(data, static_cast<std::uint64_t>(-done.signal.rssi_dbm), 1);
        append(data, 0x00, 1);
    } else {
        const bool is_zigbee = options_.variant == XbeeVariant::zigbee;
        const bool is_explicit = settings_.number("AO") != 0;
        append(data, is_explicit ? 0x91 : 0x90, 1);
        append(data, serial, 8);
        append(data, is_zigbee ? node_address16 + done.from : unknown16, 2);
        if (is_explicit) append(data, 0xE8E80011C105, 6);  // endpoints, cluster, profile of data
        append(data, is_zigbee ? 0x01 : 0xC1, 1);
    }
    settings_.set("DB", static_cast<std::uint32_t>(-done.signal.rssi_dbm));
    data.insert(data.end(), done.octets.begin(), done.octets.end());
    ++counters_.frames_up;
    emit(data, out);
}

void Xbee::timeout(TimePoint now, DongleOutput& out) {
    while (const auto done = channel_.take(now)) {
        if (done->from == 0) {
            on_departed(*done, now, out);
        } else {
            on_heard(*done, out);
        }
    }
    counters_.collisions = channel_.collisions();
    while (const auto data = later_.take(now))
        emit(*data, out);
    command_mode_.timeout(now, out.host);
}

constexpr std::array xbee_keys{
    DongleKey{"variant", "digimesh", "zigbee, digimesh or 802154"},
    DongleKey{"ap", "2", "0 (transparent), 1 or 2"},
    DongleKey{"ao", "0", "0 or 1"},
    DongleKey{"my", "65534", "a number from 0 to 65535"},
    DongleKey{"np", "0", "a number from 0 (what the module has) to 255"},
    DongleKey{"status_delay_ms", "0", "a number from 0 to 60000"},
    DongleKey{"reply_loss", "0", "a share from 0 to 1"},
    DongleKey{"failure", "0", "a share from 0 to 1"},
    DongleKey{"failure_status", "33", "a number from 1 to 255"},
};

std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions& air) {
    XbeeOptions options;
    options.variant = static_cast<XbeeVariant>(values.choice("variant", {"zigbee", "digimesh", "802154"}));
    options.ap = static_cast<std::uint8_t>(values.number("ap", 0, 2));
    options.ao = static_cast<std::uint8_t>(values.number("ao", 0, 1));
    options.my = static_cast<std::uint16_t>(values.number("my", 0, 65535));
    options.np = static_cast<std::uint16_t>(values.number("np", 0, 255));
    options.status_delay = std::chrono::milliseconds(values.number("status_delay_ms", 0, 60000));
    options.status_loss = values.share("reply_loss");
    options.failure = values.share("failure");
    options.failure_status = static_cast<unsigned>(values.number("failure_status", 1, 255));
    return std::make_unique<Xbee>(options, nodes, air);
}

}  // namespace

const DongleKind xbee_kind{"xbee", "Digi XBee in API mode", xbee_keys, make};

}  // namespace mqttsn::dongle
