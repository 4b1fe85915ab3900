// A bridge of the aquila project: an Arduino with an RFM69 or 802.15.4 radio, SLIP and CRC on the serial line.
#include "tools/dongle/channel.hpp"
#include "tools/dongle/kinds.hpp"
#include "tools/dongle/line_code.hpp"
#include "tools/dongle/schedule.hpp"
#include "tools/dongle/values.hpp"

#include <algorithm>
#include <deque>

namespace mqttsn::dongle {

namespace {

constexpr std::byte type_nack{0x00};
constexpr std::byte type_ack{0x01};
constexpr std::byte type_config{0x02};
constexpr std::byte type_pairing{0x03};
constexpr std::byte type_message{0xFE};
constexpr std::size_t config_length = 19;
constexpr std::size_t header_length = 5;
constexpr std::uint16_t broadcast_address = 0xFFFF;
constexpr unsigned radio_sendings = 3;
constexpr std::size_t serial_buffer = 4;  // frames that wait while the radio is busy
constexpr std::size_t radio_overhead = 8;
constexpr auto octet_on_air = std::chrono::microseconds(145);  // 55 kbit/s

class Aquila : public Dongle {
public:
    Aquila(Duration boot_time, std::size_t most, double reply_loss, NodeNumber nodes, const AirOptions& air)
        : boot_time_(boot_time),
          most_(most),
          reply_loss_(reply_loss),
          nodes_(nodes),
          channel_(air, true),
          random_(node::random_of(air.seed, 0xE1, 0)) {}

    void power_on(TimePoint now, DongleOutput&) override {
        code_.reset();
        later_.clear();
        waiting_.clear();
        channel_.silence(0);
        is_sending_ = is_configured_ = is_pairing_ = false;
        started_at_ = now + boot_time_;
        later_.add(started_at_, control({type_ack}));
        later_.add(started_at_, control({type_config}));
    }

    void from_host(Bytes octets, TimePoint now, DongleOutput& out) override;
    void from_node(NodeNumber node, Bytes frame, TimePoint now, DongleOutput&) override {
        channel_.transmit(node, 0, Buffer(frame.begin(), frame.end()), air_time(frame.size()), radio_sendings, now);
    }
    void timeout(TimePoint now, DongleOutput& out) override;
    std::optional<TimePoint> next_timeout() const noexcept override {
        return earliest(channel_.next_timeout(), later_.next());
    }
    std::size_t max_frame() const noexcept override { return most_; }
    const DongleCounters& counters() const noexcept override { return counters_; }

private:
    static Duration air_time(std::size_t octets) { return octet_on_air * (octets + radio_overhead); }
    /// "00 00 02 type": no link quality, a message of two octets.
    static Buffer control(std::initializer_list<std::byte> type) {
        Buffer frame{std::byte{0}, std::byte{0}, std::byte{2}};
        frame.insert(frame.end(), type);
        return frame;
    }
    void reply(std::byte type, TimePoint now);
    void on_frame(const Buffer& frame, TimePoint now);
    void send_next(TimePoint now);
    void on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out);
    void on_heard(const Channel::Transmission& done, DongleOutput& out);

    Duration boot_time_;
    std::size_t most_;
    double reply_loss_;
    NodeNumber nodes_;
    Channel channel_;
    node::SmallRandom random_;
    LineCode code_{Framing::slip, crc16_xmodem_le};
    Schedule<Buffer> later_;
    std::deque<Buffer> waiting_;
    TimePoint started_at_{};
    bool is_sending_ = false;
    bool is_configured_ = false;
    bool is_pairing_ = false;
    DongleCounters counters_;
};

void Aquila::from_host(Bytes octets, TimePoint now, DongleOutput& out) {
    timeout(now, out);
    if (now < started_at_) return;  // the boot loader eats them
    std::vector<Buffer> frames;
    const auto errors = code_.errors();
    code_.receive(octets, now, frames);
    for (auto bad = code_.errors() - errors; bad > 0; --bad) {
        ++counters_.malformed;
        reply(type_nack, now);
    }
    for (const Buffer& each : frames)
        on_frame(each, now);
    timeout(now, out);
}

void Aquila::reply(std::byte type, TimePoint now) {
    if (reply_loss_ > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < reply_loss_) {
        ++counters_.replies_withheld;
        return;
    }
    counters_.refused += type == type_nack ? 1U : 0U;
    later_.add(now, control({type}));
}

void Aquila::on_frame(const Buffer& frame, TimePoint now) {
    const auto length = static_cast<std::size_t>(frame[0]);
    if (frame.size() < 2) return reply(type_nack, now);
    if (frame[1] == type_config && length == config_length && frame.size() == config_length) {
        is_configured_ = true;  // not acknowledged
        return;
    }
    if (frame[1] == type_pairing && frame.size() >= 3) {
        is_pairing_ = frame[2] == std::byte{1};
        return reply(type_ack, now);
    }
    const bool has_length = length == header_length || length == frame.size();
    const bool is_message = frame[1] == type_message && has_length && frame.size() > header_length;
    if (!is_message) ++counters_.malformed;
    if (!is_message || !is_configured_ || is_pairing_ || frame.size() - header_length > most_) {
        return reply(type_nack, now);
    }
    if (waiting_.size() >= serial_buffer) return;  // its serial buffer overflows
    waiting_.push_back(frame);
    if (!is_sending_) send_next(now);
}

void Aquila::send_next(TimePoint now) {
    is_sending_ = !waiting_.empty();
    if (!is_sending_) return;
    const Buffer frame = std::move(waiting_.front());
    waiting_.pop_front();
    const auto address = static_cast<std::uint32_t>(frame[3]) | static_cast<std::uint32_t>(frame[4]) << 8U;
    Buffer message(frame.begin() + header_length, frame.end());
    const Duration air = air_time(message.size());
    channel_.transmit(0, address, std::move(message), air, address == broadcast_address ? 1 : radio_sendings, now);
}

void Aquila::on_sent(const Channel::Transmission& done, TimePoint now, DongleOutput& out) {
    const bool is_broadcast = done.tag == broadcast_address;
    const bool is_known = is_broadcast || (done.tag >= 1 && done.tag <= nodes_);
    if (done.heard && is_known) {
        ++counters_.frames_down;
        out.deliveries.push_back({is_broadcast ? everyone : static_cast<NodeNumber>(done.tag), done.octets});
    } else {
        ++(is_known ? counters_.lost_on_air : counters_.unknown_node);
    }
    reply(is_broadcast || (done.heard && is_known) ? type_ack : type_nack, now);
    send_next(now);
}

void Aquila::on_heard(const Channel::Transmission& done, DongleOutput& out) {
    if (!done.heard || !is_configured_ || is_pairing_) {
        ++(done.heard ? counters_.unheard : counters_.lost_on_air);
        return;
    }
    ++counters_.frames_up;
    const int quality = std::clamp(2 * (done.signal.rssi_dbm + 100), 0, 255);
    Buffer frame{static_cast<std::byte>(quality), static_cast<std::byte>(-done.signal.rssi_dbm)};
    // The bridges count the message into the length of the encapsulation.
    frame.push_back(static_cast<std::byte>((header_length + done.octets.size()) & 0xFFU));
    frame.insert(frame.end(), {type_message, std::byte{1}, static_cast<std::byte>(done.from & 0xFFU),
                               static_cast<std::byte>(done.from >> 8U)});
    frame.insert(frame.end(), done.octets.begin(), done.octets.end());
    code_.encode(frame, out.host);
}

void Aquila::timeout(TimePoint now, DongleOutput& out) {
    while (const auto done = channel_.take(now)) {
        if (done->from == 0) {
            on_sent(*done, now, out);
        } else {
            on_heard(*done, out);
        }
    }
    counters_.collisions = channel_.collisions();
    while (const auto frame = later_.take(now))
        code_.encode(*frame, out.host);
}

constexpr std::array aquila_keys{
    DongleKey{"boot_ms", "2000", "a number from 0 to 10000"},
    DongleKey{"mtu", "60", "a number from 20 to 250"},
    DongleKey{"reply_loss", "0", "a share from 0 to 1"},
};

std::unique_ptr<Dongle> make(Values& values, NodeNumber nodes, const AirOptions& air) {
    return std::make_unique<Aquila>(std::chrono::milliseconds(values.number("boot_ms", 0, 10000)),
                                    static_cast<std::size_t>(values.number("mtu", 20, 250)), values.share("reply_loss"),
                                    nodes, air);
}

}  // namespace

const DongleKind aquila_kind{"aquila", "Bridge of the aquila project (SLIP, CRC, ACK)", aquila_keys, make};

}  // namespace mqttsn::dongle
