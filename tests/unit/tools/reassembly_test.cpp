// IP fragments in captures.
#include "tools/dump/reassembly.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

namespace reassembly_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using test::hex;
using What = Found::What;

namespace {

const Buffer from = hex("C0000201");
const Buffer to = hex("C0000202");
// 192.0.2.1:4000 to 192.0.2.2:1883 with 24 octets of payload: 32 in all.
const Buffer whole = hex("0FA0 075B 0020 0000 18 0C 00 0001 0000 78787878787878787878787878787878 78");

Fragment part(std::uint32_t id, std::size_t offset, std::size_t size) {
    return {from, to, id, offset, offset + size == whole.size(), Bytes(whole).subspan(offset, size)};
}

void check_whole(const Found& found) {
    REQUIRE(found.what == What::udp);
    CHECK(to_string(found.datagram.from) == "192.0.2.1:4000");
    CHECK(to_string(found.datagram.to) == "192.0.2.2:1883");
    CHECK(test::to_hex(found.datagram.payload) == test::to_hex(Bytes(whole).subspan(8)));
    CHECK(found.datagram.real_size == 24);
}

}  // namespace

TEST_CASE("fragments make a datagram in any order") {
    std::vector<std::pair<std::size_t, std::size_t>> parts{{0, 8}, {8, 16}, {24, 8}};
    do {
        Reassembly reassembly;
        CHECK(reassembly.add(part(1, parts[0].first, parts[0].second)).what == What::other);
        CHECK(reassembly.add(part(1, parts[1].first, parts[1].second)).what == What::other);
        CHECK(reassembly.left_over() == 2);
        check_whole(reassembly.add(part(1, parts[2].first, parts[2].second)));
        CHECK(reassembly.left_over() == 0);
    } while (std::next_permutation(parts.begin(), parts.end()));
}

TEST_CASE("fragments of several packets are kept apart") {
    Reassembly reassembly;
    reassembly.add(part(1, 0, 16));
    reassembly.add(part(2, 16, 16));
    auto other_way = part(1, 16, 16);
    std::swap(other_way.from, other_way.to);
    CHECK(reassembly.add(other_way).what == What::other);
    check_whole(reassembly.add(part(2, 0, 16)));
    check_whole(reassembly.add(part(1, 16, 16)));
    CHECK(reassembly.left_over() == 1);
}

TEST_CASE("a repeated fragment changes nothing") {
    Reassembly reassembly;
    reassembly.add(part(1, 0, 16));
    CHECK(reassembly.add(part(1, 0, 16)).what == What::other);
    check_whole(reassembly.add(part(1, 16, 16)));
}

TEST_CASE("fragments that overlap never make a datagram") {
    Reassembly reassembly;
    reassembly.add(part(1, 0, 16));
    reassembly.add(part(1, 8, 8));
    CHECK(reassembly.add(part(1, 24, 8)).what == What::other);
    CHECK(reassembly.left_over() == 3);
}

TEST_CASE("incomplete packets do not pile up") {
    Reassembly reassembly;
    for (std::uint32_t id = 0; id <= Reassembly::most_packets; ++id)
        reassembly.add(part(id, 0, 16));
    CHECK(reassembly.add(part(0, 16, 16)).what == What::other);  // its beginning is gone
    check_whole(reassembly.add(part(2, 16, 16)));
    CHECK(reassembly.left_over() == Reassembly::most_packets + 1);
}

TEST_CASE("a packet that would be longer than IP allows is given up") {
    const Buffer octets(60000, std::byte{});
    Reassembly reassembly;
    reassembly.add({from, to, 1, 0, false, octets});
    CHECK(reassembly.add({from, to, 1, 60000, true, octets}).what == What::other);
    CHECK(reassembly.left_over() == 2);
    CHECK(reassembly.add({from, to, 1, 65528, true, Bytes(octets).first(8)}).what == What::other);
}

}  // namespace reassembly_test
