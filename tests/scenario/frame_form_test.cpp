// SN 5.2 seen from outside: header forms, sizes, and what happens to frames that are malformed.
#include "tests/scenario/octet_talk.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace frame_form_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

/// Octets after MsgType that a message may have (checklist section 3).
struct Sizes {
    unsigned type;
    std::size_t least;
    std::size_t most;
};
constexpr std::size_t any = 70000;
constexpr Sizes table_of_sizes[] = {
    {0x00, 3, 3}, {0x01, 1, 1},   {0x02, 1, any}, {0x04, 4, any}, {0x05, 1, 1},   {0x06, 0, 0}, {0x07, 0, any},
    {0x08, 0, 0}, {0x09, 0, any}, {0x0A, 4, any}, {0x0B, 5, 5},   {0x0C, 5, any}, {0x0D, 5, 5}, {0x0E, 2, 2},
    {0x0F, 2, 2}, {0x10, 2, 2},   {0x12, 3, any}, {0x13, 6, 6},   {0x14, 3, any}, {0x15, 2, 2}, {0x16, 0, any},
    {0x17, 0, 0}, {0x18, 0, 2},   {0x1A, 0, any}, {0x1B, 1, 1},   {0x1C, 0, any}, {0x1D, 1, 1}};

bool is_well_formed(Bytes datagram) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned>(datagram[i]); };
    if (datagram.size() < 2) return false;
    const std::size_t header = at(0) == 1 ? 4 : 2;
    if (datagram.size() < header) return false;
    const std::size_t length = header == 4 ? (at(1) << 8U) + at(2) : at(0);
    if (length != datagram.size()) return false;
    const unsigned type = at(header - 1);
    const std::size_t size = datagram.size() - header;
    const auto* row = std::find_if(std::begin(table_of_sizes), std::end(table_of_sizes),
                                   [&](const Sizes& each) { return each.type == type; });
    if (row == std::end(table_of_sizes) || size < row->least || size > row->most) return false;
    if (type == 0x18) return size != 1;
    const bool has_topic_id = (type == 0x12 || type == 0x14) && ((at(header) & 3U) == 1 || (at(header) & 3U) == 2);
    return !has_topic_id || size == 5;
}

/// Calls f with datagrams of every type and of 0 to 20 octets, under every sort of header, right and wrong.
template <class F>
void for_each_datagram(F&& f) {
    for (unsigned type = 0; type <= 0xFF; ++type) {
        const bool is_reserved = type > 0x1D && type != 0xFE;
        for (std::size_t size = 0; size <= 20; size += is_reserved ? 4 : 1) {
            for (const unsigned fill : {0x00U, 0x01U, 0xFFU}) {
                for (const int off : {0, -1, 1, 2}) {
                    const auto length = static_cast<unsigned>(static_cast<int>(size) + off);
                    Buffer datagram{static_cast<std::byte>(length), static_cast<std::byte>(type)};
                    datagram.resize(size, static_cast<std::byte>(fill));
                    f(Bytes(datagram));
                    datagram = {std::byte{1}, std::byte{0}, static_cast<std::byte>(length),
                                static_cast<std::byte>(type)};
                    datagram.resize(size, static_cast<std::byte>(fill));
                    f(Bytes(datagram));
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("every message works in both header forms, directly and through a forwarder",
          "[SN12-5.2.1-a][SN12-5.2.1-b][SN12-5.2.1-c][SN12-5.5-d][SN12-5.5-f]") {
    const auto form = GENERATE(short_form, long_form);
    const bool forwarded = GENERATE(false, true);
    Talk talk;
    const auto node = forwarded ? talk.device(1).behind("n") : talk.device(1);
    const auto says = [&](const sn::Packet& packet) { node.sends(form(packet)); };
    says(sn::Advertise{1, 100});
    CHECK(talk.counters().gateway_id_conflicts == 1);
    says(sn::GwInfo{2, as_bytes("ab")});
    says(sn::SearchGw{2});
    CHECK(talk.counters().searchgw == 1);
    CHECK(node.discards() == (forwarded ? 1 : 0));
    says(
        sn::Publish{.qos = Qos::minus_one, .type = TopicIdType::short_name, .topic_id = 0x6162, .data = as_bytes("m")});
    CHECK(talk.heard() == Lines{"gw: PUBLISH q0 ab m"});

    says(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    says(sn::WillTopic{Qos::at_least_once, true, "w"});
    node.expects(sn::WillMsgReq{});
    says(sn::WillMsg{as_bytes("bye")});
    node.expects(sn::Connack{});
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w bye q1 retain"});
    says(sn::Register{0, 1, "a/b"});
    node.expects(sn::Regack{1, 1, ReturnCode::accepted});
    says(sn::Publish{.qos = Qos::at_least_once, .retain = true, .topic_id = 1, .msg_id = 2, .data = as_bytes("x")});
    node.expects(sn::Puback{1, 2, ReturnCode::accepted});
    says(sn::Publish{.qos = Qos::exactly_once, .topic_id = 1, .msg_id = 3, .data = as_bytes("x")});
    node.expects(sn::Pubrec{3});
    says(sn::Pubrel{3});
    node.expects(sn::Pubcomp{3});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q1 retain a/b x", "c1: PUBLISH q2 a/b x", "c1: PUBREL"});
    says(sn::Subscribe{.qos = Qos::exactly_once, .msg_id = 4, .topic_name = "s/#"});
    node.expects(sn::Suback{Qos::exactly_once, 0, 4, ReturnCode::accepted});
    says(sn::Subscribe{.qos = Qos::at_least_once, .type = TopicIdType::short_name, .msg_id = 5, .topic_id = 0x6364});
    node.expects(sn::Suback{Qos::at_least_once, 0, 5, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: SUBSCRIBE q2 s/#", "c1: SUBSCRIBE q1 cd"});

    talk.broker_publishes("c1", "s/1", "y", Qos::exactly_once, 9);
    node.expects(sn::Register{2, 1, "s/1"});
    says(sn::Regack{2, 1, ReturnCode::accepted});
    node.expects(sn::Publish{.qos = Qos::exactly_once, .topic_id = 2, .msg_id = 2, .data = as_bytes("y")});
    says(sn::Pubrec{2});
    node.expects(sn::Pubrel{2});
    says(sn::Pubcomp{2});
    talk.broker_publishes("c1", "cd", "z", Qos::at_least_once, 10);
    node.expects(sn::Publish{.qos = Qos::at_least_once,
                             .type = TopicIdType::short_name,
                             .topic_id = 0x6364,
                             .msg_id = 3,
                             .data = as_bytes("z")});
    says(sn::Puback{0x6364, 3, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: PUBREC", "c1: PUBCOMP", "c1: PUBACK"});

    says(sn::Unsubscribe{.msg_id = 6, .topic_name = "s/#"});
    node.expects(sn::Unsuback{6});
    says(sn::Unsubscribe{.type = TopicIdType::short_name, .msg_id = 7, .topic_id = 0x6364});
    node.expects(sn::Unsuback{7});
    CHECK(talk.heard() == Lines{"c1: UNSUBSCRIBE s/#", "c1: UNSUBSCRIBE cd"});
    says(sn::WillTopicUpd{Qos::at_most_once, false, "w2"});
    node.expects(sn::WillTopicResp{});
    says(sn::WillMsgUpd{as_bytes("m")});
    node.expects(sn::WillMsgResp{});
    // PINGRESP is only activity: without it the client would be lost after 90 s.
    talk.advance(80s);
    says(sn::Pingresp{});
    talk.advance(80s);
    says(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    says(sn::Disconnect{std::uint16_t{300}});
    node.expects(sn::Disconnect{});
    says(sn::Pingreq{"c1"});
    node.expects(sn::Pingresp{});
    says(sn::Disconnect{});
    node.expects(sn::Disconnect{});
    CHECK(talk.heard() == Lines{"c1: DISCONNECT", "c1: CLOSE"});
    CHECK(talk.counters().malformed + talk.counters().forwarder_refused + talk.counters().unexpected == 0);
}

TEST_CASE("a conversation octet by octet: type codes, flags, byte order",
          "[SN12-5.2.2-a][SN12-5.3.4-a][SN12-5.3.4-b]") {
    auto config = Talk::config();
    config.timers.ping_probe = true;
    Talk talk(config);
    const auto node = talk.device(1);
    const auto says = [&](std::string_view octets) { node.sends(hex(octets)); };
    const auto hears = [&](std::string_view octets) { CHECK(to_hex(node.next_datagram()) == to_hex(hex(octets))); };
    says("03 01 00");
    CHECK(to_hex(talk.broadcasts.back().second) == "030201");
    says("08 04 08 01 00 3C 63 31");  // Will, not CleanSession
    hears("02 06");
    says("06 07 30 77 2F 74");  // QoS 1, Retain
    hears("02 08");
    says("04 09 62 79");
    hears("03 05 00");
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 keep will w/t by q1 retain"});
    says("09 0A 00 00 12 34 61 2F 62");
    hears("07 0B 00 01 12 34 00");
    says("08 0C 30 00 01 00 02 78");  // QoS 1, Retain
    hears("07 0D 00 01 00 02 00");
    says("08 0C A0 00 01 00 02 78");  // DUP: absorbed
    hears("07 0D 00 01 00 02 00");
    says("08 0C 40 00 01 00 03 78");  // QoS 2
    hears("04 0F 00 03");
    says("04 10 00 03");
    hears("04 0E 00 03");
    CHECK(talk.heard() == Lines{"c1: PUBLISH q1 retain a/b x", "c1: PUBLISH q2 a/b x", "c1: PUBREL"});
    says("08 12 40 00 04 73 2F 23");
    hears("08 13 40 00 00 00 04 00");
    says("07 12 22 00 05 63 64");  // short name, QoS 1
    hears("08 13 20 00 00 00 05 00");
    CHECK(talk.heard() == Lines{"c1: SUBSCRIBE q2 s/#", "c1: SUBSCRIBE q1 cd"});

    talk.broker_publishes("c1", "s/1", "y", Qos::exactly_once, 9, true);
    hears("09 0A 00 02 00 01 73 2F 31");
    says("07 0B 00 02 00 01 00");
    hears("08 0C 50 00 02 00 02 79");  // QoS 2, Retain
    talk.advance(10s);
    hears("08 0C D0 00 02 00 02 79");  // … and DUP
    says("04 0F 00 02");
    hears("04 10 00 02");
    says("04 0E 00 02");
    talk.broker_publishes("c1", "cd", "z", Qos::at_least_once, 10);
    hears("08 0C 22 63 64 00 03 7A");
    says("07 0D 63 64 00 03 00");
    talk.broker_publishes("c1", "cd", "z");
    hears("08 0C 02 63 64 00 00 7A");
    says("08 14 00 00 06 73 2F 23");
    hears("04 15 00 06");
    says("05 1A 10 77 32");
    hears("03 1B 00");
    says("03 1C 6D");
    hears("03 1D 00");
    talk.advance(60s);
    hears("02 16");
    says("02 17");
    says("02 16");
    hears("02 17");
    says("04 18 01 2C");
    hears("02 18");
    says("04 16 63 31");
    hears("02 17");
}

TEST_CASE("what is sent has the 1-octet Length up to 255 octets, then the 3-octet form",
          "[SN12-5.2.1-d][SN12-5.2.1-h]") {
    Connected t;
    const bool forwarded = GENERATE(false, true);
    const auto node = forwarded ? t.talk.device(2).behind("n") : t.node;
    if (forwarded) node.connects("c1");
    for (const std::size_t rest : {252U, 253U, 254U, 255U, 256U, 1000U}) {
        CAPTURE(rest);
        const bool is_short = rest <= 254;
        const std::string data(rest - 6, 'z');
        t.talk.broker_publishes("c1", "ab", data);
        const Buffer publish = node.next_datagram();
        CHECK(publish.size() == rest + (is_short ? 1 : 3));
        CHECK(to_hex(Bytes(publish).first(4)) == (is_short
                                                      ? to_hex(Buffer{static_cast<std::byte>(rest + 1)}) + "0c0261"
                                                      : "01" +
                                                            to_hex(Buffer{static_cast<std::byte>((rest + 3) >> 8U),
                                                                          static_cast<std::byte>((rest + 3) & 0xFFU)}) +
                                                            "0c"));

        const std::string name(rest - 5, 'n');
        t.talk.broker_publishes("c1", name, "");
        const Buffer reg = node.next_datagram();
        CHECK(reg.size() == rest + (is_short ? 1 : 3));
        const auto packet = std::get<sn::Register>(*sn::decode(reg));
        CHECK(packet.topic_name == name);
        node.sends(sn::Regack{packet.topic_id, packet.msg_id, ReturnCode::accepted});
        node.expects(sn::Publish{.topic_id = packet.topic_id});
    }
}

TEST_CASE("messages of up to 65535 octets come through", "[SN12-5.2.1-e][SN12-5.2.1-b]") {
    Connected t;
    const auto total =
        GENERATE(std::size_t{256}, std::size_t{257}, std::size_t{258}, std::size_t{4096}, std::size_t{65535});
    const std::string data(total - 9, 'z');
    Buffer frame = hex("01 00 00 0C 20 00 01 00 07");
    frame[1] = static_cast<std::byte>(total >> 8U);
    frame[2] = static_cast<std::byte>(total & 0xFFU);
    const auto octets = bytes(data);
    frame.insert(frame.end(), octets.begin(), octets.end());
    t.node.sends(frame);
    t.hears("07 0D 00 01 00 07 00");
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 a/b " + data});
}

TEST_CASE("a datagram above the receive limit, or cut off on its way, is dropped and counted",
          "[SN12-5.2.1-j][SN12-5.2.1-e]") {
    auto config = Talk::config();
    config.links.front().receive_limit = 100;
    Connected t(config);
    const std::string data(100 - 7, 'z');
    const sn::Publish largest{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 7, .data = as_bytes(data)};
    t.node.sends(largest);
    t.node.expects(sn::Puback{1, 7, ReturnCode::accepted});
    t.talk.heard();
    t.node.sends(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 8, .data = as_bytes(data + "z")});
    t.node.expects_nothing();
    CHECK(t.talk.counters().oversized == 1);
    // A read that lost its end declares more octets than there are.
    Buffer cut = frame_of(largest);
    cut.pop_back();
    t.node.sends(cut);
    t.node.expects_nothing();
    CHECK(t.talk.counters().malformed == 1);
    CHECK(t.talk.heard().empty());
}

TEST_CASE("two messages in one datagram are none", "[SN12-5.2.1-h][SN12-5.2.1-g]") {
    Connected t;
    t.says("02 16 02 16");
    t.says("08 0C 20 00 01 00 02 78  08 0C 20 00 01 00 03 78");
    t.node.expects_nothing();
    // Nor is half a message continued by the next datagram.
    t.says("08 0C 20 00");
    t.says("01 00 02 78");
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
    CHECK(t.talk.counters().malformed == 4);
}

TEST_CASE("malformed frames of every type and size do nothing but count",
          "[SN12-5.2.1-f][SN12-5.2.1-g][SN12-5.2.1-k][SN12-5.2.2-b][SN12-5.4-a][SN12-5.4-b][SN12-5.4.15-c]") {
    enum Sender { unknown, connecting, active, asleep };
    const auto sender = GENERATE(unknown, connecting, active, asleep);
    Talk talk;
    const auto node = talk.device(1);
    if (sender == connecting) {
        node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
        node.expects(sn::WillTopicReq{});
    } else if (sender != unknown) {
        node.connects("c1");
    }
    if (sender == asleep) {
        node.sends(sn::Disconnect{std::uint16_t{60}});
        node.expects(sn::Disconnect{});
    }
    talk.heard();
    const auto deadline = talk.gateway().next_timeout();
    gateway::Counters expected = talk.counters();
    std::size_t frames = 0;
    for_each_datagram([&](Bytes datagram) {
        if (is_well_formed(datagram)) return;
        talk.advance(10us);
        talk.log.clear();
        node.sends(Buffer(datagram.begin(), datagram.end()));
        ++frames;
        ++expected.frames_in;
        gateway::Counters got = talk.counters();
        const auto refused = std::exchange(got.forwarder_refused, 0);
        got.malformed += refused;
        ++expected.malformed;
        const bool only_counted = std::memcmp(&got, &expected, sizeof got) == 0;
        const bool unmoved = talk.gateway().next_timeout() == deadline;
        const bool quiet_log =
            talk.log.empty() || (talk.log.size() == 1 && talk.log[0].subject == to_hex(hex("01 01")));
        if (!only_counted || !unmoved || !quiet_log) FAIL("not just dropped: " << to_hex(datagram));
    });
    CHECK(frames > 10000);
    CHECK(talk.heard().empty());
    node.expects_nothing();
    CHECK(talk.gateway().session_count() == (sender == unknown ? 0 : 1));
    // And the client goes on where it was.
    if (sender == connecting) {
        node.sends(sn::WillTopic{});
        node.expects(sn::Connack{});
    } else if (sender != unknown) {
        node.sends(sn::Pingreq{"c1"});
        node.expects(sn::Pingresp{});
    }
}

TEST_CASE("malformed frames do not keep a client alive", "[SN12-5.2.1-k]") {
    Connected t;
    const bool sleeps = GENERATE(false, true);
    if (sleeps) {
        t.node.sends(sn::Disconnect{std::uint16_t{60}});
        t.node.expects(sn::Disconnect{});
    }
    for (int i = 0; i < 9; ++i) {
        t.talk.advance(10s - 1ms);
        t.says(i % 2 == 0 ? "03 16" : "04 05 00 00");
    }
    t.talk.advance(10ms);
    CHECK(t.talk.heard() == Lines{"c1: ABORT"});
    CHECK(t.talk.counters().clients_lost == 1);
    CHECK(t.node.discards() == (sleeps ? 0 : 1));
}

TEST_CASE("random octets do no harm, and nobody else notices", "[SN12-5.2.1-k][SN12-5.2.1-g]") {
    Talk talk;
    std::mt19937 random(GENERATE(1U, 2U, 3U));
    const auto good = talk.device(9);
    good.connects("good");
    talk.heard();
    for (unsigned i = 0; i < 3000; ++i) {
        Buffer datagram(random() % 24);
        for (auto& each : datagram)
            each = static_cast<std::byte>(random());
        // Most of them get far: a true Length and an existing type.
        if (datagram.size() >= 2 && i % 4 != 0) {
            datagram[0] = static_cast<std::byte>(datagram.size());
            datagram[1] = static_cast<std::byte>(random() % 0x1E);
            if (i % 16 == 1) datagram[1] = std::byte{0xFE};
        }
        const auto bad = talk.device(static_cast<std::uint8_t>(1 + random() % 5));
        bad.sends(datagram);
        bad.discards();
        talk.advance(50ms);
        if (i % 100 == 0) {
            good.sends(sn::Publish{
                .qos = Qos::at_least_once, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = 1});
            good.expects(sn::Puback{0x6162, 1, ReturnCode::accepted});
        }
    }
    CHECK(talk.heard("good").size() == 30);
    for (std::uint8_t each = 1; each <= 5; ++each)
        talk.device(each).discards();
}

}  // namespace frame_form_test
