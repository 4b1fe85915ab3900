// Captures: from the link layer to a datagram, files of libpcap's kinds, and which ports count.
#include "tests/support/hex.hpp"
#include "tests/unit/runtime/temporary_file.hpp"
#include "tools/dump/capture_file.hpp"
#include "tools/dump/link_layer.hpp"
#include "tools/dump/pcapng_writer.hpp"
#include "tools/dump/port_filter.hpp"

#include <catch2/catch.hpp>

namespace capture_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using Catch::Matchers::Contains;
using test::hex;
using test::TemporaryFile;
using What = Found::What;

namespace {

// 192.0.2.1:4000 to 192.0.2.2:1883, PINGRESP.
const std::string udp = "0FA0 075B 000A 0000 0217";
const std::string ipv4 = "4500 001E 0000 4000 4011 0000 C0000201 C0000202";
const std::string ipv6_addresses = "20010DB8000000000000000000000001 20010DB8000000000000000000000002";

void check_pingresp(const Found& found, const std::string& from, const std::string& to) {
    REQUIRE(found.what == What::udp);
    CHECK(to_string(found.datagram.from) == from);
    CHECK(to_string(found.datagram.to) == to);
    CHECK(test::to_hex(found.datagram.payload) == "0217");
    CHECK(found.datagram.real_size == 2);
}

void check_v4(int link_type, const std::string& packet) {
    INFO(link_type << ": " << packet);
    const Buffer octets = hex(packet);
    check_pingresp(find_udp(link_type, octets), "192.0.2.1:4000", "192.0.2.2:1883");
}

void check_v6(int link_type, const std::string& packet) {
    INFO(link_type << ": " << packet);
    const Buffer octets = hex(packet);
    check_pingresp(find_udp(link_type, octets), "[2001:db8::1]:4000", "[2001:db8::2]:1883");
}

What what_of(int link_type, const std::string& packet) {
    return find_udp(link_type, hex(packet)).what;
}

const std::string macs = "0102030405060708090A0B0C";
const std::string ipv6 = "60000000 000A 11 40" + ipv6_addresses;

// A pcap file as hex: header and one packet of a loopback interface, in the byte order of the writer.
std::string file_of(const std::string& digits) {
    const Buffer octets = hex(digits);
    return std::string(as_text(octets));
}

const std::string big_header = "A1B2C3D4 0002 0004 00000000 00000000 00040000 00000065";
const std::string little_header = "D4C3B2A1 0200 0400 00000000 00000000 00000400 65000000";
const std::string big_nano_header = "A1B23C4D 0002 0004 00000000 00000000 00040000 00000065";

struct ReadFile {
    std::vector<std::pair<CaptureTime, Buffer>> packets;
    std::string error;
};

ReadFile read(const std::string& content) {
    const TemporaryFile file(content);
    CaptureFile capture(file.path());
    ReadFile result;
    CapturedPacket packet;
    while (capture.error().empty() && capture.next(packet))
        result.packets.emplace_back(packet.time, Buffer(packet.octets.begin(), packet.octets.end()));
    result.error = capture.error();
    return result;
}

}  // namespace

TEST_CASE("datagrams are found behind every link layer") {
    check_v4(101, ipv4 + udp);
    check_v4(12, ipv4 + udp);
    check_v4(228, ipv4 + udp);
    check_v4(1, macs + "0800" + ipv4 + udp);
    check_v4(1, macs + "8100 0005 0800" + ipv4 + udp);
    check_v4(1, macs + "88A8 0005 8100 0006 0800" + ipv4 + udp);
    check_v4(0, "02000000" + ipv4 + udp);
    check_v4(108, "00000002" + ipv4 + udp);
    check_v4(113, "0000 0304 0006 000000000000 0000 0800" + ipv4 + udp);
    check_v4(276, "0800 0000 00000001 0304 00 06 0000000000000000" + ipv4 + udp);
    check_v6(101, ipv6 + udp);
    check_v6(229, ipv6 + udp);
    check_v6(1, macs + "86DD" + ipv6 + udp);
    check_v6(276, "86DD 0000 00000001 0304 00 06 0000000000000000" + ipv6 + udp);
    check_v6(0, "1E000000" + ipv6 + udp);
}

TEST_CASE("options and extension headers are stepped over") {
    check_v4(101, "4700 0026 0000 0000 4011 0000 C0000201 C0000202 0101010101010100" + udp);
    // Hop-by-hop of 8 octets, routing of 16, destination options of 8.
    const std::string extensions = "2B 00 010400000000 3C 01 0000000000000000000000000000 11 00 010400000000";
    check_v6(101, "60000000 002A 00 40" + ipv6_addresses + extensions + udp);
    check_v6(101, "60000000 001A 33 40" + ipv6_addresses + "11 02 0000 0000000000000000 00000000" + udp);
}

TEST_CASE("padding behind a datagram is not payload") {
    check_v4(1, macs + "0800" + ipv4 + udp + "0000000000000000");
    check_v4(101, "4500 0020 0000 4000 4011 0000 C0000201 C0000202" + udp + "FFFF");
}

TEST_CASE("a length of 0 in IPv4 means all that is there") {
    check_v4(101, "4500 0000 0000 4000 4011 0000 C0000201 C0000202" + udp);
}

TEST_CASE("what is not UDP is passed over") {
    CHECK(what_of(101, "4500 001E 0000 4000 4006 0000 C0000201 C0000202" + udp) == What::other);
    CHECK(what_of(101, "60000000 000A 06 40" + ipv6_addresses + udp) == What::other);
    CHECK(what_of(1, macs + "0806" + ipv4 + udp) == What::other);
    CHECK(what_of(105, ipv4 + udp) == What::other);
    CHECK(what_of(101, "1500 001E 0000 4000 4011 0000 C0000201 C0000202" + udp) == What::other);
    CHECK(what_of(101, "4400 001E 0000 4000 4011 0000 C0000201 C0000202" + udp) == What::other);
    CHECK(what_of(101, "4500 0010 0000 4000 4011 0000 C0000201 C0000202" + udp) == What::other);
}

TEST_CASE("UDP lengths that cannot be are passed over") {
    CHECK(what_of(101, ipv4 + "0FA0 075B 0007 0000 0217") == What::other);
    CHECK(what_of(101, ipv4 + "0FA0 075B 000B 0000 0217") == What::other);
    CHECK(what_of(101, "4500 001B 0000 4000 4011 0000 C0000201 C0000202" + udp) == What::other);
}

TEST_CASE("fragments are told apart") {
    const auto check = [](const std::string& packet, std::uint32_t id, std::size_t offset, bool is_last) {
        INFO(packet);
        const Buffer octets = hex(packet);
        const Found found = find_udp(101, octets);
        REQUIRE(found.what == What::fragment);
        CHECK(found.fragment.id == id);
        CHECK(found.fragment.offset == offset);
        CHECK(found.fragment.is_last == is_last);
        CHECK(found.fragment.from.size() == found.fragment.to.size());
        CHECK(found.fragment.octets.size() == 10);
    };
    check("4500 001E 1234 2000 4011 0000 C0000201 C0000202" + udp + "0000", 0x1234, 0, false);
    check("4500 001E 1234 2001 4011 0000 C0000201 C0000202" + udp, 0x1234, 8, false);
    check("4500 001E 1234 1FFF 4011 0000 C0000201 C0000202" + udp, 0x1234, 65528, true);
    check("60000000 0012 2C 40" + ipv6_addresses + "1100 0001 12345678" + udp, 0x12345678, 0, false);
    check("60000000 0012 2C 40" + ipv6_addresses + "1100 0008 12345678" + udp, 0x12345678, 8, true);
    CHECK(what_of(101, "4500 001F 1234 2000 4011 0000 C0000201 C0000202" + udp) == What::cut_off);
    CHECK(what_of(101, "60000000 0012 2C 40" + ipv6_addresses + "1100 0001 1234") == What::cut_off);
    CHECK(what_of(101, "60000000 0012 2C 40" + ipv6_addresses + "0600 0001 12345678" + udp) == What::other);
    CHECK(what_of(101, "60000000 0007 2C 40" + ipv6_addresses + "1100 0001 12345678" + udp) == What::other);
}

TEST_CASE("a packet that is cut anywhere is never read beyond its end") {
    const std::vector<std::pair<int, std::string>> packets{
        {1, macs + "8100 0005 0800" + ipv4 + udp},
        {101, "60000000 001A 33 40" + ipv6_addresses + "11 02 0000 0000000000000000 00000000" + udp},
        {276, "86DD 0000 00000001 0304 00 06 0000000000000000" + ipv6 + udp},
    };
    for (const auto& [link_type, digits] : packets) {
        const Buffer whole = hex(digits);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            INFO(link_type << ", " << size << " octets");
            const Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            const Found found = find_udp(link_type, cut);
            if (size + 2 < whole.size()) {
                CHECK(found.what == What::cut_off);
            } else {
                REQUIRE(found.what == What::udp);
                CHECK(found.datagram.real_size == 2);
                CHECK(found.datagram.payload.size() == size + 2 - whole.size());
            }
        }
    }
}

TEST_CASE("pcap files are read in both byte orders and resolutions") {
    const auto time = [](std::int64_t nanoseconds) { return CaptureTime(std::chrono::nanoseconds(nanoseconds)); };
    const auto big = read(file_of(big_header + "65000000 0000007B 0000001E 0000001E" + ipv4 + udp));
    CHECK(big.error.empty());
    REQUIRE(big.packets.size() == 1);
    CHECK(big.packets[0].first == time(1694498816LL * 1'000'000'000 + 123'000));
    CHECK(big.packets[0].second == hex(ipv4 + udp));
    const auto little = read(file_of(little_header + "00000065 7B000000 1E000000 1E000000" + ipv4 + udp));
    CHECK(little.packets == big.packets);
    const auto nano = read(file_of(big_nano_header + "65000000 0000007B 0000001E 0000001E" + ipv4 + udp));
    REQUIRE(nano.packets.size() == 1);
    CHECK(nano.packets[0].first == time(1694498816LL * 1'000'000'000 + 123));
}

TEST_CASE("a packet that the capture cut off says how long it was") {
    const TemporaryFile file(file_of(big_header + "65000000 0000007B 00000014 0000001E" + ipv4));
    CaptureFile capture(file.path());
    CapturedPacket packet;
    REQUIRE(capture.next(packet));
    CHECK(packet.octets.size() == 20);
    CHECK(packet.real_size == 30);
    CHECK(find_udp(capture.link_type(), packet.octets).what == What::cut_off);
}

TEST_CASE("a file that ends in a packet gives those before, and an error") {
    const std::string packet = "65000000 0000007B 0000001E 0000001E" + ipv4 + udp;
    const auto result = read(file_of(big_header + packet + packet.substr(0, 40)));
    CHECK(result.packets.size() == 1);
    CHECK_THAT(result.error, Contains("to its end") && Contains("truncated"));
}

TEST_CASE("files that are no captures are refused with their name") {
    CHECK_THAT(CaptureFile("/nowhere/at/all").error(), Contains("/nowhere/at/all: No such file"));
    CHECK_THAT(CaptureFile("/").error(), Contains("Is a directory"));
    CHECK_THAT(read("").error, Contains("expected a pcap or pcapng file"));
    CHECK_THAT(read("this is a text, not a capture").error, Contains("expected a pcap or pcapng file"));
    const std::string bluetooth = "A1B2C3D4 0002 0004 00000000 00000000 00040000 000000BB";
    CHECK_THAT(read(file_of(bluetooth)).error, Contains("link type is BLUETOOTH_HCI_H4, not Ethernet"));
}

TEST_CASE("ports choose datagrams by either end") {
    const auto between = [](const std::string& from, const std::string& to) {
        return UdpDatagram{*transports::parse_socket_address(from), *transports::parse_socket_address(to), {}, 0};
    };
    const auto usual = PortFilter::parse({});
    REQUIRE(usual);
    CHECK(usual->passes(between("192.0.2.1:1883", "192.0.2.2:4000")));
    CHECK(usual->passes(between("192.0.2.1:4000", "192.0.2.2:1883")));
    CHECK_FALSE(usual->passes(between("192.0.2.1:4000", "192.0.2.2:10000")));
    CHECK_FALSE(usual->is_any());
    const auto two = PortFilter::parse({"10000", "1884"});
    REQUIRE(two);
    CHECK(two->passes(between("192.0.2.1:4000", "192.0.2.2:10000")));
    CHECK(two->passes(between("192.0.2.1:1884", "192.0.2.2:1")));
    CHECK_FALSE(two->passes(between("192.0.2.1:1883", "192.0.2.2:1")));
    CHECK(two->to_string() == "1884, 10000");
    const auto any = PortFilter::parse({"10000", "any"});
    REQUIRE(any);
    CHECK(any->is_any());
    CHECK(any->passes(between("192.0.2.1:2", "192.0.2.2:1")));
    for (const auto* text : {"", "0", "65536", "-1", "10 ", "all"}) {
        INFO(text);
        CHECK_FALSE(PortFilter::parse({text}).has_value());
    }
}

}  // namespace capture_test
