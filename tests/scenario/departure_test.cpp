// Links that hold frames and tell when they leave: T_retry begins with the departure (SN 6.13).
#include "tests/scenario/downlink.hpp"

#include <set>

namespace departure_test {

using namespace mqttsn;
using namespace mqttsn::test;

namespace {

gateway::Config slow_link() {
    gateway::Config config = Talk::config();
    config.links[0].confirms_departure = true;
    return config;
}

/// A device with one QoS 1 message in the hands of its link.
struct Waiting : Downlink {
    explicit Waiting(const gateway::Config& config = slow_link()) : Downlink(config) {
        subscribes("ab");
        message("ab", "x", Qos::at_least_once, 7);
        first = node.next_datagram();
        REQUIRE(talk.departing.size() == 1);
    }
    void expects_retransmission() const { CHECK(node.next_datagram().size() == first.size()); }
    Buffer first;
};

}  // namespace

TEST_CASE("T_retry begins when the link says that the frame has left", "[SN12-6.13-a]") {
    Waiting link;
    link.stays_silent(100s);
    link.talk.departs();
    link.stays_silent(10s);
    link.expects_retransmission();
    CHECK(link.talk.departing.size() == 1);
    link.stays_silent(60s);
    link.talk.departs(Departure::confirmed);
    link.stays_silent(10s);
    link.expects_retransmission();
    CHECK(link.talk.counters().retransmissions == 2);
}

TEST_CASE("a frame that nobody took is repeated after T_retry, and counted", "[SN12-6.13-a]") {
    Waiting link;
    link.stays_silent(30s);
    link.talk.departs(Departure::failed);
    CHECK(link.talk.counters().departures_failed == 1);
    link.stays_silent(10s);
    link.expects_retransmission();
}

TEST_CASE("a link that never reports a frame delays its repetition by departure_limit at most", "[SN12-6.13-a]") {
    auto config = slow_link();
    config.links[0].departure_limit = 120s;
    Waiting link(config);
    link.stays_silent(130s);
    link.expects_retransmission();
    CHECK(link.talk.departing.size() == 2);
    // The first frame's late departure says nothing about the second.
    link.talk.departs();
    link.stays_silent(130s);
    link.expects_retransmission();
}

TEST_CASE("an answer ends the wait for the departure", "[SN12-6.13-a]") {
    Waiting link;
    const auto sent = std::get<sn::Publish>(*sn::decode(link.first));
    link.node.sends(sn::Puback{sent.topic_id, sent.msg_id, sn::ReturnCode::accepted});
    link.talk.departs();
    link.stays_silent(1000s);
    CHECK(link.talk.counters().retransmissions == 0);
}

TEST_CASE("PUBREL and REGISTER wait for their departure too", "[SN12-6.13-a]") {
    Downlink link(slow_link());
    link.subscribes("a/#");
    link.message("a/b", "x", Qos::exactly_once, 7);
    const auto regack = link.expects_register("a/b");
    link.stays_silent(50s);
    link.talk.departs();
    link.stays_silent(10s);
    link.expects_register("a/b");
    link.talk.departing.clear();
    link.node.sends(regack);

    link.node.sends(sn::Pubrec{std::get<sn::Publish>(link.node.next()).msg_id});
    CHECK(std::holds_alternative<sn::Pubrel>(link.node.next()));
    REQUIRE(link.talk.departing.size() == 2);
    link.talk.departs();  // of the PUBLISH
    link.stays_silent(50s);
    link.talk.departs();
    link.stays_silent(10s);
    CHECK(std::holds_alternative<sn::Pubrel>(link.node.next()));
}

TEST_CASE("will prompts wait for their departure", "[SN12-6.13-a]") {
    Talk talk(slow_link());
    const auto node = talk.device(1);
    node.sends(sn::Connect{true, false, sn::protocol_id, 0, "c1"});
    node.expects(sn::WillTopicReq{});
    talk.advance(100s);
    node.expects_nothing();
    talk.departs();
    talk.advance(10s - 1ms);
    node.expects_nothing();
    talk.advance(1ms);
    node.expects(sn::WillTopicReq{});
}

TEST_CASE("QoS 0 asks for no departure, and links that tell nothing are not asked", "[SN12-6.13-a]") {
    Downlink slow(slow_link());
    slow.subscribes("ab");
    slow.message("ab", "x");
    slow.node.discards();
    CHECK(slow.talk.departing.empty());

    Downlink fast;
    fast.subscribes("ab");
    fast.message("ab", "x", Qos::at_least_once, 7);
    fast.node.discards();
    CHECK(fast.talk.departing.empty());
    fast.stays_silent(10s);
    fast.node.discards();
}

TEST_CASE("the session of a departing frame may end before the frame leaves") {
    Waiting link;
    link.node.sends(sn::Disconnect{});
    link.node.discards();
    CHECK(link.talk.gateway().session_count() == 0);
    link.talk.departs();
    link.stays_silent(100s);
}

TEST_CASE("a link may have its own T_retry and N_retry", "[SN12-6.13-a]") {
    gateway::Config config = Talk::config();
    config.links[0].retry = 25s;
    config.links[0].retries = 1;
    Downlink link(config);
    link.subscribes("ab");
    link.message("ab", "x", Qos::at_least_once, 7);
    link.node.discards();
    link.stays_silent(25s);
    CHECK(link.node.discards() == 1);
    link.talk.advance(25s);
    CHECK(link.node.discards() == 0);
    CHECK(link.talk.counters().clients_lost == 1);
}

TEST_CASE("a link that turns out to carry less makes longer deliveries too long at once", "[SN12-6.10-k]") {
    Downlink link;
    link.subscribes("ab");
    link.talk.gateway().set_link_limit(0, 20);
    link.message("ab", std::string(14, 'x'), Qos::at_least_once, 7);
    CHECK(link.node.discards() == 0);
    CHECK(link.talk.counters().deliveries_too_long == 1);
    link.message("ab", std::string(13, 'x'));
    CHECK(link.node.discards() == 1);
    link.talk.gateway().set_link_limit(7, 20);  // no such link
}

TEST_CASE("signals are kept per client: last, mean and worst") {
    Talk talk;
    const auto near = talk.device(1);
    const auto far = talk.device(2);
    near.connects("near", true, 0);
    CHECK(talk.gateway().signals().empty());
    far.connects("far", true, 0);
    for (const auto& [rssi, snr] : {std::pair{-80, 5}, {-100, -7}, {-90, 3}}) {
        talk.signal = Signal{static_cast<std::int16_t>(rssi), static_cast<std::int8_t>(snr)};
        far.sends(sn::Pingreq{});
        far.expects(sn::Pingresp{});
    }
    const auto signals = talk.gateway().signals();
    REQUIRE(signals.size() == 1);
    CHECK(signals[0].client_id == "far");
    CHECK(signals[0].quality.frames == 3);
    CHECK(signals[0].quality.last.rssi_dbm == -90);
    CHECK(signals[0].quality.worst.rssi_dbm == -100);
    CHECK(signals[0].quality.worst.snr_db == -7);
    CHECK(signals[0].quality.mean_rssi_dbm() == -90.0);
    CHECK(signals[0].quality.mean_snr_db() == Approx(1.0 / 3));
}

TEST_CASE("on a channel without carrier sense T_retry varies within bounds", "[SN12-6.13-a]") {
    auto config = slow_link();
    config.links[0].retry_jitter = 0.5;
    config.timers.retries = 10;
    Waiting link(config);
    std::set<Duration> times;
    for (int i = 0; i < 10; ++i) {
        link.talk.departs();
        Duration time{};
        while (link.talk.departing.empty()) {
            REQUIRE(time < 15s);
            link.talk.advance(100ms);
            time += 100ms;
        }
        link.expects_retransmission();
        CHECK(time >= 10s);
        times.insert(time);
    }
    CHECK(times.size() > 5);
}

}  // namespace departure_test
