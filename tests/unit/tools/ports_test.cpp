#include "tools/commands/ports.hpp"

#include "tools/commands/json_report.hpp"

#include <catch2/catch.hpp>

namespace ports_test {

using namespace mqttsn;
using namespace mqttsn::tools;

namespace {

transports::ListedPort usb_stick() {
    transports::ListedPort port;
    port.device = "/dev/ttyUSB0";
    port.by_id = "/dev/serial/by-id/usb-Silicon_Labs_CP2102N_a0b1-if00-port0";
    port.usb = transports::UsbId{0x10c4, 0xea60, "a0b1"};
    port.manufacturer = "Silicon Labs";
    return port;
}

}  // namespace

TEST_CASE("a USB port is listed with its ids and the line for the configuration") {
    const std::string text = describe_ports({usb_stick()});
    CHECK(text.find("/dev/ttyUSB0\n    usb 10c4:ea60, Silicon Labs, -, serial number a0b1\n") == 0);
    CHECK(text.find("    device = \"/dev/serial/by-id/usb-Silicon_Labs_CP2102N_a0b1-if00-port0\"\n") !=
          std::string::npos);
}

TEST_CASE("a port without USB is configured by its device") {
    transports::ListedPort port;
    port.device = "/dev/ttyAMA0";
    CHECK(config_line(port) == "device = \"/dev/ttyAMA0\"");
    CHECK(describe_ports({port}).find("usb ") == std::string::npos);
}

TEST_CASE("no port is said in words") {
    CHECK(describe_ports({}).find("No serial port is here") == 0);
    CHECK(to_json(std::vector<transports::ListedPort>{}) == "[]");
}

TEST_CASE("ports as JSON keep what is unknown null") {
    const std::string text = to_json({usb_stick()});
    CHECK(text.find(R"("vendor_id":"10c4","product_id":"ea60","manufacturer":"Silicon Labs","product":null)") !=
          std::string::npos);
    transports::ListedPort port;
    port.device = "/dev/ttyS0";
    CHECK(to_json(std::vector<transports::ListedPort>{port}).find(R"("by_id":null,"vendor_id":null)") !=
          std::string::npos);
}

}  // namespace ports_test
