#include "tools/commands/dongle_link.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace mqttsn::tools {

namespace {

// What a USB adapter and its UART hold of what the host has written.
constexpr std::size_t adapter_buffer = 512;

dongle::LineOptions seeded(dongle::LineOptions line, std::uint64_t more) {
    line.seed += more;
    return line;
}

dongle::NodeNumber number_of(Bytes node_id) {
    assert(node_id.size() == 2);
    return static_cast<dongle::NodeNumber>(static_cast<unsigned>(node_id[0]) << 8U | static_cast<unsigned>(node_id[1]));
}

}  // namespace

DongleLink::DongleLink(boost::asio::io_context& io, DongleLinkOptions options)
    : options_(std::move(options)),
      terminal_(options_.path),
      descriptor_(io),
      timer_(io),
      plug_timer_(io),
      reset_timer_(io),
      from_host_(seeded(options_.line, 1)),
      to_host_(seeded(options_.line, 2)) {}

DongleLink::~DongleLink() {
    stop();
}

TimePoint DongleLink::now() noexcept {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::optional<std::string> DongleLink::start(dongle::NodeNumber nodes) {
    auto made = dongle::make_dongle(options_.link, nodes, options_.air);
    if (!made.dongle) return made.error;
    dongle_ = std::move(made.dongle);
    if (options_.baud != 0) {
        from_host_.set_baud(options_.baud);
        to_host_.set_baud(options_.baud);
    }
    if (auto error = plug()) return error;
    schedule_unplug();
    schedule_reset();
    return std::nullopt;
}

void DongleLink::stop() {
    plug_timer_.cancel();
    reset_timer_.cancel();
    unplug();
}

std::optional<std::string> DongleLink::plug() {
    if (auto error = terminal_.plug()) return error;
    ++plugged_;
    // Its own copy: Asio closes what it has.
    descriptor_.assign(::dup(terminal_.descriptor()));
    dongle_->power_on(now(), out_);
    waiting_ = false;
    wait_readable();
    rearm();
    return std::nullopt;
}

void DongleLink::unplug() {
    if (!terminal_.is_plugged()) return;
    timer_.cancel();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    terminal_.unplug();
    from_host_.clear();
    to_host_.clear();
    out_ = {};
}

void DongleLink::add(Bytes node_id, Deliver deliver) {
    nodes_[number_of(node_id)] = std::move(deliver);
}

void DongleLink::remove(Bytes node_id) {
    nodes_.erase(number_of(node_id));
}

void DongleLink::send(Bytes node_id, Bytes frame) {
    if (frame.size() > dongle_->max_frame()) {
        ++report_.too_large;
        return;
    }
    // Nobody listens to a node while the dongle has no power.
    if (!terminal_.is_plugged()) return;
    sending_.push_back({number_of(node_id), Buffer(frame.begin(), frame.end())});
    turn();
}

void DongleLink::wait_readable() {
    // A full adapter does not take more: the host has to wait.
    if (waiting_ || !descriptor_.is_open() || from_host_.waiting() >= adapter_buffer) return;
    waiting_ = true;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, plugged = plugged_](boost::system::error_code error) {
                               if (error || plugged != plugged_) return;
                               waiting_ = false;
                               read();
                               turn();
                           });
}

void DongleLink::read() {
    std::array<std::byte, adapter_buffer> octets;
    const auto size = ::read(terminal_.descriptor(), octets.data(), octets.size());
    if (size <= 0) return;
    const std::uint32_t speed = options_.baud != 0 ? options_.baud : terminal_.speed();
    from_host_.set_baud(speed);
    to_host_.set_baud(speed);
    Buffer taken(octets.begin(), octets.begin() + size);
    garble(taken);
    from_host_.push(taken, now());
}

// Bits at another speed make octets that have nothing to do with what was sent.
void DongleLink::garble(Buffer& octets) {
    if (options_.baud == 0 || terminal_.speed() == options_.baud) return;
    report_.wrong_speed += octets.size();
    for (std::byte& each : octets)
        each = (each << 3U) ^ (each >> 2U) ^ std::byte{0x96};
}

void DongleLink::turn() {
    // Nodes answer at once, from within: the outer call goes on until nothing is left.
    if (turning_) return;
    turning_ = true;
    while (terminal_.is_plugged() && move_octets(now())) {
    }
    turning_ = false;
    wait_readable();
    rearm();
}

bool DongleLink::move_octets(TimePoint time) {
    Buffer arrived;
    from_host_.pop(time, arrived);
    const auto sending = std::exchange(sending_, {});
    const auto due = dongle_->next_timeout();
    for (const Sending& each : sending)
        dongle_->from_node(each.node, each.frame, time, out_);
    if (!arrived.empty()) dongle_->from_host(arrived, time, out_);
    if (due && *due <= time) dongle_->timeout(time, out_);
    auto out = std::exchange(out_, {});
    to_host_.push(out.host, time);
    Buffer leaving;
    to_host_.pop(time, leaving);
    write(std::move(leaving));
    const bool has_moved = !arrived.empty() || !sending.empty() || !out.deliveries.empty();
    deliver(std::move(out.deliveries));
    return has_moved;
}

void DongleLink::deliver(std::vector<dongle::DongleOutput::Delivery> deliveries) {
    for (const auto& each : deliveries) {
        if (each.to == dongle::everyone) {
            // Copies: a node may leave when it hears what it gets.
            const auto all = nodes_;
            for (const auto& [number, deliver] : all)
                deliver(each.frame);
        } else if (const auto found = nodes_.find(each.to); found != nodes_.end()) {
            const Deliver deliver = found->second;
            deliver(each.frame);
        }
    }
}

void DongleLink::write(Buffer octets) {
    if (octets.empty()) return;
    garble(octets);
    // A host that does not read loses octets, as from any UART.
    const auto size = ::write(terminal_.descriptor(), octets.data(), octets.size());
    report_.overrun += octets.size() - static_cast<std::size_t>(std::max<ssize_t>(0, size));
}

void DongleLink::rearm() {
    if (!terminal_.is_plugged()) return;
    std::optional<TimePoint> next;
    for (const auto each : {from_host_.next_timeout(), to_host_.next_timeout(), dongle_->next_timeout()}) {
        if (each && (!next || *each < *next)) next = each;
    }
    if (!next) return;
    timer_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) turn();
    });
}

void DongleLink::schedule_unplug() {
    if (options_.unplug_every == Duration::zero()) return;
    if (options_.unplug_times != 0 && report_.unplugged >= options_.unplug_times) return;
    plug_timer_.expires_after(options_.unplug_every);
    plug_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        ++report_.unplugged;
        unplug();
        schedule_replug();
    });
}

void DongleLink::schedule_replug() {
    plug_timer_.expires_after(options_.unplugged_for);
    plug_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        // Somebody may have put something else at the path meanwhile: it is tried again.
        if (plug()) return schedule_replug();
        schedule_unplug();
    });
}

void DongleLink::schedule_reset() {
    if (options_.reset_every == Duration::zero()) return;
    reset_timer_.expires_after(options_.reset_every);
    reset_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        if (terminal_.is_plugged()) {
            ++report_.resets;
            dongle_->power_on(now(), out_);
            turn();
        }
        schedule_reset();
    });
}

DongleReport DongleLink::report() const {
    DongleReport report = report_;
    report.dongle = dongle_->counters();
    report.from_host = from_host_.counters();
    report.to_host = to_host_.counters();
    return report;
}

}  // namespace mqttsn::tools
