// An MQTT-SN 1.2 client as a state machine: no socket, no clock (checklist Part II). Frames in, frames and events out.
#pragma once

#include "protocol/sn/v12_packet.hpp"
#include "tools/node/small_random.hpp"

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace mqttsn::node {

struct Will {
    std::string topic;
    Buffer message;
    Qos qos = Qos::at_most_once;
    bool retain = false;
};

struct ClientOptions {
    std::string client_id;
    bool clean_session = true;
    std::uint16_t keep_alive_s = 60;
    std::optional<Will> will;
    Duration retry = std::chrono::seconds(10);  ///< T_retry
    /// Each T_retry is longer by a random share up to this: nodes on one channel that repeat in step collide for ever.
    double retry_jitter = 0;
    std::uint64_t seed = 1;                     ///< of it
    std::uint32_t retries = 3;                  ///< N_retry
    Duration wait = std::chrono::seconds(300);  ///< T_wait
    std::map<sn::TopicId, std::string> predefined;
    Buffer node_id;  ///< not empty: every frame is encapsulated as a forwarder would (SN 5.5)
    /// Normal: topics are registered even when they are predefined or have two characters; short_name: two characters
    /// travel as such even when they are predefined. Not given: predefined, else short, else normal.
    std::optional<sn::TopicIdType> topic_type;
    std::size_t max_frame = 65507;  ///< octets, encapsulation included; what UDP over IPv4 carries

    /// Octets that fit into a PUBLISH.
    std::size_t max_payload() const noexcept;
};

/// Names a request of the application in the event that ends it.
using Token = std::uint32_t;

struct Connected {};
struct Rejected {  ///< the CONNECT; after congestion the client asks again when T_wait is over
    sn::ReturnCode code{};
};
struct Published {
    Token token = 0;
    sn::ReturnCode code{};
    bool confirmed = false;  ///< the gateway acknowledged it; QoS 0 and −1 are only sent
};
struct Subscribed {
    Token token = 0;
    sn::ReturnCode code{};
    Qos granted{};
};
struct Unsubscribed {
    Token token = 0;
};
struct WillUpdated {
    Token token = 0;
    sn::ReturnCode code{};
};
struct Received {
    std::string topic;
    Buffer payload;
    Qos qos{};
    bool retain = false;
    sn::MsgId msg_id = 0;
};
struct Asleep {};  ///< DISCONNECT with duration was confirmed, or a wake-up ended with PINGRESP
struct Disconnected {
    bool asked = false;  ///< false: the gateway ended the connection, the client connects again
};
struct Lost {};  ///< no answer after all retries
using Event = std::variant<Connected, Rejected, Published, Subscribed, Unsubscribed, WillUpdated, Received, Asleep,
                           Disconnected, Lost>;

struct Outbox {
    std::vector<Buffer> frames;
    std::vector<Event> events;
};

struct ClientCounters {
    std::uint64_t frames_sent = 0;
    std::uint64_t octets_sent = 0;
    std::uint64_t frames_received = 0;
    std::uint64_t octets_received = 0;
    std::uint64_t retransmissions = 0;
    std::uint64_t malformed = 0;
};

class Client {
public:
    explicit Client(ClientOptions options);

    /// Emits CONNECT; ends in Connected, Rejected or Lost. Requests that an earlier connection left open start anew.
    void connect(TimePoint now, Outbox& out);
    /// While disconnected, before connecting to another gateway: what was learnt from the former one is void. A message
    /// whose PUBREC it sent counts as published there.
    void change_gateway(Outbox& out);
    /// Of the next CONNECT.
    void set_clean_session(bool clean) noexcept { options_.clean_session = clean; }
    /// Queues a message; ends in Published. QoS −1 needs no connection and leaves at once; its topic must be predefined
    /// or two octets long (else Published with not_supported).
    Token publish(std::string topic, Buffer payload, Qos qos, bool retain, TimePoint now, Outbox& out);
    /// Ends in Subscribed or Unsubscribed.
    Token subscribe(std::string filter, Qos qos, TimePoint now, Outbox& out);
    Token unsubscribe(std::string filter, TimePoint now, Outbox& out);
    /// Ends in WillUpdated; an empty topic deletes the will (SN 6.4).
    Token update_will_topic(std::string topic, Qos qos, bool retain, TimePoint now, Outbox& out);
    Token update_will_message(Buffer message, TimePoint now, Outbox& out);
    /// Ends in Disconnected.
    void disconnect(TimePoint now, Outbox& out);
    /// Once nothing is outstanding; ends in Asleep (SN 6.14). Wakes by itself before the duration ends. 0 disconnects.
    void sleep(std::uint16_t duration_s, TimePoint now, Outbox& out);
    /// From sleep: asks for what the gateway kept; ends in Asleep.
    void wake(TimePoint now, Outbox& out);

    /// A datagram from the gateway.
    void receive(Bytes datagram, TimePoint now, Outbox& out);
    void timeout(TimePoint now, Outbox& out);
    std::optional<TimePoint> next_timeout() const noexcept;

    bool is_connected() const noexcept { return state_ == State::active; }
    /// Or one being set up, asleep, or being ended.
    bool has_connection() const noexcept { return state_ != State::disconnected; }
    const ClientCounters& counters() const noexcept { return counters_; }
    const std::string& client_id() const noexcept { return options_.client_id; }

private:
    enum class State : std::uint8_t { disconnected, connecting, active, going_to_sleep, asleep, awake, disconnecting };
    /// What may be outstanding, one of each (SN 6.4, 6.5, 6.6, 6.9).
    enum Slot : std::uint8_t {
        session,
        ping,
        register_,
        subscription,
        publication,
        will_topic,
        will_message,
        slot_count
    };
    struct Job {
        enum class Kind : std::uint8_t { none, publish, subscribe, unsubscribe, will_topic, will_message };
        Kind kind = Kind::none;
        Token token = 0;
        std::string topic;
        Buffer payload;
        Qos qos = Qos::at_most_once;
        bool retain = false;
        bool renewed = false;  ///< the topic id was unknown once already
    };
    struct Transaction {
        bool open = false;
        sn::MsgId msg_id = 0;
        std::uint32_t sendings = 0;
        TimePoint deadline{};
        bool is_pubrel = false;
        Buffer frame;
        Job job;  ///< what it is for; of a REGISTER the topic only
    };
    struct TopicForm {
        sn::TopicIdType type;
        sn::TopicId id;
    };
    struct Receiver;

    std::size_t largest_frame() const noexcept;
    /// False, and nothing is sent, when the packet is longer than a frame can be.
    bool send(const sn::Packet& packet, TimePoint now, Outbox& out);
    bool begin(Slot slot, const sn::Packet& packet, TimePoint now, Outbox& out);
    void transmit(Transaction& transaction, TimePoint now, Outbox& out);
    Duration retry_time();
    void send_frame(const Buffer& frame, TimePoint now, Outbox& out);
    void end(Slot slot);
    bool is_answer(Slot slot, sn::MsgId msg_id) const noexcept;
    sn::MsgId new_msg_id() noexcept;
    std::optional<TopicForm> form_of(const std::string& topic) const;
    static bool is_by_name(const std::optional<TopicForm>& form, const std::string& filter);
    std::optional<std::string> name_of(sn::TopicIdType type, sn::TopicId id) const;
    void learn(const std::string& name, sn::TopicId id);
    void forget(sn::TopicId id);
    Token add(Job job, TimePoint now, Outbox& out);
    void work(TimePoint now, Outbox& out);
    bool start(Job& job, TimePoint now, Outbox& out);
    bool start_subscription(Job& job, TimePoint now, Outbox& out);
    bool start_will_update(Job& job, TimePoint now, Outbox& out);
    bool start_publication(Job& job, TimePoint now, Outbox& out);
    void refuse_jobs(const std::string& topic, sn::ReturnCode code, Outbox& out);
    void publication_refused(const sn::Puback& packet, TimePoint now, Outbox& out);
    void begin_sleep(TimePoint now, Outbox& out);
    void fall_asleep(Outbox& out);
    void suspend();
    void forget_session();
    void connection_ended(const Event& event, Outbox& out);
    void ended_by_gateway(TimePoint now, Outbox& out);
    void exhausted(Slot slot, Outbox& out);

    ClientOptions options_;
    SmallRandom random_;
    ClientCounters counters_;
    State state_ = State::disconnected;
    std::array<Transaction, slot_count> transactions_;
    std::deque<Job> jobs_;
    bool prompted_ = false;                  ///< the gateway has answered the CONNECT by asking for the will
    std::optional<Transaction> unreleased_;  ///< has its PUBREC, waits for the next connection to send PUBREL
    std::unordered_map<std::string, sn::TopicId> ids_;
    std::unordered_map<sn::TopicId, std::string> names_;
    std::vector<sn::MsgId> received_;  ///< QoS 2, until PUBREL
    TimePoint last_sent_{};
    TimePoint last_connect_{};
    std::optional<TimePoint> pause_until_;  ///< when to ask a congested gateway again (T_wait)
    std::optional<TimePoint>
        reconnect_at_;  ///< when to send CONNECT again after the gateway ended or refused the connection
    std::optional<TimePoint> wake_at_;  ///< when to wake at the latest
    std::optional<std::uint16_t> sleep_for_s_;
    Token last_token_ = 0;
    sn::MsgId last_msg_id_ = 0;
};

}  // namespace mqttsn::node
