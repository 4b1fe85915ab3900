// One run: the real gateway core between a simulated network, a model broker and a model store, in virtual time.
#pragma once

#include "gateway/core/gateway.hpp"
#include "gateway/core/output_gate.hpp"
#include "tests/simulation/broker.hpp"
#include "tests/simulation/device.hpp"

namespace mqttsn::simulation {

class World : private gateway::OutputGate::Exit {
public:
    World(const Plan& plan, Trace& trace);
    ~World() override = default;

    /// Throws Violation.
    void run();

    std::uint64_t steps() const noexcept { return steps_; }
    std::size_t messages() const noexcept { return oracle_.message_count(); }

private:
    /// Where the gateway dies, once it is due: what it did in its last turn got so far.
    enum class Death : std::uint8_t { none, at_once, before_records, before_outputs, between_outputs };

    /// A TCP connection, seen from outside.
    struct Link {
        bool is_open = false;                ///< the gateway may send
        bool is_tampered = false;            ///< its end is not the gateway's doing
        std::size_t octets_left = SIZE_MAX;  ///< that still reach the broker
        bool is_deaf = false;                ///< nothing reaches the gateway any more
    };

    void run_until(TimePoint end, const std::function<bool()>& is_enough);
    void step(TimePoint end);
    void heal();
    void check_end();

    // ---- gateway ----
    template <class Input>
    void input(Input&& call) {
        if (!gateway_) return;
        if (death_ == Death::at_once) return stop_gateway(true);
        call();
        carry_out();
        oracle_.input_ends();
    }
    void carry_out();
    void observe(const gateway::Outbox& out);
    void check_bounds();
    void start_gateway();
    void stop_gateway(bool crashed);
    void leave(const gateway::FrameOut& frame, Bytes octets) override;
    void leave(const gateway::UpstreamOut& action, Bytes octets) override;
    void overflowed(gateway::UpstreamId id) override;

    // ---- network ----
    void send_up(int device, const Buffer& datagram);
    void send_down(const Endpoint& to, Bytes datagram);
    template <class Deliver>
    void transmit(Deliver deliver);
    /// At this address; or whose it is or was, whichever the port.
    Device* find(const Address& address, Bytes datagram, bool is_exact);

    // ---- broker sockets ----
    Socket socket_of(gateway::UpstreamId id) const noexcept { return Socket{epoch_} << 32U | id; }
    void open(gateway::UpstreamId id);
    void to_broker(Socket socket, Buffer octets);
    void to_gateway(Socket socket, Buffer octets);
    void close_at_gateway(Socket socket, const char* reason);
    void close_at_broker(Socket socket, Cause cause);
    void break_link();
    TimePoint arrival(TimePoint& last);

    // ---- what goes wrong, and what the application does ----
    void commit_later();
    void schedule(Duration mean, void (World::*what)());
    void crash_later();
    void break_later();
    void restart_broker();
    void fail_disk();
    void publish();

    const Plan& plan_;
    Trace& trace_;
    Dice dice_;
    Timeline time_;
    Disk disk_;
    Oracle oracle_;
    std::unique_ptr<gateway::Gateway> gateway_;
    gateway::Outbox out_;
    gateway::OutputGate gate_;
    gateway::CommitId last_commit_ = 0;
    bool is_commit_scheduled_ = false;
    bool disk_fails_ = false;
    std::uint32_t epoch_ = 0;
    Death death_ = Death::none;
    std::size_t outputs_left_ = SIZE_MAX;
    std::map<Socket, Link> links_;
    bool broker_is_up_ = true;
    TimePoint last_to_broker_{};
    TimePoint last_to_gateway_{};
    Broker broker_;
    Device::World device_world_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::uint64_t emission_ = 0;
    std::uint64_t steps_ = 0;
    bool is_healed_ = false;
};

}  // namespace mqttsn::simulation
