#include "transports/serial_transport.hpp"

#include "tests/unit/transports/pseudo_terminal.hpp"
#include "transports/registry.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

namespace serial_transport_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view pingreq("\x02\x16", 2);
constexpr std::string_view pingresp("\x02\x17", 2);

/// A dongle that does what the test says.
struct ScriptedDriver final : Driver {
    void opened(TimePoint, DriverOutput& out) override {
        ++times_opened;
        out.wire.assign({std::byte{'i'}});
        out.ready = true;
    }
    void closed(TimePoint, DriverOutput&) override { ++times_closed; }
    void receive(Bytes octets, TimePoint, DriverOutput& out) override {
        for (const std::byte octet : octets)
            command(static_cast<char>(octet), out);
    }
    bool can_send() const noexcept override { return !busy; }
    void send(const OutgoingFrame& frame, TimePoint, DriverOutput& out) override {
        sent.push_back(frame.token);
        out.wire.insert(out.wire.end(), frame.frame.begin(), frame.frame.end());
        busy = busy_after_send;
    }
    void timeout(TimePoint, DriverOutput&) override { alarm.reset(); }
    std::optional<TimePoint> next_timeout() const noexcept override { return alarm; }
    DriverTraits traits() const noexcept override { return now; }
    Duration air_time(std::size_t octets) const noexcept override { return air_time_per_octet * octets; }
    const DriverCounters& counters() const noexcept override { return counted; }
    std::string to_string(const Address& address) const override { return std::string(as_text(address.octets())); }

    // What the far end types makes the driver do things.
    void command(char letter, DriverOutput& out) {
        if (letter == 'f') out.push_received(Address(as_bytes("n7")), Signal{-70, 9}, as_bytes(pingreq));
        if (letter == 'm') now.mtu = 33;
        if (letter == 'b') out.baud = 57600;
        if (letter == 'o') out.reopen = true;
        if (letter == 'n') out.notes.push_back({DriverOutput::Level::warning, "not well"});
        if (letter == 'x') out.ready = false;
        if (letter == 'd' || letter == 'e') {
            busy = false;
            const auto result = letter == 'd' ? Departure::confirmed : Departure::failed;
            out.departed.push_back({sent.back(), result});
        }
    }

    DriverTraits now{.mtu = 60, .addressed = true, .confirms_departure = true};
    Duration air_time_per_octet{};
    bool busy = false;
    bool busy_after_send = true;
    int times_opened = 0;
    int times_closed = 0;
    std::vector<FrameToken> sent;
    std::optional<TimePoint> alarm;
    DriverCounters counted;
};

ScriptedDriver* scripted = nullptr;

MadeDriver make_scripted(const DriverValues&, std::size_t) {
    auto driver = std::make_unique<ScriptedDriver>();
    scripted = driver.get();
    return {std::move(driver), {}};
}

const DriverKind scripted_kind{"scripted", "for tests", 9600, {}, make_scripted};

struct Owner final : FrameHandler {
    void on_frame(const FrameInfo& info, Bytes frame) override {
        frames.emplace_back(as_text(frame));
        last = info;
        if (answers) answered = link->send(info.from.address, as_bytes(pingresp));
    }
    void on_link_state(LinkId, bool up, const std::string& reason) override {
        states.push_back(fmt::format("{}: {}", up ? "up" : "down", reason));
        is_up = up;
    }
    void on_departed(LinkId, FrameToken token, Departure departure) override {
        departed.emplace_back(token, departure);
        departed_at = std::chrono::steady_clock::now();
    }
    void on_link_limit(LinkId, std::size_t octets) override { limit = octets; }
    void on_link_note(LinkId, NoteLevel level, const std::string& text) override {
        notes.push_back(fmt::format("{} {}", static_cast<int>(level), text));
    }
    void on_batch_end() override { link->flush(); }

    Transport* link = nullptr;
    bool answers = false;
    bool answered = false;
    bool is_up = false;
    std::vector<std::string> frames;
    FrameInfo last;
    std::vector<std::string> states;
    std::vector<std::pair<FrameToken, Departure>> departed;
    std::chrono::steady_clock::time_point departed_at;
    std::size_t limit = 0;
    std::vector<std::string> notes;
};

struct Place {
    explicit Place(const DriverKind* kind = find_kind("raw"), const std::function<void(SerialConfig&)>& change = {}) {
        SerialConfig config;
        config.kind = kind;
        config.name = "line0";
        config.port.line.device = line.path();
        config.port.reopen_min = 1ms;
        config.port.reopen_max = 5ms;
        if (change) change(config);
        link = std::make_unique<SerialTransport>(io, LinkId{3}, config);
        owner.link = link.get();
        REQUIRE(link->start(owner));
        REQUIRE(run_until([&] { return owner.is_up; }));
    }

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
    void run_for(Duration time) {
        const auto end = std::chrono::steady_clock::now() + time;
        run_until([&] { return std::chrono::steady_clock::now() >= end; });
    }
    bool send(std::string_view frame, FrameToken token = 0) {
        const bool taken = link->send({}, as_bytes(frame), token);
        link->flush();
        return taken;
    }
    /// The far end has got exactly this.
    bool arrives(const std::string& octets) {
        std::string got;
        run_until([&] { return (got += line.take()).size() >= octets.size(); });
        CHECK(got == octets);
        return got == octets;
    }
    std::uint64_t count(std::string_view name) const {
        for (const auto& each : link->more_counters()) {
            if (each.name == name) return each.value;
        }
        FAIL("no counter of this name");
        return 0;
    }
    void unplug() {
        line.unplug();
        REQUIRE(run_until([&] { return !owner.is_up; }));
    }

    PseudoTerminal line;
    boost::asio::io_context io;
    Owner owner;
    std::unique_ptr<SerialTransport> link;
};

using Departed = std::vector<std::pair<FrameToken, Departure>>;

}  // namespace

TEST_CASE("frames cross a raw line both ways") {
    Place place;
    CHECK(place.link->traits().max_frame == 255);
    place.owner.answers = true;
    place.line.send(pingreq);
    place.line.send(pingreq);
    REQUIRE(place.run_until([&] { return place.owner.frames.size() == 2; }));
    CHECK(place.owner.frames[0] == pingreq);
    CHECK(place.owner.last.from == Endpoint{3, {}});
    CHECK(place.owner.answered);
    // The second answer equals the first, which still waited when it came, or not.
    REQUIRE(place.run_until([&] { return place.line.take(2) == pingresp; }));
    CHECK(place.link->counters().frames_in == 2);
    CHECK(place.link->counters().octets_in == 4);
    CHECK(place.link->counters().frames_out >= 1);
    CHECK(place.link->to_string({}) == "line0");
}

TEST_CASE("the state of the link follows the port, said once per change") {
    Place place;
    CHECK(place.owner.states == std::vector<std::string>{"up: works at 115200 baud (max frame 255)"});
    place.unplug();
    place.run_for(20ms);
    CHECK(place.owner.states.size() == 2);
    CHECK(place.owner.states[1] == fmt::format("down: {} was unplugged", place.line.path()));
    place.line.plug();
    CHECK(place.run_until([&] { return place.owner.states.size() == 3; }));
    CHECK(place.count("times opened") == 2);
}

TEST_CASE("while the link is down only frames that somebody waits for are kept, and leave when it is up") {
    Place place;
    place.unplug();
    CHECK_FALSE(place.send(pingresp));
    CHECK(place.count("refused while down") == 1);
    CHECK(place.send("\x04\x0d\x01\x02", 77));
    CHECK(place.owner.departed.empty());
    place.line.plug();
    CHECK(place.arrives("\x04\x0d\x01\x02"));
    CHECK(place.run_until([&] { return place.owner.departed == Departed{{77, Departure::left}}; }));
}

TEST_CASE("a frame has left when the line had time for its octets") {
    Place place(find_kind("raw"), [](SerialConfig& config) { config.port.line.baud = 300; });
    const auto begin = std::chrono::steady_clock::now();
    CHECK(place.send(std::string("\x09\x0c") + "1234567", 5));
    REQUIRE(place.run_until([&] { return !place.owner.departed.empty(); }));
    CHECK(place.owner.departed == Departed{{5, Departure::left}});
    CHECK(place.owner.departed_at - begin >= 300ms);
}

TEST_CASE("what is on the line or waits when the port goes has failed") {
    Place place(find_kind("raw"), [](SerialConfig& config) { config.port.line.baud = 300; });
    CHECK(place.send(std::string("\x09\x0c\x20") + "123456", 1));
    CHECK(place.send(std::string("\x09\x0c\x20") + "234567", 2));
    place.unplug();
    CHECK(place.run_until([&] { return place.owner.departed.size() == 2; }));
    for (const auto& each : place.owner.departed)
        CHECK(each.second == Departure::failed);
    // Nothing of it comes later.
    place.line.plug();
    REQUIRE(place.run_until([&] { return place.owner.is_up; }));
    CHECK(place.send(pingresp));
    CHECK(place.arrives(std::string(pingresp)));
}

TEST_CASE("frames beyond the limit of the link are refused and have failed", "[SN12-5.2.1-i]") {
    Place place(find_kind("raw"), [](SerialConfig& config) { config.mtu = 20; });
    CHECK(place.link->traits().max_frame == 20);
    CHECK_FALSE(place.send(std::string(21, 'x'), 9));
    CHECK(place.owner.departed == Departed{{9, Departure::failed}});
    CHECK(place.count("too long") == 1);
}

TEST_CASE("the queue is bounded, and what it refuses has failed") {
    Place place(&scripted_kind, [](SerialConfig& config) {
        config.queue.frames = 4;
        config.queue.frames_per_node = 4;
    });
    scripted->busy = true;
    for (char number = '1'; number <= '4'; ++number)
        CHECK(place.send(std::string("\x03\x17") + number));
    CHECK_FALSE(place.send("\x03\x17x", 9));
    CHECK(place.owner.departed == Departed{{9, Departure::failed}});
    CHECK(place.link->counters().send_queue_full == 1);
    CHECK(place.count("waiting now") == 4);
}

TEST_CASE("a retransmission of what still waits is not queued again, and its token is the one reported") {
    Place place(&scripted_kind);
    scripted->busy = true;
    const std::string publish("\x08\x0c\x20\x01\x02\x00\x01x", 8);
    std::string again = publish;
    again[2] = '\xa0';
    CHECK(place.send(publish, 1));
    CHECK(place.send(again, 2));
    CHECK(place.count("duplicates not queued") == 1);
    scripted->busy = false;
    place.link->flush();
    REQUIRE(scripted->sent.size() == 1);
    place.line.send("d");
    CHECK(place.run_until([&] { return place.owner.departed == Departed{{2, Departure::confirmed}}; }));
}

TEST_CASE("a driver's wishes reach the port, and its reports the owner") {
    Place place(&scripted_kind);
    CHECK(place.arrives("i"));
    place.line.send("fn");
    REQUIRE(place.run_until([&] { return !place.owner.frames.empty(); }));
    CHECK(place.owner.last.signal->rssi_dbm == -70);
    CHECK(place.link->to_string(place.owner.last.from.address) == "line0/n7");
    CHECK(place.owner.notes == std::vector<std::string>{"2 not well"});

    place.line.send("mb");
    REQUIRE(place.run_until([&] { return place.owner.limit == 33; }));
    CHECK_FALSE(place.send(std::string(34, 'x')));
    termios settings = place.line.settings();
    CHECK(::cfgetospeed(&settings) == B57600);

    CHECK(place.send("one", 1));
    CHECK(place.send("two", 2));
    CHECK(scripted->sent.size() == 1);  // the dongle is busy with the first
    place.line.send("e");
    CHECK(place.run_until([&] { return scripted->sent.size() == 2; }));
    CHECK(place.owner.departed == Departed{{1, Departure::failed}});

    place.line.send("o");
    REQUIRE(place.run_until([&] { return scripted->times_opened == 2; }));
    CHECK(scripted->times_closed == 1);
    CHECK(place.owner.states[1].find("the dongle makes no sense") != std::string::npos);
    settings = place.line.settings();
    CHECK(::cfgetospeed(&settings) == B115200);
}

TEST_CASE("a dongle that stops working takes the link down until it works again") {
    Place place(&scripted_kind);
    place.line.send("x");
    REQUIRE(place.run_until([&] { return !place.owner.is_up; }));
    CHECK_FALSE(place.send(pingresp));
    CHECK(place.owner.states.back() == "down: the dongle is not ready");
}

TEST_CASE("frames wait for the duty cycle, which is said and counted") {
    Place place(&scripted_kind, [](SerialConfig& config) {
        config.duty_cycle = 0.01;
        config.duty_window = 100s;  // 1 s of air time, of which a quarter at once
    });
    scripted->busy_after_send = false;
    scripted->air_time_per_octet = 1s;
    CHECK(place.send("xx", 8));  // more than the window allows
    CHECK(place.owner.departed == Departed{{8, Departure::failed}});
    CHECK(place.count("too long") == 1);
    scripted->air_time_per_octet = 10ms;
    CHECK(place.send(std::string(20, 'a')));
    CHECK(place.send(std::string(20, 'b')));
    CHECK(scripted->sent.size() == 1);
    CHECK(place.count("waiting now") == 1);
    CHECK(place.count("air time") == 200);
    REQUIRE(place.owner.notes.size() == 1);
    CHECK(place.owner.notes[0].find("1 the duty cycle of 1 % holds the next frame for ") == 0);
}

TEST_CASE("a frame that waited for the duty cycle leaves when its time has come") {
    Place place(&scripted_kind, [](SerialConfig& config) {
        config.duty_cycle = 0.1;
        config.duty_window = 1s;  // 100 ms of air time, of which a quarter at once
    });
    scripted->busy_after_send = false;
    scripted->air_time_per_octet = 1ms;
    CHECK(place.send(std::string(20, 'a')));
    CHECK(place.send(std::string(20, 'b')));
    CHECK(scripted->sent.size() == 1);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(place.run_until([&] { return scripted->sent.size() == 2; }));
    CHECK(std::chrono::steady_clock::now() - begin >= 50ms);
    CHECK(place.count("waits for the duty cycle") == 1);
    CHECK(place.owner.notes.empty());
}

TEST_CASE("a node gets time to turn to receiving") {
    Place place(find_kind("raw"), [](SerialConfig& config) { config.turnaround = 100ms; });
    place.owner.answers = true;
    place.line.send(pingreq);
    place.line.send(pingreq);
    REQUIRE(place.run_until([&] { return !place.owner.frames.empty(); }));
    const auto heard = std::chrono::steady_clock::now();
    REQUIRE(place.run_until([&] { return !place.line.take().empty(); }));
    CHECK(std::chrono::steady_clock::now() - heard >= 90ms);
}

TEST_CASE("a device that is no port stops the start, with the reason") {
    Owner owner;
    boost::asio::io_context io;
    SerialConfig config;
    config.kind = find_kind("raw");
    config.port.line.device = "/tmp";
    SerialTransport link(io, 0, config);
    CHECK_FALSE(link.start(owner));
    CHECK(link.error() == "raw:/tmp: /tmp is a directory, not a serial port (see: mqttsn ports)");
}

TEST_CASE("kinds of links are found by name") {
    CHECK(find_kind("raw")->name == "raw");
    CHECK(find_kind("Raw") == nullptr);
    for (const DriverKind* kind : driver_kinds()) {
        INFO(kind->name);
        CHECK(find_kind(kind->name) == kind);
        CHECK_FALSE(kind->help.empty());
        const auto made = kind->make({}, 0);
        CHECK(made.error.empty());
        REQUIRE(made.driver);
        for (const DriverOption& each : kind->options) {
            INFO(each.name);
            CHECK_FALSE(each.expects.empty());
            CHECK(kind->make({{std::string(each.name), std::string(each.standard)}}, 0).error.empty());
        }
    }
}

}  // namespace serial_transport_test
