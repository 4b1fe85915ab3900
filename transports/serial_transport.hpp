// A link over a serial port: frames wait in a fair, bounded queue until the driver of the dongle can send them.
#pragma once

#include "transports/radio/duty_cycle.hpp"
#include "transports/radio/transmit_queue.hpp"
#include "transports/serial_port.hpp"
#include "transports/transport.hpp"

#include <deque>
#include <unordered_map>

namespace mqttsn::transports {

struct SerialConfig {
    std::string name;  ///< empty = "<kind>:<device>"
    SerialPortConfig port;
    const DriverKind* kind = nullptr;
    DriverValues values;  ///< the kind's own options
    std::size_t mtu = 0;  ///< 0 = the kind's own
    TransmitLimits queue;
    double duty_cycle = 0;  ///< share of the time; 0 = no limit
    Duration duty_window = std::chrono::hours(1);
    std::optional<Duration> turnaround;  ///< nullopt = the kind's own
};

class SerialTransport final : public Transport, private SerialPortHandler {
public:
    SerialTransport(boost::asio::io_context& io, LinkId link, SerialConfig config);
    ~SerialTransport() override;

    /// Succeeds when the port is away: it is opened when it comes.
    Result<void> start(FrameHandler& handler) override;
    void stop() override;
    /// While the link is down only frames with a token are taken: answers to what a node said before are worthless, or
    /// wrong, when it comes back.
    bool send(const Address& to, Bytes frame, FrameToken token = 0) override;
    bool broadcast(std::uint8_t radius, Bytes frame) override;
    void flush() override;
    const LinkTraits& traits() const noexcept override { return traits_; }
    const LinkCounters& counters() const noexcept override { return counters_; }
    std::vector<NamedCount> more_counters() const override;
    const std::string& error() const noexcept override { return error_; }
    const std::vector<std::string>& warnings() const noexcept override { return warnings_; }
    std::string to_string(const Address& address) const override;
    bool same_host(const Address&, const Address&) const noexcept override { return true; }

private:
    using Token = FrameToken;
    struct InLine {  ///< a frame whose octets are on their way through the line
        Token token = 0;
        TimePoint left_at;
    };

    void on_port_open() override;
    void on_port_closed(const std::string& reason) override;
    void on_octets(Bytes octets) override;
    void on_written() override;

    TimePoint now() const noexcept;
    bool enqueue(OutgoingFrame frame, FrameToken wanted);
    void pump();
    bool may_send(std::size_t octets, TimePoint now);
    void hand_over(const OutgoingFrame& frame, TimePoint now);
    void carry_out();
    void deliver(const DriverOutput& done);
    void set_up(bool up, const std::string& reason);
    void update_limit();
    void departed(Token token, Departure departure);
    void fail(std::vector<Token>& tokens);
    void report_departures();
    void settle_line(TimePoint now);
    void say_wait(Duration wait, TimePoint now);
    void wake_at(std::optional<TimePoint> when);
    void rearm();
    void on_timer();

    LinkId link_;
    SerialConfig config_;
    LinkTraits traits_;
    LinkCounters counters_;
    std::string error_;
    std::vector<std::string> warnings_;
    FrameHandler* handler_ = nullptr;
    SerialPort port_;
    SerialLine line_;  ///< with the present speed
    std::unique_ptr<Driver> driver_;
    DriverOutput output_;
    TransmitQueue queue_;
    DutyCycle duty_;
    boost::asio::steady_timer timer_;

    Token last_token_ = 0;
    std::unordered_map<Token, FrameToken> wanted_;  ///< by our token: the owner's
    std::vector<Token> dropped_;
    std::vector<std::pair<FrameToken, Departure>> reports_;
    std::deque<InLine> in_line_;
    TimePoint line_full_until_{};  ///< enough is with the system
    TimePoint line_free_at_{};
    TimePoint quiet_until_{};
    std::optional<TimePoint> wake_at_;
    std::optional<TimePoint> armed_for_;
    std::optional<TimePoint> wait_said_at_;
    bool is_open_ = false;
    bool is_up_ = false;

    std::uint64_t too_long_ = 0;
    std::uint64_t refused_down_ = 0;
    std::uint64_t wire_octets_in_ = 0;
    std::uint64_t wire_octets_out_ = 0;
};

}  // namespace mqttsn::transports
