#include "tests/support/link_vectors.hpp"

#include "tests/support/hex.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace mqttsn::test {

namespace {

using transports::CrcKind;
using transports::FramingKind;
using transports::FramingOptions;
using transports::HdlcEscapes;
using transports::OctetOrder;

constexpr std::string_view connect = "08 04 04 01 00 3C 73 31";
constexpr std::string_view publish = "0C 0C 21 00 11 00 7E C0 DB 7D 13 00";
constexpr std::string_view fe_connect = "05 FE 01 00 01 08 04 04 01 00 3C 73 31";
constexpr std::string_view fe_publish = "05 FE 01 00 01 0C 0C 21 00 11 00 7E C0 DB 7D 13 00";

FramingOptions with_check(CrcKind kind, OctetOrder order) {
    FramingOptions options;
    options.check = {kind, order};
    return options;
}

FramingOptions with_check(CrcKind kind) {
    return with_check(kind, usual_order(kind));
}

FramingOptions with_escapes(HdlcEscapes escapes) {
    FramingOptions options;
    options.escapes = escapes;
    return options;
}

/// What a driver puts its own octets around.
FramingOptions bare(FramingOptions options = {}) {
    options.messages = false;
    return options;
}

std::vector<LinkVector> line_vectors() {
    const auto none = with_check(CrcKind::none);
    const auto x25 = with_check(CrcKind::crc16_x25);
    return {
        {"raw-connect", FramingKind::raw, {}, hex(connect), hex(connect)},
        {"raw-publish", FramingKind::raw, {}, hex(publish), hex(publish)},
        {"raw-fe-connect", FramingKind::raw, {}, hex(fe_connect), hex(fe_connect)},
        {"slip-publish", FramingKind::slip, none, hex(publish), hex("C0 0C 0C 21 00 11 00 7E DB DC DB DD 7D 13 00 C0")},
        {"slip-fe-publish", FramingKind::slip, none, hex(fe_publish),
         hex("C0 05 FE 01 00 01 0C 0C 21 00 11 00 7E DB DC DB DD 7D 13 00 C0")},
        {"hdlc-publish",
         FramingKind::hdlc,
         {},
         hex(publish),
         hex("7E 0C 0C 21 00 11 00 7D 5E C0 DB 7D 5D 13 00 09 98 7E")},
        {"hdlc-fe-publish",
         FramingKind::hdlc,
         {},
         hex(fe_publish),
         hex("7E 05 FE 01 00 01 0C 0C 21 00 11 00 7D 5E C0 DB 7D 5D 13 00 76 19 7E")},
        {"hdlc-connect", FramingKind::hdlc, {}, hex(connect), hex("7E 08 04 04 01 00 3C 73 31 FA 03 7E")},
        {"hdlc-publish-xon", FramingKind::hdlc, with_escapes(HdlcEscapes::spinel), hex(publish),
         hex("7E 0C 0C 21 00 7D 31 00 7D 5E C0 DB 7D 5D 7D 33 00 09 98 7E")},
        {"rs485-connack", FramingKind::hdlc, bare(), hex("05 01 03 05 00"), hex("7E 05 01 03 05 00 44 64 7E")},
        {"cobs-none", FramingKind::cobs, none, hex(publish), hex("04 0C 0C 21 02 11 06 7E C0 DB 7D 13 01 00")},
        {"cobs-x25", FramingKind::cobs, x25, hex(publish), hex("04 0C 0C 21 02 11 06 7E C0 DB 7D 13 03 09 98 00")},
        {"cobs-ccittf", FramingKind::cobs, with_check(CrcKind::crc16_ccitt_false), hex(publish),
         hex("04 0C 0C 21 02 11 06 7E C0 DB 7D 13 03 C1 81 00")},
        {"cobs-xmodem", FramingKind::cobs, with_check(CrcKind::crc16_xmodem), hex(publish),
         hex("04 0C 0C 21 02 11 06 7E C0 DB 7D 13 03 45 78 00")},
        {"cobs-crc32", FramingKind::cobs, with_check(CrcKind::crc32), hex(publish),
         hex("04 0C 0C 21 02 11 06 7E C0 DB 7D 13 05 11 40 E5 70 00")},
    };
}

std::vector<LinkVector> aquila_vectors() {
    const auto options = bare(with_check(CrcKind::crc16_xmodem, OctetOrder::little_endian));
    const auto vector = [&](std::string_view name, std::string_view frame, std::string_view wire) {
        return LinkVector{name, FramingKind::slip, options, hex(frame), hex(wire)};
    };
    return {
        vector("aq-up-publish", "55 60 11 FE 01 17 00 0C 0C 21 00 11 00 7E C0 DB 7D 13 00",
               "C0 55 60 11 FE 01 17 00 0C 0C 21 00 11 00 7E DB DC DB DD 7D 13 00 86 0A C0"),
        vector("aq-down-connack", "05 FE 01 17 00 03 05 00", "C0 05 FE 01 17 00 03 05 00 25 D5 C0"),
        vector("aq-ack", "00 00 02 01", "C0 00 00 02 01 43 76 C0"),
        vector("aq-nack", "00 00 02 00", "C0 00 00 02 00 62 66 C0"),
        vector("aq-config-req", "00 00 02 02", "C0 00 00 02 02 20 46 C0"),
        vector("aq-config", "13 02 01 FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF",
               "C0 13 02 01 FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF BD A2 C0"),
    };
}

/// API frames; the frame is the data between length and checksum.
std::vector<LinkVector> xbee_vectors() {
    struct Text {
        std::string_view name;
        std::string_view wire;
    };
    constexpr Text mode_1[] = {
        {"xb-tx-connack-ap1", "7E 00 11 10 01 00 13 A2 00 40 40 11 22 FF FE 00 00 03 05 00 81"},
        {"xb-tx-advertise", "7E 00 13 10 02 00 00 00 00 00 00 FF FF FF FE 00 00 05 00 01 03 84 65"},
        {"xb-tx-publish-ap1",
         "7E 00 1A 10 03 00 13 A2 00 40 40 11 22 FF FE 00 00 0C 0C 21 00 11 00 7E C0 DB 7D 13 00 94"},
        {"xb-rx-publish-ap1", "7E 00 18 90 00 13 A2 00 40 40 11 22 FF FE C1 0C 0C 21 00 11 00 7E C0 DB 7D 13 00 56"},
        {"xb-rx91-connect",
         "7E 00 1A 91 00 13 A2 00 40 40 11 22 FF FE E8 E8 00 11 C1 05 C1 08 04 04 01 00 3C 73 31 B0"},
        {"xb-status-ok", "7E 00 07 8B 01 FF FE 00 00 00 76"},
        {"xb-status-noaddr", "7E 00 07 8B 03 FF FE 00 24 00 50"},
        {"xb-modem-reset", "7E 00 02 8A 00 75"},
        {"xb-modem-coord", "7E 00 02 8A 06 6F"},
        {"xb-at-ap", "7E 00 04 08 51 41 50 15"},
        {"xb-at-ap-r", "7E 00 06 88 51 41 50 00 02 93"},
        {"xb-at-np", "7E 00 04 08 52 4E 50 07"},
        {"xb-at-np-r", "7E 00 07 88 52 4E 50 00 00 49 3E"},
        {"xb-at-ao", "7E 00 04 08 53 41 4F 14"},
        {"xb-at-ao-r", "7E 00 06 88 53 41 4F 00 00 94"},
        {"xb-at-sh", "7E 00 04 08 54 53 48 08"},
        {"xb-at-sh-r", "7E 00 09 88 54 53 48 00 00 13 A2 00 D3"},
        {"xb-tx64-connack", "7E 00 0E 00 04 00 13 A2 00 40 40 11 22 00 03 05 00 8B"},
        {"xb-tx16-connack", "7E 00 08 01 05 12 34 00 03 05 00 AB"},
        {"xb-tx16-advertise", "7E 00 0A 01 06 FF FF 00 05 00 01 03 84 6D"},
        {"xb-rx64-connect", "7E 00 13 80 00 13 A2 00 40 40 11 22 28 00 08 04 04 01 00 3C 73 31 FE"},
        {"xb-rx16-connect", "7E 00 0D 81 12 34 28 00 08 04 04 01 00 3C 73 31 1F"},
        {"xb-txstatus-ok", "7E 00 03 89 05 00 71"},
        {"xb-digi-bd-r", "7E 00 05 88 01 42 44 00 F0"},
    };
    FramingOptions options;
    options.largest = 2100;
    std::vector<LinkVector> vectors;
    for (const auto& [name, text] : mode_1) {
        const Buffer wire = hex(text);
        vectors.push_back({name, FramingKind::xbee_api_1, options, Buffer(wire.begin() + 3, wire.end() - 1), wire});
    }
    const auto in_mode_2 = [&](std::string_view name, std::string_view same_frame, std::string_view wire) {
        const auto found = std::ranges::find(vectors, same_frame, &LinkVector::name);
        vectors.push_back({name, FramingKind::xbee_api_2, options, found->frame, hex(wire)});
    };
    in_mode_2("xb-tx-connack-ap2", "xb-tx-connack-ap1",
              "7E 00 7D 31 10 01 00 7D 33 A2 00 40 40 7D 31 22 FF FE 00 00 03 05 00 81");
    in_mode_2(
        "xb-tx-publish-ap2", "xb-tx-publish-ap1",
        "7E 00 1A 10 03 00 7D 33 A2 00 40 40 7D 31 22 FF FE 00 00 0C 0C 21 00 7D 31 00 7D 5E C0 DB 7D 5D 7D 33 00 94");
    in_mode_2("xb-rx-publish-ap2", "xb-rx-publish-ap1",
              "7E 00 18 90 00 7D 33 A2 00 40 40 7D 31 22 FF FE C1 0C 0C 21 00 7D 31 00 7D 5E C0 DB 7D 5D 7D 33 00 56");
    in_mode_2("xb-at-sh-r-ap2", "xb-at-sh-r", "7E 00 09 88 54 53 48 00 00 7D 33 A2 00 D3");
    in_mode_2("xb-at-ap-ap2", "xb-at-ap", "7E 00 04 08 51 41 50 15");
    return vectors;
}

}  // namespace

const std::vector<LinkVector>& link_vectors() {
    static const std::vector<LinkVector> vectors = [] {
        std::vector<LinkVector> all = line_vectors();
        for (const auto& part : {aquila_vectors(), xbee_vectors()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return vectors;
}

const LinkVector& link_vector(std::string_view name) {
    const auto found = std::ranges::find(link_vectors(), name, &LinkVector::name);
    if (found == link_vectors().end()) throw std::logic_error("no link vector " + std::string(name));
    return *found;
}

Buffer sample_connect() {
    return hex(connect);
}

Buffer sample_publish() {
    return hex(publish);
}

const std::vector<FramingVariant>& framing_variants() {
    static const std::vector<FramingVariant> variants{
        {"raw", FramingKind::raw, {}},
        {"slip", FramingKind::slip, {}},
        {"slip-xmodem-le", FramingKind::slip, with_check(CrcKind::crc16_xmodem, OctetOrder::little_endian)},
        {"hdlc", FramingKind::hdlc, {}},
        {"hdlc-spinel", FramingKind::hdlc, with_escapes(HdlcEscapes::spinel)},
        {"cobs-none", FramingKind::cobs, {}},
        {"cobs-x25", FramingKind::cobs, with_check(CrcKind::crc16_x25)},
        {"cobs-crc32", FramingKind::cobs, with_check(CrcKind::crc32)},
        {"xbee-api-1", FramingKind::xbee_api_1, {}},
        {"xbee-api-2", FramingKind::xbee_api_2, {}},
    };
    return variants;
}

}  // namespace mqttsn::test
