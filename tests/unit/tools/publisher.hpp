// A connected node client that publishes and is published to.
#pragma once

#include "tests/unit/tools/node_talk.hpp"

namespace mqttsn::node {

inline ClientOptions with_predefined() {
    ClientOptions options = NodeTalk::options_of("node");
    options.predefined[5] = "a/predefined";
    return options;
}

class Publisher : public NodeTalk {
public:
    explicit Publisher(ClientOptions options = options_of("node")) : NodeTalk(std::move(options)) { connect(); }

    Token publish(std::string topic, std::string_view payload, Qos qos) {
        return client.publish(std::move(topic), octets(payload), qos, false, now, out);
    }
    /// The gateway gives the name this id.
    void knows(std::string_view topic, sn::TopicId id) {
        receives(sn::Register{id, 1, topic});
        sent();
    }
    void delivers(Qos qos, sn::TopicId id, sn::MsgId msg_id, std::string_view payload, bool dup = false) {
        receives(sn::Publish{dup, qos, false, sn::TopicIdType::normal, id, msg_id, as_bytes(payload)});
    }
};

}  // namespace mqttsn::node
