// What a message costs the heap once everything is under way.
#include "tests/bench/allocations.hpp"
#include "tests/bench/core_rig.hpp"

#include <catch2/catch.hpp>

namespace steady_state_test {

using namespace mqttsn;
using test::CoreRig;

namespace {

constexpr std::size_t clients = 10;
constexpr std::size_t messages = 1000;

/// Allocations of `messages` steps, after as many that filled tables and buffers.
template <class Step>
std::uint64_t allocations_of(CoreRig& rig, Step step) {
    const auto all = [&] {
        for (std::size_t i = 0; i < messages; ++i)
            step(i % clients);
    };
    all();
    const auto before = test::allocations().count;
    all();
    CHECK(rig.counters().malformed == 0);
    CHECK(rig.counters().unexpected == 0);
    return test::allocations().count - before;
}

void prepare(CoreRig& rig) {
    rig.add_clients(clients);
    for (std::size_t i = 0; i < clients; ++i) {
        rig.registers(i);
        rig.subscribes(i);
    }
}

}  // namespace

TEST_CASE("A message up at QoS 0 allocates nothing", "[allocations]") {
    CoreRig rig;
    prepare(rig);
    CHECK(allocations_of(rig, [&](std::size_t client) { rig.publishes(client, Qos::at_most_once); }) == 0);
    CHECK(rig.counters().publish_in_qos0 == 2 * messages);
}

TEST_CASE("A message up at QoS 1 or 2 allocates the copy that a lost connection would need", "[allocations]") {
    CoreRig rig;
    prepare(rig);
    CHECK(allocations_of(rig, [&](std::size_t client) { rig.publishes(client, Qos::at_least_once); }) == messages);
    CHECK(allocations_of(rig, [&](std::size_t client) { rig.publishes(client, Qos::exactly_once); }) == messages);
    CHECK(rig.counters().publish_in_qos1 == 2 * messages);
    CHECK(rig.counters().publish_in_qos2 == 2 * messages);
}

TEST_CASE("A message down allocates its place in the queue, its topic and its payload", "[allocations]") {
    CoreRig rig;
    prepare(rig);
    for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
        CHECK(allocations_of(rig, [&](std::size_t client) { rig.is_sent(client, qos); }) <= 3 * messages);
    }
    CHECK(rig.counters().publish_out_qos0 == 2 * messages);
    CHECK(rig.counters().publish_out_qos1 == 2 * messages);
    CHECK(rig.counters().publish_out_qos2 == 2 * messages);
}

TEST_CASE("A ping allocates nothing", "[allocations]") {
    CoreRig rig;
    prepare(rig);
    CHECK(allocations_of(rig, [&](std::size_t client) { rig.pings(client); }) == 0);
}

TEST_CASE("A client that is connected and silent needs less than 2 KiB of the heap", "[allocations]") {
    CoreRig rig;
    constexpr std::size_t many = 1000;
    rig.add_clients(many);
    const auto before = test::allocations().octets;
    rig.add_clients(many);
    CHECK(test::allocations().octets - before < std::int64_t{2048 * many});
}

}  // namespace steady_state_test
