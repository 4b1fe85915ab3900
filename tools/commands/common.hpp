// What the sub-commands share: options spelled like those of mosquitto_pub and mosquitto_sub, and running one node.
#pragma once

#include "tools/commands/node_link.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace mqttsn::tools {

/// Exit codes that scripts can use.
enum ExitCode : int { exit_ok = 0, exit_failed = 1, exit_usage = 2, exit_timed_out = 27 };

struct NodeOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::string client_id;  ///< empty = one made up
    std::uint16_t keep_alive_s = 60;
    bool keep_session = false;
    bool debug = false;
    double retry_s = 10;
    std::uint32_t retries = 3;
    double wait_s = 300;
    std::vector<std::string> predefined;  ///< "ID=NAME"
    std::string node_id;                  ///< hex
    std::string will_topic;
    std::string will_payload;
    int will_qos = 0;
    bool will_retain = false;
};

void add_node_options(CLI::App& app, NodeOptions& options);
/// Error text when an option makes no sense.
std::optional<std::string> make_client_options(const NodeOptions& options, node::ClientOptions& result);

/// One node from connect to disconnect, with Ctrl-C, a time limit, and clear words for every way to fail.
class NodeRun {
public:
    struct Actions {
        std::function<void(NodeRun&)> on_connected;
        std::function<void(NodeRun&, const node::Event&)> on_event;  ///< everything but the connection itself
    };

    NodeRun(const NodeOptions& options, node::ClientOptions client, Actions actions);

    /// `connect` false: QoS −1 needs no connection, on_connected is called at once. Returns the exit code.
    int run(bool connect, double timeout_s);
    /// Disconnects in order, then ends with this code.
    void finish(int exit_code);
    NodeLink& link() noexcept { return *link_; }
    boost::asio::io_context& io() noexcept { return io_; }

private:
    void on_event(const node::Event& event);
    void fail(const std::string& text);
    void stop(int exit_code);

    NodeOptions options_;
    Actions actions_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer limit_{io_};
    std::unique_ptr<NodeLink> link_;
    std::string unreachable_;
    int exit_code_ = exit_ok;
    bool was_connected_ = false;
    bool finishing_ = false;
    bool has_connection_ = true;
};

/// "accepted", "congestion", "invalid topic id", "not supported", or the number.
std::string text_of(sn::ReturnCode code);

}  // namespace mqttsn::tools
