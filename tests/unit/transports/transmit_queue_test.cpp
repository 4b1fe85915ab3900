// Frames that wait for a radio: which leaves next, and which is dropped.
#include "transports/radio/transmit_queue.hpp"

#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

namespace transmit_queue_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{};
const std::string_view puback = "07 0D 00 01 00 07 00";
const std::string_view publish_0 = "08 0C 00 00 01 00 00 41";
const std::string_view publish_1 = "08 0C 20 00 01 00 07 41";
const std::string_view publish_1_dup = "08 0C A0 00 01 00 07 41";
const std::string_view publish_2 = "08 0C 40 00 01 00 08 41";
const std::string_view advertise = "05 00 01 03 84";
const std::string_view pingresp = "02 17";

class Queue {
public:
    explicit Queue(TransmitLimits limits = {}) : queue(limits) {}

    TransmitQueue::Pushed push(FrameToken token, std::string_view octets, unsigned node = 1, TimePoint now = start) {
        const Buffer frame = hex(octets);
        const Buffer address{static_cast<std::byte>(node)};
        return queue.push({token, false, 0, Address(address), frame}, now, dropped);
    }
    TransmitQueue::Pushed broadcast(FrameToken token, std::string_view octets) {
        const Buffer frame = hex(octets);
        return queue.push({token, true, 0, {}, frame}, start, dropped);
    }
    bool takes(FrameToken token, std::string_view octets, unsigned node = 1, TimePoint now = start) {
        return push(token, octets, node, now).outcome == TransmitQueue::Outcome::queued;
    }
    std::vector<FrameToken> drain() {
        std::vector<FrameToken> left;
        while (const auto next = queue.next()) {
            left.push_back(next->token);
            queue.pop();
        }
        CHECK(queue.empty());
        CHECK(queue.octets() == 0);
        return left;
    }

    TransmitQueue queue;
    std::vector<FrameToken> dropped;
};

using Tokens = std::vector<FrameToken>;

TransmitLimits at_most(std::size_t frames, std::size_t frames_per_node) {
    TransmitLimits limits;
    limits.frames = frames;
    limits.frames_per_node = frames_per_node;
    return limits;
}

}  // namespace

TEST_CASE("the class of a frame is read from its message, behind forwarder headers and both forms of Length") {
    CHECK(transmit_class(hex(puback)) == TransmitClass::control);
    CHECK(transmit_class(hex(publish_0)) == TransmitClass::unreliable);
    CHECK(transmit_class(hex(publish_1)) == TransmitClass::reliable);
    CHECK(transmit_class(hex(publish_2)) == TransmitClass::reliable);
    CHECK(transmit_class(hex("07 0C 60 00 01 00 00")) == TransmitClass::unreliable);
    CHECK(transmit_class(hex(advertise)) == TransmitClass::advertise);
    CHECK(transmit_class(hex("05 FE 00 00 01 08 0C 20 00 01 00 07 41")) == TransmitClass::reliable);
    CHECK(transmit_class(hex("05 FE 00 00 01 04 FE 00 09 05 00 01 03 84")) == TransmitClass::advertise);
    CHECK(transmit_class(hex("01 00 0A 0C 20 00 01 00 07 41")) == TransmitClass::reliable);
    for (const auto* broken : {"", "01", "02", "01 00 04", "02 0C", "FE FE", "02 FE", "00 FE 00 01", "03 FE 00"}) {
        CAPTURE(broken);
        CHECK(transmit_class(hex(broken)) == TransmitClass::control);
    }
}

TEST_CASE("acknowledgements leave first and ADVERTISE last") {
    Queue queue;
    CHECK(queue.broadcast(1, advertise).outcome == TransmitQueue::Outcome::queued);
    CHECK(queue.takes(2, publish_0));
    CHECK(queue.takes(3, publish_1));
    CHECK(queue.takes(4, publish_2));
    CHECK(queue.takes(5, puback));
    CHECK(queue.drain() == Tokens{5, 3, 4, 2, 1});
}

TEST_CASE("PINGRESP and DISCONNECT wait for the messages in front of them and lend them their urgency",
          "[SN12-6.14-e]") {
    const auto* last = GENERATE("02 17", "02 18", "04 18 00 3C");
    Queue queue;
    CHECK(queue.takes(1, puback, 2));
    CHECK(queue.takes(2, publish_0, 1));
    CHECK(queue.takes(3, publish_1, 1));
    CHECK(queue.takes(4, last, 1));
    CHECK(queue.takes(5, puback, 1));
    CHECK(queue.takes(6, publish_1, 2));
    CHECK(queue.drain() == Tokens{1, 3, 2, 4, 5, 6});
}

TEST_CASE("nodes take turns, however many frames one of them has waiting") {
    Queue queue;
    for (FrameToken token = 1; token <= 4; ++token) {
        Buffer frame = hex(publish_1);
        frame[6] = static_cast<std::byte>(token);
        CHECK(queue.takes(token, to_hex(frame), 1));
    }
    CHECK(queue.takes(5, publish_1, 2));
    CHECK(queue.takes(6, publish_1, 3));
    CHECK(queue.takes(7, publish_2, 3));
    CHECK(queue.drain() == Tokens{1, 5, 6, 2, 7, 3, 4});
}

TEST_CASE("behind forwarders each node id has its own turn") {
    Queue queue;
    CHECK(queue.takes(1, "05 FE 00 00 01 07 0D 00 01 00 07 00"));
    CHECK(queue.takes(2, "05 FE 00 00 01 07 0D 00 01 00 08 00"));
    CHECK(queue.takes(3, "05 FE 00 00 02 07 0D 00 01 00 07 00"));
    CHECK(queue.drain() == Tokens{1, 3, 2});
}

TEST_CASE("a retransmission is not queued while the first copy waits") {
    Queue queue;
    CHECK(queue.takes(1, publish_1));
    const auto again = queue.push(2, publish_1_dup);
    CHECK(again.outcome == TransmitQueue::Outcome::duplicate);
    CHECK(again.waiting == 1);
    CHECK(queue.takes(3, publish_1, 2));
    CHECK(queue.takes(4, puback));
    CHECK(queue.push(5, puback).outcome == TransmitQueue::Outcome::duplicate);
    CHECK(queue.queue.counters().duplicates == 2);
    CHECK(queue.queue.counters().queued > 0);
    CHECK(queue.drain() == Tokens{4, 3, 1});
    CHECK(queue.takes(6, publish_1_dup));
}

TEST_CASE("PUBREL does not overtake a repeated PUBLISH of its message, but ends it", "[SN12-6.13-a]") {
    const auto* publish_2_dup = "08 0C C0 00 01 00 08 41";
    const auto* pubrel = "04 10 00 08";
    Queue queue;
    CHECK(queue.takes(1, "08 0C 40 00 01 00 09 41"));
    CHECK(queue.takes(2, publish_2_dup));
    CHECK(queue.takes(3, publish_2_dup, 2));
    CHECK(queue.takes(4, "08 0C 20 00 01 00 08 42"));  // QoS 1 has no PUBREL
    CHECK(queue.takes(5, pubrel));
    CHECK(queue.dropped == Tokens{2});
    CHECK(queue.queue.counters().duplicates == 1);
    CHECK(queue.drain() == Tokens{5, 3, 1, 4});
}

TEST_CASE("two equal readings with QoS 0 are two messages") {
    Queue queue;
    CHECK(queue.takes(1, publish_0));
    CHECK(queue.takes(2, publish_0));
    CHECK(queue.drain() == Tokens{1, 2});
}

TEST_CASE("a full node loses its oldest reading to a newer one, and refuses what has nothing to displace") {
    Queue queue(at_most(100, 2));
    CHECK(queue.takes(1, publish_0));
    CHECK(queue.takes(2, publish_0));
    CHECK(queue.takes(3, publish_0));
    CHECK(queue.dropped == Tokens{1});
    CHECK(queue.takes(4, publish_1));
    CHECK(queue.takes(5, publish_2));
    CHECK(queue.dropped == Tokens{1, 2, 3});
    CHECK(queue.push(6, "08 0C 20 00 01 00 09 41").outcome == TransmitQueue::Outcome::refused);
    CHECK_FALSE(queue.takes(7, publish_0));
    CHECK(queue.takes(8, publish_0, 2));
    CHECK(queue.takes(9, puback));
    CHECK(queue.dropped == Tokens{1, 2, 3, 5});
    CHECK(queue.takes(10, pingresp));
    CHECK_FALSE(queue.takes(11, "03 05 00"));
    CHECK(queue.queue.counters().displaced == 5);
    CHECK(queue.queue.counters().refused == 3);
    CHECK(queue.drain() == Tokens{9, 10, 8});
}

TEST_CASE("a full link takes from the node that has the most waiting") {
    Queue queue(at_most(4, 3));
    CHECK(queue.takes(1, publish_0, 1));
    CHECK(queue.takes(2, publish_0, 2));
    CHECK(queue.takes(3, publish_0, 2));
    CHECK(queue.takes(4, publish_0, 2));
    CHECK(queue.takes(5, publish_0, 3));
    CHECK(queue.dropped == Tokens{2});
    CHECK(queue.takes(6, puback, 4));
    CHECK(queue.queue.size() == 4);
    CHECK(queue.dropped == Tokens{2, 3});
    CHECK(queue.queue.counters().most_frames == 4);
}

TEST_CASE("octets are bounded as frames are") {
    TransmitLimits limits;
    limits.octets = 20;
    limits.octets_per_node = 16;
    Queue queue(limits);
    CHECK(queue.takes(1, publish_1));
    CHECK(queue.takes(2, publish_2));
    CHECK_FALSE(queue.takes(3, "08 0C 20 00 01 00 09 41"));
    CHECK_FALSE(queue.takes(4, publish_1, 2));
    CHECK(queue.takes(5, "03 05 00", 2));
    CHECK_FALSE(queue.takes(6, "11 0C 20 00 01 00 09 41 41 41 41 41 41 41 41 41 41", 3));
    CHECK(queue.queue.octets() == 19);
    CHECK(queue.dropped.empty());
}

TEST_CASE("readings that waited too long are dropped and promises are kept") {
    Queue queue;
    CHECK_FALSE(queue.queue.next_expiry());
    CHECK(queue.takes(1, publish_1));
    CHECK(queue.takes(2, publish_0));
    CHECK(queue.takes(3, publish_0, 2, start + 1s));
    CHECK(queue.queue.next_expiry() == start + 60s);
    queue.queue.expire(start + 60s - 1us, queue.dropped);
    CHECK(queue.dropped.empty());
    queue.queue.expire(start + 60s, queue.dropped);
    CHECK(queue.dropped == Tokens{2});
    CHECK(queue.queue.next_expiry() == start + 61s);
    queue.queue.expire(start + 2h, queue.dropped);
    CHECK(queue.dropped == Tokens{2, 3});
    CHECK(queue.queue.counters().expired == 2);
    CHECK(queue.drain() == Tokens{1});
}

TEST_CASE("when the link is down everything waiting has failed") {
    Queue queue;
    CHECK(queue.takes(1, publish_1));
    CHECK(queue.takes(2, publish_0, 2));
    CHECK(queue.broadcast(3, advertise).outcome == TransmitQueue::Outcome::queued);
    queue.queue.clear(queue.dropped);
    CHECK(queue.dropped == Tokens{1, 2, 3});
    CHECK(queue.queue.empty());
    CHECK_FALSE(queue.queue.next());
}

}  // namespace transmit_queue_test
