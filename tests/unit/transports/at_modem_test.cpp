// What holds for every modem with AT commands, whatever its dialect.
#include "tests/unit/transports/at_talk.hpp"
#include "transports/radio/rak.hpp"
#include "transports/radio/rn2483.hpp"
#include "transports/radio/rylr.hpp"

#include <random>

namespace at_modem_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

struct Dialect {
    const DriverKind& kind;
    std::string_view probe;
    std::string_view reset;
    std::string_view transmit;  ///< how the command begins
    std::string_view packet;    ///< CONNACK from the air
    std::function<std::string(std::string_view)> robot;
    Duration patience = 1s;  ///< with an answer
};

std::string rylr(std::string_view command) {
    if (!command.ends_with("?")) return "+OK\r\n";
    return "+" + std::string(command.substr(3, command.size() - 4)) + "=0\r\n";
}

std::string rak(std::string_view command) {
    if (command == "AT+NWM=?") return "AT+NWM=0\r\nOK\r\n";
    if (command == "AT+P2P=?") return "AT+P2P=868500000:7:125:0:8:14\r\nOK\r\n";
    if (command.starts_with("AT+PSEND=")) return "OK\r\n+EVT:TXP2P DONE\r\n";
    return "OK\r\n";
}

std::string rn2483(std::string_view command) {
    if (command == "sys get ver" || command == "sys reset") return "RN2483 1.0.5 Oct 31 2018 15:06:52\r\n";
    if (command == "mac pause") return "4294967245\r\n";
    if (command.starts_with("radio get")) return "-10\r\n";
    if (command.starts_with("radio tx")) return "ok\r\nradio_tx_ok\r\n";
    return "ok\r\n";
}

const Dialect dialects[] = {
    {rylr_kind(), "AT", "AT+RESET", "AT+SEND", "+RCV=5,6,030500,-83,9\r\n", rylr},
    {rak_kind(), "AT", "ATZ", "AT+PSEND", "+EVT:RXP2P:-83:9:030500\r\n", rak, 500ms},
    {rn2483_kind(), "sys get ver", "sys reset", "radio tx", "radio_rx  030500\r\n", rn2483, 300ms},
};

std::string_view some_address(const AtTalk& modem) {
    return modem.driver->traits().addressed ? "0005" : "";
}

}  // namespace

TEST_CASE("A modem that answers is ready, sends and receives", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        CHECK_FALSE(modem.driver->can_send());
        CHECK_FALSE(modem.driver->next_timeout());
        modem.opens();
        CHECK(modem.ready == true);
        modem.sends(publish, some_address(modem));
        CHECK(modem.departures() == "1 left");
        modem.says_octets(dialect.packet);
        REQUIRE(modem.received.size() == 1);
        CHECK(modem.received[0].hex == connack);
        CHECK(modem.driver->can_send());
    }
}

TEST_CASE("A modem that says nothing is started anew and then its port is opened again", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.opens();
        for (int round = 0; round < 3; ++round) {
            for (int attempt = 0; attempt < 3; ++attempt) {
                modem.expects(dialect.probe);
                CHECK(modem.commands.empty());
                modem.passes(dialect.patience);
            }
            if (round < 2) modem.expects(dialect.reset);
            CHECK(modem.ready == false);
            CHECK(modem.reopens == (round == 2 ? 1 : 0));
            modem.passes(3s);
        }
        CHECK(modem.commands.empty());
        CHECK_FALSE(modem.driver->next_timeout());
        CHECK(modem.count_notes() == 1);
        CHECK_THAT(modem.notes(), Catch::Contains("does not answer"));
        modem.closes();
        modem.opens();
        modem.expects(dialect.probe);
        modem.passes(60s);
        CHECK(modem.count_notes() == 0);  // said already
        modem.robot = dialect.robot;
        modem.closes();
        modem.opens();
        CHECK(modem.ready == true);
    }
}

TEST_CASE("A modem that dies quietly is found out within two minutes", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        modem.opens();
        modem.passes(600s);
        CHECK(modem.ready == true);
        CHECK(modem.reopens == 0);
        modem.robot = [](std::string_view) { return std::string(); };
        modem.passes(120s);
        CHECK(modem.ready == false);
        CHECK(modem.reopens == 1);
    }
}

TEST_CASE("A modem that dies while it sends fails the frame in time and not twice", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        modem.opens();
        modem.robot = [&](std::string_view command) {
            return command.starts_with(dialect.transmit) ? std::string() : dialect.robot(command);
        };
        modem.sends(publish, some_address(modem));
        modem.robot = [](std::string_view) { return std::string(); };
        modem.passes(2 * modem.driver->air_time(12) + 2s);
        CHECK(modem.departures() == "1 failed");
        CHECK(modem.counters().send_timeouts == 1);
        modem.passes(60s);
        CHECK(modem.departures() == "");
        CHECK(modem.reopens == 1);
    }
}

TEST_CASE("A port that goes away fails what was handed over and forgets what had begun", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        modem.opens();
        modem.robot = [](std::string_view) { return std::string(); };
        modem.sends(publish, some_address(modem));
        modem.says_octets(dialect.packet.substr(0, 12));
        modem.closes();
        CHECK(modem.departures() == "1 failed");
        CHECK(modem.ready == false);
        CHECK_FALSE(modem.driver->can_send());
        CHECK_FALSE(modem.driver->next_timeout());
        modem.says_octets(dialect.packet);  // late
        CHECK(modem.received.empty());
        modem.robot = dialect.robot;
        modem.opens();
        CHECK(modem.ready == true);
        modem.says_octets(dialect.packet);
        CHECK(modem.received.size() == 1);
        CHECK(modem.departures() == "");
    }
}

TEST_CASE("An hour of random octets is counted and the modem works afterwards", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        std::mt19937 random(5);
        std::uint64_t octets = 0;
        modem.robot = [](std::string_view) { return std::string(); };
        modem.opens();
        for (int step = 0; step < 36'000; ++step) {  // an hour
            std::string noise(random() % 64, ' ');
            for (char& each : noise)
                each = static_cast<char>(random());
            octets += noise.size();
            modem.says_octets(noise);
            modem.passes(100ms);
            if (modem.reopens > 0) {
                modem.reopens = 0;
                modem.closes();
                modem.opens();
            }
        }
        CHECK(modem.received.empty());
        CHECK(modem.counters().unexpected + modem.counters().skipped_octets > 1000);
        CHECK(modem.count_notes() < 10);
        modem.closes();
        modem.robot = dialect.robot;
        modem.opens();
        CHECK(modem.ready == true);
        modem.says_octets(dialect.packet);
        CHECK(modem.received.size() == 1);
    }
}

TEST_CASE("A megabyte without an end of line costs no more than the line it is in", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        modem.opens();
        modem.says_octets(std::string(1'000'000, 'x') + "\r\n" + std::string(dialect.packet));
        CHECK(modem.received.size() == 1);
        CHECK(modem.counters().oversize == 1);
        CHECK(modem.counters().skipped_octets == 1'000'000);
    }
}

TEST_CASE("Every octet of a packet deleted, doubled or changed never costs the next packet", "[at]") {
    for (const Dialect& dialect : dialects) {
        for (std::size_t at = 0; at < dialect.packet.size(); ++at) {
            for (const std::string_view change : {"", "xx", "\r\n", "+", ","}) {
                CAPTURE(dialect.kind.name, at, change);
                AtTalk modem(dialect.kind);
                modem.robot = dialect.robot;
                modem.opens();
                std::string packet(dialect.packet);
                packet.replace(at, 1, change);
                modem.says_octets(packet);
                modem.passes(1s);
                modem.received.clear();
                modem.says_octets(dialect.packet);
                CHECK(modem.received.size() == 1);
                CHECK(modem.driver->can_send());
            }
        }
    }
}

TEST_CASE("A modem that starts anew again and again is counted and works when it stays", "[at]") {
    for (const Dialect& dialect : dialects) {
        CAPTURE(dialect.kind.name);
        const std::string_view started = dialect.kind.name == "rylr"  ? "+READY\r\n"
                                         : dialect.kind.name == "rak" ? "Current Work Mode: LoRa P2P.\r\n"
                                                                      : "RN2483 1.0.5 Oct 31 2018 15:06:52\r\n";
        AtTalk modem(dialect.kind);
        modem.robot = dialect.robot;
        modem.opens();
        for (int round = 0; round < 10; ++round) {
            modem.says_octets(started);
            modem.passes(1s);
        }
        CHECK(modem.counters().resets == 10);
        CHECK(modem.ready == true);
        CHECK(modem.driver->can_send());
    }
}

}  // namespace at_modem_test
