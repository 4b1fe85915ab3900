// Messages and frames as text and as JSON.
#include "protocol/hex.hpp"
#include "protocol/sn/v12_text.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "tools/dump/json_line.hpp"

#include <catch2/catch.hpp>

#include <map>

namespace frame_text_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using test::hex;

namespace {

std::string line_of(const Buffer& octets) {
    return sn::one_line(sn::describe(octets));
}

std::string line_of(std::string_view digits) {
    return line_of(hex(digits));
}

ShownFrame shown(const Buffer& octets) {
    const UdpDatagram datagram{*transports::parse_socket_address("192.0.2.1:4000"),
                               *transports::parse_socket_address("[::1]:1883"), octets, octets.size()};
    return show(7, true, CaptureTime(std::chrono::nanoseconds(1'700'000'000'123'456'789)), datagram);
}

std::string json_of(const Buffer& octets) {
    auto frame = shown(octets);
    frame.is_from_network = false;
    return json_line(frame);
}

}  // namespace

TEST_CASE("every packet of the table has its line") {
    for (const auto& each : test::sn_vectors()) {
        INFO(each.name);
        const auto line = line_of(each.octets);
        if (!each.text.empty()) {
            CHECK(line == each.text);
        } else {
            CHECK_THAT(line, EndsWith(" octets)"));
            CHECK(line.size() < 200);
        }
        CHECK_THAT(line, StartsWith(std::string(sn::name_of(sn::type_of(each.packet)))));
    }
}

TEST_CASE("the 3-octet form of a length does not change the text") {
    for (const auto& each : test::sn_vectors()) {
        INFO(each.name);
        CHECK(line_of(test::in_long_form(each.octets)) == line_of(each.octets));
    }
}

TEST_CASE("a forwarder's header stands before the message", "[SN12-5.5-b]") {
    CHECK(line_of("05 FE 00 0A 0B 02 17") == "encapsulated wireless_node_id=0a0b | PINGRESP");
    CHECK(line_of("04 FE 03 01 03 02 07") == "encapsulated radius=3 wireless_node_id=01 | GWINFO gw_id=7");
    CHECK(line_of("04 FE 00 0A 05 FE 00 0B 0C 02 17") ==
          "encapsulated wireless_node_id=0a | encapsulated wireless_node_id=0b0c | PINGRESP");
    for (const auto& each : test::forwarder_vectors()) {
        INFO(each.name);
        CHECK_FALSE(sn::describe(each.octets).error);
    }
}

TEST_CASE("a header before a message that does not decode is shown") {
    CHECK(line_of("04 FE 00 0A 02 03") ==
          "encapsulated wireless_node_id=0a | malformed (reserved message type 0x03): 0203");
}

TEST_CASE("a malformed frame says why and shows its octets") {
    CHECK(line_of("") == "malformed (empty datagram): nothing");
    CHECK(line_of("00 17") == "malformed (impossible Length field): 0017");
    CHECK(line_of("01") == "malformed (impossible Length field): 01");
    CHECK(line_of("03 17") == "malformed (Length is 3, the datagram has 2 octets): 0317");
    CHECK(line_of("01 01 00 17") == "malformed (Length is 256, the datagram has 4 octets): 01010017");
    CHECK(line_of("02 03") == "malformed (reserved message type 0x03): 0203");
    CHECK(line_of("01 00 04 FE") == "malformed (reserved message type 0xfe): 010004fe");
    CHECK(line_of("02 05") == "malformed (wrong size for this message type: CONNACK of 2 octets): 0205");
    CHECK(line_of("03 FE 00") == "malformed (bad forwarder encapsulation): 03fe00");
    const auto long_one = line_of(Buffer(1000, std::byte{0xAB}));
    CHECK_THAT(long_one, EndsWith("ab…(1000 octets)"));
    CHECK(long_one.size() < 700);
}

TEST_CASE("every packet of the table, cut or lengthened by one octet, has a line") {
    for (const auto& each : test::sn_vectors()) {
        INFO(each.name);
        Buffer octets = each.octets;
        octets.pop_back();
        CHECK_THAT(line_of(octets), StartsWith("malformed ("));
        octets = each.octets;
        octets.push_back(std::byte{0});
        CHECK_THAT(line_of(octets), StartsWith("malformed ("));
    }
}

TEST_CASE("texts are quoted so that they cannot control a terminal") {
    const auto text = [](std::string value) { return sn::to_string(sn::FieldValue(std::move(value)), 100); };
    CHECK(text("a \"b\" \\") == R"("a \"b\" \\")");
    CHECK(text("\x1B[2J\n\x7F") == R"("\x1b[2J\n\x7f")");
    CHECK(text("Grün") == "\"Grün\"");
    CHECK(text("\xC2\x9B"
               "2J") == R"("\u009b2J")");
    CHECK(text("\xFF\xC2") == R"("\xff\xc2")");
    CHECK(text(std::string("\0", 1)) == R"("\x00")");
}

TEST_CASE("content is text where it is readable, and hex where not") {
    const auto text = [](std::string_view value, std::size_t longest) {
        return sn::to_string(sn::Content{as_bytes(value)}, longest);
    };
    CHECK(text("21.5 °C\r\n", 100) == R"("21.5 °C\x0d\n")");
    CHECK(text(std::string_view("\x00\x01", 2), 100) == "0x0001");
    CHECK(text("\xFF\xFE\xFD", 2) == "0xfffe…(3 octets)");
    CHECK(text("12345", 4) == "\"1234\"…(5 octets)");
    CHECK(text("12345", 5) == "\"12345\"");
    CHECK(text("123°", 4) == "\"123\"…(5 octets)");
}

TEST_CASE("all fields are there in the verbose form, and the octets") {
    const Buffer octets = hex("08 0C 61 00 03 00 00 78");
    CHECK(all_lines(shown(octets)) ==
          "#7 2023-11-14T22:13:20.123456789Z 192.0.2.1:4000 > [::1]:1883 8 octets\n"
          "  PUBLISH (0x0c)\n"
          "    dup              no\n"
          "    qos              -1\n"
          "    retain           no\n"
          "    topic_id_type    predefined(1)\n"
          "    topic_id         3\n"
          "    msg_id           0\n"
          "    data             \"x\"\n"
          "  octets             080c610003000078\n");
}

TEST_CASE("nothing is cut in the verbose form") {
    const Buffer octets = test::sn_vectors().back().octets;
    CHECK_THAT(all_lines(shown(octets)), Contains('"' + std::string(1000, 'x') + '"') && Contains(to_hex(octets)));
}

TEST_CASE("a frame from the network has its time and addresses in front") {
    const Buffer octets = hex("02 17");
    CHECK(one_line(shown(octets)) == "2023-11-14T22:13:20.123456789Z 192.0.2.1:4000 > [::1]:1883 PINGRESP\n");
    auto frame = shown(octets);
    frame.time = CaptureTime(std::chrono::seconds(0));
    CHECK_THAT(one_line(frame), StartsWith("1970-01-01T00:00:00.000000Z "));
    frame.is_from_network = false;
    CHECK(one_line(frame) == "PINGRESP\n");
}

TEST_CASE("a datagram that the capture cut off is not taken for a frame") {
    const Buffer octets = hex("02 17");
    UdpDatagram datagram = shown(octets).datagram;
    datagram.real_size = 20;
    auto frame = show(1, false, {}, datagram);
    CHECK(frame.is_malformed());
    CHECK(one_line(frame) == "malformed (cut off by the capture: 2 of 20 octets are there): 0217\n");
}

TEST_CASE("a frame is one JSON object with all its fields") {
    CHECK(json_line(shown(hex("02 17"))) ==
          R"({"number":7,"time":"2023-11-14T22:13:20.123456789Z","from":"192.0.2.1:4000","to":"[::1]:1883",)"
          R"("length":2,"hex":"0217","type":"PINGRESP","msg_type":23})"
          "\n");
    CHECK(json_of(hex("08 0C 02 61 62 00 00 78")) ==
          R"({"number":7,"length":8,"hex":"080c026162000078","type":"PUBLISH","msg_type":12,"dup":false,"qos":0,)"
          R"("retain":false,"topic_id_type":2,"topic_id_type_text":"short","topic_id":24930,"topic_name":"ab",)"
          R"("msg_id":0,"data":"x"})"
          "\n");
    CHECK_THAT(json_of(hex("03 05 00")), Contains(R"("return_code":0,"return_code_text":"accepted"})"));
}

TEST_CASE("JSON has both layers of an encapsulated frame") {
    CHECK_THAT(
        json_of(hex("04 FE 03 0A 05 FE 00 0B 0C 02 17")),
        Contains(R"("type":"PINGRESP")") &&
            Contains(R"("forwarder":[{"radius":3,"wireless_node_id":"0a"},{"radius":0,"wireless_node_id":"0b0c"}])"));
}

TEST_CASE("JSON has octets that are no text in hex") {
    CHECK_THAT(json_of(hex("04 09 FF 00")), Contains(R"("will_msg_hex":"ff00")") && !Contains(R"("will_msg":)"));
    CHECK_THAT(json_of(hex("03 16 FF")), Contains(R"("client_id_hex":"ff")"));
    CHECK_THAT(json_of(hex("04 09 0A 22")), Contains(R"("will_msg":"\n\"")"));
}

TEST_CASE("JSON says why a frame is malformed") {
    CHECK(json_of(hex("03 17")) ==
          R"({"number":7,"length":2,"hex":"0317","malformed":"Length is 3, the datagram has 2 octets"})"
          "\n");
}

TEST_CASE("hex is read in the forms that people write") {
    const Buffer octets = hex("08 0C AF");
    for (const auto* text :
         {"080caf", "08 0C AF", "08:0c:af", "08-0C-AF", "0x080caf", "0x08, 0x0c, 0xAF", " 08\t0caf\r"}) {
        INFO(text);
        CHECK(parse_hex(text) == octets);
    }
    CHECK(parse_hex("")->empty());
    CHECK(parse_hex(" ")->empty());
    for (const auto* text : {"8", "080", "08 0", "0g", "0x", "0x0", "08,0x", "080x0c", "1.5", "\xC3\xBC"}) {
        INFO(text);
        CHECK_FALSE(parse_hex(text).has_value());
    }
    CHECK(parse_hex(to_hex(octets)) == octets);
}

}  // namespace frame_text_test
