// The event loop: owns the links, the broker sockets and the clock, and carries out what the core wants.
#pragma once

#include "gateway/core/gateway.hpp"
#include "gateway/core/output_gate.hpp"
#include "gateway/runtime/broker_socket.hpp"
#include "gateway/runtime/command_line.hpp"
#include "gateway/runtime/log.hpp"
#include "gateway/runtime/service_notify.hpp"
#include "gateway/runtime/settings.hpp"
#include "gateway/runtime/status_pages.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <unordered_map>
#include <vector>

namespace mqttsn::gateway {

class Engine final : private transports::FrameHandler, private OutputGate::Exit {
public:
    Engine(Settings settings, Log& log);
    ~Engine() override;

    /// What SIGHUP reads the configuration with. Without it SIGHUP changes nothing.
    void reload_from(std::function<CommandLine()> read) { read_again_ = std::move(read); }

    /// Reads the store, opens all links. False (after logging why) when one cannot be opened.
    bool start();
    /// Until SIGTERM or SIGINT. Returns the exit code.
    int run();

private:
    void on_frame(const FrameInfo& info, Bytes frame) override;
    void on_link_state(LinkId link, bool up, const std::string& reason) override;
    void on_departed(LinkId link, FrameToken token, Departure departure) override;
    void on_link_limit(LinkId link, std::size_t octets) override;
    void on_link_note(LinkId link, transports::NoteLevel level, const std::string& text) override;
    void on_batch_end() override;
    void leave(const FrameOut& frame, Bytes octets) override;
    void leave(const UpstreamOut& action, Bytes octets) override;
    void overflowed(UpstreamId id) override;

    TimePoint now() const noexcept;
    bool open_store();
    void start_status_pages();
    Snapshot snapshot() const;
    void carry_out();
    void write_records();
    void set_store_failing(bool failing);
    void open_socket(UpstreamId id);
    void end_turn();
    void schedule_flush();
    void flush();
    void rearm();
    void wait_for_signals();
    void on_signal(int signal);
    void reload();
    void shut_down();
    void log_counters();
    std::string status() const;

    Settings settings_;
    Log& log_;
    boost::asio::io_context io_{1};
    boost::asio::steady_timer timer_{io_};
    boost::asio::steady_timer last_call_{io_};
    boost::asio::signal_set signals_{io_};
    std::optional<TimePoint> armed_for_;
    transports::ReadyPoll poll_{io_, [this] { end_turn(); }};
    std::vector<std::unique_ptr<transports::Transport>> links_;
    BrokerResolver resolver_;
    Buffer read_buffer_;
    std::unordered_map<UpstreamId, std::shared_ptr<BrokerSocket>> sockets_;
    std::vector<std::shared_ptr<BrokerSocket>> unflushed_;
    Outbox out_;
    OutputGate gate_;
    std::unique_ptr<Store> store_;
    CommitId last_commit_ = 0;
    bool store_failing_ = false;
    std::vector<bool> links_up_;
    std::unique_ptr<Gateway> gateway_;
    std::unique_ptr<StatusPages> status_pages_;
    ServiceNotify service_{io_, [this] { return status(); }};
    std::function<CommandLine()> read_again_;
    bool flush_scheduled_ = false;
    bool shutting_down_ = false;
};

}  // namespace mqttsn::gateway
