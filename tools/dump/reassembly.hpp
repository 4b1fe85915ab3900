// IP fragments put together (RFC 791, RFC 8200 4.5): a long frame does not fit in one Ethernet packet. Pure.
#pragma once

#include "tools/dump/link_layer.hpp"

#include <map>
#include <string>

namespace mqttsn::tools {

class Reassembly {
public:
    /// At most this many packets wait for their missing parts; the oldest one gives way.
    static constexpr std::size_t most_packets = 64;

    /// The datagram if this was the last part that was missing, else Found::What::other. Views into this object, valid
    /// until the next call. Parts that overlap are not believed: their packet is never complete.
    Found add(const Fragment& fragment);

    /// Fragments of packets that were never complete, so far.
    std::uint64_t left_over() const noexcept;

private:
    struct Packet {
        std::map<std::size_t, Buffer> parts;  // by offset
        std::size_t octets = 0;               // of all parts
        std::optional<std::size_t> size;      // known from the last part
        std::uint64_t number = 0;             // in the order of their first parts
    };
    using Packets = std::map<std::string, Packet>;

    Packets::iterator packet_of(const Fragment& fragment);
    void give_up(Packets::iterator packet);

    Packets packets_;
    Buffer whole_;
    Buffer addresses_;
    std::uint64_t begun_ = 0;
    std::uint64_t given_up_ = 0;
};

}  // namespace mqttsn::tools
