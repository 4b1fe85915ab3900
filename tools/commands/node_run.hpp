// One node from connect to disconnect, with discovery, Ctrl-C, a time limit, and clear words for every way to fail.
#pragma once

#include "tools/commands/common.hpp"
#include "tools/commands/discovery_link.hpp"
#include "tools/commands/node_link.hpp"
#include "tools/node/gateway_choice.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <memory>
#include <string>

namespace mqttsn::tools {

class NodeRun {
public:
    struct Actions {
        std::function<void(NodeRun&)> on_connected;
        std::function<void(NodeRun&, const node::Event&)> on_event;  ///< everything but the connection itself
    };

    NodeRun(const NodeOptions& options, node::ClientOptions client, Actions actions);

    /// `connect` false: QoS −1 needs no connection, on_connected is called at once. Returns the exit code.
    int run(bool connect, double timeout_s);
    /// To be asked for at each connection, before anything else: the first one updates the will. Ends in `then`, or a
    /// refusal ends the run.
    void update_will(const WillUpdateOptions& update, std::function<void()> then);
    /// Disconnects in order, then ends with this code.
    void finish(int exit_code);
    NodeLink& link() noexcept { return *link_; }
    boost::asio::io_context& io() noexcept { return io_; }

private:
    bool begin();
    bool discover();
    bool open(const boost::asio::ip::udp::endpoint& gateway);
    void on_gateway_found(const node::DiscoveryEvent& event);
    void on_event(const node::Event& event);
    void on_socket_error(const std::string& reason);
    void on_will_updated(const node::WillUpdated& update);
    void gateway_failed(const std::string& text, int exit_code);
    void fail(const std::string& text, int exit_code);
    void stop(int exit_code);

    NodeOptions options_;
    Actions actions_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer limit_{io_};
    boost::asio::steady_timer discovery_limit_{io_};
    std::unique_ptr<DiscoveryLink> discovery_;
    node::GatewayChoice choice_;
    std::unique_ptr<NodeLink> link_;
    std::string place_;  ///< the gateway in use, as text
    std::string unreachable_;
    std::function<void()> after_will_update_;
    std::size_t will_updates_open_ = 0;
    bool will_is_current_ = false;
    int exit_code_ = exit_ok;
    bool was_connected_ = false;
    bool finishing_ = false;
    bool has_connection_ = true;
};

}  // namespace mqttsn::tools
