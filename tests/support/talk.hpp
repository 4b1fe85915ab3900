// A conversation with a whole gateway in virtual time: scripted devices on one side, a scripted broker on the other.
#pragma once

#include "gateway/core/gateway.hpp"
#include "gateway/core/output_gate.hpp"
#include "protocol/mqtt/stream_parser.hpp"
#include "protocol/sn/v12_codec.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mqttsn::test {

inline constexpr Qos q0 = Qos::at_most_once;
inline constexpr Qos q1 = Qos::at_least_once;
inline constexpr Qos q2 = Qos::exactly_once;

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

Buffer frame_of(const sn::Packet& packet);
Buffer bytes(std::string_view text);
/// "PUBLISH q1 retain a/b x": what a test compares. Packet ids are left out.
std::string text_of(const mqtt::Packet& packet);

class Talk;

/// One address on the gateway's link; copies are the same device.
class Device {
public:
    void sends(const sn::Packet& packet) const;
    /// Any octets, as they are.
    void sends(const Buffer& datagram) const;
    void expects(const sn::Packet& packet) const;
    void expects_nothing() const;
    bool has_frames() const;
    /// The next frame, decoded; fails the test when there is none. Views live until the next call.
    sn::Packet next() const;
    Buffer next_datagram() const;
    /// Throws away what it was sent so far; how many frames that were.
    std::size_t discards() const;

    /// CONNECT and CONNACK, no will.
    void connects(std::string_view client_id, bool clean = true, std::uint16_t keep_alive_s = 60) const;
    /// The same with the prompts for the will.
    void connects_with_will(std::string_view client_id, bool clean = true, std::uint16_t keep_alive_s = 60,
                            const sn::WillTopic& will = {Qos::at_most_once, false, "w/t"},
                            std::string_view message = "gone") const;
    /// DISCONNECT and its acknowledgement.
    void disconnects() const;
    /// DISCONNECT with Duration, and its acknowledgement.
    void sleeps(std::uint16_t duration_s) const;
    sn::TopicId registers(std::string_view topic) const;
    /// SUBSCRIBE by name, granted as asked; the id in SUBACK.
    sn::TopicId subscribes(std::string_view filter, Qos qos) const;

    /// The same device seen through a forwarder at this address.
    Device behind(std::string_view node_id) const;

private:
    friend class Talk;
    Device(Talk& talk, Endpoint endpoint) : talk_(&talk), endpoint_(endpoint) {}
    Talk* talk_;
    Endpoint endpoint_;
    std::string node_id_;
};

class Talk : private gateway::OutputGate::Exit {
public:
    /// Timers of the specification, one UDP-like link, a broker that accepts everything.
    static gateway::Config config();
    /// The same with a store.
    static gateway::Config durable();

    explicit Talk(gateway::Config config = Talk::config());
    /// Fails the test when a device was sent something that it did not expect.
    ~Talk() override;
    Talk(const Talk&) = delete;
    Talk& operator=(const Talk&) = delete;

    Device device(std::uint16_t number, LinkId link = 0);
    /// What is at the other end of a link without addresses.
    Device line(LinkId link = 0) { return {*this, Endpoint{link, {}}}; }

    void advance(Duration duration);
    /// Jumps to the gateway's next deadline; how long that took.
    Duration advance_to_next();
    TimePoint now() const { return now_; }

    /// What the broker saw since the last call: "c1: PUBLISH q0 a b", also "c1: CLOSE" and "c1: ABORT".
    Lines heard();
    /// Only the lines of one client.
    Lines heard(std::string_view client);

    // ---- the broker's behaviour ----
    std::set<mqtt::PacketType> hold;  ///< types that it does not answer by itself
    mqtt::ReasonCode connack = 0;     ///< of the version on the wire
    mqtt::ReasonCode suback = 0xFF;   ///< 0xFF grants what is asked
    mqtt::ReasonCode puback = 0;      ///< MQTT 5: reason of PUBACK and PUBREC
    bool session_present = false;
    mqtt::Properties connack_properties;
    enum class Reachable { yes, refused, silent } reachable = Reachable::yes;

    void broker_sends(std::string_view client, const mqtt::Packet& packet);
    /// An application message to a client.
    void broker_publishes(std::string_view client, std::string_view topic, std::string_view payload,
                          Qos qos = Qos::at_most_once, mqtt::PacketId packet_id = 0, bool retain = false);
    /// The broker's socket of this client breaks.
    void broker_drops(std::string_view client);
    /// Of the last packet with an id that came from this client.
    mqtt::PacketId last_id(std::string_view client) const;
    bool is_connected(std::string_view client) const;
    /// As the MQTT CONNECT of this client says.
    std::uint16_t broker_keep_alive_s(std::string_view client) const;
    /// The last packet of a type on the open connection of this client, with all fields. Views live until the next one.
    mqtt::Packet last(std::string_view client, mqtt::PacketType type) const;

    /// What went to everybody on the link, with its radius.
    std::deque<std::pair<std::uint8_t, Buffer>> broadcasts;
    std::deque<LinkId> broadcast_links;  ///< where each of them went
    std::vector<gateway::LogEntry> log;
    gateway::Gateway& gateway() { return *gateway_; }
    const gateway::Counters& counters() const { return gateway_->counters(); }
    void shutdown();

    /// With which frames arrive from now on.
    std::optional<Signal> signal;
    /// Tokens of the frames whose departure the gateway wants to know, oldest first.
    std::deque<FrameToken> departing;
    /// The link reports the oldest of them.
    void departs(Departure departure = Departure::left);

    // ---- the disk (with Config::durable) ----
    bool disk_holds = false;  ///< what is written stays uncommitted until commits()
    void commits();
    /// kill -9 and start: only what is committed survives; every broker connection breaks. Uncommitted output is gone.
    /// Between them so much time passes.
    void crashes_and_restarts(Duration down = 0s);
    /// For the next start: somebody sets the machine's clock.
    void wall_clock_jumps(Duration by) { config_.unix_time_at_zero += by; }
    /// For the next start: the operator edits the configuration.
    gateway::Config& configuration() { return config_; }
    const std::map<gateway::RecordKey, Buffer>& disk() const { return disk_; }
    /// Octets of a record become others: a damaged file.
    void disk_damages(const gateway::RecordKey& key, Buffer image) { disk_[key] = std::move(image); }
    void disk_erases(const gateway::RecordKey& key) { disk_.erase(key); }

private:
    friend class Device;
    struct Connection {
        std::string client;
        bool open = false;
        std::uint16_t keep_alive_s = 0;
        mqtt::StreamParser parser{1U << 20};
        mqtt::PacketId last_id = 0;
        std::map<mqtt::PacketType, std::pair<std::uint8_t, Buffer>> last;  ///< first octet and body
    };

    struct Batch {
        gateway::CommitId id = 0;
        std::vector<std::pair<gateway::StoreOp, Buffer>> ops;
    };

    void make_gateway();
    void leave(const gateway::FrameOut& frame, Bytes octets) override;
    void leave(const gateway::UpstreamOut& action, Bytes octets) override;
    void overflowed(gateway::UpstreamId id) override;
    void write(const gateway::Outbox& out);
    void deliver(const Endpoint& from, Bytes datagram);
    void settle();
    void carry_out();
    void on_broker_octets(gateway::UpstreamId id, Bytes octets);
    void answer(gateway::UpstreamId id, const mqtt::Packet& packet);
    void send_to_gateway(gateway::UpstreamId id, const mqtt::Packet& packet);
    const Connection* find(std::string_view client) const;

    gateway::Config config_;
    std::unique_ptr<gateway::Gateway> gateway_;
    gateway::Outbox out_;
    gateway::OutputGate gate_;
    gateway::CommitId last_commit_ = 0;
    std::vector<Batch> uncommitted_;
    std::map<gateway::RecordKey, Buffer> disk_;
    TimePoint now_ = TimePoint{} + 1000s;
    std::map<gateway::UpstreamId, Connection> connections_;
    std::deque<std::function<void()>> inputs_;
    std::map<std::pair<LinkId, std::string>, std::deque<Buffer>> mail_;
    Lines heard_;
    int exceptions_ = std::uncaught_exceptions();
};

}  // namespace mqttsn::test
