// A client that is spoken to and answered octet by octet.
#pragma once

#include "tests/support/talk.hpp"

namespace mqttsn::test {

/// With a Length of one octet, and of three (SN 5.2.1).
inline Buffer short_form(const sn::Packet& packet) {
    return frame_of(packet);
}

inline Buffer long_form(const sn::Packet& packet) {
    Buffer frame = frame_of(packet);
    const std::size_t total = frame.size() + 2;
    frame[0] = static_cast<std::byte>(total & 0xFFU);
    frame.insert(frame.begin(), {std::byte{1}, static_cast<std::byte>(total >> 8U)});
    return frame;
}

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
