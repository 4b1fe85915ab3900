// A device that the broker's messages go to. Its keep-alive is off: only the gateway's own timers run.
#pragma once

#include "tests/support/talk.hpp"

namespace mqttsn::test {

struct Downlink {
    explicit Downlink(gateway::Config config = Talk::config(), bool clean = true) : talk(quiet(std::move(config))) {
        node.connects("c1", clean, 0);
        talk.heard();
    }

    static gateway::Config quiet(gateway::Config config) {
        for (auto& link : config.links)
            link.advertise = false;
        return config;
    }

    sn::TopicId subscribes(std::string_view filter, Qos qos = Qos::exactly_once) {
        const auto id = node.subscribes(filter, qos);
        talk.heard();
        return id;
    }

    /// From the broker; QoS 1/2 with this packet id.
    void message(std::string_view topic, std::string_view payload, Qos qos = Qos::at_most_once, mqtt::PacketId id = 0) {
        talk.broker_publishes("c1", topic, payload, qos, id);
    }

    /// REGISTER of this name; answered with its pair and a code by regack().
    sn::Regack expects_register(std::string_view name) const {
        const auto packet = node.next();
        const auto* announced = std::get_if<sn::Register>(&packet);
        REQUIRE(announced != nullptr);
        CHECK(announced->topic_name == name);
        CHECK_FALSE(sn::is_reserved(announced->topic_id));
        CHECK(announced->msg_id != 0);
        return {announced->topic_id, announced->msg_id, sn::ReturnCode::accepted};
    }

    /// REGISTER of this name, accepted; the id.
    sn::TopicId accepts_register(std::string_view name) const {
        const auto reply = expects_register(name);
        node.sends(reply);
        return reply.topic_id;
    }

    /// The device hears nothing until exactly this time has passed.
    void stays_silent(Duration time) {
        talk.advance(time - 1ms);
        node.expects_nothing();
        talk.advance(1ms);
    }

    /// CONNECT CleanSession=0 again while the broker has kept the session.
    void reconnects() {
        talk.session_present = true;
        node.connects("c1", false, 0);
        talk.heard();
    }

    Talk talk;
    Device node = talk.device(1);
};

inline sn::Regack with(sn::Regack reply, sn::ReturnCode code) {
    reply.code = code;
    return reply;
}

inline sn::Publish delivery(sn::TopicId id, std::string_view payload, Qos qos = Qos::at_most_once,
                            sn::MsgId msg_id = 0) {
    return {.qos = qos, .topic_id = id, .msg_id = msg_id, .data = as_bytes(payload)};
}

inline sn::Publish again(sn::Publish packet) {
    packet.dup = true;
    return packet;
}

}  // namespace mqttsn::test
