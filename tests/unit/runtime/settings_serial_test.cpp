// [[serial]] links, from the file and from --serial.
#include "gateway/runtime/command_line.hpp"
#include "tests/unit/runtime/temporary_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace settings_serial_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace std::chrono_literals;
using test::TemporaryFile;

namespace {

Settings load(std::string_view toml) {
    const TemporaryFile file(toml);
    Settings settings;
    auto errors = read_settings_file(file.path(), settings);
    if (errors.empty()) errors = complete(settings, file.path());
    INFO(fmt::format("{}", fmt::join(errors, "\n")));
    REQUIRE(errors.empty());
    return settings;
}

/// What is wrong, without the name of the file.
std::string error_of(std::string_view toml) {
    const TemporaryFile file(toml);
    Settings settings;
    auto errors = read_settings_file(file.path(), settings);
    if (errors.empty()) errors = complete(settings, file.path());
    REQUIRE(errors.size() == 1);
    REQUIRE(errors[0].starts_with(file.path()));
    return errors[0].substr(file.path().size());
}

CommandLine read(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "mqttsn-gateway");
    return read_command_line(static_cast<int>(arguments.size()), arguments.data());
}

std::string refusal_of(std::vector<const char*> arguments) {
    const CommandLine line = read(std::move(arguments));
    REQUIRE(line.exit_code == 2);
    return line.output;
}

}  // namespace

TEST_CASE("a serial link alone needs its device only, and opens no UDP port") {
    const Settings settings = load("[[serial]]\ndevice = \"/dev/ttyUSB0\"\n");
    CHECK(settings.udp.empty());
    REQUIRE(settings.core.links.size() == 1);
    const LinkConfig& link = settings.core.links[0];
    CHECK(link.name == "raw:/dev/ttyUSB0");
    CHECK(link.max_frame == 255);
    CHECK(link.confirms_departure);
    CHECK(link.advertise);
    CHECK_FALSE(link.gwinfo_unicast);
    CHECK(settings.serial[0].link.kind->name == "raw");
    CHECK(settings.serial[0].link.port.line.baud == settings.serial[0].link.kind->baud);
}

TEST_CASE("QoS 0 to a device that is awake is paced on radios and not on UDP", "[SN12-6.14-j]") {
    const Settings settings = load("[[udp]]\nlisten = \"0.0.0.0:1883\"\n[[serial]]\ndevice = \"/dev/ttyUSB0\"\n");
    REQUIRE(settings.core.links.size() == 2);
    CHECK(settings.core.links[0].qos0_gap == 0s);
    CHECK(settings.core.links[1].qos0_gap == 20ms);
}

TEST_CASE("repeats are spread over time where stations cannot listen before they send", "[SN12-6.13-a]") {
    const Settings settings = load(
        "[[serial]]\ndevice = \"/dev/ttyUSB0\"\nlink = \"xbee\"\n"
        "[[serial]]\ndevice = \"/dev/ttyUSB1\"\nlink = \"rylr\"\n");
    CHECK(settings.core.links[0].retry_jitter == 0);
    CHECK(settings.core.links[1].retry_jitter == 0.5);
}

TEST_CASE("several serial links and UDP stand in one configuration, UDP first") {
    const Settings settings = load(R"([[serial]]
device = "/dev/ttyUSB0"
name = "barn"
link = "hdlc"
baud = 57600
mtu = 60
air_rate = 9600
duty_cycle = "0.1 %"
turnaround = "100ms"
retry = "30s"
retries = 1
hdlc_escape = "xonxoff"
half_duplex = true
[[serial]]
usb = "10c4:ea60:0001"
link = "slip"
[[udp]]
listen = "127.0.0.1:1883"
)");
    REQUIRE(settings.core.links.size() == 3);
    CHECK(settings.core.links[0].name == "udp:127.0.0.1:1883");
    CHECK(settings.core.links[1].name == "barn");
    CHECK(settings.core.links[2].name == "slip:usb 10c4:ea60:0001");
    CHECK(settings.core.links[1].max_frame == 60);
    CHECK(settings.core.links[1].retry == Duration(30s));
    CHECK(settings.core.links[1].retries == 1U);
    const auto& barn = settings.serial[0].link;
    CHECK(barn.port.line.baud == 57600);
    CHECK(barn.duty_cycle == Approx(0.001));
    CHECK(barn.turnaround == Duration(100ms));
    CHECK(barn.values.at("half_duplex") == "true");
    CHECK_FALSE(settings.serial[1].link.turnaround);
}

TEST_CASE("a duty cycle that cannot be kept, or that lets nothing through, is refused") {
    const auto error = [](std::string_view rest) { return error_of(fmt::format("[[serial]]\ndevice = \"/dev/a\"\n{}", rest)); };
    CHECK(error("link = \"hdlc\"\nduty_cycle = \"1%\"\n").find("the air time of link = \"hdlc\" is not known; give the radio's "
                                                             "air_rate in bit/s") != std::string::npos);
    CHECK(error("link = \"xbee\"\nduty_cycle = \"1%\"\n").ends_with("the air time of link = \"xbee\" is not known"));
    CHECK(error("link = \"rylr\"\nduty_cycle = \"0.001%\"\n").find("[[serial]] duty_cycle = \"0.001%\" is too little: a frame "
                                                                "of ") != std::string::npos);
    load("[[serial]]\ndevice = \"/dev/a\"\nlink = \"rylr\"\nduty_cycle = \"1%\"\n");
    load("[[serial]]\ndevice = \"/dev/a\"\nlink = \"hdlc\"\nduty_cycle = \"100%\"\n");  // no limit
}

TEST_CASE("what is wrong with a serial link is told with its line") {
    CHECK(error_of("[gateway]\nid = 1\n[[serial]]\nlink = \"raw\"\n") ==
          ":3: [[serial]] needs device = \"/dev/…\" or usb = \"vid:pid\", one of them (see: mqttsn ports)");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nusb = \"10c4:ea60\"\n").find("one of them") != std::string::npos);
    CHECK(error_of("[[serial]]\nusb = \"10c4\"\n") ==
          ":1: [[serial]] usb = \"10c4\": expected \"vid:pid\" or \"vid:pid:serial\", such as \"10c4:ea60\"");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nlink = \"carrier-pigeon\"\n")
              .find(":1: [[serial]] link = \"carrier-pigeon\": expected one of \"raw\", ") == 0);
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nlink = \"slip\"\nhdlc_escape = \"min\"\n") ==
          ":1: [[serial]] hdlc_escape = \"min\": this kind of link has no such key");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\ngap_ms = 0\n") ==
          ":1: [[serial]] gap_ms = \"0\": expected a number from 1 to 60000");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nname = \"x\"\n[[serial]]\ndevice = \"/dev/b\"\nname = \"x\"\n") ==
          ":4: [[serial]] name = \"x\": another link has this name");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\n[[serial]]\ndevice = \"/dev/a\"\nname = \"x\"\n") ==
          ":3: [[serial]] device = \"/dev/a\" is given twice");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nreopen_min = \"9s\"\n") ==
          ":1: [[serial]] reopen_min must not be longer than reopen_max");
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nduty_cycle = 1\n")
              .find(":3:14: [[serial]] duty_cycle: expected a "
                    "share from") == 0);
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nduty_cycle = \"101%\"\n").find("expected a share") !=
          std::string::npos);
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nbuad = 9600\n").find("did you mean baud?") != std::string::npos);
    CHECK(error_of("[[serial]]\ndevice = \"/dev/a\"\nbaud = \"fast\"\n").find("expected \"auto\" or an integer") !=
          std::string::npos);
    CHECK(error_of("[serial]\ndevice = \"/dev/a\"\n").find("write [[serial]] instead of [serial]") !=
          std::string::npos);
}

TEST_CASE("auto takes a value back") {
    const Settings settings = load(
        "[[serial]]\ndevice = \"/dev/a\"\nbaud = \"auto\"\nmtu = \"auto\"\nturnaround = \"auto\"\nretry = "
        "\"auto\"\nretries = \"auto\"\n");
    CHECK(settings.serial[0].link.mtu == 0);
    CHECK_FALSE(settings.serial[0].link.turnaround);
    CHECK_FALSE(settings.core.links[0].retries);
}

TEST_CASE("a serial link is a known forwarder by its name", "[SN12-5.5-j]") {
    const Settings settings = load(
        "[[serial]]\ndevice = \"/dev/a\"\nname = \"barn\"\n[[udp]]\nlisten = "
        "\"127.0.0.1:1883\"\n[forwarder]\nonly_listed = true\nendpoints = [\"barn\"]\n");
    REQUIRE(settings.core.forwarder.endpoints.size() == 1);
    CHECK(settings.core.forwarder.endpoints[0] == Endpoint{1, {}});
}

TEST_CASE("the flag --serial takes a path and keys of [[serial]]") {
    const CommandLine line = read({"--serial", "/dev/ttyUSB0,link=hdlc,baud=9600,open_delay=2s,half_duplex=true",
                                   "--serial", "usb=10c4:ea60", "--serial", "/dev/ttyUSB1"});
    INFO(line.output);
    REQUIRE_FALSE(line.exit_code);
    const auto& serial = line.settings.serial;
    REQUIRE(serial.size() == 3);
    CHECK(line.settings.udp.empty());
    CHECK(serial[0].link.port.line.device == "/dev/ttyUSB0");
    CHECK(serial[0].link.kind->name == "hdlc");
    CHECK(serial[0].link.port.line.baud == 9600);
    CHECK(serial[0].link.port.open_delay == Duration(2s));
    CHECK(serial[0].link.values.at("half_duplex") == "true");
    CHECK(serial[1].link.port.line.usb == "10c4:ea60");
    CHECK(serial[2].link.kind->name == "raw");
}

TEST_CASE("the flags --serial and --udp stand together, and flags win over the file") {
    const TemporaryFile file("[[serial]]\ndevice = \"/dev/a\"\n");
    const CommandLine line = read({"--config", file.path().c_str(), "--serial", "/dev/b", "--udp", "127.0.0.1:1883"});
    REQUIRE(line.settings.core.links.size() == 2);
    CHECK(line.settings.core.links[1].name == "raw:/dev/b");
    const CommandLine checked = read({"--config", file.path().c_str(), "--check-config"});
    CHECK(checked.exit_code == 0);
}

TEST_CASE("what is wrong with --serial is told") {
    CHECK(refusal_of({"--serial", "/dev/a,speed=1"}).find("--serial /dev/a,speed=1: \"speed=1\": expected KEY=VALUE") ==
          0);
    CHECK(refusal_of({"--serial", "/dev/a,baud"}).find("\"baud\": expected KEY=VALUE") != std::string::npos);
    CHECK(refusal_of({"--serial", "/dev/a,baud=fast"}).find("baud: expected \"auto\" or an integer") !=
          std::string::npos);
    CHECK(refusal_of({"--serial", "/dev/a,link=foo"}).find("--serial /dev/a,link=foo: [[serial]] link = \"foo\"") == 0);
    CHECK(refusal_of({"--serial", ","}).find("needs device") != std::string::npos);
}

}  // namespace settings_serial_test
