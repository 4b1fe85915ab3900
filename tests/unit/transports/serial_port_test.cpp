#include "transports/serial_port.hpp"

#include "tests/unit/transports/pseudo_terminal.hpp"
#include "transports/serial_list.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <catch2/catch.hpp>

#include <fstream>

namespace serial_port_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

struct Listener final : SerialPortHandler {
    void on_port_open() override { ++opened; }
    void on_port_closed(const std::string& reason) override { closed.push_back(reason); }
    void on_octets(Bytes octets) override {
        input += as_text(octets);
        ++reads;
    }
    void on_written() override { ++written; }

    int opened = 0;
    int written = 0;
    int reads = 0;
    std::vector<std::string> closed;
    std::string input;
};

struct Place {
    explicit Place(SerialPortConfig config) : port(io, std::move(config), listener) {}

    /// Runs the loop until the condition holds; false when it does not within ten seconds.
    template <class Condition>
    bool run_until(Condition&& condition) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < end) {
            if (condition()) return true;
            io.restart();
            io.run_one_for(10ms);
        }
        return false;
    }

    /// The same for this time at the most.
    template <class Condition>
    void run_for(std::chrono::milliseconds time, Condition&& condition) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end && !condition()) {
            io.restart();
            io.run_one_until(end);
        }
    }

    boost::asio::io_context io;
    Listener listener;
    SerialPort port;
};

SerialPortConfig config_for(const std::string& device) {
    SerialPortConfig config;
    config.line.device = device;
    config.reopen_min = 1ms;
    config.reopen_max = 5ms;
    return config;
}

std::string failure_of(const SerialLine& line, SerialDevice::Cause cause) {
    SerialDevice device;
    const auto failure = device.open(line);
    REQUIRE(failure);
    CHECK(failure->cause == cause);
    CHECK_FALSE(device.is_open());
    return failure->text;
}

SerialLine line_for(const std::string& device) {
    SerialLine line;
    line.device = device;
    return line;
}

using Cause = SerialDevice::Cause;

}  // namespace

TEST_CASE("octets cross a serial port both ways unchanged") {
    PseudoTerminal line;
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    std::string all;
    for (int value = 0; value < 256; ++value)
        all += static_cast<char>(value);
    line.send(all);
    CHECK(place.port.write(as_bytes(all)));
    CHECK(place.run_until([&] { return place.listener.input.size() >= all.size(); }));
    CHECK(place.listener.input == all);
    CHECK(line.take() == all);
    CHECK(place.listener.opened == 1);
}

TEST_CASE("a line that is never silent is read in larger pieces, a single message as it comes") {
    PseudoTerminal line;
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    std::size_t sent = 0;
    for (; sent < 8; ++sent) {
        line.send("x");
        REQUIRE(place.run_until([&] { return place.listener.input.size() > sent; }));
    }
    CHECK(place.listener.reads == 8);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i, ++sent) {
        line.send("x");
        const int reads = place.listener.reads;
        place.run_for(1ms, [&] { return place.listener.reads > reads; });
    }
    REQUIRE(place.run_until([&] { return place.listener.input.size() == sent; }));
    CHECK(place.listener.reads < 20 + (std::chrono::steady_clock::now() - begin) / 2ms);
    // What waits can be asked for.
    for (int i = 0; i < 20; ++i) {
        line.send("x");
        place.port.hurry();
        place.io.restart();
        place.io.poll();
        CHECK(place.listener.input.size() == ++sent);
    }
}

TEST_CASE("what was written before the end still arrives") {
    PseudoTerminal line;
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    CHECK(place.port.write(as_bytes("bye")));
    place.port.stop();
    CHECK_FALSE(place.port.is_open());
    CHECK(line.take() == "bye");
}

TEST_CASE("what waited in the port before it was opened is discarded") {
    PseudoTerminal line;
    line.send("boot loader 1.0\r\n");
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    line.send("x");
    CHECK(place.run_until([&] { return !place.listener.input.empty(); }));
    CHECK(place.listener.input == "x");
}

TEST_CASE("what arrives within the open delay is discarded") {
    PseudoTerminal line;
    auto config = config_for(line.path());
    config.open_delay = 50ms;
    Place place(config);
    REQUIRE_FALSE(place.port.start());
    line.send("boot loader 1.0\r\n");
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    line.send("x");
    CHECK(place.run_until([&] { return !place.listener.input.empty(); }));
    CHECK(place.listener.input == "x");
}

TEST_CASE("the line gets the configured speed, raw, and another speed on demand") {
    PseudoTerminal line;
    SerialDevice device;
    auto wanted = line_for(line.path());
    wanted.baud = 57600;
    wanted.flow_control = FlowControl::rts_cts;
    wanted.stop_bits = 2;
    REQUIRE_FALSE(device.open(wanted));
    termios settings = line.settings();
    CHECK(::cfgetospeed(&settings) == B57600);
    CHECK((settings.c_cflag & CRTSCTS) != 0);
    CHECK((settings.c_cflag & CSTOPB) != 0);
    CHECK((settings.c_cflag & HUPCL) == 0);
    CHECK((settings.c_lflag & (ICANON | ECHO | ISIG)) == 0);
    CHECK((settings.c_iflag & (IXON | ICRNL)) == 0);
    CHECK(settings.c_cc[VMIN] == 1);
    CHECK(device.set_baud(9600));
    settings = line.settings();
    CHECK(::cfgetospeed(&settings) == B9600);
    CHECK((::fcntl(device.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("an octet on the line takes its start, stop and parity bits") {
    SerialLine line;
    line.baud = 9600;
    CHECK(line.time_for(1) == 1042us);
    CHECK(line.time_for(30) == 31250us);
    line.parity = Parity::even;
    line.stop_bits = 2;
    CHECK(line.time_for(1) == 1250us);
}

TEST_CASE("an unplugged port is noticed, said once, and opened again whenever it comes back") {
    PseudoTerminal line;
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    for (int round = 1; round <= 5; ++round) {
        REQUIRE(place.run_until([&] { return place.port.is_open(); }));
        CHECK(place.listener.opened == round);
        line.send("frame");
        REQUIRE(place.run_until([&] { return place.listener.input.size() == 5 * static_cast<std::size_t>(round); }));
        line.unplug();
        REQUIRE(place.run_until([&] { return !place.port.is_open(); }));
        CHECK_FALSE(place.port.write(as_bytes("lost")));
        const auto attempts = std::chrono::steady_clock::now() + 30ms;  // of which only the first is worth a line
        place.run_until([&] { return std::chrono::steady_clock::now() > attempts; });
        CHECK(place.listener.closed.size() == static_cast<std::size_t>(round));
        line.plug();
    }
    CHECK(place.listener.closed.back() == line.path() + " was unplugged");
    CHECK(place.run_until([&] { return place.port.is_open(); }));
    CHECK(place.port.times_opened() == 6);
}

TEST_CASE("a port that is not there at the start is opened when it appears") {
    PseudoTerminal line;
    line.unplug();
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return !place.listener.closed.empty(); }));
    CHECK(place.listener.closed[0] == line.path() + " is not there: is it plugged in? (see: mqttsn ports)");
    line.plug();
    CHECK(place.run_until([&] { return place.port.is_open(); }));
}

TEST_CASE("a port that a driver gives up is closed and opened again") {
    PseudoTerminal line;
    Place place(config_for(line.path()));
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    place.port.reopen("the dongle does not answer");
    REQUIRE(place.run_until([&] { return place.listener.opened == 2; }));
    CHECK(place.listener.closed == std::vector<std::string>{"the dongle does not answer"});
}

TEST_CASE("a slow reader fills the bounded queue, and the rest arrives in order") {
    PseudoTerminal line;
    auto config = config_for(line.path());
    config.write_queue = 4096;
    Place place(config);
    REQUIRE_FALSE(place.port.start());
    REQUIRE(place.run_until([&] { return place.port.is_open(); }));
    std::string sent;
    for (int i = 0; place.port.write(as_bytes(fmt::format("{:07} ", i))); ++i)
        sent += fmt::format("{:07} ", i);
    CHECK(place.port.unwritten() > 4096 - 8);
    CHECK(place.port.unwritten() <= 4096);
    std::string got;
    CHECK(place.run_until([&] {
        got += line.take(100);
        return got.size() == sent.size();
    }));
    CHECK(got == sent);
    CHECK(place.listener.written >= 1);
    CHECK(place.port.unwritten() == 0);
    CHECK(place.port.write(as_bytes("more")));
}

TEST_CASE("a port that somebody else has locked is busy, and its settings stay") {
    PseudoTerminal line;
    const int other = ::open(line.terminal().c_str(), O_RDWR | O_NOCTTY);
    REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
    const std::string text = failure_of(line_for(line.path()), Cause::busy);
    CHECK(text.find(line.terminal() + " is in use by another process") == 0);
    termios settings = line.settings();
    CHECK(::cfgetospeed(&settings) == B50);
    ::close(other);
    SerialDevice device;
    CHECK_FALSE(device.open(line_for(line.path())));
    SerialDevice second;
    CHECK(second.open(line_for(line.path()))->cause == Cause::busy);
    device.close();
    CHECK_FALSE(second.open(line_for(line.path())));
}

TEST_CASE("the process that has the port is named") {
    PseudoTerminal line;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const int own = ::open(line.terminal().c_str(), O_RDWR | O_NOCTTY);
        ::flock(own, LOCK_EX | LOCK_NB);
        if (::write(ready[1], "x", 1) == 1) ::pause();
        ::_exit(0);
    }
    char octet = 0;
    REQUIRE(::read(ready[0], &octet, 1) == 1);
    CHECK(failure_of(line_for(line.path()), Cause::busy).find(fmt::format("(process {})", child)) != std::string::npos);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("paths that are no serial port are told apart") {
    PseudoTerminal line;
    const std::string directory = line.directory();
    CHECK(failure_of(line_for(directory), Cause::no_port) ==
          directory + " is a directory, not a serial port (see: mqttsn ports)");
    std::ofstream(directory + "/file") << "text";
    CHECK(failure_of(line_for(directory + "/file"), Cause::no_port).find(" is a file, not") != std::string::npos);
    REQUIRE(::mkfifo((directory + "/fifo").c_str(), 0600) == 0);
    CHECK(failure_of(line_for(directory + "/fifo"), Cause::no_port).find(" is a FIFO, not") != std::string::npos);
    CHECK(failure_of(line_for("/dev/null"), Cause::no_port).find(" is a device of another kind") != std::string::npos);
    CHECK(failure_of(line_for(directory + "/none"), Cause::missing).find(" is not there") != std::string::npos);
    CHECK(failure_of(line_for(directory + "/file/none"), Cause::missing).find(" is not there") != std::string::npos);
    std::filesystem::create_symlink("loop", directory + "/loop");
    CHECK(failure_of(line_for(directory + "/loop"), Cause::other).find(" cannot be opened: ") != std::string::npos);

    Place place(config_for(directory));
    const auto refused = place.port.start();
    REQUIRE(refused);
    CHECK(refused->find("is a directory") != std::string::npos);
}

TEST_CASE("a port without permission says which group helps") {
    PseudoTerminal line;
    REQUIRE(::chmod(line.terminal().c_str(), 0) == 0);
    ::chmod(line.directory().c_str(), 0755);
    const uid_t user = ::geteuid();
    if (user == 0) REQUIRE(::seteuid(65534) == 0);
    SerialDevice device;
    const auto failure = device.open(line_for(line.path()));
    if (user == 0) REQUIRE(::seteuid(0) == 0);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::no_permission);
    CHECK(failure->text.find("dialout") != std::string::npos);
}

TEST_CASE("what the port cannot do is named") {
    PseudoTerminal line;
    auto wanted = line_for(line.path());
    wanted.parity = Parity::even;
    CHECK(failure_of(wanted, Cause::other).find("data_bits or parity: the port cannot do this") != std::string::npos);
}

TEST_CASE("a USB port is found by its ids only when it is there") {
    SerialLine line;
    line.usb = "ffff:fffe:none";
    CHECK(failure_of(line, Cause::missing) == "no USB device ffff:fffe:none is there (see: mqttsn ports)");
    CHECK(parse_usb_id("10c4:ea60") == UsbId{0x10c4, 0xea60, ""});
    CHECK(parse_usb_id("10C4:EA60:A 1:b") == UsbId{0x10c4, 0xea60, "A 1:b"});
    for (const char* wrong : {"", "10c4", "10c4:", "10c4:ea6", "10c4:ea60:", "10c4-ea60", "10cg:ea60", "10c4:ea600"})
        CHECK_FALSE(parse_usb_id(wrong));
}

TEST_CASE("a real port is set through libserialport and stays usable without blocking") {
    SerialLine wanted = line_for("/dev/ttyS0");
    wanted.baud = 123456;  // no constant for it
    wanted.parity = Parity::even;
    SerialDevice device;
    if (device.open(wanted)) {
        WARN("there is no usable /dev/ttyS0 here, so libserialport's own path is not tested");
        return;
    }
    termios settings{};
    REQUIRE(::tcgetattr(device.descriptor(), &settings) == 0);
    CHECK(settings.c_cc[VMIN] == 1);
    CHECK((settings.c_cflag & HUPCL) == 0);
    CHECK((settings.c_cflag & PARENB) != 0);
    char octet = 0;
    CHECK(::read(device.descriptor(), &octet, 1) == -1);
    CHECK(errno == EAGAIN);
    CHECK(failure_of(wanted, Cause::busy).find("/dev/ttyS0 is in use by") == 0);
    CHECK(device.set_baud(250000));
    device.close();
    CHECK_FALSE(device.open(wanted));
}

}  // namespace serial_port_test
