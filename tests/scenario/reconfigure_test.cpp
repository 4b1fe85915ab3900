// What an operator changes while the gateway runs (SIGHUP): nobody is disconnected.
#include "tests/support/talk.hpp"

namespace reconfigure_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Publish publish(TopicIdType type, sn::TopicId id, Qos qos = Qos::at_most_once, sn::MsgId msg_id = 0) {
    return {.qos = qos, .type = type, .topic_id = id, .msg_id = msg_id, .data = as_bytes("x")};
}

struct Reconfigured {
    Reconfigured() {
        auto config = Talk::config();
        config.topics = {{9, "old/nine", "*"}};
        talk.emplace(config);
        node.emplace(talk->device(1));
        node->connects("c1");
        talk->heard();
        changed = {config.topics, config.limits};
    }
    void reload() { talk->gateway().reconfigure(changed); }
    void subscribes_nine() {
        node->sends(
            sn::Subscribe{.qos = Qos::at_least_once, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 9});
        node->expects(sn::Suback{Qos::at_least_once, 9, 4, ReturnCode::accepted});
        talk->heard();
    }
    /// The REGISTER for this topic, accepted; its id.
    sn::TopicId accepts_register(std::string_view topic) {
        const auto packet = node->next();
        const auto& wanted = std::get<sn::Register>(packet);
        CHECK(wanted.topic_name == topic);
        const sn::TopicId id = wanted.topic_id;
        node->sends(sn::Regack{id, wanted.msg_id, ReturnCode::accepted});
        return id;
    }

    std::optional<Talk> talk;
    std::optional<Device> node;
    gateway::Reconfiguration changed;
};

}  // namespace

TEST_CASE("a reload brings predefined ids and takes them away without touching a session", "[SN12-6.7-a]") {
    Reconfigured t;
    t.node->sends(publish(TopicIdType::predefined, 9));
    t.changed.topics = {{10, "new/ten", "c?"}};
    t.reload();
    t.node->sends(publish(TopicIdType::predefined, 10));
    t.node->sends(publish(TopicIdType::predefined, 9, Qos::at_least_once, 3));
    t.node->expects(sn::Puback{9, 3, ReturnCode::invalid_topic_id});
    CHECK(t.talk->heard() == Lines{"c1: PUBLISH q0 old/nine x", "c1: PUBLISH q0 new/ten x"});
}

TEST_CASE("new normal ids avoid the predefined ids of a reload", "[SN12-6.7-b]") {
    Reconfigured t;
    CHECK(t.node->registers("a") == 1);
    t.changed.topics = {{2, "two", "*"}};
    t.reload();
    CHECK(t.node->registers("b") == 3);
}

TEST_CASE("a subscription whose predefined id means something else now goes on under a normal id", "[SN12-6.7-f]") {
    Reconfigured t;
    t.subscribes_nine();
    SECTION("unchanged") {
        t.reload();
        t.talk->broker_publishes("c1", "old/nine", "x");
        t.node->expects(publish(TopicIdType::predefined, 9));
    }
    SECTION("gone or another") {
        t.changed.topics = GENERATE(std::vector<gateway::PredefinedTopic>{},
                                    std::vector<gateway::PredefinedTopic>{{9, "new/nine", "*"}});
        t.reload();
        t.talk->broker_publishes("c1", "old/nine", "x");
        const auto id = t.accepts_register("old/nine");
        CHECK(id != 9);
        t.node->expects(publish(TopicIdType::normal, id));
    }
}

TEST_CASE("a refused predefined id leaves the normal id of the same number alone", "[SN12-6.10-j]") {
    Reconfigured t;
    CHECK(t.node->registers("a") == 1);
    t.node->subscribes("a", Qos::at_most_once);
    t.changed.topics = {{1, "pre/one", "*"}};
    t.reload();
    t.node->sends(
        sn::Subscribe{.qos = Qos::at_least_once, .type = TopicIdType::predefined, .msg_id = 4, .topic_id = 1});
    t.node->expects(sn::Suback{Qos::at_least_once, 1, 4, ReturnCode::accepted});
    t.talk->broker_publishes("c1", "pre/one", "x", Qos::at_least_once, 7);
    t.node->expects(publish(TopicIdType::predefined, 1, Qos::at_least_once, 1));
    t.node->sends(sn::Puback{1, 1, ReturnCode::invalid_topic_id});
    const auto id = t.accepts_register("pre/one");
    CHECK(id == 2);
    t.node->expects(publish(TopicIdType::normal, id, Qos::at_least_once, 3));
    t.node->sends(sn::Puback{id, 3, ReturnCode::accepted});
    t.talk->broker_publishes("c1", "a", "x");
    t.node->expects(publish(TopicIdType::normal, 1));
}

TEST_CASE("a lower limit refuses the next and leaves those who are in", "[SN12-6.2-d]") {
    Reconfigured t;
    t.talk->device(2).connects("c2");
    t.changed.limits.clients = 1;
    t.reload();
    t.talk->device(3).sends(
        sn::Connect{.clean_session = true, .protocol_id = sn::protocol_id, .duration_s = 60, .client_id = "c3"});
    t.talk->device(3).expects(sn::Connack{ReturnCode::congestion});
    CHECK(t.talk->gateway().session_count() == 2);
    t.changed.limits.clients = 3;
    t.reload();
    t.talk->device(3).connects("c3");
}

TEST_CASE("the rates of a reload hold from the next frame on", "[SN12-6.1-f][SN12-5.4.21-d]") {
    Reconfigured t;
    SECTION("frames of one source") {
        t.changed.limits.frames_per_second_per_source = 1;
        t.reload();
        for (int i = 0; i < 3; ++i)
            t.node->sends(publish(TopicIdType::predefined, 9));
        CHECK(t.talk->heard().size() == 2);
        CHECK(t.talk->counters().flood_dropped == 1);
    }
    SECTION("answers to searches") {
        t.changed.limits.searchgw_per_second = 1;
        t.reload();
        t.talk->broadcasts.clear();
        for (std::uint8_t i = 1; i <= 3; ++i)
            t.talk->device(i).sends(sn::SearchGw{});
        CHECK(t.talk->broadcasts.size() == 1);
    }
    SECTION("answers to strangers") {
        t.changed.limits.replies_to_unknown_per_second = 1;
        t.reload();
        for (std::uint8_t i = 5; i <= 8; ++i)
            t.talk->device(i).sends(sn::Pingreq{});
        t.talk->device(5).expects(sn::Disconnect{});
        CHECK(t.talk->counters().disconnects_suppressed == 3);
    }
}

}  // namespace reconfigure_test
