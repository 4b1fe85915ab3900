// The simulated LoRa modems with a command line, against the lines of their manuals.
#include "tests/unit/dongle/bench.hpp"
#include "tools/dongle/lora_modem.hpp"

namespace modem_test {

using namespace mqttsn;
using namespace mqttsn::dongle;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Started : Bench {
    explicit Started(std::string_view kind, AirOptions air = {}) : Bench(kind, 5, air) {
        power_on();
        pass(seconds(1));
        lines();
    }
    std::string answer(std::string_view command) {
        line(command);
        return lines();
    }
};

// Node 2 in forwarder encapsulation.
const std::string to_node_2 = "05FE000002030500";

}  // namespace

TEST_CASE("hex and base64 go there and back", "[dongle]") {
    CHECK(dongle::to_hex(publish) == "0C0C210011007EC0DB7D1300");
    CHECK(to_base64(publish) == "DAwhABEAfsDbfRMA");
    CHECK(from_base64("DAwhABEAfsDbfRMA") == publish);
    for (std::size_t size = 0; size <= publish.size(); ++size) {
        const Bytes part = Bytes(publish).first(size);
        CHECK(from_base64(to_base64(part)) == Buffer(part.begin(), part.end()));
        CHECK(from_hex(dongle::to_hex(part)) == Buffer(part.begin(), part.end()));
    }
    CHECK(from_hex("0c0C") == test::hex("0C0C"));
    CHECK_FALSE(from_hex("0C0"));
    CHECK_FALSE(from_hex("0G"));
}

TEST_CASE("a REYAX modem is set up and asked", "[dongle]") {
    Bench starting("rylr");
    starting.power_on();
    starting.line("AT");  // nobody listens yet
    starting.pass(seconds(1));
    CHECK(starting.lines() == "+READY\n");
    Started modem("rylr");
    CHECK(modem.answer("AT") == "+OK\n");
    CHECK(modem.answer("AT+ADDRESS?") == "+ADDRESS=0\n");
    CHECK(modem.answer("AT+ADDRESS=7") == "+OK\n");
    CHECK(modem.answer("AT+ADDRESS?") == "+ADDRESS=7\n");
    CHECK(modem.answer("AT+PARAMETER=7,9,1,12") == "+OK\n");
    CHECK(modem.answer("AT+PARAMETER?") == "+PARAMETER=7,9,1,12\n");
    CHECK(modem.answer("AT+NETWORKID=99") == "+ERR=4\n");
    CHECK(modem.answer("AT+NONSENSE=1") == "+ERR=4\n");
    CHECK(modem.answer("HELLO") == "+ERR=2\n");
    modem.host(as_bytes("AT\n"));
    CHECK(modem.lines() == "+ERR=1\n");
    modem.host(as_bytes("AT+SEN"));
    modem.pass(seconds(2));
    CHECK(modem.lines() == "+ERR=1\n");
    CHECK(modem.answer("AT+RESET") == "+RESET\n");
    modem.pass(seconds(1));
    CHECK(modem.lines() == "+READY\n");
    CHECK(modem.answer("AT+ADDRESS?") == "+ADDRESS=7\n");
}

TEST_CASE("a REYAX modem says OK when the packet has left", "[dongle]") {
    Started modem("rylr");
    CHECK(modem.answer("AT+SEND=102,6,030500").empty());
    CHECK(modem.answer("AT+SEND=102,6,030500") == "+ERR=17\n");
    const auto air_time = lora_air_time(9, 125000, 1, 12, 6 + 8);
    modem.pass(air_time - milliseconds(1));
    CHECK(modem.lines().empty());
    modem.pass(milliseconds(2));
    CHECK(modem.lines() == "+OK\n");
    CHECK(modem.delivered() == "2: 030500");
    modem.line("AT+SEND=0,10,0500010384");
    modem.pass(seconds(1));
    CHECK(modem.delivered() == "0: 0500010384");
    CHECK(modem.lines() == "+OK\n");
    CHECK(modem.answer("AT+SEND=102,7,030500") == "+ERR=5\n");
    CHECK(modem.answer("AT+SEND=102,241,030500") == "+ERR=13\n");
}

TEST_CASE("a REYAX modem tells who sent, and how it was heard", "[dongle]") {
    Started modem("rylr");
    modem.node(5, publish);
    modem.pass(seconds(1));
    const std::string line = modem.lines();
    CHECK(line.starts_with("+RCV=105,24,0C0C210011007EC0DB7D1300,-"));
    CHECK(std::count(line.begin(), line.end(), ',') == 4);
    Started without("rylr,signal=no,payload=base64");
    without.node(5, publish);
    without.pass(seconds(1));
    CHECK(without.lines() == "+RCV=105,16,DAwhABEAfsDbfRMA\n");
    Started raw("rylr,payload=raw,signal=no");
    raw.node(1, publish);
    raw.pass(seconds(1));
    CHECK(raw.said() == dongle::to_hex(as_bytes("+RCV=101,12,")) + "0C0C210011007EC0DB7D13000D0A");
}

TEST_CASE("what a modem and a node send at once is lost, and OK is said all the same", "[dongle]") {
    Started modem("rylr");
    modem.node(1, connect);
    modem.line("AT+SEND=101,6,030500");
    modem.pass(seconds(2));
    CHECK(modem.lines() == "+OK\n");
    CHECK(modem.delivered().empty());
    CHECK(modem->counters().collisions == 1);
    Started silent("rylr,reply_loss=1");
    silent.line("AT+SEND=101,6,030500");
    silent.pass(seconds(2));
    CHECK(silent.lines().empty());
    CHECK(silent.delivered() == "1: 030500");
}

TEST_CASE("a RAK modem changes its mode with a restart", "[dongle]") {
    Started modem("rak,mode=lorawan");
    CHECK(modem.answer("AT+PSEND=00") == "AT_MODE_NO_SUPPORT\n");
    CHECK(modem.answer("AT+NWM=?") == "AT+NWM=1\nOK\n");
    CHECK(modem.answer("AT+NWM=0") == "OK\n");
    modem.pass(seconds(1));
    CHECK(modem.lines().find("Current Work Mode: LoRa P2P.\n") != std::string::npos);
    CHECK(modem.answer("AT+P2P=868000000:7:125:0:10:14") == "OK\n");
    CHECK(modem.answer("AT+P2P=?") == "AT+P2P=868000000:7:125:0:10:14\nOK\n");
    CHECK(modem.answer("AT+P2P=868000000:77:125:0:10:14") == "AT_PARAM_ERROR\n");
    CHECK(modem.answer("AT+NONSENSE=1") == "AT_ERROR\n");
    CHECK(modem.answer("nonsense") == "AT_ERROR\n");
}

TEST_CASE("a RAK modem that receives is busy until it is told to stop", "[dongle]") {
    Started modem("rak");
    CHECK(modem.answer("AT+PRECV=65534") == "OK\n");
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "AT_BUSY_ERROR\n");
    CHECK(modem.answer("AT+PRECV=0") == "OK\n");
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "OK\n");
    modem.pass(seconds(1));
    CHECK(modem.lines() == "+EVT:TXP2P DONE\n");
    CHECK(modem.delivered() == "2: 030500");
    modem.node(2, publish);
    modem.pass(seconds(1));
    CHECK(modem.lines().empty());  // it has not been told to receive again
    CHECK(modem->counters().unheard == 1);
    CHECK(modem.answer("AT+PRECV=65533") == "OK\n");
    modem.node(2, publish);
    modem.pass(seconds(1));
    CHECK(modem.lines().ends_with(":05FE0000020C0C210011007EC0DB7D1300\n"));
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "OK\n");
}

TEST_CASE("a RAK modem receives once, for a time, or for ever", "[dongle]") {
    Started modem("rak,events=old");
    modem.line("AT+PRECV=65535");
    modem.lines();
    modem.node(1, connect);
    modem.pass(seconds(1));
    const std::string event = modem.lines();
    CHECK(event.starts_with("+EVT:RXP2P, RSSI -"));
    CHECK(
        event.ends_with("\n+EVT:05FE000001080404"
                        "01003C7331\n"));
    CHECK(modem.answer("AT+PRECV=?") == "AT+PRECV=0\nOK\n");
    modem.line("AT+PRECV=500");
    modem.lines();
    modem.pass(seconds(1));
    CHECK(modem.lines() == "+EVT:RXP2P RECEIVE TIMEOUT\n");
    CHECK(modem.answer("AT+PSEND=0") == "AT_PARAM_ERROR\n");
}

TEST_CASE("an RN2483 receives one packet each time it is told", "[dongle]") {
    Bench starting("rn2483");
    starting.power_on();
    starting.pass(seconds(1));
    CHECK(starting.lines().starts_with("RN2483 1.0."));
    Started modem("rn2483");
    CHECK(modem.answer("radio rx 0") == "busy\n");  // the LoRaWAN stack has the radio
    CHECK(modem.answer("mac pause") == "4294967245\n");
    CHECK(modem.answer("radio set sf sf7") == "ok\n");
    CHECK(modem.answer("radio get sf") == "sf7\n");
    CHECK(modem.answer("radio set sf sf13") == "invalid_param\n");
    CHECK(modem.answer("radio rx 0") == "ok\n");
    CHECK(modem.answer("radio tx " + to_node_2) == "busy\n");
    modem.node(1, publish);
    modem.pass(seconds(1));
    CHECK(modem.lines() == "radio_rx  05FE0000010C0C210011007EC0DB7D1300\n");
    modem.node(1, publish);
    modem.pass(seconds(1));
    CHECK(modem.lines().empty());
    CHECK(modem->counters().unheard == 1);
}

TEST_CASE("an RN2483 tells when it has sent, and its watchdog ends a long wait", "[dongle]") {
    Started modem("rn2483");
    modem.line("mac pause");
    modem.lines();
    CHECK(modem.answer("radio tx " + to_node_2) == "ok\n");
    modem.pass(seconds(3));
    CHECK(modem.lines() == "radio_tx_ok\n");
    CHECK(modem.delivered() == "2: 030500");
    CHECK(modem.answer("radio rx 0") == "ok\n");
    modem.pass(milliseconds(15100));
    CHECK(modem.lines() == "radio_err\n");
    CHECK(modem.answer("radio set wdt 0") == "ok\n");
    CHECK(modem.answer("radio rx 0") == "ok\n");
    modem.pass(seconds(100));
    CHECK(modem.lines().empty());
    CHECK(modem.answer("radio rxstop") == "ok\n");
    CHECK(modem.answer("radio tx xyz") == "invalid_param\n");
    CHECK(modem.answer("sys reset").empty());
    modem.pass(seconds(1));
    CHECK(modem.lines().starts_with("RN2483 1.0."));
    Started old("rn2483,rxstop=no");
    CHECK(old.answer("radio rxstop") == "invalid_param\n");
}

TEST_CASE("a RAK modem that listens first is busy while somebody sends", "[dongle]") {
    Started modem("rak");
    CHECK(modem.answer("AT+CAD=?") == "AT+CAD=0\nOK\n");
    modem.node(1, publish);
    modem.pass(milliseconds(20));                            // turns from receiving to sending
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "OK\n");  // and destroys it
    modem.pass(seconds(1));
    modem.lines();
    CHECK(modem.answer("AT+CAD=2") == "AT_PARAM_ERROR\n");
    CHECK(modem.answer("AT+CAD=1") == "OK\n");
    CHECK(modem.answer("AT+CAD=?") == "AT+CAD=1\nOK\n");
    modem.node(1, publish);
    modem.pass(milliseconds(20));
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "AT_BUSY_ERROR\n");
    modem.pass(seconds(1));
    CHECK(modem.answer("AT+PSEND=" + to_node_2) == "OK\n");
}

}  // namespace modem_test
