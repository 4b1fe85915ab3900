// The port of a simulated dongle, as a program that opens it sees it.
#include "tools/commands/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace pseudo_terminal_test {

using namespace mqttsn;
using namespace mqttsn::tools;

namespace fs = std::filesystem;

namespace {

struct Place {
    Place() {
        std::string name = (fs::temp_directory_path() / "terminal-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory = name;
        path = directory / "dongle0";
    }
    ~Place() { fs::remove_all(directory); }
    fs::path directory;
    fs::path path;
};

std::string read_some(int descriptor) {
    pollfd waiting{descriptor, POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 5000) == 1);
    std::array<char, 64> octets{};
    const auto size = ::read(descriptor, octets.data(), octets.size());
    return {octets.data(), static_cast<std::size_t>(std::max<ssize_t>(0, size))};
}

}  // namespace

TEST_CASE("a simulated port carries every octet before anybody has set it up", "[dongle][native]") {
    Place place;
    PseudoTerminal terminal(place.path.string());
    REQUIRE_FALSE(terminal.plug());
    const std::string octets("\x7E\x11\x03\x0D\x0A\x00\xFF", 7);
    REQUIRE(::write(terminal.descriptor(), octets.data(), octets.size()) == 7);
    const int host = ::open(place.path.c_str(), O_RDWR | O_NOCTTY);
    REQUIRE(host >= 0);
    CHECK(read_some(host) == octets);
    REQUIRE(::write(host, octets.data(), octets.size()) == 7);
    CHECK(read_some(terminal.descriptor()) == octets);
    ::close(host);
}

TEST_CASE("a simulated port knows the speed that its host sets", "[dongle][native]") {
    Place place;
    PseudoTerminal terminal(place.path.string());
    REQUIRE_FALSE(terminal.plug());
    const int host = ::open(place.path.c_str(), O_RDWR | O_NOCTTY);
    termios settings{};
    REQUIRE(::tcgetattr(host, &settings) == 0);
    ::cfmakeraw(&settings);
    ::cfsetspeed(&settings, B57600);
    REQUIRE(::tcsetattr(host, TCSANOW, &settings) == 0);
    CHECK(terminal.speed() == 57600);
    ::close(host);
}

TEST_CASE("whoever has a simulated port open sees it go, and finds it again", "[dongle][native]") {
    Place place;
    PseudoTerminal terminal(place.path.string());
    REQUIRE_FALSE(terminal.plug());
    const int host = ::open(place.path.c_str(), O_RDWR | O_NOCTTY);
    terminal.unplug();
    CHECK(read_some(host).empty());
    CHECK_FALSE(fs::exists(fs::symlink_status(place.path)));
    REQUIRE_FALSE(terminal.plug());
    const int again = ::open(place.path.c_str(), O_RDWR | O_NOCTTY);
    CHECK(again >= 0);
    ::close(again);
    ::close(host);
}

TEST_CASE("a simulated port takes no path that is something else", "[dongle][native]") {
    Place place;
    PseudoTerminal terminal(place.path.string());
    std::ofstream(place.path) << "mine";
    CHECK(terminal.plug().value_or("").find("exists and is not a link") != std::string::npos);
    CHECK(fs::exists(place.path));
    fs::remove(place.path);
    fs::create_symlink("/etc/hostname", place.path);
    CHECK(terminal.plug().value_or("").find("is a link to /etc/hostname") != std::string::npos);
    fs::remove(place.path);
    fs::create_symlink("/dev/pts/99999", place.path);  // left by one that was killed
    CHECK_FALSE(terminal.plug());
    PseudoTerminal nowhere((place.directory / "no" / "such").string());
    CHECK(nowhere.plug().value_or("").find("cannot make the link") != std::string::npos);
    CHECK_FALSE(nowhere.is_plugged());
}

}  // namespace pseudo_terminal_test
