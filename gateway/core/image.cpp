#include "gateway/core/image.hpp"

#include "gateway/core/image_octets.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

// 1: nothing about doubts.
constexpr std::uint8_t session_version = 2;

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

void write_will(const mqtt::Will* will, ImageWriter& writer) {
    writer.flag(will != nullptr);
    if (will == nullptr) return;
    writer.text(will->topic);
    writer.octets(will->payload);
    writer.number(static_cast<std::uint8_t>(will->qos));
    writer.flag(will->retain);
}

std::unique_ptr<mqtt::Will> read_will(ImageReader& reader) {
    if (!reader.flag()) return nullptr;
    auto will = std::make_unique<mqtt::Will>();
    will->topic = reader.text();
    const Bytes payload = reader.octets();
    will->payload.assign(payload.begin(), payload.end());
    will->qos = static_cast<Qos>(reader.number<std::uint8_t>() % 3);
    will->retain = reader.flag();
    return will;
}

void write_topics(const TopicRegistry& topics, ImageWriter& writer) {
    writer.number(topics.last_assigned());
    writer.number(static_cast<std::uint32_t>(topics.size()));
    topics.for_each([&](sn::TopicId id, const TopicRegistry::Entry& entry) {
        writer.number(id);
        writer.text(entry.name);
        writer.flag(entry.origin == TopicRegistry::Origin::gateway);
        writer.flag(entry.confirmed);
    });
}

void read_topics(ImageReader& reader, TopicRegistry& topics) {
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

void write_subscriptions(const Subscriptions& subscriptions, ImageWriter& writer) {
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

void read_subscriptions(ImageReader& reader, const Limits& limits, Subscriptions& subscriptions) {
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

void write_route(const Session& session, const Config& config, ImageWriter& writer) {
    writer.flag(session.bound);
    const LinkId link = session.route.endpoint.link;
    writer.text(link < config.links.size() ? std::string_view(config.links[link].name) : std::string_view());
    writer.octets(session.route.endpoint.address.octets());
    writer.text(session.route.forwarders);
}

// `session.bound` comes back as what the table has to do: nothing is bound yet.
void read_route(ImageReader& reader, const Config& config, Session& session, bool& link_known) {
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
    ImageWriter writer(out);
    writer.number(session_version);
    writer.text(session.client_id);
    writer.number(static_cast<std::uint8_t>(kept_state(session)));
    for (const bool each :
         {session.clean_session, session.id_assigned, session.will_owned, session.will_due, session.upstream_gone,
          session.subscriptions_known, session.accepted.will, session.doubts_subscriptions()}) {
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

namespace {

bool is_session_version(std::uint8_t version) noexcept {
    return version >= 1 && version <= session_version;
}

}  // namespace

std::string_view client_id_of(Bytes image) {
    ImageReader reader(image);
    return is_session_version(reader.number<std::uint8_t>()) ? reader.text() : std::string_view();
}

bool read_session_image(Bytes image, const Config& config, Session& session, bool& link_known) {
    ImageReader reader(image);
    const auto version = reader.number<std::uint8_t>();
    if (!is_session_version(version) || reader.text() != session.client_id) return false;
    const auto state = reader.number<std::uint8_t>();
    if (state >= client_state_count) return false;
    session.state = static_cast<ClientState>(state);
    session.established = true;
    for (bool* each : {&session.clean_session, &session.id_assigned, &session.will_owned, &session.will_due,
                       &session.upstream_gone, &session.subscriptions_known, &session.accepted.will}) {
        *each = reader.flag();
    }
    session.subscriptions_doubted = version < 2 || reader.flag();
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

}  // namespace mqttsn::gateway
