// How frames stand on a serial line; the golden vectors hold every octet that some framing must escape.
#include "tools/dongle/line_code.hpp"
#include "tests/unit/dongle/bench.hpp"

namespace line_code_test {

using namespace mqttsn;
using namespace mqttsn::dongle;
using dongle::to_hex;
using test::hex;

namespace {

struct Golden {
    Framing framing;
    Crc crc;
    const char* wire;
};

const Golden golden_publish[] = {
    {Framing::raw, no_crc, "0C0C210011007EC0DB7D1300"},
    {Framing::slip, no_crc, "C00C0C210011007EDBDCDBDD7D1300C0"},
    {Framing::hdlc, crc16_x25, "7E0C0C210011007D5EC0DB7D5D130009987E"},
    {Framing::cobs, no_crc, "040C0C210211067EC0DB7D130100"},
    {Framing::cobs, crc16_x25, "040C0C210211067EC0DB7D1303099800"},
    {Framing::cobs, crc16_ccitt_false, "040C0C210211067EC0DB7D1303C18100"},
    {Framing::cobs, crc16_xmodem, "040C0C210211067EC0DB7D1303457800"},
    {Framing::cobs, crc32_iso, "040C0C210211067EC0DB7D1305114 0E57000"},
};

std::vector<Buffer> received(LineCode& code, Bytes octets) {
    std::vector<Buffer> frames;
    code.receive(octets, {}, frames);
    return frames;
}

}  // namespace

TEST_CASE("CRCs give the known check values", "[dongle]") {
    const Bytes digits = as_bytes("123456789");
    CHECK(checksum(crc16_x25, digits) == 0x906E);
    CHECK(checksum(crc16_ccitt_false, digits) == 0x29B1);
    CHECK(checksum(crc16_xmodem, digits) == 0x31C3);
    CHECK(checksum(crc32_iso, digits) == 0xCBF43926);
}

TEST_CASE("every framing writes and reads its golden vector", "[dongle]") {
    for (const Golden& each : golden_publish) {
        INFO(each.wire);
        LineCode code(each.framing, each.crc);
        Buffer wire;
        code.encode(publish, wire);
        CHECK(to_hex(wire) == to_hex(hex(each.wire)));
        CHECK(received(code, wire) == std::vector<Buffer>{publish});
        for (const std::byte octet : wire) {
            const auto frames = received(code, Bytes(&octet, 1));
            CHECK(frames.size() <= 1);
        }
        CHECK(code.errors() == 0);
    }
}

TEST_CASE("HDLC takes octets that need no escape escaped", "[dongle]") {
    LineCode code(Framing::hdlc, crc16_x25);
    CHECK(received(code, hex("7E0C0C21007D31007D5EC0DB7D5D7D330009987E")) == std::vector<Buffer>{publish});
}

TEST_CASE("COBS carries blocks of every length", "[dongle]") {
    LineCode code(Framing::cobs, crc16_x25);
    for (const std::size_t size : {1U, 253U, 254U, 255U, 256U, 508U, 509U, 600U}) {
        const Buffer frame(size, std::byte{0x55});
        Buffer wire;
        code.encode(frame, wire);
        CHECK(std::count(wire.begin(), wire.end(), std::byte{0}) == 1);
        CHECK(received(code, wire) == std::vector<Buffer>{frame});
    }
}

TEST_CASE("with a CRC no single octet that is changed, missing or too much gets through", "[dongle]") {
    for (const Framing framing : {Framing::hdlc, Framing::cobs, Framing::slip}) {
        LineCode code(framing, crc16_x25);
        Buffer wire;
        code.encode(publish, wire);
        for (std::size_t at = 0; at < wire.size(); ++at) {
            for (int what = 0; what < 3; ++what) {
                Buffer bad = wire;
                const auto place = bad.begin() + static_cast<std::ptrdiff_t>(at);
                if (what == 0) *place ^= std::byte{0x04};
                if (what == 1) bad.erase(place);
                if (what == 2) bad.insert(place, std::byte{0x41});
                // A flag of the next frame ends whatever came of it.
                bad.insert(bad.end(), wire.begin(), wire.end());
                bad.insert(bad.end(), wire.begin(), wire.end());
                const auto frames = received(code, bad);
                INFO(static_cast<int>(framing) << " at " << at << ": " << what);
                CHECK(frames.size() >= 1);
                CHECK(std::ranges::all_of(frames, [](const Buffer& each) { return each == publish; }));
                code.reset();
            }
        }
    }
}

TEST_CASE("raw passes over what cannot be a message of a gateway, and gives up after a silence", "[dongle]") {
    LineCode code(Framing::raw, no_crc);
    std::vector<Buffer> frames;
    const TimePoint now{std::chrono::seconds(1)};
    code.receive(hex("FF00 45"), now, frames);
    CHECK(frames.empty());
    REQUIRE(code.next_timeout());
    code.timeout(*code.next_timeout(), frames);
    code.receive(advertise, now, frames);
    code.receive(hex("0217"), now, frames);
    CHECK(frames == std::vector<Buffer>{advertise, hex("0217")});
    CHECK(code.errors() >= 3);
}

}  // namespace line_code_test
