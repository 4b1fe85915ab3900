// The model broker: small, but a real one. Sessions, subscriptions with wildcards, QoS 0, 1 and 2 both ways, retained
// messages, wills. It accepts a QoS 2 message when its PUBLISH comes first.
#pragma once

#include "protocol/mqtt/stream_parser.hpp"
#include "tests/simulation/oracle.hpp"

#include <functional>

namespace mqttsn::simulation {

using Socket = std::uint64_t;

class Broker {
public:
    struct Wire {
        std::function<void(Socket, Buffer)> send;
        std::function<void(Socket)> close;  ///< by the broker
        /// Whose doing the end of this connection is.
        std::function<Cause(Socket)> cause;
    };
    Broker(const Plan& plan, Oracle& oracle, Trace& trace, const Timeline& time, Dice dice, Wire wire);

    void opened(Socket socket) { connections_.try_emplace(socket); }
    void receive(Socket socket, Bytes octets);
    /// Who ended it matters to the oracle: the broker publishes the will either way unless DISCONNECT came.
    void closed(Socket socket, Cause cause);
    /// Every connection is gone; with `forgets` the sessions as well.
    void restart(bool forgets);
    void keep_alive(TimePoint now);

    void publish(MessageId id, std::string_view topic, Bytes payload, Qos qos, bool retain);

    bool is_subscribed(const std::string& client, const std::string& filter) const;
    /// QoS 1 and 2 messages not yet through.
    std::size_t outstanding(const std::string& client) const;
    std::size_t open_exchanges(const std::string& client) const;
    std::size_t connections() const noexcept { return connections_.size(); }
    bool is_healthy = true;  ///< false: may refuse

private:
    struct Outgoing {
        enum class State : std::uint8_t { queued, sent, received };
        MessageId message = 0;
        Qos qos = Qos::at_least_once;
        bool retain = false;
        State state = State::queued;
        mqtt::PacketId id = 0;
    };
    struct Session {
        std::string client;
        bool persistent = false;
        Socket socket = 0;  ///< 0 = away
        std::map<std::string, Qos> filters;
        std::vector<Outgoing> outgoing;
        std::map<mqtt::PacketId, MessageId> incoming;  ///< QoS 2, until PUBREL; 0 = a will
        mqtt::PacketId last_id = 0;
    };
    struct Will {
        std::string topic;
        Buffer message;
        Qos qos{};
        bool retain = false;
    };
    struct Connection {
        mqtt::StreamParser parser{1U << 20};
        Session* session = nullptr;
        std::optional<Will> will;
        std::set<mqtt::PacketId> published;  ///< QoS 2 ids that came on it and are open
        std::uint16_t keep_alive_s = 0;
        TimePoint last_heard{};
    };
    struct Receiver;

    bool handle(Socket socket, const mqtt::Packet& packet);
    bool connect(Socket socket, const mqtt::Connect& packet);
    void send(Socket socket, const mqtt::Packet& packet);
    void deliver(Session& session, MessageId message, Qos qos, bool retain);
    void pump(Session& session);
    void forget(Session& session);
    void end(Socket socket, Cause cause);
    void acknowledge(Session& session, mqtt::PacketId id, Qos qos);
    void route(MessageId id, std::string_view topic, Qos qos);
    void retain(MessageId id, std::string_view topic, Bytes payload, bool is_retained);

    const Plan& plan_;
    mqtt::Version version_;
    Oracle& oracle_;
    Trace& trace_;
    const Timeline& time_;
    Dice dice_;
    Wire wire_;
    std::map<std::string, Session> sessions_;
    std::map<Socket, Connection> connections_;
    std::map<std::string, MessageId> retained_;
};

}  // namespace mqttsn::simulation
