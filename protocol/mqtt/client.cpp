#include "protocol/mqtt/client.hpp"

#include <algorithm>
#include <utility>

namespace mqttsn::mqtt {

namespace {

class ClientCategory final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "mqtt-client"; }
    std::string message(int value) const override {
        switch (static_cast<ClientError>(value)) {
            case ClientError::not_connected:
                return "not connected";
            case ClientError::in_flight_full:
                return "too many unacknowledged messages";
            case ClientError::packet_too_large:
                return "larger than the broker accepts";
            case ClientError::protocol_violation:
                return "the broker broke the MQTT protocol";
            case ClientError::malformed_packet:
                return "the broker sent a malformed packet";
            case ClientError::ping_timeout:
                return "the broker did not answer a ping";
        }
        return "unknown error";
    }
};

constexpr std::byte dup_flag{0x08};
constexpr std::size_t packet_ids = 65535;
constexpr ReasonCode packet_too_large_reason = 0x95;

Properties connect_properties(const ClientOptions& options, bool clean_start) {
    if (options.version != Version::v5) return {};
    Properties list{{PropertyId::receive_maximum, std::uint32_t{options.receive_maximum}},
                    {PropertyId::maximum_packet_size, options.maximum_packet_size},
                    {PropertyId::request_problem_information, std::uint32_t{0}}};
    if (!clean_start) list.push_back({PropertyId::session_expiry_interval, options.session_expiry_s});
    return list;
}

}  // namespace

const boost::system::error_category& client_category() noexcept {
    static const ClientCategory category;
    return category;
}

Client::Client(ClientOptions options) : options_(options), parser_(options.maximum_packet_size) {}

void Client::connect(const ConnectRequest& request, TimePoint now, Buffer& wire) {
    parser_.reset();
    limits_ = {};
    requests_.clear();
    state_ = State::connecting;
    clean_ = request.clean_start;
    if (clean_) {
        outgoing_.clear();
        incoming_.clear();
    }
    for (Incoming& each : incoming_)
        each.on_this_connection = false;
    Connect packet;
    packet.clean_start = request.clean_start;
    packet.keep_alive_s = keep_alive_s_ = options_.keep_alive_s;
    packet.client_id = request.client_id;
    packet.properties = connect_properties(options_, request.clean_start);
    if (request.will != nullptr) {
        packet.will =
            WillPacket{request.will->topic, request.will->payload, request.will->qos, request.will->retain, {}};
    }
    if (!request.username.empty()) packet.username = request.username;
    // MQTT before 5.0 forbids a password without user name.
    if (!request.password.empty() && (packet.username || options_.version == Version::v5))
        packet.password = request.password;
    encode(options_.version, packet, wire);
    last_sent_ = last_received_ = now;
    ping_sent_.reset();
}

void Client::connection_lost() noexcept {
    state_ = State::idle;
    parser_.reset();
    requests_.clear();
    ping_sent_.reset();
    for (Outgoing& each : outgoing_)
        each.sent = false;
}

bool Client::is_connected() const noexcept {
    return state_ == State::connected;
}
const BrokerLimits& Client::limits() const noexcept {
    return limits_;
}
std::size_t Client::in_flight() const noexcept {
    return outgoing_.size();
}

std::size_t Client::in_flight_limit() const noexcept {
    return std::min<std::size_t>(options_.max_in_flight, limits_.receive_maximum);
}

bool Client::has_free_packet_id() const noexcept {
    return outgoing_.size() + requests_.size() < packet_ids;
}

PacketId Client::free_packet_id() {
    const auto is_taken = [&](PacketId id) {
        return id == 0 || find_outgoing(id) != outgoing_.end() || std::ranges::binary_search(requests_, id);
    };
    do {
        ++last_packet_id_;
    } while (is_taken(last_packet_id_));
    return last_packet_id_;
}

std::vector<Client::Outgoing>::iterator Client::find_outgoing(PacketId id) noexcept {
    return std::ranges::find(outgoing_, id, &Outgoing::packet_id);
}
std::vector<Client::Incoming>::iterator Client::find_incoming(PacketId id) noexcept {
    return std::ranges::find(incoming_, id, &Incoming::packet_id);
}

Result<PacketId> Client::publish(const OutgoingMessage& message, TimePoint now, Buffer& wire) {
    if (!is_connected()) return make_error_code(ClientError::not_connected);
    Publish packet;
    packet.qos = std::min(message.qos, limits_.maximum_qos);
    packet.retain = message.retain && limits_.retain_available;
    packet.topic = message.topic;
    packet.payload = message.payload;
    const bool has_id = packet.qos != Qos::at_most_once;
    if (has_id && (outgoing_.size() >= in_flight_limit() || !has_free_packet_id()))
        return make_error_code(ClientError::in_flight_full);
    if (has_id) packet.packet_id = free_packet_id();

    const std::size_t begin = wire.size();
    encode_publish(options_.version, packet, wire);
    if (wire.size() - begin > limits_.maximum_packet_size) {
        wire.resize(begin);
        return make_error_code(ClientError::packet_too_large);
    }
    last_sent_ = now;
    if (has_id) {
        outgoing_.push_back({packet.packet_id, packet.qos, Outgoing::Awaits::acknowledgement, true,
                             Buffer(wire.begin() + static_cast<std::ptrdiff_t>(begin), wire.end())});
    }
    return packet.packet_id;
}

template <class Request>
Result<PacketId> Client::request(Request packet, TimePoint now, Buffer& wire) {
    if (!is_connected()) return make_error_code(ClientError::not_connected);
    if (!has_free_packet_id()) return make_error_code(ClientError::in_flight_full);
    const PacketId id = free_packet_id();
    packet.packet_id = id;
    const std::size_t begin = wire.size();
    encode(options_.version, std::move(packet), wire);
    if (wire.size() - begin > limits_.maximum_packet_size) {
        wire.resize(begin);
        return make_error_code(ClientError::packet_too_large);
    }
    requests_.insert(std::ranges::lower_bound(requests_, id), id);
    last_sent_ = now;
    return id;
}

Result<PacketId> Client::subscribe(std::string_view filter, Qos qos, TimePoint now, Buffer& wire) {
    return request(Subscribe{0, {{filter, static_cast<std::uint8_t>(qos)}}, {}}, now, wire);
}

Result<PacketId> Client::unsubscribe(std::string_view filter, TimePoint now, Buffer& wire) {
    return request(Unsubscribe{0, {filter}, {}}, now, wire);
}

bool Client::awaits_acknowledge(PacketId packet_id) const noexcept {
    return std::ranges::any_of(incoming_,
                               [&](const Incoming& each) { return each.packet_id == packet_id && !each.acknowledged; });
}

void Client::acknowledge(PacketId packet_id, TimePoint now, Buffer& wire) {
    const auto found = find_incoming(packet_id);
    if (found == incoming_.end() || found->acknowledged) return;
    found->acknowledged = true;
    // Without a connection the broker will repeat the message; it is answered then.
    if (!is_connected()) return;
    if (found->qos == Qos::at_least_once) {
        incoming_.erase(found);
        send_acknowledgement(PacketType::puback, packet_id, now, wire);
    } else {
        send_acknowledgement(PacketType::pubrec, packet_id, now, wire);
    }
}

void Client::send_acknowledgement(PacketType type, PacketId id, TimePoint now, Buffer& wire) {
    encode_acknowledgement(type, id, wire);
    last_sent_ = now;
}

void Client::send_waiting(TimePoint now, Buffer& wire) {
    auto on_the_way = static_cast<std::size_t>(std::ranges::count(outgoing_, true, &Outgoing::sent));
    for (Outgoing& each : outgoing_) {
        const bool is_waiting_for_payload = each.awaits == Outgoing::Awaits::acknowledgement && each.packet.empty();
        if (each.sent || is_waiting_for_payload) continue;
        if (on_the_way >= in_flight_limit()) return;
        if (each.awaits == Outgoing::Awaits::pubcomp) {
            encode_acknowledgement(PacketType::pubrel, each.packet_id, wire);
        } else {
            wire.insert(wire.end(), each.packet.begin(), each.packet.end());
        }
        each.sent = true;
        last_sent_ = now;
        ++on_the_way;
    }
}

void Client::resume(bool session_present, TimePoint now, Buffer& wire, std::vector<Event>& events) {
    if (!session_present) {
        incoming_.clear();
        for (const Outgoing& each : outgoing_) {
            if (each.awaits == Outgoing::Awaits::pubcomp) events.push_back(PublishCompleted{each.packet_id});
        }
        std::erase_if(outgoing_, [](const Outgoing& each) { return each.awaits == Outgoing::Awaits::pubcomp; });
    }
    // Sent again it would only make the broker close the connection, again and again (MQTT 5.0, 3.2.2.3.6).
    std::erase_if(outgoing_, [&](const Outgoing& each) {
        const bool is_too_large = each.packet.size() > limits_.maximum_packet_size;
        if (is_too_large) events.push_back(PublishAcknowledged{each.packet_id, packet_too_large_reason});
        return is_too_large;
    });
    for (Outgoing& each : outgoing_) {
        each.sent = false;
        if (each.packet.empty()) continue;
        each.packet[0] = session_present ? each.packet[0] | dup_flag : each.packet[0] & ~dup_flag;
    }
    send_waiting(now, wire);
}

bool Client::is_open(PacketId packet_id) const noexcept {
    return std::ranges::any_of(
        outgoing_, [&](const Outgoing& each) { return each.packet_id == packet_id && each.qos == Qos::exactly_once; });
}

void Client::restore_publish(PacketId packet_id, bool at_broker) {
    using Awaits = Outgoing::Awaits;
    outgoing_.push_back(
        {packet_id, Qos::exactly_once, at_broker ? Awaits::pubcomp : Awaits::acknowledgement, false, {}});
}

void Client::restore_received(PacketId packet_id, bool acknowledged) {
    incoming_.push_back({packet_id, Qos::exactly_once, acknowledged});
}

Result<void> Client::repeat(PacketId packet_id, const OutgoingMessage& message, TimePoint now, Buffer& wire) {
    const auto found = find_outgoing(packet_id);
    if (!is_connected() || found == outgoing_.end() || !found->packet.empty()) {
        return make_error_code(ClientError::not_connected);
    }
    Publish packet;
    packet.dup = true;
    packet.qos = Qos::exactly_once;
    packet.retain = message.retain && limits_.retain_available;
    packet.packet_id = packet_id;
    packet.topic = message.topic;
    packet.payload = message.payload;
    const std::size_t begin = wire.size();
    encode_publish(options_.version, packet, wire);
    if (wire.size() - begin > limits_.maximum_packet_size) {
        wire.resize(begin);
        return make_error_code(ClientError::packet_too_large);
    }
    found->packet.assign(wire.begin() + static_cast<std::ptrdiff_t>(begin), wire.end());
    found->sent = true;
    last_sent_ = now;
    return {};
}

void Client::release(PacketId packet_id, TimePoint now, Buffer& wire) {
    const auto found = find_outgoing(packet_id);
    if (found == outgoing_.end() || found->qos != Qos::exactly_once || !found->packet.empty()) return;
    found->awaits = Outgoing::Awaits::pubcomp;
    found->sent = is_connected();
    if (found->sent) send_acknowledgement(PacketType::pubrel, packet_id, now, wire);
}

void Client::disconnect(ReasonCode reason, Buffer& wire) {
    encode(options_.version, Disconnect{reason, {}}, wire);
    connection_lost();
    if (clean_) {
        outgoing_.clear();
        incoming_.clear();
    }
}

void Client::timeout(TimePoint now, Buffer& wire, std::vector<Event>& events) {
    const auto due = next_timeout();
    if (!due || *due > now) return;
    if (ping_sent_) return end(ClientError::ping_timeout, events);
    encode(options_.version, Pingreq{}, wire);
    last_sent_ = now;
    ping_sent_ = now;
}

std::optional<TimePoint> Client::next_timeout() const noexcept {
    if (!is_connected() || keep_alive_s_ == 0) return std::nullopt;
    const Duration keep_alive = std::chrono::seconds(keep_alive_s_);
    if (ping_sent_) return *ping_sent_ + std::max<Duration>(keep_alive / 2, std::chrono::seconds(1));
    // Also when only the broker is silent: a dead connection shows by its missing PINGRESP.
    return std::min(last_sent_, last_received_) + keep_alive;
}

void Client::end(ClientError error, std::vector<Event>& events) {
    connection_lost();
    events.push_back(ConnectionEnded{make_error_code(error), 0});
}

}  // namespace mqttsn::mqtt
