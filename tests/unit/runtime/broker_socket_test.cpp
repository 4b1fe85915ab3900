// The TCP connection to the broker, against a local acceptor.
#include "gateway/runtime/broker_socket.hpp"

#include <catch2/catch.hpp>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <deque>
#include <optional>

namespace broker_socket_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Catch::Matchers::Contains;

namespace {

const auto loopback = boost::asio::ip::make_address("127.0.0.1");

class Place {
public:
    Place() {
        address.host = "127.0.0.1";
        address.port = std::to_string(acceptor.local_endpoint().port());
    }

    std::shared_ptr<BrokerSocket> open() {
        resolver = std::make_unique<BrokerResolver>(io, address);
        auto socket = std::make_shared<BrokerSocket>(
            io, poll, address, read_buffer,
            BrokerSocket::Handler{[this] { ++opened; }, [this](Bytes octets) { heard += as_text(octets); },
                                  [this](const std::string& reason) { closed.push_back(reason); }});
        socket->open(*resolver);
        return socket;
    }
    /// An open connection, and the broker's end of it.
    std::shared_ptr<BrokerSocket> connect() {
        auto socket = open();
        accept();
        return socket;
    }
    void accept() {
        bool accepted = false;
        acceptor.async_accept(broker, [&](boost::system::error_code error) { accepted = !error; });
        REQUIRE(until([&] { return accepted && opened == 1; }));
    }
    template <class Condition>
    bool until(Condition&& holds) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            if (io.stopped()) io.restart();
            io.run_one_for(5ms);
        }
        return true;
    }
    /// A socket that is closed keeps no operation of the loop waiting, and only the test holds it.
    bool until_released(const std::shared_ptr<BrokerSocket>& socket) {
        return until([&] { return socket.use_count() == 1; });
    }
    /// All that is ready now.
    void settle() {
        io.restart();
        while (io.poll_one() != 0) {
        }
    }
    std::string broker_reads(std::size_t octets) {
        std::string text(octets, '\0');
        std::size_t size = 0;
        boost::asio::async_read(broker, boost::asio::buffer(text),
                                [&](boost::system::error_code, std::size_t count) { size = count; });
        REQUIRE(until([&] { return size == octets; }));
        return text;
    }
    /// Whether the broker sees the end of the connection, and how.
    boost::system::error_code broker_sees_end() {
        std::array<char, 4096> octets;
        std::optional<boost::system::error_code> end;
        const auto read = [&](auto& self) -> void {
            broker.async_read_some(boost::asio::buffer(octets), [&](boost::system::error_code error, std::size_t) {
                if (error) {
                    end = error;
                } else {
                    self(self);
                }
            });
        };
        read(read);
        REQUIRE(until([&] { return end.has_value(); }));
        return *end;
    }

    boost::asio::io_context io{1};
    tcp::acceptor acceptor{io, {loopback, 0}};
    tcp::socket broker{io};
    transports::ReadyPoll poll{io, [] {}};
    BrokerAddress address;
    Buffer read_buffer = Buffer(16384);
    std::unique_ptr<BrokerResolver> resolver;
    int opened = 0;
    std::string heard;
    std::vector<std::string> closed;
};

}  // namespace

TEST_CASE("a connection opens from the loop, and octets go both ways") {
    Place place;
    const auto socket = place.open();
    CHECK(place.opened == 0);
    place.accept();
    CHECK(socket->send(as_bytes("hello ")));
    CHECK_FALSE(socket->send(as_bytes("broker")));  // the same flush serves both
    socket->flush();
    CHECK(place.broker_reads(12) == "hello broker");
    boost::asio::write(place.broker, boost::asio::buffer("hello gateway", 13));
    REQUIRE(place.until([&] { return place.heard.size() == 13; }));
    CHECK(place.heard == "hello gateway");
    CHECK(place.closed.empty());
}

TEST_CASE("a refused connection names the address and the reason") {
    Place place;
    place.acceptor.close();
    const auto socket = place.open();
    REQUIRE(place.until([&] { return !place.closed.empty(); }));
    CHECK(place.closed == std::vector<std::string>{"127.0.0.1:" + place.address.port + ": Connection refused"});
    CHECK(place.opened == 0);
    CHECK(place.until_released(socket));
}

TEST_CASE("a host that does not answer is given up after connect_timeout") {
    Place place;
    // A full backlog answers no SYN.
    tcp::acceptor silent(place.io, tcp::v4());
    silent.bind({loopback, 0});
    silent.listen(0);
    std::deque<tcp::socket> waiting;
    for (int i = 0; i < 4; ++i) {
        auto& each = waiting.emplace_back(place.io);
        each.async_connect(silent.local_endpoint(), [](boost::system::error_code) {});
    }
    place.settle();
    place.address.port = std::to_string(silent.local_endpoint().port());
    place.address.connect_timeout = 100ms;
    const auto begin = std::chrono::steady_clock::now();
    const auto socket = place.open();
    REQUIRE(place.until([&] { return !place.closed.empty(); }));
    CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
    CHECK(place.closed ==
          std::vector<std::string>{"no connection to 127.0.0.1:" + place.address.port + " within 100 ms"});
    CHECK(place.until_released(socket));
}

TEST_CASE("a name that cannot be resolved is named") {
    Place place;
    place.address.host = std::string(64, 'x') + ".invalid";  // too long a label: no name server is asked
    const auto socket = place.open();
    REQUIRE(place.until([&] { return !place.closed.empty(); }));
    REQUIRE(place.closed.size() == 1);
    CHECK_THAT(place.closed[0], Contains("cannot resolve " + place.address.host));
    CHECK(place.until([&] { return !place.resolver->is_busy(); }));
}

TEST_CASE("one question to the name server serves all who ask meanwhile, and a while after") {
    Place place;
    BrokerResolver resolver(place.io, place.address);
    int answers = 0;
    const auto count = [&](boost::system::error_code error, const BrokerResolver::Endpoints& endpoints) {
        CHECK_FALSE(error);
        REQUIRE(endpoints.size() == 1);
        CHECK(endpoints[0] == place.acceptor.local_endpoint());
        ++answers;
    };
    resolver.resolve(count);
    resolver.resolve(count);
    CHECK(resolver.is_busy());
    CHECK(answers == 0);
    REQUIRE(place.until([&] { return answers == 2; }));
    CHECK_FALSE(resolver.is_busy());
    resolver.resolve(count);
    CHECK(answers == 3);
}

TEST_CASE("the next address of the broker's name is tried when the first one refuses") {
    Place place;
    place.address.host = "localhost";
    BrokerResolver names(place.io, place.address);
    std::size_t addresses = 0;
    names.resolve(
        [&](boost::system::error_code, const BrokerResolver::Endpoints& endpoints) { addresses = endpoints.size(); });
    REQUIRE(place.until([&] { return addresses != 0; }));
    const auto socket = place.open();
    place.accept();  // on 127.0.0.1 only, where [::1] may come first
    CHECK(place.closed.empty());
}

TEST_CASE("connections leave from bind_address, an impossible one is told with its key") {
    Place place;
    place.address.bind_address = "127.0.0.5";
    {
        const auto socket = place.connect();
        CHECK(place.broker.remote_endpoint().address().to_string() == "127.0.0.5");
    }
    place.address.bind_address = GENERATE(as<std::string>{}, "192.0.2.77", "no address");
    const auto socket = place.open();
    REQUIRE(place.until([&] { return !place.closed.empty(); }));
    CHECK_THAT(place.closed[0], Contains("[broker] bind_address = \"" + place.address.bind_address + "\""));
}

TEST_CASE("large writes wait for a slow broker and arrive whole and in order") {
    Place place;
    const auto socket = place.connect();
    std::string all;
    for (int i = 0; i < 60; ++i) {
        const std::string piece(100000, static_cast<char>('a' + i % 26));
        const bool needs_flush = socket->send(as_bytes(piece));
        CHECK(needs_flush == (i == 0));
        all += piece;
    }
    socket->flush();
    CHECK(place.closed.empty());
    CHECK(place.broker_reads(all.size()) == all);
    CHECK(socket->send(as_bytes("x")));  // all gone: the next one needs a flush
}

TEST_CASE("a broker that takes no more than max_unsent is disconnected, after the caller's turn") {
    Place place;
    place.address.max_unsent = 1000000;
    const auto socket = place.connect();
    const Buffer piece(100000);
    while (place.closed.empty()) {
        for (int i = 0; i < 5; ++i) {
            socket->send(piece);
            socket->flush();
            CHECK(place.closed.empty());
        }
        place.settle();
    }
    CHECK(place.closed == std::vector<std::string>{"the broker takes no more data"});
    CHECK(place.until_released(socket));
    CHECK_FALSE(socket->send(as_bytes("x")));
}

TEST_CASE("the broker's close and its reset are told once") {
    Place place;
    const bool reset = GENERATE(false, true);
    const auto socket = place.connect();
    boost::asio::write(place.broker, boost::asio::buffer("last words", 10));
    if (reset) place.broker.set_option(boost::asio::socket_base::linger(true, 0));
    place.broker.close();
    REQUIRE(place.until([&] { return !place.closed.empty(); }));
    if (!reset) CHECK(place.heard == "last words");
    CHECK(place.closed ==
          std::vector<std::string>{reset ? "Connection reset by peer" : "the broker closed the connection"});
    CHECK(place.until_released(socket));
    socket->close();
    place.settle();
    CHECK(place.closed.size() == 1);
}

TEST_CASE("close() sends what is queued, ends in order and tells nobody") {
    Place place;
    const auto socket = place.connect();
    const std::string all(3000000, 'x');
    socket->send(as_bytes(all));
    socket->close();
    CHECK(place.broker_reads(all.size()) == all);
    CHECK(place.broker_sees_end() == boost::asio::error::eof);
    place.broker.close();
    REQUIRE(place.until_released(socket));
    CHECK(place.closed.empty());
}

TEST_CASE("close() reads on until the broker closes, so that the last octets are not lost by a reset") {
    Place place;
    const auto socket = place.connect();
    boost::asio::write(place.broker, boost::asio::buffer(std::string(100000, 'y')));
    socket->send(as_bytes("goodbye"));
    socket->close();
    CHECK(place.broker_reads(7) == "goodbye");
    CHECK(place.broker_sees_end() == boost::asio::error::eof);
    place.broker.close();
    REQUIRE(place.until_released(socket));
    CHECK(place.closed.empty());
}

TEST_CASE("close() does not wait for ever for a broker that never closes") {
    Place place;
    const auto socket = place.connect();
    socket->close();
    CHECK(place.broker_sees_end() == boost::asio::error::eof);
    CHECK(socket.use_count() > 1);
    REQUIRE(place.until_released(socket));
    CHECK(place.closed.empty());
}

TEST_CASE("abort() closes at once, whatever the socket is doing, and tells nobody") {
    Place place;
    SECTION("while resolving") {
        const auto socket = place.open();
        socket->abort();
        CHECK(place.until_released(socket));
        place.settle();
    }
    SECTION("while connecting") {
        const auto socket = place.open();
        place.io.run_one_for(1s);
        socket->abort();
        CHECK(place.until_released(socket));
        REQUIRE(place.until([&] { return !place.resolver->is_busy(); }));
    }
    SECTION("while open, with octets unsent") {
        const auto socket = place.connect();
        place.opened = 0;
        socket->send(as_bytes("never sent"));
        socket->abort();
        CHECK(place.until_released(socket));
        place.broker_sees_end();
    }
    CHECK(place.opened == 0);
    CHECK(place.closed.empty());
}

}  // namespace broker_socket_test
