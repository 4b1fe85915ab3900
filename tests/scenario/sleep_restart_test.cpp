// Deadlines of sleeping clients and of kept sessions go by the wall clock: a restart does not make them longer.
#include "tests/scenario/sleeper.hpp"

namespace sleep_restart_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::RecordKind;

namespace {

gateway::Config durable() {
    gateway::Config config = Talk::durable();
    config.unix_time_at_zero = std::chrono::seconds(1'700'000'000);
    return config;
}

/// Alive for another `rest`, and lost then.
void expects_lost_after(Sleeper& t, Duration rest) {
    t.talk.advance(rest - 2s);
    CHECK(t.talk.is_connected("c1"));
    t.talk.advance(3s);
    CHECK_FALSE(t.talk.is_connected("c1"));
    CHECK(t.talk.counters().clients_lost == 1);
    t.node.expects_nothing();
}

}  // namespace

TEST_CASE("a client that slept when the gateway was killed is lost when it would have been",
          "[SN12-7.2-a][SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());  // 600 s: lost after 660 s
    t.talk.advance(400s);
    t.wakes();
    t.node.expects(sn::Pingresp{});
    t.talk.advance(590s);
    const Duration down = GENERATE(Duration(0s), Duration(10s));
    t.talk.crashes_and_restarts(down);
    expects_lost_after(t, 70s - down);
}

TEST_CASE("waking in time after a restart begins the sleep time anew", "[SN12-6.14-f][SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());
    t.talk.advance(600s);
    t.talk.crashes_and_restarts(10s);
    t.talk.advance(40s);
    t.wakes();
    t.node.expects(sn::Pingresp{});
    expects_lost_after(t, 660s);
}

TEST_CASE("a client whose time ran out while the gateway was down gets one more, for nobody could hear it",
          "[SN12-7.2-a][SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());
    t.talk.advance(650s);
    t.talk.crashes_and_restarts(GENERATE(Duration(11s), Duration(100000s)));
    expects_lost_after(t, 660s);
}

TEST_CASE("a clock that was set makes no sleep longer than it can be, and ends none at once", "[SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());
    t.talk.advance(100s);
    t.talk.wall_clock_jumps(GENERATE(std::chrono::hours(-1000000), std::chrono::hours(1000000)));
    t.talk.crashes_and_restarts();
    expects_lost_after(t, 660s);
}

TEST_CASE("killed in the middle of a drain, nobody knows what was heard last, and the client gets its full time",
          "[SN12-6.14-f][SN12-6.12-f]") {
    Sleeper t(State::awake, durable());
    t.talk.crashes_and_restarts(20s);
    expects_lost_after(t, 660s);
}

TEST_CASE("PINGRESP waits for the disk: the promise to wait for the client must outlive the gateway",
          "[SN12-6.14-e][SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());
    t.talk.advance(100s);
    t.talk.disk_holds = true;
    t.wakes();
    t.node.expects_nothing();
    t.talk.commits();
    t.node.expects(sn::Pingresp{});
    t.wakes();  // within the same second there is nothing new to write
    t.node.expects(sn::Pingresp{});
}

TEST_CASE("a record without a deadline, of the first version of the store, gives the full time", "[SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());
    t.talk.advance(100s);
    const gateway::RecordKey flow{RecordKind::flow, 1, 0};
    REQUIRE(t.talk.disk().contains(flow));
    SECTION("no record at all") {
        t.talk.disk_erases(flow);
    }
    SECTION("version 1, with the number of an unfinished QoS 2 exchange of the client") {
        t.talk.disk_damages(flow, hex("01 00000001 0005 0001 0000 01 00  00000000  00000000  00000000"));
    }
    t.talk.crashes_and_restarts();
    CHECK(t.talk.counters().records_damaged == 0);
    expects_lost_after(t, 660s);
}

TEST_CASE("a kept session is forgotten at its time, restart or not", "[SN12-6.3-j][SN12-6.12-f]") {
    auto config = durable();
    config.timers.session_expiry = 24h;
    Sleeper t(GENERATE(State::disconnected, State::lost), config);
    t.talk.advance(10h);
    const auto is_forgotten = [&] { return t.talk.gateway().session_count() == 0 && t.talk.disk().empty(); };
    SECTION("due later") {
        t.talk.crashes_and_restarts(1h);
        t.talk.advance(13h - 2s);
        CHECK(t.talk.gateway().session_count() == 1);
        t.talk.advance(3s);
        CHECK(is_forgotten());
    }
    SECTION("due while the gateway was down: a tenth more, for nobody could come back") {
        t.talk.crashes_and_restarts(100h);
        t.talk.advance(144min - 2s);
        CHECK(t.talk.gateway().session_count() == 1);
        t.talk.advance(3s);
        CHECK(is_forgotten());
    }
    SECTION("twice restarted") {
        t.talk.crashes_and_restarts();
        t.talk.advance(5h);
        t.talk.crashes_and_restarts();
        t.talk.advance(9h + 1s);
        CHECK(is_forgotten());
    }
}

TEST_CASE("the expiry that the configuration says now is the longest", "[SN12-6.3-j]") {
    auto config = durable();
    config.timers.session_expiry = 24h;
    Sleeper t(State::disconnected, config);
    SECTION("shorter") {
        t.talk.configuration().timers.session_expiry = 1h;
        t.talk.crashes_and_restarts();
        t.talk.advance(1h);
        CHECK(t.talk.gateway().session_count() == 0);
    }
    SECTION("never") {
        t.talk.configuration().timers.session_expiry = 0s;
        t.talk.crashes_and_restarts();
        t.talk.advance(1000h);
        CHECK(t.talk.gateway().session_count() == 1);
    }
}

TEST_CASE("a client that should have woken while the gateway was down gets its full time",
          "[SN12-7.2-a][SN12-6.12-f]") {
    Sleeper t(State::asleep, durable());  // it wakes after 600 s at the latest, and is lost after 660 s
    t.talk.advance(550s);
    t.talk.crashes_and_restarts(105s);
    expects_lost_after(t, 660s);
}

}  // namespace sleep_restart_test
