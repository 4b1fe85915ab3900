// The MQTT client as a state machine: no socket, no clock, exact control over acknowledgements.
// MQTT 3.1, 3.1.1 and 5.0. The owner opens the transport, feeds what it reads to receive(), and sends what the client
// appends to `wire`. Nothing calls back: outcomes are appended to `events`, whose views are valid until the octets
// given to receive() or the client change.
#pragma once

#include "protocol/mqtt/stream_parser.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mqttsn::mqtt {

struct Will {
    std::string topic;
    Buffer payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    bool operator==(const Will&) const = default;
};

struct ClientOptions {
    Version version = Version::v3_1_1;
    std::uint16_t keep_alive_s = 60;              ///< 0 = no pings; a Server Keep Alive of the broker wins
    std::uint32_t session_expiry_s = 0xFFFFFFFF;  ///< v5, used when clean_start is false
    std::uint16_t receive_maximum = 16;  ///< v5: how many unacknowledged QoS 1/2 messages the broker may send us
    std::uint32_t maximum_packet_size = 1U << 20;  ///< larger incoming packets end the connection
    std::size_t max_in_flight = 16;                ///< own QoS 1/2 publishes; the broker's Receive Maximum may lower it
};

/// Views need to live for the call only.
struct ConnectRequest {
    std::string_view client_id;
    bool clean_start = true;  ///< false resumes: unacknowledged messages of an earlier connection are sent again
    const Will* will = nullptr;
    std::string_view username;  ///< empty = none
    std::string_view password;
};

struct OutgoingMessage {
    std::string_view topic;
    Bytes payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
};

/// What the broker's CONNACK allows (MQTT 5 3.2.2.3); the defaults are those of the older versions.
struct BrokerLimits {
    Qos maximum_qos = Qos::exactly_once;
    bool retain_available = true;
    bool wildcard_available = true;
    bool shared_available = true;
    std::uint16_t receive_maximum = 65535;
    std::uint32_t maximum_packet_size = 0xFFFFFFFF;
};

// ---- events ----
/// CONNACK with success. Without session_present the broker knows nothing of earlier exchanges: received packet ids are
/// forgotten, QoS 1/2 publishes not yet acknowledged are sent again as new (they are still ours to deliver), and those
/// the broker already had are reported as completed.
struct Connected {
    bool session_present = false;
    std::string_view assigned_client_id;
};
/// CONNACK with failure; the owner closes the transport.
struct Refused {
    ReasonCode reason = 0;
};
/// A QoS 1 publish got PUBACK, or a QoS 2 publish got PUBREC (failure ends it; on success the client sends PUBREL by
/// itself and the broker has the message). Once per publish. Also with reason 0x95 for a publish that cannot be sent
/// again because a resumed connection has a smaller Maximum Packet Size.
struct PublishAcknowledged {
    PacketId packet_id = 0;
    ReasonCode reason = 0;
};
/// A QoS 2 publish got PUBCOMP: its packet id is free again.
struct PublishCompleted {
    PacketId packet_id = 0;
};
/// An application message. QoS 1/2 must be answered by acknowledge() some time later, in any order; a copy that
/// the broker repeats (same packet id, before or after acknowledge()) makes no second event inside a session.
struct MessageReceived {
    PacketId packet_id = 0;  ///< 0 with QoS 0
    Qos qos = Qos::at_most_once;
    bool retain = false;
    bool dup = false;
    std::string_view topic;
    Bytes payload;
    std::optional<std::uint32_t> expiry_s;  ///< v5 Message Expiry Interval
    /// v3.1, whose CONNACK cannot tell: the broker has forgotten the session. What was received on earlier connections
    /// must not be acknowledged any more.
    bool session_forgotten = false;
};
struct Subscribed {
    PacketId packet_id = 0;
    ReasonCode reason = 0;  ///< 0–2 granted QoS, ≥ 0x80 refused
};
struct Unsubscribed {
    PacketId packet_id = 0;
};
/// The connection must be closed by the owner: the broker broke the protocol (error set, what() says how), sent
/// DISCONNECT (v5, reason set), or did not answer a ping (error timed_out).
struct ConnectionEnded {
    boost::system::error_code error;
    ReasonCode reason = 0;
};

using Event = std::variant<Connected, Refused, PublishAcknowledged, PublishCompleted, MessageReceived, Subscribed,
                           Unsubscribed, ConnectionEnded>;

enum class ClientError {
    not_connected = 1,   ///< no CONNACK yet; QoS 1/2 are not stored
    in_flight_full,      ///< max_in_flight or Receive Maximum reached, or every packet id taken
    packet_too_large,    ///< the broker's Maximum Packet Size
    protocol_violation,  ///< the broker sent what the standard forbids here
    malformed_packet,    ///< the broker sent what cannot be parsed
    ping_timeout,        ///< no PINGRESP within half a keep-alive (1 s at least)
};
const boost::system::error_category& client_category() noexcept;
inline boost::system::error_code make_error_code(ClientError error) noexcept {
    return {static_cast<int>(error), client_category()};
}

class Client {
public:
    explicit Client(ClientOptions options);

    /// The transport is open: appends CONNECT. Emits later: Connected or Refused.
    void connect(const ConnectRequest& request, TimePoint now, Buffer& wire);

    /// The transport is gone. Session state (unacknowledged publishes, received ids) is kept for the next connect()
    /// with clean_start = false; pending SUBSCRIBE and UNSUBSCRIBE are forgotten.
    void connection_lost() noexcept;

    bool is_connected() const noexcept;  ///< CONNACK received
    const BrokerLimits& limits() const noexcept;
    std::size_t in_flight() const noexcept;  ///< own QoS 1/2 publishes not yet completed

    /// Appends PUBLISH. Returns its packet id (0 with QoS 0). Emits later: PublishAcknowledged, PublishCompleted.
    /// QoS is clipped to the broker's Maximum QoS (QoS 0: no events follow, id 0 is returned); retain is cleared where
    /// the broker has none. Errors: not_connected, in_flight_full, packet_too_large.
    Result<PacketId> publish(const OutgoingMessage& message, TimePoint now, Buffer& wire);

    /// One filter each. Emits later: Subscribed, Unsubscribed. Errors: not_connected, in_flight_full, packet_too_large.
    Result<PacketId> subscribe(std::string_view filter, Qos qos, TimePoint now, Buffer& wire);
    Result<PacketId> unsubscribe(std::string_view filter, TimePoint now, Buffer& wire);

    /// The application has the message: appends PUBACK, or PUBREC (the rest of the QoS 2 handshake runs by itself).
    /// Ignored for ids that are not waiting for it (e.g. the session was lost meanwhile).
    void acknowledge(PacketId packet_id, TimePoint now, Buffer& wire);
    /// Whether acknowledge() is still due for this id.
    bool awaits_acknowledge(PacketId packet_id) const noexcept;

    /// Octets from the transport, in any split. Appends answers to `wire` and outcomes to `events`. Views in events
    /// point into `octets` or into the client; handle them before the next call.
    void receive(Bytes octets, TimePoint now, Buffer& wire, std::vector<Event>& events);

    /// Appends DISCONNECT; the owner closes the transport after sending it. Session state is dropped if the connection
    /// was clean.
    void disconnect(ReasonCode reason, Buffer& wire);

    /// Sends PINGREQ when keep_alive_s passed since the last packet sent; emits ConnectionEnded{ping_timeout}.
    void timeout(TimePoint now, Buffer& wire, std::vector<Event>& events);
    std::optional<TimePoint> next_timeout() const noexcept;

    // ---- QoS 2 exchanges that outlive the process: an owner with a store saves them as they change, and hands them
    // back before the first connect(). QoS 1 needs nothing: repeating it is allowed. ----

    /// Whether a QoS 2 publish with this packet id is not over (no PUBCOMP yet).
    bool is_open(PacketId packet_id) const noexcept;
    /// Calls f(packet_id) for each QoS 2 message from the broker that was acknowledged and awaits PUBREL.
    template <class F>
    void for_each_acknowledged(F&& f) const {
        for (const Incoming& each : incoming_) {
            if (each.qos == Qos::exactly_once && each.acknowledged) f(each.packet_id);
        }
    }
    /// An own QoS 2 publish of an earlier process. With `at_broker` PUBREL is repeated on the next connection; without,
    /// its packet id stays taken until repeat() brings the message again.
    void restore_publish(PacketId packet_id, bool at_broker);
    /// A QoS 2 message that an earlier process received; with `acknowledged` a copy is answered by PUBREC at once.
    void restore_received(PacketId packet_id, bool acknowledged);
    /// Appends PUBLISH with DUP for a restored publish. Errors: not_connected, packet_too_large; also not_connected
    /// when the id is not of a restored publish.
    Result<void> repeat(PacketId packet_id, const OutgoingMessage& message, TimePoint now, Buffer& wire);
    /// Gives up a restored publish that nobody repeats: ends its exchange by PUBREL, whether the broker knows it or
    /// not, so that the packet id does not come again for another message before.
    void release(PacketId packet_id, TimePoint now, Buffer& wire);
    /// Own packet ids go on behind this one: the broker may know others of a session whose state is lost.
    void start_packet_ids_after(PacketId packet_id) noexcept { last_packet_id_ = packet_id; }

private:
    /// An own QoS 1/2 publish on its way.
    struct Outgoing {
        enum class Awaits : std::uint8_t { acknowledgement, pubcomp };
        PacketId packet_id = 0;
        Qos qos = Qos::at_least_once;
        Awaits awaits = Awaits::acknowledgement;
        bool sent = false;  ///< on the present connection
        Buffer packet;      ///< the PUBLISH, dropped once the broker has it
    };
    /// A QoS 1/2 message from the broker that is not over.
    struct Incoming {
        PacketId packet_id = 0;
        Qos qos = Qos::at_least_once;
        bool acknowledged = false;  ///< by the application; QoS 2 then waits for PUBREL
        bool on_this_connection = true;
    };
    enum class State : std::uint8_t { idle, connecting, connected };

    bool has_free_packet_id() const noexcept;
    PacketId free_packet_id();
    template <class Request>
    Result<PacketId> request(Request packet, TimePoint now, Buffer& wire);
    std::size_t in_flight_limit() const noexcept;
    std::vector<Outgoing>::iterator find_outgoing(PacketId id) noexcept;
    std::vector<Incoming>::iterator find_incoming(PacketId id) noexcept;
    void send_acknowledgement(PacketType type, PacketId id, TimePoint now, Buffer& wire);
    void send_waiting(TimePoint now, Buffer& wire);
    void resume(bool session_present, TimePoint now, Buffer& wire, std::vector<Event>& events);
    void end(ClientError error, std::vector<Event>& events);

    // client_receive.cpp: one per packet that a broker may send
    struct Receiver;
    void on_bare_acknowledgement(const StreamParser::RawPacket& raw, TimePoint now, Buffer& wire,
                                 std::vector<Event>& events);
    void on_connack(const Connack& packet, TimePoint now, Buffer& wire, std::vector<Event>& events);
    void on_publish(const Publish& packet, TimePoint now, Buffer& wire, std::vector<Event>& events);
    void on_acknowledgement(PacketId id, Qos qos, ReasonCode reason, TimePoint now, Buffer& wire,
                            std::vector<Event>& events);
    void on_pubrel(PacketId id, TimePoint now, Buffer& wire);
    void on_pubcomp(PacketId id, TimePoint now, Buffer& wire, std::vector<Event>& events);

    ClientOptions options_;
    BrokerLimits limits_;
    StreamParser parser_;
    std::vector<Outgoing> outgoing_;
    std::vector<Incoming> incoming_;
    std::vector<PacketId> requests_;  ///< SUBSCRIBE and UNSUBSCRIBE awaiting their acknowledgement, in order of the id
    TimePoint last_sent_{};
    TimePoint last_received_{};
    std::optional<TimePoint> ping_sent_;
    std::uint16_t keep_alive_s_ = 0;
    PacketId last_packet_id_ = 0;
    State state_ = State::idle;
    bool clean_ = true;
};

}  // namespace mqttsn::mqtt

template <>
struct boost::system::is_error_code_enum<mqttsn::mqtt::ClientError> : std::true_type {};
