// The bad network of the simulator: what becomes of frames, in virtual time.
#include "tools/node/impairment.hpp"

#include "protocol/sn/forwarder.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace impairment_test {

using namespace mqttsn;
using namespace mqttsn::node;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start = TimePoint{} + 1h;

Buffer frame_of(const sn::Packet& packet) {
    Buffer frame;
    REQUIRE(sn::encode(packet, 1024, frame).has_value());
    return frame;
}

Buffer publish(sn::MsgId number) {
    return frame_of(sn::Publish{false, Qos::at_least_once, false, sn::TopicIdType::normal, 1, number, {}});
}

struct Network {
    explicit Network(const ImpairmentOptions& options, std::uint64_t seed = 1) : impairment(options, seed, start) {}
    void send(sn::MsgId number, Direction direction = Direction::up) {
        impairment.put(direction, publish(number), now);
    }
    /// The MsgIds of what has arrived by now.
    std::vector<int> arrived() {
        std::vector<int> numbers;
        while (const auto each = impairment.take(now)) {
            const auto packet = sn::decode(each->frame);
            REQUIRE(packet.has_value());
            numbers.push_back(std::get<sn::Publish>(*packet).msg_id);
        }
        return numbers;
    }
    ImpairmentCounters::Way way(Direction direction) const {
        return impairment.counters().ways[static_cast<std::size_t>(direction)];
    }

    Impairment impairment;
    TimePoint now = start;
};

ImpairmentOptions only(const ImpairmentRule& rule) {
    ImpairmentOptions options;
    options.rules.push_back(rule);
    return options;
}

std::vector<int> up_to(int last) {
    std::vector<int> numbers;
    for (int i = 1; i <= last; ++i)
        numbers.push_back(i);
    return numbers;
}

}  // namespace

TEST_CASE("a network without impairments changes nothing") {
    CHECK_FALSE(ImpairmentOptions{}.is_any());
    Network network({});
    for (sn::MsgId number = 1; number <= 20; ++number)
        network.send(number);
    CHECK(network.arrived() == up_to(20));
    CHECK_FALSE(network.impairment.next_timeout().has_value());
    CHECK_FALSE(network.impairment.rebinds(start + 24h));
    CHECK(network.way(Direction::up).frames == 20);
}

TEST_CASE("loss and duplication are as frequent as asked, in each direction", "[SN12C-6.13-b]") {
    ImpairmentOptions options;
    options.loss = 0.1;
    options.duplication = 0.05;
    Network network(options);
    for (const Direction direction : {Direction::up, Direction::down}) {
        std::size_t arrived = 0;
        for (sn::MsgId number = 1; number <= 10000; ++number) {
            network.send(number, direction);
            arrived += network.arrived().size();
        }
        const auto counts = network.way(direction);
        CHECK(counts.frames == 10000);
        CHECK(counts.lost > 900);
        CHECK(counts.lost < 1100);
        CHECK(counts.doubled > 380);
        CHECK(counts.doubled < 520);
        CHECK(arrived == counts.frames - counts.lost + counts.doubled);
    }
}

TEST_CASE("the same seed has the same luck, one way whatever goes the other way", "[SN12C-6.13-b]") {
    const auto luck = [](std::uint64_t seed, bool other_way) {
        ImpairmentOptions options;
        options.loss = 0.3;
        options.duplication = 0.2;
        options.reorder = 0.2;
        Network network(options, seed);
        std::vector<int> arrived;
        for (sn::MsgId number = 1; number <= 100; ++number) {
            network.send(number);
            for (const int each : network.arrived())
                arrived.push_back(each);
            if (other_way) network.send(number, Direction::down);
            if (other_way) network.arrived();
        }
        return arrived;
    };
    CHECK(luck(1, false) == luck(1, false));
    CHECK(luck(1, false) == luck(1, true));
    CHECK(luck(1, false) != luck(2, false));
}

TEST_CASE("a reordered frame is overtaken by the next one, or late when none comes", "[SN12C-6.13-b]") {
    ImpairmentRule second;
    second.effect = Effect::reorder;
    second.first = second.last = 2;
    Network network(only(second));
    network.send(1);
    network.send(2);
    CHECK(network.arrived() == std::vector<int>{1});
    SECTION("another comes") {
        network.send(3);
        CHECK(network.arrived() == std::vector<int>{3, 2});
    }
    SECTION("what goes the other way does not overtake") {
        network.send(3, Direction::down);
        CHECK(network.arrived() == std::vector<int>{3});
    }
    SECTION("none comes") {
        CHECK(network.impairment.next_timeout() == start + Impairment::patience);
        network.now += Impairment::patience;
        CHECK(network.arrived() == std::vector<int>{2});
    }
    CHECK(network.way(Direction::up).reordered == 1);
}

TEST_CASE("delays vary within their jitter and keep the order of frames", "[SN12C-6.13-b]") {
    ImpairmentOptions options;
    options.delay = 200ms;
    options.jitter = 100ms;
    Network network(options);
    for (sn::MsgId number = 1; number <= 50; ++number)
        network.send(number);
    network.now = start + 99ms;
    CHECK(network.arrived().empty());
    CHECK(*network.impairment.next_timeout() >= start + 100ms);
    network.now = start + 300ms;
    CHECK(network.arrived() == up_to(50));
    CHECK(network.way(Direction::up).delayed == 50);
}

TEST_CASE("a script picks frames by direction, type and number", "[SN12C-6.13-b]") {
    ImpairmentRule rule;
    rule.direction = Direction::up;
    rule.type = sn::MsgType::publish;
    rule.first = 2;
    rule.last = 3;
    Network network(only(rule));
    std::vector<int> arrived;
    for (sn::MsgId number = 1; number <= 5; ++number) {
        network.impairment.put(Direction::up, frame_of(sn::Pingreq{}), network.now);
        CHECK(network.impairment.take(network.now).has_value());
        network.send(number);
        network.send(static_cast<sn::MsgId>(number + 100), Direction::down);
        for (const int each : network.arrived())
            arrived.push_back(each);
    }
    CHECK(arrived == std::vector<int>{1, 101, 102, 103, 4, 104, 5, 105});
}

TEST_CASE("an acknowledgement is withheld for some transmissions or for ever", "[SN12C-6.13-c]") {
    const sn::Packet withheld = GENERATE(sn::Packet(sn::Regack{}), sn::Packet(sn::Puback{}), sn::Packet(sn::Pubrec{}),
                                         sn::Packet(sn::Pubcomp{}));
    ImpairmentRule rule;
    rule.direction = Direction::up;
    rule.type = sn::type_of(withheld);
    const bool for_ever = GENERATE(false, true);
    if (!for_ever) rule.last = 3;
    Network network(only(rule));
    std::string passed;
    for (int i = 0; i < 6; ++i) {
        network.impairment.put(Direction::up, frame_of(withheld), start);
        passed += network.impairment.take(start) ? 'y' : 'n';
    }
    CHECK(passed == (for_ever ? "nnnnnn" : "nnnyyy"));
    CHECK(network.way(Direction::up).lost == (for_ever ? 6 : 3));
}

TEST_CASE("the type of a frame is that of the message inside") {
    Buffer encapsulated;
    sn::append_encapsulation(0, as_bytes("node"), encapsulated);
    CHECK(type_of_frame(encapsulated) == sn::MsgType::encapsulated);
    const Buffer inner = publish(1);
    encapsulated.insert(encapsulated.end(), inner.begin(), inner.end());
    CHECK(type_of_frame(encapsulated) == sn::MsgType::publish);
    CHECK(type_of_frame(inner) == sn::MsgType::publish);
    CHECK_FALSE(type_of_frame(as_bytes("")).has_value());
    CHECK_FALSE(type_of_frame(as_bytes("\x02")).has_value());
    CHECK_FALSE(type_of_frame(as_bytes("\x01\x02\x03")).has_value());
}

TEST_CASE("a NAT gives the node a new address with the next frame that it sends", "[SN12C-6.2-d]") {
    ImpairmentOptions options;
    options.nat_rebind = 60s;
    CHECK(options.is_any());
    Network network(options);
    CHECK_FALSE(network.impairment.rebinds(start + 29s));
    network.now = start + 60s;
    network.send(1, Direction::down);
    CHECK(network.arrived().empty());
    CHECK(network.impairment.counters().astray == 1);
    CHECK(network.impairment.rebinds(network.now));
    CHECK_FALSE(network.impairment.rebinds(network.now + 59s));
    network.send(2, Direction::down);
    CHECK(network.arrived() == std::vector<int>{2});
    CHECK(network.impairment.rebinds(network.now + 60s));
    CHECK(network.impairment.counters().rebindings == 2);
}

TEST_CASE("a network carries a bounded number of frames") {
    ImpairmentOptions options;
    options.delay = 1h;
    Network network(options);
    for (std::size_t i = 0; i < Impairment::most_waiting + 10; ++i)
        network.send(1);
    CHECK(network.impairment.counters().overflows == 10);
    network.now += 1h;
    CHECK(network.arrived().size() == Impairment::most_waiting);
}

TEST_CASE("what was done to the frames of many nodes adds up") {
    ImpairmentOptions options;
    options.loss = 0.5;
    Network one(options, 1);
    Network two(options, 2);
    for (sn::MsgId number = 1; number <= 10; ++number) {
        one.send(number);
        two.send(number);
    }
    ImpairmentCounters sum = one.impairment.counters();
    sum += two.impairment.counters();
    CHECK(sum.ways[0].frames == 20);
    CHECK(sum.ways[0].lost == one.way(Direction::up).lost + two.way(Direction::up).lost);
}

}  // namespace impairment_test
