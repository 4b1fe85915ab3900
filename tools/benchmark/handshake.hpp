// One request and its answer with every client: CONNECT, REGISTER, SUBSCRIBE, DISCONNECT.
#pragma once

#include "tools/benchmark/histogram.hpp"
#include "tools/benchmark/network.hpp"
#include "tools/benchmark/options.hpp"

namespace mqttsn::tools::benchmark {

/// Who the clients are; the same in all phases.
struct Names {
    std::uint32_t run = 0;  ///< keeps benchmarks that run at the same time apart
    std::string client_id(std::uint32_t client) const;
    std::string topic(std::uint32_t client) const;
    std::string all_topics() const;  ///< a filter that matches those of all clients
};

struct HandshakeResult {
    std::uint32_t done = 0;
    std::uint32_t failed = 0;  ///< no answer, or a rejection that is final
    std::uint64_t repeated = 0;
    std::uint64_t congested = 0;  ///< answers with "congestion"; tried again
    std::int64_t elapsed_ns = 0;
    std::int64_t gateway_cpu_ns = 0;
    Histogram latency;
    std::string rejection;  ///< the first final one
    double per_second() const noexcept { return elapsed_ns > 0 ? done * 1e9 / static_cast<double>(elapsed_ns) : 0; }
};

class Handshake final : Listener {
public:
    enum class Kind : std::uint8_t { connect, register_, subscribe, disconnect };

    /// Topic ids that REGACK and SUBACK assign go to `topic_ids`, by client.
    Handshake(Kind kind, Network& network, const Names& names, const Options& options,
              std::vector<sn::TopicId>& topic_ids);

    /// Returns when every client is done or has failed, when none answers at all, or upon Network::failure().
    HandshakeResult run();

private:
    enum class State : std::uint8_t { waiting, asked, answered };
    struct Client {
        std::int64_t intended_at = 0;
        std::int64_t asked_at = 0;
        std::uint32_t tries = 0;
        State state = State::waiting;
    };

    void on_frame(std::uint32_t client, const sn::Packet& packet, std::int64_t now) override;
    void on_message(const mqtt::Publish&, std::int64_t) override {}
    void start_due(std::int64_t now);
    void ask(std::uint32_t client, std::int64_t now);
    void answer(std::uint32_t client, sn::ReturnCode code, std::int64_t now);
    void repeat_late(std::int64_t now);
    void end(Client& client, bool done);
    std::int64_t intended(std::uint32_t client) const noexcept;

    Kind kind_;
    Network& network_;
    const Names& names_;
    const Options& options_;
    std::vector<sn::TopicId>& topic_ids_;
    const bool is_paced_;
    std::vector<Client> clients_;
    HandshakeResult result_;
    std::int64_t begin_ = 0;
    std::uint32_t next_ = 0;
    std::uint32_t in_flight_ = 0;
};

}  // namespace mqttsn::tools::benchmark
