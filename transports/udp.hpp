// MQTT-SN over UDP: one service socket, and one more socket for each multicast group on another port.
#pragma once

#include "transports/ready_poll.hpp"
#include "transports/transport.hpp"
#include "transports/udp_address.hpp"

#include <memory>
#include <vector>

namespace mqttsn::transports {

struct UdpConfig {
    std::string name;                       ///< empty = "udp:<listen>"
    std::string listen = "0.0.0.0:1883";    ///< port 0 takes a free one
    std::vector<std::string> multicast;     ///< groups to join, "225.1.1.1:1883"
    std::string multicast_interface;        ///< name; empty = the system's choice
    std::vector<std::string> advertise_to;  ///< where broadcast() goes: multicast, broadcast or unicast addresses
    std::uint8_t multicast_hops = 1;  ///< hop limit of radius 0, and the most that a larger radius gets (SN12-5.3.9-a)
    std::size_t receive_buffer = 4U << 20;  ///< of the socket, octets
    std::size_t send_buffer = 1U << 20;
    std::size_t receive_limit = 65535;  ///< larger datagrams are dropped and counted
    std::size_t max_frame = 1400;
    std::size_t send_queue = 4U << 20;  ///< octets waiting while the socket is not writable
};

class UdpTransport final : public Transport {
public:
    /// `poll` outlives it.
    UdpTransport(ReadyPoll& poll, LinkId link, UdpConfig config);
    ~UdpTransport() override;

    Result<void> start(FrameHandler& handler) override;
    void stop() override;
    bool send(const Address& to, Bytes frame, FrameToken token = 0) override;
    bool broadcast(std::uint8_t radius, Bytes frame) override;
    void flush() override;
    const LinkTraits& traits() const noexcept override;
    const LinkCounters& counters() const noexcept override;
    const std::string& error() const noexcept override;
    const std::vector<std::string>& warnings() const noexcept override;
    std::string to_string(const Address& address) const override;
    bool same_host(const Address& a, const Address& b) const noexcept override;

    /// After start(): with the port that was taken.
    SocketAddress local_address() const noexcept;

private:
    class Sockets;
    std::unique_ptr<Sockets> sockets_;
};

}  // namespace mqttsn::transports
