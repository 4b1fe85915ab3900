// SN 5.5: forwarder encapsulation.
#include "tests/support/talk.hpp"

#include "protocol/sn/forwarder.hpp"

namespace forwarder_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

Buffer wrapped(std::string_view node_id, const Buffer& inner, std::uint8_t ctrl = 0) {
    Buffer datagram{static_cast<std::byte>(3 + node_id.size()), std::byte{0xFE}, static_cast<std::byte>(ctrl)};
    for (const char each : node_id)
        datagram.push_back(static_cast<std::byte>(each));
    datagram.insert(datagram.end(), inner.begin(), inner.end());
    return datagram;
}

sn::Connect connect_as(std::string_view client_id, std::uint16_t keep_alive_s = 60, bool clean = true) {
    return {false, clean, sn::protocol_id, keep_alive_s, client_id};
}

sn::Publish short_publish(Qos qos, sn::MsgId msg_id = 0) {
    return {
        .qos = qos, .type = sn::TopicIdType::short_name, .topic_id = 0x6162, .msg_id = msg_id, .data = as_bytes("x")};
}

}  // namespace

TEST_CASE("the header's Length covers the header, the message behind it fills the datagram",
          "[SN12-5.5-a][SN12-5.5-b]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    forwarder.sends(hex("05 FE 00 0A 0B  08 04 04 01 00 3C 63 31"));
    CHECK(to_hex(forwarder.next_datagram()) == "05fe000a0b030500");
    CHECK(talk.heard() == Lines{"c1: CONNECT c1 clean"});
    forwarder.sends(hex("05 FE 00 0A 0B  02 16"));
    CHECK(to_hex(forwarder.next_datagram()) == "05fe000a0b0217");
    // The node id has as many octets as the header leaves for it.
    forwarder.sends(hex("04 FE 00 0A  02 16"));
    CHECK(to_hex(forwarder.next_datagram()) == "04fe000a0218");
}

TEST_CASE("on a line without addresses noise that lost its forwarder header disconnects nobody", "[SN12-5.4.21-d]") {
    Talk talk;
    const auto line = talk.line();
    line.sends(hex("02 16"));
    line.expects(sn::Disconnect{});  // a node without a header is alone on its line
    const auto node = line.behind("\x0A\x0B");
    node.connects("c1");
    line.sends(hex("02 16"));
    line.expects_nothing();
    CHECK(talk.counters().disconnects_suppressed == 1);
    talk.line(1).sends(hex("02 16"));
    talk.line(1).expects(sn::Disconnect{});
    line.behind("\x0A\x0C").sends(hex("02 16"));
    line.behind("\x0A\x0C").expects(sn::Disconnect{});
}

TEST_CASE("a message behind a forwarder may have either form of Length", "[SN12-5.5-d]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    forwarder.sends(hex("05 FE 00 0A 0B  01 00 0A 04 04 01 00 3C 63 31"));
    CHECK(to_hex(forwarder.next_datagram()) == "05fe000a0b030500");
    const std::string data(300, 'z');
    const auto node = forwarder.behind("\x0A\x0B");
    node.sends(sn::Publish{.qos = Qos::at_least_once,
                           .type = sn::TopicIdType::short_name,
                           .topic_id = 0x6162,
                           .msg_id = 9,
                           .data = as_bytes(data)});
    node.expects(sn::Puback{0x6162, 9, ReturnCode::accepted});
    CHECK(talk.heard().back() == "c1: PUBLISH q1 ab " + data);
    talk.broker_publishes("c1", "ab", data);
    const Buffer delivery = forwarder.next_datagram();
    CHECK(to_hex(Bytes(delivery).first(9)) ==
          "05fe000a0b010135"
          "0c");
    CHECK(delivery.size() == 5 + 309);
}

TEST_CASE("a bad encapsulation is dropped", "[SN12-5.5-c][SN12-5.5-b]") {
    const auto datagram = GENERATE(as<std::string>{},
                                   "01 00 07 FE 00 0A 0B 02 16",  // 3-octet form, Length of the header
                                   "01 00 09 FE 00 0A 0B 02 16",  // 3-octet form, Length of the datagram
                                   "03 FE 00 02 16",              // no node id
                                   "02 FE 02 16", "01 FE 02 16", "00 FE 00 0A 02 16", "02 FE", "03 FE 00",
                                   "05 FE 00 0A 0B",              // no message
                                   "05 FE 00 0A 0B 02",           // half a message
                                   "05 FE 00 0A 0B 03 16",        // message longer than the datagram
                                   "05 FE 00 0A 0B 02 16 00",     // … and shorter
                                   "05 FE 00 0A 0B 02 16 02 16",  // two messages
                                   "05 FE 00 0A 0B 00 16", "05 FE 00 0A 0B 01 00 05 16", "05 FE 00 0A 0B 01 00 03 16",
                                   "08 FE 00 0A 0B 02 16",         // header longer than the datagram
                                   "05 FE 00 0A 0B 04 03 00 00");  // a reserved type
    CAPTURE(datagram);
    Talk talk;
    const auto forwarder = talk.device(1);
    // Its node is connected: a good PINGREQ would be answered.
    forwarder.behind("\x0A\x0B").connects("c1");
    talk.heard();
    const auto before = talk.gateway().next_timeout();
    const auto out = talk.counters().frames_out;
    talk.advance(1s);
    forwarder.sends(hex(datagram));
    forwarder.expects_nothing();
    CHECK(talk.counters().frames_out == out);
    CHECK(talk.counters().malformed + talk.counters().forwarder_refused == 1);
    CHECK(talk.gateway().next_timeout() == before);
    CHECK(talk.heard().empty());
}

TEST_CASE("node ids have 1 to 252 octets", "[SN12-5.5-c][SN12-5.5-a]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    const auto size = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{251}, std::size_t{252});
    const std::string node_id(size, '\xEE');
    forwarder.sends(wrapped(node_id, frame_of(connect_as("c1"))));
    CHECK(forwarder.next_datagram() == wrapped(node_id, frame_of(sn::Connack{})));
}

TEST_CASE("a client is identified by forwarder and node id, octet by octet", "[SN12-5.5-e]") {
    Talk talk;
    using namespace std::string_literals;
    const std::vector<Device> nodes{talk.device(1),
                                    talk.device(1).behind("a"),
                                    talk.device(2).behind("a"),
                                    talk.device(1).behind("aa"),
                                    talk.device(1).behind("b"),
                                    talk.device(1).behind("a\0"s),
                                    talk.device(1).behind("\0"s),
                                    talk.device(1).behind("\0\0"s)};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].connects("c" + std::to_string(i));
        CHECK(talk.gateway().session_count() == i + 1);
    }
    CHECK(talk.counters().takeovers == 0);
    talk.heard();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const std::string client = "c" + std::to_string(i);
        nodes[i].sends(short_publish(Qos::at_most_once));
        CHECK(talk.heard() == Lines{client + ": PUBLISH q0 ab x"});
        talk.broker_publishes(client, "ab", "x");
        nodes[i].expects(short_publish(Qos::at_most_once));
    }
    // One that leaves takes nobody with it.
    nodes[1].sends(sn::Disconnect{});
    nodes[1].expects(sn::Disconnect{});
    for (const std::size_t i : {0U, 2U, 3U, 4U, 5U, 6U, 7U}) {
        nodes[i].sends(sn::Pingreq{});
        nodes[i].expects(sn::Pingresp{});
    }
}

TEST_CASE("every message to a node is wrapped with its id, Ctrl bits 7-2 clear", "[SN12-5.5-f][SN12-5.5-g]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    const auto ctrl = GENERATE(std::uint8_t{0x00}, std::uint8_t{0xFF}, std::uint8_t{0x02}, std::uint8_t{0xFC});
    const std::string node_id = "n1";
    const auto says = [&](const sn::Packet& packet) { forwarder.sends(wrapped(node_id, frame_of(packet), ctrl)); };
    const auto hears = [&](const sn::Packet& packet) {
        CHECK(to_hex(forwarder.next_datagram()) == to_hex(wrapped(node_id, frame_of(packet))));
    };
    says(sn::Connect{true, true, sn::protocol_id, 60, "c1"});
    hears(sn::WillTopicReq{});
    talk.advance(10s);
    hears(sn::WillTopicReq{});
    says(sn::WillTopic{Qos::at_most_once, false, "w"});
    hears(sn::WillMsgReq{});
    says(sn::WillMsg{});
    hears(sn::Connack{});
    says(sn::Register{0, 1, "a/b"});
    hears(sn::Regack{1, 1, ReturnCode::accepted});
    says(sn::Publish{.qos = Qos::at_least_once, .topic_id = 1, .msg_id = 2});
    hears(sn::Puback{1, 2, ReturnCode::accepted});
    says(sn::Publish{.qos = Qos::exactly_once, .topic_id = 1, .msg_id = 3});
    hears(sn::Pubrec{3});
    says(sn::Pubrel{3});
    hears(sn::Pubcomp{3});
    says(sn::Subscribe{.qos = Qos::exactly_once, .msg_id = 4, .topic_name = "s/#"});
    hears(sn::Suback{Qos::exactly_once, 0, 4, ReturnCode::accepted});
    talk.broker_publishes("c1", "s/1", "y", Qos::exactly_once, 9);
    hears(sn::Register{2, 1, "s/1"});
    says(sn::Regack{2, 1, ReturnCode::accepted});
    hears(sn::Publish{.qos = Qos::exactly_once, .topic_id = 2, .msg_id = 2, .data = as_bytes("y")});
    says(sn::Pubrec{2});
    hears(sn::Pubrel{2});
    says(sn::Pubcomp{2});
    says(sn::Unsubscribe{.msg_id = 5, .topic_name = "s/#"});
    hears(sn::Unsuback{5});
    says(sn::WillTopicUpd{Qos::at_most_once, false, "w2"});
    hears(sn::WillTopicResp{});
    says(sn::WillMsgUpd{as_bytes("m")});
    hears(sn::WillMsgResp{});
    says(sn::Pingreq{});
    hears(sn::Pingresp{});
    says(sn::Disconnect{std::uint16_t{300}});
    hears(sn::Disconnect{});
    says(sn::Pingreq{"c1"});
    hears(sn::Pingresp{});
    says(connect_as("c1"));
    hears(sn::Connack{});
    says(sn::Disconnect{});
    hears(sn::Disconnect{});
}

TEST_CASE("SEARCHGW through a forwarder is answered there, the radius cut to two bits", "[SN12-5.5-g][SN12-5.5-h]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    const auto [radius, ctrl] = GENERATE(table<int, int>({{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 3}, {255, 3}}));
    // What the forwarder wrote into its Ctrl does not count.
    const auto received = GENERATE(std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{0xFF});
    forwarder.sends(wrapped("node", frame_of(sn::SearchGw{static_cast<std::uint8_t>(radius)}), received));
    CHECK(to_hex(forwarder.next_datagram()) ==
          to_hex(wrapped("node", frame_of(sn::GwInfo{1, {}}), static_cast<std::uint8_t>(ctrl))));
    CHECK(talk.broadcasts.empty());
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("nodes of one forwarder do not wait for each other's answers", "[SN12-5.5-h][SN12-5.5-e]") {
    Talk talk;
    const auto a = talk.device(1).behind("a");
    const auto b = talk.device(1).behind("b");
    for (const auto& node : {a, b}) {
        node.sends(sn::SearchGw{0});
        node.expects(sn::GwInfo{1, {}});
        node.sends(sn::Pingreq{});
        node.expects(sn::Disconnect{});
        // Of one node, one answer counts (SN12-5.4.21-d, SN12-6.1-f).
        node.sends(sn::SearchGw{0});
        node.sends(sn::Pingreq{});
        node.expects_nothing();
    }
}

TEST_CASE("QoS -1, waking and unknown nodes work through a forwarder as they do directly", "[SN12-5.5-h]") {
    Talk talk;
    const auto node = talk.device(1).behind("n");
    SECTION("PUBLISH QoS -1") {
        node.sends(short_publish(Qos::minus_one));
        CHECK(talk.heard() == Lines{"gw: PUBLISH q0 ab x"});
        CHECK(talk.gateway().session_count() == 0);
    }
    SECTION("PINGREQ with id") {
        node.connects("c1");
        node.sends(sn::Disconnect{std::uint16_t{60}});
        node.expects(sn::Disconnect{});
        talk.broker_publishes("c1", "ab", "x");
        node.expects_nothing();
        node.sends(sn::Pingreq{"c1"});
        node.expects(short_publish(Qos::at_most_once));
        node.expects(sn::Pingresp{});
    }
    SECTION("a message of an unknown node") {
        node.sends(short_publish(Qos::at_least_once, 1));
        node.expects(sn::Disconnect{});
        CHECK(talk.heard().empty());
    }
    SECTION("DISCONNECT of an unknown node") {
        node.sends(sn::Disconnect{});
        node.expects(sn::Disconnect{});
    }
}

TEST_CASE("an encapsulated message inside another is dropped", "[SN12-5.5-i]") {
    Talk talk;
    const auto forwarder = talk.device(1);
    forwarder.sends(wrapped("out", wrapped("in", frame_of(connect_as("c1")))));
    forwarder.expects_nothing();
    CHECK(talk.gateway().session_count() == 0);
    CHECK(talk.heard().empty());
    CHECK(talk.counters().forwarder_refused == 1);
}

TEST_CASE("with a greater depth the answer carries the same headers, outermost first", "[SN12-5.5-i][SN12-5.5-e]") {
    auto config = Talk::config();
    config.forwarder.max_depth = 2;
    Talk talk(config);
    const auto forwarder = talk.device(1);
    forwarder.sends(wrapped("out", wrapped("in", frame_of(connect_as("c1")))));
    CHECK(forwarder.next_datagram() == wrapped("out", wrapped("in", frame_of(sn::Connack{}))));
    // The same octets, split otherwise, are another node.
    forwarder.sends(wrapped("in", wrapped("out", frame_of(sn::Pingreq{}))));
    CHECK(forwarder.next_datagram() == wrapped("in", wrapped("out", frame_of(sn::Disconnect{}))));
    forwarder.sends(wrapped("out", frame_of(sn::Pingreq{})));
    CHECK(forwarder.next_datagram() == wrapped("out", frame_of(sn::Disconnect{})));
    forwarder.sends(wrapped("x", wrapped("out", wrapped("in", frame_of(sn::Pingreq{})))));
    forwarder.expects_nothing();
    CHECK(talk.counters().forwarder_refused == 1);
    // Radius in every header.
    forwarder.sends(wrapped("out", wrapped("in", frame_of(sn::SearchGw{2}))));
    CHECK(forwarder.next_datagram() == wrapped("out", wrapped("in", frame_of(sn::GwInfo{1, {}}), 2), 2));
}

TEST_CASE("with an allow list only its forwarders forward", "[SN12-5.5-j]") {
    auto config = Talk::config();
    config.forwarder.only_listed = true;
    config.forwarder.endpoints = {{0, Address(hex("01 02"))}};
    Talk talk(config);
    talk.device(1).behind("n").sends(connect_as("c1"));
    talk.device(1).expects_nothing();
    CHECK(talk.counters().forwarder_refused == 1);
    CHECK(talk.gateway().session_count() == 0);
    talk.device(2).behind("n").connects("c1");
    // Direct clients need no listing.
    talk.device(1).connects("c2");
}

TEST_CASE("a client that moves between direct and forwarded access is found at its new place", "[SN12-5.5-k]") {
    Talk talk;
    const Device places[] = {talk.device(1), talk.device(2).behind("n"), talk.device(2).behind("m"), talk.device(3)};
    const auto from = GENERATE(std::size_t{0}, std::size_t{1});
    const Device& old_place = places[from];
    const Device& new_place = places[from + 1];
    old_place.connects("c1", false);
    SECTION("by CONNECT") {
        new_place.connects("c1", false);
        CHECK(talk.counters().takeovers == 1);
        talk.broker_publishes("c1", "ab", "x");
        new_place.expects(short_publish(Qos::at_most_once));
    }
    SECTION("by waking") {
        old_place.sends(sn::Disconnect{std::uint16_t{60}});
        old_place.expects(sn::Disconnect{});
        talk.broker_publishes("c1", "ab", "x");
        new_place.sends(sn::Pingreq{"c1"});
        new_place.expects(short_publish(Qos::at_most_once));
        new_place.expects(sn::Pingresp{});
    }
    old_place.sends(short_publish(Qos::at_least_once, 1));
    old_place.expects(sn::Disconnect{});
    CHECK(talk.gateway().session_count() == 1);
}

TEST_CASE("the takeover policies hold for forwarded clients", "[SN12-5.5-k]") {
    auto config = Talk::config();
    config.takeover = gateway::Takeover::deny_active;
    Talk talk(config);
    const auto direct = talk.device(1);
    const auto forwarded = talk.device(1).behind("n");
    direct.connects("c1");
    forwarded.sends(connect_as("c1"));
    forwarded.expects(sn::Connack{ReturnCode::not_supported});
    direct.sends(sn::Pingreq{});
    direct.expects(sn::Pingresp{});
    // PINGREQ with the id of an active client does not move it either.
    forwarded.sends(sn::Pingreq{"c1"});
    forwarded.expects(sn::Disconnect{});
}

TEST_CASE("ADVERTISE goes to the configured forwarders, for all their nodes", "[SN12-5.5-l][SN12-5.5-g]") {
    auto config = Talk::config();
    config.links.emplace_back();
    config.links[0].advertise_radius = 2;
    config.links[1].advertise_radius = 9;
    config.forwarder.endpoints = {{0, Address(hex("01 01"))}, {1, Address(hex("01 02"))}};
    config.forwarder.broadcast_node_id = hex("FF EE DD");
    config.timers.advertise = 100s;
    config.forwarder.advertise = GENERATE(true, false);
    Talk talk(config);
    const auto first = talk.device(1, 0);
    const auto second = talk.device(2, 1);
    if (!config.forwarder.advertise) {
        talk.advance(500s);
        return first.expects_nothing();
    }
    for (int i = 0; i < 3; ++i) {
        CHECK(to_hex(first.next_datagram()) == "06fe02ffeedd0500010064");
        CHECK(to_hex(second.next_datagram()) == "06fe03ffeedd0500010064");
        talk.advance(100s);
    }
    CHECK(first.discards() + second.discards() == 2);
    // Without a broker it is not said (SN12-6.1-b).
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("gw");
    talk.advance(500s);
}

TEST_CASE("a frame limit counts the encapsulation", "[SN12-5.2.1-i][SN12-5.5-f]") {
    auto config = Talk::config();
    config.links.front().max_frame = 60;
    Talk talk(config);
    const auto node = GENERATE(as<std::string>{}, "", "n1");
    const auto device = node.empty() ? talk.device(1) : talk.device(1).behind(node);
    device.connects("c1");
    const std::size_t around = node.empty() ? 0 : 3 + node.size();
    const std::string fits(60 - 7 - around, 'z');
    talk.broker_publishes("c1", "ab", fits, Qos::at_most_once);
    CHECK(talk.device(1).next_datagram().size() == 60);
    talk.heard();
    talk.broker_publishes("c1", "ab", fits + "z", Qos::at_least_once, 5);
    device.expects_nothing();
    CHECK(talk.counters().deliveries_too_long == 1);
    CHECK(talk.heard() == Lines{"c1: PUBACK"});
}

}  // namespace forwarder_test
