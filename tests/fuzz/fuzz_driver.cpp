// Invariant: a driver is never asked to send when it cannot, every frame handed over departs once at most, all have
// departed when the port is closed or stays silent, output is bounded, and time goes on; in chunks as in one piece.
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/fuzzed_drivers.hpp"

#include <set>

namespace {

using namespace mqttsn;
using namespace mqttsn::transports;
using fuzz::DriverStep;
using fuzz::require;
using std::chrono::milliseconds;

/// Everything a driver said, for comparison.
struct Record {
    std::vector<std::pair<Buffer, Buffer>> received;
    std::vector<std::pair<FrameToken, Departure>> departed;
    Buffer wire;
    bool operator==(const Record&) const = default;
};

class Bench {
public:
    explicit Bench(const DriverKind& kind, std::size_t chunk) : driver_(kind.make({}, 0).driver), chunk_(chunk) {
        require(driver_ != nullptr, "the standard values are right");
        require(!driver_->can_send(), "nothing can be sent before the port is open");
        call([&] { driver_->opened(now_, out_); });
    }

    void step(fuzz::Input& input) {
        const std::uint8_t octet = input.octet();
        step_wire_.clear();
        switch (static_cast<DriverStep>(octet & 7U)) {
            case DriverStep::receive:
                receive(input.take(input.octet()));
                break;
            case DriverStep::wait:
                advance(milliseconds(input.word()));
                break;
            case DriverStep::timeout:
                run_to_next_timeout();
                break;
            case DriverStep::send:
                send(input.take(input.octet()), false, 0);
                break;
            case DriverStep::broadcast:
                send(input.take(input.octet()), true, octet >> 6U);
                break;
            case DriverStep::reopen:
                reopen();
                break;
            case DriverStep::echo:
                receive(Buffer(last_wire_));
                break;
            case DriverStep::early_call:
                call([&] { driver_->timeout(now_, out_); });
                break;
        }
        settle();
        if (!step_wire_.empty()) last_wire_ = step_wire_;
    }

    /// A dongle that answers nothing more: whatever was handed over is given up in the end.
    void finish() {
        const TimePoint end = now_ + std::chrono::hours(2);
        for (int i = 0; i < 20000 && !outstanding_.empty() && !wants_reopen_; ++i) {
            const auto due = driver_->next_timeout();
            require(due.has_value(), "who waits for a departure has a time-out");
            if (*due > end) break;
            run_to_next_timeout();
            settle();
        }
        require(outstanding_.empty() || wants_reopen_, "a silent dongle does not keep frames for ever");
        reopen();
    }

    const Record& record() const { return record_; }

private:
    template <class Input>
    void call(Input&& input) {
        out_.clear();
        input();
        require(out_.wire.size() <= 65536 && out_.octets.size() <= 65536, "output is bounded");
        require(out_.notes.size() <= 32, "notes are few");
        for (const auto& note : out_.notes)
            require(!note.text.empty() && note.text.size() <= 1000, "notes are short");
        for (const auto& each : out_.received) {
            require(each.offset + each.size <= out_.octets.size(), "received frames are there");
            const Bytes frame = out_.frame(each);
            const Bytes from = each.from.octets();
            record_.received.emplace_back(Buffer(from.begin(), from.end()), Buffer(frame.begin(), frame.end()));
            last_from_ = each.from;
            require(driver_->traits().addressed || from.empty(), "without addresses there is none");
            require(from.empty() || !driver_->to_string(each.from).empty(), "an address has a text");
        }
        for (const auto& each : out_.departed) {
            require(driver_->traits().confirms_departure, "only who said so reports departures");
            require(outstanding_.erase(each.token) == 1, "a frame departs once, and only if it was handed over");
            record_.departed.emplace_back(each.token, each.departure);
        }
        for (Buffer* each : {&record_.wire, &step_wire_})
            each->insert(each->end(), out_.wire.begin(), out_.wire.end());
        wants_reopen_ = wants_reopen_ || out_.reopen;
    }

    void receive(Bytes octets) {
        for (std::size_t at = 0; at < octets.size(); at += chunk_) {
            const Bytes some = octets.subspan(at, std::min(chunk_, octets.size() - at));
            const Buffer fed(some.begin(), some.end());
            call([&] { driver_->receive(fed, now_, out_); });
        }
    }

    void send(Bytes frame, bool broadcast, unsigned radius) {
        const auto traits = driver_->traits();
        require(traits.mtu > 0 && traits.mtu <= 65535, "the mtu makes sense");
        require(driver_->air_time(frame.size()) >= Duration::zero(), "air time is no credit");
        if (!driver_->can_send() || frame.empty() || frame.size() > traits.mtu) return;
        if (broadcast ? !traits.broadcast : traits.addressed && !last_from_) return;
        const Address to = broadcast || !traits.addressed ? Address() : *last_from_;
        const FrameToken token = ++last_token_;
        if (traits.confirms_departure) outstanding_.insert(token);
        require(outstanding_.size() <= 4096, "what is outstanding is bounded");
        call([&] { driver_->send({token, broadcast, static_cast<std::uint8_t>(radius), to, frame}, now_, out_); });
    }

    void reopen() {
        call([&] { driver_->closed(now_, out_); });
        require(outstanding_.empty(), "with the port closed every frame has departed");
        require(!driver_->can_send(), "nothing can be sent while the port is closed");
        call([&] { driver_->opened(now_, out_); });
        wants_reopen_ = false;
    }

    void advance(Duration by) { now_ += by; }
    void run_to_next_timeout() {
        const auto due = driver_->next_timeout();
        if (due && *due > now_) now_ = *due;
    }

    /// The caller's loop: time-outs that are due are called until none is.
    void settle() {
        for (int i = 0; i < 1000; ++i) {
            const auto due = driver_->next_timeout();
            if (!due || *due > now_) return;
            call([&] { driver_->timeout(now_, out_); });
        }
        require(false, "time goes on");
    }

    std::unique_ptr<Driver> driver_;
    std::size_t chunk_;
    DriverOutput out_;
    TimePoint now_{std::chrono::seconds(1)};
    std::set<FrameToken> outstanding_;
    FrameToken last_token_ = 0;
    std::optional<Address> last_from_;
    Buffer step_wire_;
    Buffer last_wire_;
    bool wants_reopen_ = false;
    Record record_;
};

Record run(const std::uint8_t* data, std::size_t size, std::size_t chunk) {
    fuzz::Input input(data, size);
    const auto& kinds = fuzz::driver_kinds();
    Bench bench(*kinds[input.octet() % kinds.size()], chunk);
    while (!input.empty())
        bench.step(input);
    bench.finish();
    return bench.record();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Record whole = run(data, size, 256);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{7}})
        require(run(data, size, chunk) == whole, "a driver does the same in chunks");
    return 0;
}
