// pcapng as it is written, and as libpcap reads it.
#include "tools/dump/pcapng_writer.hpp"
#include "protocol/hex.hpp"
#include "tests/support/hex.hpp"
#include "tests/unit/runtime/temporary_file.hpp"
#include "tools/dump/capture_file.hpp"
#include "tools/dump/link_layer.hpp"

#include <catch2/catch.hpp>

namespace pcapng_writer_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using Catch::Matchers::Contains;
using test::hex;
using test::TemporaryFile;

namespace {

const CaptureTime some_time{std::chrono::nanoseconds(0x0123'4567'89AB'CDEF)};

UdpDatagram datagram_of(const std::string& from, const std::string& to, Bytes payload) {
    return {*transports::parse_socket_address(from), *transports::parse_socket_address(to), payload, payload.size()};
}

Buffer packet_block(const UdpDatagram& datagram) {
    Buffer out;
    REQUIRE(append_pcapng_packet(some_time, datagram, out).has_value());
    return out;
}

unsigned word(Bytes octets, std::size_t at) {
    return static_cast<unsigned>(octets[at]) << 8U | static_cast<unsigned>(octets[at + 1]);
}

// The sum of a checksummed range is 0xFFFF (RFC 1071).
unsigned ones_sum(const Buffer& octets) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < octets.size(); i += 2)
        sum += i + 1 < octets.size() ? word(octets, i) : static_cast<unsigned>(octets[i]) << 8U;
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    return sum;
}

Buffer joined(std::initializer_list<Bytes> parts) {
    Buffer all;
    for (const Bytes each : parts)
        all.insert(all.end(), each.begin(), each.end());
    return all;
}

constexpr std::size_t packet_begin = 28;  // in an Enhanced Packet Block

}  // namespace

TEST_CASE("a file begins with its section and one interface of raw IP with nanoseconds") {
    Buffer out;
    append_pcapng_header(out);
    CHECK(to_hex(out) == to_hex(hex("0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000"
                                    "01000000 2C000000 6500 0000 00000000"
                                    "0200 0600 6D717474736E 0000"
                                    "0900 0100 09 000000"
                                    "0000 0000 2C000000")));
}

TEST_CASE("a packet is one block with IP, UDP, lengths and checksums") {
    const Buffer frame = hex("03 05 00");
    const Buffer block = packet_block(datagram_of("192.0.2.1:4000", "192.0.2.2:1883", frame));
    CHECK(to_hex(block) == to_hex(hex("06000000 40000000 00000000 67452301 EFCDAB89 1F000000 1F000000"
                                      "4500 001F 0000 0000 4011 F6CA C0000201 C0000202"
                                      "0FA0 075B 000B 61D4 030500 00"
                                      "40000000")));
    const Bytes packet = Bytes(block).subspan(packet_begin, 31);
    CHECK(ones_sum(joined({packet.first(20)})) == 0xFFFF);
    CHECK(ones_sum(joined({packet.subspan(12, 8), hex("0011 000B"), packet.subspan(20)})) == 0xFFFF);
}

TEST_CASE("IPv6 has its own header and pseudo header") {
    const Buffer frame = hex("02 17");
    const Buffer block = packet_block(datagram_of("[2001:db8::1]:4000", "[2001:db8::2]:1883", frame));
    const Bytes packet = Bytes(block).subspan(packet_begin, 50);
    CHECK(to_hex(packet.first(8)) == "60000000000a1140");
    CHECK(ones_sum(joined({packet.subspan(8, 32), hex("0000000A 00000011"), packet.subspan(40)})) == 0xFFFF);
}

TEST_CASE("a checksum that would be 0 is sent as all ones") {
    int zeros = 0;
    int ones = 0;
    for (unsigned last = 0; last <= 0xFFFF; ++last) {
        const Buffer frame{std::byte{4}, std::byte{0x0E}, static_cast<std::byte>(last >> 8U),
                           static_cast<std::byte>(last & 0xFFU)};
        const Buffer block = packet_block(datagram_of("192.0.2.1:4000", "192.0.2.2:1883", frame));
        zeros += word(block, packet_begin + 26) == 0 ? 1 : 0;
        ones += word(block, packet_begin + 26) == 0xFFFF ? 1 : 0;
    }
    CHECK(zeros == 0);
    CHECK(ones >= 1);
}

TEST_CASE("what is written is read again") {
    const TemporaryFile file("");
    const Buffer frames[] = {hex("02 17"), hex("03 05 00"), Buffer(65507, std::byte{'x'}), {}};
    const std::pair<std::string, std::string> ends[] = {{"192.0.2.1:4000", "192.0.2.2:1883"},
                                                        {"[2001:db8::1]:4000", "[2001:db8::2]:1883"}};
    {
        PcapngFile writer(file.path());
        for (const auto& [from, to] : ends) {
            for (const Buffer& frame : frames)
                REQUIRE(writer.write(some_time, datagram_of(from, to, frame)).has_value());
        }
        writer.flush();
        CHECK(writer.error().empty());
    }
    CaptureFile capture(file.path());
    REQUIRE(capture.error().empty());
    CapturedPacket packet;
    for (const auto& [from, to] : ends) {
        for (const Buffer& frame : frames) {
            REQUIRE(capture.next(packet));
            CHECK(packet.time == some_time);
            const Found found = find_udp(capture.link_type(), packet.octets);
            REQUIRE(found.what == Found::What::udp);
            CHECK(to_string(found.datagram.from) == from);
            CHECK(to_string(found.datagram.to) == to);
            CHECK(std::equal(frame.begin(), frame.end(), found.datagram.payload.begin(), found.datagram.payload.end()));
        }
    }
    CHECK_FALSE(capture.next(packet));
    CHECK(capture.error().empty());
}

TEST_CASE("a datagram that was cut off stays cut off") {
    const Buffer frame = hex("02 17");
    auto datagram = datagram_of("192.0.2.1:4000", "192.0.2.2:1883", frame);
    datagram.real_size = 20;
    const Buffer block = packet_block(datagram);
    CHECK(to_hex(Bytes(block).subspan(20, 8)) == "1e00000030000000");
    const Found found = find_udp(101, Bytes(block).subspan(packet_begin, 30));
    REQUIRE(found.what == Found::What::udp);
    CHECK(found.datagram.real_size == 20);
    CHECK(found.datagram.payload.size() == 2);
    CHECK(word(block, packet_begin + 26) == 0);
}

TEST_CASE("frames that no datagram can carry are refused") {
    Buffer out;
    const Buffer frame(65528, std::byte{});
    const auto v4 = datagram_of("192.0.2.1:4000", "192.0.2.2:1883", Bytes(frame).first(65508));
    CHECK(append_pcapng_packet(some_time, v4, out).error() == boost::system::errc::message_size);
    const auto v6 = datagram_of("[::1]:4000", "[::1]:1883", frame);
    CHECK(append_pcapng_packet(some_time, v6, out).error() == boost::system::errc::message_size);
    const auto mixed = datagram_of("[::1]:4000", "192.0.2.2:1883", {});
    CHECK(append_pcapng_packet(some_time, mixed, out).error() == boost::system::errc::invalid_argument);
    CHECK(out.empty());
}

TEST_CASE("a file that cannot be written says why") {
    CHECK_THAT(PcapngFile("/nowhere/at/all").error(), Contains("cannot write /nowhere/at/all: No such file"));
    PcapngFile full("/dev/full");
    full.flush();
    CHECK_THAT(full.error(), Contains("cannot write /dev/full: No space left"));
}

}  // namespace pcapng_writer_test
