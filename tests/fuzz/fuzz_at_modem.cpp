// Invariants: whatever a modem says and whenever, every frame handed over departs exactly once, no time-out repeats
// itself, what is received is a frame and does not depend on how the octets were cut, the commands are lines; and in
// the end a sound modem is ready, takes a frame and delivers one.
#include "tests/fuzz/fuzz.hpp"
#include "transports/radio/rak.hpp"
#include "transports/radio/rn2483.hpp"
#include "transports/radio/rylr.hpp"

#include <set>
#include <string>

namespace {

using namespace mqttsn;
using namespace mqttsn::transports;
using fuzz::require;

enum class Step : std::uint8_t { octets, line, sound_answer, wait, deadline, send, reopen };
constexpr unsigned steps = 7;

struct Dialect {
    const DriverKind& kind;
    DriverValues values;
    std::string_view packet;  ///< CONNACK from the air
    std::string_view ok;
    std::string_view departed;
};

const Dialect dialects[] = {
    {rylr_kind(), {}, "+RCV=5,6,030500,-83,9\r\n", "+OK\r\n", ""},
    {rylr_kind(), {{"payload", "base64"}, {"configure", "check"}}, "+RCV=5,4,AwUA,-83,9\r\n", "+OK\r\n", ""},
    {rylr_kind(), {{"payload", "raw"}, {"cpin", "EEDCAA90"}}, "+RCV=5,3,\x03\x05\x01,-83,9\r\n", "+OK\r\n", ""},
    {rak_kind(), {}, "+EVT:RXP2P:-83:9:030500\r\n", "OK\r\n", "+EVT:TXP2P DONE\r\n"},
    {rak_kind(),
     {{"precv", "65533"}},
     "+EVT:RXP2P, RSSI -83, SNR 9\r\n+EVT:030500\r\n",
     "OK\r\n",
     "+EVT:TXP2P DONE\r\n"},
    {rn2483_kind(), {}, "radio_rx  030500\r\n", "ok\r\n", "radio_tx_ok\r\n"},
    {rn2483_kind(), {{"signal", "false"}}, "radio_rx  030500\r\n", "ok\r\n", "radio_tx_ok\r\n"},
};

/// What a modem in order answers.
std::string answer(const Dialect& dialect, std::string_view command) {
    if (command == "sys get ver" || command == "sys reset") return "RN2483 1.0.5 Oct 31 2018 15:06:52\r\n";
    if (command == "mac pause") return "4294967245\r\n";
    if (command.starts_with("radio get")) return "-10\r\n";
    if (command == "AT+NWM=?") return "AT+NWM=0\r\nOK\r\n";
    if (command == "AT+P2P=?") return "AT+P2P=868500000:7:125:0:8:14\r\nOK\r\n";
    if (command.ends_with('?')) return "+" + std::string(command.substr(3, command.size() - 4)) + "=0\r\n";
    const bool transmits = command.starts_with("AT+PSEND") || command.starts_with("radio tx");
    return std::string(dialect.ok) + std::string(transmits ? dialect.departed : std::string_view());
}

class Bench {
public:
    explicit Bench(const Dialect& dialect) : dialect_(dialect), driver_(dialect.kind.make(dialect.values, 0).driver) {
        driver_->opened(now_, out_);
        take();
    }

    void octets(Bytes octets) {
        const Buffer fed(octets.begin(), octets.end());  // so that reading behind it is seen
        driver_->receive(fed, now_, out_);
        take();
    }
    void sound_answer() {
        if (!command_.empty()) octets(as_bytes(answer(dialect_, std::exchange(command_, {}))));
    }
    void wait(Duration duration) {
        const TimePoint end = now_ + duration;
        while (deadline(end)) {
        }
        now_ = end;
    }
    /// Goes to the next time-out, if that is before `end`.
    bool deadline(TimePoint end) {
        const auto next = driver_->next_timeout();
        if (!next || *next > end) return false;
        now_ = std::max(now_, *next);
        driver_->timeout(now_, out_);
        take();
        const auto later = driver_->next_timeout();
        require(!later || *later > now_, "a time-out that was handled does not repeat itself");
        return true;
    }
    void deadline() { (void)deadline(now_ + std::chrono::hours(1)); }
    void send(std::size_t size) {
        if (!driver_->can_send()) return;
        const DriverTraits traits = driver_->traits();
        const Buffer frame(std::min(size + 1, traits.mtu), std::byte{0xC0});
        const std::array address{std::byte{0}, std::byte{5}};
        under_way_.insert(++token_);
        const bool is_broadcast = size % 2 == 0;
        const Address to = traits.addressed && !is_broadcast ? Address(address) : Address();
        driver_->send({token_, is_broadcast, 0, to, frame}, now_, out_);
        take();
    }
    void close() {
        driver_->closed(now_, out_);
        take();
        require(under_way_.empty(), "without a port nothing is under way");
        require(!driver_->can_send() && !driver_->next_timeout(), "without a port nothing happens");
        command_.clear();
    }
    void reopen() {
        close();
        driver_->opened(now_, out_);
        take();
    }
    void require_recovery() {
        reopen();
        for (int rounds = 0; rounds < 100 && !driver_->can_send(); ++rounds) {
            sound_answer();
            if (command_.empty()) wait(std::chrono::milliseconds(100));
        }
        require(driver_->can_send(), "a sound modem is ready");
        const auto departed = driver_->counters().departed;
        send(20);
        for (int rounds = 0; rounds < 10; ++rounds)
            sound_answer();
        require(driver_->counters().departed == departed + 1, "a sound modem sends");
        const auto frames = driver_->counters().frames_in;
        octets(as_bytes(dialect_.packet));
        for (int rounds = 0; rounds < 10; ++rounds)
            sound_answer();
        require(driver_->counters().frames_in == frames + 1, "a sound modem receives");
        require(driver_->can_send(), "a sound modem stays ready");
    }

    std::vector<std::pair<Buffer, Buffer>> received;  // from, frame

private:
    void take() {
        for (const auto& each : out_.received) {
            const Bytes frame = out_.frame(each);
            require(!frame.empty() && frame.size() <= 255, "a frame has 1 to 255 octets");
            received.emplace_back(Buffer(each.from.octets().begin(), each.from.octets().end()),
                                  Buffer(frame.begin(), frame.end()));
        }
        for (const auto& each : out_.departed) {
            require(under_way_.erase(each.token) == 1, "what departs was under way");
        }
        require(under_way_.size() <= 1, "one frame at a time");
        const std::string_view wire = as_text(out_.wire);
        if (!wire.empty()) {
            require(wire.ends_with("\r\n"), "a command is a line");
            const auto last = wire.rfind("\r\n", wire.size() - 3);
            command_ = wire.substr(last == std::string_view::npos ? 0 : last + 2);
            command_.resize(command_.size() - 2);
        }
        out_.clear();
    }

    const Dialect& dialect_;
    std::unique_ptr<Driver> driver_;
    DriverOutput out_;
    TimePoint now_{};
    std::string command_;  // the last one without an answer
    std::set<FrameToken> under_way_;
    FrameToken token_ = 0;
};

/// The received frames of a modem that was sound until it said this.
std::vector<std::pair<Buffer, Buffer>> received_of(const Dialect& dialect, Bytes stream, std::size_t chunk) {
    Bench bench(dialect);
    for (int rounds = 0; rounds < 30; ++rounds)
        bench.sound_answer();
    for (; !stream.empty(); stream = stream.subspan(std::min(chunk, stream.size()))) {
        bench.octets(stream.first(std::min(chunk, stream.size())));
    }
    bench.close();
    return bench.received;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Dialect& dialect = dialects[input.octet() % std::size(dialects)];
    const Bytes stream = input.rest();
    const auto whole = received_of(dialect, stream, std::max<std::size_t>(stream.size(), 1));
    for (const std::size_t chunk : {1U, 2U, 3U, 7U, 64U}) {
        require(received_of(dialect, stream, chunk) == whole, "chunks of every size give the same frames");
    }

    Bench bench(dialect);
    while (!input.empty()) {
        const std::uint8_t octet = input.octet();
        switch (static_cast<Step>(octet % steps)) {
            case Step::octets:
                bench.octets(input.take(octet / steps));
                break;
            case Step::line:
                bench.octets(input.take(octet / steps));
                bench.octets(as_bytes("\r\n"));
                break;
            case Step::sound_answer:
                bench.sound_answer();
                break;
            case Step::wait:
                bench.wait(std::chrono::milliseconds(octet * 16));
                break;
            case Step::deadline:
                bench.deadline();
                break;
            case Step::send:
                bench.send(octet);
                break;
            case Step::reopen:
                bench.reopen();
                break;
        }
    }
    bench.require_recovery();
    return 0;
}
