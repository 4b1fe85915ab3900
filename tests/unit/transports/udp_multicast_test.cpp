// Multicast groups and broadcasts of the UDP link, with real sockets on loopback.
#include "tests/unit/transports/udp_place.hpp"

#include <net/if.h>
#include <poll.h>
#include <boost/asio/ip/multicast.hpp>

#include <algorithm>

namespace udp_multicast_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace mqttsn::transports::test;
using boost::asio::ip::udp;
using Catch::Matchers::Contains;
using Texts = std::vector<std::string>;

namespace {

/// Whether this host carries IPv6 multicast over loopback: it needs a route that many lack.
bool has_v6_multicast() {
    boost::asio::io_context io{1};
    udp::socket socket(io, {udp::v6(), 0});
    const auto lo = if_nametoindex("lo");
    const auto group = boost::asio::ip::make_address_v6("ff12::4d51");
    boost::system::error_code error;
    socket.set_option(boost::asio::ip::multicast::outbound_interface(lo));
    socket.set_option(boost::asio::ip::multicast::join_group(group, lo), error);
    if (!error) socket.send_to(boost::asio::buffer("x", 1), {group, socket.local_endpoint().port()}, 0, error);
    pollfd arrived{socket.native_handle(), POLLIN, 0};
    const bool works = !error && ::poll(&arrived, 1, 500) == 1;
    if (!works) WARN("IPv6 multicast over loopback does not work here and is not tested");
    return works;
}

/// What a listener needs on loopback: its own interface and a free port that the group shares.
UdpConfig group_on_loopback(const std::string& listen, const std::string& group, const SocketAddress& free_port) {
    UdpConfig config = listen_on(listen);
    config.multicast = {with_port(group, free_port)};
    config.multicast_interface = "lo";
    return config;
}

}  // namespace

TEST_CASE("frames for a multicast group arrive on the chosen interface, on the service port or another one", "[native]") {
    const bool v6 = GENERATE(false, true);
    if (v6 && !has_v6_multicast()) return;
    const bool same_port = GENERATE(true, false);
    Place place;
    SocketAddress port;
    {
        Node free(place.io, v6 ? "[::]:0" : "0.0.0.0:0");
        port = free.address();
    }
    const std::string group = v6 ? "[ff12::4d51]" : "225.1.1.1";
    const std::string any = v6 ? "[::]" : "0.0.0.0";
    UdpTransport& link = place.open(group_on_loopback(same_port ? with_port(any, port) : any + ":0", group, port));
    Node node(place.io, v6 ? "[::1]:0" : "127.0.0.1:0");
    if (v6) {
        node.socket().set_option(boost::asio::ip::multicast::outbound_interface(if_nametoindex("lo")));
    } else {
        node.socket().set_option(
            boost::asio::ip::multicast::outbound_interface(boost::asio::ip::address_v4::loopback()));
    }
    node.send("search", *parse_socket_address(with_port(group, port)));
    REQUIRE(place.frames(1));
    CHECK(place.listener.frames == Texts{"search"});
    CHECK(place.listener.from[0].address == to_address(node.address()));
    // What answers is the service socket, not the group's.
    link.send(place.listener.from[0].address, as_bytes("answer"));
    link.flush();
    REQUIRE(place.until([&] { return node.receive(); }));
    CHECK(node.from.port() == link.local_address().port());
}

TEST_CASE("two gateways of one host can listen to the same group beside their own ports", "[native]") {
    Place place;
    SocketAddress port;
    {
        Node free(place.io, "0.0.0.0:0");
        port = free.address();
    }
    place.open(group_on_loopback("127.0.0.1:0", "225.1.1.1", port));
    place.open(group_on_loopback("127.0.0.1:0", "225.1.1.1", port));
    Node node(place.io);
    node.socket().set_option(boost::asio::ip::multicast::outbound_interface(boost::asio::ip::address_v4::loopback()));
    node.send("search", *parse_socket_address(with_port("225.1.1.1", port)));
    REQUIRE(place.frames(2));
    CHECK(place.listener.frames == Texts{"search", "search"});
    CHECK(place.listener.from[0].link != place.listener.from[1].link);
}

TEST_CASE("broadcast() reaches every address of advertise_to, the radius becomes the hop limit", "[SN12-5.3.9-a][native]") {
    const bool v6 = GENERATE(false, true);
    if (v6 && !has_v6_multicast()) return;
    Place place;
    Node member(place.io, v6 ? "[::]:0" : "0.0.0.0:0");
    Node single(place.io, v6 ? "[::1]:0" : "127.0.0.1:0");
    const std::string group = v6 ? "[ff12::4d52]" : "225.1.1.2";
    const auto group_address = boost::asio::ip::make_address(v6 ? "ff12::4d52" : "225.1.1.2");
    if (v6) {
        member.socket().set_option(boost::asio::ip::multicast::join_group(group_address.to_v6(), if_nametoindex("lo")));
    } else {
        member.socket().set_option(
            boost::asio::ip::multicast::join_group(group_address.to_v4(), boost::asio::ip::address_v4::loopback()));
    }
    UdpConfig config = listen_on(v6 ? "[::]:0" : "0.0.0.0:0");
    config.multicast_interface = "lo";
    config.advertise_to = {with_port(group, member.address()), to_string(single.address())};
    config.multicast_hops = 5;
    UdpTransport& link = place.open(config);
    CHECK(link.traits().broadcast);
    const std::vector<std::pair<std::uint8_t, int>> radius_and_hops{{0, 5}, {1, 1}, {3, 3}, {5, 5}, {6, 5}, {255, 5}};
    for (const auto& [radius, hops] : radius_and_hops) {
        CHECK(link.broadcast(radius, as_bytes("advertise")));
        REQUIRE(place.until([&] { return member.receive(); }));
        CHECK(member.text == "advertise");
        CHECK(member.hops == hops);
        // From the socket that serves clients.
        CHECK(member.from.port() == link.local_address().port());
        REQUIRE(place.until([&] { return single.receive(); }));
        CHECK(single.text == "advertise");
    }
    CHECK(link.counters().frames_out == 2 * radius_and_hops.size());
}

TEST_CASE("what was sent before a broadcast leaves before it") {
    Place place;
    Node node(place.io);
    UdpConfig config = listen_on("127.0.0.1:0");
    config.advertise_to = {to_string(node.address())};
    UdpTransport& link = place.open(config);
    link.send(to_address(node.address()), as_bytes("first"));
    CHECK(link.broadcast(0, as_bytes("second")));
    for (const char* expected : {"first", "second"}) {
        REQUIRE(place.until([&] { return node.receive(); }));
        CHECK(node.text == expected);
    }
}

TEST_CASE("without advertise_to a link cannot broadcast") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    CHECK_FALSE(link.traits().broadcast);
    CHECK(link.broadcast(0, as_bytes("x")));
    CHECK(link.counters().frames_out == 0);
}

TEST_CASE("own multicasts that loop back are not heard", "[native]") {
    Place place;
    SocketAddress port;
    {
        Node free(place.io, "0.0.0.0:0");
        port = free.address();
    }
    UdpConfig config = group_on_loopback(with_port("0.0.0.0", port), "225.1.1.3", port);
    config.advertise_to = config.multicast;
    UdpTransport& link = place.open(config);
    CHECK(link.broadcast(0, as_bytes("own")));
    Node node(place.io);
    node.send("other", *parse_socket_address(with_port("127.0.0.1", port)));
    REQUIRE(place.frames(1));
    CHECK(place.listener.frames == Texts{"other"});
}

TEST_CASE("a tool of this host can listen to the group on the service port, another service cannot", "[native]") {
    Place place;
    SocketAddress port;
    {
        Node free(place.io, "0.0.0.0:0");
        port = free.address();
    }
    place.open(group_on_loopback(with_port("0.0.0.0", port), "225.1.1.1", port));
    CHECK_THAT(place.error_of(listen_on(with_port("0.0.0.0", port))), Contains("in use"));
    CHECK_THAT(place.error_of(listen_on(with_port("127.0.0.1", port))), Contains("in use"));
    boost::system::error_code error;
    udp::socket tool(place.io, udp::v4());
    tool.set_option(udp::socket::reuse_address(true));
    tool.bind({boost::asio::ip::make_address("225.1.1.1"), port.port()}, error);
    CHECK(error.message() == "Success");
}

}  // namespace udp_multicast_test
