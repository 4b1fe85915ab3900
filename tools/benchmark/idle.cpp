#include "tools/benchmark/idle.hpp"

#include "tools/benchmark/process_meter.hpp"

#include <algorithm>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::int64_t last_answers = 200'000'000;  // ns; given to the pings sent last

class Idle final : public Listener {
public:
    explicit Idle(Network& network) : network_(network) {}

    IdleResult run(std::int64_t ping_every, std::int64_t duration) {
        const std::int64_t begin = now_ns();
        const std::int64_t end = begin + duration;
        std::int64_t next_ping = begin + ping_every;
        std::uint32_t client = 0;
        while (result_.failure.empty() && (result_.failure = network_.failure()).empty()) {
            const std::int64_t now = now_ns();
            if (now >= end && (result_.answered == pings_ || now >= end + last_answers)) break;
            for (; next_ping <= std::min(now, end); next_ping += ping_every) {
                network_.fleet().send(client, sn::Pingreq{});
                ++pings_;
                client = (client + 1) % network_.fleet().size();
            }
            network_.turn(*this, now < end ? std::min(next_ping, end) : end + last_answers);
        }
        result_.elapsed_ns = now_ns() - begin;
        result_.unanswered = pings_ - std::min(pings_, result_.answered);
        return std::move(result_);
    }

private:
    void on_frame(std::uint32_t, const sn::Packet& packet, std::int64_t) override {
        if (std::holds_alternative<sn::Pingresp>(packet)) ++result_.answered;
        if (std::holds_alternative<sn::Disconnect>(packet)) result_.failure = "the gateway disconnected a client";
    }
    void on_message(const mqtt::Publish&, std::int64_t) override {}

    Network& network_;
    IdleResult result_;
    std::uint64_t pings_ = 0;
};

}  // namespace

IdleResult stay_idle(Network& network, const Options& options, double seconds) {
    constexpr std::int64_t never = std::int64_t{1} << 60U;
    const std::int64_t share = std::int64_t{options.keep_alive_s} * 800'000'000;
    const std::int64_t ping_every = share > 0 ? std::max<std::int64_t>(share / network.fleet().size(), 1) : never;
    return Idle(network).run(ping_every, static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace mqttsn::tools::benchmark
