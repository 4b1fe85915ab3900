// A node on its socket, against a gateway socket of the test on loopback.
#include "tools/commands/node_link.hpp"
#include "tests/unit/tools/node_talk.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <set>

namespace node_link_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using boost::asio::ip::udp;

namespace {

struct Place {
    Place() { REQUIRE(link.open(gateway.local_endpoint()).has_value()); }
    node::ClientOptions options() {
        auto result = node::NodeTalk::options_of("node");
        result.retry = std::chrono::milliseconds(20);
        return result;
    }
    /// Runs the loop until this holds, at most some seconds.
    template <class Condition>
    bool until(Condition&& holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!holds()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            if (io.stopped()) io.restart();
            io.run_one_until(deadline);
        }
        return true;
    }
    /// The next datagram at the gateway, in words.
    std::string next_at(udp::socket& socket) {
        std::array<std::byte, 1024> datagram;
        std::size_t size = 0;
        bool arrived = false;
        socket.async_receive_from(boost::asio::buffer(datagram), from,
                                  [&](boost::system::error_code, std::size_t octets) {
                                      size = octets;
                                      arrived = true;
                                  });
        REQUIRE(until([&] { return arrived; }));
        return node::describe(Bytes(datagram).first(size));
    }
    void send_from(udp::socket& socket, const sn::Packet& packet, const udp::endpoint& to) {
        Buffer frame;
        REQUIRE(sn::encode(packet, 1024, frame).has_value());
        socket.send_to(boost::asio::buffer(frame), to);
    }
    void connect() {
        link.act([](node::Client& client, TimePoint now, node::Outbox& out) { client.connect(now, out); });
    }

    boost::asio::io_context io{1};
    udp::socket gateway{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
    udp::socket stranger{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
    udp::endpoint from;
    node::Texts events;
    std::string error;
    NodeLink link{io,
                  options(),
                  {[this](const node::Event& event) { events.push_back(node::describe(event)); },
                   [this](const std::string& text) { error = text; },
                   {}}};
};

}  // namespace

TEST_CASE("frames and events travel between the client and a real socket, T_retry included") {
    Place place;
    place.connect();
    CHECK(place.next_at(place.gateway) == "CONNECT clean 60 s node");
    CHECK(place.next_at(place.gateway) == "CONNECT clean 60 s node");
    place.send_from(place.gateway, sn::Connack{}, place.from);
    REQUIRE(place.until([&] { return place.link.client().is_connected(); }));
    CHECK(place.events == node::Texts{"connected"});
}

TEST_CASE("datagrams of other endpoints never reach the client", "[SN12C-5.2.2-a][SN12C-6.11-b]") {
    Place place;
    place.connect();
    place.next_at(place.gateway);
    place.send_from(place.stranger, sn::Connack{sn::ReturnCode::not_supported}, place.from);
    place.send_from(place.stranger, sn::Pingreq{}, place.from);
    place.send_from(place.gateway, sn::Connack{}, place.from);
    REQUIRE(place.until([&] { return place.link.client().is_connected(); }));
    CHECK(place.events == node::Texts{"connected"});
    CHECK(place.link.client().counters().frames_received == 1);
}

TEST_CASE("a node that turns to another gateway does not hear the former one", "[SN12C-6.1-f]") {
    Place place;
    place.connect();
    place.next_at(place.gateway);
    place.send_from(place.gateway, sn::Connack{}, place.from);
    REQUIRE(place.until([&] { return place.link.client().is_connected(); }));
    place.send_from(place.gateway, sn::Disconnect{}, place.from);  // on its way when the node turns away
    const auto former_address = place.from;
    REQUIRE(place.link.open(place.stranger.local_endpoint()).has_value());
    place.connect();
    CHECK(place.next_at(place.stranger) == "CONNECT clean 60 s node");
    CHECK(place.from != former_address);
    place.send_from(place.gateway, sn::Connack{sn::ReturnCode::not_supported}, place.from);
    place.send_from(place.stranger, sn::Connack{}, place.from);
    REQUIRE(place.until([&] { return place.link.client().is_connected(); }));
    CHECK(place.events == node::Texts{"connected", "connected"});
}

TEST_CASE("frames cross a bad network late, and those that it loses never", "[SN12C-6.13-b]") {
    Place place;
    node::ImpairmentOptions bad;
    bad.delay = std::chrono::milliseconds(2);
    node::ImpairmentRule first_answer;
    first_answer.type = sn::MsgType::connack;
    first_answer.last = 1;
    bad.rules.push_back(first_answer);
    place.link.impair(bad, 1);
    place.connect();
    for (int i = 0; i < 2; ++i) {
        CHECK(place.next_at(place.gateway) == "CONNECT clean 60 s node");
        place.send_from(place.gateway, sn::Connack{}, place.from);
    }
    REQUIRE(place.until([&] { return place.link.client().is_connected(); }));
    CHECK(place.link.client().counters().frames_received == 1);
    const auto* counts = place.link.impaired();
    REQUIRE(counts != nullptr);
    CHECK(counts->ways[1].lost == 1);
    CHECK(counts->ways[1].delayed >= 1);
    CHECK(counts->ways[0].delayed >= 2);
}

TEST_CASE("a NAT that rebinds changes the node's port, and the client does not notice", "[SN12C-6.2-d]") {
    Place place;
    node::ImpairmentOptions bad;
    bad.nat_rebind = std::chrono::milliseconds(10);
    place.link.impair(bad, 1);
    place.connect();
    std::set<std::uint16_t> ports;
    while (ports.size() < 3) {
        CHECK(place.next_at(place.gateway) == "CONNECT clean 60 s node");
        ports.insert(place.from.port());
    }
    place.send_from(place.gateway, sn::Connack{}, place.from);
    CHECK(place.link.impaired()->rebindings >= 2);
}

TEST_CASE("nobody at the gateway's port is told") {
    Place place;
    place.gateway.close();
    place.connect();
    REQUIRE(place.until([&] { return !place.error.empty(); }));
    CHECK(place.error == "port unreachable");
    REQUIRE(place.until([&] { return !place.events.empty(); }));
    CHECK(place.events == node::Texts{"lost"});
}

TEST_CASE("a gateway is found by address, one that cannot be resolved is named") {
    boost::asio::io_context io{1};
    const auto found = resolve_gateway(io, "127.0.0.1", 1883);
    REQUIRE(found.endpoint.has_value());
    CHECK(found.endpoint->port() == 1883);
    const std::string too_long(64, 'x');  // for a label: no name server is asked
    const auto missing = resolve_gateway(io, too_long, 1883);
    CHECK_FALSE(missing.endpoint.has_value());
    CHECK(missing.error.find(too_long) != std::string::npos);
}

}  // namespace node_link_test
