// An XBee driver on the bench, and what the module at the other end would say.
#pragma once

#include "tests/unit/transports/driver_bench.hpp"
#include "transports/radio/xbee.hpp"

namespace mqttsn::test {

/// Frame data with start delimiter, length and checksum around it, escaped for API mode 2.
inline Buffer xbee_frame(std::string_view digits, int mode = 1) {
    const Buffer data = hex(digits);
    Buffer body{static_cast<std::byte>(data.size() >> 8), static_cast<std::byte>(data.size())};
    unsigned sum = 0;
    for (const std::byte each : data) {
        body.push_back(each);
        sum += std::to_integer<unsigned>(each);
    }
    body.push_back(static_cast<std::byte>(0xff - (sum & 0xff)));
    Buffer frame{std::byte{0x7e}};
    for (const std::byte each : body) {
        const auto value = std::to_integer<unsigned>(each);
        if (mode == 2 && (value == 0x7e || value == 0x7d || value == 0x11 || value == 0x13)) {
            frame.push_back(std::byte{0x7d});
            frame.push_back(each ^ std::byte{0x20});
        } else {
            frame.push_back(each);
        }
    }
    return frame;
}

inline std::string xbee_wire(std::string_view digits, int mode = 1) {
    return to_hex(xbee_frame(digits, mode));
}

/// What ends a frame that the module waits for: the longest one, with all around its data.
inline const std::string xbee_unblocked = to_hex(Buffer(304));

class XbeeBench : public DriverBench {
public:
    explicit XbeeBench(const transports::DriverValues& values = {}, std::size_t mtu = 0)
        : DriverBench(transports::xbee_kind(), values, mtu) {}

    void module_says(std::string_view digits) { receive(xbee_frame(digits, mode)); }

    /// Answers all that is asked about a DigiMesh module, and forgets what was written and noted.
    void set_up(std::string_view hardware = "4147", std::string_view firmware = "300B") {
        module_says("8851415000" + std::string(mode == 2 ? "02" : "01"));
        module_says("88524E50000049");
        module_says(
            "88"
            "53414F0000");
        module_says(
            "88"
            "545348000013A200");
        module_says(
            "88"
            "55534C0040401122");
        module_says(
            "88"
            "5648560"
            "0" +
            std::string(hardware));
        module_says(
            "88"
            "5756520"
            "0" +
            std::string(firmware));
        REQUIRE(ready());
        wire();
        notes();
    }
    void open_ready() {
        open();
        set_up();
    }

    int mode = 1;
};

}  // namespace mqttsn::test
