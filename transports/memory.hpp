// A link inside the process: what is sent waits for the test (or the simulation) to take it, what it delivers comes in
// at once.
#pragma once

#include "transports/transport.hpp"

#include <deque>

namespace mqttsn::transports {

class MemoryTransport final : public Transport {
public:
    struct Sent {
        std::optional<Address> to;  ///< nullopt = broadcast
        std::uint8_t radius = 0;
        Buffer frame;
    };

    MemoryTransport(LinkId link, LinkTraits traits, std::size_t send_queue_frames = 4096)
        : link_(link), traits_(std::move(traits)), limit_(send_queue_frames) {}

    Result<void> start(FrameHandler& handler) override;
    void stop() override { handler_ = nullptr; }
    bool send(const Address& to, Bytes frame, FrameToken token = 0) override;
    bool broadcast(std::uint8_t radius, Bytes frame) override;
    void flush() override {}
    const LinkTraits& traits() const noexcept override { return traits_; }
    const LinkCounters& counters() const noexcept override { return counters_; }
    const std::string& error() const noexcept override { return error_; }
    const std::vector<std::string>& warnings() const noexcept override { return warnings_; }
    /// Addresses read as text.
    std::string to_string(const Address& address) const override { return std::string(as_text(address.octets())); }
    bool same_host(const Address&, const Address&) const noexcept override { return true; }

    /// A frame arrives; dropped before start() and after stop().
    void deliver(std::string_view from, Bytes frame);
    /// What was sent since the last call, oldest first; nullopt when nothing is left.
    std::optional<Sent> take();

private:
    bool enqueue(Sent sent);

    LinkId link_;
    LinkTraits traits_;
    std::size_t limit_;
    LinkCounters counters_;
    std::string error_;
    std::vector<std::string> warnings_;
    FrameHandler* handler_ = nullptr;
    std::deque<Sent> sent_;
};

}  // namespace mqttsn::transports
