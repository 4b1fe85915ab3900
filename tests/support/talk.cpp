#include "tests/support/talk.hpp"

#include "protocol/sn/forwarder.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace mqttsn::test {

namespace {

std::pair<LinkId, std::string> key_of(const Endpoint& endpoint) {
    return {endpoint.link, std::string(as_text(endpoint.address.octets()))};
}

std::string describe(Bytes frame) {
    const auto packet = sn::decode(frame);
    return fmt::format("{} {}", packet ? sn::name_of(sn::type_of(*packet)) : std::string_view("frame"), to_hex(frame));
}

int number(Qos qos) {
    return static_cast<int>(qos);
}

struct ToText {
    std::string operator()(const mqtt::Connect& p) const {
        std::string text = fmt::format("CONNECT {} {}", p.client_id, p.clean_start ? "clean" : "keep");
        if (p.will) {
            text += fmt::format(" will {} {} q{}{}", p.will->topic, as_text(p.will->payload), number(p.will->qos),
                                p.will->retain ? " retain" : "");
        }
        if (p.username) text += fmt::format(" user {}", *p.username);
        return text;
    }
    std::string operator()(const mqtt::Connack& p) const { return fmt::format("CONNACK {}", p.reason); }
    std::string operator()(const mqtt::Publish& p) const {
        return fmt::format("PUBLISH q{}{}{} {} {}", number(p.qos), p.retain ? " retain" : "", p.dup ? " dup" : "",
                           p.topic, as_text(p.payload));
    }
    std::string operator()(const mqtt::Puback&) const { return "PUBACK"; }
    std::string operator()(const mqtt::Pubrec&) const { return "PUBREC"; }
    std::string operator()(const mqtt::Pubrel&) const { return "PUBREL"; }
    std::string operator()(const mqtt::Pubcomp&) const { return "PUBCOMP"; }
    std::string operator()(const mqtt::Subscribe& p) const {
        return fmt::format("SUBSCRIBE q{} {}", p.topics.front().options, p.topics.front().filter);
    }
    std::string operator()(const mqtt::Suback&) const { return "SUBACK"; }
    std::string operator()(const mqtt::Unsubscribe& p) const {
        return fmt::format("UNSUBSCRIBE {}", p.filters.front());
    }
    std::string operator()(const mqtt::Unsuback&) const { return "UNSUBACK"; }
    std::string operator()(const mqtt::Pingreq&) const { return "PINGREQ"; }
    std::string operator()(const mqtt::Pingresp&) const { return "PINGRESP"; }
    std::string operator()(const mqtt::Disconnect& p) const {
        return p.reason == 0 ? "DISCONNECT" : fmt::format("DISCONNECT {:#x}", p.reason);
    }
    std::string operator()(const mqtt::Auth&) const { return "AUTH"; }
};

}  // namespace

Buffer frame_of(const sn::Packet& packet) {
    Buffer frame;
    REQUIRE(sn::encode(packet, 65535, frame).has_value());
    return frame;
}

Buffer bytes(std::string_view text) {
    const Bytes octets = as_bytes(text);
    return {octets.begin(), octets.end()};
}

std::string text_of(const mqtt::Packet& packet) {
    return std::visit(ToText{}, packet);
}

// ---- Device ----

void Device::sends(const sn::Packet& packet) const {
    sends(frame_of(packet));
}

void Device::sends(const Buffer& datagram) const {
    Buffer whole;
    if (!node_id_.empty()) sn::append_encapsulation(0, as_bytes(node_id_), whole);
    whole.insert(whole.end(), datagram.begin(), datagram.end());
    talk_->deliver(endpoint_, whole);
}

Buffer Device::next_datagram() const {
    auto& mail = talk_->mail_[key_of(endpoint_)];
    // An exception, not REQUIRE: tests call this inside CHECK, and Catch cannot nest assertions.
    if (mail.empty()) throw std::runtime_error("a frame to the device was expected");
    Buffer first = std::move(mail.front());
    mail.pop_front();
    if (node_id_.empty()) return first;
    const auto outer = sn::decode_encapsulated(first);
    REQUIRE(outer.has_value());
    CHECK(as_text(outer->node_id) == node_id_);
    return {outer->inner.begin(), outer->inner.end()};
}

sn::Packet Device::next() const {
    static Buffer kept;
    kept = next_datagram();
    const auto packet = sn::decode(kept);
    if (!packet) throw std::runtime_error("not MQTT-SN: " + to_hex(kept));
    return *packet;
}

void Device::expects(const sn::Packet& packet) const {
    const Buffer wanted = frame_of(packet);
    INFO("expected " << describe(wanted));
    const Buffer got = next_datagram();
    CHECK(describe(got) == describe(wanted));
}

void Device::expects_nothing() const {
    auto& mail = talk_->mail_[key_of(endpoint_)];
    for (const Buffer& each : mail)
        FAIL_CHECK("unexpected: " << describe(each));
    mail.clear();
}

bool Device::has_frames() const {
    return !talk_->mail_[key_of(endpoint_)].empty();
}

std::size_t Device::discards() const {
    return std::exchange(talk_->mail_[key_of(endpoint_)], {}).size();
}

void Device::connects(std::string_view client_id, bool clean, std::uint16_t keep_alive_s) const {
    sends(sn::Connect{false, clean, sn::protocol_id, keep_alive_s, client_id});
    expects(sn::Connack{sn::ReturnCode::accepted});
}

void Device::connects_with_will(std::string_view client_id, bool clean, std::uint16_t keep_alive_s,
                                const sn::WillTopic& will, std::string_view message) const {
    sends(sn::Connect{true, clean, sn::protocol_id, keep_alive_s, client_id});
    expects(sn::WillTopicReq{});
    sends(will);
    expects(sn::WillMsgReq{});
    sends(sn::WillMsg{as_bytes(message)});
    expects(sn::Connack{sn::ReturnCode::accepted});
}

void Device::disconnects() const {
    sends(sn::Disconnect{});
    expects(sn::Disconnect{});
}

void Device::sleeps(std::uint16_t duration_s) const {
    sends(sn::Disconnect{duration_s});
    expects(sn::Disconnect{});
}

sn::TopicId Device::registers(std::string_view topic) const {
    sends(sn::Register{0, 0x7777, topic});
    const auto reply = std::get<sn::Regack>(next());
    CHECK(reply.msg_id == 0x7777);
    REQUIRE(reply.code == sn::ReturnCode::accepted);
    return reply.topic_id;
}

sn::TopicId Device::subscribes(std::string_view filter, Qos qos) const {
    sends(sn::Subscribe{false, qos, sn::TopicIdType::normal, 0x6666, 0, filter});
    const auto reply = std::get<sn::Suback>(next());
    CHECK(reply.msg_id == 0x6666);
    CHECK(reply.qos == qos);
    REQUIRE(reply.code == sn::ReturnCode::accepted);
    return reply.topic_id;
}

Device Device::behind(std::string_view node_id) const {
    Device other = *this;
    other.node_id_ = node_id;
    return other;
}

// ---- Talk ----

gateway::Config Talk::config() {
    gateway::Config config;
    config.links.emplace_back();
    config.links.front().name = "test";
    config.broker.gateway_client_id = "gw";
    config.broker.client.keep_alive_s = 0;
    return config;
}

gateway::Config Talk::durable() {
    gateway::Config durable = config();
    durable.durable = true;
    return durable;
}

Talk::Talk(gateway::Config config) : config_(std::move(config)) {
    make_gateway();
    gateway_->start(now_, out_);
    settle();
    heard_.clear();
    broadcasts.clear();
    broadcast_links.clear();
}

void Talk::make_gateway() {
    gateway::Gateway::Naming naming{
        [](const Endpoint& endpoint) { return to_hex(endpoint.address.octets()); },
        // Addresses are (host, port) of one octet each.
        [](const Endpoint& a, const Endpoint& b) { return a.address.octets()[0] == b.address.octets()[0]; },
        [](const gateway::DeviceReport& device) { return std::string(gateway::name_of(device.state)); }};
    gateway_ = std::make_unique<gateway::Gateway>(config_, std::move(naming));
}

Talk::~Talk() {
    if (std::uncaught_exceptions() > exceptions_) return;
    for (const auto& [to, mail] : mail_) {
        for (const Buffer& each : mail)
            FAIL_CHECK("left over: " << describe(each));
    }
}

Device Talk::device(std::uint16_t number, LinkId link) {
    // One host for the first 256, as for any few devices; more stand behind others.
    const std::array octets{static_cast<std::byte>(1U + number / 256U), static_cast<std::byte>(number % 256U)};
    return {*this, Endpoint{link, Address(octets)}};
}

void Talk::deliver(const Endpoint& from, Bytes datagram) {
    gateway_->on_frame({from, signal}, datagram, now_, out_);
    settle();
}

void Talk::advance(Duration duration) {
    const TimePoint target = now_ + duration;
    for (auto next = gateway_->next_timeout(); next && *next <= target; next = gateway_->next_timeout()) {
        now_ = std::max(now_, *next);
        gateway_->timeout(now_, out_);
        settle();
    }
    now_ = target;
}

Duration Talk::advance_to_next() {
    const auto next = gateway_->next_timeout();
    REQUIRE(next);
    const TimePoint before = now_;
    advance(std::max(*next, now_) - now_);
    return now_ - before;
}

Lines Talk::heard() {
    return std::exchange(heard_, {});
}

Lines Talk::heard(std::string_view client) {
    Lines own;
    const std::string prefix = std::string(client) + ": ";
    for (const auto& line : std::exchange(heard_, {})) {
        if (line.starts_with(prefix)) own.push_back(line.substr(prefix.size()));
    }
    return own;
}

void Talk::settle() {
    carry_out();
    while (!inputs_.empty()) {
        const auto input = std::move(inputs_.front());
        inputs_.pop_front();
        input();
        carry_out();
    }
}

void Talk::carry_out() {
    const gateway::Outbox out = std::exchange(out_, {});
    log.insert(log.end(), out.log.begin(), out.log.end());
    write(out);
    gate_.pass(out, last_commit_, *this);
    if (!disk_holds) commits();
}

void Talk::write(const gateway::Outbox& out) {
    if (out.store.empty()) return;
    REQUIRE(config_.durable);
    Batch batch{++last_commit_, {}};
    for (const auto& op : out.store) {
        const Bytes image = out.view(op.offset, op.size);
        batch.ops.emplace_back(op, Buffer(image.begin(), image.end()));
    }
    uncommitted_.push_back(std::move(batch));
}

void Talk::commits() {
    using Action = gateway::StoreOp::Action;
    for (const Batch& batch : std::exchange(uncommitted_, {})) {
        for (const auto& [op, image] : batch.ops) {
            if (op.action == Action::put) disk_[op.key] = image;
            if (op.action == Action::erase) disk_.erase(op.key);
            if (op.action == Action::erase_session) {
                std::erase_if(disk_, [&](const auto& each) { return each.first.session == op.key.session; });
            }
        }
        gate_.committed(batch.id, *this);
    }
    if (disk_holds) settle();
}

void Talk::crashes_and_restarts(Duration down) {
    uncommitted_.clear();
    inputs_.clear();
    connections_.clear();
    gate_ = {};
    out_ = {};
    now_ += down;
    make_gateway();
    for (const auto& [key, image] : disk_)
        gateway_->restore(key, image);
    gateway_->start(now_, out_);
    settle();
}

void Talk::leave(const gateway::FrameOut& frame, Bytes octets) {
    if (frame.broadcast) {
        broadcasts.emplace_back(frame.radius, Buffer(octets.begin(), octets.end()));
        broadcast_links.push_back(frame.to.link);
    } else {
        mail_[key_of(frame.to)].emplace_back(octets.begin(), octets.end());
        if (frame.token != 0) departing.push_back(frame.token);
    }
}

void Talk::departs(Departure departure) {
    REQUIRE_FALSE(departing.empty());
    const FrameToken token = departing.front();
    departing.pop_front();
    gateway_->on_departed(token, departure, now_, out_);
    settle();
}

void Talk::leave(const gateway::UpstreamOut& action, Bytes octets) {
    const auto id = action.id;
    switch (action.action) {
        case gateway::UpstreamAction::open:
            connections_[id];
            if (reachable == Reachable::yes) {
                inputs_.push_back([this, id] {
                    connections_[id].open = true;
                    gateway_->on_upstream_open(id, now_, out_);
                });
            } else if (reachable == Reachable::refused) {
                inputs_.push_back([this, id] { gateway_->on_upstream_closed(id, "connection refused", now_, out_); });
            }
            break;
        case gateway::UpstreamAction::send:
            on_broker_octets(id, octets);
            break;
        case gateway::UpstreamAction::close:
        case gateway::UpstreamAction::abort:
            if (connections_[id].open) {
                heard_.push_back(connections_[id].client +
                                 (action.action == gateway::UpstreamAction::close ? ": CLOSE" : ": ABORT"));
            }
            connections_.erase(id);
            break;
    }
}

void Talk::overflowed(gateway::UpstreamId id) {
    connections_.erase(id);
    inputs_.push_back([this, id] { gateway_->on_upstream_closed(id, "too much waits for the disk", now_, out_); });
}

void Talk::on_broker_octets(gateway::UpstreamId id, Bytes octets) {
    Connection& connection = connections_[id];
    connection.parser.feed(octets);
    while (true) {
        const auto raw = connection.parser.next();
        REQUIRE(raw.has_value());
        if (!*raw) return;
        const auto packet = mqtt::decode(config_.broker.client.version, (*raw)->first_octet, (*raw)->body);
        REQUIRE(packet.has_value());
        if (const auto* connect = std::get_if<mqtt::Connect>(&*packet)) {
            connection.client = connect->client_id;
            connection.keep_alive_s = connect->keep_alive_s;
        }
        heard_.push_back(connection.client + ": " + text_of(*packet));
        connection.last[mqtt::type_of(*packet)] = {(*raw)->first_octet,
                                                   Buffer((*raw)->body.begin(), (*raw)->body.end())};
        std::visit(
            [&](const auto& each) {
                if constexpr (requires { each.packet_id; }) {
                    if (each.packet_id != 0) connection.last_id = each.packet_id;
                }
            },
            *packet);
        if (!hold.contains(mqtt::type_of(*packet))) answer(id, *packet);
    }
}

void Talk::answer(gateway::UpstreamId id, const mqtt::Packet& packet) {
    if (std::holds_alternative<mqtt::Connect>(packet)) {
        send_to_gateway(id, mqtt::Connack{session_present, connack, connack_properties});
    } else if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
        if (publish->qos == Qos::at_least_once) send_to_gateway(id, mqtt::Puback{publish->packet_id, puback, {}});
        if (publish->qos == Qos::exactly_once) send_to_gateway(id, mqtt::Pubrec{publish->packet_id, puback, {}});
    } else if (const auto* pubrel = std::get_if<mqtt::Pubrel>(&packet)) {
        send_to_gateway(id, mqtt::Pubcomp{pubrel->packet_id, 0, {}});
    } else if (const auto* pubrec = std::get_if<mqtt::Pubrec>(&packet)) {
        send_to_gateway(id, mqtt::Pubrel{pubrec->packet_id, 0, {}});
    } else if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) {
        const auto granted =
            suback == 0xFF ? static_cast<mqtt::ReasonCode>(subscribe->topics.front().options & 3U) : suback;
        send_to_gateway(id, mqtt::Suback{subscribe->packet_id, {granted}, {}});
    } else if (const auto* unsubscribe = std::get_if<mqtt::Unsubscribe>(&packet)) {
        mqtt::Unsuback reply{unsubscribe->packet_id, {}, {}};
        if (config_.broker.client.version == mqtt::Version::v5) reply.reasons = {0};
        send_to_gateway(id, reply);
    } else if (std::holds_alternative<mqtt::Pingreq>(packet)) {
        send_to_gateway(id, mqtt::Pingresp{});
    }
}

void Talk::send_to_gateway(gateway::UpstreamId id, const mqtt::Packet& packet) {
    Buffer octets;
    mqtt::encode(config_.broker.client.version, packet, octets);
    inputs_.push_back([this, id, octets] { gateway_->on_upstream_data(id, octets, now_, out_); });
}

const Talk::Connection* Talk::find(std::string_view client) const {
    for (const auto& [id, connection] : connections_) {
        if (connection.client == client && connection.open) return &connection;
    }
    return nullptr;
}

void Talk::broker_sends(std::string_view client, const mqtt::Packet& packet) {
    for (const auto& [id, connection] : connections_) {
        if (connection.client != client) continue;
        send_to_gateway(id, packet);
        return settle();
    }
    FAIL("no broker connection of " << client);
}

void Talk::broker_publishes(std::string_view client, std::string_view topic, std::string_view payload, Qos qos,
                            mqtt::PacketId packet_id, bool retain) {
    broker_sends(client, mqtt::Publish{false, qos, retain, topic, packet_id, {}, as_bytes(payload)});
}

void Talk::broker_drops(std::string_view client) {
    for (const auto& [id, connection] : connections_) {
        if (connection.client != client) continue;
        const auto dropped = id;
        connections_.erase(id);
        gateway_->on_upstream_closed(dropped, "connection reset", now_, out_);
        return settle();
    }
    FAIL("no broker connection of " << client);
}

mqtt::PacketId Talk::last_id(std::string_view client) const {
    const Connection* connection = find(client);
    REQUIRE(connection != nullptr);
    return connection->last_id;
}

std::uint16_t Talk::broker_keep_alive_s(std::string_view client) const {
    const Connection* connection = find(client);
    REQUIRE(connection != nullptr);
    return connection->keep_alive_s;
}

mqtt::Packet Talk::last(std::string_view client, mqtt::PacketType type) const {
    const Connection* connection = find(client);
    REQUIRE(connection != nullptr);
    REQUIRE(connection->last.contains(type));
    const auto& [first_octet, body] = connection->last.at(type);
    const auto packet = mqtt::decode(config_.broker.client.version, first_octet, body);
    REQUIRE(packet.has_value());
    return *packet;
}

bool Talk::is_connected(std::string_view client) const {
    return find(client) != nullptr;
}

void Talk::shutdown() {
    gateway_->shutdown(now_, out_);
    settle();
}

}  // namespace mqttsn::test
