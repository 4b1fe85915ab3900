// The gate's bounds; that nothing runs ahead of the disk is tested by scenarios and by the simulation.
#include "gateway/core/output_gate.hpp"

#include <catch2/catch.hpp>

namespace output_gate_test {

using namespace mqttsn;
using namespace mqttsn::gateway;

namespace {

struct World : OutputGate::Exit {
    void leave(const FrameOut&, Bytes octets) override { frames.emplace_back(as_text(octets)); }
    void leave(const UpstreamOut&, Bytes octets) override { upstream.emplace_back(as_text(octets)); }
    void overflowed(UpstreamId id) override { overflows.push_back(id); }

    /// A turn with a frame, or octets for the broker, of client 1.
    void says(std::string_view text, bool to_broker = false) {
        const Bytes octets = as_bytes(text);
        out.octets.assign(octets.begin(), octets.end());
        if (to_broker) {
            out.upstream.push_back({.id = 5, .action = UpstreamAction::send, .size = octets.size(), .owner = 1});
        } else {
            out.frames.push_back({.to = {}, .size = octets.size(), .owner = 1});
        }
        gate.pass(out, 1, *this);
        out.clear();
    }
    void writes() { out.store.push_back({.key = {.session = 1}, .owner = 1}); }

    OutputGate gate;
    Outbox out;
    std::vector<std::string> frames, upstream;
    std::vector<UpstreamId> overflows;
};

}  // namespace

TEST_CASE("frames of a client beyond those that may wait for the disk are dropped and counted") {
    World world;
    world.writes();
    for (std::size_t i = 0; i < OutputGate::max_frames_per_client + 3; ++i)
        world.says(std::to_string(i));
    CHECK(world.frames.empty());
    CHECK(world.gate.waiting() == 1);
    CHECK(world.gate.frames_dropped() == 3);
    world.gate.committed(1, world);
    CHECK(world.frames.size() == OutputGate::max_frames_per_client);
    CHECK(world.frames.back() == std::to_string(OutputGate::max_frames_per_client - 1));
    CHECK(world.gate.waiting() == 0);
    world.says("after");
    CHECK(world.frames.back() == "after");
}

TEST_CASE("a broker connection that has too much waiting for the disk is given up, once") {
    World world;
    world.writes();
    const std::string half(OutputGate::max_octets_per_client / 2, 'x');
    for (int i = 0; i < 4; ++i)
        world.says(half, true);
    CHECK(world.overflows == std::vector<UpstreamId>{5});
    world.gate.committed(1, world);
    CHECK(world.upstream.size() == 2);
}

}  // namespace output_gate_test
