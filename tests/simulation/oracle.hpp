// What must hold, whatever happens. The oracle sees every frame and every MQTT packet at the gateway's doors, what the
// applications did and were told, and each fault; it knows nothing of the gateway's inside.
//
// Messages from a device (SN 6.6)
// - Told is true: when PUBACK or PUBREC leaves the gateway, the broker has the message, or (delivery.up = "store") a
//   committed record does; at the end the broker has every message whose sender was told so.
// - QoS 2: never more often at the broker than exchanges were begun at the gateway, and a message whose sender was told
//   begins one. An exchange begins with a PUBLISH whose MsgId is not in use, and ends with PUBCOMP, with an error, with
//   a clean session, or, begun before the last CONNACK, when more than inflight.in are open. So a copy that the network
//   delivers after PUBCOMP counts as an exchange of its own (nothing on the wire tells it from a new message), as does
//   a client that publishes again after a lost connection. In addition a broker that forgets an unfinished exchange
//   (restart without sessions, end of a clean session) may get its message once more: MQTT cannot tell it otherwise.
// - QoS 1: at least once; how often is not limited, for MQTT does not. QoS 0 and -1: not more often than datagrams with
//   it came in; with delivery.store_qos0 a crash may repeat them.
// - Order: per device, topic and QoS the first arrivals at the broker are in the order of sending, QoS 0 and -1 in the
//   order in which datagrams came in. Messages of which the sender was told that they failed are left out.
// - Topic, contents, QoS and retain flag arrive as sent. Exception: the topic of a copy that left before a clean
// CONNECT
//   and comes after it, or behind a late copy of one, where its id means another name; likewise toward a device.
//
// Messages to a device (SN 6.10)
// - Told is true: the broker gets PUBACK or PUBREC only for what the device has. Exceptions: the client refused it,
//   unsubscribed, began a clean session; a queue limit dropped it (counted); retry_exhausted = "drop".
// - At the end every QoS 1 or 2 message that the broker's session held for the device has arrived, unless the broker
//   forgot it, or one of the exceptions above.
// - QoS 2: the device's application gets it once. Exceptions: a copy of the PUBLISH that was sent before PUBREL and
// comes
//   after it; a gateway without store that crashed in between; a client that forgot (clean session).
// - QoS 0: not sent more often than the broker routed it. Order: per device, topic and QoS the first sendings are in
// the
//   order of the broker's routing. DUP is set exactly in repetitions. Contents and topic name are those of the message.
// - One message of the gateway at a time waits for an answer; PUBREL only behind PUBREC.
//
// - At the end the broker has every subscription that a kept session's device was told of. Exceptions: MQTT 3.1, and a
//   gateway without store that crashed, cannot know that the broker forgot, nor in every case one with a
//   store that crashed while it renewed them. Order is not checked once a limit dropped
//   something: the broker repeats what it was not told in time.
//
// Sleep (SN 6.14): nothing but answers to a sleeping client; PINGRESP once per drain, and last: no exchange is open.
// Right after a crash the state that was on disk is not known here: checked again from the next CONNACK or DISCONNECT.
//
// Wills (SN 6.3, 6.4): a will that the gateway causes (it publishes it, or ends an MQTT connection without DISCONNECT)
// belongs to a client that was silent for its tolerance or left N_retry + 1 sendings unanswered; once per connection;
// never after DISCONNECT that came before, and with the message that was confirmed last, or that came last: WILLMSGUPD
// and its answer have no number (SN 5.4.23, 5.4.26), so a late copy of one is an update back, and the answer to a copy
// passes for that to a later update which the network has lost. A device that falls silent for ever has its
// will published afterwards, unless a late copy of a CONNECT took the connection's place. Not the gateway's doing, so
// left out: MQTT connections that break (the gateway's crash included) make the broker publish; a broker that is away
// longer than upstream_grace, or restarts meanwhile, does not.
//
// Replies: never more of a kind and MsgId than requests. Memory: sessions, sockets, records and what waits for the disk
// are bounded by the number of devices. At the end, when every device has ended its session, nothing is left.
#pragma once

#include "gateway/core/counters.hpp"
#include "protocol/sn/v12_packet.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/timeline.hpp"
#include "tests/simulation/trace.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace mqttsn::simulation {

using MessageId = std::uint32_t;
constexpr int application = -1;  ///< sender of what is published at the broker

struct Message {
    MessageId id = 0;
    int sender = application;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::string topic;
    Buffer payload;

    bool told = false;
    bool failed = false;
    bool is_astray = false;       ///< a copy came across a clean CONNECT: its topic id may mean another name
    std::uint32_t copies = 0;     ///< datagrams with it that came to the gateway
    std::uint32_t exchanges = 0;  ///< QoS 2
    std::uint32_t forgotten = 0;
    std::uint32_t arrivals = 0;
};

/// One message on its way to one device.
struct Delivery {
    Qos qos = Qos::at_most_once;
    std::uint32_t routed = 0;
    std::uint64_t place = 0;  ///< in the order of the broker's routing
    std::uint32_t sent = 0;   ///< QoS 0
    std::set<sn::MsgId> msg_ids;
    std::set<sn::MsgId> exact_ids;  ///< of these, of QoS 2
    std::uint32_t received = 0;
    std::uint32_t received_exactly = 0;  ///< of these, with QoS 2
    std::uint32_t forgiven = 0;          ///< repetitions that nobody can prevent
    bool excused = false;                ///< need not arrive
};

enum class Cause : std::uint8_t { environment, gateway };

class Oracle {
public:
    Oracle(const Plan& plan, const Timeline& time, const Disk& disk, Trace& trace);

    [[noreturn]] void fail(const std::string& what) const;
    void require(bool holds, const char* what) const {
        if (!holds) fail(what);
    }

    // ---- messages ----
    const Message& new_message(int sender, std::string topic, Qos qos, bool retain, std::size_t size);
    const Message& message(MessageId id) const { return *messages_.at(id - 1); }
    /// The message with this payload; 0 for a will.
    MessageId identify(Bytes payload) const;
    void publish_ended(MessageId id, bool confirmed, bool failed);

    // ---- at the gateway's doors ----
    /// `sent`: when it left the device.
    void gateway_hears(int device, const std::string& route, const sn::Packet& packet, TimePoint sent);
    /// Its log says so.
    void gateway_loses(int device);
    /// Decided, perhaps waiting for the disk.
    void gateway_says(int device, const std::string& route, const sn::Packet& packet);
    /// What was said from here on has another reason.
    void input_ends();
    void frame_leaves(int device, const sn::Packet& packet, std::uint64_t emission);
    /// `forgotten_since`: when the first record was made that the disk does not have.
    void gateway_stopped(bool crashed, TimePoint forgotten_since);
    void counted(const gateway::Counters& counters);

    // ---- at the broker ----
    void broker_connects(const std::string& client, bool clean);
    void broker_accepts(const std::string& client, const mqtt::Publish& packet);
    void broker_forgets_exchange(MessageId id) { ++messages_.at(id - 1)->forgotten; }
    void broker_routes(int device, MessageId id, Qos qos, bool retained);
    void broker_forgets_delivery(int device, MessageId id);
    void broker_is_acknowledged(int device, MessageId id);
    void broker_publishes_will(int device, Bytes message, Cause cause);
    void broker_is_away(Duration how_long);

    // ---- at the device ----
    /// `emission` numbers what the gateway sent; copies share it.
    void device_hears(int device, const sn::Packet& packet, std::uint64_t emission);
    void device_receives(int device, const std::string& topic, Bytes payload, Qos qos);
    void device_connects(int device, bool clean, std::uint64_t last_emission);
    void device_is_connected(int device, bool is_connected);
    void device_unsubscribes(int device, const std::string& filter);
    bool has_unsubscribed(int device, const std::string& filter) const;
    void device_dies(int device);
    /// The will message as the device wants it, when it asks and when it is confirmed. 0 = none.
    void device_wants_will(int device, std::uint32_t version) { views_[index(device)].will_wanted = version; }
    void device_has_will(int device, std::uint32_t version) {
        views_[index(device)].will_confirmed = version;
        views_[index(device)].will_given.clear();
    }

    // ---- at the end ----
    bool is_settled(int device) const;
    void check_messages() const;
    void check_deliveries(int device) const;
    void check_will(int device) const;
    std::size_t message_count() const noexcept { return messages_.size(); }

    static Buffer will_message(int device, std::uint32_t version);
    static std::string client_of(int device) { return "d" + std::to_string(device); }
    /// -1 for the gateway's own.
    static int device_of(std::string_view client);

private:
    /// The client as the gateway has to see it.
    struct View {
        enum class State : std::uint8_t { unknown, away, active, asleep, awake };
        State state = State::away;
        std::string route;  ///< by which the session is bound
        bool clean = true;
        bool clean_wanted = true;                  ///< of the last CONNECT
        std::map<std::uint32_t, int> owed;         ///< replies, by type and MsgId
        std::map<sn::MsgId, MessageId> inbound;    ///< QoS 2 exchanges that are open
        std::map<sn::MsgId, MessageId> published;  ///< the last PUBLISH QoS 1 or 2 with this MsgId
        std::set<sn::MsgId> earlier;               ///< exchanges begun before the last CONNACK
        TimePoint clean_sent{};                    ///< when its last clean CONNECT was sent, or came
        std::uint32_t clean_copies = 0;            ///< clean CONNECTs that came since the device began one
        bool is_lost = false;                      ///< since the last CONNACK
        std::set<sn::MsgId> received;              ///< PUBRECs
        std::map<std::string, std::vector<MessageId>> heard_qos0;  ///< by topic and QoS, not yet at the broker

        // the gateway's exchange
        bool asked = false;
        bool may_begin_anew = false;  ///< a CONNACK said the same as the one before
        sn::MsgType asked_type{};
        sn::MsgId asked_id = 0;
        std::uint32_t sendings = 0;
        sn::MsgId received_now = 0;  ///< the input being processed is PUBREC
        TimePoint last_sending{};

        TimePoint last_heard{};
        std::vector<TimePoint> heard;  ///< since a second before the oldest record that waits, and the one before
        std::uint16_t keep_alive_s = 0;
        std::uint16_t sleep_s = 0;
        bool sleep_asked = false;  ///< the input being processed is DISCONNECT with a duration
        std::optional<std::string> route_before;  ///< while a PINGREQ that perhaps moved the client has no answer

        // will
        std::uint32_t will_wanted = 0;
        std::uint32_t will_confirmed = 0;
        std::string will_given;              ///< in the handshake, not yet confirmed
        std::string will_heard;              ///< of the WILLMSGUPD that came last since
        std::uint32_t wills_by_gateway = 0;  ///< since the last CONNACK
        std::uint32_t wills = 0;             ///< since the last CONNACK
        std::uint32_t wills_since_death = 0;
        bool has_ended = false;  ///< it sent DISCONNECT
        bool is_connected = false;
        bool is_connecting = false;  ///< as the gateway has to see it
        bool died_connected = false;
        bool is_troubled = false;  ///< broker or gateway failed since the last CONNACK

        // downlink
        std::map<MessageId, Delivery> deliveries;
        std::map<std::string, std::uint64_t> last_place;  ///< by topic and QoS, of first sendings
        std::map<sn::MsgId, MessageId> outbound;          ///< by MsgId as last sent
        std::map<sn::MsgId, std::uint64_t> released_at;   ///< emission of the PUBREL that the device has
        bool hears_old = false;                           ///< the frame is of a forgotten session
        std::uint64_t clean_since = 0;                    ///< emissions before that belong to a forgotten session
        std::vector<std::string> unsubscribed;
    };

    void hear_from(View& view);
    static std::size_t index(int device) { return static_cast<std::size_t>(device); }
    static std::uint32_t key(sn::MsgType type, sn::MsgId id = 0) {
        return static_cast<std::uint32_t>(type) << 16U | id;
    }
    Message& at(MessageId id) { return *messages_.at(id - 1); }
    std::string name(int device) const { return client_of(device); }
    void owe(View& view, sn::MsgType type, sn::MsgId id = 0, int count = 1) { view.owed[key(type, id)] += count; }
    void pays(int device, sn::MsgType type, sn::MsgId id = 0);
    void hears_publish(View& view, const sn::Publish& packet, TimePoint sent);
    void hears_answer(View& view, const sn::Packet& packet);
    void says_request(int device, View& view, sn::MsgType type, sn::MsgId id);
    void says_reply(int device, View& view, const std::string& route, const sn::Packet& packet);
    void publish_leaves(int device, const sn::Publish& packet);
    void check_told(int device, sn::MsgId msg_id) const;
    void check_order(const Message& message);
    bool is_excused(const View& view, const Message& message, const Delivery& delivery) const;
    bool may_be_lost(const View& view) const;
    Duration tolerance(std::uint16_t seconds) const;

    const Plan& plan_;
    const Timeline& time_;
    const Disk& disk_;
    Trace& trace_;
    std::vector<std::unique_ptr<Message>> messages_;
    std::vector<View> views_;
    View* hearing_ = nullptr;                        ///< of the input being processed
    std::map<std::string, MessageId> last_arrival_;  ///< by sender, topic and QoS
    std::uint64_t last_place_ = 0;
    std::uint32_t crashes_ = 0;
    std::uint64_t dropped_ = 0;  ///< as the gateway counts
    std::uint64_t dropped_last_seen_ = 0;
    std::uint64_t dropped_found_ = 0;  ///< of these, found as acknowledged without the device
};

}  // namespace mqttsn::simulation
