#include "tests/simulation/broker.hpp"

#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::simulation {

Broker::Broker(const Plan& plan, Oracle& oracle, Trace& trace, const Timeline& time, Dice dice, Wire wire)
    : plan_(plan),
      version_(plan.gateway.broker.client.version),
      oracle_(oracle),
      trace_(trace),
      time_(time),
      dice_(dice),
      wire_(std::move(wire)) {}

/// One call operator per packet that a client may send behind CONNECT. False: the connection is over.
struct Broker::Receiver {
    Broker& broker;
    Socket socket;
    Connection& connection;
    Session& session;

    bool operator()(const mqtt::Publish& packet) const {
        if (packet.qos == Qos::exactly_once) {
            if (!connection.published.insert(packet.packet_id).second) {
                broker.oracle_.fail("a QoS 2 PUBLISH is repeated on its connection");
            }
            const MessageId id = broker.oracle_.identify(packet.payload);
            const auto [open, is_new] = session.incoming.try_emplace(packet.packet_id, id);
            if (!is_new && open->second != id) broker.oracle_.fail("a packet id in use comes with another message");
            broker.send(socket, mqtt::Pubrec{packet.packet_id, 0, {}});
            if (!is_new) return true;
        }
        if (packet.qos == Qos::at_least_once) broker.send(socket, mqtt::Puback{packet.packet_id, 0, {}});
        broker.oracle_.broker_accepts(session.client, packet);
        const MessageId id = broker.oracle_.identify(packet.payload);
        if (id == 0) return true;
        broker.retain(id, packet.topic, packet.payload, packet.retain);
        broker.route(id, packet.topic, packet.qos);
        return true;
    }
    bool operator()(const mqtt::Puback& packet) const {
        broker.acknowledge(session, packet.packet_id, Qos::at_least_once);
        return true;
    }
    bool operator()(const mqtt::Pubrec& packet) const {
        broker.acknowledge(session, packet.packet_id, Qos::exactly_once);
        return true;
    }
    bool operator()(const mqtt::Pubrel& packet) const {
        session.incoming.erase(packet.packet_id);
        connection.published.erase(packet.packet_id);
        broker.send(socket, mqtt::Pubcomp{packet.packet_id, 0, {}});
        return true;
    }
    bool operator()(const mqtt::Pubcomp& packet) const {
        std::erase_if(session.outgoing, [&](const Outgoing& each) {
            return each.id == packet.packet_id && each.state == Outgoing::State::received;
        });
        broker.pump(session);
        return true;
    }
    bool operator()(const mqtt::Subscribe& packet) const {
        std::vector<mqtt::ReasonCode> granted;
        for (const auto& each : packet.topics) {
            const auto qos = static_cast<Qos>(each.options & 3U);
            session.filters[std::string(each.filter)] = qos;
            granted.push_back(static_cast<mqtt::ReasonCode>(qos));
        }
        broker.send(socket, mqtt::Suback{packet.packet_id, granted, {}});
        for (const auto& each : packet.topics) {
            for (const auto& [topic, id] : broker.retained_) {
                if (!matches(each.filter, topic)) continue;
                const Qos qos = std::min(broker.oracle_.message(id).qos, static_cast<Qos>(each.options & 3U));
                broker.deliver(session, id, std::max(qos, Qos::at_most_once), true);
            }
        }
        return true;
    }
    bool operator()(const mqtt::Unsubscribe& packet) const {
        for (const auto& each : packet.filters)
            session.filters.erase(std::string(each));
        const bool is_v5 = broker.version_ == mqtt::Version::v5;
        broker.send(
            socket,
            mqtt::Unsuback{packet.packet_id, std::vector<mqtt::ReasonCode>(is_v5 ? packet.filters.size() : 0), {}});
        return true;
    }
    bool operator()(const mqtt::Pingreq&) const {
        broker.send(socket, mqtt::Pingresp{});
        return true;
    }
    bool operator()(const mqtt::Disconnect&) const {
        connection.will.reset();
        return false;
    }
    template <class Other>
    bool operator()(const Other&) const {
        broker.oracle_.fail("the broker gets a packet that clients do not send here");
    }
};

void Broker::receive(Socket socket, Bytes octets) {
    const auto found = connections_.find(socket);
    if (found == connections_.end()) return;
    found->second.last_heard = time_.now();
    found->second.parser.feed(octets);
    while (true) {
        const auto raw = found->second.parser.next();
        if (!raw) oracle_.fail("the broker gets octets that are not MQTT");
        if (!*raw) return;
        const auto packet = mqtt::decode(version_, (*raw)->first_octet, (*raw)->body);
        if (!packet) oracle_.fail("the broker gets a malformed packet");
        if (handle(socket, *packet)) continue;
        // It ended in order.
        end(socket, Cause::environment);
        return wire_.close(socket);
    }
}

bool Broker::handle(Socket socket, const mqtt::Packet& packet) {
    Connection& connection = connections_.at(socket);
    if (trace_.is_on) {
        const std::string client = connection.session != nullptr ? connection.session->client : "?";
        trace_.add(time_.now(), "broker <- {:4} {}", client, text_of(packet));
    }
    if (const auto* request = std::get_if<mqtt::Connect>(&packet)) {
        oracle_.require(connection.session == nullptr, "a second CONNECT on a connection");
        return connect(socket, *request);
    }
    // DISCONNECT may follow a CONNECT that was refused.
    if (connection.session == nullptr) return false;
    return std::visit(Receiver{*this, socket, connection, *connection.session}, packet);
}

bool Broker::connect(Socket socket, const mqtt::Connect& packet) {
    const std::string client(packet.client_id);
    if (!is_healthy && dice_.chance(plan_.broker.refuses)) {
        const bool is_v5 = version_ == mqtt::Version::v5;
        send(socket, mqtt::Connack{false, static_cast<mqtt::ReasonCode>(is_v5 ? 0x88 : 3), {}});
        return false;
    }
    oracle_.broker_connects(client, packet.clean_start);
    auto known = sessions_.find(client);
    if (known != sessions_.end() && known->second.socket != 0) {
        const Socket old = known->second.socket;
        end(old, wire_.cause(old));
        wire_.close(old);
        known = sessions_.find(client);
    }
    if (known != sessions_.end() && packet.clean_start) {
        forget(known->second);
        sessions_.erase(known);
        known = sessions_.end();
    }
    const bool is_present = known != sessions_.end();
    Session& session = sessions_[client];
    session.client = client;
    session.persistent = !packet.clean_start;
    session.socket = socket;
    Connection& connection = connections_.at(socket);
    connection.session = &session;
    connection.keep_alive_s = packet.keep_alive_s;
    connection.last_heard = time_.now();
    if (packet.will) {
        connection.will =
            Will{std::string(packet.will->topic), Buffer(packet.will->payload.begin(), packet.will->payload.end()),
                 packet.will->qos, packet.will->retain};
    }
    send(socket, mqtt::Connack{is_present && version_ != mqtt::Version::v3_1, 0, {}});
    for (Outgoing& each : session.outgoing) {
        const Message& message = oracle_.message(each.message);
        if (each.state == Outgoing::State::received) send(socket, mqtt::Pubrel{each.id, 0, {}});
        if (each.state != Outgoing::State::sent) continue;
        send(socket, mqtt::Publish{true, each.qos, each.retain, message.topic, each.id, {}, message.payload});
    }
    pump(session);
    return true;
}

void Broker::send(Socket socket, const mqtt::Packet& packet) {
    if (trace_.is_on) {
        const auto found = connections_.find(socket);
        const bool is_known = found != connections_.end() && found->second.session != nullptr;
        trace_.add(time_.now(), "broker -> {:4} {}", is_known ? found->second.session->client : "?", text_of(packet));
    }
    Buffer octets;
    mqtt::encode(version_, packet, octets);
    wire_.send(socket, std::move(octets));
}

void Broker::deliver(Session& session, MessageId message, Qos qos, bool retain) {
    const int device = Oracle::device_of(session.client);
    if (device < 0) return;
    const Message& content = oracle_.message(message);
    if (qos == Qos::at_most_once) {
        if (session.socket == 0) return;
        oracle_.broker_routes(device, message, qos, retain);
        send(session.socket, mqtt::Publish{false, qos, retain, content.topic, 0, {}, content.payload});
        return;
    }
    if (session.socket == 0 && !session.persistent) return;
    oracle_.broker_routes(device, message, qos, retain);
    session.outgoing.push_back({message, qos, retain});
    pump(session);
}

void Broker::pump(Session& session) {
    if (session.socket == 0) return;
    using State = Outgoing::State;
    auto on_the_way = static_cast<std::size_t>(
        std::ranges::count_if(session.outgoing, [](const Outgoing& each) { return each.state != State::queued; }));
    for (Outgoing& each : session.outgoing) {
        if (each.state != State::queued) continue;
        if (on_the_way >= plan_.broker.in_flight) return;
        const auto is_taken = [&](mqtt::PacketId id) {
            return id == 0 || std::ranges::count(session.outgoing, id, &Outgoing::id) != 0;
        };
        do {
            ++session.last_id;
        } while (is_taken(session.last_id));
        each.id = session.last_id;
        each.state = State::sent;
        ++on_the_way;
        const Message& message = oracle_.message(each.message);
        send(session.socket, mqtt::Publish{false, each.qos, each.retain, message.topic, each.id, {}, message.payload});
    }
}

void Broker::acknowledge(Session& session, mqtt::PacketId id, Qos qos) {
    using State = Outgoing::State;
    const auto found = std::ranges::find_if(session.outgoing, [&](const Outgoing& each) {
        return each.id == id && each.qos == qos && each.state != State::queued;
    });
    if (found == session.outgoing.end()) {
        if (qos == Qos::exactly_once) send(session.socket, mqtt::Pubrel{id, 0, {}});
        return;
    }
    if (found->state == State::sent) {
        oracle_.broker_is_acknowledged(Oracle::device_of(session.client), found->message);
    }
    if (qos == Qos::at_least_once) {
        session.outgoing.erase(found);
        return pump(session);
    }
    found->state = State::received;
    send(session.socket, mqtt::Pubrel{id, 0, {}});
}

void Broker::forget(Session& session) {
    for (const Outgoing& each : session.outgoing)
        oracle_.broker_forgets_delivery(Oracle::device_of(session.client), each.message);
    for (const auto& [id, message] : session.incoming) {
        if (message != 0) oracle_.broker_forgets_exchange(message);
    }
}

void Broker::end(Socket socket, Cause cause) {
    const auto found = connections_.find(socket);
    if (found == connections_.end()) return;
    Session* session = found->second.session;
    const auto will = std::move(found->second.will);
    connections_.erase(found);
    if (session == nullptr || session->socket != socket) return;
    const int device = Oracle::device_of(session->client);
    session->socket = 0;
    if (!session->persistent) {
        forget(*session);
        sessions_.erase(session->client);
    }
    if (will) oracle_.broker_publishes_will(device, will->message, cause);
}

void Broker::closed(Socket socket, Cause cause) {
    if (connections_.contains(socket)) trace_.add(time_.now(), "broker: connection {} ended", socket & 0xFFFFFFFFU);
    end(socket, cause);
}

void Broker::restart(bool forgets) {
    trace_.add(time_.now(), "broker restarts{}", forgets ? " and forgets its sessions" : "");
    connections_.clear();
    for (auto& [client, session] : sessions_) {
        session.socket = 0;
        if (forgets || !session.persistent) forget(session);
    }
    std::erase_if(sessions_, [&](const auto& each) { return forgets || !each.second.persistent; });
    if (forgets) retained_.clear();
}

void Broker::keep_alive(TimePoint now) {
    for (const auto& [socket, connection] : connections_) {
        if (connection.session == nullptr || connection.keep_alive_s == 0) continue;
        const Duration longest = Duration(std::chrono::seconds(connection.keep_alive_s)) * 3 / 2;
        if (now <= connection.last_heard + longest) continue;
        const Socket silent = socket;
        end(silent, Cause::environment);
        return wire_.close(silent);
    }
}

void Broker::publish(MessageId id, std::string_view topic, Bytes payload, Qos qos, bool is_retained) {
    retain(id, topic, payload, is_retained);
    route(id, topic, qos);
}

void Broker::retain(MessageId id, std::string_view topic, Bytes payload, bool is_retained) {
    if (is_retained && !payload.empty()) retained_[std::string(topic)] = id;
}

void Broker::route(MessageId id, std::string_view topic, Qos qos) {
    for (auto& [client, session] : sessions_) {
        std::optional<Qos> granted;
        for (const auto& [filter, each] : session.filters) {
            if (matches(filter, topic)) granted = std::max(granted.value_or(Qos::at_most_once), each);
        }
        if (granted) deliver(session, id, std::min(*granted, qos), false);
    }
}

bool Broker::is_subscribed(const std::string& client, const std::string& filter) const {
    const auto found = sessions_.find(client);
    return found != sessions_.end() && found->second.filters.contains(filter);
}

std::size_t Broker::outstanding(const std::string& client) const {
    const auto found = sessions_.find(client);
    return found == sessions_.end() ? 0 : found->second.outgoing.size();
}

std::size_t Broker::open_exchanges(const std::string& client) const {
    const auto found = sessions_.find(client);
    return found == sessions_.end() ? 0 : found->second.incoming.size();
}

}  // namespace mqttsn::simulation
