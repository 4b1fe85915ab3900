#include "gateway/core/image.hpp"

#include <algorithm>
#include <concepts>

namespace mqttsn::gateway {

namespace {

constexpr std::uint8_t format_version = 1;

class Writer {
public:
    explicit Writer(Buffer& out) : out_(out) {}

    template <std::unsigned_integral Number>
    void number(Number value) {
        for (std::size_t shift = sizeof(Number); shift-- > 0;)
            out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8U * shift)));
    }
    void flag(bool value) { number(static_cast<std::uint8_t>(value)); }
    void octets(Bytes value) {
        number(static_cast<std::uint32_t>(value.size()));
        out_.insert(out_.end(), value.begin(), value.end());
    }
    void text(std::string_view value) { octets(as_bytes(value)); }

private:
    Buffer& out_;
};

/// Reads what Writer wrote; once anything is missing everything reads as zero and `is_good` is false.
class Reader {
public:
    explicit Reader(Bytes in) : in_(in) {}

    template <std::unsigned_integral Number>
    Number number() {
        std::uint64_t value = 0;
        for (const std::byte each : take(sizeof(Number)))
            value = value << 8U | static_cast<std::uint64_t>(each);
        return static_cast<Number>(value);
    }
    bool flag() { return number<std::uint8_t>() != 0; }
    Bytes octets() { return take(number<std::uint32_t>()); }
    std::string_view text() { return as_text(octets()); }
    /// A count of things of at least one octet each.
    std::uint32_t count() {
        const auto value = number<std::uint32_t>();
        if (value > in_.size()) is_good_ = false;
        return is_good_ ? value : 0;
    }
    bool is_good() const noexcept { return is_good_; }

private:
    Bytes take(std::size_t size) {
        if (size > in_.size()) {
            is_good_ = false;
            in_ = {};
            return {};
        }
        const Bytes taken = in_.first(size);
        in_ = in_.subspan(size);
        return taken;
    }

    Bytes in_;
    bool is_good_ = true;
};

// A CONNECT that is being decided has changed nothing yet, and awake is only a part of sleep.
ClientState kept_state(const Session& session) {
    switch (session.state) {
        case ClientState::awake:
            return ClientState::asleep;
        case ClientState::connecting:
            return ClientState::disconnected;
        default:
            return session.state;
    }
}

constexpr std::uint64_t fnv_offset = 0xCBF29CE484222325U;
constexpr std::uint64_t fnv_prime = 0x100000001B3U;

class Fingerprint {
public:
    void add(Bytes octets) noexcept {
        for (const std::byte each : octets)
            value_ = (value_ ^ static_cast<std::uint64_t>(each)) * fnv_prime;
        add(octets.size());
    }
    void add(std::uint64_t number) noexcept { value_ = (value_ ^ number) * fnv_prime; }
    std::uint64_t value() const noexcept { return value_ == 0 ? 1 : value_; }

private:
    std::uint64_t value_ = fnv_offset;
};

std::uint64_t flags_of(const Session& session) {
    std::uint64_t flags = static_cast<std::uint64_t>(kept_state(session));
    for (const bool each :
         {session.clean_session, session.id_assigned, session.bound, session.will_owned, session.will_due,
          session.upstream_gone, session.subscriptions_known, session.accepted.will, session.will != nullptr}) {
        flags = flags << 1U | static_cast<std::uint64_t>(each);
    }
    return flags;
}

void write_will(const mqtt::Will* will, Writer& writer) {
    writer.flag(will != nullptr);
    if (will == nullptr) return;
    writer.text(will->topic);
    writer.octets(will->payload);
    writer.number(static_cast<std::uint8_t>(will->qos));
    writer.flag(will->retain);
}

std::unique_ptr<mqtt::Will> read_will(Reader& reader) {
    if (!reader.flag()) return nullptr;
    auto will = std::make_unique<mqtt::Will>();
    will->topic = reader.text();
    const Bytes payload = reader.octets();
    will->payload.assign(payload.begin(), payload.end());
    will->qos = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
    will->retain = reader.flag();
    return will;
}

void write_topics(const TopicRegistry& topics, Writer& writer) {
    writer.number(topics.last_assigned());
    writer.number(static_cast<std::uint32_t>(topics.size()));
    topics.for_each([&](sn::TopicId id, const TopicRegistry::Entry& entry) {
        writer.number(id);
        writer.text(entry.name);
        writer.flag(entry.origin == TopicRegistry::Origin::gateway);
        writer.flag(entry.confirmed);
    });
}

void read_topics(Reader& reader, TopicRegistry& topics) {
    topics.restore_last_assigned(reader.number<sn::TopicId>());
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        const auto id = reader.number<sn::TopicId>();
        TopicRegistry::Entry entry;
        entry.name = reader.text();
        entry.origin = reader.flag() ? TopicRegistry::Origin::gateway : TopicRegistry::Origin::client;
        entry.confirmed = reader.flag();
        if (reader.is_good() && !sn::is_reserved(id)) topics.restore(id, std::move(entry));
    }
}

void write_subscriptions(const Subscriptions& subscriptions, Writer& writer) {
    writer.number(static_cast<std::uint32_t>(subscriptions.all().size()));
    for (const Subscription& each : subscriptions.all()) {
        writer.text(each.filter);
        writer.number(static_cast<std::uint8_t>(each.granted));
        writer.number(each.predefined.value_or(0));
    }
    writer.number(static_cast<std::uint32_t>(subscriptions.suppressed().size()));
    for (const std::string& each : subscriptions.suppressed())
        writer.text(each);
}

void read_subscriptions(Reader& reader, const Limits& limits, Subscriptions& subscriptions) {
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        Subscription each;
        each.filter = reader.text();
        each.granted = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
        const auto predefined = reader.number<sn::TopicId>();
        if (predefined != 0) each.predefined = predefined;
        if (reader.is_good()) subscriptions.add(std::move(each));
    }
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        const auto name = reader.text();
        if (reader.is_good()) subscriptions.suppress(name, limits.topics_per_client);
    }
}

void write_route(const Session& session, const Config& config, Writer& writer) {
    writer.flag(session.bound);
    const LinkId link = session.route.endpoint.link;
    writer.text(link < config.links.size() ? std::string_view(config.links[link].name) : std::string_view());
    writer.octets(session.route.endpoint.address.octets());
    writer.text(session.route.forwarders);
}

// `session.bound` comes back as what the table has to do: nothing is bound yet.
void read_route(Reader& reader, const Config& config, Session& session, bool& link_known) {
    const bool was_bound = reader.flag();
    const auto link = reader.text();
    const Bytes address = reader.octets();
    session.route.forwarders = reader.text();
    const auto found = std::ranges::find(config.links, link, &LinkConfig::name);
    link_known = was_bound && found != config.links.end() && address.size() <= Address::capacity;
    if (!link_known) return;
    session.route.endpoint = {static_cast<LinkId>(found - config.links.begin()), Address(address)};
}

}  // namespace

std::uint64_t fingerprint(Bytes octets) noexcept {
    Fingerprint print;
    print.add(octets);
    return print.value();
}

std::uint64_t session_fingerprint(const Session& session) {
    if (!session.established) return 0;
    Fingerprint print;
    print.add(flags_of(session));
    print.add(static_cast<std::uint64_t>(session.keep_alive_s) << 16U | session.sleep_s);
    print.add(session.accepted.duration_s);
    print.add(session.route.endpoint.link);
    print.add(session.route.endpoint.address.octets());
    print.add(as_bytes(session.route.forwarders));
    print.add(session.topics.revision());
    print.add(session.subscriptions.revision());
    print.add(session.held);
    if (session.will) {
        print.add(as_bytes(session.will->topic));
        print.add(session.will->payload);
        print.add(static_cast<std::uint64_t>(session.will->qos) << 1U |
                  static_cast<std::uint64_t>(session.will->retain));
    }
    return print.value();
}

void append_session_image(const Session& session, const Config& config, Buffer& out) {
    Writer writer(out);
    writer.number(format_version);
    writer.text(session.client_id);
    writer.number(static_cast<std::uint8_t>(kept_state(session)));
    for (const bool each : {session.clean_session, session.id_assigned, session.will_owned, session.will_due,
                            session.upstream_gone, session.subscriptions_known, session.accepted.will}) {
        writer.flag(each);
    }
    writer.number(session.keep_alive_s);
    writer.number(session.sleep_s);
    writer.number(session.accepted.duration_s);
    write_route(session, config, writer);
    write_will(session.will.get(), writer);
    write_topics(session.topics, writer);
    write_subscriptions(session.subscriptions, writer);
    writer.octets(session.held);
}

std::string_view client_id_of(Bytes image) {
    Reader reader(image);
    if (reader.number<std::uint8_t>() != format_version) return {};
    return reader.text();
}

bool read_session_image(Bytes image, const Config& config, Session& session, bool& link_known) {
    Reader reader(image);
    if (reader.number<std::uint8_t>() != format_version || reader.text() != session.client_id) return false;
    const auto state = reader.number<std::uint8_t>();
    if (state >= client_state_count) return false;
    session.state = static_cast<ClientState>(state);
    session.established = true;
    for (bool* each : {&session.clean_session, &session.id_assigned, &session.will_owned, &session.will_due,
                       &session.upstream_gone, &session.subscriptions_known, &session.accepted.will}) {
        *each = reader.flag();
    }
    session.keep_alive_s = reader.number<std::uint16_t>();
    session.sleep_s = reader.number<std::uint16_t>();
    session.accepted.duration_s = reader.number<std::uint16_t>();
    session.accepted.clean_session = session.clean_session;
    read_route(reader, config, session, link_known);
    session.will = read_will(reader);
    read_topics(reader, session.topics);
    read_subscriptions(reader, config.limits, session.subscriptions);
    const Bytes held = reader.octets();
    session.held.assign(held.begin(), held.end());
    return reader.is_good();
}

void append_flow_image(Session& session, Buffer& out) {
    const mqtt::Client& client = session.upstream.client();
    Buffer inbound;
    Writer in(inbound);
    std::uint32_t inbound_count = 0;
    for (const InboundExchange& each : session.inbound) {
        if (each.qos != Qos::exactly_once) continue;
        ++inbound_count;
        in.number(each.msg_id);
        in.number(each.topic_id);
        // Behind PUBCOMP the packet id belongs to other messages.
        in.number(client.is_open(each.packet_id) ? each.packet_id : mqtt::PacketId{0});
        in.flag(each.at_broker);
        in.flag(each.began_asleep);
    }
    Buffer acknowledged;
    Writer done(acknowledged);
    std::uint32_t acknowledged_count = 0;
    client.for_each_acknowledged([&](mqtt::PacketId id) {
        ++acknowledged_count;
        done.number(id);
    });
    Buffer on_their_way;
    Writer taken(on_their_way);
    std::uint32_t taken_count = 0;
    for (const TakenMessage& each : session.taken.list) {
        if (each.qos != Qos::exactly_once || each.packet_id == 0) continue;
        ++taken_count;
        taken.number(each.sequence);
        taken.number(each.packet_id);
        taken.flag(each.at_broker);
    }
    const Delivery* front = session.deliveries.empty() ? nullptr : &session.deliveries.front();
    if (front != nullptr && !(front->qos == Qos::exactly_once && front->sent)) front = nullptr;
    if (inbound_count + acknowledged_count + taken_count == 0 && front == nullptr && session.interrupted.empty()) {
        return;
    }

    Writer writer(out);
    writer.number(format_version);
    writer.number(inbound_count);
    out.insert(out.end(), inbound.begin(), inbound.end());
    writer.number(acknowledged_count);
    out.insert(out.end(), acknowledged.begin(), acknowledged.end());
    const auto is_apart = [&](const InterruptedDelivery& each) {
        return front == nullptr || each.packet_id != front->packet_id;
    };
    const auto apart = std::ranges::count_if(session.interrupted, is_apart);
    writer.number(static_cast<std::uint32_t>(apart + (front != nullptr ? 1 : 0)));
    const auto write_delivery = [&](mqtt::PacketId packet_id, sn::MsgId msg_id, bool received) {
        writer.number(packet_id);
        writer.number(msg_id);
        writer.flag(received);
    };
    if (front != nullptr) write_delivery(front->packet_id, front->msg_id, front->received);
    for (const InterruptedDelivery& each : session.interrupted) {
        if (is_apart(each)) write_delivery(each.packet_id, each.msg_id, false);
    }
    writer.number(taken_count);
    out.insert(out.end(), on_their_way.begin(), on_their_way.end());
}

bool read_flow_image(Bytes image, Session& session) {
    Reader reader(image);
    if (reader.number<std::uint8_t>() != format_version) return false;
    mqtt::Client& client = session.upstream.client();
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        InboundExchange each{.qos = Qos::exactly_once, .restored = true};
        each.msg_id = reader.number<sn::MsgId>();
        each.topic_id = reader.number<sn::TopicId>();
        each.packet_id = reader.number<mqtt::PacketId>();
        each.at_broker = reader.flag();
        each.began_asleep = reader.flag();
        if (!reader.is_good()) break;
        if (each.packet_id == 0 && !each.at_broker) continue;
        if (each.packet_id != 0) client.restore_publish(each.packet_id, each.at_broker);
        session.inbound.push_back(each);
    }
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        const auto id = reader.number<mqtt::PacketId>();
        if (reader.is_good()) client.restore_received(id, true);
    }
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        const auto packet_id = reader.number<mqtt::PacketId>();
        const auto msg_id = reader.number<sn::MsgId>();
        const bool received = reader.flag();
        if (!reader.is_good()) break;
        session.last_msg_id = msg_id;
        if (!received) {
            session.interrupted.push_back({packet_id, msg_id});
            continue;
        }
        // The client has the message: only PUBREL is left, and that has no payload.
        if (packet_id != 0) client.restore_received(packet_id, false);
        Delivery rest;
        rest.qos = Qos::exactly_once;
        rest.packet_id = packet_id;
        rest.msg_id = msg_id;
        rest.sent = true;
        rest.received = true;
        session.deliveries.push(std::move(rest));
    }
    for (auto left = reader.count(); left > 0 && reader.is_good(); --left) {
        TakenMessage each;
        each.qos = Qos::exactly_once;
        each.sequence = reader.number<std::uint64_t>();
        each.packet_id = reader.number<mqtt::PacketId>();
        each.at_broker = reader.flag();
        each.restored = !each.at_broker;
        if (!reader.is_good()) break;
        client.restore_publish(each.packet_id, each.at_broker);
        session.taken.last_sequence = std::max(session.taken.last_sequence, each.sequence);
        session.taken.list.push_back(std::move(each));
    }
    return reader.is_good();
}

void append_message_image(const TakenMessage& message, Buffer& out) {
    Writer writer(out);
    writer.number(format_version);
    writer.text(message.topic);
    writer.octets(message.payload);
    writer.number(static_cast<std::uint8_t>(message.qos));
    writer.flag(message.retain);
    writer.number(message.taken_at_s);
}

bool read_message_image(Bytes image, std::uint64_t sequence, Session& session) {
    Reader reader(image);
    if (reader.number<std::uint8_t>() != format_version) return false;
    const std::string_view topic = reader.text();
    const Bytes payload = reader.octets();
    const auto qos = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
    const bool retain = reader.flag();
    const auto taken_at_s = reader.number<std::uint64_t>();
    if (!reader.is_good() || topic.empty()) return false;
    auto& list = session.taken.list;
    const auto place = std::ranges::lower_bound(list, sequence, {}, &TakenMessage::sequence);
    const bool is_begun = place != list.end() && place->sequence == sequence;
    TakenMessage& message = is_begun ? *place : *list.insert(place, TakenMessage{});
    message.sequence = sequence;
    message.topic = topic;
    message.payload.assign(payload.begin(), payload.end());
    message.qos = qos;
    message.retain = retain;
    message.taken_at_s = taken_at_s;
    session.taken.octets += topic.size() + payload.size();
    session.taken.last_sequence = std::max(session.taken.last_sequence, sequence);
    return true;
}

}  // namespace mqttsn::gateway
