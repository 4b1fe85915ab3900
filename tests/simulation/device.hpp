// A simulated node: the client of tools/node, and a thin application that publishes, subscribes, sleeps and fails.
#pragma once

#include "tests/simulation/oracle.hpp"
#include "tools/node/client.hpp"

namespace mqttsn::simulation {

class Device {
public:
    struct World {
        const Plan& plan;
        Timeline& time;
        Oracle& oracle;
        Trace& trace;
        std::function<void(int device, const Buffer& datagram)> send;
        std::function<std::uint64_t()> last_emission;
    };
    Device(int number, const DevicePlan& plan, World& world, Dice dice);

    const DevicePlan& plan() const noexcept { return plan_; }
    /// Where its frames come from; changes when it moves.
    const Address& address() const noexcept { return address_; }
    const std::string& node_id() const noexcept { return node_id_; }
    bool is_there() const noexcept { return is_there_; }
    bool is_beacon() const noexcept { return plan_.kind == DevicePlan::Kind::beacon; }
    bool is_active() const noexcept { return client_->is_connected(); }
    bool is_gone_for_good() const noexcept { return is_dead_; }

    void start();
    void receive(Bytes datagram, std::uint64_t emission);
    std::optional<TimePoint> next_timeout() const;
    void timeout();

    // ---- the end of a run ----
    /// From now on it only wants to be connected, and to finish what it began.
    void settle();
    bool has_settled() const { return open_.empty() && is_active(); }
    void say_goodbye();
    /// With a clean session first, so that nothing is kept.
    void clear();
    bool is_disconnected() const noexcept { return !client_->has_connection(); }
    /// Filters that it was told to have.
    const std::set<std::string>& subscriptions() const noexcept { return granted_; }

private:
    struct OnEvent;

    void make_client();
    void act();
    void act_later();
    void connect();
    void publish();
    void subscribe();
    void change_will();
    void rest();
    void die();
    void move();
    /// Sends what the client wants to send, and reads its events.
    void drain();

    int number_;
    DevicePlan plan_;
    World& world_;
    Dice dice_;
    std::unique_ptr<node::Client> client_;
    node::Outbox out_;
    Address address_;
    std::string node_id_;
    std::vector<std::string> filters_;
    std::map<node::Token, MessageId> open_;
    std::map<node::Token, std::string> subscribing_;
    std::map<node::Token, std::string> unsubscribing_;
    std::map<node::Token, std::uint32_t> updating_;
    std::set<std::string> granted_;
    std::uint32_t will_version_ = 0;
    std::uint32_t moves_ = 0;
    bool is_there_ = true;
    bool is_dead_ = false;
    bool is_settling_ = false;
    bool is_leaving_ = false;
    bool is_asleep_ = false;
};

}  // namespace mqttsn::simulation
