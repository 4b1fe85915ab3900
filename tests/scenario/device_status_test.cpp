// What the gateway tells of its devices over MQTT, on its own connection.
#include "gateway/core/device_status.hpp"
#include "tests/support/talk.hpp"

namespace device_status_test {

using namespace mqttsn;
using namespace mqttsn::test;

namespace {

gateway::Config telling(std::uint32_t devices_per_second = Talk::config().bridge.devices_per_second) {
    auto config = Talk::config();
    config.bridge.devices_per_second = devices_per_second;
    config.bridge.devices_prefix = "gw/devices/";
    config.links.front().advertise = false;
    return config;
}

/// Connects c1, c2, …
void connect_devices(Talk& talk, std::uint8_t count) {
    for (std::uint8_t i = 1; i <= count; ++i)
        talk.device(i).connects("c" + std::to_string(i));
}

std::string told(std::string_view device, std::string_view state = "") {
    return fmt::format("PUBLISH q0 retain gw/devices/{} {}", device, state);
}

}  // namespace

TEST_CASE("a device's state is told, retained, when it changes") {
    Talk talk(telling());
    const auto node = talk.device(1);
    node.connects("c1", false);
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
    talk.advance(10s);
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    CHECK(talk.heard("gw") == Lines{"UNSUBSCRIBE gw/devices/+"});
    node.sleeps(600);
    CHECK(talk.heard("gw") == Lines{told("c1", "asleep")});
    talk.advance(1s);
    node.disconnects();
    CHECK(talk.heard("gw") == Lines{told("c1", "disconnected")});
    CHECK(talk.counters().device_status_told == 3);
}

TEST_CASE("what changes too often is told once per interval, as it is then") {
    Talk talk(telling());
    const auto node = talk.device(1);
    node.connects("c1", false);
    for (int i = 0; i < 5; ++i) {
        node.disconnects();
        node.connects("c1", false);
    }
    node.disconnects();
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
    talk.advance(1s - 1us);
    CHECK(talk.heard("gw").empty());
    talk.advance(1us);
    CHECK(talk.heard("gw") == Lines{told("c1", "disconnected")});
    talk.advance(1s);
    node.connects("c1", false);
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
}

TEST_CASE("a wake-up is not told, and nothing is left that says awake") {
    Talk talk(telling());
    const auto node = talk.device(1);
    node.connects("c1", false);
    node.subscribes("ab", Qos::at_least_once);
    node.sleeps(600);
    talk.advance(2s);
    talk.heard();
    talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, 1);
    node.sends(sn::Pingreq{"c1"});
    node.discards();
    CHECK(talk.heard("gw").empty());
    talk.device(2).sends(sn::Pingreq{"c1"});  // from a new address
    talk.device(2).discards();
    CHECK(talk.heard("gw") == Lines{told("c1", "asleep")});
}

TEST_CASE("a handshake is told when it is over, whatever was before") {
    Talk talk(telling());
    const auto node = talk.device(1);
    node.sends(sn::Connect{true, false, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    talk.advance(2s);
    CHECK(talk.heard("gw").empty());
    const auto ends_handshake = [&] {
        node.sends(sn::WillTopic{Qos::at_most_once, false, "w/t"});
        node.expects(sn::WillMsgReq{});
        node.sends(sn::WillMsg{as_bytes("gone")});
        node.expects(sn::Connack{sn::ReturnCode::accepted});
    };
    ends_handshake();
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
    // Its turn comes in the middle of a handshake.
    node.sleeps(600);
    node.connects("c1", false);
    node.sends(sn::Connect{true, false, sn::protocol_id, 60, "c1"});
    node.expects(sn::WillTopicReq{});
    talk.advance(1s);
    CHECK(talk.heard("gw").empty());
    ends_handshake();
    talk.advance(1s);
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
}

TEST_CASE("a new address is told although the state stays") {
    Talk talk(telling());
    talk.device(1).connects("c1");
    talk.advance(2s);
    talk.heard();
    talk.device(2).connects("c1");
    CHECK(talk.heard("gw") == Lines{told("c1", "active")});
    // Another client takes the address: both are told.
    talk.advance(2s);
    talk.device(2).connects("c2");
    talk.advance(1s);
    const auto lines = talk.heard("gw");
    CHECK(std::set(lines.begin(), lines.end()).contains(told("c2", "active")));
}

TEST_CASE("the topic of a session that ends is emptied") {
    Talk talk(telling());
    const auto node = talk.device(1);
    node.connects("c1");
    node.disconnects();
    talk.advance(1s);
    CHECK(talk.heard("gw") == Lines{told("c1", "active"), told("c1")});
    // One that begins again meanwhile is not.
    talk.advance(1s);
    node.connects("c1");
    node.disconnects();
    node.connects("c1");
    talk.advance(1s);
    CHECK(talk.heard("gw") == Lines{told("c1", "active"), told("c1", "active")});
}

TEST_CASE("all devices together are told at a limited rate, in the order of their changes") {
    Talk talk(telling(2));
    connect_devices(talk, 4);
    for (int i = 1; i <= 4; ++i) {
        CHECK(talk.heard("gw") == Lines{told("c" + std::to_string(i), "active")});
        talk.advance(500ms - 1us);
        CHECK(talk.heard("gw").empty());
        talk.advance(1us);
    }
}

TEST_CASE("many devices are told in ten groups a second") {
    Talk talk(telling(30));
    connect_devices(talk, 7);
    CHECK(talk.heard("gw").size() == 3);
    talk.advance(100ms - 1us);
    CHECK(talk.heard("gw").empty());
    talk.advance(1us);
    CHECK(talk.heard("gw").size() == 3);
    talk.advance(100ms);
    CHECK(talk.heard("gw").size() == 1);
    talk.advance(1s);
    CHECK(talk.heard("gw").empty());
}

TEST_CASE("devices come and go faster than they can be told: as many as limits.clients wait") {
    auto config = telling(1);
    config.limits.clients = 3;
    Talk talk(config);
    for (std::uint8_t i = 1; i <= 100; ++i) {
        talk.device(i).connects("c" + std::to_string(i));
        talk.device(i).disconnects();
    }
    CHECK(talk.counters().device_status_dropped >= 90);
    talk.device(1).connects("stays", true, 0);
    talk.heard();
    talk.advance(20s);
    talk.device(1).sends(sn::Pingreq{});
    talk.device(1).expects(sn::Pingresp{});
    const auto lines = talk.heard("gw");
    CHECK(std::count(lines.begin(), lines.end(), told("stays", "active")) == 1);
}

TEST_CASE("a broker that was away is told everything again") {
    Talk talk(telling());
    talk.device(1).connects("c1", false, 0);
    talk.device(2).connects("c2", false, 0);
    talk.advance(11s);
    talk.heard();
    talk.broker_drops("gw");
    talk.device(2).disconnects();
    CHECK(talk.heard("gw").empty());
    talk.advance(31s);
    auto lines = talk.heard("gw");
    std::erase_if(lines, [](const auto& each) { return !each.starts_with("PUBLISH"); });
    std::ranges::sort(lines);
    CHECK(lines == Lines{told("c1", "active"), told("c2", "disconnected")});
}

TEST_CASE("sessions from the store are told after a restart") {
    auto config = telling();
    config.durable = true;
    Talk talk(config);
    talk.device(1).connects("c1", false);
    talk.device(1).sleeps(600);
    talk.session_present = true;
    talk.heard();
    talk.crashes_and_restarts();
    const auto lines = talk.heard("gw");
    CHECK(std::count(lines.begin(), lines.end(), told("c1", "asleep")) == 1);
}

TEST_CASE("what an earlier process told of devices that nobody knows is emptied, and nothing else") {
    Talk talk(telling());
    talk.device(1).connects("c1", true, 0);
    talk.advance(2s);
    talk.heard();
    const auto retained = [&](std::string_view topic, std::string_view text, bool retain = true) {
        talk.broker_publishes("gw", topic, text, Qos::at_most_once, 0, retain);
    };
    retained("gw/devices/c1", "active");
    retained("gw/devices/live", "active", false);
    retained("gw/devices/empty", "");
    retained("gw/devices/%2", "not spelled by a gateway");
    retained("other/devices/x", "x");
    talk.advance(1s);
    CHECK(talk.heard("gw").empty());
    retained("gw/devices/old%2Fone", "asleep");
    CHECK(talk.heard("gw") == Lines{told("old%2Fone")});
}

TEST_CASE("a connection that breaks while the broker sends what it retains does not ask again at once") {
    Talk talk(telling());
    const auto asks = [&] {
        talk.heard();
        talk.broker_drops("gw");
        talk.advance(3s);
        const auto lines = talk.heard("gw");
        return std::count(lines.begin(), lines.end(), "SUBSCRIBE q0 gw/devices/+");
    };
    CHECK(asks() == 0);
    CHECK(asks() == 1);
}

TEST_CASE("an orderly end empties the topics of sessions that end with it") {
    auto config = telling();
    config.durable = GENERATE(false, true);
    Talk talk(config);
    talk.device(1).connects("c1", false);
    talk.heard();
    talk.shutdown();
    talk.device(1).discards();
    CHECK(talk.heard("gw").front() == (config.durable ? "DISCONNECT" : told("c1")));
}

TEST_CASE("without a topic for devices nothing is told of them") {
    auto config = telling();
    config.bridge.devices_prefix.clear();
    Talk talk(config);
    talk.device(1).connects("c1");
    talk.device(1).disconnects();
    talk.advance(1h);
    CHECK(talk.heard("gw").empty());
    CHECK(talk.counters().device_status_told == 0);
}

TEST_CASE("any client id makes one level of a topic, and comes back from it") {
    using gateway::client_id_of;
    using gateway::topic_level;
    CHECK(topic_level("barn-1") == "barn-1");
    CHECK(topic_level("a/b+c#d%") == "a%2Fb%2Bc%23d%25");
    CHECK(topic_level("gr\u00FCn") == "gr\u00FCn");
    CHECK(topic_level("\xFF\x01") == "%FF%01");
    for (const std::string_view id : {"barn-1", "a/b+c#d%", "gr\u00FCn", "\xFF\x01", "%2F", "%%", "100%"})
        CHECK(client_id_of(topic_level(id)) == id);
    CHECK(client_id_of("%2") == "%2");
    CHECK(client_id_of("%zz%2") == "%zz%2");
}

}  // namespace device_status_test
