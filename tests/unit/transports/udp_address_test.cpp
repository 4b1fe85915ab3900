#include "transports/udp_address.hpp"

#include <catch2/catch.hpp>

namespace udp_address_test {

using namespace mqttsn;
using namespace mqttsn::transports;

TEST_CASE("addresses are printed as they are written") {
    const std::string text =
        GENERATE("0.0.0.0:0", "127.0.0.1:1883", "255.255.255.255:65535", "225.1.1.1:1883", "[::]:1883", "[::1]:0",
                 "[2001:db8::1]:65535", "[ff02::1%lo]:1883", "[::ffff:192.0.2.1]:1883");
    const auto address = parse_socket_address(text);
    REQUIRE(address.has_value());
    CHECK(to_string(*address) == text);
    CHECK(address->is_v6() == (text[0] == '['));
    CHECK(std::to_string(address->port()) == text.substr(text.rfind(':') + 1));
}

TEST_CASE("the address of the core keeps address, port and scope") {
    const std::string text = GENERATE("192.0.2.1:1883", "[2001:db8::1]:1884", "[fe80::1%lo]:1885");
    const auto socket_address = parse_socket_address(text);
    REQUIRE(socket_address.has_value());
    const Address address = to_address(*socket_address);
    CHECK(address.octets().size() == (text[0] == '[' ? 22 : 6));
    const SocketAddress back = to_socket_address(address);
    CHECK(to_string(back) == text);
    CHECK(back.size == socket_address->size);
}

TEST_CASE("addresses of the core are in network order") {
    const Address v4 = to_address(*parse_socket_address("192.0.2.1:258"));
    CHECK(as_text(v4.octets()) == std::string_view("\xC0\x00\x02\x01\x01\x02", 6));
    const Address v6 = to_address(*parse_socket_address("[2001:db8::1]:258"));
    CHECK(as_text(v6.octets()).substr(0, 4) == std::string_view("\x20\x01\x0D\xB8", 4));
    CHECK(as_text(v6.octets()).substr(16, 2) == std::string_view("\x01\x02", 2));
}

TEST_CASE("an address of another kind of link gives no socket address") {
    CHECK(to_socket_address(Address(as_bytes("abc"))).size == 0);
    CHECK(to_socket_address(Address()).size == 0);
}

TEST_CASE("different address, port or scope are different addresses of the core") {
    const auto address = [](const char* text) { return to_address(*parse_socket_address(text)); };
    CHECK(address("192.0.2.1:1") == address("192.0.2.1:1"));
    CHECK_FALSE(address("192.0.2.1:1") == address("192.0.2.1:2"));
    CHECK_FALSE(address("192.0.2.1:1") == address("192.0.2.2:1"));
    CHECK_FALSE(address("[fe80::1%lo]:1") == address("[fe80::1]:1"));
}

TEST_CASE("multicast addresses are told from others") {
    CHECK(parse_socket_address("224.0.0.0:1")->is_multicast());
    CHECK(parse_socket_address("239.255.255.255:1")->is_multicast());
    CHECK(parse_socket_address("[ff02::1]:1")->is_multicast());
    CHECK_FALSE(parse_socket_address("223.255.255.255:1")->is_multicast());
    CHECK_FALSE(parse_socket_address("240.0.0.0:1")->is_multicast());
    CHECK_FALSE(parse_socket_address("[fe80::1]:1")->is_multicast());
}

TEST_CASE("only a link-local multicast address without an interface takes the default one") {
    const auto scope_of = [](const char* text) {
        auto address = *parse_socket_address(text);
        address.set_default_scope(77);
        return address.scope();
    };
    CHECK(scope_of("[ff02::1]:1") == 77);
    CHECK(scope_of("[ff12::1]:1") == 77);
    CHECK(scope_of("[ff02::1%lo]:1") != 77);
    CHECK(scope_of("[ff0e::1]:1") == 0);
    CHECK(scope_of("[2001:db8::1]:1") == 0);
    CHECK(scope_of("225.1.1.1:1") == 0);
}

TEST_CASE("what is not an address and a port is refused") {
    const std::string text =
        GENERATE("", ":", "127.0.0.1", "127.0.0.1:", ":1883", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
                 "127.0.0.1:1883x", "127.0.0.1: 1883", "127.0.0:1883", "256.0.0.1:1883", "localhost:1883", "::1:1883",
                 "[::1]", "[::1]:", "[::1:1883", "[]:1883", "[127.0.0.1]:1883", "[::1]:x", "[::1]1883",
                 "[fe80::1%no-such-if]:1883", "[fe80::1%]:1883", " 127.0.0.1:1");
    CHECK_FALSE(parse_socket_address(text).has_value());
}

}  // namespace udp_address_test
