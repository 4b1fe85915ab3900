// delivery.up = "store": a client's message is safe with the gateway before the broker has it.
#include "tests/support/talk.hpp"

namespace taken_messages_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::RecordKind;
using mqtt::PacketType;
using sn::ReturnCode;
using Reachable = Talk::Reachable;

namespace {

gateway::Config with_store() {
    gateway::Config config = Talk::durable();
    config.delivery.up = gateway::DeliveryUp::store;
    return config;
}

sn::Publish publish(sn::TopicId id, Qos qos, sn::MsgId msg_id, std::string_view data = "x", bool dup = false) {
    return {.dup = dup, .qos = qos, .topic_id = id, .msg_id = msg_id, .data = as_bytes(data)};
}

struct Known {
    explicit Known(gateway::Config config = with_store(), bool clean = false) : talk(std::move(config)) {
        node.connects("c1", clean);
        id = node.registers("a/b");
        talk.heard();
    }
    void broker_goes() {
        talk.reachable = Reachable::refused;
        talk.broker_drops("c1");
    }
    void broker_comes_back(bool session_present = true) {
        talk.session_present = session_present;
        talk.reachable = Reachable::yes;
        talk.advance(31s);
    }
    void publishes(Qos qos, sn::MsgId msg_id, std::string_view data) {
        node.sends(publish(id, qos, msg_id, data));
        if (qos == Qos::at_least_once) node.expects(sn::Puback{id, msg_id, ReturnCode::accepted});
        if (qos == Qos::exactly_once) {
            node.expects(sn::Pubrec{msg_id});
            node.sends(sn::Pubrel{msg_id});
            node.expects(sn::Pubcomp{msg_id});
        }
    }
    Lines published() {
        Lines lines;
        for (auto& line : talk.heard("c1")) {
            if (line.starts_with("PUBLISH")) lines.push_back(std::move(line));
        }
        return lines;
    }
    Talk talk;
    Device node = talk.device(1);
    sn::TopicId id = 0;
};

std::size_t messages(const Talk& talk) {
    std::size_t count = 0;
    for (const auto& [key, image] : talk.disk())
        count += key.kind == RecordKind::message ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("PUBACK and PUBREC wait for the disk, not for the broker", "[SN12-6.6-e][SN12-6.6-f]") {
    Known t;
    t.talk.hold = {PacketType::publish};
    t.talk.disk_holds = true;
    SECTION("QoS 1") {
        t.node.sends(publish(t.id, Qos::at_least_once, 7));
        t.node.expects_nothing();
        CHECK(t.published().empty());
        t.talk.commits();
        t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
        CHECK(t.published() == Lines{"PUBLISH q1 a/b x"});
    }
    SECTION("QoS 2") {
        t.node.sends(publish(t.id, Qos::exactly_once, 7));
        t.node.expects_nothing();
        CHECK(t.published().empty());
        t.talk.commits();
        t.node.expects(sn::Pubrec{7});
        CHECK(t.published() == Lines{"PUBLISH q2 a/b x"});
    }
}

TEST_CASE("a message is forgotten once the broker has it", "[SN12-6.6-e]") {
    Known t;
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    t.publishes(qos, 7, "x");
    CHECK(messages(t.talk) == 0);
    CHECK(t.talk.disk().size() == 1);
    CHECK(t.talk.counters().taken_delivered == 1);
}

TEST_CASE("while the broker is away messages are taken, and replayed in order when it is back", "[SN12-6.12-e]") {
    Known t;
    t.broker_goes();
    t.talk.advance(3600s / 100);
    t.publishes(Qos::at_least_once, 1, "one");
    t.publishes(Qos::exactly_once, 2, "two");
    t.publishes(Qos::at_least_once, 3, "three");
    CHECK(t.published().empty());
    CHECK(messages(t.talk) == 3);
    t.broker_comes_back(GENERATE(true, false));
    CHECK(t.published() == Lines{"PUBLISH q1 a/b one", "PUBLISH q2 a/b two", "PUBLISH q1 a/b three"});
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("more than the broker takes at once follows as it acknowledges", "[SN12-6.12-e]") {
    Known t;
    t.broker_goes();
    Lines expected;
    for (sn::MsgId i = 1; i <= 50; ++i) {
        t.publishes(Qos::at_least_once, i, std::to_string(i));
        expected.push_back("PUBLISH q1 a/b " + std::to_string(i));
    }
    t.talk.hold = {PacketType::publish};
    t.broker_comes_back();
    CHECK(t.published().size() == 16);  // the MQTT window
    t.talk.broker_drops("c1");
    t.talk.hold = {};
    t.broker_comes_back();
    auto lines = t.published();
    for (auto& line : lines) {
        if (const auto at = line.find(" dup"); at != std::string::npos) line.erase(at, 4);
    }
    CHECK(lines == expected);
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("a client keeps its session through an outage of any length", "[SN12-6.12-d]") {
    Known t;
    t.broker_goes();
    for (int i = 0; i < 100; ++i) {
        t.talk.advance(60s);
        t.node.sends(sn::Pingreq{});
        t.node.expects(sn::Pingresp{});
    }
    t.publishes(Qos::at_least_once, 1, "late");
    t.broker_comes_back();
    CHECK(t.published() == Lines{"PUBLISH q1 a/b late"});
}

TEST_CASE("CONNECT during an outage is answered with congestion and costs nothing", "[SN12-6.12-e]") {
    Known t;
    t.broker_goes();
    t.node.sends(sn::Connect{false, false, sn::protocol_id, 60, "c1"});
    t.node.expects(sn::Connack{ReturnCode::congestion});
    t.publishes(Qos::at_least_once, 1, "x");
}

TEST_CASE("messages in the gateway's care survive its death while the broker is away", "[SN12-6.12-f]") {
    Known t;
    t.broker_goes();
    t.publishes(Qos::at_least_once, 1, "one");
    t.publishes(Qos::exactly_once, 2, "two");
    t.talk.crashes_and_restarts();
    t.talk.advance(5s);
    // The client did not hear of it; it repeats nothing and goes on.
    t.publishes(Qos::at_least_once, 3, "three");
    t.talk.heard();
    t.broker_comes_back(GENERATE(true, false));
    CHECK(t.published() == Lines{"PUBLISH q1 a/b one", "PUBLISH q2 a/b two", "PUBLISH q1 a/b three"});
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("a taken QoS 2 message reaches the broker once wherever the gateway is killed", "[SN12-6.6-f][SN12-6.12-f]") {
    Known t;
    std::size_t taken = 0;
    std::set<mqtt::PacketId> open;
    t.talk.hold = {PacketType::publish, PacketType::pubrel};
    const auto broker_works = [&](bool answers) {
        for (const auto& line : t.talk.heard("c1")) {
            const bool is_publish = line.starts_with("PUBLISH q2");
            if (!is_publish && !line.starts_with("PUBREL")) continue;
            const auto id = t.talk.last_id("c1");
            if (is_publish) taken += open.insert(id).second ? 1 : 0;
            if (!is_publish) open.erase(id);
            if (!answers) continue;
            t.talk.broker_sends(
                "c1", is_publish ? mqtt::Packet(mqtt::Pubrec{id, 0, {}}) : mqtt::Packet(mqtt::Pubcomp{id, 0, {}}));
        }
    };
    const int killed_at = GENERATE(range(0, 6));
    const auto maybe_killed = [&](int here) {
        if (here != killed_at) return;
        broker_works(false);
        t.talk.session_present = true;
        t.talk.crashes_and_restarts();
        t.talk.advance(1ms);
    };
    t.talk.disk_holds = GENERATE(false, true);
    t.node.sends(publish(t.id, Qos::exactly_once, 5));
    maybe_killed(0);
    t.talk.commits();
    maybe_killed(1);
    broker_works(true);
    maybe_killed(2);
    t.talk.commits();
    maybe_killed(3);
    broker_works(true);
    maybe_killed(4);
    t.talk.commits();
    maybe_killed(5);
    t.talk.commits();
    t.talk.disk_holds = false;
    t.node.discards();
    // The client repeats until it has its PUBREC; the broker goes on meanwhile.
    t.node.sends(publish(t.id, Qos::exactly_once, 5, "x", true));
    t.node.expects(sn::Pubrec{5});
    broker_works(true);
    broker_works(true);
    t.node.sends(sn::Pubrel{5});
    t.node.expects(sn::Pubcomp{5});
    CHECK(taken == 1);
    CHECK(open.empty());
    CHECK(t.talk.disk().size() == 1);
}

TEST_CASE("beyond its bounds the store refuses with congestion and keeps what it has", "[SN12-6.6-i]") {
    gateway::Config config = with_store();
    SECTION("number") {
        config.delivery.max_messages = 2;
    }
    SECTION("octets") {
        config.delivery.max_octets = 2 * (3 + 1);  // topic and payload
    }
    Known t(config);
    t.broker_goes();
    t.publishes(Qos::at_least_once, 1, "1");
    t.publishes(Qos::at_least_once, 2, "2");
    t.node.sends(publish(t.id, Qos::at_least_once, 3, "3"));
    t.node.expects(sn::Puback{t.id, 3, ReturnCode::congestion});
    t.broker_comes_back();
    CHECK(t.published() == Lines{"PUBLISH q1 a/b 1", "PUBLISH q1 a/b 2"});
    t.publishes(Qos::at_least_once, 3, "3");
}

TEST_CASE("messages older than max_age are dropped, and the restart does not make them young", "[SN12-6.12-f]") {
    gateway::Config config = with_store();
    config.delivery.max_age = 600s;
    config.timers.keep_alive_max = 0s;
    Known t(config);
    t.node.connects("c1", false, 0);
    t.talk.heard();
    t.broker_goes();
    t.publishes(Qos::at_least_once, 1, "old");
    t.talk.advance(500s);
    t.publishes(Qos::at_least_once, 2, "young");
    t.talk.crashes_and_restarts();
    t.talk.advance(200s);
    t.broker_comes_back();
    CHECK(t.published() == Lines{"PUBLISH q1 a/b young"});
    CHECK(t.talk.counters().taken_dropped == 1);
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("what a client left behind is brought to the broker after it went", "[SN12-6.12-a][SN12-6.12-e]") {
    const bool clean = GENERATE(true, false);
    Known t(with_store(), clean);
    t.broker_goes();
    t.publishes(Qos::at_least_once, 1, "last");
    t.publishes(Qos::exactly_once, 2, "words");
    SECTION("disconnected") {
        t.node.disconnects();
    }
    SECTION("lost") {
        t.talk.advance(91s);
        t.node.expects(sn::Disconnect{});
    }
    SECTION("disconnected, and the gateway killed") {
        t.node.disconnects();
        t.talk.crashes_and_restarts();
    }
    t.talk.heard();
    t.broker_comes_back();
    const auto lines = t.talk.heard("c1");
    CHECK(std::ranges::count(lines, "PUBLISH q1 a/b last") == 1);
    CHECK(std::ranges::count(lines, "PUBLISH q2 a/b words") == 1);
    CHECK(lines.back() == "CLOSE");
    CHECK(t.talk.disk().size() == (clean ? 0 : 1));
    t.node.expects_nothing();
}

TEST_CASE("the will of a lost client fires before its messages follow", "[SN12-6.4-g]") {
    Talk talk(with_store());
    const Device node = talk.device(1);
    node.connects_with_will("c1", true);
    const auto id = node.registers("a/b");
    talk.hold = {PacketType::publish};
    node.sends(publish(id, Qos::at_least_once, 1));
    node.expects(sn::Puback{id, 1, ReturnCode::accepted});
    talk.heard();
    talk.hold = {};
    talk.advance(91s);
    node.expects(sn::Disconnect{});
    talk.advance(5s);
    CHECK(talk.heard("c1") == Lines{"ABORT", "CONNECT c1 clean", "PUBLISH q1 a/b x", "DISCONNECT", "CLOSE"});
}

TEST_CASE("QoS 0 is stored only when asked for", "[SN12-6.6-i]") {
    gateway::Config config = with_store();
    config.delivery.store_qos0 = GENERATE(false, true);
    Known t(config);
    t.broker_goes();
    t.node.sends(publish(t.id, Qos::at_most_once, 0));
    if (!config.delivery.store_qos0) t.node.expects(sn::Puback{t.id, 0, ReturnCode::congestion});
    t.broker_comes_back();
    CHECK(t.published() == (config.delivery.store_qos0 ? Lines{"PUBLISH q0 a/b x"} : Lines{}));
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("what the broker refuses afterwards is counted and said", "[SN12-6.6-m]") {
    gateway::Config config = with_store();
    config.broker.client.version = mqtt::Version::v5;
    Known t(config);
    t.talk.puback = 0x87;
    t.publishes(Qos::at_least_once, 1, "x");
    CHECK(t.talk.counters().taken_dropped == 1);
    CHECK(t.talk.log.back().level == gateway::LogLevel::error);
    CHECK(messages(t.talk) == 0);
}

TEST_CASE("a full disk refuses what needs it and nothing else", "[SN12-6.6-i][SN12-6.2-e]") {
    Known t;
    t.talk.gateway().set_store_failing(true);
    t.node.sends(publish(t.id, Qos::at_least_once, 1));
    t.node.expects(sn::Puback{t.id, 1, ReturnCode::congestion});
    t.node.sends(sn::Register{0, 2, "new"});
    t.node.expects(sn::Regack{0, 2, ReturnCode::congestion});
    t.node.sends(sn::Subscribe{.qos = Qos::at_least_once, .msg_id = 3, .topic_name = "c/#"});
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 3, ReturnCode::congestion});
    const Device other = t.talk.device(2);
    other.sends(sn::Connect{false, false, sn::protocol_id, 60, "c2"});
    other.expects(sn::Connack{ReturnCode::congestion});
    t.node.sends(publish(t.id, Qos::at_most_once, 0));
    t.node.sends(sn::Register{0, 4, "a/b"});
    t.node.expects(sn::Regack{t.id, 4, ReturnCode::accepted});
    CHECK(t.published() == Lines{"PUBLISH q0 a/b x"});
    t.talk.gateway().set_store_failing(false);
    t.publishes(Qos::at_least_once, 1, "x");
}

TEST_CASE("while a client is asked for its will, what it left behind opens no broker connection", "[SN12-6.3-h]") {
    Known t;
    t.broker_goes();
    t.publishes(Qos::at_least_once, 1, "one");
    t.node.disconnects();
    t.talk.reachable = Reachable::yes;
    t.node.sends(sn::Connect{true, false, sn::protocol_id, 60, "c1"});
    t.node.expects(sn::WillTopicReq{});
    t.node.sends(sn::WillTopic{Qos::at_most_once, false, "w/t"});
    t.node.expects(sn::WillMsgReq{});
    t.talk.heard();
    t.talk.advance(5s);
    CHECK(t.talk.heard("c1").empty());
    t.node.sends(sn::WillMsg{as_bytes("gone")});
    t.node.expects(sn::Connack{ReturnCode::accepted});
    CHECK(t.talk.heard("c1") == Lines{"CONNECT c1 keep will w/t gone q0", "PUBLISH q1 a/b one"});
}

}  // namespace taken_messages_test
