// Messages back to back without any framing: finding the beginning again.
#include "tests/unit/transports/framed_stream.hpp"

#include <catch2/catch.hpp>

namespace raw_framing_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

using Frames = std::vector<std::string>;

FramedStream raw(Peer peer = Peer::nodes) {
    FramingOptions options;
    options.peer = peer;
    return FramedStream(FramingKind::raw, options);
}

}  // namespace

TEST_CASE("out of step a raw message waits for silence or for another one") {
    auto stream = raw();
    stream.feed("02 16");
    CHECK(stream.taken().empty());
    CHECK(stream.framing().next_timeout() == stream.now() + 50ms);
    stream.silence(50ms);
    CHECK(stream.taken() == Frames{"0216"});

    auto followed = raw();
    followed.feed("02 16 02");
    CHECK(followed.taken().empty());
    followed.feed("18");
    CHECK(followed.taken() == Frames{"0216", "0218"});
}

TEST_CASE("out of step a raw message waits until the next one cannot prove implausible any more") {
    for (const auto* next : {"08 04 04 01", "05 FE 00 00 01 08 04 04 01", "05 FE 00 00 01 02 16"}) {
        CAPTURE(next);
        auto stream = raw();
        stream.feed("02 18");
        const Buffer octets = hex(next);
        stream.feed(Bytes(octets).first(octets.size() - 1));
        CHECK(stream.taken().empty());
        stream.feed(Bytes(octets).last(1));
        REQUIRE_FALSE(stream.taken().empty());
    }
    auto stream = raw();
    stream.feed("02 18 08 04 04").feed("03").silence();
    CHECK(stream.taken().empty());
}

TEST_CASE("a forwarder header may be longer than the largest raw message, and come in any pieces") {
    FramingOptions options;
    options.peer = Peer::nodes;
    options.largest = 24;
    Buffer octets = hex("02 18 80 FE 00");
    octets.resize(octets.size() + 125);
    const Buffer message = hex("02 16");
    octets.insert(octets.end(), message.begin(), message.end());
    for (const std::size_t piece : {octets.size(), std::size_t{3}, std::size_t{1}}) {
        CAPTURE(piece);
        FramedStream stream(FramingKind::raw, options);
        for (std::size_t at = 0; at < octets.size(); at += piece)
            stream.feed(Bytes(octets).subspan(at, std::min(piece, octets.size() - at)));
        stream.silence();
        CHECK(stream.taken() == Frames{"0218", to_hex(Bytes(octets).subspan(2))});
    }
}

TEST_CASE("in step a raw message is delivered at once") {
    auto stream = raw();
    stream.feed("02 16").silence();
    stream.feed("02 16").feed("0C 0C 21 00 11").feed("00 7E C0 DB 7D 13 00");
    CHECK(stream.taken() == Frames{"0216", "0216", to_hex(sample_publish())});
}

TEST_CASE("noise puts a raw line out of step and is counted") {
    auto stream = raw();
    stream.feed("02 16").silence().feed("FF 00 13 02 16 02 18").silence();
    CHECK(stream.taken() == Frames{"0216", "0216", "0218"});
    CHECK(stream.counters().skipped_octets == 3);
}

TEST_CASE("a raw message that is followed by noise while out of step is doubted") {
    auto stream = raw();
    stream.feed("02 16 FF 00").silence();
    CHECK(stream.taken().empty());
    CHECK(stream.counters().skipped_octets == 4);
}

TEST_CASE("out of step at the end of the octets a raw message with one octet behind it is doubted") {
    auto stream = raw();
    stream.feed("02 16 05").silence();
    CHECK(stream.taken().empty());
}

TEST_CASE("a length that lies costs no raw message behind it once the line is silent") {
    auto stream = raw();
    stream.feed("02 16").silence();
    stream.feed("F0 0C").feed(sample_publish()).feed("02 16");
    CHECK(stream.taken() == Frames{"0216"});
    stream.silence(50ms);
    CHECK(stream.taken() == Frames{to_hex(sample_publish()), "0216"});
    CHECK(stream.counters().skipped_octets == 2);
}

TEST_CASE("octets read late, after a stall, still belong to their raw message") {
    auto stream = raw();
    stream.feed("0C 0C 21 00 11");
    FrameList frames;
    const Buffer rest = hex("00 7E C0 DB 7D 13 00");
    stream.framing().receive(rest, stream.now() + 1s, frames);
    stream.framing().timeout(stream.now() + 1050ms, frames);
    REQUIRE(frames.size() == 1);
    CHECK(to_hex(frames[0]) == to_hex(sample_publish()));
}

TEST_CASE("only what nodes send is plausible from nodes, and in its sizes") {
    const auto is_taken = [](Peer peer, std::string_view message) {
        auto stream = raw(peer);
        stream.feed(message).silence();
        return stream.taken() == Frames{to_hex(hex(message))};
    };
    // GWINFO, CONNECT of both versions, WILLTOPIC, WILLMSG, REGISTER, PUBACK, PUBREL, SUBSCRIBE, UNSUBSCRIBE …
    for (const auto* message : {"03 01 00",
                                "03 02 01",
                                "06 04 04 01 00 3C",
                                "06 04 04 02 00 3C",
                                "02 07",
                                "04 07 00 61",
                                "02 09",
                                "07 0A 00 00 00 01 61",
                                "07 0B 00 01 00 01 00",
                                "07 0C 00 00 01 00 00",
                                "07 0D 00 01 00 01 00",
                                "04 0E 00 01",
                                "04 0F 00 01",
                                "04 10 00 01",
                                "06 12 00 00 01 61",
                                "06 14 00 00 01 61",
                                "02 16",
                                "02 18",
                                "04 18 00 0A",
                                "02 1A",
                                "02 1C",
                                "05 FE 00 00 01 02 16",
                                "05 FE 00 00 01 04 FE 00 07 02 16",
                                "01 00 04 16",
                                "01 00 08 04 04 01 00 3C"}) {
        CAPTURE(message);
        CHECK(is_taken(Peer::nodes, message));
        CHECK(is_taken(Peer::any, message));
    }
    for (const auto* message : {"05 00 01 03 84", "03 05 00", "02 06", "02 17", "08 13 00 00 01 00 01 00",
                                "04 15 00 01", "03 1B 00", "03 1D 00", "05 FE 00 00 01 03 05 00"}) {
        CAPTURE(message);
        CHECK_FALSE(is_taken(Peer::nodes, message));
        CHECK(is_taken(Peer::gateway, message));
        CHECK(is_taken(Peer::any, message));
    }
    // Sizes that the type does not have, foreign protocols, types without meaning, impossible lengths.
    for (const auto* message : {"04 01 00 00",
                                "02 02",
                                "05 04 04 01 00",
                                "06 04 04 03 00 3C",
                                "03 07 00",
                                "03 1A 00",
                                "06 0A 00 00 00 01",
                                "06 0B 00 01 00 01",
                                "06 0C 00 00 01 00",
                                "08 0D 00 01 00 01 00 00",
                                "05 0E 00 00 01",
                                "05 12 00 00 01",
                                "03 18 00",
                                "02 03",
                                "02 11",
                                "02 19",
                                "02 20",
                                "01 00 03 16",
                                "01 00 00 16",
                                "01 FF FF 0C",
                                "03 FE 00 02 16",
                                "05 FE 00 00 01 02 03",
                                "00 16",
                                "04 FE 00 01 04 FE 00 01 04 FE 00 01 04 FE 00 01 02 16"}) {
        CAPTURE(message);
        CHECK_FALSE(is_taken(Peer::nodes, message));
    }
    Buffer long_id(30, std::byte{0x61});
    const Buffer head = hex("1E 04 04 01 00 3C");
    std::ranges::copy(head, long_id.begin());
    CHECK_FALSE(is_taken(Peer::nodes, to_hex(long_id)));
    CHECK(is_taken(Peer::any, to_hex(long_id)));
}

TEST_CASE("what a gateway sends back to back is read by its peer") {
    auto stream = raw(Peer::gateway);
    stream.feed("05 00 01 03 84 02 17").silence();
    CHECK(stream.taken() == Frames{"0500010384", "0217"});
}

}  // namespace raw_framing_test
