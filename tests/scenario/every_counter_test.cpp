// No counter is dead: each one is reached by one of these conversations. That each is a metric is shown by
// tests/unit/runtime/metrics_test.cpp. A new counter needs its conversation here.
#include "tests/scenario/downlink.hpp"
#include "tests/scenario/sleeper.hpp"

namespace every_counter_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

/// What any gateway of this test has counted so far.
using Reached = std::set<std::string, std::less<>>;

void add(Reached& reached, const Talk& talk) {
    talk.counters().for_each([&](std::string_view name, std::string_view, std::uint64_t value) {
        if (value != 0) reached.emplace(name);
    });
}

sn::Publish to_ab(Qos qos, sn::MsgId msg_id = 0) {
    return {.qos = qos, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = msg_id, .data = as_bytes("x")};
}

sn::Connect connect_as(std::string_view client_id, bool will = false) {
    return {will, true, sn::protocol_id, 60, client_id};
}

void frames_that_are_dropped(Reached& reached) {
    auto config = Talk::config();
    config.links.front().receive_limit = 300;
    config.limits.frames_per_second_per_source = 20;
    Talk talk(config);
    const auto node = talk.device(1);
    node.sends(hex("03 7F 00"));
    node.sends(Buffer(301, std::byte{1}));
    node.sends(frame_of(sn::Connack{ReturnCode::accepted}));
    node.sends(hex("05 FE 00 0A 0B 05 FE 00 0A 0B 02 16"));
    for (int i = 0; i < 40; ++i)
        node.sends(sn::Disconnect{});
    node.discards();
    const auto other = talk.device(2);
    other.connects("c2");
    other.sends(sn::WillMsg{as_bytes("nobody asked")});
    other.discards();
    add(reached, talk);
}

void clients_that_are_refused(Reached& reached) {
    auto config = Talk::config();
    config.limits.clients = 2;
    config.limits.pending_connects_per_source = 1;
    config.bridge.devices_prefix = "gw/devices/";
    Talk talk(config);
    for (const char* id : {"x", "y"})
        talk.device(1).sends(connect_as(id, true));
    talk.device(1).sends(sn::Disconnect{});
    talk.device(2).connects("c2");
    talk.device(3).connects("c2");  // from elsewhere
    talk.device(4).connects("c4");
    talk.device(5).sends(connect_as("c5"));
    talk.device(5).expects(sn::Connack{ReturnCode::congestion});
    talk.advance(1s);
    talk.device(4).disconnects();
    talk.advance(100ms);
    talk.device(5).connects("c5");
    talk.connack = 5;
    talk.device(2).sends(connect_as("c2"));
    for (std::uint8_t i = 1; i <= 5; ++i)
        talk.device(i).discards();
    add(reached, talk);
}

void clients_that_fall_silent(Reached& reached) {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false);
    node.sends(sn::WillTopicUpd{q1, false, "new"});
    talk.advance(90s);
    node.discards();
    const auto other = talk.device(2);
    other.connects("c2", true, 0);
    talk.broker_publishes("c2", "ab", "x", q1, 7);
    talk.advance(100s);  // N_retry
    other.discards();
    add(reached, talk);
}

void messages_of_clients(Reached& reached) {
    auto config = Talk::config();
    config.limits.inflight_in = 1;
    config.qos_minus_one.queue_messages = 0;
    Downlink t(config);
    t.node.sends(to_ab(q0));
    t.node.sends(to_ab(q1, 1));
    t.node.sends(again(to_ab(q1, 1)));
    t.node.sends(sn::Publish{.qos = q1, .topic_id = 99, .msg_id = 2});
    t.talk.hold = {mqtt::PacketType::publish};
    t.node.sends(to_ab(q2, 3));
    t.node.sends(to_ab(q2, 4));
    t.node.sends(to_ab(Qos::minus_one));
    t.node.sends(sn::Publish{.qos = Qos::minus_one, .type = TopicIdType::predefined, .topic_id = 99});
    t.node.discards();
    add(reached, t.talk);
}

void messages_for_clients(Reached& reached) {
    auto config = Talk::config();
    config.links.front().max_frame = 60;
    config.limits.queue_messages = 3;
    config.limits.topics_per_client = 2;
    config.limits.subscriptions_per_client = 2;
    Downlink t(config);
    t.subscribes("#");
    t.node.registers("own");
    t.subscribes("d/#");
    t.node.sends(sn::Subscribe{.msg_id = 5, .topic_name = "c/#"});
    t.node.sends(sn::Register{0, 8, "other"});
    t.node.sends(sn::Register{0, 9, "third"});
    t.node.discards();
    t.message("ab", "x");
    t.message("ab", "x", q1, 7);
    t.node.sends(sn::Puback{0x6162, 1, ReturnCode::accepted});
    t.message("ab", "x", q2, 8);
    t.node.sends(sn::Pubrec{2});
    t.node.sends(sn::Pubcomp{2});
    t.message("ab", std::string(80, 'z'));
    t.message("ab", "x", q1, 9);
    t.talk.advance(10s);  // T_retry
    t.node.sends(sn::Puback{0x6162, 3, ReturnCode::not_supported});
    t.message("ab", "held", q1, 10);
    for (mqtt::PacketId id = 11; id <= 15; ++id)
        t.message("ab", "x", q1, id);
    t.node.discards();
    add(reached, t.talk);
}

void topics_that_clients_refuse(Reached& reached) {
    Downlink t;
    t.subscribes("#");
    t.message("a/b", "1", q1, 7);
    t.node.sends(with(t.expects_register("a/b"), ReturnCode::not_supported));
    t.node.discards();
    add(reached, t.talk);
}

void clients_that_sleep(Reached& reached) {
    auto config = Talk::durable();
    config.sleep = {gateway::Custody::gateway, false};
    Sleeper t(State::asleep, config);
    t.message("refused a place");
    t.message("kept", q1, 8);
    const auto key = t.talk.disk().begin()->first;
    t.talk.disk_damages(key, {});
    t.talk.crashes_and_restarts();
    t.node.discards();
    add(reached, t.talk);
    Sleeper again(State::asleep, config);
    again.message("refused a place");
    again.message("kept", q1, 8);
    add(reached, again.talk);
}

void messages_in_the_store(Reached& reached) {
    auto config = Talk::durable();
    config.delivery.up = gateway::DeliveryUp::store;
    config.delivery.max_age = 600s;
    config.limits.reconnects_per_second = 1;
    config.timers.upstream_backoff_min = config.timers.upstream_backoff_max = 100ms;
    Downlink t(config, false);
    t.talk.device(2).connects("c2", false, 0);
    t.node.sends(to_ab(q1, 1));
    t.talk.session_present = true;
    t.talk.reachable = Talk::Reachable::refused;
    t.talk.broker_drops("c1");
    t.talk.broker_drops("c2");
    t.node.sends(to_ab(q1, 2));
    t.talk.advance(500s);
    t.node.sends(to_ab(q1, 3));
    t.talk.advance(200s);
    t.talk.reachable = Talk::Reachable::yes;
    t.talk.advance(60s);
    t.node.discards();
    t.talk.device(2).discards();
    add(reached, t.talk);
}

void discovery_and_links(Reached& reached) {
    auto config = Talk::config();
    config.links.front().confirms_departure = true;
    Talk talk(config);
    talk.advance(1000s);
    talk.device(9).sends(hex("05 00 01 03 C0"));
    for (int i = 0; i < 3; ++i)
        talk.device(1).sends(sn::SearchGw{0});
    const auto node = talk.device(1);
    node.connects("c1", true, 0);
    talk.broker_publishes("c1", "ab", "x", q1, 7);
    talk.departs(Departure::failed);
    talk.broker_drops("c1");
    node.discards();
    talk.device(9).discards();
    add(reached, talk);
}

}  // namespace

TEST_CASE("every counter of the core is reached by a conversation") {
    Reached reached;
    frames_that_are_dropped(reached);
    clients_that_are_refused(reached);
    clients_that_fall_silent(reached);
    messages_of_clients(reached);
    messages_for_clients(reached);
    topics_that_clients_refuse(reached);
    clients_that_sleep(reached);
    messages_in_the_store(reached);
    discovery_and_links(reached);
    gateway::Counters{}.for_each([&](std::string_view name, std::string_view text, std::uint64_t) {
        INFO(name << ": " << text);
        CHECK(reached.contains(name));
    });
}

TEST_CASE("every cause for which a frame cannot be decoded is counted apart", "[SN12-5.2.1-g][SN12-5.2.2-b]") {
    using sn::CodecError;
    const auto [error, frame] = GENERATE(table<CodecError, const char*>({{CodecError::empty, ""},
                                                                         {CodecError::bad_length, "00 04"},
                                                                         {CodecError::bad_length, "01 00 04"},
                                                                         {CodecError::length_mismatch, "05 16"},
                                                                         {CodecError::reserved_type, "02 7F"},
                                                                         {CodecError::wrong_size, "04 05 00 00"},
                                                                         {CodecError::bad_encapsulation, "02 FE"}}));
    INFO(frame);
    Talk talk;
    talk.device(1).sends(hex(frame));
    const auto& counts = talk.gateway().traffic().undecodable;
    for (std::size_t i = 0; i < counts.size(); ++i)
        CHECK(counts[i] == (i + 1 == static_cast<std::size_t>(error) ? 1 : 0));
}

}  // namespace every_counter_test
