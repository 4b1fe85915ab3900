// Which gateway a node turns to.
#include "tools/node/gateway_choice.hpp"

#include <catch2/catch.hpp>

namespace gateway_choice_test {

using namespace mqttsn;
using namespace mqttsn::node;

namespace {

std::vector<KnownGateway> gateways(std::uint8_t count) {
    std::vector<KnownGateway> list;
    for (std::uint8_t id = 1; id <= count; ++id) {
        KnownGateway gateway;
        gateway.gw_id = id;
        const std::array<std::byte, 6> octets{std::byte{id}};
        gateway.address = Address(octets);
        list.push_back(gateway);
    }
    return list;
}

int id_of(const std::optional<KnownGateway>& gateway) {
    return gateway ? gateway->gw_id : 0;
}

}  // namespace

TEST_CASE("a lost gateway is followed by another one, then by the former one", "[SN12C-6.13-a][SN12C-6.2-b]") {
    GatewayChoice choice;
    const auto list = gateways(2);
    CHECK(id_of(choice.next(list)) == 1);
    choice.succeeded();
    CHECK(id_of(choice.next(list)) == 2);
    CHECK(id_of(choice.next(list)) == 1);
}

TEST_CASE("a node gives up when each gateway failed twice since the last success") {
    GatewayChoice choice;
    const auto list = gateways(2);
    for (const int expected : {1, 2, 1, 2, 0, 0})
        CHECK(id_of(choice.next(list)) == expected);
    CHECK(id_of(choice.next(gateways(3))) == 3);
    choice.succeeded();
    CHECK(id_of(choice.next(list)) == 1);
}

TEST_CASE("without gateways there is nothing to choose") {
    GatewayChoice choice;
    CHECK(id_of(choice.next({})) == 0);
}

}  // namespace gateway_choice_test
