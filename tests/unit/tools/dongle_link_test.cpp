// A simulated dongle on its pseudo-terminal, as a gateway that opens the port sees it.
#include "tools/commands/dongle_link.hpp"
#include "tests/support/hex.hpp"
#include "tools/commands/dongle_options.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace dongle_link_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using test::hex;
using test::to_hex;

namespace fs = std::filesystem;

namespace {

const Buffer node_1 = hex("0001");
const Buffer node_2 = hex("0002");

struct Place {
    explicit Place(std::string kind) {
        std::string name = (fs::temp_directory_path() / "dongle-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory = name;
        options.link = std::move(kind);
        options.path = (directory / "dongle0").string();
    }
    ~Place() {
        if (host >= 0) ::close(host);
        fs::remove_all(directory);
    }
    void start() {
        link.emplace(io, options);
        const auto error = link->start(2);
        INFO(error.value_or(""));
        REQUIRE_FALSE(error);
        link->add(node_1, [this](Bytes frame) { heard += " 1:" + to_hex(frame); });
        link->add(node_2, [this](Bytes frame) { heard += " 2:" + to_hex(frame); });
    }
    /// As a gateway: at this speed, without waiting.
    void open(speed_t speed = B115200) {
        if (host >= 0) ::close(host);
        host = ::open(options.path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK);
        REQUIRE(host >= 0);
        termios settings{};
        ::tcgetattr(host, &settings);
        ::cfmakeraw(&settings);
        ::cfsetspeed(&settings, speed);
        ::tcsetattr(host, TCSANOW, &settings);
    }
    void write(const Buffer& octets) {
        REQUIRE(::write(host, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()));
    }
    /// What the port says, until so many octets are there.
    std::string read(std::size_t count) {
        std::string text;
        until([&] {
            std::array<std::byte, 256> octets;
            const auto size = ::read(host, octets.data(), octets.size());
            if (size > 0) text += to_hex(Bytes(octets).first(static_cast<std::size_t>(size)));
            return text.size() >= 2 * count;
        });
        return text;
    }
    template <class Condition>
    void until(Condition&& holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!holds()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            io.restart();
            io.run_one_for(std::chrono::milliseconds(2));
        }
    }

    fs::path directory;
    DongleLinkOptions options;
    boost::asio::io_context io{1};
    std::optional<DongleLink> link;
    std::string heard;
    int host = -1;
};

}  // namespace

TEST_CASE("frames go both ways through a simulated dongle", "[dongle][native]") {
    Place place("slip");
    place.start();
    place.open();
    place.link->send(node_1, hex("0216"));
    CHECK(place.read(9) == "c005fe0000010216c0");
    place.write(hex("c005fe0000010217c0 c005fe0000020217c0"));
    place.until([&] { return place.heard.size() >= 14; });
    CHECK(place.heard == " 1:0217 2:0217");
    place.heard.clear();
    place.link->remove(node_1);
    place.write(hex("c00500010384c0"));
    place.until([&] { return !place.heard.empty(); });
    CHECK(place.heard == " 2:0500010384");
}

TEST_CASE("a simulated line is as slow as its speed", "[dongle][native]") {
    Place place("slip");
    place.options.baud = 9600;
    place.start();
    place.open(B9600);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 8; ++i)
        place.link->send(node_1, Buffer(200, std::byte{2}));
    CHECK(place.read(8 * 207).size() == 2 * 8 * 207);
    CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1700));
}

TEST_CASE("at the wrong speed both ends see garbage", "[dongle][native]") {
    Place place("slip");
    place.options.baud = 57600;
    place.start();
    place.open(B115200);
    place.write(hex("c005fe0000010217c0"));
    place.link->send(node_1, hex("0216"));
    CHECK(place.read(9) != "c005fe0000010216c0");
    place.until([&] { return place.link->report().wrong_speed >= 18; });
    CHECK(place.heard.empty());
}

TEST_CASE("a simulated dongle is unplugged on schedule and comes back", "[dongle][native]") {
    Place place("xbee,ap=1");
    place.options.unplug_every = std::chrono::milliseconds(100);
    place.options.unplugged_for = std::chrono::milliseconds(50);
    place.options.unplug_times = 2;
    place.start();
    for (std::uint64_t times = 1; times <= 2; ++times) {
        place.until([&] { return !fs::exists(place.options.path); });
        CHECK(place.link->report().unplugged == times);
        place.link->send(node_1, hex("0216"));  // nobody listens
        place.until([&] { return fs::exists(place.options.path); });
    }
    place.open();
    CHECK(place.read(6) == "7e00028a0075");
    CHECK(place.link->report().dongle.frames_up == 0);
}

TEST_CASE("a simulated module starts anew by itself", "[dongle][native]") {
    Place place("xbee,ap=1");
    place.options.reset_every = std::chrono::milliseconds(200);
    place.start();
    place.open();
    CHECK(place.read(12) == "7e00028a00757e00028a0075");
    CHECK(place.link->report().resets >= 1);
}

TEST_CASE("a frame that the module cannot carry is counted", "[dongle][native]") {
    Place place("xbee,np=20");
    place.start();
    place.link->send(node_1, Buffer(21, std::byte{2}));
    CHECK(place.link->report().too_large == 1);
    CHECK(place.link->max_frame() == 20);
}

TEST_CASE("shares are written as people think of them", "[dongle]") {
    CHECK(parse_share("1/500") == 0.002);
    CHECK(parse_share("0.2%") == 0.002);
    CHECK(parse_share("0") == 0.0);
    for (const auto* wrong : {"", "1/0", "3/2", "1/", "/500", "x", "-1/5", "200%"})
        CHECK_FALSE(parse_share(wrong));
}

}  // namespace dongle_link_test
