#include "transports/memory.hpp"

#include <catch2/catch.hpp>

namespace memory_test {

using namespace mqttsn;
using namespace mqttsn::transports;

namespace {

struct Listener final : FrameHandler {
    void on_frame(const FrameInfo& info, Bytes frame) override {
        said.push_back(std::to_string(info.from.link) + " " + std::string(as_text(info.from.address.octets())) + ": " +
                       std::string(as_text(frame)));
    }
    void on_link_state(LinkId, bool, const std::string&) override {}
    void on_batch_end() override { said.emplace_back("end"); }
    std::vector<std::string> said;
};

}  // namespace

TEST_CASE("a memory link delivers at once between start and stop") {
    MemoryTransport link(3, {"memory", 60, true});
    Listener listener;
    link.deliver("a", as_bytes("early"));
    REQUIRE(link.start(listener).has_value());
    link.deliver("a", as_bytes("hello"));
    link.stop();
    link.deliver("a", as_bytes("late"));
    CHECK(listener.said == std::vector<std::string>{"3 a: hello", "end"});
    CHECK(link.counters().frames_in == 1);
    CHECK(link.counters().octets_in == 5);
    CHECK(link.traits().max_frame == 60);
}

TEST_CASE("what a memory link sent is taken in order, with address or radius") {
    MemoryTransport link(0, {"memory", 60, true});
    const Address b(as_bytes("b"));
    CHECK(link.send(b, as_bytes("one")));
    CHECK(link.broadcast(2, as_bytes("four")));
    const auto first = link.take();
    REQUIRE(first.has_value());
    REQUIRE(first->to.has_value());
    CHECK(link.to_string(*first->to) == "b");
    CHECK(as_text(first->frame) == "one");
    const auto second = link.take();
    REQUIRE(second.has_value());
    CHECK_FALSE(second->to.has_value());
    CHECK(second->radius == 2);
    CHECK(as_text(second->frame) == "four");
    CHECK_FALSE(link.take().has_value());
    CHECK(link.counters().frames_out == 2);
    CHECK(link.counters().octets_out == 7);
}

TEST_CASE("a full memory link refuses and counts") {
    MemoryTransport link(0, {"memory", 60, true}, 2);
    const Address b(as_bytes("b"));
    CHECK(link.send(b, as_bytes("1")));
    CHECK(link.broadcast(0, as_bytes("2")));
    CHECK_FALSE(link.send(b, as_bytes("3")));
    CHECK_FALSE(link.broadcast(0, as_bytes("4")));
    CHECK(link.counters().send_queue_full == 2);
    CHECK(link.counters().frames_out == 2);
    link.take();
    CHECK(link.send(b, as_bytes("5")));
}

}  // namespace memory_test
