// SN 6.1: gateway advertisement and discovery.
#include "tests/support/talk.hpp"

#include <algorithm>

namespace discovery_test {

using namespace mqttsn;
using namespace mqttsn::test;
using sn::ReturnCode;

namespace {

/// The frames that went to everybody since the last call, in hexadecimal digits.
Lines broadcasts(Talk& talk) {
    Lines frames;
    for (const auto& [radius, frame] : talk.broadcasts)
        frames.push_back(to_hex(frame));
    talk.broadcasts.clear();
    talk.broadcast_links.clear();
    return frames;
}

void loses_broker(Talk& talk) {
    talk.reachable = Talk::Reachable::refused;
    talk.broker_drops("gw");
}

std::size_t warnings(const Talk& talk) {
    return static_cast<std::size_t>(
        std::ranges::count(talk.log, gateway::LogLevel::warning, &gateway::LogEntry::level));
}

}  // namespace

TEST_CASE("ADVERTISE goes to everybody every T_ADV seconds", "[SN12-6.1-a][SN12-5.4.1-a][SN12-7.2-b][SN12-6-s]") {
    auto config = Talk::config();
    config.gateway_id = 7;
    CHECK(config.timers.advertise == 960s);
    Duration period = 960s;
    std::string frame = "05000703c0";
    SECTION("by default 960 s") {}
    SECTION("1200 s") {
        period = 1200s;
        frame = "05000704b0";
    }
    SECTION("the shortest") {
        period = 1s;
        frame = "0500070001";
    }
    SECTION("more than 0x8000 s") {
        period = 0x8001 * 1s;
        frame = "0500078001";
    }
    SECTION("the longest") {
        period = 65535s;
        frame = "050007ffff";
    }
    config.timers.advertise = period;
    Talk talk(config);
    CHECK(talk.counters().advertises == 1);  // at the start
    for (int i = 0; i < 3; ++i) {
        talk.advance(period - 1us);
        CHECK(broadcasts(talk).empty());
        talk.advance(1us);
        CHECK(broadcasts(talk) == Lines{frame});
    }
    CHECK(talk.heard().empty());
}

TEST_CASE("a period below one second is announced as one second", "[SN12-6.1-a][SN12-5.3.3-a]") {
    auto config = Talk::config();
    config.timers.advertise = 100ms;
    Talk talk(config);
    talk.advance(1s);
    CHECK(broadcasts(talk) == Lines(10, "0500010001"));
}

TEST_CASE("ADVERTISE stops with the broker connection and is the first thing when it is back", "[SN12-6.1-b]") {
    Talk talk;
    talk.advance(500s);
    loses_broker(talk);
    talk.advance(24h);
    CHECK(broadcasts(talk).empty());
    talk.device(1).sends(sn::SearchGw{0});
    CHECK(broadcasts(talk).empty());
    CHECK(talk.counters().searchgw_suppressed == 1);
    talk.reachable = Talk::Reachable::yes;
    while (!talk.is_connected("gw"))
        talk.advance_to_next();
    CHECK(broadcasts(talk) == Lines{"05000103c0"});
    talk.advance(960s - 1us);
    CHECK(broadcasts(talk).empty());
    talk.advance(1us);
    CHECK(broadcasts(talk) == Lines{"05000103c0"});
}

TEST_CASE("a broker that refuses the gateway is no broker", "[SN12-6.1-b]") {
    Talk talk;
    talk.connack = 5;
    talk.broker_drops("gw");
    talk.advance(2h);
    talk.device(1).sends(sn::SearchGw{0});
    CHECK(broadcasts(talk).empty());
}

TEST_CASE("after its orderly end the gateway advertises no more", "[SN12-6.1-b]") {
    Talk talk;
    talk.shutdown();
    talk.advance(960s);
    CHECK(broadcasts(talk).empty());
}

TEST_CASE("SEARCHGW is answered at once by one GWINFO with its radius",
          "[SN12-6.1-c][SN12-5.4.2-a][SN12-5.4.3-a][SN12-5.3.9-a][SN12-6-s]") {
    auto config = Talk::config();
    config.gateway_id = 7;
    Talk talk(config);
    const int radius = GENERATE(0, 1, 2, 255);
    Buffer frame = hex("03 01 00");
    frame[2] = static_cast<std::byte>(radius);
    const auto node = talk.device(1);
    SECTION("1-octet Length") {
        node.sends(frame);
    }
    SECTION("3-octet Length") {
        Buffer longer = hex("01 00 05");
        longer.insert(longer.end(), frame.begin() + 1, frame.end());
        node.sends(longer);
    }
    REQUIRE(talk.broadcasts.size() == 1);
    CHECK(talk.broadcasts.front().first == radius);
    CHECK(broadcasts(talk) == Lines{"030207"});
    talk.advance(900s);
    CHECK(broadcasts(talk).empty());
    node.expects_nothing();
    CHECK(talk.heard().empty());
}

TEST_CASE("gwinfo = unicast answers the searcher alone", "[SN12-6.1-c]") {
    auto config = Talk::config();
    config.links.front().gwinfo_unicast = true;
    Talk talk(config);
    talk.device(1).sends(sn::SearchGw{2});
    CHECK(to_hex(talk.device(1).next_datagram()) == "030201");
    CHECK(broadcasts(talk).empty());
}

TEST_CASE("SEARCHGW of another length is none", "[SN12-5.4.2-a]") {
    Talk talk;
    talk.device(1).sends(hex("02 01"));
    talk.device(1).sends(hex("04 01 00 00"));
    CHECK(broadcasts(talk).empty());
    CHECK(talk.counters().malformed == 2);
    CHECK(talk.counters().searchgw == 0);
}

TEST_CASE("ADVERTISE and GWINFO carry the same GwId", "[SN12-5.3.6-a]") {
    auto config = Talk::config();
    const int id = GENERATE(0, 1, 255);
    config.gateway_id = static_cast<std::uint8_t>(id);
    Talk talk(config);
    talk.device(1).sends(sn::SearchGw{0});
    talk.advance(960s);
    REQUIRE(talk.broadcasts.size() == 2);
    for (const auto& [radius, frame] : talk.broadcasts)
        CHECK(frame[2] == static_cast<std::byte>(id));
}

TEST_CASE("ADVERTISE leaves every link with its radius, GWINFO the link of the search", "[SN12-6.1-d][SN12-5.3.9-a]") {
    auto config = Talk::config();
    config.links.front().advertise_radius = 3;
    config.links.resize(4);
    config.links[2].advertise = false;
    config.links[3].discovery = false;
    Talk talk(config);
    talk.advance(960s);
    REQUIRE(talk.broadcasts.size() == 2);
    CHECK(talk.broadcast_links == std::deque<LinkId>{0, 1});
    CHECK(talk.broadcasts[0].first == 3);
    CHECK(talk.broadcasts[1].first == 0);
    broadcasts(talk);
    talk.device(1, 2).sends(sn::SearchGw{5});
    REQUIRE(talk.broadcasts.size() == 1);
    CHECK(talk.broadcast_links.front() == 2);
    CHECK(talk.broadcasts.front().first == 5);
    broadcasts(talk);
    talk.device(1, 3).sends(sn::SearchGw{0});
    CHECK(broadcasts(talk).empty());
}

TEST_CASE("what other gateways and clients say about gateways changes nothing",
          "[SN12-6.1-e][SN12-5.4.1-a][SN12-5.4.3-a][SN12-6-s]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto stranger = talk.device(2);
    node.connects("c1", true, 10);
    talk.heard();
    const std::string_view frame = GENERATE("05 00 07 04 B0",           // ADVERTISE of gateway 7
                                            "05 00 07 00 00",           // with Duration 0
                                            "03 02 07",                 // GWINFO of gateway 7
                                            "03 02 01",                 // GWINFO with our own id
                                            "07 02 07 04 0A 00 00 01",  // not its length
                                            "08 02 07 04 0A 00 00 01"   // GWINFO of a client
    );
    const auto warnings_before = warnings(talk);
    for (const auto& from : {node, stranger}) {
        from.sends(hex(frame));
        from.expects_nothing();
    }
    CHECK(broadcasts(talk).empty());
    CHECK(talk.heard().empty());
    CHECK(talk.gateway().session_count() == 1);
    CHECK(talk.counters().unknown_sender == 0);
    CHECK(talk.counters().gateway_id_conflicts == 0);
    CHECK(warnings(talk) == warnings_before);
    // The own ADVERTISE keeps its time.
    talk.advance(960s - 1us);
    CHECK(broadcasts(talk).empty());
    talk.advance(1us);
    CHECK(broadcasts(talk) == Lines{"05000103c0"});
    node.expects(sn::Disconnect{});
}

TEST_CASE("an ADVERTISE with the own GwId from somebody else raises the alarm", "[SN12-6.1-e][SN12-5.3.6-a]") {
    Talk talk;
    const auto before = warnings(talk);
    talk.device(9).sends(hex("05 00 01 03 C0"));
    CHECK(talk.counters().gateway_id_conflicts == 1);
    CHECK(warnings(talk) == before + 1);
    CHECK(talk.log.back().subject == "0109");  // who it is
    talk.device(9).expects_nothing();
    CHECK(broadcasts(talk).empty());
}

TEST_CASE("SEARCHGW needs no connection and leaves no trace", "[SN12-6.1-f]") {
    Talk talk;
    talk.device(1).sends(sn::SearchGw{0});
    CHECK(broadcasts(talk).size() == 1);
    CHECK(talk.gateway().session_count() == 0);
    CHECK(talk.counters().unknown_sender == 0);
    talk.device(1).sends(sn::Pingreq{});
    talk.device(1).expects(sn::Disconnect{});
}

TEST_CASE("SEARCHGW of a client does not count as its activity", "[SN12-6.1-f]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    for (int i = 0; i < 7; ++i) {
        talk.advance(2s);
        node.sends(sn::SearchGw{0});
    }
    CHECK(broadcasts(talk).size() == 7);
    talk.advance(1s);
    node.expects(sn::Disconnect{});
}

TEST_CASE("SEARCHGW is limited per source and in total", "[SN12-6.1-f]") {
    auto config = Talk::config();
    config.limits.searchgw_per_second = 20;
    Talk talk(config);
    SECTION("per source: one in a second") {
        for (int i = 0; i < 100; ++i) {
            talk.device(1).sends(sn::SearchGw{0});
            talk.advance(10ms);
        }
        CHECK(broadcasts(talk).size() == 1);
        CHECK(talk.counters().searchgw_suppressed == 99);
        talk.device(2).sends(sn::SearchGw{0});
        talk.device(1).sends(sn::SearchGw{0});
        CHECK(broadcasts(talk).size() == 2);
    }
    SECTION("in total") {
        for (int i = 0; i < 200; ++i)
            talk.device(static_cast<std::uint8_t>(i)).sends(sn::SearchGw{0});
        CHECK(broadcasts(talk).size() == 20);
        CHECK(talk.counters().searchgw == 200);
        CHECK(talk.counters().searchgw_suppressed == 180);
        talk.advance(500ms);
        for (int i = 200; i < 255; ++i)
            talk.device(static_cast<std::uint8_t>(i)).sends(sn::SearchGw{0});
        CHECK(broadcasts(talk).size() == 10);
    }
}

TEST_CASE("without discovery the gateway says nothing of itself, and all else works", "[SN12-6.1-h]") {
    auto config = Talk::config();
    SECTION("for the whole gateway") {
        config.discovery = false;
    }
    SECTION("on the link") {
        config.links.front().discovery = false;
    }
    Talk talk(config);
    CHECK(talk.counters().advertises == 0);
    const auto node = talk.device(1);
    node.sends(sn::SearchGw{0});
    talk.advance(24h);
    node.expects_nothing();
    CHECK(broadcasts(talk).empty());
    CHECK(talk.counters().advertises == 0);

    node.connects_with_will("c1", true, 0);
    const auto id = node.subscribes("a/b", Qos::at_least_once);
    talk.heard();
    node.sends(sn::Publish{.qos = Qos::at_least_once, .topic_id = id, .msg_id = 1, .data = as_bytes("x")});
    node.expects(sn::Puback{id, 1, ReturnCode::accepted});
    CHECK(talk.heard() == Lines{"c1: PUBLISH q1 a/b x"});
    talk.broker_publishes("c1", "a/b", "y");
    CHECK(as_text(std::get<sn::Publish>(node.next()).data) == "y");
    node.sleeps(60);
    node.sends(sn::Pingreq{"c1"});
    node.expects(sn::Pingresp{});
    node.disconnects();
    talk.device(2).sends(sn::Publish{.qos = Qos::minus_one, .type = sn::TopicIdType::short_name, .topic_id = 0x6162});
    CHECK(talk.heard("gw") == Lines{"PUBLISH q0 ab "});
}

}  // namespace discovery_test
