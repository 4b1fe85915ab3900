// Messages through the gateway: sent by plan, acknowledged as the protocol wants, counted at the other end.
#pragma once

#include "tools/benchmark/arrivals.hpp"
#include "tools/benchmark/handshake.hpp"
#include "tools/benchmark/stamp.hpp"

#include <deque>

namespace mqttsn::tools::benchmark {

/// One load, from the first message to the last that was waited for.
struct TrialResult {
    double rate_asked = 0;  ///< 0 = closed loop
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;  ///< each message once
    std::uint64_t duplicated = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t repeated = 0;        ///< by us, for want of an acknowledgement
    std::uint64_t refused = 0;         ///< acknowledgements with a code other than "accepted"
    std::uint64_t unacknowledged = 0;  ///< given up after all retries, or refused for good
    std::uint64_t foreign = 0;         ///< not of this load: counted, not judged
    std::int64_t elapsed_ns = 0;       ///< from the first intended sending to the last arrival or acknowledgement
    std::int64_t gateway_cpu_ns = 0;
    std::int64_t own_cpu_ns = 0;
    std::int64_t own_user_cpu_ns = 0;  ///< without what the kernel does for the sockets
    Histogram delay;                   ///< intended sending to arrival; with rtt to the arrival back at the device
    Histogram acknowledgement;         ///< intended sending to the end of the QoS 1 or 2 exchange of the sending device
    std::string failure;               ///< why it ended early; empty otherwise

    std::uint64_t lost() const noexcept { return sent - arrived; }
    double rate() const noexcept {
        return elapsed_ns > 0 ? static_cast<double>(arrived) * 1e9 / static_cast<double>(elapsed_ns) : 0;
    }
};

class Load final : Listener {
public:
    /// The clients are connected; `topic_ids` are those of Names::topic. `trial` is in every payload.
    Load(Network& network, const Names& names, const Options& options, const std::vector<sn::TopicId>& topic_ids,
         std::uint64_t messages, double rate, std::uint32_t trial);

    /// Returns when all messages arrived and are acknowledged, or were waited for long enough, or when going on makes
    /// no sense (TrialResult::failure).
    TrialResult run();

private:
    enum class Awaits : std::uint8_t { nothing, puback, pubrec, pubcomp };
    /// A message on its way that takes a place in the window of its client.
    struct Slot {
        std::int64_t intended_at = 0;
        std::int64_t sent_at = 0;
        std::uint32_t sequence = 0;
        sn::MsgId msg_id = 0;
        std::uint8_t tries = 0;
        Awaits awaits = Awaits::nothing;
        bool awaits_arrival = false;
        bool is_taken() const noexcept { return awaits != Awaits::nothing || awaits_arrival; }
    };
    struct Client {
        std::uint32_t next_sequence = 0;
        sn::MsgId last_msg_id = 0;
    };
    /// A QoS 2 message from the gateway between PUBREC and PUBREL.
    struct Unreleased {
        sn::MsgId msg_id = 0;
        std::optional<Stamp> stamp;
    };

    void on_frame(std::uint32_t client, const sn::Packet& packet, std::int64_t now) override;
    void on_message(const mqtt::Publish& message, std::int64_t now) override;

    void start_due(std::int64_t now);
    bool start(std::uint32_t client, std::int64_t intended_at, std::int64_t now);
    void send(std::uint32_t client, const Slot& slot, bool again);
    std::span<Slot> slots_of(std::uint32_t client) noexcept;
    Slot* find(std::uint32_t client, Awaits awaits, sn::MsgId msg_id) noexcept;

    void on_publish(std::uint32_t client, const sn::Publish& packet, std::int64_t now);
    void on_acknowledged(std::uint32_t client, Slot* slot, sn::ReturnCode code, std::int64_t now);
    void on_pubrel(std::uint32_t client, sn::MsgId msg_id, std::int64_t now);
    void count(const Stamp& stamp, std::int64_t now);
    void arrived(const Stamp& stamp, std::int64_t now);
    void release(std::uint32_t client, Slot& slot, std::int64_t now);
    void care_for_late(std::int64_t now);

    bool is_done(std::int64_t now) const noexcept;
    bool is_stalled(std::int64_t now) const noexcept;
    std::int64_t intended(std::uint64_t message) const noexcept;
    bool is_open_loop() const noexcept { return rate_ > 0; }

    Network& network_;
    const Names& names_;
    const Options& options_;
    const std::vector<sn::TopicId>& topic_ids_;
    const std::uint64_t messages_;
    const double rate_;
    const std::uint32_t trial_;
    const Qos qos_;
    const bool needs_acknowledgement_;  // of the gateway to our device
    const bool needs_arrival_;          // before the next message of the window may go

    Arrivals arrivals_;
    TrialResult result_;
    std::vector<Client> clients_;
    std::vector<Slot> slots_;  // window of client 0, of client 1 …
    std::vector<std::vector<Unreleased>> unreleased_;
    std::deque<std::uint32_t> ready_;  // closed loop: clients with room in their window
    std::vector<std::string> topics_;  // down: at the broker
    Buffer payload_;
    std::int64_t begin_ = 0;
    std::int64_t last_progress_ = 0;
    std::uint64_t due_ = 0;  // open loop: messages whose time has come
    std::uint64_t in_flight_ = 0;
};

}  // namespace mqttsn::tools::benchmark
