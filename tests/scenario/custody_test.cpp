// sleep.custody = "gateway": messages for sleeping clients are in the gateway's store, and the broker was told.
#include "tests/scenario/sleeper.hpp"

namespace custody_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::RecordKind;
using sn::ReturnCode;

namespace {

gateway::Config keeping() {
    gateway::Config config = Talk::durable();
    config.sleep.custody = gateway::Custody::gateway;
    return config;
}

std::size_t records(const Talk& talk, RecordKind kind = RecordKind::delivery) {
    std::size_t count = 0;
    for (const auto& [key, image] : talk.disk())
        count += key.kind == kind ? 1 : 0;
    return count;
}

/// The next frame is a PUBLISH; answered in full.
std::string takes(const Sleeper& t) {
    const auto packet = std::get<sn::Publish>(t.node.next());
    std::string payload(as_text(packet.data));
    if (packet.qos == q1) t.acknowledges(packet.msg_id);
    if (packet.qos == q2) {
        t.node.sends(sn::Pubrec{packet.msg_id});
        t.node.expects(sn::Pubrel{packet.msg_id});
        t.node.sends(sn::Pubcomp{packet.msg_id});
    }
    return payload;
}

void restarts(Sleeper& t, bool session_present = true) {
    t.talk.session_present = session_present;
    t.talk.crashes_and_restarts();
    t.talk.advance(5s);
    t.talk.heard();
}

}  // namespace

TEST_CASE("the broker is told once the message is on disk, not before", "[SN12-6-j][SN12-6.14-k]") {
    Sleeper t(State::asleep, keeping());
    t.talk.disk_holds = true;
    const Qos qos = GENERATE(q1, q2);
    t.message("x", qos, 7);
    CHECK(t.talk.heard("c1").empty());
    t.talk.commits();
    CHECK(t.talk.heard("c1") == (qos == q1 ? Lines{"PUBACK"} : Lines{"PUBREC"}));
    t.talk.commits();
    CHECK(t.talk.heard("c1") == (qos == q1 ? Lines{} : Lines{"PUBCOMP"}));
    t.talk.disk_holds = false;
    CHECK(records(t.talk) == 1);
    t.node.expects_nothing();
    t.wakes();
    CHECK(takes(t) == "x");
    t.node.expects(sn::Pingresp{});
    CHECK(t.talk.heard("c1").empty());
    CHECK(records(t.talk) == 0);
    CHECK(t.talk.counters().deliveries_kept == 1);
}

TEST_CASE("active clients cost the disk nothing: their messages stay with the broker until they have them",
          "[SN12-6-j]") {
    Sleeper t(State::active, keeping());
    t.message("x", q1, 7);
    CHECK(records(t.talk) == 0);
    CHECK(t.talk.heard("c1").empty());
    CHECK(takes(t) == "x");
    CHECK(t.talk.heard("c1") == Lines{"PUBACK"});
}

TEST_CASE("what waits when a client falls asleep is taken then", "[SN12-6.14-p]") {
    Sleeper t(State::active, keeping());
    t.message("sent", q2, 7);
    t.message("waits", q1, 8);
    t.message("zero");
    const auto sent = std::get<sn::Publish>(t.node.next()).msg_id;
    t.node.sleeps(600);
    CHECK(t.talk.heard("c1") == Lines{"PUBREC", "PUBACK", "PUBCOMP"});
    CHECK(records(t.talk) == 2);
    const bool killed = GENERATE(false, true);
    if (killed) restarts(t);
    t.wakes();
    t.node.expects(t.delivery("sent", q2, sent, true));
    t.node.sends(sn::Pubrec{sent});
    t.node.expects(sn::Pubrel{sent});
    t.node.sends(sn::Pubcomp{sent});
    CHECK(takes(t) == "waits");
    if (!killed) CHECK(takes(t) == "zero");  // QoS 0 lives in memory
    t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 0);
}

TEST_CASE("what a drain leaves over is taken at its end", "[SN12-6.14-g]") {
    auto config = keeping();
    config.awake.max_messages = 1;
    Sleeper t(State::awake, config);
    t.message("arrived awake", q1, 101);
    CHECK(records(t.talk) == 1);  // the one it is asked about came while it slept
    t.acknowledges(t.outstanding);
    t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 1);
    CHECK(t.talk.heard("c1") == Lines{"PUBACK"});
    restarts(t);
    t.wakes();
    CHECK(takes(t) == "arrived awake");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("messages in the gateway's care survive its death, in order, whether the broker remembers or not",
          "[SN12-6.12-f][SN12-6.14-d]") {
    Sleeper t(keeping(), GENERATE(false, true));
    t.node.sleeps(600);
    for (mqtt::PacketId i = 1; i <= 20; ++i)
        t.message(std::to_string(i), i % 2 == 0 ? q2 : q1, i);
    CHECK(records(t.talk) == 20);
    restarts(t, GENERATE(false, true));
    t.message("21", q1, 77);
    t.node.expects_nothing();
    t.wakes();
    for (int i = 1; i <= 21; ++i)
        CHECK(takes(t) == std::to_string(i));
    t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 0);
    CHECK(records(t.talk, RecordKind::flow) == 1);  // when it is due to wake
}

TEST_CASE("a kept QoS 2 message reaches the client once, with one MsgId, wherever the gateway is killed",
          "[SN12-6.10-t][SN12-6.12-f]") {
    Sleeper t(State::asleep, keeping());
    t.message("before", q1, 6);
    t.message("x", q2, 7);
    t.talk.heard();
    t.wakes();
    CHECK(takes(t) == "before");
    const auto first = std::get<sn::Publish>(t.node.next());
    CHECK_FALSE(first.dup);
    const auto msg_id = first.msg_id;
    const int killed_at = GENERATE(range(0, 3));
    const auto maybe_killed = [&](int here) {
        if (here != killed_at) return;
        restarts(t);
        t.node.expects_nothing();
        t.wakes();
    };
    maybe_killed(0);
    if (killed_at == 0) t.node.expects(t.delivery("x", q2, msg_id, true));
    t.node.sends(sn::Pubrec{msg_id});
    t.node.expects(sn::Pubrel{msg_id});
    maybe_killed(1);
    if (killed_at == 1) t.node.expects(sn::Pubrel{msg_id});
    t.node.sends(sn::Pubcomp{msg_id});
    t.node.expects(sn::Pingresp{});
    maybe_killed(2);
    if (killed_at == 2) t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 0);
    CHECK(t.talk.heard("c1").empty());  // the broker was told long ago
}

TEST_CASE("killed between disk and broker, a QoS 2 message is still taken once", "[SN12-6.10-t]") {
    Sleeper t(State::asleep, keeping());
    t.talk.hold = {mqtt::PacketType::pubrec};
    t.message("x", q2, 7);
    CHECK(t.talk.heard("c1") == Lines{"PUBREC"});
    restarts(t);
    t.talk.broker_sends("c1", mqtt::Publish{true, q2, false, "s/1", 7, {}, as_bytes("x")});
    CHECK(t.talk.heard("c1") == Lines{"PUBREC"});
    CHECK(records(t.talk) == 1);
    t.wakes();
    CHECK(takes(t) == "x");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("killed before the commit nothing was said, and the broker has it still", "[SN12-6-j]") {
    Sleeper t(State::asleep, keeping());
    t.talk.disk_holds = true;
    const Qos qos = GENERATE(q1, q2);
    t.message("x", qos, 7);
    t.talk.disk_holds = false;
    restarts(t);
    CHECK(records(t.talk) == 0);
    t.talk.broker_sends("c1", mqtt::Publish{true, qos, false, "s/1", 7, {}, as_bytes("x")});
    CHECK(records(t.talk) == 1);
    t.wakes();
    CHECK(takes(t) == "x");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a delivery interrupted by a restart keeps its MsgId when the gateway takes it afterwards",
          "[SN12-6.10-t][SN12-6.12-f]") {
    Sleeper t(State::active, keeping());
    t.message("x", q2, 9);
    const auto first = std::get<sn::Publish>(t.node.next()).msg_id;
    restarts(t);
    t.node.sleeps(600);
    t.talk.broker_sends("c1", mqtt::Publish{true, q1, false, "s/1", 8, {}, as_bytes("other")});
    t.talk.broker_sends("c1", mqtt::Publish{true, q2, false, "s/1", 9, {}, as_bytes("x")});
    if (GENERATE(false, true)) restarts(t);
    t.wakes();
    const auto other = std::get<sn::Publish>(t.node.next());
    CHECK(as_text(other.data) == "other");
    CHECK(other.msg_id != first);
    t.acknowledges(other.msg_id);
    t.node.expects(t.delivery("x", q2, first, true));
    t.node.sends(sn::Pubrec{first});
    t.node.expects(sn::Pubrel{first});
    t.node.sends(sn::Pubcomp{first});
    t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 0);
}

TEST_CASE("a full queue loses its oldest QoS 0 first, then its oldest, and their records", "[SN12-6.14-k]") {
    auto config = keeping();
    SECTION("by number") {
        config.limits.queue_messages = 3;
    }
    SECTION("by octets") {
        config.limits.queue_octets = 3 * 4;  // s/1 and one octet
    }
    Sleeper t(State::asleep, config);
    t.message("1", q1, 1);
    t.message("2");
    t.message("3", q2, 3);
    t.message("4", q1, 4);  // 2 goes
    CHECK(records(t.talk) == 3);
    t.message("5", q1, 5);  // 1 goes
    CHECK(records(t.talk) == 3);
    CHECK(t.talk.counters().deliveries_dropped == 2);
    restarts(t);
    t.wakes();
    for (const auto* payload : {"3", "4", "5"})
        CHECK(takes(t) == payload);
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("when the disk takes nothing the broker keeps the messages, and the order stays", "[SN12-6.14-d]") {
    Sleeper t(State::asleep, keeping());
    t.message("1", q1, 1);
    CHECK(t.talk.heard("c1") == Lines{"PUBACK"});
    t.talk.gateway().set_store_failing(true);
    t.message("2", q1, 2);
    CHECK(t.talk.heard("c1").empty());
    t.talk.gateway().set_store_failing(false);
    t.message("3", q1, 3);
    CHECK(t.talk.heard("c1") == Lines{"PUBACK", "PUBACK"});
    restarts(t);
    t.wakes();
    for (const auto* payload : {"1", "2", "3"})
        CHECK(takes(t) == payload);
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a client that is lost or disconnects finds its kept messages at its next CONNECT",
          "[SN12-6.3-j][SN12-6.14-k]") {
    Sleeper t(State::asleep, keeping());
    t.message("x", q1, 7);
    const bool lost = GENERATE(false, true);
    if (lost) {
        t.talk.advance(660s);
    } else {
        t.node.disconnects();
    }
    if (GENERATE(false, true)) restarts(t);
    t.node.connects("c1", false);
    const auto announced = std::get<sn::Register>(t.node.next());
    t.node.sends(sn::Regack{announced.topic_id, announced.msg_id, ReturnCode::accepted});
    CHECK(takes(t) == "x");
    CHECK(records(t.talk) == 0);
}

TEST_CASE("a clean CONNECT and the end of a clean session take the records with them", "[SN12-6.14-o]") {
    Sleeper t(keeping(), true);
    t.node.sleeps(600);
    t.message("x", q1, 7);
    CHECK(records(t.talk) == 1);
    SECTION("CONNECT") {
        t.talk.session_present = false;
        t.node.connects("c1", true);
        CHECK(records(t.talk, RecordKind::session) == 1);
    }
    SECTION("DISCONNECT") {
        t.node.disconnects();
        CHECK(t.talk.disk().empty());
    }
    SECTION("lost") {
        t.talk.advance(660s);
        CHECK(t.talk.disk().empty());
    }
    CHECK(records(t.talk) == 0);
}

TEST_CASE("what expires keeps its time through a restart", "[SN12-6.14-l][SN12-6.12-f]") {
    auto config = keeping();
    config.broker.client.version = mqtt::Version::v5;
    Sleeper t(State::asleep, config);
    const mqtt::Properties expiring{expires_in(100)};
    t.talk.broker_sends("c1", mqtt::Publish{false, q1, false, "s/1", 7, expiring, as_bytes("old")});
    t.message("new", q1, 8);
    t.talk.advance(60s);
    restarts(t);
    t.talk.advance(60s);
    t.wakes();
    CHECK(takes(t) == "new");
    t.node.expects(sn::Pingresp{});
    CHECK(records(t.talk) == 0);
}

TEST_CASE("a damaged record of a delivery costs that delivery only", "[SN12-6.12-f]") {
    Sleeper t(State::asleep, keeping());
    for (mqtt::PacketId i = 1; i <= 3; ++i)
        t.message(std::to_string(i), q1, i);
    const gateway::RecordKey key{RecordKind::delivery, 1, 2};
    REQUIRE(t.talk.disk().contains(key));
    const Buffer whole = t.talk.disk().at(key);
    const auto size = GENERATE_COPY(range<std::size_t>(0, whole.size(), 5));
    t.talk.disk_damages(key, Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    restarts(t);
    CHECK(t.talk.counters().records_damaged == 1);
    t.wakes();
    CHECK(takes(t) == "1");
    CHECK(takes(t) == "3");
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("without its record a delivery whose exchange is on disk is left out", "[SN12-6.12-f]") {
    Sleeper t(State::asleep, keeping());
    t.message("x", q2, 7);
    t.wakes();
    t.node.next();
    t.talk.disk_damages({RecordKind::delivery, 1, 1}, Buffer());
    restarts(t);
    t.wakes();
    t.node.expects(sn::Pingresp{});
}

}  // namespace custody_test
