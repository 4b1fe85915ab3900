#include "transports/radio/xbee_frame.hpp"

#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

namespace xbee_frame_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using mqttsn::test::hex;
using mqttsn::test::to_hex;

// Frame data only: radio-link examples without 7E, length and checksum, all of them escapable octets included.
namespace {

Address address(std::string_view text) {
    return Address(hex(text));
}

std::string appended(const xbee::TransmitRequest& request) {
    Buffer out;
    append(request, out);
    return to_hex(out);
}

template <class T>
T decoded(Bytes data) {
    const auto frame = xbee::decode(data);
    REQUIRE(frame.has_value());
    REQUIRE(std::holds_alternative<T>(*frame));
    return std::get<T>(*frame);
}

const std::string_view publish = "0C0C210011007EC0DB7D1300";

}  // namespace

TEST_CASE("XBee transmit requests have the octets of the manual") {
    const Buffer connack = hex("030500");
    const Buffer advertise = hex("0500010384");
    xbee::TransmitRequest request{.id = 1, .to = address("0013A20040401122"), .payload = connack};
    CHECK(appended(request) ==
          "1001"
          "0013a20040401122"
          "fffe"
          "0000"
          "030500");
    request.short_address = 0x1234;
    CHECK(appended(request) ==
          "1001"
          "0013a20040401122"
          "1234"
          "0000"
          "030500");
    request.legacy = true;
    request.id = 4;
    CHECK(appended(request) ==
          "0004"
          "0013a20040401122"
          "00"
          "030500");

    xbee::TransmitRequest short_request{.id = 5, .to = address("1234"), .payload = connack};
    CHECK(appended(short_request) ==
          "1005"
          "ffffffffffffffff"
          "1234"
          "0000"
          "030500");
    short_request.legacy = true;
    CHECK(appended(short_request) ==
          "0105"
          "1234"
          "00"
          "030500");

    xbee::TransmitRequest broadcast{.id = 2, .broadcast = true, .radius = 3, .options = 1, .payload = advertise};
    CHECK(appended(broadcast) ==
          "1002"
          "000000000000ffff"
          "fffe"
          "0301"
          "0500010384");
    broadcast.legacy = true;
    broadcast.id = 6;
    CHECK(appended(broadcast) ==
          "0106"
          "ffff"
          "01"
          "0500010384");
}

TEST_CASE("the radius field of an XBee unicast stays 0") {
    const Buffer connack = hex("030500");
    CHECK(appended({.id = 1, .to = address("0013A20040401122"), .radius = 3, .payload = connack}) ==
          "1001"
          "0013a20040401122"
          "fffe"
          "0000"
          "030500");
}

TEST_CASE("XBee AT commands are queries without a value and settings with one") {
    Buffer out;
    xbee::append_at_command(0x51, "AP", {}, out);
    CHECK(to_hex(out) == "08514150");
    out.clear();
    xbee::append_at_command(0x51, "AP", hex("02"), out);
    CHECK(to_hex(out) == "0851415002");
}

TEST_CASE("XBee received packets tell sender, hint, signal and payload") {
    const Buffer data90 =
        hex("90"
            "0013A20040401122"
            "1234"
            "C1" +
            std::string(publish));
    auto packet = decoded<xbee::ReceivePacket>(data90);
    CHECK(packet.from == address("0013A20040401122"));
    CHECK(packet.short_address == 0x1234);
    CHECK_FALSE(packet.signal.has_value());
    CHECK_FALSE(packet.legacy);
    CHECK(to_hex(packet.payload) == to_hex(hex(publish)));

    const Buffer data91 =
        hex("91"
            "0013A20040401122"
            "FFFE"
            "E8E8"
            "0011"
            "C105"
            "C1"
            "08040401003C7331");
    packet = decoded<xbee::ReceivePacket>(data91);
    CHECK(packet.from == address("0013A20040401122"));
    CHECK(packet.short_address == xbee::no_short_address);
    CHECK(to_hex(packet.payload) == "08040401003c7331");

    const Buffer data80 =
        hex("80"
            "0013A20040401122"
            "28"
            "00"
            "08040401003C7331");
    packet = decoded<xbee::ReceivePacket>(data80);
    CHECK(packet.from == address("0013A20040401122"));
    CHECK(packet.legacy);
    REQUIRE(packet.signal.has_value());
    CHECK(packet.signal->rssi_dbm == -40);
    CHECK(to_hex(packet.payload) == "08040401003c7331");

    const Buffer data81 =
        hex("81"
            "1234"
            "FF"
            "00"
            "0216");
    packet = decoded<xbee::ReceivePacket>(data81);
    CHECK(packet.from == address("1234"));
    CHECK(packet.signal->rssi_dbm == -255);
    CHECK(to_hex(packet.payload) == "0216");
}

TEST_CASE("an XBee node without 64-bit address is known by its 16-bit one") {
    const Buffer data =
        hex("90"
            "FFFFFFFFFFFFFFFF"
            "1234"
            "01"
            "0216");
    CHECK(decoded<xbee::ReceivePacket>(data).from == address("1234"));
}

TEST_CASE("XBee statuses and AT responses are decoded") {
    auto status =
        decoded<xbee::TransmitStatus>(hex("8B0312340024"
                                          "00"));
    CHECK(status.id == 3);
    CHECK(status.status == 0x24);
    CHECK(status.short_address == 0x1234);
    status = decoded<xbee::TransmitStatus>(hex("890502"));
    CHECK(status.id == 5);
    CHECK(status.status == 2);
    CHECK(status.short_address == xbee::no_short_address);
    CHECK(decoded<xbee::ModemStatus>(hex("8A06")).status == 6);

    const Buffer np = hex("88524E50000049");
    const auto response = decoded<xbee::AtResponse>(np);
    CHECK(response.id == 0x52);
    CHECK(response.is("NP"));
    CHECK_FALSE(response.is("AP"));
    CHECK(response.status == 0);
    CHECK(response.number() == 0x49U);
    const Buffer refused = hex("88524E5002");
    CHECK_FALSE(decoded<xbee::AtResponse>(refused).number().has_value());
    const Buffer long_value = hex("88524E50000102030405");
    CHECK_FALSE(decoded<xbee::AtResponse>(long_value).number().has_value());
}

TEST_CASE("XBee frame types that a gateway does not need are no errors") {
    CHECK(decoded<xbee::OtherFrame>(hex("92")).type == 0x92);
    CHECK(decoded<xbee::OtherFrame>(hex("A00102")).type == 0xa0);
    CHECK(decoded<xbee::OtherFrame>(hex("1001")).type == 0x10);
}

TEST_CASE("XBee frames shorter than their type are refused at every length") {
    for (const std::string_view whole :
         {"900013A20040401122FFFEC100", "910013A20040401122FFFEE8E80011C105C100", "800013A20040401122280002",
          "811234280002", "8A00", "8B01FFFE000000", "890500", "8851415000"}) {
        const Buffer data = hex(whole);
        INFO(whole);
        CHECK(xbee::decode(data).has_value());
        for (std::size_t size = 0; size < data.size(); ++size) {
            CHECK_FALSE(xbee::decode(Bytes(data).first(size)).has_value());
        }
    }
}

TEST_CASE("every XBee delivery status that has a meaning has a text") {
    for (const int status :
         {0x00, 0x01, 0x02, 0x03, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x2c, 0x31, 0x32, 0x74, 0x75}) {
        CHECK(xbee::delivery_text(static_cast<std::uint8_t>(status)) != "unknown status");
    }
    CHECK(xbee::delivery_text(0x99) == "unknown status");
}

}  // namespace xbee_frame_test
