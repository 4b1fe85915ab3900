// Invariant: octets give the same frames whole and in chunks of every size, frames keep to the limits, what is encoded
// is decoded, and whatever came before, a frame sent twice into silence gets through.
#include "tests/fuzz/fuzz.hpp"
#include "tests/support/link_vectors.hpp"
#include "transports/framing/message_shape.hpp"

#include <array>

namespace {

using namespace mqttsn;
using namespace mqttsn::transports;
using fuzz::require;
using std::chrono::seconds;

using Numbers = std::array<std::uint64_t, 7>;

struct Received {
    std::vector<Buffer> frames;
    Numbers counters{};
    bool operator==(const Received&) const = default;
};

Numbers numbers_of(const FramingCounters& counters) {
    return {counters.frames_in, counters.check_errors, counters.framing_errors, counters.escape_errors,
            counters.oversize,  counters.foreign,      counters.skipped_octets};
}

std::vector<Buffer> copies_of(const FrameList& list) {
    std::vector<Buffer> frames;
    for (std::size_t i = 0; i < list.size(); ++i)
        frames.emplace_back(list[i].begin(), list[i].end());
    return frames;
}

void feed(Framing& framing, Bytes stream, std::size_t chunk, TimePoint now, FrameList& list) {
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
        // A copy of its own, so that reading behind the chunk, or after it, is seen.
        const Bytes octets = stream.subspan(at, std::min(chunk, stream.size() - at));
        const Buffer fed(octets.begin(), octets.end());
        framing.receive(fed, now, list);
    }
}

void silence(Framing& framing, TimePoint now, FrameList& list) {
    framing.timeout(now, list);
    require(!framing.next_timeout() || *framing.next_timeout() > now, "time goes on");
}

Received receive(const test::FramingVariant& variant, Bytes stream, std::size_t chunk) {
    const auto framing = make_framing(variant.kind, variant.options);
    FrameList list;
    feed(*framing, stream, chunk, TimePoint(seconds(1)), list);
    silence(*framing, TimePoint(seconds(2)), list);
    return {copies_of(list), numbers_of(framing->counters())};
}

void check_recovery(const test::FramingVariant& variant, Bytes stream) {
    const auto framing = make_framing(variant.kind, variant.options);
    FrameList list;
    feed(*framing, stream, stream.size(), TimePoint(seconds(1)), list);
    silence(*framing, TimePoint(seconds(20)), list);
    list.clear();
    const Buffer message = test::sample_connect();
    Buffer wire;
    framing->encode(message, wire);
    for (int i = 0; i < 2; ++i) {
        // Alone, as in a pause of the line: raw takes nothing for granted before.
        feed(*framing, wire, wire.size(), TimePoint(seconds(30 + i)), list);
        silence(*framing, TimePoint(seconds(30 + i)) + std::chrono::milliseconds(500), list);
    }
    const auto frames = copies_of(list);
    require(!frames.empty() && frames.back() == message, "a frame sent twice into silence gets through");
}

void check_round_trip(test::FramingVariant variant, Bytes frame) {
    variant.options.messages = false;
    if (variant.kind == FramingKind::raw) {
        const Shape shape = shape_of(frame, variant.options.peer, variant.options.largest);
        if (shape.verdict != Shape::Verdict::whole || shape.size != frame.size()) return;
    } else if (frame.size() > variant.options.largest) {
        return;
    }
    Buffer wire;
    make_framing(variant.kind, variant.options)->encode(frame, wire);
    const Received received = receive(variant, wire, 3);
    require(received.frames.size() == 1 && std::ranges::equal(received.frames[0], frame), "what is encoded is decoded");
}

}  // namespace

// The framing, then the octets of the line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t header = input.octet();
    test::FramingVariant variant = test::framing_variants()[header % test::framing_variants().size()];
    if ((header & 0x80U) != 0) variant.options.largest = 24;
    const Bytes stream = input.rest();
    if (stream.empty()) return 0;

    const Received whole = receive(variant, stream, stream.size());
    for (const Buffer& frame : whole.frames) {
        require(!frame.empty() && frame.size() <= variant.options.largest + longest_headers,
                "frames keep to the limit");
    }
    require(whole.frames.size() == whole.counters[0], "every frame is counted");
    for (std::size_t chunk = 1; chunk < stream.size(); ++chunk)
        require(receive(variant, stream, chunk) == whole, "chunks of every size give the same frames");
    check_recovery(variant, stream);
    check_round_trip(variant, stream);
    return 0;
}
