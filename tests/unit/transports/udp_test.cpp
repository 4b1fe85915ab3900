// The UDP link with real sockets on loopback.
#include "tests/unit/transports/udp_place.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace udp_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace mqttsn::transports::test;
using boost::asio::ip::udp;
using Catch::Matchers::Contains;
using Texts = std::vector<std::string>;

TEST_CASE("a frame goes in and its answer comes back, over IPv4 and IPv6") {
    const std::string listen = GENERATE("127.0.0.1:0", "[::1]:0");
    Place place;
    UdpTransport& link = place.open(listen_on(listen));
    Node node(place.io, listen);
    node.send("hello", link.local_address());
    REQUIRE(place.frames(1));
    CHECK(place.listener.frames == Texts{"hello"});
    CHECK(place.listener.from[0].link == 0);
    CHECK(place.listener.from[0].address == to_address(node.address()));
    CHECK(link.to_string(place.listener.from[0].address) == to_string(node.address()));

    CHECK(link.send(place.listener.from[0].address, as_bytes("answer")));
    CHECK_FALSE(node.receive());  // waits for flush()
    link.flush();
    REQUIRE(place.until([&] { return node.receive(); }));
    CHECK(node.text == "answer");
    CHECK(to_string(node.from) == to_string(link.local_address()));
    CHECK(link.counters().frames_in == 1);
    CHECK(link.counters().octets_in == 5);
    CHECK(link.counters().frames_out == 1);
    CHECK(link.counters().octets_out == 6);
    CHECK(link.traits().name == "udp:" + to_string(link.local_address()));
}

TEST_CASE("an empty datagram is a frame of no octets") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    Node node(place.io);
    node.send("", link.local_address());
    REQUIRE(place.frames(1));
    CHECK(place.listener.frames == Texts{""});
}

TEST_CASE("several listeners, IPv4 and IPv6 on one port among them, are told apart by their link") {
    Place place;
    UdpTransport& first = place.open(listen_on("127.0.0.1:0"));
    UdpTransport& second = place.open(listen_on(with_port("[::]", first.local_address())));
    UdpTransport& third = place.open(listen_on("127.0.0.1:0"));
    Node v4(place.io);
    Node v6(place.io, "[::1]:0");
    v4.send("one", first.local_address());
    v6.send("two", *parse_socket_address(with_port("[::1]", second.local_address())));
    v4.send("three", third.local_address());
    REQUIRE(place.frames(3));
    for (std::size_t i = 0; i < 3; ++i) {
        const Texts by_link{"one", "two", "three"};
        CHECK(place.listener.frames[i] == by_link[place.listener.from[i].link]);
    }
    CHECK(first.same_host(to_address(v4.address()), to_address(third.local_address())));
    CHECK_FALSE(first.same_host(to_address(v4.address()), to_address(v6.address())));
}

TEST_CASE("datagrams that are ready together come in one batch") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    Node node(place.io);
    Texts sent;
    for (int i = 0; i < 200; ++i) {
        sent.push_back(std::to_string(i));
        node.send(sent.back(), link.local_address());
    }
    REQUIRE(place.frames(200));
    CHECK(place.listener.frames == sent);
    CHECK(place.listener.batches == std::vector<std::size_t>{200});
}

TEST_CASE("a queue of many frames leaves at one flush, in order") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    Node node(place.io);
    const Address to = to_address(node.address());
    for (int i = 0; i < 150; ++i)
        REQUIRE(link.send(to, as_bytes(std::to_string(i))));
    link.flush();
    CHECK(link.counters().frames_out == 150);
    for (int i = 0; i < 150; ++i) {
        REQUIRE(place.until([&] { return node.receive(); }));
        CHECK(node.text == std::to_string(i));
    }
}

TEST_CASE("a thousand nodes sending at once to a listener with default buffers lose nothing") {
    rlimit files{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &files) == 0);
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    std::vector<std::unique_ptr<Node>> nodes;
    for (int i = 0; i < 1000; ++i)
        nodes.push_back(std::make_unique<Node>(place.io));
    for (auto& each : nodes)
        each->send(std::string(60, 'x'), link.local_address());
    REQUIRE(place.frames(1000));
    CHECK(link.counters().frames_in == 1000);
    CHECK(link.counters().receive_errors == 0);
    // And each gets its own answer.
    for (const Endpoint& each : place.listener.from)
        REQUIRE(link.send(each.address, each.address.octets()));
    link.flush();
    for (auto& each : nodes) {
        REQUIRE(place.until([&] { return each->receive(); }));
        CHECK(each->text == as_text(to_address(each->address()).octets()));
    }
}

TEST_CASE("datagrams above the receive limit are dropped and counted, those at the limit are whole", "[SN12-5.2.1-j]") {
    Place place;
    UdpConfig config = listen_on("127.0.0.1:0");
    config.receive_limit = 100;
    UdpTransport& link = place.open(config);
    Node node(place.io);
    node.send(std::string(101, 'a'), link.local_address());
    node.send(std::string(100, 'b'), link.local_address());
    node.send(std::string(60000, 'c'), link.local_address());
    node.send("d", link.local_address());
    REQUIRE(place.frames(2));
    CHECK(place.listener.frames == Texts{std::string(100, 'b'), "d"});
    CHECK(link.counters().truncated == 2);
    CHECK(link.counters().frames_in == 2);
}

TEST_CASE("frames beyond the queue's bound are refused and counted, the others leave") {
    Place place;
    UdpConfig config = listen_on("127.0.0.1:0");
    config.send_queue = 100;
    UdpTransport& link = place.open(config);
    Node node(place.io);
    const Address to = to_address(node.address());
    CHECK(link.send(to, as_bytes(std::string(60, 'a'))));
    CHECK(link.send(to, as_bytes(std::string(40, 'b'))));
    CHECK_FALSE(link.send(to, as_bytes("c")));
    CHECK(link.counters().send_queue_full == 1);
    link.flush();
    CHECK(link.send(to, as_bytes("d")));
    link.flush();
    for (const auto& expected : {std::string(60, 'a'), std::string(40, 'b'), std::string("d")}) {
        REQUIRE(place.until([&] { return node.receive(); }));
        CHECK(node.text == expected);
    }
}

TEST_CASE("a node whose port is closed costs the others nothing") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    Node alive(place.io);
    Address gone;
    {
        Node closed(place.io);
        gone = to_address(closed.address());
    }
    for (int i = 0; i < 3; ++i) {
        link.send(gone, as_bytes("x"));
        link.send(to_address(alive.address()), as_bytes("y"));
        link.flush();
        REQUIRE(place.until([&] { return alive.receive(); }));
    }
    alive.send("still here", link.local_address());
    REQUIRE(place.frames(1));
}

TEST_CASE("errors that the system reports instead of a datagram are counted, and datagrams go on") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    // As on hosts where errors of earlier sendings are reported: not every kernel does so for every socket by itself.
    const auto port = reinterpret_cast<const sockaddr_in&>(link.local_address().storage).sin_port;
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in own{};
        socklen_t size = sizeof own;
        const int on = 1;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 && own.sin_port == port) {
            REQUIRE(::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
        }
    }
    Address gone;
    {
        Node closed(place.io);
        gone = to_address(closed.address());
    }
    link.send(gone, as_bytes("x"));
    link.flush();
    REQUIRE(place.until([&] { return link.counters().receive_errors > 0; }));
    Node alive(place.io);
    alive.send("still here", link.local_address());
    REQUIRE(place.frames(1));
    CHECK(link.counters().receive_errors > 0);
}

TEST_CASE("a frame that the system refuses is counted and does not hold back the next ones") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    Node node(place.io);
    const Address to = to_address(node.address());
    link.send(to, Buffer(65535));  // longer than a UDP datagram over IPv4 can be
    link.send(to, as_bytes("next"));
    link.flush();
    REQUIRE(place.until([&] { return node.receive(); }));
    CHECK(node.text == "next");
    CHECK(link.counters().send_errors == 1);
    CHECK(link.counters().frames_out == 1);
}

TEST_CASE("a link-local group is joined on the interface it names, or on the chosen one", "[native]") {
    Place place;
    UdpConfig config = listen_on("[::1]:0");
    config.multicast = {"[ff12::4d53%lo]:1883"};
    place.open(config);
    config.multicast = {"[ff12::4d53]:1883"};
    config.multicast_interface = "lo";
    place.open(config);
    config.multicast_interface.clear();
    CHECK_THAT(place.error_of(config), Contains("[ff12::4d53]:1883"));
}

TEST_CASE("a port in use is named, with what to do about it") {
    Place place;
    const auto taken = to_string(place.open(listen_on("127.0.0.1:0")).local_address());
    const auto error = place.error_of(listen_on(taken));
    CHECK_THAT(error, Contains(taken) && Contains("in use") && Contains("ss -ulpn"));
}

TEST_CASE("an address of no interface, a bad group, and a missing interface are named") {
    Place place;
    CHECK_THAT(place.error_of(listen_on("192.0.2.77:0")),
               Contains("192.0.2.77:0") && Contains("no interface of this host"));
    CHECK_THAT(place.error_of(listen_on("localhost:1883")),
               Contains("listen = \"localhost:1883\"") && Contains("192.0.2.1:1883"));
    UdpConfig config = listen_on("127.0.0.1:0");
    config.advertise_to = {"nowhere"};
    CHECK_THAT(place.error_of(config), Contains("advertise_to = \"nowhere\""));
    config.advertise_to.clear();
    config.multicast = {"225.1.1.1"};
    CHECK_THAT(place.error_of(config), Contains("multicast = \"225.1.1.1\""));
    config.multicast = {"127.0.0.1:0"};
    CHECK_THAT(place.error_of(config), Contains("cannot join multicast group 127.0.0.1:0"));
    config.multicast.clear();
    config.multicast_interface = "no-such-if";
    CHECK_THAT(place.error_of(config), Contains("multicast_interface = \"no-such-if\"") && Contains("ip link"));
}

TEST_CASE("a link that failed to start leaves its port free") {
    Place place;
    SocketAddress port;
    {
        Node free(place.io);
        port = free.address();
    }
    UdpConfig config = listen_on(to_string(port));
    config.multicast_interface = "no-such-if";
    UdpTransport failed(place.poll, 0, config);
    CHECK_FALSE(failed.start(place.listener).has_value());
    config.multicast_interface.clear();
    place.open(config);
}

TEST_CASE("a stopped link delivers nothing more and can be left alone") {
    Place place;
    UdpTransport& link = place.open(listen_on("127.0.0.1:0"));
    UdpTransport& other = place.open(listen_on("127.0.0.1:0"));
    Node node(place.io);
    node.send("late", link.local_address());
    link.stop();
    link.send(to_address(node.address()), as_bytes("x"));
    link.flush();
    node.send("other", other.local_address());
    REQUIRE(place.frames(1));
    CHECK(place.listener.frames == Texts{"other"});
    CHECK(link.counters().frames_out == 0);
}

}  // namespace udp_test
