// SN 5.2 and 5.3 seen from outside: header forms, sizes, flags, and what happens to frames that are of no use.
#include "tests/support/talk.hpp"

#include <cstring>
#include <random>

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;
using sn::TopicIdType;

namespace {

Buffer short_form(const sn::Packet& packet) {
    return frame_of(packet);
}

Buffer long_form(const sn::Packet& packet) {
    Buffer frame = frame_of(packet);
    const std::size_t total = frame.size() + 2;
    frame[0] = static_cast<std::byte>(total & 0xFFU);
    frame.insert(frame.begin(), {std::byte{1}, static_cast<std::byte>(total >> 8U)});
    return frame;
}

/// A connected client c1, a/b registered as topic 1.
struct Connected {
    explicit Connected(gateway::Config config = Talk::config()) : talk(std::move(config)) {
        node.connects("c1");
        REQUIRE(node.registers("a/b") == 1);
        talk.heard();
    }
    void says(std::string_view octets) const { node.sends(hex(octets)); }
    void hears(std::string_view octets) const { CHECK(to_hex(node.next_datagram()) == to_hex(hex(octets))); }

    Talk talk;
    Device node = talk.device(1);
};

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

TEST_CASE("messages that only gateways send are dropped, whoever sends them", "[SN12-5.2.2-c]") {
    const sn::Packet packet =
        GENERATE(sn::Packet(sn::Connack{}), sn::Packet(sn::WillTopicReq{}), sn::Packet(sn::WillMsgReq{}),
                 sn::Packet(sn::Suback{}), sn::Packet(sn::Unsuback{}), sn::Packet(sn::WillTopicResp{}),
                 sn::Packet(sn::WillMsgResp{}));
    Connected t;
    const auto deadline = t.talk.gateway().next_timeout();
    t.talk.advance(1s);
    for (const auto& from : {t.node, t.talk.device(2), t.talk.device(3).behind("n")}) {
        from.sends(short_form(packet));
        from.sends(long_form(packet));
        from.expects_nothing();
    }
    CHECK(t.talk.counters().gateway_only_type == 6);
    CHECK(t.talk.counters().disconnects_suppressed == 0);
    CHECK(t.talk.gateway().next_timeout() == deadline);
    CHECK(t.talk.heard().empty());
}

TEST_CASE("flag bits that a message does not use are ignored", "[SN12-5.3.4-c]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto says = [&](std::string_view octets) { node.sends(hex(octets)); };
    const auto hears = [&](std::string_view octets) { CHECK(to_hex(node.next_datagram()) == to_hex(hex(octets))); };
    says("08 04 FF 01 00 3C 63 31");  // CONNECT: DUP, QoS, Retain, TopicIdType
    hears("02 06");
    says("06 07 AF 77 2F 74");  // WILLTOPIC: DUP, Will, CleanSession, TopicIdType
    hears("02 08");
    says("03 09 6D");
    hears("03 05 00");
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w/t m q1"});
    says("09 0A 00 00 00 01 61 2F 62");
    hears("07 0B 00 01 00 01 00");
    says("08 0C 2C 00 01 00 02 78");  // PUBLISH: Will, CleanSession
    hears("07 0D 00 01 00 02 00");
    says("08 12 DC 00 03 61 2F 23");  // SUBSCRIBE: DUP, Retain, Will, CleanSession
    hears("08 13 40 00 00 00 03 00");
    says("08 14 FC 00 04 61 2F 23");  // UNSUBSCRIBE: all but TopicIdType
    hears("04 15 00 04");
    says("05 1A AF 77 32");  // WILLTOPICUPD
    hears("03 1B 00");
    CHECK(talk.heard() == Lines{"c1: PUBLISH q1 a/b x", "c1: SUBSCRIBE q2 a/#", "c1: UNSUBSCRIBE a/#"});
    // Without the two that CONNECT uses.
    says("08 04 F3 01 00 3C 63 31");
    hears("03 05 00");
    CHECK(talk.heard() == Lines{"c1: DISCONNECT", "c1: CLOSE", "c1: CONNECT c1 keep will w2 m q1"});
}

TEST_CASE("QoS bits 11 are never sent, whatever the broker grants or publishes", "[SN12-5.3.4-d]") {
    auto config = Talk::config();
    config.broker.client.version = GENERATE(mqtt::Version::v3_1_1, mqtt::Version::v5);
    Connected t(config);
    const auto reason = GENERATE(3, 4, 0x7F);
    t.talk.suback = static_cast<mqtt::ReasonCode>(reason);
    t.node.sends(sn::Subscribe{.qos = Qos::exactly_once, .msg_id = 5, .topic_name = "a/#"});
    // No MQTT: the connection is closed, and the client may try again.
    t.node.expects(sn::Suback{Qos::at_most_once, 0, 5, ReturnCode::congestion});
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q2 a/#", "c1: ABORT"});
}

TEST_CASE("return codes above 0x03 are final rejections", "[SN12-5.3.10-b]") {
    Connected t;
    const auto code = static_cast<ReturnCode>(GENERATE(0x03, 0x04, 0x7F, 0x80, 0xFF));
    t.node.subscribes("s/#", Qos::exactly_once);
    t.talk.heard();
    SECTION("of REGISTER") {
        t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 5);
        t.node.expects(sn::Register{2, 1, "s/1"});
        t.node.sends(sn::Regack{2, 1, code});
        t.talk.broker_publishes("c1", "s/1", "x", Qos::at_least_once, 6);
        CHECK(t.talk.heard() == Lines{"c1: PUBACK", "c1: PUBACK"});
    }
    SECTION("of PUBLISH") {
        const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
        t.talk.broker_publishes("c1", "ab", "x", qos, 5);
        t.node.expects(sn::Publish{
            .qos = qos, .type = TopicIdType::short_name, .topic_id = 0x6162, .msg_id = 1, .data = as_bytes("x")});
        t.node.sends(sn::Puback{0x6162, 1, code});
        CHECK(t.talk.heard() == (qos == Qos::at_least_once ? Lines{"c1: PUBACK"} : Lines{"c1: PUBREC", "c1: PUBCOMP"}));
    }
    t.talk.advance(60s);
    t.node.expects_nothing();
    CHECK(t.talk.counters().clients_lost == 0);
}

TEST_CASE("topic ids 0x0000 and 0xFFFF are never given away, and never known", "[SN12-5.3.11-a][SN12-5.3.11-b]") {
    SECTION("not even when all others are") {
        auto config = Talk::config();
        config.limits.topics_per_client = 100000;
        config.topics = {{77, "predefined", "*"}};
        Talk talk(config);
        const auto node = talk.device(1);
        node.connects("c1");
        std::vector<bool> seen(0x10000);
        for (unsigned i = 0; i < 65533; ++i) {
            node.sends(sn::Register{0, 1, std::to_string(i)});
            const auto reply = std::get<sn::Regack>(node.next());
            if (reply.code != ReturnCode::accepted || seen[reply.topic_id]) FAIL("registration " << i << " failed");
            seen[reply.topic_id] = true;
        }
        CHECK_FALSE(seen[0x0000]);
        CHECK_FALSE(seen[0xFFFF]);
        CHECK_FALSE(seen[77]);
        node.sends(sn::Register{0, 2, "one more"});
        node.expects(sn::Regack{0, 2, ReturnCode::congestion});
    }
    SECTION("PUBLISH to them is PUBLISH to an unknown topic") {
        Connected t;
        const auto id = GENERATE(sn::TopicId{0x0000}, sn::TopicId{0xFFFF});
        const auto type = GENERATE(TopicIdType::normal, TopicIdType::predefined);
        for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
            t.node.sends(sn::Publish{.qos = qos, .type = type, .topic_id = id, .msg_id = 9});
            t.node.expects(sn::Puback{id, 9, ReturnCode::invalid_topic_id});
        }
        t.node.sends(sn::Publish{.qos = Qos::minus_one, .type = type, .topic_id = id});
        CHECK(t.talk.heard().empty());
    }
}

TEST_CASE("names and filters that the broker would choke on never reach it",
          "[SN12-5.3.12-a][SN12-5.4.10-b][SN12-5.4.15-b][SN12-5.4.17-b]") {
    using namespace std::string_literals;
    Connected t;
    const auto text =
        GENERATE(as<std::string>{}, "", "a\0b"s, "\0"s, "\xC3\x28", "a\xFF", "\xED\xA0\x80", "\xC0\xAF", "a#", "a/#/b",
                 "+a", "a/+b", "#/a", "##", "a/b#", "$share//a", "$share/g/", "$share/g", "$share/+/a");
    CAPTURE(text);
    const bool is_name = text.starts_with("$share") && text.find_first_of("+#") == std::string::npos;
    t.node.sends(sn::Register{0, 0x1234, text});
    if (is_name) {
        CHECK(std::get<sn::Regack>(t.node.next()).code == ReturnCode::accepted);
    } else {
        t.hears("07 0B 00 00 12 34 03");
    }
    t.node.sends(sn::Subscribe{.qos = Qos::at_least_once, .msg_id = 0x1235, .topic_name = text});
    t.hears("08 13 00 00 00 12 35 03");
    t.node.sends(sn::Unsubscribe{.msg_id = 0x1236, .topic_name = text});
    t.hears("04 15 12 36");
    CHECK(t.talk.heard().empty());
    if (text.empty() || is_name) return;
    t.node.sends(sn::WillTopicUpd{Qos::at_most_once, false, text});
    t.hears("03 1B 03");
    const auto other = t.talk.device(2);
    other.sends(sn::Connect{true, true, sn::protocol_id, 60, "c2"});
    other.expects(sn::WillTopicReq{});
    other.sends(sn::WillTopic{Qos::at_most_once, false, text});
    other.expects(sn::Connack{ReturnCode::not_supported});
    CHECK(t.talk.heard().empty());
}

TEST_CASE("REGISTER of a wildcard is refused", "[SN12-5.4.10-b]") {
    Connected t;
    const auto text = GENERATE(as<std::string>{}, "#", "+", "a/#", "a/+/b", "+/a");
    t.node.sends(sn::Register{7, 0xABCD, text});
    t.hears("07 0B 00 00 AB CD 03");
    CHECK(t.node.registers("next") == 2);  // no id was used up
}

TEST_CASE("PUBLISH with the reserved TopicIdType is refused with both ids", "[SN12-5.4.12-b]") {
    Connected t;
    t.says("08 0C 03 00 01 00 00 78");
    t.hears("07 0D 00 01 00 00 03");
    t.says("08 0C 23 00 01 12 34 78");
    t.hears("07 0D 00 01 12 34 03");
    t.says("08 0C 43 61 62 12 35 78");
    t.hears("07 0D 61 62 12 35 03");
    t.says("08 0C 63 00 01 12 36 78");
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
}

TEST_CASE("PUBLISH to a short name that is no topic is refused", "[SN12-5.4.12-c]") {
    Connected t;
    const auto name = GENERATE(as<std::string>{}, "2B 61", "61 2B", "23 61", "61 23", "00 61", "61 00", "00 00",
                               "C3 28", "61 FF", "80 80");
    for (const char* flags : {"02", "22", "42"}) {
        t.says("08 0C " + std::string(flags) + name + "12 34 78");
        t.hears("07 0D " + name + "12 34 03");
    }
    t.says("08 0C 62" + name + "12 34 78");
    t.node.expects_nothing();
    CHECK(t.talk.heard().empty());
    // Two octets of one character are a name.
    t.says("08 0C 22 C3 A9 12 34 78");
    t.hears("07 0D C3 A9 12 34 00");
    CHECK(t.talk.heard() == Lines{"c1: PUBLISH q1 \xC3\xA9 x"});
}

TEST_CASE("SUBSCRIBE with reserved bits is refused", "[SN12-5.4.15-b]") {
    Connected t;
    for (const char* octets :
         {"07 12 23 12 34 00 01", "05 12 03 12 34", "09 12 43 12 34 61 2F 62 63",  // TopicIdType 11
          "08 12 60 12 34 61 2F 62", "07 12 62 12 34 61 62"}) {                    // QoS 11
        CAPTURE(octets);
        t.says(octets);
        t.hears("08 13 00 00 00 12 34 03");
    }
    CHECK(t.talk.heard().empty());
}

TEST_CASE("SUBSCRIBE by id has exactly two octets of it", "[SN12-5.4.15-c][SN12-5.4-b]") {
    auto config = Talk::config();
    config.topics = {{3, "p", "*"}};
    Connected t(config);
    for (const char* octets :
         {"05 12 01 12 34", "06 12 01 12 34 00", "08 12 01 12 34 00 01 00", "05 12 02 12 34", "06 12 02 12 34 61",
          "08 12 02 12 34 61 62 63", "01 00 08 12 01 12 34 00", "01 00 0A 12 01 12 34 00 01 00"}) {
        t.says(octets);
        t.node.expects_nothing();
    }
    CHECK(t.talk.counters().malformed == 8);
    t.says("01 00 09 12 01 12 34 00 03");
    t.hears("08 13 00 00 03 12 34 00");
    CHECK(t.talk.heard() == Lines{"c1: SUBSCRIBE q0 p"});
}

TEST_CASE("UNSUBSCRIBE is always acknowledged", "[SN12-5.4.17-b]") {
    Connected t;
    t.says("07 14 01 12 34 00 09");  // unknown predefined id
    t.hears("04 15 12 34");
    t.says("07 14 03 12 35 00 01");  // reserved type
    t.hears("04 15 12 35");
    t.says("05 14 03 12 36");
    t.hears("04 15 12 36");
    CHECK(t.talk.heard().empty());
    t.says("08 14 00 12 37 61 2F 23");  // no such subscription
    t.hears("04 15 12 37");
    CHECK(t.talk.heard() == Lines{"c1: UNSUBSCRIBE a/#"});
}

TEST_CASE("what needs a client gets DISCONNECT when there is none", "[SN12-5.4.21-b][SN12-5.4.21-c][SN12-5.4.21-e]") {
    const sn::Packet packet = GENERATE(
        sn::Packet(sn::WillTopic{}), sn::Packet(sn::WillMsg{}), sn::Packet(sn::Register{0, 1, "a"}),
        sn::Packet(sn::Regack{1, 1, ReturnCode::accepted}), sn::Packet(sn::Publish{.topic_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::exactly_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Puback{1, 1, ReturnCode::accepted}), sn::Packet(sn::Pubrec{1}), sn::Packet(sn::Pubrel{1}),
        sn::Packet(sn::Pubcomp{1}), sn::Packet(sn::Subscribe{.msg_id = 1, .topic_name = "a"}),
        sn::Packet(sn::Unsubscribe{.msg_id = 1, .topic_name = "a"}), sn::Packet(sn::Pingreq{}),
        sn::Packet(sn::Pingreq{"nobody"}), sn::Packet(sn::Pingresp{}), sn::Packet(sn::WillTopicUpd{}),
        sn::Packet(sn::WillMsgUpd{}), sn::Packet(sn::Disconnect{}), sn::Packet(sn::Disconnect{std::uint16_t{60}}));
    Talk talk;
    const auto stranger = talk.device(1);
    stranger.sends(packet);
    CHECK(to_hex(stranger.next_datagram()) == "0218");
    const auto left = talk.device(2);
    left.connects("c2", false);
    left.sends(sn::Disconnect{});
    left.expects(sn::Disconnect{});
    left.sends(packet);
    CHECK(to_hex(left.next_datagram()) == "0218");
    const auto lost = talk.device(3);
    lost.connects("c3", false, 10);
    talk.advance(15s);
    lost.expects(sn::Disconnect{});
    talk.heard();
    lost.sends(packet);
    CHECK(to_hex(lost.next_datagram()) == "0218");
    CHECK(talk.heard().empty());
    CHECK(talk.counters().unknown_sender == 3);
}

TEST_CASE("DISCONNECTs to unknown senders are few", "[SN12-5.4.21-d]") {
    auto config = Talk::config();
    config.limits.replies_to_unknown_per_second = 5;
    Talk talk(config);
    SECTION("one per source and T_retry") {
        const auto node = talk.device(1);
        for (int i = 0; i < 100; ++i) {
            node.sends(i % 2 == 0 ? sn::Packet(sn::Disconnect{}) : sn::Packet(sn::Pingreq{}));
            talk.advance(200ms);
        }
        // 20 s: at once, after 10 s, and no more.
        CHECK(node.discards() == 2);
        CHECK(talk.counters().disconnects_suppressed == 98);
    }
    SECTION("and so many per second in total") {
        std::size_t answered = 0;
        for (int i = 1; i <= 200; ++i) {
            const auto node = talk.device(static_cast<std::uint8_t>(i));
            node.sends(sn::Pingreq{});
            answered += node.discards();
        }
        CHECK(answered == 5);
        talk.advance(1s);
        talk.device(201).sends(sn::Pingreq{});
        talk.device(201).expects(sn::Disconnect{});
    }
}

TEST_CASE("a client in its handshake is not disturbed by other messages", "[SN12-5.4.21-f]") {
    const sn::Packet packet = GENERATE(
        sn::Packet(sn::Register{0, 1, "a"}), sn::Packet(sn::Regack{1, 1, ReturnCode::accepted}),
        sn::Packet(sn::Publish{.topic_id = 1}),
        sn::Packet(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 1}),
        sn::Packet(sn::Puback{1, 1, ReturnCode::accepted}), sn::Packet(sn::Pubrec{1}), sn::Packet(sn::Pubrel{1}),
        sn::Packet(sn::Pubcomp{1}), sn::Packet(sn::Subscribe{.msg_id = 1, .topic_name = "a"}),
        sn::Packet(sn::Unsubscribe{.msg_id = 1, .topic_name = "a"}), sn::Packet(sn::Pingreq{}),
        sn::Packet(sn::Pingreq{"c1"}), sn::Packet(sn::Pingresp{}), sn::Packet(sn::WillTopicUpd{}),
        sn::Packet(sn::WillMsgUpd{}));
    Talk talk;
    const auto node = talk.device(1);
    talk.hold = {PacketType::connect};
    node.sends(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    node.sends(packet);
    node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
    node.expects(sn::WillMsgReq{});
    node.sends(packet);
    node.sends(sn::WillMsg{});
    node.sends(packet);
    node.expects_nothing();
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean will w  q0"});
    talk.broker_sends("c1", mqtt::Connack{});
    node.expects(sn::Connack{});
    CHECK(talk.counters().unexpected == 3);
}
