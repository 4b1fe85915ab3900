// The transition table of SN 6.14, one test per row; whatever is sent beside what is expected fails the test.
#include "tests/scenario/sleeper.hpp"

namespace sleep_table_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;

namespace {

sn::Connect connect(bool will, bool clean = false) {
    return {will, clean, sn::protocol_id, Sleeper::keep_alive_s, "c1"};
}

}  // namespace

TEST_CASE("CONNECT in every state", "[SN12-6.14-b][SN12-6.14-n]") {
    SECTION("disconnected, lost or unknown: the handshake begins") {
        Sleeper t(GENERATE(State::disconnected, State::lost));
        t.node.sends(connect(true));
        t.node.expects(sn::WillTopicReq{});
    }
    SECTION("connecting: it begins anew") {
        Sleeper t(State::connecting);
        t.node.sends(connect(true));
        t.node.expects(sn::WillTopicReq{});
        t.node.sends(connect(false));
        t.node.expects(sn::Connack{ReturnCode::accepted});
    }
    SECTION("active: the flags are honoured") {
        Sleeper t(State::active);
        t.node.sends(connect(true));
        t.node.expects(sn::WillTopicReq{});
        t.node.sends(sn::WillTopic{q1, false, "w/2"});
        t.node.expects(sn::WillMsgReq{});
        t.node.sends(sn::WillMsg{as_bytes("new")});
        t.node.expects(sn::Connack{ReturnCode::accepted});
        CHECK(t.talk.heard("c1") == Lines{"DISCONNECT", "CLOSE", "CONNECT c1 keep will w/2 new q1"});
    }
    SECTION("asleep: CONNACK, then what waits, then keep-alive supervision") {
        Sleeper t(State::asleep);
        t.message("one");
        t.message("two", q1, 7);
        t.node.sends(connect(false));
        t.node.expects(sn::Connack{ReturnCode::accepted});
        t.node.expects(t.delivery("one"));
        const auto two = std::get<sn::Publish>(t.node.next());
        CHECK(two.msg_id != 0);
        t.acknowledges(two.msg_id);
        t.expects_active();
    }
    SECTION("awake: the drain ends without PINGRESP, its message goes on with DUP") {
        Sleeper t(State::awake);
        t.node.sends(connect(false));
        t.node.expects(sn::Connack{ReturnCode::accepted});
        t.node.expects(t.first(true));
        t.acknowledges(t.outstanding);
        t.talk.advance(61s);  // awake.max_time is nothing to it any more
        t.node.sends(sn::Pingreq{});
        t.node.expects(sn::Pingresp{});
        t.expects_active();
    }
}

TEST_CASE("DISCONNECT without Duration in every state", "[SN12-6.14-b][SN12-6.12-a]") {
    const sn::Disconnect end = GENERATE(sn::Disconnect{}, sn::Disconnect{0});
    SECTION("disconnected, lost or unknown") {
        Sleeper t(GENERATE(State::disconnected, State::lost, State::unknown));
        t.node.sends(end);
        t.node.expects(sn::Disconnect{});
        CHECK(t.talk.heard().empty());
    }
    SECTION("connecting") {
        Sleeper t(State::connecting);
        t.node.sends(end);
        t.node.expects(sn::Disconnect{});
        t.node.sends(sn::WillTopic{q0, false, "w/t"});
        t.node.expects(sn::Disconnect{});  // nobody asked for it any more
        CHECK(t.talk.heard().empty());
    }
    SECTION("active, asleep or awake: no will") {
        Sleeper t(GENERATE(State::active, State::asleep, State::awake));
        t.node.sends(end);
        t.node.expects(sn::Disconnect{});
        CHECK(t.talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
        t.talk.advance(3600s);
        t.expects_gone();
        CHECK(t.talk.heard().empty());
    }
}

TEST_CASE("DISCONNECT with Duration in every state", "[SN12-6.14-b][SN12-6.14-n]") {
    SECTION("disconnected, lost or unknown") {
        Sleeper t(GENERATE(State::disconnected, State::lost, State::unknown));
        t.node.sends(sn::Disconnect{300});
        t.node.expects(sn::Disconnect{});
        t.talk.advance(10s);
        t.node.sends(sn::Pingreq{"c1"});
        // Only the unknown sender names a client that is there, active elsewhere.
        t.node.expects(sn::Disconnect{});
    }
    SECTION("connecting: the handshake is abandoned") {
        Sleeper t(State::connecting);
        t.node.sends(sn::Disconnect{300});
        t.node.expects(sn::Disconnect{});
        t.expects_gone();
    }
    SECTION("active: the sleep time replaces the keep-alive") {
        Sleeper t(State::active);
        t.talk.advance(50s);
        t.node.sleeps(300);
        t.expects_sleep_of(300, 330s);
    }
    SECTION("asleep: the new sleep time replaces the old") {
        Sleeper t(State::asleep);
        t.talk.advance(100s);
        t.node.sleeps(20);
        t.expects_sleep_of(20, 30s);
    }
    SECTION("awake: the drain stops, and goes on at the next wake-up") {
        Sleeper t(State::awake);
        t.message("second", q1, 101);
        t.node.sleeps(300);
        t.talk.advance(50s);
        t.node.expects_nothing();
        t.wakes();
        t.node.expects(t.first(true));
        t.acknowledges(t.outstanding);
        t.acknowledges(std::get<sn::Publish>(t.node.next()).msg_id);
        t.node.expects(sn::Pingresp{});
        t.expects_sleep_of(300, 330s);
    }
}

TEST_CASE("PINGREQ in every state", "[SN12-6.14-b][SN12-6.14-e][SN12-6.14-f][SN12-6.14-h]") {
    const bool with_id = GENERATE(false, true);
    const sn::Pingreq ping{with_id ? std::string_view("c1") : std::string_view()};
    SECTION("disconnected, lost or unknown") {
        Sleeper t(GENERATE(State::disconnected, State::lost, State::unknown));
        t.node.sends(ping);
        t.node.expects(sn::Disconnect{});
    }
    SECTION("connecting: dropped") {
        Sleeper t(State::connecting);
        t.node.sends(ping);
        t.node.expects_nothing();
    }
    SECTION("active: PINGRESP, nothing changes") {
        Sleeper t(State::active);
        t.node.sends(ping);
        t.node.expects(sn::Pingresp{});
        t.expects_active();
    }
    SECTION("active elsewhere: its id proves nothing") {
        Sleeper t(State::active);
        if (with_id) {
            const auto other = t.talk.device(2);
            other.sends(ping);
            other.expects(sn::Disconnect{});
        }
        t.expects_active();
    }
    SECTION("asleep with nothing waiting: PINGRESP at once, asleep for the full time again") {
        Sleeper t(State::asleep);
        t.talk.advance(500s);
        t.node.sends(ping);
        t.node.expects(sn::Pingresp{});
        t.expects_asleep();
    }
    SECTION("asleep with messages: they come, then one PINGRESP") {
        Sleeper t(State::asleep);
        t.message("zero");
        t.message("one", q1, 7);
        t.message("two", q2, 8);
        t.node.expects_nothing();
        t.node.sends(ping);
        t.node.expects(t.delivery("zero"));
        const auto one = std::get<sn::Publish>(t.node.next()).msg_id;
        t.node.expects_nothing();
        t.acknowledges(one);
        const auto two = std::get<sn::Publish>(t.node.next()).msg_id;
        t.node.sends(sn::Pubrec{two});
        t.node.expects(sn::Pubrel{two});
        t.node.sends(sn::Pubcomp{two});
        t.node.expects(sn::Pingresp{});
        t.expects_asleep();
    }
    SECTION("awake: the outstanding message again, no second drain") {
        Sleeper t(State::awake);
        t.message("second");
        t.node.sends(ping);
        t.node.expects(t.first(true));
        t.acknowledges(t.outstanding);
        t.node.expects(t.delivery("second"));
        t.node.expects(sn::Pingresp{});
        t.expects_asleep();
    }
}

TEST_CASE("requests in every state", "[SN12-6.14-b]") {
    Sleeper t(State::active);
    const sn::TopicId id = t.published;
    struct Case {
        sn::Packet request;
        sn::Packet reply;
    };
    const std::vector<Case> cases{
        {sn::Register{0, 21, "a/b"}, sn::Regack{id, 21, ReturnCode::accepted}},
        {sn::Publish{.qos = q1, .topic_id = id, .msg_id = 22}, sn::Puback{id, 22, ReturnCode::accepted}},
        {sn::Publish{.qos = q2, .topic_id = id, .msg_id = 23}, sn::Pubrec{23}},
        {sn::Subscribe{.qos = q1, .msg_id = 24, .topic_name = "s/1"},
         sn::Suback{q1, t.subscribed, 24, ReturnCode::accepted}},
        {sn::Unsubscribe{.msg_id = 25, .topic_name = "s/other"}, sn::Unsuback{25}},
        {sn::WillTopicUpd{q0, false, "w/2"}, sn::WillTopicResp{ReturnCode::accepted}},
        {sn::WillMsgUpd{as_bytes("later")}, sn::WillMsgResp{ReturnCode::accepted}}};
    const auto& [request, reply] = cases[GENERATE_COPY(range<std::size_t>(0, cases.size()))];
    INFO(sn::name_of(sn::type_of(request)));
    SECTION("disconnected or lost") {
        t.brings_into(GENERATE(State::disconnected, State::lost));
        t.node.sends(request);
        t.node.expects(sn::Disconnect{});
    }
    SECTION("unknown") {
        const auto other = t.talk.device(7);
        other.sends(request);
        other.expects(sn::Disconnect{});
    }
    SECTION("connecting: dropped") {
        t.brings_into(State::connecting);
        t.node.sends(request);
        t.node.expects_nothing();
    }
    SECTION("active: processed") {
        t.node.sends(request);
        t.node.expects(reply);
    }
    SECTION("asleep: processed and answered, the sleep time begins anew") {
        t.brings_into(State::asleep);
        t.talk.advance(600s);
        t.node.sends(request);
        t.node.expects(reply);
        t.talk.advance(659s);
        CHECK(t.talk.is_connected("c1"));
        t.talk.advance(1s);
        CHECK(t.talk.counters().clients_lost == 1);
    }
    SECTION("awake: processed and answered, the drain goes on") {
        t.brings_into(State::awake);
        t.node.sends(request);
        t.node.expects(reply);
        t.expects_awake();
    }
}

TEST_CASE("PUBLISH with QoS 0 in every state", "[SN12-6.14-b]") {
    Sleeper t(State::active);
    const sn::Publish reading{.topic_id = t.published, .data = as_bytes("x")};
    SECTION("nobody's: DISCONNECT") {
        t.brings_into(GENERATE(State::disconnected, State::lost));
        t.node.sends(reading);
        t.node.expects(sn::Disconnect{});
    }
    SECTION("connecting: dropped") {
        t.brings_into(State::connecting);
        t.node.sends(reading);
        CHECK(t.talk.heard("c1").empty());
    }
    SECTION("active, asleep, awake: forwarded") {
        const State state = GENERATE(State::active, State::asleep, State::awake);
        t.brings_into(state);
        if (state == State::asleep) t.talk.advance(600s);
        t.node.sends(reading);
        CHECK(t.talk.heard("c1") == Lines{"PUBLISH q0 a/b x"});
        if (state == State::asleep) t.expects_asleep();
        if (state == State::awake) t.expects_awake();
    }
}

TEST_CASE("PUBLISH with QoS -1 is forwarded in every state, and heard of as a sign of life", "[SN12-6.14-b]") {
    const State state = GENERATE(State::unknown, State::disconnected, State::lost, State::connecting, State::active,
                                 State::asleep, State::awake);
    Sleeper t(state);
    if (state == State::asleep) t.talk.advance(600s);
    t.node.sends(sn::Publish{.qos = Qos::minus_one,
                             .type = sn::TopicIdType::short_name,
                             .topic_id = sn::short_topic("zz"),
                             .data = as_bytes("x")});
    CHECK(t.talk.heard("gw") == Lines{"PUBLISH q0 zz x"});
    if (state == State::asleep) t.expects_asleep();
    if (state == State::active) t.expects_active();
    if (state == State::awake) t.expects_awake();
}

TEST_CASE("acknowledgements in every state", "[SN12-6.14-b]") {
    const sn::Packet packet = GENERATE(sn::Packet(sn::Regack{1, 77, ReturnCode::accepted}),
                                       sn::Packet(sn::Puback{1, 77, ReturnCode::accepted}), sn::Packet(sn::Pubrec{77}),
                                       sn::Packet(sn::Pubcomp{77}), sn::Packet(sn::Pubrel{77}));
    INFO(sn::name_of(sn::type_of(packet)));
    const bool has_answer = std::holds_alternative<sn::Pubrel>(packet);
    SECTION("disconnected, lost or unknown") {
        Sleeper t(GENERATE(State::disconnected, State::lost, State::unknown));
        t.node.sends(packet);
        t.node.expects(sn::Disconnect{});
    }
    SECTION("connecting: dropped") {
        Sleeper t(State::connecting);
        t.node.sends(packet);
        t.node.expects_nothing();
    }
    SECTION("active, asleep, awake: one that matches nothing does nothing, PUBREL apart") {
        const State state = GENERATE(State::active, State::asleep, State::awake);
        Sleeper t(state);
        if (state == State::asleep) t.talk.advance(600s);
        t.node.sends(packet);
        if (has_answer) t.node.expects(sn::Pubcomp{77});
        if (state == State::asleep) t.expects_asleep();
        if (state == State::active) t.expects_active();
        if (state == State::awake) t.expects_awake();
    }
}

TEST_CASE("an acknowledgement that matches is taken from a sleeping client too", "[SN12-6.14-b][SN12-6.14-c]") {
    Sleeper t(State::awake);
    t.message("second", q1, 101);
    t.node.sleeps(600);
    t.acknowledges(t.outstanding);
    CHECK(t.talk.heard("c1") == Lines{"PUBACK"});
    t.talk.advance(100s);
    t.node.expects_nothing();
    t.wakes();
    const auto second = std::get<sn::Publish>(t.node.next());
    CHECK(as_text(second.data) == "second");
    CHECK_FALSE(second.dup);
    t.acknowledges(second.msg_id);
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("deadlines: keep-alive only when active, sleep only when asleep", "[SN12-6.14-b][SN12-6.14-a][SN12-6.14-n]") {
    SECTION("active: will, DISCONNECT") {
        Sleeper t(State::active);
        t.expects_active();
        t.expects_gone();
    }
    SECTION("asleep: the keep-alive is off, the sleep time ends with the will and no datagram") {
        Sleeper t(State::asleep);
        t.talk.advance(100s);
        t.node.expects_nothing();
        CHECK(t.talk.heard("c1").empty());
        t.expects_sleep_of(600, 560s);
        t.expects_gone();
    }
    SECTION("awake: neither, as long as the drain lasts") {
        auto config = Talk::config();
        config.awake.max_time = 3600s;
        config.timers.retry = 1200s;
        Sleeper t(State::awake, config);
        t.talk.advance(1000s);
        t.node.expects_nothing();
        t.expects_awake();
        t.expects_asleep();
    }
}

TEST_CASE("retries exhausted in every state", "[SN12-6.14-b][SN12-6.13-c]") {
    SECTION("connecting: the handshake is abandoned") {
        Sleeper t(State::connecting);
        t.talk.advance(60s);
        CHECK(t.node.discards() == 3);
        t.expects_gone();
    }
    SECTION("active: lost, will") {
        Sleeper t(State::active);
        t.message("x", q1, 7);
        t.talk.advance(40s);
        CHECK(t.node.discards() == 4);
        CHECK(t.talk.heard("c1") == Lines{"ABORT"});
        t.expects_gone();
    }
    SECTION("awake: back to sleep without PINGRESP, nothing is lost, the sleep time begins anew") {
        Sleeper t(State::awake);
        t.talk.advance(40s);
        CHECK(t.node.discards() == 3);
        CHECK(t.talk.heard("c1").empty());
        t.talk.advance(600s);
        t.node.expects_nothing();
        t.wakes();
        t.node.expects(t.first(true));
        t.expects_awake();
        CHECK(t.talk.heard("c1") == Lines{"PUBACK"});
        t.expects_asleep();
    }
}

TEST_CASE("a message from the broker in every state", "[SN12-6.14-b][SN12-6.14-g]") {
    SECTION("disconnected or lost: it waits at the broker, which has no connection") {
        Sleeper t(GENERATE(State::disconnected, State::lost));
        CHECK_FALSE(t.talk.is_connected("c1"));
    }
    SECTION("connecting, over the connection of before: it follows CONNACK") {
        Sleeper t(State::active);
        t.node.sends(connect(true));
        t.node.expects(sn::WillTopicReq{});
        t.message("x", q1, 7);
        t.node.expects_nothing();
        t.node.sends(sn::WillTopic{q0, false, "w/t"});
        t.node.expects(sn::WillMsgReq{});
        t.node.sends(sn::WillMsg{as_bytes("gone")});
        t.node.expects(sn::Connack{ReturnCode::accepted});
        // A new connection: the client must hear its ids again first (SN12-6.3-b).
        t.node.expects(sn::Register{t.subscribed, 1, "s/1"});
        t.node.sends(sn::Regack{t.subscribed, 1, ReturnCode::accepted});
        t.node.expects(t.delivery("x", q1, 2));
    }
    SECTION("active: delivered") {
        Sleeper t(State::active);
        t.message("x");
        t.node.expects(t.delivery("x"));
    }
    SECTION("asleep: kept, nothing is sent") {
        Sleeper t(State::asleep);
        t.message("x", q1, 7);
        t.talk.advance(300s);
        t.node.expects_nothing();
        CHECK(t.talk.heard("c1").empty());
    }
    SECTION("awake: part of the drain, in order") {
        Sleeper t(State::awake);
        t.message("second");
        t.node.expects_nothing();
        t.acknowledges(t.outstanding);
        t.node.expects(t.delivery("second"));
        t.node.expects(sn::Pingresp{});
    }
}

TEST_CASE("the broker connection lost for longer than the grace time in every state", "[SN12-6.14-b][SN12-6.12-d]") {
    const auto goes = [](Sleeper& t) {
        t.talk.reachable = Talk::Reachable::refused;
        t.talk.broker_drops("c1");
    };
    SECTION("connecting: CONNACK congestion") {
        Sleeper t(State::disconnected);
        t.talk.reachable = Talk::Reachable::silent;
        t.node.sends(connect(false));
        t.talk.advance(10s);
        t.node.expects(sn::Connack{ReturnCode::congestion});
        t.expects_gone();
    }
    SECTION("active: DISCONNECT") {
        Sleeper t(State::active);
        goes(t);
        t.talk.advance(30s);
        t.node.expects(sn::Disconnect{});
        t.expects_gone();
    }
    SECTION("asleep: nothing, until it wakes to DISCONNECT") {
        Sleeper t(State::asleep);
        goes(t);
        t.talk.advance(300s);
        t.node.expects_nothing();
        t.wakes();
        t.node.expects(sn::Disconnect{});
        t.expects_gone();
    }
    SECTION("awake: DISCONNECT") {
        auto config = Talk::config();
        config.timers.retry = 100s;
        Sleeper t(State::awake, config);
        goes(t);
        t.talk.advance(30s);
        t.node.expects(sn::Disconnect{});
        t.expects_gone();
    }
}

}  // namespace sleep_table_test
