// Framings on lines that lose, change and invent octets: a bad frame costs exactly that frame.
#include "tests/unit/transports/framed_stream.hpp"

#include <catch2/catch.hpp>

#include <malloc.h>

#include <map>
#include <random>

namespace framing_damage_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

bool is_xbee(FramingKind kind) {
    return kind == FramingKind::xbee_api_1 || kind == FramingKind::xbee_api_2;
}

/// These find the next frame by its delimiter, the others by shape and silence.
bool needs_silence(FramingKind kind) {
    return kind == FramingKind::raw || kind == FramingKind::xbee_api_1;
}

bool has_crc(const LinkVector& vector) {
    return vector.kind == FramingKind::hdlc || vector.options.check.kind != CrcKind::none;
}

/// The flaw of CRC-16/XMODEM with its initial value 0: octets 00 in front do not change it.
bool is_same(const LinkVector& vector, std::string_view digits) {
    const std::string whole = to_hex(vector.frame);
    std::string_view expected = whole;
    if (vector.options.check.kind == CrcKind::crc16_xmodem) {
        for (auto* each : {&digits, &expected}) {
            while (each->starts_with("00"))
                each->remove_prefix(2);
        }
    }
    return digits == expected;
}

struct Damage {
    Buffer wire;
    bool hits_last_octet = false;
    bool is_summed = false;  ///< it changes one octet that the sum of an XBee frame covers: not the length
};

/// Every octet changed into every other, every octet left out, and every octet inserted at every place.
template <class Each>
void for_each_damage(const Buffer& wire, Each&& each) {
    for (std::size_t at = 0; at < wire.size(); ++at) {
        const auto place = static_cast<std::ptrdiff_t>(at);
        const bool is_last = at + 1 == wire.size();
        Buffer shorter = wire;
        shorter.erase(shorter.begin() + place);
        each(Damage{std::move(shorter), is_last, false});
        for (unsigned value = 0; value < 256; ++value) {
            const auto octet = static_cast<std::byte>(value);
            if (octet != wire[at]) {
                Buffer changed = wire;
                changed[at] = octet;
                each(Damage{std::move(changed), is_last, at < 1 || at > 2});
            }
            Buffer longer = wire;
            longer.insert(longer.begin() + place, octet);
            each(Damage{std::move(longer), false, false});
        }
    }
}

}  // namespace

TEST_CASE("after one octet was changed, lost or invented the next frame gets through") {
    for (const auto& vector : link_vectors()) {
        const bool has_leading_delimiter = vector.kind != FramingKind::cobs;
        for_each_damage(vector.wire, [&](const Damage& damage) {
            FramedStream stream(vector.kind, vector.options);
            stream.feed(damage.wire);
            if (needs_silence(vector.kind)) stream.silence();
            const auto damaged = stream.taken();
            stream.feed(vector.wire);
            if (needs_silence(vector.kind)) stream.silence();
            const auto next = stream.taken();
            // A lost delimiter glues two frames of COBS together, which has one only at the end.
            const bool may_miss_one = damage.hits_last_octet && !has_leading_delimiter;
            if (may_miss_one) stream.feed(vector.wire);
            const bool is_next_there = !next.empty() && next.back() == to_hex(vector.frame);
            if (!is_next_there && !(may_miss_one && stream.has(vector.frame))) {
                FAIL(vector.name << ": the frame behind " << to_hex(damage.wire) << " is lost");
            }
            const bool must_notice = has_crc(vector) || (vector.kind == FramingKind::xbee_api_1 && damage.is_summed);
            for (const auto& each : damaged) {
                if (must_notice && !is_same(vector, each)) {
                    FAIL(vector.name << ": " << to_hex(damage.wire) << " was taken for " << each);
                }
            }
        });
    }
}

TEST_CASE("single bits that flip are always found by a check value") {
    for (const auto& vector : link_vectors()) {
        if (!has_crc(vector) && !is_xbee(vector.kind)) continue;
        for (std::size_t bit = 0; bit < vector.wire.size() * 8; ++bit) {
            Buffer wire = vector.wire;
            wire[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
            FramedStream stream(vector.kind, vector.options);
            stream.feed(wire).silence();
            // A flip in a delimiter leaves nothing, or the frame as it was.
            for (const auto& each : stream.taken()) {
                CAPTURE(vector.name, bit);
                CHECK(each == to_hex(vector.frame));
            }
        }
    }
}

TEST_CASE("a frame cut at any place costs itself") {
    for (const auto& vector : link_vectors()) {
        for (std::size_t size = 0; size < vector.wire.size(); ++size) {
            CAPTURE(vector.name, size);
            FramedStream stream(vector.kind, vector.options);
            stream.feed(Bytes(vector.wire).first(size));
            if (needs_silence(vector.kind)) stream.silence();
            // With COBS the rest of the first frame and the second one are one frame to the receiver.
            if (vector.kind == FramingKind::cobs && size > 0) stream.feed(vector.wire);
            stream.feed(vector.wire).silence();
            const auto frames = stream.taken();
            REQUIRE_FALSE(frames.empty());
            CHECK(frames.back() == to_hex(vector.frame));
        }
    }
}

TEST_CASE("frames joined in the middle are in step at the next one") {
    for (const auto& vector : link_vectors()) {
        for (std::size_t size = 1; size < vector.wire.size(); ++size) {
            CAPTURE(vector.name, size);
            FramedStream stream(vector.kind, vector.options);
            stream.feed(Bytes(vector.wire).subspan(size));
            if (needs_silence(vector.kind)) stream.silence();
            stream.feed(vector.wire).silence();
            CHECK(stream.has(vector.frame));
        }
    }
}

TEST_CASE("noise costs no frame that is sent into silence") {
    std::mt19937 random(5);
    for (int run = 0; run < 500; ++run) {
        for (const auto& variant : framing_variants()) {
            CAPTURE(variant.name, run);
            FramedStream stream(variant);
            Buffer noise(200);
            for (auto& each : noise)
                each = static_cast<std::byte>(random());
            stream.feed(noise, 1 + random() % 200).silence();
            const Buffer wire = stream.wire_of(sample_publish());
            // COBS ends the noise only with its first frame.
            if (variant.kind == FramingKind::cobs) stream.feed(wire);
            stream.feed(wire).silence();
            CHECK(stream.has(sample_publish()));
        }
    }
}

TEST_CASE("of two frames glued to noise the second gets through, on raw nearly always") {
    std::mt19937 random(7);
    std::map<std::string_view, int> missed;
    constexpr int runs = 1000;
    for (int run = 0; run < runs; ++run) {
        for (const auto& variant : framing_variants()) {
            FramedStream stream(variant);
            Buffer noise(200);
            for (auto& each : noise)
                each = static_cast<std::byte>(random());
            const Buffer second = joined({hex("0A 0C 21 00 11 00 7F"), hex("61 62 63")});
            stream.feed(joined({noise, stream.wire_of(sample_publish()), stream.wire_of(second)}), 1 + random() % 300);
            stream.silence();
            if (!stream.has(second)) ++missed[variant.name];
        }
    }
    // Noise that happens to look like a message which ends with the second frame: one in 256 for every MsgType in it.
    CHECK(missed["raw"] < runs * 4 / 100);
    missed.erase("raw");
    CHECK(missed.empty());
}

TEST_CASE("boot-loader text in front of a frame is passed over") {
    for (const auto& variant : framing_variants()) {
        CAPTURE(variant.name);
        FramedStream stream(variant);
        stream.feed(as_bytes("ets Jun  8 2016 00:22:57\r\n"));
        const Buffer wire = stream.wire_of(sample_connect());
        if (variant.kind == FramingKind::cobs) stream.feed(wire);
        stream.feed(wire).silence();
        CHECK(stream.taken() == hexes({sample_connect()}));
    }
}

TEST_CASE("a line stuck at one level brings no frames and does not hinder the next one") {
    for (const auto& variant : framing_variants()) {
        for (const unsigned level : {0x00U, 0x01U, 0xFFU}) {
            CAPTURE(variant.name, level);
            FramedStream stream(variant);
            stream.feed(Buffer(5000, static_cast<std::byte>(level))).silence();
            CHECK(stream.taken().empty());
            const Buffer wire = stream.wire_of(sample_connect());
            if (variant.kind == FramingKind::cobs) stream.feed(wire);
            stream.feed(wire).silence();
            CHECK(stream.has(sample_connect()));
        }
    }
}

TEST_CASE("a pause in the middle of a frame does not hurt framings with delimiters") {
    for (const auto& vector : link_vectors()) {
        if (needs_silence(vector.kind) || vector.kind == FramingKind::xbee_api_2) continue;
        for (std::size_t size = 1; size < vector.wire.size(); ++size) {
            CAPTURE(vector.name, size);
            FramedStream stream(vector.kind, vector.options);
            stream.feed(Bytes(vector.wire).first(size)).silence().feed(Bytes(vector.wire).subspan(size));
            CHECK(stream.taken() == hexes({vector.frame}));
        }
    }
}

TEST_CASE("ten million octets without a delimiter are counted and not kept") {
    for (const auto& variant : framing_variants()) {
        for (const unsigned value : {0x41U, 0x02U}) {
            CAPTURE(variant.name, value);
            FramedStream stream(variant);
            const Buffer octets(10000, static_cast<std::byte>(value));
            stream.feed(octets);
            const std::size_t before = mallinfo2().uordblks;
            for (int i = 1; i < 1000; ++i)
                stream.feed(octets);
            CHECK(mallinfo2().uordblks < before + 100000);
            const auto& counters = stream.counters();
            if (variant.kind != FramingKind::cobs || value != 2) {  // 02 02 is a whole block of COBS
                CHECK(counters.oversize + counters.skipped_octets + counters.framing_errors > 0);
            }
            const Buffer wire = stream.wire_of(sample_connect());
            stream.silence().feed(wire).feed(wire).silence();
            CHECK(stream.has(sample_connect()));
        }
    }
}

TEST_CASE("an hour of noise at 9600 baud is bounded and ends with silence") {
    for (const auto& variant : framing_variants()) {
        CAPTURE(variant.name);
        FramedStream stream(variant);
        std::mt19937 random(11);
        const TimePoint end = stream.now() + 1h;
        const std::size_t before = mallinfo2().uordblks;
        Buffer octets;
        while (stream.now() < end) {
            octets.resize(1 + random() % 96);
            for (auto& each : octets)
                each = static_cast<std::byte>(random());
            stream.feed(octets);
            // Each octet takes its time, and now and then the noise pauses.
            const Duration paused = random() % 64 == 0 ? Duration(200ms) : Duration::zero();
            const auto due = stream.framing().next_timeout();
            stream.silence(Duration(1042) * octets.size() + paused);
            const auto next = stream.framing().next_timeout();
            if (due && next) REQUIRE(*next > stream.now());
            for (const auto& each : stream.taken())
                REQUIRE(each.size() / 2 <= 255 * 4);
        }
        CHECK(mallinfo2().uordblks < before + 100000);
        const Buffer wire = stream.wire_of(sample_connect());
        stream.silence().feed(wire).feed(wire).silence();
        CHECK(stream.has(sample_connect()));
    }
}

}  // namespace framing_damage_test
