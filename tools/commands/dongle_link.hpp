// A simulated dongle at the end of a pseudo-terminal: the way of simulated nodes to a gateway's serial link.
#pragma once

#include "tools/commands/pseudo_terminal.hpp"
#include "tools/commands/shared_way.hpp"
#include "tools/dongle/dongle.hpp"
#include "tools/dongle/line.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mqttsn::tools {

struct DongleLinkOptions {
    std::string link;        ///< "xbee" or "xbee,ap=1"; empty = no dongle
    std::string path;        ///< where the port is to appear
    std::uint32_t baud = 0;  ///< 0 = whatever the host sets
    dongle::LineOptions line;
    dongle::AirOptions air;
    Duration unplug_every{};  ///< 0 = never
    Duration unplugged_for = std::chrono::seconds(2);
    std::uint32_t unplug_times = 0;  ///< 0 = without end
    Duration reset_every{};          ///< the module starts anew by itself; 0 = never
};

struct DongleReport {
    dongle::DongleCounters dongle;
    dongle::LineCounters from_host;
    dongle::LineCounters to_host;
    std::uint64_t too_large = 0;    ///< frames of nodes that the module cannot carry
    std::uint64_t overrun = 0;      ///< octets that the host did not take in time
    std::uint64_t unplugged = 0;    ///< how often
    std::uint64_t resets = 0;       ///< by itself
    std::uint64_t wrong_speed = 0;  ///< octets that were garbled because the host's speed is another one
};

class DongleLink : public SharedWay {
public:
    explicit DongleLink(boost::asio::io_context& io, DongleLinkOptions options);
    ~DongleLink();

    /// Plugs the dongle in. Error text.
    std::optional<std::string> start(dongle::NodeNumber nodes);
    /// Unplugs it for good.
    void stop();

    /// Nodes have ids of two octets, high octet first, that say their number.
    void add(Bytes node_id, Deliver deliver) override;
    void remove(Bytes node_id) override;
    void send(Bytes node_id, Bytes frame) override;

    /// Largest frame of a node that the module can carry.
    std::size_t max_frame() const noexcept { return dongle_->max_frame(); }
    DongleReport report() const;
    const std::string& path() const noexcept { return options_.path; }

private:
    struct Sending {
        dongle::NodeNumber node = 0;
        Buffer frame;
    };

    std::optional<std::string> plug();
    void unplug();
    void wait_readable();
    void read();
    void turn();
    bool move_octets(TimePoint now);
    void deliver(std::vector<dongle::DongleOutput::Delivery> deliveries);
    void write(Buffer octets);
    void garble(Buffer& octets);
    void rearm();
    void schedule_unplug();
    void schedule_replug();
    void schedule_reset();
    static TimePoint now() noexcept;

    DongleLinkOptions options_;
    std::unique_ptr<dongle::Dongle> dongle_;
    PseudoTerminal terminal_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer plug_timer_;
    boost::asio::steady_timer reset_timer_;
    dongle::Line from_host_;
    dongle::Line to_host_;
    dongle::DongleOutput out_;
    std::map<dongle::NodeNumber, Deliver> nodes_;
    std::vector<Sending> sending_;
    std::uint64_t plugged_ = 0;  ///< which plugging a wait belongs to
    bool waiting_ = false;       ///< for octets of the host
    bool turning_ = false;
    DongleReport report_;
};

}  // namespace mqttsn::tools
