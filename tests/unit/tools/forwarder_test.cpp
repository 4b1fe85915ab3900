// A forwarder between nodes and the gateway.
#include "protocol/sn/forwarder.hpp"
#include "tests/unit/tools/node_talk.hpp"
#include "tools/node/forwarder.hpp"

#include <catch2/catch.hpp>

namespace forwarder_test {

using namespace mqttsn;
using namespace mqttsn::node;

namespace {

Buffer from_gateway(std::uint8_t radius, std::string_view node_id, const sn::Packet& packet) {
    Buffer datagram;
    sn::append_encapsulation(radius, as_bytes(node_id), datagram);
    REQUIRE(sn::encode(packet, 65535, datagram).has_value());
    return datagram;
}

struct Village {
    Village() {
        for (const std::string id : {"a", "b", "aa"})
            forwarder.add(as_bytes(id), [this, id](Bytes frame) { heard.push_back(id + ": " + describe(frame)); });
    }
    Texts hears(const Buffer& datagram) {
        heard.clear();
        forwarder.receive(datagram);
        std::sort(heard.begin(), heard.end());
        return heard;
    }
    Forwarder forwarder;
    Texts heard;
};

}  // namespace

TEST_CASE("a forwarder wraps the frames of its nodes unchanged with their node ids", "[SN12C-5.5-a]") {
    const std::string id = GENERATE(std::string("a"), std::string(252, '\xFF'));
    const Buffer frame = GENERATE(octets("\x02\x16"), Buffer(300, std::byte{7}), octets("not even a frame"));
    const Buffer datagram = Forwarder::wrap(as_bytes(id), frame);
    REQUIRE(datagram.size() == 3 + id.size() + frame.size());
    CHECK(datagram[0] == static_cast<std::byte>(3 + id.size()));
    CHECK(datagram[1] == std::byte{0xFE});
    CHECK(datagram[2] == std::byte{0});
    CHECK(std::equal(frame.begin(), frame.end(), datagram.end() - static_cast<std::ptrdiff_t>(frame.size())));
}

TEST_CASE("a forwarder delivers by node id, a broadcast goes to all its nodes", "[SN12C-5.5-a]") {
    Village village;
    CHECK(village.hears(from_gateway(0, "a", sn::Pingresp{})) == Texts{"a: PINGRESP"});
    CHECK(village.hears(from_gateway(0, "aa", sn::Pingresp{})) == Texts{"aa: PINGRESP"});
    CHECK(village.hears(from_gateway(1, "a", sn::GwInfo{1, {}})) == Texts{"a: GWINFO", "aa: GWINFO", "b: GWINFO"});
    CHECK(village.hears(from_gateway(0, "c", sn::Pingresp{})).empty());
    CHECK(village.forwarder.counters().unknown == 1);
}

TEST_CASE("what is not encapsulated, or badly, is dropped and counted", "[SN12C-5.5-a]") {
    Village village;
    for (const std::string bad : {"", "\x02\x17", "\x04\xFE", "\x03\xFE", "\x04\xFE\x01"})
        CHECK(village.hears(octets(bad)).empty());
    CHECK(village.forwarder.counters().malformed == 5);
}

TEST_CASE("a node may leave when it hears what it gets") {
    Forwarder forwarder;
    int heard = 0;
    for (const std::string_view id : {"a", "b"}) {
        forwarder.add(as_bytes(id), [&](Bytes) {
            ++heard;
            forwarder.remove(as_bytes("a"));
            forwarder.remove(as_bytes("b"));
        });
    }
    forwarder.receive(from_gateway(0, "a", sn::Pingresp{}));
    CHECK(heard == 1);
    forwarder.receive(from_gateway(0, "b", sn::Pingresp{}));
    CHECK(heard == 1);
}

}  // namespace forwarder_test
