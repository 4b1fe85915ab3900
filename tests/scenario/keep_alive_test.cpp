// SN 6.11 and 7.2: keep-alive, pings, and the loss of a client.
#include "tests/support/talk.hpp"

#include <algorithm>

namespace keep_alive_test {

using namespace mqttsn;
using namespace mqttsn::test;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

using KeepAlive = std::uint16_t;

/// Keep-alive or sleep duration, and the silence after which the client is lost.
struct Tolerance {
    KeepAlive duration_s;
    Duration silence;
};
constexpr std::array tolerances{
    Tolerance{1, 1500ms},
    Tolerance{10, 15s},
    Tolerance{60, 90s},
    Tolerance{61, 91s},
    Tolerance{299, 329s},
    Tolerance{300, 330s},
    Tolerance{301, 331100ms},
    Tolerance{600, 660s},
    Tolerance{0x7FFF, 36043700ms},
    Tolerance{0x8000, 36044800ms},
    Tolerance{65535, 72088500ms},
};

/// Every message that a client may send when it is active, and how many frames answer it.
struct Activity {
    std::string_view frame;
    int answers;
};
constexpr std::array activities{
    Activity{"06 04 04 01 00 00", 1},        // CONNECT without an id: not this client, see below
    Activity{"07 0A 00 00 00 01 61", 1},     // REGISTER a
    Activity{"07 0B 00 01 00 01 00", 0},     // REGACK
    Activity{"08 0C 02 61 62 00 00 78", 0},  // PUBLISH QoS 0 to ab
    Activity{"08 0C 22 61 62 00 01 78", 1},  // PUBLISH QoS 1
    Activity{"08 0C 42 61 62 00 01 78", 1},  // PUBLISH QoS 2
    Activity{"08 0C 62 61 62 00 00 78", 0},  // PUBLISH QoS −1
    Activity{"08 0C 00 00 63 00 00 78", 1},  // PUBLISH to an unknown topic id
    Activity{"07 0D 00 01 00 01 00", 0},     // PUBACK
    Activity{"04 0F 00 01", 0},              // PUBREC
    Activity{"04 10 00 01", 1},              // PUBREL
    Activity{"04 0E 00 01", 0},              // PUBCOMP
    Activity{"06 12 00 00 01 61", 1},        // SUBSCRIBE a
    Activity{"06 14 00 00 01 61", 1},        // UNSUBSCRIBE a
    Activity{"02 16", 1},                    // PINGREQ
    Activity{"04 16 63 31", 1},              // PINGREQ c1
    Activity{"02 17", 0},                    // PINGRESP
    Activity{"02 1A", 1},                    // WILLTOPICUPD
    Activity{"02 1C", 1},                    // WILLMSGUPD
    Activity{"08 04 04 01 00 0A 63 31", 1},  // the CONNECT of c1 again: its CONNACK got lost
};

}  // namespace

TEST_CASE("a silent client is lost when its tolerance ends, not earlier",
          "[SN12-7.2-a][SN12-7.2-i][SN12-5.3.3-a][SN12-6.11-c]") {
    const auto [duration_s, silence] = GENERATE(from_range(tolerances));
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, duration_s);
    talk.heard();
    talk.advance(silence - 1us);
    node.expects_nothing();
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(to_hex(node.next_datagram()) == "0218");
    CHECK(talk.heard("c1") == Lines{"ABORT"});  // the broker publishes the will
    CHECK(talk.counters().clients_lost == 1);
    // One DISCONNECT, one will; afterwards the client is unknown.
    talk.advance(100h);
    node.expects_nothing();
    CHECK(talk.heard("c1").empty());
    node.sends(sn::Pingreq{});
    node.expects(sn::Disconnect{});
}

TEST_CASE("a sleeping client is lost by the same tolerance, without a word to it",
          "[SN12-7.2-a][SN12-5.3.3-a][SN12-6.11-c]") {
    const auto [duration_s, silence] = GENERATE(from_range(tolerances));
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", true, 10);
    node.sleeps(duration_s);
    talk.heard();
    talk.advance(silence - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(talk.heard("c1") == Lines{"ABORT"});
    node.expects_nothing();
    CHECK(talk.gateway().session_count() == 0);
}

TEST_CASE("every message of a client restarts its keep-alive", "[SN12-6.11-b]") {
    const auto [frame, answers] = GENERATE(from_range(activities.begin() + 1, activities.end()));
    CAPTURE(frame);
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    talk.advance(15s - 1us);
    node.sends(hex(frame));
    for (int i = 0; i < answers; ++i)
        node.next_datagram();
    talk.advance(15s - 1us);
    node.expects_nothing();
    CHECK(talk.is_connected("c1"));
    talk.advance(1us);
    node.expects(sn::Disconnect{});
    CHECK_FALSE(talk.is_connected("c1"));
}

TEST_CASE("a CONNECT that is a new connection starts a keep-alive of its own", "[SN12-6.11-b][SN12-6.2-o]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 600);
    talk.advance(600s);
    node.connects("c1", true, 10);
    talk.advance(15s - 1us);
    node.expects_nothing();
    talk.advance(1us);
    node.expects(sn::Disconnect{});
}

TEST_CASE("what is no message of the client does not restart its keep-alive",
          "[SN12-6.1-f][SN12-6.1-e][SN12-5.2.1-k]") {
    const std::string_view frame = GENERATE("03 01 00",           // SEARCHGW
                                            "05 00 07 04 B0",     // ADVERTISE
                                            "03 02 07",           // GWINFO
                                            "04 02 07 01",        // GWINFO with an address
                                            "03 16",              // Length and datagram differ
                                            "03 18 00",           // DISCONNECT of no valid length
                                            "03 05 00",           // CONNACK: only gateways send it
                                            "03 17 00",           // PINGRESP of no valid length
                                            "06 16 6F 74 68 72",  // PINGREQ of somebody else
                                            "06 04 04 01 00 00"   // CONNECT without an id
    );
    CAPTURE(frame);
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    talk.advance(14s);
    node.sends(hex(frame));
    if (frame.substr(3, 2) == "04") node.expects(sn::Connack{ReturnCode::not_supported});
    if (frame.starts_with("06 16")) node.expects(sn::Disconnect{});
    node.expects_nothing();
    CHECK(talk.is_connected("c1"));
    talk.advance(1s);
    node.expects(sn::Disconnect{});
}

TEST_CASE("what the gateway sends does not keep a client alive", "[SN12-6.11-b]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    node.subscribes("ab", Qos::at_most_once);
    talk.advance(14s);
    talk.broker_publishes("c1", "ab", "x");
    node.next_datagram();
    talk.advance(1s);
    node.expects(sn::Disconnect{});
}

TEST_CASE("PINGREQ of an active client is answered at once and here, not by the broker",
          "[SN12-6.11-a][SN12-5.4.19-a][SN12-5.4.20-a][SN12-6-n]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects("c1");
    talk.heard();
    SECTION("two octets") {
        node.sends(hex("02 16"));
    }
    SECTION("three octets of Length") {
        node.sends(hex("01 00 04 16"));
    }
    SECTION("with its own id") {
        node.sends(hex("04 16 63 31"));
    }
    SECTION("while the broker is away") {
        talk.reachable = Talk::Reachable::silent;
        talk.broker_drops("c1");
        node.sends(hex("02 16"));
    }
    CHECK(to_hex(node.next_datagram()) == "0217");
    node.expects_nothing();
    const auto heard = talk.heard();
    CHECK(std::ranges::count(heard, "c1: PINGREQ") == 0);
}

TEST_CASE("PINGREQ with the id of a client that is active elsewhere gets DISCONNECT", "[SN12-6.11-f]") {
    Talk talk;
    const auto node = talk.device(1);
    const auto other = talk.device(2);
    node.connects("c1", true, 10);
    SECTION("from a stranger") {}
    SECTION("from another client, which stays connected") {
        other.connects("c2");
    }
    talk.advance(14s);
    other.sends(sn::Pingreq{"c1"});
    other.expects(sn::Disconnect{});
    // Neither bound to the new address nor kept alive by it.
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    talk.advance(1s);
    other.sends(sn::Pingreq{"c1"});
    talk.advance(14s);
    node.expects(sn::Disconnect{});
    talk.advance(1s);
    other.expects_nothing();  // one DISCONNECT per T_retry was enough, SN12-5.4.21-d
    CHECK(talk.counters().disconnects_suppressed == 1);
}

TEST_CASE("the gateway may ask a silent client once, before it counts as lost",
          "[SN12-6.11-e][SN12-5.4.19-a][SN12-5.4.20-a]") {
    auto config = Talk::config();
    config.timers.ping_probe = true;
    const auto [keep_alive_s, silence] = GENERATE(table<KeepAlive, Duration>({{10, 15s}, {300, 330s}}));
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", true, keep_alive_s);
    talk.advance(std::chrono::seconds(keep_alive_s) - 1us);
    node.expects_nothing();
    talk.advance(1us);
    CHECK(to_hex(node.next_datagram()) == "0216");
    SECTION("PINGRESP is activity: the next probe comes as late as the first") {
        node.sends(hex("02 17"));
        talk.advance(std::chrono::seconds(keep_alive_s) - 1us);
        node.expects_nothing();
        talk.advance(1us);
        node.expects(sn::Pingreq{});
    }
    SECTION("silence") {
        talk.advance(silence - std::chrono::seconds(keep_alive_s) - 1us);
        node.expects_nothing();
        talk.advance(1us);
        node.expects(sn::Disconnect{});
    }
}

TEST_CASE("probes end with the connection, and are off by default", "[SN12-6.11-e]") {
    CHECK_FALSE(gateway::Timers{}.ping_probe);
    auto config = Talk::config();
    config.timers.ping_probe = true;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", true, 10);
    SECTION("DISCONNECT") {
        node.disconnects();
    }
    SECTION("asleep") {
        node.sleeps(3600);
    }
    SECTION("no keep-alive") {
        node.connects("c1", true, 0);
    }
    SECTION("another client has the address now") {
        node.connects("c2", true, 0);
        talk.advance(15s);
    }
    talk.advance(1h);
    node.expects_nothing();
}

TEST_CASE("keep-alive 0 is not supervised", "[SN12-6.11-d]") {
    auto config = Talk::config();
    config.timers.ping_probe = GENERATE(false, true);
    CHECK(config.timers.keep_alive_max == 0s);
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", true, 0);
    talk.advance(24h * 365);
    node.expects_nothing();
    CHECK(talk.is_connected("c1"));
    // A keep-alive given earlier or later is supervised all the same.
    node.connects("c1", true, 10);
    node.connects("c1", true, 0);
    talk.advance(1h);
    node.connects("c1", true, 10);
    talk.advance(15s - 1us);
    CHECK(talk.is_connected("c1"));
    talk.advance(10s);
    if (config.timers.ping_probe) node.expects(sn::Pingreq{});
    node.expects(sn::Disconnect{});
}

TEST_CASE("keepalive.max stands in for no or a longer keep-alive", "[SN12-6.11-d]") {
    auto config = Talk::config();
    config.timers.keep_alive_max = 100s;
    config.timers.ping_probe = true;
    const auto [asked_s, probe, silence] = GENERATE(table<KeepAlive, Duration, Duration>(
        {{0, 100s, 130s}, {65535, 100s, 130s}, {101, 100s, 130s}, {100, 100s, 130s}, {99, 99s, 129s}}));
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", true, asked_s);
    talk.advance(probe - 1us);
    node.expects_nothing();
    talk.advance(1us);
    node.expects(sn::Pingreq{});
    talk.advance(silence - probe - 1us);
    node.expects_nothing();
    talk.advance(1us);
    node.expects(sn::Disconnect{});
}

TEST_CASE("broker connections have a keep-alive of the gateway's own, in every state of the client", "[SN12-6.11-g]") {
    auto config = Talk::config();
    config.broker.client.keep_alive_s = 60;
    config.timers.retry = 1000s;
    config.awake.max_time = 1000s;
    Talk talk(config);
    const auto node = talk.device(1);
    node.connects("c1", false, GENERATE(KeepAlive{0}, KeepAlive{7000}, KeepAlive{65535}));
    CHECK(talk.broker_keep_alive_s("c1") == 60);
    node.subscribes("ab", Qos::at_least_once);
    SECTION("active") {}
    SECTION("asleep") {
        node.sleeps(7000);
    }
    SECTION("awake") {
        node.sleeps(7000);
        talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, 1);
        node.sends(sn::Pingreq{"c1"});
        node.next_datagram();  // PUBLISH, not acknowledged
    }
    SECTION("connecting") {
        node.sends(sn::Connect{true, false, sn::protocol_id, 600, "c1"});
        node.expects(sn::WillTopicReq{});
    }
    talk.heard();
    talk.advance(600s);
    CHECK(talk.heard("c1") == Lines(10, "PINGREQ"));
    // A broker that stops answering is noticed in every state, and left.
    talk.hold = {PacketType::pingreq};
    talk.advance(60s);
    talk.heard();
    talk.advance(30s - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(talk.heard("c1") == Lines{"ABORT"});
}

TEST_CASE("a client that comes from another address is supervised by its new keep-alive only",
          "[SN12-6.2-o][SN12-6.11-c]") {
    Talk talk;
    const auto before = talk.device(1);
    const auto after = talk.device(2);
    before.connects("c1", true, 60);
    talk.advance(80s);
    after.connects("c1", true, 10);
    talk.heard();
    talk.advance(15s - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    after.expects(sn::Disconnect{});
    before.expects_nothing();
    CHECK(talk.heard("c1") == Lines{"ABORT"});
    CHECK(talk.counters().clients_lost == 1);
}

TEST_CASE("a client whose address was taken is lost in silence", "[SN12-6.2-l][SN12-6.11-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", true, 10);
    talk.advance(5s);
    node.connects("c2", true, 600);
    talk.heard();
    // What comes from the address now keeps c2 alive, not c1.
    talk.advance(9s);
    node.sends(sn::Pingreq{});
    node.expects(sn::Pingresp{});
    talk.advance(1s - 1us);
    CHECK(talk.heard().empty());
    talk.advance(1us);
    CHECK(talk.heard() == Lines{"c1: ABORT"});
    node.expects_nothing();
    CHECK(talk.is_connected("c2"));
}

TEST_CASE("each of many clients is lost at its own time", "[SN12-7.2-a]") {
    Talk talk;
    constexpr int count = 60;
    const auto keep_alive_s = [](int number) { return static_cast<KeepAlive>(1 + number * 37 % count); };
    for (int i = 1; i <= count; ++i) {
        talk.device(static_cast<std::uint8_t>(i)).connects("c" + std::to_string(i), true, keep_alive_s(i));
    }
    // Every third lives a second longer.
    talk.advance(1s);
    for (int i = 3; i <= count; i += 3) {
        talk.device(static_cast<std::uint8_t>(i)).sends(sn::Pingreq{});
        talk.device(static_cast<std::uint8_t>(i)).expects(sn::Pingresp{});
    }
    for (int half_s = 1; half_s <= 3 * count + 2; ++half_s) {
        talk.advance(500ms);
        for (int i = 1; i <= count; ++i) {
            // In half seconds after the first: 1.5·D − 1 s, or 1.5·D for those who pinged.
            const int due = 3 * keep_alive_s(i) - (i % 3 == 0 ? 0 : 2);
            if (due == half_s) talk.device(static_cast<std::uint8_t>(i)).expects(sn::Disconnect{});
            INFO("client " << i << " after " << 1 + half_s / 2.0 << " s");
            CHECK(talk.is_connected("c" + std::to_string(i)) == (half_s < due));
        }
    }
    CHECK(talk.counters().clients_lost == count);
}

TEST_CASE("the will appears once, also when several deadlines end at the same time", "[SN12-6.4-g][SN12-6.11-c]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false, 60);
    node.subscribes("ab", Qos::at_least_once);
    talk.advance(50s);
    talk.heard();
    // The last retry of this message is over when the keep-alive is.
    talk.broker_publishes("c1", "ab", "x", Qos::at_least_once, 1);
    for (int i = 0; i < 4; ++i) {
        node.next_datagram();
        talk.advance(10s);
    }
    CHECK(to_hex(node.next_datagram()) == "0218");
    CHECK(talk.heard("c1") == Lines{"ABORT"});
    CHECK(talk.counters().clients_lost == 1);
    talk.advance(24h);
    CHECK(talk.heard("c1").empty());
}

TEST_CASE("the gateway publishes an updated will once, and lets no older will follow", "[SN12-6.4-g][SN12-6.4-f]") {
    Talk talk;
    const auto node = talk.device(1);
    node.connects_with_will("c1", false);
    const Qos qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
    node.sends(sn::WillTopicUpd{qos, false, "new"});
    node.expects(sn::WillTopicResp{ReturnCode::accepted});
    talk.heard();
    talk.hold = {PacketType::publish};
    talk.advance(90s);
    node.expects(sn::Disconnect{});
    CHECK(talk.heard("c1") == Lines{qos == Qos::at_least_once ? "PUBLISH q1 new gone" : "PUBLISH q2 new gone"});
    // A broker without an answer keeps the connection for a while. Had it ended without DISCONNECT, the broker would
    // publish the will that it was given at the beginning as well.
    talk.advance(10s - 1us);
    CHECK(talk.heard("c1").empty());
    talk.advance(1us);
    CHECK(talk.heard("c1") == Lines{"DISCONNECT", "CLOSE"});
    talk.advance(1h);
    CHECK(talk.heard("c1").empty());
    CHECK(talk.counters().wills_published == 1);
}

TEST_CASE("a client that falls silent in the middle of a handshake leaves nothing behind", "[SN12-6.2-j][SN12-6.4-g]") {
    Talk talk;
    const auto node = talk.device(1);
    SECTION("its first one") {
        node.sends(sn::Connect{true, false, sn::protocol_id, 10, "c1"});
        node.expects(sn::WillTopicReq{});
    }
    SECTION("a repeated one, of an active client: its will is not published, its session stays") {
        node.connects_with_will("c1", false, 10);
        node.sends(sn::Pingreq{});
        node.expects(sn::Pingresp{});
        talk.heard();
        node.sends(sn::Connect{true, false, sn::protocol_id, 10, "c1"});
        node.expects(sn::WillTopicReq{});
        node.sends(sn::WillTopic{Qos::at_most_once, false, "w"});
        node.expects(sn::WillMsgReq{});
    }
    const bool was_known = talk.is_connected("c1");
    for (int i = 0; i < 3; ++i) {
        CHECK(talk.advance_to_next() == 10s);  // no keep-alive in between
        node.next_datagram();
    }
    CHECK(talk.advance_to_next() == 10s);
    node.expects_nothing();
    CHECK(talk.heard("c1") == (was_known ? Lines{"DISCONNECT", "CLOSE"} : Lines{}));
    CHECK(talk.gateway().session_count() == (was_known ? 1 : 0));
    CHECK(talk.counters().clients_lost == 0);
    node.sends(sn::Pingreq{});
    node.expects(sn::Disconnect{});
}

}  // namespace keep_alive_test
