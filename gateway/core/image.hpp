// What the store keeps of a session, as octets: written after a change, read back after a restart. A format version
// stands in front, so that a later gateway can read what this one wrote.
#pragma once

#include "gateway/core/config.hpp"
#include "gateway/core/session.hpp"

namespace mqttsn::gateway {

/// Differs whenever the session image would differ. 0 when there is nothing to keep: no CONNECT was ever accepted.
std::uint64_t session_fingerprint(const Session& session);
/// Appends who the client is, where it is, and what it knows: route, will, topic ids, subscriptions, held
/// acknowledgements. Links are kept by name: their order may change with the configuration.
void append_session_image(const Session& session, const Config& config, Buffer& out);
/// The client id of a session image; empty when the image is damaged.
std::string_view client_id_of(Bytes image);
/// Fills a session made for that client id, route included, without binding it. False when the image is damaged.
/// `link_known` is false when the client's link is not configured any more.
bool read_session_image(Bytes image, const Config& config, Session& session, bool& link_known);

/// Appends when the client is lost or its session forgotten, and the QoS 2 exchanges that are not over; appends nothing
/// when there is neither.
void append_flow_image(Session& session, const Config& config, Buffer& out);
/// False when the image is damaged.
bool read_flow_image(Bytes image, Session& session);

void append_message_image(const TakenMessage& message, Buffer& out);
/// Adds the message to those of the session, or completes the one that the flow image began. False when damaged.
bool read_message_image(Bytes image, std::uint64_t sequence, Session& session);

void append_delivery_image(const Delivery& delivery, const Config& config, Buffer& out);
/// As read_message_image(), for the deliveries of the session.
bool read_delivery_image(Bytes image, std::uint64_t sequence, const Config& config, Session& session);

/// Of any octets; never 0.
std::uint64_t fingerprint(Bytes octets) noexcept;

}  // namespace mqttsn::gateway
