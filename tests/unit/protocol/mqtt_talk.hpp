// A client that talks to a broker whose octets the test writes: each step returns what came of it as text.
#pragma once

#include "protocol/mqtt/client.hpp"
#include "tests/support/hex.hpp"

#include <fmt/format.h>

#include <string>

namespace mqttsn::test {

using namespace std::chrono_literals;

/// An event in one line, e.g. "message 5 q1 a/b=x".
struct EventText {
    std::string operator()(const mqtt::Connected& e) const {
        return fmt::format("connected{}{}{}", e.session_present ? " again" : "",
                           e.assigned_client_id.empty() ? "" : " as ", e.assigned_client_id);
    }
    std::string operator()(const mqtt::Refused& e) const { return fmt::format("refused {:02x}", e.reason); }
    std::string operator()(const mqtt::PublishAcknowledged& e) const {
        return fmt::format("acknowledged {}{}", e.packet_id, reason(e.reason));
    }
    std::string operator()(const mqtt::PublishCompleted& e) const { return fmt::format("completed {}", e.packet_id); }
    std::string operator()(const mqtt::MessageReceived& e) const {
        return fmt::format("message {} q{}{}{} {}={}{}", e.packet_id, static_cast<int>(e.qos), e.retain ? " retain" : "",
                           e.dup ? " dup" : "", e.topic, as_text(e.payload), e.session_forgotten ? " forgotten" : "");
    }
    std::string operator()(const mqtt::Subscribed& e) const {
        return fmt::format("subscribed {}{}", e.packet_id, reason(e.reason));
    }
    std::string operator()(const mqtt::Unsubscribed& e) const { return fmt::format("unsubscribed {}", e.packet_id); }
    std::string operator()(const mqtt::ConnectionEnded& e) const {
        return e.error ? "ended: " + e.error.message() : "ended" + reason(e.reason);
    }
    static std::string reason(mqtt::ReasonCode code) { return code == 0 ? "" : fmt::format(" {:02x}", code); }
};

class MqttTalk {
public:
    explicit MqttTalk(mqtt::ClientOptions options = {}) : client(options) {}

    /// CONNECT and a CONNACK; forgets what they put on the wire. Returns the events.
    std::string connect(bool clean_start, std::string_view connack) {
        client.connect({.client_id = "c1", .clean_start = clean_start, .will = nullptr, .username = {}, .password = {}},
                       now, wire);
        wire.clear();
        return hears(connack);
    }

    /// Octets from the broker, in a block of their own size. Returns the events, joined by "; ".
    std::string hears(std::string_view octets) {
        heard_ = hex(octets);
        return hears_octets(heard_);
    }
    std::string hears_octets(Bytes octets) {
        std::vector<mqtt::Event> events;
        client.receive(octets, now, wire, events);
        return text_of(events);
    }

    /// Time passes up to the next timeout, and this comes of it.
    std::string waits() {
        std::vector<mqtt::Event> events;
        now = client.next_timeout().value();
        client.timeout(now, wire, events);
        return text_of(events);
    }

    /// What the client sent since the last call, in hex.
    std::string sent() {
        const auto text = to_hex(wire);
        wire.clear();
        return text;
    }

    Result<mqtt::PacketId> publish(Qos qos, std::string_view topic = "a", std::string_view payload = "x") {
        return client.publish({topic, as_bytes(payload), qos, false}, now, wire);
    }
    void acknowledges(mqtt::PacketId id) { client.acknowledge(id, now, wire); }

    static std::string text_of(const std::vector<mqtt::Event>& events) {
        std::string text;
        for (const auto& each : events)
            text += (text.empty() ? "" : "; ") + std::visit(EventText{}, each);
        return text;
    }

    mqtt::Client client;
    Buffer wire;
    TimePoint now{1000s};

private:
    Buffer heard_;
};

constexpr std::string_view accepted = "20 02 00 00";        ///< CONNACK before MQTT 5
constexpr std::string_view accepted_again = "20 02 01 00";  ///< with the session present
constexpr std::string_view accepted_5 = "20 03 00 00 00";   ///< CONNACK of MQTT 5 without properties
constexpr std::string_view broke_protocol = "ended: the broker broke the MQTT protocol";
constexpr std::string_view sent_malformed = "ended: the broker sent a malformed packet";

inline mqtt::ClientOptions options_of(mqtt::Version version) {
    mqtt::ClientOptions options;
    options.version = version;
    return options;
}

}  // namespace mqttsn::test
