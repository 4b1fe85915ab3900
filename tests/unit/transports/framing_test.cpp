// What framings write and read when the line is clean, and the peculiarities of each.
#include "transports/framing/cobs.hpp"
#include "transports/framing/crc.hpp"
#include "transports/framing/xbee_api.hpp"

#include "tests/unit/transports/framed_stream.hpp"

#include <catch2/catch.hpp>

namespace framing_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

const FramingVariant& variant(std::string_view name) {
    return *std::ranges::find(framing_variants(), name, &FramingVariant::name);
}

using Frames = std::vector<std::string>;

Buffer octets_of(std::size_t count, unsigned value) {
    return Buffer(count, static_cast<std::byte>(value));
}

}  // namespace

TEST_CASE("check values of the catalogue") {
    const Bytes digits = as_bytes("123456789");
    CHECK(crc(CrcKind::none, digits) == 0);
    CHECK(crc(CrcKind::crc16_x25, digits) == 0x906E);
    CHECK(crc(CrcKind::crc16_ccitt_false, digits) == 0x29B1);
    CHECK(crc(CrcKind::crc16_xmodem, digits) == 0x31C3);
    CHECK(crc(CrcKind::crc32, digits) == 0xCBF43926);
    static_assert(crc(CrcKind::crc16_x25, {}) == 0);
}

TEST_CASE("framings write and read the golden vectors") {
    for (const auto& each : link_vectors()) {
        CAPTURE(each.name);
        FramedStream stream(each.kind, each.options);
        CHECK(to_hex(stream.wire_of(each.frame)) == to_hex(each.wire));
        stream.feed(each.wire).silence();
        CHECK(stream.taken() == hexes({each.frame}));
        CHECK(stream.counters().frames_in == 1);
        CHECK(stream.counters().framing_errors + stream.counters().check_errors == 0);
        CHECK_FALSE(stream.framing().next_timeout());
    }
}

TEST_CASE("frames are the same in chunks of every size, glued and apart") {
    for (const auto& each : link_vectors()) {
        const Buffer wire = joined({each.wire, each.wire, each.wire});
        for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
            CAPTURE(each.name, chunk);
            FramedStream stream(each.kind, each.options);
            stream.feed(wire, chunk).silence();
            CHECK(stream.taken() == hexes({each.frame, each.frame, each.frame}));
        }
    }
}

TEST_CASE("messages of every size and every octet survive") {
    for (const auto& each : framing_variants()) {
        FramedStream stream(each);
        for (std::size_t size = 7; size <= 255; ++size) {
            CAPTURE(each.name, size);
            Buffer message = octets_of(size, static_cast<unsigned>(size));
            message[0] = static_cast<std::byte>(size);
            message[1] = std::byte{0x0C};
            for (std::size_t i = 7; i < size; ++i)
                message[i] = static_cast<std::byte>(i * size);
            stream.feed(stream.wire_of(message), 5).silence();
            REQUIRE(stream.taken() == hexes({message}));
        }
    }
}

TEST_CASE("the long form of Length is read for short and long messages", "[SN12-5.2.1-b]") {
    for (FramingVariant each : framing_variants()) {
        CAPTURE(each.name);
        each.options.largest = 1000;
        FramedStream stream(each);
        const Buffer brief = hex("01 00 0A 0C 21 00 11 00 7E 41");
        Buffer large = octets_of(1000, 0xC0);
        const Buffer header = hex("01 03 E8 0C 21 00 11 00 7E");
        std::ranges::copy(header, large.begin());
        stream.feed(joined({stream.wire_of(brief), stream.wire_of(large)}), 7).silence();
        CHECK(stream.taken() == hexes({brief, large}));
    }
}

TEST_CASE("a message behind forwarder headers may have its full size", "[SN12-5.5-b]") {
    for (FramingVariant each : framing_variants()) {
        CAPTURE(each.name);
        if (each.kind == FramingKind::xbee_api_1 || each.kind == FramingKind::xbee_api_2) each.options.largest = 1000;
        FramedStream stream(each);
        Buffer message = octets_of(255, 0x42);
        message[0] = std::byte{255};
        message[1] = std::byte{0x0C};
        const Buffer frame = joined({hex("05 FE 00 00 01 04 FE 00 07"), message});
        stream.feed(stream.wire_of(frame)).silence();
        CHECK(stream.taken() == hexes({frame}));
    }
}

TEST_CASE("an opened port begins anew and keeps its counters") {
    for (const auto& each : framing_variants()) {
        CAPTURE(each.name);
        FramedStream stream(each);
        const Buffer wire = stream.wire_of(sample_connect());
        stream.feed(wire).silence();
        stream.feed(Bytes(wire).first(wire.size() / 2));
        stream.framing().reset();
        CHECK_FALSE(stream.framing().next_timeout());
        stream.feed(wire).silence();
        CHECK(stream.taken() == hexes({sample_connect(), sample_connect()}));
        CHECK(stream.counters().frames_in == 2);
    }
}

TEST_CASE("COBS blocks end at 254 octets, and an empty last block is taken as well") {
    FramingOptions options;
    options.largest = 2000;
    options.messages = false;
    for (const std::size_t size : {1U, 253U, 254U, 255U, 507U, 508U, 509U, 762U}) {
        CAPTURE(size);
        FramedStream stream(FramingKind::cobs, options);
        const Buffer frame = octets_of(size, 0x41);
        const Buffer wire = stream.wire_of(frame);
        CHECK(wire.size() == size + (size + 253) / 254 + 1);
        CHECK(std::ranges::count(wire, std::byte{0}) == 1);
        stream.feed(wire);
        CHECK(stream.taken() == hexes({frame}));
        if (size % 254 == 0) {
            Buffer with_empty_block = wire;
            with_empty_block.insert(with_empty_block.end() - 1, std::byte{1});
            stream.feed(with_empty_block);
            CHECK(stream.taken() == hexes({frame}));
        }
        const Buffer with_zeros = joined({octets_of(2, 0), frame, octets_of(3, 0)});
        stream.feed(stream.wire_of(with_zeros));
        CHECK(stream.taken() == hexes({with_zeros}));
    }
}

TEST_CASE("delimiters in a row are no frames and no errors") {
    for (const auto* name : {"slip", "hdlc", "cobs-x25"}) {
        CAPTURE(name);
        FramedStream stream(variant(name));
        const Buffer wire = stream.wire_of(sample_connect());
        stream.feed(octets_of(100, static_cast<unsigned>(wire.back()))).feed(wire);
        CHECK(stream.taken() == hexes({sample_connect()}));
        CHECK(stream.counters().framing_errors + stream.counters().check_errors == 0);
    }
}

TEST_CASE("SLIP without check value takes only messages that fill their frame") {
    FramedStream stream(variant("slip"));
    stream.feed("C0 03 05 00 00 C0 C0 04 05 00 C0 C0 03 05 00 C0");
    CHECK(stream.taken() == Frames{"030500"});
    CHECK(stream.counters().framing_errors == 2);
}

TEST_CASE("octets behind a message are dropped and counted where a check value vouches for it") {
    for (const auto* name : {"slip-xmodem-le", "hdlc", "cobs-x25", "cobs-crc32"}) {
        CAPTURE(name);
        FramedStream stream(variant(name));
        stream.feed(stream.wire_of(hex("03 05 00 AA BB")));
        stream.feed(stream.wire_of(hex("05 FE 00 00 01 03 05 00 AA BB")));
        CHECK(stream.taken() == Frames{"030500", "05fe000001030500"});
        CHECK(stream.counters().framing_errors == 2);
        for (const auto* too_short :
             {"04 05 00", "01", "00", "01 00 03 05", "01 00 05 05", "05 FE 00 00 01", "05 FE 00"})
            stream.feed(stream.wire_of(hex(too_short)));
        CHECK(stream.taken().empty());
        CHECK(stream.counters().framing_errors == 9);
    }
}

TEST_CASE("messages above the limit are dropped and counted") {
    for (FramingVariant each : framing_variants()) {
        if (each.kind == FramingKind::raw) continue;
        CAPTURE(each.name);
        each.options.largest = 40;
        FramedStream stream(each);
        Buffer large = octets_of(41, 0x41);
        large[0] = std::byte{41};
        stream.feed(stream.wire_of(large)).silence();
        CHECK(stream.taken().empty());
        CHECK(stream.counters().oversize + stream.counters().framing_errors >= 1);
        large.resize(40);
        large[0] = std::byte{40};
        stream.feed(stream.wire_of(large)).silence();
        CHECK(stream.taken() == hexes({large}));
    }
}

TEST_CASE("SLIP escapes that do not exist, or lead nowhere, cost their frame") {
    FramedStream stream(variant("slip"));
    stream.feed("C0 03 05 DB 41 C0").feed("C0 03 05 DB C0").feed("C0 03 05 00 C0");
    CHECK(stream.counters().escape_errors == 2);
    CHECK(stream.taken() == Frames{"030500"});
    stream.feed("C0 02 DB").silence().feed("C0 02 16 C0");
    CHECK(stream.counters().escape_errors == 3);
    CHECK(stream.taken() == Frames{"0216"});
}

TEST_CASE("IP over SLIP is recognised and not taken for messages") {
    FramedStream stream(variant("slip"));
    Buffer v4 = octets_of(69, 0x11);  // its first octet, taken for a Length, is right
    const Buffer v4_header = hex("45 00 00 45");
    std::ranges::copy(v4_header, v4.begin());
    Buffer v4_other = octets_of(30, 0x11);
    const Buffer v4_other_header = hex("45 00 00 1E");
    std::ranges::copy(v4_other_header, v4_other.begin());
    Buffer v6 = octets_of(60, 0x11);
    const Buffer v6_header = hex("60 00 00 00 00 14");
    std::ranges::copy(v6_header, v6.begin());
    stream.feed(stream.wire_of(v4_other)).feed(stream.wire_of(v6));
    CHECK(stream.counters().foreign == 2);
    CHECK(stream.counters().framing_errors == 0);
    CHECK(stream.taken().empty());
    stream.feed(stream.wire_of(v4));
    CHECK(stream.taken().size() == 1);
}

TEST_CASE("HDLC frames share flags, are aborted, and may have anything escaped") {
    FramedStream stream(variant("hdlc"));
    const Buffer wire = link_vector("hdlc-connect").wire;
    stream.feed(wire).feed(Bytes(wire).subspan(1)).feed(Bytes(wire).subspan(1));
    CHECK(stream.taken().size() == 3);
    stream.feed("7E 08 04 7D 7E").feed(Bytes(wire).subspan(1));
    CHECK(stream.taken() == hexes({sample_connect()}));
    CHECK(stream.counters().check_errors + stream.counters().framing_errors == 0);
    Buffer all_escaped{std::byte{0x7E}};
    for (const std::byte each : Bytes(wire).subspan(1, wire.size() - 2)) {
        all_escaped.push_back(std::byte{0x7D});
        all_escaped.push_back(each ^ std::byte{0x20});
    }
    all_escaped.push_back(std::byte{0x7E});
    stream.feed(all_escaped);
    CHECK(stream.taken() == hexes({sample_connect()}));
    stream.feed("7E 41 7E 41 42 7E");
    CHECK(stream.counters().framing_errors == 2);
}

TEST_CASE("an HDLC receiver that joins at an end flag is in step at the next one") {
    FramedStream stream(variant("hdlc"));
    const Buffer wire = link_vector("hdlc-publish").wire;
    stream.feed(Bytes(wire).subspan(5)).feed(wire).feed(wire);
    CHECK(stream.taken().size() == 2);
}

TEST_CASE("HDLC escape sets") {
    FramingOptions options;
    options.messages = false;
    const Buffer frame = hex("11 13 F8 41");
    const auto escaped = [&](HdlcEscapes escapes) {
        options.escapes = escapes;
        FramedStream stream(FramingKind::hdlc, options);
        const Buffer wire = stream.wire_of(frame);
        stream.feed(wire);
        CHECK(stream.taken() == hexes({frame}));
        return to_hex(Bytes(wire).first(wire.size() - 3));
    };
    CHECK(escaped(HdlcEscapes::minimal) == "7e1113f841");
    CHECK(escaped(HdlcEscapes::xonxoff) == "7e7d317d33f841");
    CHECK(escaped(HdlcEscapes::spinel) == "7e7d317d337dd841");
}

TEST_CASE("XBee API frames inside what proves broken are found") {
    FramedStream mode_1(variant("xbee-api-1"));
    const Buffer good = link_vector("xb-status-ok").wire;
    // As it arrives where octets are lost for want of flow control.
    mode_1.feed(joined({hex("7E 00 07 8B 4E FF"), good, good})).silence();
    CHECK(mode_1.taken().size() == 2);
    CHECK(mode_1.counters().check_errors == 1);
    mode_1.feed("7E FF FF").feed("7E 00 00").feed(good);
    CHECK(mode_1.taken().size() == 1);
    CHECK(mode_1.counters().framing_errors >= 2);
    mode_1.feed("7E 00 40 8B 01").feed(good).silence(100ms);
    CHECK(mode_1.taken().size() == 1);
}

TEST_CASE("in XBee API mode 2 a start delimiter always begins a frame") {
    FramedStream mode_2(variant("xbee-api-2"));
    const Buffer good = link_vector("xb-rx-publish-ap2").wire;
    mode_2.feed("7E 00 07 8B 4E FF").feed(good);
    mode_2.feed("7E 00 07 8B 7D").feed(good);
    mode_2.feed("7E FF FF 41 41").feed(good);
    mode_2.feed(octets_of(1000, 0x7E)).feed(good);
    mode_2.feed("7E 00 07 7D").silence(100ms).feed(good);
    CHECK(mode_2.taken().size() == 5);
    CHECK_FALSE(mode_2.framing().next_timeout());
}

TEST_CASE("XBee frames of mode 2 read in mode 1 fail where something is escaped, and this is counted apart") {
    XbeeApiFraming framing;
    FrameList frames;
    framing.receive(link_vector("xb-rx-publish-ap2").wire, {}, frames);
    framing.timeout(TimePoint(1s), frames);
    CHECK(frames.empty());
    CHECK(framing.check_errors_with_escape() == 1);
    framing.set_escapes(true);
    framing.receive(link_vector("xb-rx-publish-ap2").wire, {}, frames);
    CHECK(frames.size() == 1);
    CHECK(framing.escapes());
}

}  // namespace framing_test
