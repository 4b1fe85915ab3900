// A whole gateway core in memory, with clients and a broker that answer at once: for measurements. In the steady state
// the rig itself allocates nothing.
#pragma once

#include "gateway/core/gateway.hpp"
#include "gateway/core/output_gate.hpp"

#include <initializer_list>
#include <string>
#include <vector>

namespace mqttsn::test {

class CoreRig : private gateway::OutputGate::Exit {
public:
    static gateway::Config config();

    explicit CoreRig(gateway::Config config = CoreRig::config());
    CoreRig(const CoreRig&) = delete;
    CoreRig& operator=(const CoreRig&) = delete;

    /// More clients; the first of all is 0. Each connects with a clean session, and nothing else.
    void add_clients(std::size_t count);

    // ---- each is one exchange of a client, brought to its end ----
    void registers(std::size_t client);
    void subscribes(std::size_t client);
    /// On the topic that it has registered last.
    void publishes(std::size_t client, Qos qos);
    /// A message for it, on a topic that it was told the id of.
    void is_sent(std::size_t client, Qos qos);
    void pings(std::size_t client);
    /// Once more, as after a restart of the device: the gateway takes a new broker connection for it.
    void connects(std::size_t client);
    /// Says DISCONNECT with a duration, is sent a message, and wakes up for it.
    void sleeps_and_wakes(std::size_t client);

    std::size_t size() const noexcept { return clients_.size(); }
    const gateway::Counters& counters() const noexcept { return gateway_.counters(); }

private:
    struct Client {
        std::string id;
        Endpoint endpoint;
        gateway::UpstreamId upstream = 0;
        sn::TopicId topic_id = 0;
        std::uint16_t last_msg_id = 0;
        std::uint16_t last_packet_id = 0;
    };
    /// What the core gets next, from `client` unless it comes from the broker; its octets are in input_octets_.
    struct Input {
        enum class Kind : std::uint8_t { frame, opened, data };
        Kind kind = Kind::frame;
        std::size_t client = 0;
        gateway::UpstreamId upstream = 0;
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    struct Output {
        bool is_frame = false;
        std::size_t client = 0;
        gateway::UpstreamId upstream = 0;
        std::size_t offset = 0;
        std::size_t size = 0;
    };

    void leave(const gateway::FrameOut& frame, Bytes octets) override;
    void leave(const gateway::UpstreamOut& action, Bytes octets) override;
    void overflowed(gateway::UpstreamId id) override;

    void client_sends(std::size_t client, const sn::Packet& packet);
    void client_answers(std::size_t client, Bytes frame);
    void broker_sends(gateway::UpstreamId upstream, std::initializer_list<unsigned> octets);
    void broker_publishes(std::size_t client, Qos qos);
    void broker_hears(gateway::UpstreamId upstream, Bytes octets);
    void broker_answers(gateway::UpstreamId upstream, unsigned first_octet, Bytes body);
    /// One input, and what the core wants done handed out. This is what callgrind counts, by its name.
    void turn(const Input& input);
    void settle();

    gateway::Config config_;
    gateway::Gateway gateway_;
    gateway::Outbox out_;
    gateway::OutputGate gate_;
    gateway::CommitId last_commit_ = 0;
    TimePoint now_ = TimePoint{} + std::chrono::seconds(1000);
    std::vector<Client> clients_;
    std::vector<std::size_t> client_of_;  ///< by UpstreamId
    std::size_t speaking_ = 0;
    std::vector<Input> inputs_;
    std::vector<Output> outputs_;
    Buffer input_octets_;
    Buffer output_octets_;
    Buffer turn_octets_;
};

}  // namespace mqttsn::test
