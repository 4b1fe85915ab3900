// SN12-6.12-f: with a store, a restart of the gateway is invisible to the devices.
#include "tests/support/talk.hpp"

namespace restart_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::RecordKind;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

sn::Publish publish(sn::TopicId id, Qos qos, sn::MsgId msg_id, bool dup = false) {
    return {.dup = dup, .qos = qos, .topic_id = id, .msg_id = msg_id, .data = as_bytes("x")};
}

/// A client with a kept session and one registered topic, on disk.
struct Known {
    explicit Known(gateway::Config config = Talk::durable(), bool clean = false) : talk(std::move(config)) {
        node.connects("c1", clean);
        id = node.registers("a/b");
        talk.heard();
    }
    /// The broker still has the session, unless told otherwise.
    void restart(bool session_present = true) {
        talk.session_present = session_present;
        talk.crashes_and_restarts();
        talk.advance(1ms);
    }
    Talk talk;
    Device node = talk.device(1);
    sn::TopicId id = 0;
};

/// Any PUBLISH from the gateway, answered as the script goes on.
struct Received {
    sn::MsgId msg_id = 0;
    bool dup = false;
};
Received receives(const Device& node) {
    const auto packet = std::get<sn::Publish>(node.next());
    return {packet.msg_id, packet.dup};
}

std::size_t records(const Talk& talk, RecordKind kind) {
    std::size_t count = 0;
    for (const auto& [key, image] : talk.disk())
        count += key.kind == kind ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("after a restart a client publishes on with its topic ids and is told nothing", "[SN12-6.12-f]") {
    const bool clean = GENERATE(false, true);
    Known t(Talk::durable(), clean);
    t.restart(!clean);
    t.node.expects_nothing();
    CHECK(t.talk.heard("c1") == Lines{std::string("CONNECT c1 ") + (clean ? "clean" : "keep")});
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
    CHECK(t.talk.heard("c1") == Lines{"PUBLISH q1 a/b x"});
}

TEST_CASE("a new topic after a restart gets an id that no other topic has", "[SN12-6.12-f][SN12-6.5-e]") {
    Known t;
    t.restart();
    CHECK(t.node.registers("a/b") == t.id);
    CHECK(t.node.registers("c/d") == t.id + 1);
}

TEST_CASE("without a store a restart makes every client unknown", "[SN12-6.12-f]") {
    Known t(Talk::config());
    CHECK(t.talk.disk().empty());
    t.restart();
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects(sn::Disconnect{});
}

TEST_CASE("CONNACK, REGACK, SUBACK and the answer to DISCONNECT wait for the disk", "[SN12-6.12-f]") {
    Talk talk(Talk::durable());
    const Device node = talk.device(1);
    talk.disk_holds = true;
    const auto answers_after_commit = [&](const sn::Packet& request) {
        node.sends(request);
        node.expects_nothing();
        talk.commits();
        CHECK(node.discards() == 1);
    };
    answers_after_commit(sn::Connect{false, false, sn::protocol_id, 60, "c1"});
    answers_after_commit(sn::Register{0, 1, "a/b"});
    answers_after_commit(sn::Subscribe{.qos = Qos::at_least_once, .msg_id = 2, .topic_name = "c/#"});
    answers_after_commit(sn::Disconnect{30});
}

TEST_CASE("what was never committed was never said", "[SN12-6.12-f]") {
    Known t;
    t.talk.disk_holds = true;
    t.node.sends(sn::Register{0, 9, "c/d"});
    t.talk.disk_holds = false;
    t.restart();
    t.node.expects_nothing();
    t.node.sends(sn::Register{0, 9, "c/d"});
    t.node.expects(sn::Regack{static_cast<sn::TopicId>(t.id + 1), 9, ReturnCode::accepted});
}

TEST_CASE("a client's waiting does not hold up others", "[SN12-6.12-f]") {
    Known t;
    const Device other = t.talk.device(2);
    other.connects("c2");
    const auto id = other.registers("x/y");
    t.talk.disk_holds = true;
    t.node.sends(sn::Register{0, 9, "c/d"});
    other.sends(publish(id, Qos::at_least_once, 3));
    other.expects(sn::Puback{id, 3, ReturnCode::accepted});
    t.node.expects_nothing();
    t.talk.commits();
    CHECK(t.node.discards() == 1);
}

TEST_CASE("readings at QoS 0 and 1 write nothing", "[SN12-6.12-f]") {
    Known t;
    t.node.subscribes("s/#", Qos::at_least_once);
    t.talk.broker_publishes("c1", "s/1", "first", Qos::at_least_once, 1);
    const auto request = std::get<sn::Register>(t.node.next());
    t.node.sends(sn::Regack{request.topic_id, request.msg_id, ReturnCode::accepted});
    t.node.sends(sn::Puback{request.topic_id, receives(t.node).msg_id, ReturnCode::accepted});
    t.talk.disk_holds = true;
    for (sn::MsgId i = 1; i < 20; ++i) {
        t.node.sends(publish(t.id, Qos::at_most_once, 0));
        t.node.sends(publish(t.id, Qos::at_least_once, i));
        t.node.expects(sn::Puback{t.id, i, ReturnCode::accepted});
        t.talk.broker_publishes("c1", "s/1", "next", Qos::at_least_once, static_cast<mqtt::PacketId>(i + 1));
        t.node.sends(sn::Puback{request.topic_id, receives(t.node).msg_id, ReturnCode::accepted});
        t.node.sends(sn::Pingreq{});
        t.node.expects(sn::Pingresp{});
    }
}

TEST_CASE("subscriptions are made again when the broker forgot them", "[SN12-6.12-f][SN12-6-q]") {
    Known t;
    t.node.subscribes("s/1", Qos::at_least_once);
    t.talk.heard();
    t.restart(false);
    CHECK(t.talk.heard("c1") == Lines{"CONNECT c1 keep", "SUBSCRIBE q1 s/1"});
    t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 1);
    receives(t.node);  // no REGISTER: the client knows the id
}

TEST_CASE("a stored will is armed again after a restart", "[SN12-6.12-f][SN12-6.3-f]") {
    Talk talk(Talk::durable());
    const Device node = talk.device(1);
    node.connects_with_will("c1", false);
    talk.heard();
    talk.crashes_and_restarts();
    talk.advance(1ms);
    CHECK(talk.heard("c1").front() == "CONNECT c1 keep will w/t gone q0");
}

TEST_CASE("supervision starts anew at a restart: nobody could be heard meanwhile", "[SN12-6.11-c]") {
    Known t;
    t.talk.advance(80s);
    t.restart();
    t.talk.advance(89s);
    t.node.expects_nothing();
    t.talk.advance(2s);
    t.node.expects(sn::Disconnect{});
}

TEST_CASE("a sleeping client finds its messages after a restart", "[SN12-6.12-f][SN12-6.14-h]") {
    Known t;
    t.node.subscribes("s/1", Qos::at_least_once);
    t.node.sleeps(600);
    t.talk.broker_publishes("c1", "s/1", "open", Qos::at_least_once, 4);
    t.restart();
    // The broker was never told that the message arrived, so it sends it again.
    t.talk.broker_sends("c1", mqtt::Publish{true, Qos::at_least_once, false, "s/1", 4, {}, as_bytes("open")});
    t.node.expects_nothing();
    t.node.sends(sn::Pingreq{"c1"});
    const auto message = std::get<sn::Publish>(t.node.next());
    CHECK(as_text(message.data) == "open");
    t.node.sends(sn::Puback{message.topic_id, message.msg_id, ReturnCode::accepted});
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("acknowledgements held for a sleeping client survive a restart", "[SN12-6.14-c][SN12-6.12-f]") {
    Known t;
    t.talk.hold = {PacketType::publish};
    t.node.sends(publish(t.id, Qos::at_least_once, 5));
    t.node.sleeps(600);
    t.talk.broker_sends("c1", mqtt::Puback{t.talk.last_id("c1"), 0, {}});
    t.talk.hold = {};
    t.restart();
    t.node.sends(sn::Pingreq{"c1"});
    t.node.expects(sn::Puback{t.id, 5, ReturnCode::accepted});
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("QoS 2 up is exactly once wherever the gateway is killed", "[SN12-6.6-f][SN12-6.12-f]") {
    Known t;
    // The broker as far as QoS 2 goes: it takes a message at the first PUBLISH of a packet id, until PUBREL frees it.
    std::size_t taken = 0;
    std::set<mqtt::PacketId> open;
    t.talk.hold = {PacketType::publish, PacketType::pubrel};
    const auto broker_works = [&](bool answers) {
        for (const auto& line : t.talk.heard("c1")) {
            if (line.starts_with("PUBLISH q2")) {
                const auto id = t.talk.last_id("c1");
                if (open.insert(id).second) ++taken;
                if (answers) t.talk.broker_sends("c1", mqtt::Pubrec{id, 0, {}});
            } else if (line.starts_with("PUBREL")) {
                const auto id = t.talk.last_id("c1");
                open.erase(id);
                if (answers) t.talk.broker_sends("c1", mqtt::Pubcomp{id, 0, {}});
            }
        }
    };
    const auto broker_answers = [&] { broker_works(true); };
    const int killed_at = GENERATE(range(0, 6));
    const auto maybe_killed = [&](int here) {
        if (here != killed_at) return;
        broker_works(false);
        t.restart();
    };
    t.talk.disk_holds = GENERATE(false, true);
    const auto disk = [&] { t.talk.commits(); };

    t.node.sends(publish(t.id, Qos::exactly_once, 5));
    maybe_killed(0);
    disk();
    maybe_killed(1);
    broker_answers();  // PUBLISH → PUBREC
    maybe_killed(2);
    disk();
    maybe_killed(3);
    broker_answers();  // PUBREL → PUBCOMP
    maybe_killed(4);
    disk();
    maybe_killed(5);
    t.talk.commits();
    t.talk.disk_holds = false;
    broker_answers();
    t.node.discards();
    // Whatever it heard, the client repeats PUBLISH until PUBREC, then PUBREL until PUBCOMP.
    bool received = false;
    for (int i = 0; i < 4 && !received; ++i) {
        t.node.sends(publish(t.id, Qos::exactly_once, 5, true));
        broker_answers();
        broker_answers();
        received = t.node.discards() != 0;
    }
    CHECK(received);
    t.node.sends(sn::Pubrel{5});
    t.node.expects(sn::Pubcomp{5});
    CHECK(taken == 1);
    broker_answers();
    CHECK(open.empty());
    CHECK(records(t.talk, RecordKind::flow) == 0);
}

TEST_CASE("QoS 2 down shows the client one MsgId wherever the gateway is killed", "[SN12-6.10-t][SN12-6.12-f]") {
    Known t;
    t.node.subscribes("s/1", Qos::exactly_once);
    t.talk.heard();
    t.talk.broker_publishes("c1", "s/1", "open", Qos::exactly_once, 9);
    const Received first = receives(t.node);
    CHECK_FALSE(first.dup);

    SECTION("before the client's PUBREC") {
        t.restart();
        t.talk.broker_sends("c1", mqtt::Publish{true, Qos::exactly_once, false, "s/1", 9, {}, as_bytes("open")});
        const Received again = receives(t.node);
        CHECK(again.msg_id == first.msg_id);
        CHECK(again.dup);
        t.node.sends(sn::Pubrec{first.msg_id});
        t.node.expects(sn::Pubrel{first.msg_id});
    }
    SECTION("between PUBREC and PUBCOMP") {
        t.node.sends(sn::Pubrec{first.msg_id});
        t.node.expects(sn::Pubrel{first.msg_id});
        t.restart();
        t.node.expects(sn::Pubrel{first.msg_id});
        t.talk.broker_sends("c1", mqtt::Publish{true, Qos::exactly_once, false, "s/1", 9, {}, as_bytes("open")});
        t.node.expects_nothing();  // the client has it
    }
    t.node.sends(sn::Pubcomp{first.msg_id});
    CHECK(t.talk.heard("c1").back() == "PUBCOMP");
    t.node.expects_nothing();
    CHECK(records(t.talk, RecordKind::flow) == 0);
}

TEST_CASE("an interrupted QoS 2 delivery keeps its MsgId through a second restart, behind others in the queue",
          "[SN12-6.10-t][SN12-6.12-f]") {
    Known t;
    t.node.subscribes("s/1", Qos::exactly_once);
    t.talk.broker_publishes("c1", "s/1", "open", Qos::exactly_once, 9);
    const Received first = receives(t.node);
    t.restart();
    // The broker repeats another message first, which the client does not acknowledge yet.
    t.talk.broker_sends("c1", mqtt::Publish{true, Qos::at_least_once, false, "s/1", 8, {}, as_bytes("before")});
    t.talk.broker_sends("c1", mqtt::Publish{true, Qos::exactly_once, false, "s/1", 9, {}, as_bytes("open")});
    receives(t.node);
    t.restart();
    t.node.discards();
    t.talk.broker_sends("c1", mqtt::Publish{true, Qos::exactly_once, false, "s/1", 9, {}, as_bytes("open")});
    const Received again = receives(t.node);
    CHECK(again.msg_id == first.msg_id);
    CHECK(again.dup);
    t.node.sends(sn::Pubrec{again.msg_id});
    t.node.expects(sn::Pubrel{again.msg_id});
    t.node.sends(sn::Pubcomp{again.msg_id});
    CHECK(records(t.talk, RecordKind::flow) == 0);
}

TEST_CASE("after PUBCOMP of the client a restart never shows it the message again", "[SN12-6.10-t][SN12-6.12-f]") {
    Known t;
    t.node.subscribes("s/1", Qos::exactly_once);
    t.talk.hold = {PacketType::pubrec};
    t.talk.broker_publishes("c1", "s/1", "open", Qos::exactly_once, 9);
    const Received first = receives(t.node);
    t.node.sends(sn::Pubrec{first.msg_id});
    t.node.expects(sn::Pubrel{first.msg_id});
    t.node.sends(sn::Pubcomp{first.msg_id});
    t.talk.hold = {};
    t.restart();
    t.talk.heard();
    t.talk.broker_sends("c1", mqtt::Publish{true, Qos::exactly_once, false, "s/1", 9, {}, as_bytes("open")});
    t.node.expects_nothing();
    CHECK(t.talk.heard("c1").front() == "PUBREC");
    CHECK(records(t.talk, RecordKind::flow) == 0);
    // The packet id is free for another message.
    t.talk.broker_publishes("c1", "s/1", "close", Qos::exactly_once, 9);
    CHECK_FALSE(receives(t.node).dup);
}

TEST_CASE("an orderly end with a store says nothing to the clients and keeps wills silent",
          "[SN12-6.12-f][SN12-6.4-g]") {
    Known t;
    t.talk.shutdown();
    t.node.expects_nothing();
    CHECK(t.talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
    t.restart();
    t.node.sends(publish(t.id, Qos::at_least_once, 7));
    t.node.expects(sn::Puback{t.id, 7, ReturnCode::accepted});
}

TEST_CASE("a session that ended leaves nothing on disk", "[SN12-6.3-j][SN12-6.12-f]") {
    Known t(Talk::durable(), true);
    CHECK(records(t.talk, RecordKind::session) == 1);
    t.node.disconnects();
    CHECK(t.talk.disk().empty());
}

TEST_CASE("a kept session waits on disk for its client", "[SN12-6.3-b][SN12-6.12-f]") {
    Known t;
    t.node.disconnects();
    t.talk.heard();
    t.restart();
    CHECK(t.talk.heard("c1").empty());
    t.node.connects("c1", false);
    CHECK(t.node.registers("a/b") == t.id);
}

TEST_CASE("a damaged record costs its client a new CONNECT and nothing else", "[SN12-6.12-f]") {
    Known t;
    const Device other = t.talk.device(2);
    other.connects("c2");
    const auto id = other.registers("x/y");
    const auto key = t.talk.disk().begin()->first;
    const Buffer whole = t.talk.disk().begin()->second;
    const std::size_t size = GENERATE_COPY(range<std::size_t>(0, whole.size(), 7));
    t.talk.disk_damages(key, Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    t.restart(false);
    CHECK(t.talk.counters().records_damaged == 1);
    CHECK(records(t.talk, RecordKind::session) == 1);
    other.sends(publish(id, Qos::at_least_once, 3));
    other.expects(sn::Puback{id, 3, ReturnCode::accepted});
    t.node.sends(publish(t.id, Qos::at_least_once, 3));
    t.node.expects(sn::Disconnect{});
    t.node.connects("c1", false);
}

TEST_CASE("broker connections come back at a limited pace", "[SN12-6.12-f]") {
    gateway::Config config = Talk::durable();
    config.limits.reconnects_per_second = 10;
    Talk talk(config);
    for (std::uint8_t i = 1; i <= 20; ++i)
        talk.device(i).connects("c" + std::to_string(i), false);
    talk.session_present = true;
    talk.crashes_and_restarts();
    talk.heard();
    talk.advance(999ms);
    CHECK(talk.heard().size() == 10);
    talk.advance(1s);
    CHECK(talk.heard().size() == 10);
}

TEST_CASE("a client whose link is not configured any more comes back by another", "[SN12-6.12-f]") {
    gateway::Config config = Talk::durable();
    config.links.push_back(config.links.front());
    config.links[1].name = "second";
    Talk talk(config);
    const Device node = talk.device(1, 1);
    node.connects("c1", false);
    const auto id = node.registers("a/b");
    // Same octets on disk, but the name does not fit any link.
    for (const auto& [key, image] : std::map(talk.disk())) {
        std::string text(as_text(image));
        const auto at = text.find("second");
        REQUIRE(at != std::string::npos);
        text.replace(at, 6, "absent");
        talk.disk_damages(key, Buffer(as_bytes(text).begin(), as_bytes(text).end()));
    }
    talk.crashes_and_restarts();
    talk.advance(1ms);
    const Device moved = talk.device(1, 0);
    moved.connects("c1", false);
    CHECK(moved.registers("a/b") == id);
}

}  // namespace restart_test
