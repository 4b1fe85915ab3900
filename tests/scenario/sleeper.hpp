// A client with a will and a kept session, brought into any state of SN 6.14.
#pragma once

#include "tests/support/talk.hpp"

namespace mqttsn::test {

inline mqtt::Property expires_in(std::uint32_t seconds) {
    return {mqtt::PropertyId::message_expiry_interval, seconds};
}

enum class State { unknown, disconnected, lost, connecting, active, asleep, awake };

struct Sleeper {
    static constexpr std::uint16_t keep_alive_s = 60;  // lost after 90 s
    static constexpr std::uint16_t sleep_s = 600;      // lost after 660 s

    explicit Sleeper(gateway::Config config = Talk::config(), bool clean = false) : talk(quiet(std::move(config))) {
        node.connects_with_will("c1", clean, keep_alive_s);
        published = node.registers("a/b");
        subscribed = node.subscribes("s/1", Qos::exactly_once);
        talk.session_present = true;
        talk.heard();
    }
    explicit Sleeper(State state, gateway::Config config = Talk::config()) : Sleeper(std::move(config)) {
        brings_into(state);
    }

    static gateway::Config quiet(gateway::Config config) {
        for (auto& link : config.links)
            link.advertise = false;
        return config;
    }

    void brings_into(State state) {
        if (state == State::unknown) node = talk.device(9);
        if (state == State::disconnected) node.disconnects();
        if (state == State::lost) {
            talk.advance(90s);
            node.expects(sn::Disconnect{});
        }
        if (state == State::connecting) {
            node.disconnects();
            node.sends(sn::Connect{true, false, sn::protocol_id, keep_alive_s, "c1"});
            node.expects(sn::WillTopicReq{});
        }
        if (state == State::asleep || state == State::awake) node.sleeps(sleep_s);
        if (state == State::awake) {
            // Awake means that something is left to do: this message is not acknowledged yet.
            message("first", Qos::at_least_once, 100);
            wakes();
            outstanding = std::get<sn::Publish>(node.next()).msg_id;
        }
        talk.heard();
    }

    void message(std::string_view payload, Qos qos = Qos::at_most_once, mqtt::PacketId id = 0) {
        talk.broker_publishes("c1", "s/1", payload, qos, id);
    }
    void wakes() const { node.sends(sn::Pingreq{"c1"}); }
    void acknowledges(sn::MsgId msg_id) const { node.sends(sn::Puback{subscribed, msg_id, sn::ReturnCode::accepted}); }
    sn::Publish delivery(std::string_view payload, Qos qos = Qos::at_most_once, sn::MsgId msg_id = 0,
                         bool dup = false) const {
        return {.dup = dup, .qos = qos, .topic_id = subscribed, .msg_id = msg_id, .data = as_bytes(payload)};
    }
    /// The outstanding message of State::awake.
    sn::Publish first(bool dup) const { return delivery("first", Qos::at_least_once, outstanding, dup); }

    /// It is asleep and heard of for the last time now: the will comes exactly when it is due.
    void expects_sleep_of(std::uint16_t duration_s, Duration tolerated) {
        INFO("sleep of " << duration_s << " s");
        talk.heard();
        talk.advance(tolerated - 1s);
        CHECK(talk.is_connected("c1"));
        talk.advance(1s);
        CHECK(talk.heard("c1") == Lines{"ABORT"});  // the broker publishes the will
        node.expects_nothing();
    }
    void expects_asleep() { expects_sleep_of(sleep_s, 660s); }
    /// It is active and was heard of for the last time now.
    void expects_active() {
        talk.heard();
        talk.advance(89s);
        node.expects_nothing();
        talk.advance(1s);
        node.expects(sn::Disconnect{});
        CHECK(talk.heard("c1") == Lines{"ABORT"});
    }
    /// Awake: acknowledging the outstanding message ends the drain.
    void expects_awake() const {
        acknowledges(outstanding);
        node.expects(sn::Pingresp{});
    }
    void expects_gone() const {
        node.sends(sn::Pingreq{});
        node.expects(sn::Disconnect{});
    }

    Talk talk;
    Device node = talk.device(1);
    sn::TopicId published = 0;
    sn::TopicId subscribed = 0;
    sn::MsgId outstanding = 0;
};

}  // namespace mqttsn::test
