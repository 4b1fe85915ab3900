#include "tests/simulation/oracle.hpp"

#include "protocol/topic.hpp"

#include <charconv>

namespace mqttsn::simulation {

namespace {

std::string key_of(const Message& message) {
    return fmt::format("{} q{} {}", message.sender, static_cast<int>(message.qos), message.topic);
}

std::optional<std::uint32_t> number_behind(char letter, std::string_view text) {
    if (text.empty() || text.front() != letter) return std::nullopt;
    std::uint32_t value = 0;
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + 1, end, value);
    return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

Oracle::Oracle(const Plan& plan, const Timeline& time, const Disk& disk, Trace& trace)
    : plan_(plan), time_(time), disk_(disk), trace_(trace), views_(plan.devices.size()) {}

void Oracle::fail(const std::string& what) const {
    trace_.add(time_.now(), "VIOLATION {}", what);
    throw Violation(what);
}

int Oracle::device_of(std::string_view client) {
    const auto number = number_behind('d', client);
    return number ? static_cast<int>(*number) : -1;
}

Buffer Oracle::will_message(int device, std::uint32_t version) {
    const std::string text = fmt::format("w{}.{}", device, version);
    const Bytes octets = as_bytes(text);
    return {octets.begin(), octets.end()};
}

// ---- messages of devices ----

const Message& Oracle::new_message(int sender, std::string topic, Qos qos, bool retain, std::size_t size) {
    auto message = std::make_unique<Message>();
    message->id = static_cast<MessageId>(messages_.size() + 1);
    message->sender = sender;
    message->qos = qos;
    message->retain = retain;
    message->topic = std::move(topic);
    const std::string text = fmt::format("m{};{}", message->id, std::string(size, 'x'));
    const Bytes octets = as_bytes(text);
    message->payload.assign(octets.begin(), octets.end());
    messages_.push_back(std::move(message));
    return *messages_.back();
}

MessageId Oracle::identify(Bytes payload) const {
    const auto number = number_behind('m', as_text(payload));
    if (!number) {
        require(!payload.empty() && payload[0] == std::byte{'w'}, "a payload that nobody sent");
        return 0;
    }
    require(*number >= 1 && *number <= messages_.size(), "a payload that nobody sent");
    require(as_text(messages_[*number - 1]->payload) == as_text(payload), "a payload was altered");
    return *number;
}

void Oracle::publish_ended(MessageId id, bool confirmed, bool failed) {
    Message& message = at(id);
    message.told = message.told || confirmed;
    message.failed = message.failed || failed;
    if (!confirmed) return;
    const bool is_safe = message.arrivals > 0 || disk_.holds(message.payload);
    if (!is_safe) fail(fmt::format("d{} was told that m{} is delivered, and it is nowhere", message.sender, id));
}

void Oracle::hears_publish(View& view, const sn::Publish& packet, TimePoint sent) {
    const MessageId id = identify(packet.data);
    Message& message = at(id);
    ++message.copies;
    message.is_astray = message.is_astray || sent <= view.clean_sent || view.clean_copies > 1;
    if (packet.qos == Qos::at_most_once || packet.qos == Qos::minus_one) {
        view.heard_qos0[key_of(message)].push_back(id);
        owe(view, sn::MsgType::puback, packet.msg_id);
        return;
    }
    view.published[packet.msg_id] = id;
    owe(view, sn::MsgType::puback, packet.msg_id);
    if (packet.qos != Qos::exactly_once) return;
    owe(view, sn::MsgType::pubrec, packet.msg_id);
    view.earlier.erase(packet.msg_id);
    if (!view.inbound.try_emplace(packet.msg_id, id).second) return;
    ++message.exchanges;
    // Those of earlier connections make room.
    const auto& core = plan_.gateway;
    const std::size_t most = std::min(core.limits.inflight_in, core.broker.client.max_in_flight);
    if (view.inbound.size() > most) {
        for (const sn::MsgId abandoned : view.earlier)
            view.inbound.erase(abandoned);
        view.earlier.clear();
    }
}

void Oracle::check_told(int device, sn::MsgId msg_id) const {
    const View& view = views_[index(device)];
    const auto found = view.published.find(msg_id);
    if (found == view.published.end()) fail(fmt::format("d{} is told of a message that it did not send", device));
    const Message& told = message(found->second);
    if (told.arrivals > 0 || disk_.holds(told.payload)) return;
    fail(fmt::format("d{} is told that m{} is safe, and it is nowhere", device, told.id));
}

void Oracle::broker_accepts(const std::string& client, const mqtt::Publish& packet) {
    const MessageId id = identify(packet.payload);
    if (id == 0) {
        require(device_of(client) >= 0, "the gateway's own connection carries a will");
        // A will of QoS 1 may be repeated as any such message.
        if (!packet.dup) broker_publishes_will(device_of(client), packet.payload, Cause::gateway);
        return;
    }
    Message& message = at(id);
    // A client keeps the ids of a session that gateway and broker have both lost.
    const bool is_session_lost = !plan_.gateway.durable && plan_.broker.forgets > 0;
    require(packet.topic == message.topic || message.is_astray || is_session_lost, "a message came on another topic");
    const bool is_minus_one = message.qos == Qos::minus_one;
    const int carrier = device_of(client);
    require(is_minus_one ? carrier == -1 : carrier == message.sender, "a message came on another client's connection");
    require(packet.qos == (is_minus_one ? Qos::at_most_once : message.qos), "a message came with another QoS");
    require(is_minus_one || packet.retain == message.retain, "a message came with another retain flag");
    ++message.arrivals;
    std::uint32_t most = UINT32_MAX;
    if (message.qos == Qos::exactly_once) most = message.exchanges + message.forgotten;
    if (packet.qos == Qos::at_most_once) most = message.copies;
    if (message.qos == Qos::at_most_once && plan_.gateway.delivery.store_qos0) most += crashes_;
    if (message.arrivals > most) {
        fail(fmt::format("m{} (QoS {}) came {} times, at most {} are right", id, static_cast<int>(message.qos),
                         message.arrivals, most));
    }
    check_order(message);
}

void Oracle::check_order(const Message& message) {
    if (message.qos == Qos::at_most_once || message.qos == Qos::minus_one) {
        if (plan_.gateway.delivery.store_qos0) return;
        auto& heard = views_[index(message.sender)].heard_qos0[key_of(message)];
        const auto found = std::ranges::find(heard, message.id);
        if (found == heard.end()) fail(fmt::format("m{} came behind messages that the gateway got later", message.id));
        heard.erase(heard.begin(), found + 1);
        return;
    }
    if (message.arrivals > 1 || message.failed) return;
    MessageId& last = last_arrival_[key_of(message)];
    if (message.id < last) fail(fmt::format("m{} came behind m{}", message.id, last));
    last = message.id;
}

void Oracle::check_messages() const {
    for (const auto& each : messages_) {
        if (each->told && each->arrivals == 0)
            fail(fmt::format("m{} was told to be delivered, and never came", each->id));
    }
}

// ---- messages to devices ----

void Oracle::broker_routes(int device, MessageId id, Qos qos, bool retained) {
    View& view = views_[index(device)];
    Delivery& delivery = view.deliveries[id];
    ++delivery.routed;
    if (retained || delivery.routed > 1) ++delivery.forgiven;
    delivery.qos = std::max(delivery.qos, qos);
    delivery.place = ++last_place_;
}

void Oracle::broker_forgets_delivery(int device, MessageId id) {
    views_[index(device)].deliveries[id].excused = true;
}

bool Oracle::is_excused(const View& view, const Message& message, const Delivery& delivery) const {
    return delivery.excused || std::ranges::any_of(view.unsubscribed, [&](const std::string& filter) {
               return matches(filter, message.topic);
           });
}

void Oracle::broker_is_acknowledged(int device, MessageId id) {
    View& view = views_[index(device)];
    Delivery& delivery = view.deliveries[id];
    if (delivery.received > 0 || is_excused(view, message(id), delivery)) return;
    if (dropped_found_ < dropped_) {
        ++dropped_found_;
        delivery.excused = true;
        return;
    }
    fail(fmt::format("the broker is told that d{} has m{}, which it has not", device, id));
}

void Oracle::publish_leaves(int device, const sn::Publish& packet) {
    View& view = views_[index(device)];
    const MessageId id = identify(packet.data);
    const auto found = view.deliveries.find(id);
    if (found == view.deliveries.end()) fail(fmt::format("d{} is sent m{}, which is not for it", device, id));
    Delivery& delivery = found->second;
    const Message& sent = message(id);
    require(packet.qos <= delivery.qos, "a message is sent with a higher QoS than granted");
    bool is_first = false;
    if (packet.qos == Qos::at_most_once) {
        is_first = ++delivery.sent == 1;
        if (delivery.sent > delivery.routed) fail(fmt::format("m{} with QoS 0 is sent to d{} again", id, device));
    } else {
        const bool is_new = delivery.msg_ids.insert(packet.msg_id).second;
        is_first = is_new && delivery.msg_ids.size() == 1;
        require(is_new || packet.dup || delivery.forgiven > 0, "a repeated PUBLISH has no DUP flag");
        if (packet.qos == Qos::exactly_once) delivery.exact_ids.insert(packet.msg_id);
        if (delivery.exact_ids.size() > 1 + delivery.forgiven) {
            fail(fmt::format("m{} is sent to d{} under another MsgId", id, device));
        }
        if (packet.qos == Qos::exactly_once && is_new) view.received.erase(packet.msg_id);
        view.outbound[packet.msg_id] = id;
    }
    // What a limit drops, the broker may repeat.
    if (!is_first || delivery.routed > 1 || dropped_ > 0) return;
    auto& last = view.last_place[fmt::format("q{} {}", static_cast<int>(packet.qos), sent.topic)];
    if (delivery.place < last) fail(fmt::format("m{} is sent to d{} behind later messages", id, device));
    last = delivery.place;
}

void Oracle::device_hears(int device, const sn::Packet& packet, std::uint64_t emission) {
    View& view = views_[index(device)];
    view.hears_old = emission <= view.clean_since || view.clean_copies > 1;
    if (const auto* release = std::get_if<sn::Pubrel>(&packet)) {
        auto& at_emission = view.released_at[release->msg_id];
        at_emission = std::max(at_emission, emission);
    }
    const auto* publish = std::get_if<sn::Publish>(&packet);
    if (publish == nullptr || publish->qos != Qos::exactly_once) return;
    const auto released = view.released_at.find(publish->msg_id);
    const bool is_late = released != view.released_at.end() && emission < released->second;
    if (is_late || view.hears_old) ++view.deliveries[identify(publish->data)].forgiven;
}

void Oracle::device_receives(int device, const std::string& topic, Bytes payload, Qos qos) {
    View& view = views_[index(device)];
    const MessageId id = identify(payload);
    const bool is_session_lost = !plan_.gateway.durable && plan_.broker.forgets > 0;
    require(message(id).topic == topic || view.hears_old || is_session_lost,
            "a device gets a message under another topic");
    Delivery& delivery = view.deliveries[id];
    ++delivery.received;
    delivery.received_exactly += qos == Qos::exactly_once ? 1 : 0;
    if (delivery.received_exactly > 1 + delivery.forgiven) {
        fail(fmt::format("d{} gets m{} with QoS 2 again", device, id));
    }
}

void Oracle::device_connects(int device, bool clean, std::uint64_t last_emission) {
    View& view = views_[index(device)];
    view.clean_copies = 0;
    if (!clean) return;
    view.clean_sent = time_.now();
    view.clean_since = last_emission;
    for (auto& [id, delivery] : view.deliveries) {
        delivery.excused = true;
        ++delivery.forgiven;
    }
}

void Oracle::device_unsubscribes(int device, const std::string& filter) {
    views_[index(device)].unsubscribed.push_back(filter);
}

bool Oracle::has_unsubscribed(int device, const std::string& filter) const {
    return std::ranges::count(views_[index(device)].unsubscribed, filter) != 0;
}

bool Oracle::is_settled(int device) const {
    const View& view = views_[index(device)];
    return std::ranges::all_of(view.deliveries, [&](const auto& each) {
        const auto& [id, delivery] = each;
        return delivery.qos == Qos::at_most_once || delivery.received > 0 || is_excused(view, message(id), delivery);
    });
}

void Oracle::check_deliveries(int device) const {
    const View& view = views_[index(device)];
    for (const auto& [id, delivery] : view.deliveries) {
        if (delivery.qos == Qos::at_most_once || delivery.received > 0) continue;
        if (!is_excused(view, message(id), delivery)) fail(fmt::format("d{} never got m{}", device, id));
    }
}

void Oracle::counted(const gateway::Counters& counters) {
    std::uint64_t dropped = counters.deliveries_dropped;
    if (plan_.gateway.retry_exhausted == gateway::RetryExhausted::drop) dropped += counters.retries_exhausted;
    dropped_ += dropped - dropped_last_seen_;
    dropped_last_seen_ = dropped;
    require(counters.malformed == 0, "a node's frame is malformed");
}

}  // namespace mqttsn::simulation
