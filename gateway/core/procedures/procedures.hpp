// The procedures of SN 6, one file each. Each entry point handles one input for one session and may emit frames to the
// client, octets to the broker, and log lines. A session whose `dead` flag is set must not be used further.
#pragma once

#include "gateway/core/core.hpp"

namespace mqttsn::gateway {

// ---- connect.cpp: SN 6.2, 6.3 ----

/// Emits WILLTOPICREQ, CONNACK, or a broker connection whose outcome becomes the CONNACK.
void client_connects(const Route& route, const sn::Connect& request, Turn& turn);
/// The will, if any, is known: asks the broker, or goes on with the connection that the session has.
void ask_broker(Session& session, Turn& turn);
/// The broker (or a reused connection) accepted: the handshake takes effect as a whole (SN12-6.3-h). Emits CONNACK.
void accept_connect(Session& session, bool session_present, Turn& turn);
/// Ends the handshake; emits CONNACK unless `code` is empty. The client ends disconnected.
void abandon_connect(Session& session, std::optional<sn::ReturnCode> code, Turn& turn);
/// A will prompt was not answered, or the broker did not decide in time.
void handshake_timeout(Session& session, Turn& turn);
/// Resends CONNACK if it probably got lost (SN12-6.2-h); false if this is not such a case.
bool repeat_connack(Session& session, Turn& turn);

// ---- will.cpp: SN 6.3, 6.4 ----

void prompt_will(Session& session, Turn& turn);
void client_gives_will_topic(Session& session, const sn::WillTopic& packet, Turn& turn);
void client_gives_will_message(Session& session, const sn::WillMsg& packet, Turn& turn);
void client_updates_will_topic(Session& session, const sn::WillTopicUpd& packet, Turn& turn);
void client_updates_will_message(Session& session, const sn::WillMsgUpd& packet, Turn& turn);
/// The client is lost: makes its will appear at the broker, exactly once (SN12-6.4-g). Returns true when the broker
/// connection must live on until the broker has it.
bool release_will(Session& session, Turn& turn);

// ---- register.cpp: SN 6.5 ----

void client_registers(Session& session, const sn::Register& packet, Turn& turn);
void client_answers_register(Session& session, const sn::Regack& packet, Turn& turn);

// ---- publish_in.cpp: SN 6.6 ----

void client_publishes(Session& session, const sn::Publish& packet, Turn& turn);
void client_releases(Session& session, const sn::Pubrel& packet, Turn& turn);
void broker_acknowledges(Session& session, const mqtt::PublishAcknowledged& event, Turn& turn);
/// The name a PUBLISH, SUBSCRIBE or UNSUBSCRIBE means by a short topic; empty if it is no text (SN12-5.4.12-c).
std::string short_name(sn::TopicId topic_id);

// ---- taken.cpp: delivery.up = "store" and [[delivery.policy]] ----

/// Whether a PUBLISH on this topic goes into the store first.
bool is_for_store(const sn::Publish& packet, std::string_view topic, const Turn& turn);
/// Emits the record of the message; whatever else is sent to the client in this turn waits for its commit. False: no
/// room (delivery.max_messages, delivery.max_octets).
bool take(Session& session, const sn::Publish& packet, std::string_view topic, Turn& turn);
/// Brings taken messages to the broker as far as it accepts them; ends a session that lived for them only.
void forward_taken(Session& session, Turn& turn);
/// Timer::replay.
void replay_taken(Session& session, Turn& turn);
/// By the policy of its topic.
void set_drop_time(Session& session, TakenMessage& message, const Config& config);
/// False when the packet id is not of a taken message.
bool broker_acknowledges_taken(Session& session, const mqtt::PublishAcknowledged& event, Turn& turn);
void broker_completes_taken(Session& session, const mqtt::PublishCompleted& event, Turn& turn);
/// The MQTT session begins anew: what was on its way is sent again.
void restart_taken(Session& session);

// ---- publish_out.cpp: SN 6.10 ----

void broker_publishes(Session& session, const mqtt::MessageReceived& message, Turn& turn);
/// Sends the next deliveries as far as the outstanding exchange, pauses and the client's state allow.
void deliver_next(Session& session, Turn& turn);
/// After a new connection or at wake-up: an exchange that was cut off goes on with its MsgId.
void resume_delivery(Session& session, Turn& turn);
/// A delivery is over, done or given up: neither the broker nor the store must keep or repeat it (SN12-6-k).
void complete(Session& session, const Delivery& delivery, Turn& turn);
/// The broker's session began anew: packet ids of the earlier one may come again for other messages.
void forget_packet_ids(Session& session);
void client_acknowledges(Session& session, const sn::Puback& packet, Turn& turn);
void client_receives(Session& session, const sn::Pubrec& packet, Turn& turn);
void client_completes(Session& session, const sn::Pubcomp& packet, Turn& turn);

// ---- exchange.cpp: SN 6.13 ----

/// Sends the REGISTER, PUBLISH or PUBREL of the outbound exchange and starts T_retry. False if it exceeds the packet
/// limit.
bool send_exchange(Session& session, Turn& turn);
/// A MsgId that is not in use toward this client (SN12-5.3.7-c).
sn::MsgId next_msg_id(Session& session) noexcept;
/// T_retry passed without an answer.
void exchange_timeout(Session& session, Turn& turn);
/// The id form by which the client knows the topic of a delivery (SN12-6.7-f); nullopt: REGISTER first.
struct TopicForm {
    sn::TopicIdType type;
    sn::TopicId id;
};
std::optional<TopicForm> known_form(Session& session, const Delivery& delivery, const Turn& turn);

// ---- subscribe.cpp: SN 6.9 ----

void client_subscribes(Session& session, const sn::Subscribe& packet, Turn& turn);
void client_unsubscribes(Session& session, const sn::Unsubscribe& packet, Turn& turn);
void broker_subscribes(Session& session, const mqtt::Subscribed& event, Turn& turn);
void broker_unsubscribes(Session& session, const mqtt::Unsubscribed& event, Turn& turn);
/// After CONNACK: subscribes again to what the client believes to have, if the broker forgot the session, or if an
/// earlier connection ended before that was known or repaired.
void renew_subscriptions(Session& session, bool session_present, Turn& turn);
/// UNSUBSCRIBEs that waited for the broker connection (SN12-6.12-e).
void send_waiting_unsubscribes(Session& session, Turn& turn);
/// The broker connection is gone: what waits for it is answered or put back.
void suspend_subscriptions(Session& session, Turn& turn);
bool is_awaiting_suback(const Session& session, std::string_view name);

// ---- ping.cpp: SN 6.11 ----

/// PINGREQ that means this client, by its id or its address. Only a client that sleeps may come by another route.
void client_pings(Session& session, const Route& route, Turn& turn);
/// A message from the client: supervision starts anew.
void restart_supervision(Session& session, Turn& turn);
/// Silence after which a client that promised a message every `duration` is lost (SN12-7.2-a).
Duration tolerance(Duration duration) noexcept;

// ---- sleep.cpp: SN 6.14 ----

void client_sleeps(Session& session, std::uint16_t duration_s, Turn& turn);
void client_wakes(Session& session, const Route& route, Turn& turn);
/// Whether this drain has brought as many messages as awake.max_messages allows.
bool is_drain_full(const Session& session, const Turn& turn);
/// Nothing is left to deliver, a bound is reached, or the client stopped answering: back to sleep, with or without
/// PINGRESP.
void end_drain(Session& session, bool pingresp, Turn& turn);
/// An acknowledgement that was caused by the broker: held back while the client cannot hear it (SN12-6.14-c).
void answer(Session& session, const sn::Packet& packet, bool began_asleep, Turn& turn);

// ---- custody.cpp: sleep.custody, sleep.queue_qos0 ----

/// The client is asleep: with custody = "gateway" the QoS 1/2 messages that wait for it become records, and the broker
/// is told; otherwise nothing happens.
void keep_waiting_deliveries(Session& session, Turn& turn);
/// The client is asleep: drops waiting QoS 0 messages if they are not to be kept for sleepers.
void drop_unkept_deliveries(Session& session, Turn& turn);
/// The session begins anew: what waited for the client is forgotten, its records too.
void discard_deliveries(Session& session, Turn& turn);

// ---- disconnect.cpp: SN 6.12 ----

void client_disconnects(Session& session, const sn::Disconnect& packet, Turn& turn);
/// Supervision or retransmission ended without an answer. `tell`: with a last DISCONNECT (SN12-6.11-c).
void client_lost(Session& session, bool tell, std::string_view reason, Turn& turn);
/// The gateway or the broker ends the connection: DISCONNECT to the client (SN12-6.12-d).
void gateway_disconnects(Session& session, std::string_view reason, Turn& turn);
/// The session is out of use: erased, or kept until it expires (SN12-6.3-j).
void settle(Session& session, ClientState state, Turn& turn);

// ---- broker_link.cpp: the session's MQTT connection ----

void open_upstream(Session& session, bool clean, Turn& turn);
/// After an attempt that failed: the next one, by back-off.
void try_again_later(Session& session, Turn& turn);
/// Whether a client is told when its broker connection stays away for upstream_grace. With the store it never is: its
/// messages are safe.
bool may_give_up(const Session& session, const Turn& turn);
void upstream_opened(Session& session, Turn& turn);
/// The socket is gone, or the MQTT conversation failed.
void upstream_lost(Session& session, std::string_view reason, Turn& turn);
void upstream_accepted(Session& session, const mqtt::Connected& event, Turn& turn);
void upstream_refused(Session& session, const mqtt::Refused& event, Turn& turn);
void upstream_ended(Session& session, const mqtt::ConnectionEnded& event, Turn& turn);
/// Timers back_off, upstream and grace.
void upstream_timeout(Session& session, Turn& turn);

}  // namespace mqttsn::gateway
