// A byte stream of MQTT packets, cut into packets (MQTT 2.2). Pure.
#pragma once

#include "protocol/mqtt/codec.hpp"

namespace mqttsn::mqtt {

class StreamParser {
public:
    explicit StreamParser(std::size_t maximum_packet_size) : maximum_(maximum_packet_size) {}

    struct RawPacket {
        std::uint8_t first_octet = 0;
        Bytes body;
    };

    /// Offers the next octets of the stream; take what next() gives before the next feed(). Whole packets stay where
    /// they are and only a packet that came in pieces is copied, so a parser holds no memory but for that one.
    void feed(Bytes octets);

    /// The next whole packet; its body is valid until the next feed(). nullopt = more octets needed. Errors: malformed
    /// (bad Remaining Length), packet_too_large. After an error the stream is lost: reset().
    Result<std::optional<RawPacket>> next();

    /// Forgets the rest of the stream. A body given before stays valid until the next feed().
    void reset() noexcept;

private:
    struct Header {
        std::size_t size = 0;  ///< 0 = incomplete
        std::size_t remaining = 0;
    };
    static Result<Header> header_of(Bytes octets);

    std::size_t maximum_;
    Bytes input_;
    Buffer partial_;    ///< the beginning of a packet that input_ continues
    Buffer completed_;  ///< the packet that was in partial_, given out by next()
};

}  // namespace mqttsn::mqtt
