// How a node finds gateways, in virtual time.
#include "tools/node/discovery.hpp"
#include "tests/unit/tools/node_talk.hpp"
#include "transports/udp_address.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace discovery_test {

using namespace mqttsn;
using namespace mqttsn::node;

namespace {

Address at(const std::string& text) {
    const auto address = transports::parse_socket_address(text);
    REQUIRE(address.has_value());
    return transports::to_address(*address);
}

std::string text_of(const Address& address) {
    return transports::to_string(transports::to_socket_address(address));
}

class Searcher {
public:
    explicit Searcher(DiscoveryOptions options = {}) : discovery(options) {}

    void hears(const sn::Packet& packet, const std::string& from) {
        Buffer frame;
        REQUIRE(sn::encode(packet, 255, frame).has_value());
        discovery.receive(frame, at(from), now, out);
    }
    void wait(Duration duration) {
        const TimePoint end = now + duration;
        for (auto next = discovery.next_timeout(); next && *next <= end; next = discovery.next_timeout()) {
            now = std::max(now, *next);
            discovery.timeout(now, out);
            for (const Broadcast& each : std::exchange(out.broadcasts, {})) {
                said.push_back(node::describe(each.frame) + " radius " + std::to_string(each.radius));
                said_at.push_back(now);
                frames.push_back(each.frame);
            }
        }
        now = end;
    }
    Texts events() {
        Texts texts;
        for (const DiscoveryEvent& each : std::exchange(out.events, {})) {
            if (const auto* found = std::get_if<GatewayFound>(&each)) {
                texts.push_back("found " + std::to_string(found->gateway.gw_id) + " " +
                                text_of(found->gateway.address));
            } else {
                texts.push_back("gone " + std::to_string(std::get<GatewayGone>(each).gateway.gw_id));
            }
        }
        return texts;
    }

    Discovery discovery;
    DiscoveryOutbox out;
    TimePoint now = TimePoint{} + 1h;
    Texts said;
    std::vector<TimePoint> said_at;
    std::vector<Buffer> frames;
};

const std::string gateway = "192.0.2.7:1883";
const std::string neighbour = "192.0.2.99:40000";

}  // namespace

TEST_CASE("gateways are listed with the source of what they sent, or with the GwAdd that a node sent",
          "[SN12C-6.1-a]") {
    Searcher node;
    node.hears(sn::Advertise{1, 900}, gateway);
    node.hears(sn::GwInfo{2, {}}, "192.0.2.8:2000");
    const Buffer gw_add = make_gw_add(at("198.51.100.1:1884"));
    node.hears(sn::GwInfo{3, gw_add}, neighbour);
    CHECK(node.events() == Texts{"found 1 192.0.2.7:1883", "found 2 192.0.2.8:2000", "found 3 198.51.100.1:1884"});
    node.wait(2s);
    node.hears(sn::GwInfo{1, {}}, gateway);
    node.hears(sn::Advertise{3, 60}, "198.51.100.1:1884");
    CHECK(node.events().empty());
    const auto& list = node.discovery.gateways();
    REQUIRE(list.size() == 3);
    CHECK(list[0].heard_at == node.now);
    CHECK(list[0].duration_s == 900);
    CHECK(list[0].source == KnownGateway::Source::gwinfo);
    CHECK_FALSE(list[1].duration_s.has_value());
    CHECK(list[2].source == KnownGateway::Source::advertise);
    // What a node remembers does not make the gateway's own word weaker.
    node.hears(sn::GwInfo{3, gw_add}, neighbour);
    CHECK(list[2].source == KnownGateway::Source::advertise);
    // One id at two addresses are two entries: the user must see it.
    node.hears(sn::GwInfo{1, {}}, "192.0.2.77:1883");
    CHECK(node.events() == Texts{"found 1 192.0.2.77:1883"});
}

TEST_CASE("the list of gateways is bounded") {
    Searcher node;
    for (std::uint16_t port = 1; port <= Discovery::most_gateways + 10; ++port)
        node.hears(sn::GwInfo{1, {}}, "192.0.2.7:" + std::to_string(port));
    CHECK(node.discovery.gateways().size() == Discovery::most_gateways);
}

TEST_CASE("a gateway is dropped after N_ADV missed periods and the tolerance", "[SN12C-6.1-b][SN12-7.2-c]") {
    Searcher node;
    const std::uint16_t duration = GENERATE(std::uint16_t{60}, std::uint16_t{900});
    const Duration last = duration == 60 ? 2 * 60s + 90s : 2 * 900s + 990s;
    node.hears(sn::Advertise{1, duration}, gateway);
    node.wait(1s);
    node.hears(sn::Advertise{1, duration}, gateway);
    node.events();
    node.wait(last - 1s);
    CHECK(node.events().empty());
    node.wait(1s);
    CHECK(node.events() == Texts{"gone 1"});
    CHECK(node.discovery.gateways().empty());
    CHECK_FALSE(node.discovery.next_timeout().has_value());
}

TEST_CASE("a gateway that never advertised stays in the list", "[SN12C-6.1-b]") {
    Searcher node;
    node.hears(sn::GwInfo{1, {}}, gateway);
    node.wait(24h);
    CHECK(node.discovery.gateways().size() == 1);
}

TEST_CASE("SEARCHGW waits a random time of at most T_SEARCHGW", "[SN12C-6.1-c][SN12-7.2-d]") {
    std::set<Duration> delays;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        DiscoveryOptions options;
        options.seed = seed;
        Searcher node(options);
        const auto begin = node.now;
        node.discovery.search(node.now);
        node.wait(5s);
        REQUIRE(node.said == Texts{"SEARCHGW radius 1"});
        delays.insert(node.said_at[0] - begin);
    }
    CHECK(delays.size() > 190);
    CHECK(*delays.begin() < 250ms);
    CHECK(*delays.rbegin() > 4750ms);
}

TEST_CASE("an identical SEARCHGW of another node takes the place of the own", "[SN12C-6.1-c]") {
    const std::uint8_t radius = GENERATE(std::uint8_t{1}, std::uint8_t{2});
    Searcher node;
    node.discovery.search(node.now);
    node.hears(sn::SearchGw{radius}, neighbour);
    node.wait(5s);
    const bool is_identical = radius == 1;
    CHECK(node.said.empty() == is_identical);
    // As if it had sent it: without an answer it goes on with its own.
    node.wait(15s);
    CHECK_FALSE(node.said.empty());
}

TEST_CASE("SEARCHGW without answer is repeated with gaps that double up to a limit", "[SN12C-6.1-d]") {
    Searcher node;
    node.discovery.search(node.now);
    node.wait(1h);
    REQUIRE(node.said_at.size() >= 10);
    Duration expected = 5s;
    for (std::size_t i = 1; i < node.said_at.size(); ++i) {
        const Duration gap = node.said_at[i] - node.said_at[i - 1];
        CHECK(gap >= expected);
        CHECK(gap <= expected * 5 / 4);
        expected = std::min<Duration>(expected * 2, 320s);
    }
}

TEST_CASE("an answer ends the search, when the last gateway is gone it begins anew", "[SN12C-6.1-d][SN12C-6.1-b]") {
    Searcher node;
    node.discovery.search(node.now);
    node.wait(5s);
    node.hears(sn::Advertise{1, 60}, gateway);
    CHECK(node.said.size() == 1);
    node.wait(209s);
    CHECK(node.said.size() == 1);
    node.wait(1s + 5s);
    CHECK(node.events() == Texts{"found 1 192.0.2.7:1883", "gone 1"});
    CHECK(node.said.size() == 2);
}

TEST_CASE("a node answers SEARCHGW with a gateway of its list, after a random time of at most T_GWINFO",
          "[SN12C-6.1-e][SN12-7.2-e]") {
    std::set<Duration> delays;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        DiscoveryOptions options;
        options.seed = seed;
        Searcher node(options);
        node.hears(sn::Advertise{7, 900}, gateway);
        node.wait(10s);
        const auto begin = node.now;
        node.hears(sn::SearchGw{3}, neighbour);
        node.wait(5s);
        REQUIRE(node.said == Texts{"GWINFO radius 3"});
        delays.insert(node.said_at[0] - begin);
        const Buffer expected{std::byte{10}, std::byte{2}, std::byte{7}, std::byte{6}, std::byte{192},
                              std::byte{0},  std::byte{2}, std::byte{7}, std::byte{7}, std::byte{0x5B}};
        CHECK(node.frames[0] == expected);
    }
    CHECK(delays.size() > 90);
    CHECK(*delays.begin() < 500ms);
    CHECK(*delays.rbegin() > 4500ms);
}

TEST_CASE("nobody is told of a gateway when a GWINFO was heard, or when none is known", "[SN12C-6.1-e]") {
    Searcher node;
    SECTION("GWINFO meanwhile") {
        node.hears(sn::Advertise{7, 900}, gateway);
        node.hears(sn::SearchGw{1}, neighbour);
        node.hears(sn::GwInfo{8, {}}, "192.0.2.8:1883");
    }
    SECTION("nothing known") {
        node.hears(sn::SearchGw{1}, neighbour);
    }
    SECTION("gone meanwhile") {
        node.hears(sn::Advertise{7, 1}, gateway);
        node.wait(3499ms);
        node.hears(sn::SearchGw{1}, neighbour);
    }
    node.wait(1min);
    CHECK(node.said.empty());
}

TEST_CASE("GwAdd has a length octet, an address and a port, the bare forms are understood", "[SN12C-5.3.5-a]") {
    const auto v4 = at("192.0.2.7:1884");
    const auto v6 = at("[2001:db8::7]:1884");
    const auto add = [](std::string_view octets) { return node::octets(octets); };
    const std::string ip4 = "\xC0" + std::string(1, '\0') + "\x02\x07";
    const std::string ip6 = "\x20\x01\x0d\xb8" + std::string(11, '\0') + "\x07";
    CHECK(make_gw_add(v4) == add("\x06" + ip4 + "\x07\x5C"));
    CHECK(make_gw_add(v6) == add("\x12" + ip6 + "\x07\x5C"));
    const auto reads = [&](const std::string& octets) {
        const auto address = read_gw_add(as_bytes(octets), 1883, v4);
        return address ? text_of(*address) : "nothing";
    };
    CHECK(reads("\x06" + ip4 + "\x07\x5C") == "192.0.2.7:1884");
    CHECK(reads("\x12" + ip6 + "\x07\x5C") == "[2001:db8::7]:1884");
    CHECK(reads(ip4) == "192.0.2.7:1883");
    CHECK(reads(ip4 + "\x07\x5C") == "192.0.2.7:1884");
    CHECK(reads(ip6) == "[2001:db8::7]:1883");
    CHECK(reads(ip6 + "\x07\x5C") == "[2001:db8::7]:1884");
    CHECK(reads("\x04" + ip4) == "192.0.2.7:1883");
    for (const std::size_t size : {1U, 2U, 3U, 5U, 7U, 15U, 17U, 19U, 20U, 250U})
        CHECK(reads(std::string(size, '\x7F')) == "nothing");
}

TEST_CASE("the scope of a link-local gateway is that of the node that told of it", "[SN12C-5.3.5-a]") {
    const std::string link_local = "\xFE\x80" + std::string(13, '\0') + "\x07";
    const auto address = read_gw_add(as_bytes(link_local), 1883, at("[fe80::99%lo]:40000"));
    REQUIRE(address.has_value());
    CHECK(text_of(*address) == "[fe80::7%lo]:1883");
}

TEST_CASE("what is no discovery message, or names no address, changes nothing") {
    Searcher node;
    node.hears(sn::Connack{}, gateway);
    node.hears(sn::GwInfo{1, as_bytes("abc")}, neighbour);
    node.discovery.receive(octets("\x03\x02"), at(gateway), node.now, node.out);
    CHECK(node.discovery.gateways().empty());
    CHECK(node.events().empty());
}

}  // namespace discovery_test
