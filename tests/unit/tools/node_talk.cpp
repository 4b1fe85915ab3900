#include "tests/unit/tools/node_talk.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <utility>

namespace mqttsn::node {

namespace {

std::string topic_of(sn::TopicIdType type, sn::TopicId id) {
    switch (type) {
        case sn::TopicIdType::normal:
            return fmt::format("id {}", id);
        case sn::TopicIdType::predefined:
            return fmt::format("predefined {}", id);
        case sn::TopicIdType::short_name:
            return fmt::format("short {:c}{:c}", id >> 8U, id & 0xFFU);
        case sn::TopicIdType::reserved:
            break;
    }
    return fmt::format("reserved {}", id);
}

template <class Packet>
std::string filter_of(const Packet& p) {
    return p.type == sn::TopicIdType::normal ? std::string(p.topic_name) : topic_of(p.type, p.topic_id);
}

struct Details {
    std::string operator()(const sn::Connect& p) const {
        return fmt::format(" {}{}{} s {}", p.will ? "will " : "", p.clean_session ? "clean " : "", p.duration_s,
                           p.client_id);
    }
    std::string operator()(const sn::WillTopic& p) const { return will(p); }
    std::string operator()(const sn::WillTopicUpd& p) const { return will(p); }
    std::string operator()(const sn::WillMsg& p) const { return fmt::format(" {}", as_text(p.message)); }
    std::string operator()(const sn::WillMsgUpd& p) const { return fmt::format(" {}", as_text(p.message)); }
    std::string operator()(const sn::Register& p) const {
        return fmt::format(" #{} id {} {}", p.msg_id, p.topic_id, p.topic_name);
    }
    std::string operator()(const sn::Regack& p) const { return code(p); }
    std::string operator()(const sn::Puback& p) const { return code(p); }
    std::string operator()(const sn::Publish& p) const {
        return fmt::format("{} q{}{} #{} {}: {}", p.dup ? " dup" : "", static_cast<int>(p.qos),
                           p.retain ? " retain" : "", p.msg_id, topic_of(p.type, p.topic_id), as_text(p.data));
    }
    std::string operator()(const sn::Pubrec& p) const { return fmt::format(" #{}", p.msg_id); }
    std::string operator()(const sn::Pubrel& p) const { return fmt::format(" #{}", p.msg_id); }
    std::string operator()(const sn::Pubcomp& p) const { return fmt::format(" #{}", p.msg_id); }
    std::string operator()(const sn::Subscribe& p) const {
        return fmt::format("{} q{} #{} {}", p.dup ? " dup" : "", static_cast<int>(p.qos), p.msg_id, filter_of(p));
    }
    std::string operator()(const sn::Unsubscribe& p) const { return fmt::format(" #{} {}", p.msg_id, filter_of(p)); }
    std::string operator()(const sn::Pingreq& p) const {
        return p.client_id.empty() ? "" : fmt::format(" {}", p.client_id);
    }
    std::string operator()(const sn::Disconnect& p) const {
        return p.duration_s ? fmt::format(" {} s", *p.duration_s) : "";
    }
    template <class Other>
    std::string operator()(const Other&) const {
        return "";
    }

    template <class Packet>
    static std::string will(const Packet& p) {
        return p.topic.empty() ? " empty"
                               : fmt::format(" q{}{} {}", static_cast<int>(p.qos), p.retain ? " retain" : "", p.topic);
    }
    template <class Packet>
    static std::string code(const Packet& p) {
        return fmt::format(" #{} id {} code {}", p.msg_id, p.topic_id, static_cast<int>(p.code));
    }
};

struct EventText {
    std::string operator()(const Connected&) const { return "connected"; }
    std::string operator()(const Rejected& e) const { return fmt::format("rejected {}", static_cast<int>(e.code)); }
    std::string operator()(const Published& e) const {
        return fmt::format("published {} code {}{}", e.token, static_cast<int>(e.code),
                           e.confirmed ? " confirmed" : "");
    }
    std::string operator()(const Subscribed& e) const {
        return fmt::format("subscribed {} code {} q{}", e.token, static_cast<int>(e.code), static_cast<int>(e.granted));
    }
    std::string operator()(const Unsubscribed& e) const { return fmt::format("unsubscribed {}", e.token); }
    std::string operator()(const WillUpdated& e) const {
        return fmt::format("will updated {} code {}", e.token, static_cast<int>(e.code));
    }
    std::string operator()(const Received& e) const {
        return fmt::format("received q{}{} {}: {}", static_cast<int>(e.qos), e.retain ? " retain" : "", e.topic,
                           as_text(e.payload));
    }
    std::string operator()(const Asleep&) const { return "asleep"; }
    std::string operator()(const Disconnected& e) const {
        return e.asked ? "disconnected" : "disconnected by the gateway";
    }
    std::string operator()(const Lost&) const { return "lost"; }
};

}  // namespace

std::string describe(Bytes frame) {
    const auto packet = sn::decode(frame);
    if (!packet.has_value()) return "malformed";
    return std::string(sn::name_of(sn::type_of(*packet))) + std::visit(Details{}, *packet);
}

std::string describe(const Event& event) {
    return std::visit(EventText{}, event);
}

ClientOptions NodeTalk::options_of(std::string client_id) {
    ClientOptions options;
    options.client_id = std::move(client_id);
    return options;
}

NodeTalk::NodeTalk(ClientOptions options) : client(std::move(options)) {}

void NodeTalk::receives(const sn::Packet& packet) {
    Buffer frame;
    REQUIRE(sn::encode(packet, 65535, frame).has_value());
    client.receive(frame, now, out);
}

void NodeTalk::wait(Duration duration) {
    const TimePoint end = now + duration;
    for (auto next = client.next_timeout(); next && *next <= end; next = client.next_timeout()) {
        now = std::max(now, *next);
        client.timeout(now, out);
        // A deadline that stays in the past would keep an event loop busy for ever.
        const auto after = client.next_timeout();
        REQUIRE((!after || *after > now));
    }
    now = end;
}

Texts NodeTalk::sent() {
    Texts texts;
    for (const Buffer& each : std::exchange(out.frames, {}))
        texts.push_back(describe(each));
    return texts;
}

Texts NodeTalk::events() {
    Texts texts;
    for (const Event& each : std::exchange(out.events, {}))
        texts.push_back(describe(each));
    return texts;
}

void NodeTalk::connect() {
    client.connect(now, out);
    receives(sn::Connack{});
    REQUIRE(events() == Texts{"connected"});
    out.frames.clear();
}

Buffer octets(std::string_view text) {
    const Bytes view = as_bytes(text);
    return {view.begin(), view.end()};
}

}  // namespace mqttsn::node
