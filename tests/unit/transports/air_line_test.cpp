#include "tests/unit/transports/driver_bench.hpp"
#include "transports/radio/ebyte.hpp"
#include "transports/radio/transparent.hpp"

namespace air_line_test {

using namespace mqttsn;
using namespace mqttsn::test;
using namespace std::chrono_literals;
using transports::ebyte_kind;
using transports::transparent_kind;

namespace {

const std::string publish = "0c0c210011007ec0db7d1300";
const std::string cobs_publish = "040c0c210211067ec0db7d1303099800";

std::size_t mtu_of(const transports::DriverKind& kind, const Values& values, std::size_t mtu = 0) {
    return DriverBench(kind, values, mtu).driver().traits().mtu;
}

}  // namespace

TEST_CASE("a transparent radio carries frames in COBS with a check value") {
    DriverBench bench(transparent_kind());
    CHECK_FALSE(bench.driver().can_send());
    bench.open();
    CHECK(bench.ready());
    bench.send_unaddressed(1, publish);
    CHECK(bench.wire() == cobs_publish);
    for (const std::byte each : hex(cobs_publish + cobs_publish))
        bench.receive(Bytes(&each, 1));
    CHECK(bench.received() == Lines{": " + publish, ": " + publish});
    bench.receive("04 0C 0C 21 02 11 06 7E C0 DB 7D 14 03 09 98 00" + cobs_publish);
    CHECK(bench.received() == Lines{": " + publish});
    CHECK(bench.counters().check_errors == 1);
    CHECK(bench.counters().frames_in == 3);
    CHECK(bench.counters().sent == 1);
    CHECK(bench.counters().departed == 1);
    const auto traits = bench.driver().traits();
    CHECK(traits.mtu == 255);
    CHECK_FALSE(traits.addressed);
    CHECK(traits.broadcast);
    CHECK(traits.half_duplex);
    CHECK_FALSE(traits.confirms_departure);  // as fast as the line
    CHECK(traits.turnaround == Duration::zero());
    CHECK(bench.driver().air_time(100) == Duration::zero());
}

TEST_CASE("the framing of a transparent radio is the user's choice") {
    const auto wire = [](const Values& values) {
        DriverBench bench(transparent_kind(), values);
        bench.open();
        bench.send_unaddressed(1, publish);
        return bench.wire();
    };
    CHECK(wire({{"framing", "slip"}, {"crc", "none"}}) == "c00c0c210011007edbdcdbdd7d1300c0");
    CHECK(wire({{"framing", "hdlc"}}) == "7e0c0c210011007d5ec0db7d5d130009987e");
    CHECK(wire({{"framing", "raw"}}) == publish);
    CHECK(wire({{"crc", "none"}}) == "040c0c210211067ec0db7d130100");
    CHECK(wire({{"crc", "crc16-ccitt-false"}}) == "040c0c210211067ec0db7d1303c18100");
    CHECK(wire({{"crc", "crc16-ccitt-false"}, {"crc_order", "le"}}) == "040c0c210211067ec0db7d130381c100");
    CHECK(wire({{"crc", "crc16-xmodem"}}) == "040c0c210211067ec0db7d1303457800");
    CHECK(wire({{"crc", "crc32"}}) == "040c0c210211067ec0db7d13051140e57000");
}

TEST_CASE("a raw frame on a transparent radio ends by silence") {
    DriverBench bench(transparent_kind(), Values{{"framing", "raw"}});
    bench.open();
    bench.receive(publish);
    bench.advance(1s);
    CHECK(bench.received() == Lines{": " + publish});
}

TEST_CASE("frames on a radio with an air rate follow each other at its pace") {
    DriverBench bench(transparent_kind(), Values{{"air_rate", "5000"}, {"turnaround_ms", "50"}});
    bench.open();
    CHECK(bench.driver().traits().confirms_departure);
    CHECK(bench.driver().traits().turnaround == 50ms);
    CHECK(bench.driver().air_time(12) == 51200us);  // 12 + 4 around it + 16 of the radio
    bench.send_unaddressed(1, publish);
    CHECK_FALSE(bench.driver().can_send());
    bench.advance(51ms);
    CHECK(bench.departed().empty());
    bench.receive(cobs_publish);  // whatever the radio does meanwhile
    CHECK(bench.received().size() == 1);
    bench.advance(1ms);
    CHECK(bench.departed() == Lines{"1 left"});
    CHECK(bench.driver().can_send());
}

TEST_CASE("HC-12 in mode FU4 gets 60 octets in two seconds") {
    const Values fu4{{"hc12_fu4", "true"}};
    DriverBench bench(transparent_kind(), fu4);
    CHECK(bench.driver().traits().mtu == 56);
    CHECK(mtu_of(transparent_kind(), {{"hc12_fu4", "true"}, {"framing", "slip"}}) == 27);
    bench.open();
    const std::string largest = "38" + std::string(55 * 2, '5');
    bench.send_unaddressed(1, largest);
    CHECK(bench.wire().size() == 60 * 2);
    CHECK(bench.driver().air_time(10) == 2s);
    bench.advance(1999ms);
    CHECK_FALSE(bench.driver().can_send());
    bench.advance(1ms);
    CHECK(bench.departed() == Lines{"1 left"});
    const auto made = transparent_kind().make(fu4, 57);
    CHECK(made.driver == nullptr);
    CHECK(made.error == "mtu = 57: a frame of this link holds at most 56");
}

TEST_CASE("a port that goes away fails the frame on the air and forgets what had begun") {
    DriverBench bench(transparent_kind(), Values{{"air_rate", "5000"}});
    bench.open();
    bench.send_unaddressed(1, publish);
    bench.receive("04 0C 0C 21 02");
    bench.close();
    CHECK(bench.departed() == Lines{"1 failed"});
    CHECK_FALSE(bench.ready());
    CHECK_FALSE(bench.driver().can_send());
    CHECK_FALSE(bench.driver().next_timeout().has_value());
    CHECK(bench.counters().send_failures == 1);
    bench.open();
    bench.receive(cobs_publish);
    CHECK(bench.received() == Lines{": " + publish});
    CHECK(bench.counters().check_errors == 0);
}

TEST_CASE("an Ebyte module in transparent mode gets the frame alone") {
    DriverBench bench(ebyte_kind(), Values{{"framing", "slip"}, {"crc", "none"}});
    bench.open();
    bench.send_unaddressed(1, publish);
    CHECK(bench.wire() == "c00c0c210011007edbdcdbdd7d1300c0");
    CHECK(bench.driver().traits().half_duplex);
    CHECK(bench.driver().traits().turnaround == 100ms);
}

TEST_CASE("an Ebyte module in fixed mode sends to the node id of the forwarder header") {
    DriverBench bench(ebyte_kind(), Values{{"mode", "fixed"}, {"framing", "slip"}, {"crc", "none"}});
    bench.open();
    const auto head_of = [&](std::string_view frame) {
        bench.send_unaddressed(1, frame);
        bench.advance(10s);
        return bench.wire().substr(0, 8);
    };
    CHECK(head_of("05FE010005"
                  "030500") == "000517c0");
    CHECK(head_of("04FE0109"
                  "030500") == "000917c0");
    CHECK(head_of("06FE01010203"
                  "030500") == "ffff17c0");  // no address of an Ebyte module
    CHECK(head_of("030500") == "ffff17c0");
    bench.send(1, "", "0500010384");
    CHECK(bench.wire() == "ffff17c00500010384c0");
}

TEST_CASE("an Ebyte sub-packet bounds the message") {
    CHECK(mtu_of(ebyte_kind(), {}) == 236);
    CHECK(mtu_of(ebyte_kind(), {{"model", "e220"}}) == 196);
    CHECK(mtu_of(ebyte_kind(), {{"model", "e32"}}) == 54);
    CHECK(mtu_of(ebyte_kind(), {{"mode", "fixed"}}) == 233);
    CHECK(mtu_of(ebyte_kind(), {{"subpacket", "64"}}) == 60);
    CHECK(mtu_of(ebyte_kind(), {{"rssi_byte", "true"}}) == 236);
    CHECK(mtu_of(ebyte_kind(), {{"framing", "slip"}}) == 236);
    CHECK(mtu_of(ebyte_kind(), {{"framing", "slip"}, {"rssi_byte", "true"}}) == 117);
    CHECK(mtu_of(ebyte_kind(), {{"framing", "hdlc"}, {"rssi_byte", "true"}}) == 117);
    CHECK(mtu_of(ebyte_kind(), {{"framing", "raw"}}) == 240);
    CHECK(mtu_of(ebyte_kind(), {}, 100) == 100);
    CHECK(ebyte_kind().make({}, 237).error == "mtu = 237: a frame of this link holds at most 236");
}

TEST_CASE("the largest message with RSSI octets never takes a second packet") {
    for (const std::string framing : {"cobs", "slip", "hdlc"}) {
        for (const std::string_view filler : {"c0", "7e", "7d", "db", "00", "01"}) {
            DriverBench bench(ebyte_kind(), Values{{"framing", framing}, {"rssi_byte", "true"}, {"crc", "crc32"}});
            bench.open();
            std::string frame = fmt::format("{:02x}", bench.driver().traits().mtu);
            for (std::size_t i = 1; i < bench.driver().traits().mtu; ++i)
                frame += filler;
            bench.send_unaddressed(1, frame);
            CHECK(bench.wire().size() <= 240 * 2);
        }
    }
}

TEST_CASE("the estimate of an Ebyte module's air time is what its manual tells") {
    DriverBench bench(ebyte_kind());
    bench.open();
    // "at 2.4 kbps the 100-byte transmission delay is about 1.5 seconds"
    const Duration estimate = bench.driver().air_time(80);  // 100 octets with all that surrounds them
    CHECK(estimate == 1500ms);
    bench.send_unaddressed(1, publish);
    CHECK_FALSE(bench.driver().can_send());
    bench.advance(bench.driver().air_time(12));
    CHECK(bench.departed() == Lines{"1 left"});
    DriverBench fast(ebyte_kind(), Values{{"air_rate", "62500"}, {"air_factor", "100"}});
    CHECK(fast.driver().air_time(105) == 16ms);
}

TEST_CASE("the RSSI octet of an Ebyte module is consumed before delimiters are looked for") {
    const Values slip{{"framing", "slip"}, {"crc", "none"}, {"rssi_byte", "true"}};
    DriverBench bench(ebyte_kind(), slip);
    bench.open();
    const std::string frame = "C0 0C 0C 21 00 11 00 7E DB DC DB DD 7D 13 00 C0";
    bench.receive(frame + "AD");
    CHECK(bench.received() == Lines{": " + publish + " -83 dBm"});
    bench.receive(frame + "C0" + frame + "DB" + frame + "00");
    CHECK(bench.received() ==
          Lines{": " + publish + " -64 dBm", ": " + publish + " -37 dBm", ": " + publish + " -256 dBm"});
    bench.receive(frame);
    CHECK(bench.received().empty());
    bench.advance(50ms);
    bench.receive("AD");
    CHECK(bench.received() == Lines{": " + publish + " -83 dBm"});
    CHECK(bench.counters().framing_errors == 0);
}

TEST_CASE("an RSSI octet that does not come costs neither frame nor step") {
    const std::string framing = GENERATE("cobs", "slip", "hdlc");
    DriverBench bench(ebyte_kind(), Values{{"framing", framing}, {"rssi_byte", "true"}});
    bench.open();
    bench.send_unaddressed(1, publish);
    const std::string frame = bench.wire();
    bench.receive(frame);
    bench.advance(100ms);
    CHECK(bench.received() == Lines{": " + publish});
    bench.receive(frame + "9c");
    CHECK(bench.received() == Lines{": " + publish + " -100 dBm"});
    // A damaged frame has its octet, too.
    bench.receive("0216" + frame.substr(frame.size() - 2) + "00" + frame + "9c");
    bench.receive(frame + "9c");
    CHECK(bench.received() == Lines{": " + publish + " -100 dBm", ": " + publish + " -100 dBm"});
}

TEST_CASE("older Ebyte modules count the RSSI in halves") {
    DriverBench bench(ebyte_kind(), Values{{"rssi_byte", "true"}, {"rssi_formula", "half"}});
    bench.open();
    bench.receive(cobs_publish + "a6");
    CHECK(bench.received() == Lines{": " + publish + " -83 dBm"});
}

TEST_CASE("Ebyte keys that contradict each other are refused") {
    const auto error = [](const Values& values) { return ebyte_kind().make(values, 0).error; };
    CHECK(error({{"model", "e32"}, {"rssi_byte", "true"}}).find("rssi_byte = \"true\": expected") == 0);
    CHECK(error({{"model", "e220"}, {"subpacket", "240"}}).find("subpacket = \"240\": expected") == 0);
    CHECK(error({{"subpacket", "31"}}).find("subpacket = \"31\": expected") == 0);
    CHECK(error({{"framing", "raw"}, {"rssi_byte", "true"}}).find("framing = \"raw\"") == 0);
}

}  // namespace air_line_test
