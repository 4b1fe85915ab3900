// A simulated node on its UDP socket, or on a way that it shares: the sans-I/O client with a clock and a wire.
#pragma once

#include "tools/commands/shared_way.hpp"
#include "tools/node/client.hpp"
#include "tools/node/faults.hpp"
#include "tools/node/impairment.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace mqttsn::tools {

class NodeLink {
public:
    struct Handler {
        std::function<void(const node::Event&)> on_event;
        std::function<void(const std::string&)> on_error;      ///< the socket failed: port unreachable …
        std::function<void(bool sent, Bytes frame)> on_frame;  ///< every datagram, for -d; may be empty
    };

    NodeLink(boost::asio::io_context& io, node::ClientOptions options, Handler handler);
    ~NodeLink();
    NodeLink(const NodeLink&) = delete;
    NodeLink& operator=(const NodeLink&) = delete;

    /// A socket of its own, connected to the gateway: nobody else is heard, a former gateway neither. Error: of the
    /// system.
    Result<void> open(const boost::asio::ip::udp::endpoint& gateway);
    /// Behind this forwarder or dongle, which must live longer; instead of open().
    void attach(SharedWay& way, Buffer node_id);
    /// From now on all frames go through this bad network. A new address is a new socket: on a shared way there is
    /// none.
    void impair(const node::ImpairmentOptions& options, std::uint64_t seed);
    /// From now on the node breaks the rules.
    void misbehave(const node::FaultOptions& options, std::uint64_t seed);
    void close();
    bool is_open() const noexcept { return socket_.is_open() || way_ != nullptr; }

    /// Runs f(client, now, outbox) and carries out what it wants.
    template <class F>
    auto act(F&& f) {
        struct Done {
            NodeLink& link;
            ~Done() { link.carry_out(); }
        } const done{*this};
        return f(client_, now(), outbox_);
    }
    const node::Client& client() const noexcept { return client_; }
    /// nullptr when the network is good.
    const node::ImpairmentCounters* impaired() const noexcept {
        return impaired_ ? &impaired_->network.counters() : nullptr;
    }
    static TimePoint now() noexcept;

    /// nullptr when the node keeps to the rules.
    const node::Misbehaviour* misbehaviour() const noexcept { return faulty_ ? &faulty_->node : nullptr; }

private:
    struct Faulty {
        node::Misbehaviour node;
        boost::asio::ip::udp::socket second;  ///< opened when it is needed; nobody reads what comes there
    };
    struct Impaired {
        node::Impairment network;
        boost::asio::steady_timer timer;
    };

    void carry_out();
    void transmit(Bytes frame);
    void put_on_wire(Bytes frame);
    void put_on_wire(const node::FaultyDatagram& datagram);
    void arrived(Bytes frame);
    void hear(Bytes frame);
    void carry_impaired();
    void wait_readable();
    void rearm();

    node::Client client_;
    Handler handler_;
    node::Outbox outbox_;
    boost::asio::ip::udp::endpoint gateway_;
    boost::asio::ip::udp::socket socket_;
    SharedWay* way_ = nullptr;
    Buffer node_id_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    bool carrying_out_ = false;
    std::uint64_t opened_ = 0;  ///< which socket a wait belongs to
    std::unique_ptr<Impaired> impaired_;
    std::unique_ptr<Faulty> faulty_;
};

/// Host (name or address) and port of a gateway. Error text instead of an endpoint when it cannot be resolved.
struct ResolvedGateway {
    std::optional<boost::asio::ip::udp::endpoint> endpoint;
    std::string error;
};
ResolvedGateway resolve_gateway(boost::asio::io_context& io, const std::string& host, std::uint16_t port);

}  // namespace mqttsn::tools
