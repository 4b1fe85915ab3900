#include "transports/radio/at_text.hpp"

#include "protocol/hex.hpp"

#include <catch2/catch.hpp>

namespace at_text_test {

using namespace mqttsn;
using namespace mqttsn::transports;

TEST_CASE("Base64 has the test vectors of RFC 4648 both ways", "[at]") {
    const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : vectors) {
        CHECK(to_base64(as_bytes(plain)) == text);
        const auto octets = parse_base64(text);
        REQUIRE(octets);
        CHECK(as_text(*octets) == plain);
    }
    CHECK(to_base64(*parse_hex("0c0c210011007ec0db7d1300")) == "DAwhABEAfsDbfRMA");
}

TEST_CASE("Base64 that nobody would write is refused", "[at]") {
    for (const std::string_view text :
         {"Zg", "Zg=", "Zg===", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "Z!==", "Zm 9v"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_base64(text));
    }
}

TEST_CASE("Digits of either case are octets and nothing else is", "[at]") {
    CHECK(parse_digits("0c0C") == parse_hex("0c0c"));
    for (const std::string_view text : {"0", "0c0", "0x0c", "0c 0c", "0g"})
        CHECK_FALSE(parse_digits(text));
    CHECK(to_digits(*parse_hex("00ff1a")) == "00FF1A");
}

TEST_CASE("Decimal numbers may have a sign and blanks around them", "[at]") {
    CHECK(parse_decimal(" -83 ") == -83);
    CHECK(parse_decimal("+9") == 9);
    for (const std::string_view text : {"", " ", "+-9", "9x", "0x9", "- 99", "99999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_decimal(text));
    }
    CHECK(parse_decimals("7, 9 ,4", ",") == std::vector<std::int64_t>{7, 9, 4});
    CHECK_FALSE(parse_decimals("7,,4", ","));
    CHECK_FALSE(parse_decimals("", ","));
}

TEST_CASE("A signal that cannot be is none", "[at]") {
    CHECK(to_signal(-83, 9)->rssi_dbm == -83);
    CHECK(to_signal(-83, 9)->snr_db == 9);
    CHECK_FALSE(to_signal(-1000, 9));
    CHECK_FALSE(to_signal(-83, 128));
}

}  // namespace at_text_test
