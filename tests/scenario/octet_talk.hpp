// A client that is spoken to and answered octet by octet.
#pragma once

#include "tests/support/talk.hpp"

namespace mqttsn::test {

/// A connected client c1, a/b registered as topic 1.
struct Connected {
    explicit Connected(gateway::Config config = Talk::config()) : talk(std::move(config)) {
        node.connects("c1");
        REQUIRE(node.registers("a/b") == 1);
        talk.heard();
    }
    void says(std::string_view octets) const { node.sends(hex(octets)); }
    void hears(std::string_view octets) const { CHECK(to_hex(node.next_datagram()) == to_hex(hex(octets))); }

    Talk talk;
    Device node = talk.device(1);
};

}  // namespace mqttsn::test
