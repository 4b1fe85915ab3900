// A bridge between a link and a gateway elsewhere: whose frame it is, both ways.
#include "tools/node/relay.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

namespace relay_test {

using namespace mqttsn;
using namespace mqttsn::node;
using test::hex;
using test::to_hex;

namespace {

const Address xbee{hex("0013a20040401001")};

std::string in_words(const std::optional<Relay::Down>& down) {
    if (!down) return "nothing";
    const std::string to = down->broadcast ? "all " + std::to_string(down->radius) : to_hex(down->to.octets());
    return to + ": " + to_hex(down->frame);
}

}  // namespace

TEST_CASE("a bridge makes node ids of addresses, and addresses of node ids", "[SN12C-5.5-a]") {
    Relay relay;
    CHECK(to_hex(relay.up(xbee, hex("0216"))) == "0bfe000013a200404010010216");
    CHECK(in_words(relay.down(hex("0bfe000013a200404010010217"))) == "0013a20040401001: 0217");
    CHECK(relay.counters().up == 1);
    CHECK(relay.counters().down == 1);
}

TEST_CASE("a bridge lets through the ids that nodes give themselves", "[SN12C-5.5-a]") {
    Relay relay;
    CHECK(to_hex(relay.up({}, hex("05fe0000070216"))) == "05fe0000070216");
    CHECK(in_words(relay.down(hex("05fe0000070217"))) == ": 05fe0000070217");
}

TEST_CASE("a forwarder behind a radio keeps its own encapsulation inside", "[SN12C-5.5-a]") {
    Relay relay;
    CHECK(to_hex(relay.up(xbee, hex("04fe00070216"))) == "0bfe000013a2004040100104fe00070216");
    CHECK(in_words(relay.down(hex("0bfe000013a2004040100104fe00070217"))) == "0013a20040401001: 04fe00070217");
}

TEST_CASE("the only node of a line has the id 00", "[SN12C-5.5-a]") {
    Relay relay;
    CHECK(to_hex(relay.up({}, hex("0216"))) == "04fe00000216");
    CHECK(in_words(relay.down(hex("04fe00000217"))) == ": 0217");
}

TEST_CASE("what is for all nodes is broadcast on the link", "[SN12C-5.5-a]") {
    Relay relay;
    CHECK(in_words(relay.down(hex("0500010384"))) == "all 0: 0500010384");
    CHECK(in_words(relay.down(hex("04fe02000302 01"))) == "all 2: 030201");
    CHECK(relay.counters().broadcasts == 2);
}

TEST_CASE("a bridge drops and counts what is no encapsulation or for no address", "[SN12C-5.5-a]") {
    Relay relay;
    relay.up(xbee, hex("0216"));
    CHECK(in_words(relay.down(hex("03fe00"))) == "nothing");
    CHECK(in_words(relay.down(hex("1afe00"
                                  "0102030405060708090a0b0c0d0e0f1011121314151617"
                                  "0217"))) == "nothing");
    CHECK(relay.counters().malformed == 2);
}

}  // namespace relay_test
