// One device as the gateway sees it: its state, and which procedure handles what it sends.
#pragma once

#include "gateway/core/delivery_queue.hpp"
#include "gateway/core/route.hpp"
#include "gateway/core/signal_quality.hpp"
#include "gateway/core/subscriptions.hpp"
#include "gateway/core/taken_messages.hpp"
#include "gateway/core/topic_registry.hpp"
#include "gateway/core/upstream.hpp"
#include "gateway/core/wall_clock.hpp"
#include "protocol/departure.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace mqttsn::gateway {

struct Turn;

/// SN 6.14, plus `connecting` while will prompts or the broker's CONNACK are outstanding.
enum class ClientState : std::uint8_t { disconnected, connecting, active, asleep, awake, lost };
constexpr std::size_t client_state_count = 6;

/// When to …
enum class Timer : std::uint8_t {
    handshake,   ///< … repeat a will prompt, or give up on the broker's CONNACK
    keep_alive,  ///< … count the client as lost
    probe,       ///< … ask a silent client with PINGREQ
    sleep,       ///< … count a sleeping client as lost
    retry,       ///< … repeat the outstanding REGISTER, PUBLISH or PUBREL
    wait,        ///< … resume deliveries after the client reported congestion (T_wait)
    back_off,    ///< … open the broker connection again
    upstream,    ///< … give up on an attempt to reopen it, or on a will that the broker does not acknowledge
    grace,       ///< … tell the client that its broker connection is gone for good
    expiry,      ///< … forget the kept session of a disconnected client
    gap,         ///< … go on after a QoS 0 message of a drain (awake.qos0_gap)
    drain,       ///< … end a drain that takes too long (awake.max_time)
    replay,      ///< … send the next message that waited in the store (delivery.replay_per_second)
};
constexpr std::size_t timer_count = 13;

/// A CONNECT that is not decided yet (SN 6.2). Nothing of the stored session changes before it is (SN12-6.3-h).
struct Handshake {
    enum class Step : std::uint8_t { will_topic, will_message, broker };
    Endpoint source;  ///< where it counts against the limit of pending handshakes
    Step step = Step::will_topic;
    bool will = false;
    bool clean_session = false;
    bool from_sleep = false;  ///< the client was asleep or awake: it knows its topic ids (SN12-6.10-b)
    std::uint16_t duration_s = 0;
    std::uint32_t sendings = 0;  ///< of the present prompt
    std::optional<mqtt::Will> new_will;
};

/// A PUBLISH QoS 1/2 from the client that is not finished (SN 6.6).
struct InboundExchange {
    sn::MsgId msg_id = 0;
    sn::TopicId topic_id = 0;
    Qos qos = Qos::at_least_once;
    mqtt::PacketId packet_id = 0;
    bool at_broker = false;     ///< QoS 2: the broker has it, PUBREC was sent, PUBREL is awaited
    bool began_asleep = false;  ///< the client listens for the answer although it is asleep (SN12-6.14-c)
    bool restored = false;      ///< QoS 2, from the store, without payload: forwarded when the client repeats it
    bool is_earlier = false;    ///< begun in an earlier connection, and not continued in this one
    TimePoint sent_at{};        ///< to the broker; the epoch = not yet
};

/// A QoS 2 delivery that the client was sent before the gateway restarted: when the broker repeats the message, the
/// client must see the same MsgId. Kept until the delivery is over, which may be after another restart. One that the
/// gateway has taken from the broker since then is known by its record.
struct InterruptedDelivery {
    mqtt::PacketId packet_id = 0;
    sn::MsgId msg_id = 0;
    std::uint64_t stored = 0;
    bool is_of(const Delivery& delivery) const noexcept {
        return stored == delivery.stored && (stored != 0 || packet_id == delivery.packet_id);
    }
};

/// What DeviceStatus has seen of a session.
struct NoticedStatus {
    ClientState state = ClientState::connecting;
    std::uint32_t moves = 0;
};

/// What the store holds of a session, as far as it must be told of changes.
struct StoredImages {
    std::uint64_t session = 0;  ///< fingerprints; 0 = no record
    std::uint64_t flow = 0;
    bool doubts = false;         ///< as Session::doubts_subscriptions()
    UnixSeconds deadline_s = 0;  ///< as read; 0 = none
};

/// A SUBSCRIBE or UNSUBSCRIBE waiting for the broker (SN 6.9).
struct PendingSubscription {
    enum class Kind : std::uint8_t { subscribe, unsubscribe };
    Kind kind = Kind::subscribe;
    sn::MsgId msg_id = 0;
    mqtt::PacketId packet_id = 0;  ///< 0 = not sent upstream yet (UNSUBSCRIBE while the broker is away)
    sn::TopicIdType type = sn::TopicIdType::normal;
    sn::TopicId topic_id = 0;
    bool began_asleep = false;
    bool from_client = true;  ///< false: the gateway's own, after a rejected REGISTER (SN12-6.10-f)
    std::string filter;
};

/// The one message of the gateway that the client has to answer (SN12-6.10-n, SN12-6.10-d).
struct OutboundExchange {
    enum class Step : std::uint8_t { none, register_, publish, pubrel };
    Step step = Step::none;
    sn::MsgId msg_id = 0;
    sn::TopicIdType type = sn::TopicIdType::normal;  ///< with topic_id: the form in which the PUBLISH was sent
    sn::TopicId topic_id = 0;
    std::uint32_t sendings = 0;
    std::uint32_t congested = 0;  ///< REGACKs with congestion for this REGISTER (SN12-6.10-g)
};

/// What the last accepted CONNECT said, for recognising its repetition (SN12-6.2-h).
struct AcceptedConnect {
    bool will = false;
    bool clean_session = false;
    bool untouched = false;  ///< nothing received since the CONNACK
    std::uint16_t duration_s = 0;
    TimePoint at{};
};

class Session {
public:
    Session(std::string id, SessionNumber session_number, const mqtt::ClientOptions& options)
        : client_id(std::move(id)), number(session_number), key(key_of(client_id)), upstream(options, key) {}

    const std::string client_id;
    const SessionNumber number;  ///< its key in the store; never used twice
    const ClientKey key;
    ClientState state = ClientState::disconnected;
    bool established = false;            ///< a CONNECT was accepted: there is something to keep
    bool clean_session = true;           ///< of the last accepted CONNECT
    bool id_assigned = false;            ///< the client came without an id (SN12-5.3.1-b)
    bool bound = false;                  ///< `route` leads to the client
    bool will_owned = false;             ///< the broker has another will than the client wants (SN12-6.4-f)
    bool will_due = false;               ///< lost without a broker connection: arm the will and let it fire
    bool upstream_gone = false;          ///< asleep beyond upstream.grace: told at the next PINGREQ (SN12-6.12-d)
    std::uint16_t renewals = 0;          ///< SUBSCRIBEs of renew_subscriptions() that the broker has not answered
    bool subscriptions_doubted = false;  ///< the broker may lack some although it calls the session present
    bool subscriptions_known = true;     ///< false: the broker kept subscriptions from before this record
    std::uint16_t keep_alive_s = 0;
    std::uint16_t sleep_s = 0;
    TimePoint heard{};  ///< when the client sent something last; the epoch = not since the gateway started
    Route route;
    std::uint32_t moves = 0;           ///< how often the client got a route or lost it
    NoticedStatus noticed;             ///< owned by DeviceStatus
    std::unique_ptr<mqtt::Will> will;  ///< as stored for the client (SN 6.3)
    std::unique_ptr<Handshake> handshake;
    AcceptedConnect accepted;

    TopicRegistry topics;
    Subscriptions subscriptions;
    std::vector<PendingSubscription> pending;

    std::vector<InboundExchange> inbound;
    std::optional<sn::Puback> last_puback;  ///< one-entry memory for repeated QoS 1 (SN12-6.6-g)
    std::optional<TimePoint> qos0_refused_at;

    TakenMessages taken;

    DeliveryQueue deliveries;
    std::uint64_t last_delivery = 0;  ///< sequence of the record written last
    std::vector<InterruptedDelivery> interrupted;
    OutboundExchange outbound;
    sn::MsgId last_msg_id = 0;
    sn::MsgId last_completed = 0;  ///< QoS 2 delivery that got PUBCOMP last (SN12-6.10-t)
    std::uint32_t drained = 0;     ///< messages that this drain has brought to the client
    TimePoint lost_at{};           ///< asleep or awake: when it counts as lost unless it is heard of
    Buffer held;                   ///< acknowledgements for a sleeping client: [size, 2 octets][message]…

    std::unique_ptr<SignalQuality> signal;  ///< null: its link does not report any
    FrameToken departing = 0;               ///< owned by Departures
    Timer departing_timer = Timer::retry;   ///< owned by Departures: what begins when the frame has left

    Upstream upstream;
    mqtt::PacketId will_packet_id = 0;  ///< of the will that the gateway publishes itself
    bool may_open = false;              ///< Timer::back_off is a moment given by Core::reconnects
    bool dead = false;                  ///< to be erased at the end of the turn
    StoredImages stored;

    /// Whether the session outlives the connection (SN12-6.3-j).
    bool is_kept() const noexcept { return established && !clean_session; }
    /// Whether the subscriptions have to be renewed at the next CONNACK even if it calls the session present; also when
    /// the gateway is killed now and that CONNACK comes to its successor.
    bool doubts_subscriptions() const noexcept {
        const bool is_sure = renewals == 0 && !subscriptions_doubted && !upstream.is_unanswered();
        return !is_sure && is_kept() && !subscriptions.all().empty();
    }
    /// Whether the broker has yet to get messages that the client was told are safe: the broker connection outlives the
    /// client's then.
    bool owes_broker() const noexcept { return !taken.list.empty(); }

    // ---- timers ----
    void set(Timer timer, TimePoint when) noexcept { timers_[index(timer)] = when; }
    void stop(Timer timer) noexcept { timers_[index(timer)] = never; }
    bool is_set(Timer timer) const noexcept { return timers_[index(timer)] != never; }
    bool is_due(Timer timer, TimePoint now) const noexcept { return timers_[index(timer)] <= now; }
    TimePoint when(Timer timer) const noexcept { return timers_[index(timer)]; }
    /// The earliest deadline, the MQTT client's included; `never` when none.
    TimePoint next_deadline() const noexcept;

    static constexpr TimePoint never = TimePoint::max();

    std::size_t heap_index = 0;       ///< owned by TimerHeap
    TimePoint heap_deadline = never;  ///< owned by TimerHeap

private:
    static ClientKey key_of(std::string_view client_id) noexcept;
    static constexpr std::size_t index(Timer timer) noexcept { return static_cast<std::size_t>(timer); }
    static constexpr std::array<TimePoint, timer_count> all_stopped() {
        std::array<TimePoint, timer_count> timers{};
        timers.fill(TimePoint::max());
        return timers;
    }

    std::array<TimePoint, timer_count> timers_ = all_stopped();
};

/// A well-formed message from the client bound to its source. CONNECT, PINGREQ with an id, PUBLISH QoS −1 and discovery
/// messages do not come here: they do not depend on the binding.
void handle(Session& session, const sn::Packet& packet, Turn& turn);
/// An outcome at the broker for this client.
void handle(Session& session, const mqtt::Event& event, Turn& turn);
/// Fires every deadline of the session that is due.
void timeout(Session& session, Turn& turn);

}  // namespace mqttsn::gateway
