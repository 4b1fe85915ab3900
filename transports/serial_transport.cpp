#include "transports/serial_transport.hpp"

#include "protocol/hex.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::transports {

namespace {

// So much of the line's time may be with the system already: a busy process must not leave the line idle.
constexpr Duration line_lead = std::chrono::milliseconds(50);
// Waits for the duty cycle that a person would wonder about, and how often they are mentioned.
constexpr Duration long_wait = std::chrono::seconds(1);
constexpr Duration wait_said_every = std::chrono::minutes(1);

std::string name_of(const SerialConfig& config) {
    if (!config.name.empty()) return config.name;
    return fmt::format("{}:{}", config.kind->name, config.port.line.to_string());
}

}  // namespace

SerialTransport::SerialTransport(boost::asio::io_context& io, LinkId link, SerialConfig config)
    : link_(link),
      config_(std::move(config)),
      port_(io, config_.port, *this),
      line_(config_.port.line),
      queue_(config_.queue),
      duty_(config_.duty_cycle, config_.duty_window),
      timer_(io) {
    traits_.name = name_of(config_);
    auto made = config_.kind->make(config_.values, config_.mtu);
    driver_ = std::move(made.driver);
    error_ = std::move(made.error);
    traits_.confirms_departure = true;
    if (!driver_) return;
    traits_.max_frame = driver_->traits().mtu;
    traits_.broadcast = driver_->traits().broadcast;
}

SerialTransport::~SerialTransport() = default;

TimePoint SerialTransport::now() const noexcept {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Result<void> SerialTransport::start(FrameHandler& handler) {
    handler_ = &handler;
    if (driver_) {
        const auto failure = port_.start();
        if (!failure) return {};
        error_ = fmt::format("{}: {}", traits_.name, *failure);
    }
    return boost::system::error_code(boost::system::errc::make_error_code(boost::system::errc::invalid_argument));
}

void SerialTransport::stop() {
    port_.stop();
    timer_.cancel();
    is_up_ = false;
    handler_ = nullptr;
}

// ---- frames to send ----

bool SerialTransport::send(const Address& to, Bytes frame, FrameToken token) {
    return enqueue({0, false, 0, to, frame}, token);
}

bool SerialTransport::broadcast(std::uint8_t radius, Bytes frame) {
    return enqueue({0, true, radius, {}, frame}, 0);
}

bool SerialTransport::enqueue(OutgoingFrame frame, FrameToken wanted) {
    const auto refuse = [&](std::uint64_t& counter) {
        ++counter;
        if (wanted != 0) reports_.emplace_back(wanted, Departure::failed);
        return false;
    };
    if (frame.frame.size() > traits_.max_frame) return refuse(too_long_);
    if (!is_up_ && wanted == 0) return refuse(refused_down_);
    if (++last_token_ == 0) ++last_token_;
    frame.token = last_token_;
    const auto pushed = queue_.push(frame, now(), dropped_);
    fail(dropped_);
    if (pushed.outcome == TransmitQueue::Outcome::refused) return refuse(counters_.send_queue_full);
    if (wanted != 0) wanted_[pushed.waiting] = wanted;
    return true;
}

void SerialTransport::flush() {
    if (handler_ == nullptr) return;
    pump();
    report_departures();
    rearm();
}

void SerialTransport::pump() {
    const TimePoint at = now();
    queue_.expire(at, dropped_);
    fail(dropped_);
    wake_at_ = queue_.next_expiry();
    const SerialPort::Gathering one_write(port_);
    while (is_up_ && driver_->can_send()) {
        const auto frame = queue_.next();
        if (!frame) break;
        const std::size_t octets = frame->frame.size();
        if (octets > traits_.max_frame) {  // the dongle has told a smaller limit meanwhile
            ++too_long_;
            departed(frame->token, Departure::failed);
            queue_.pop();
            continue;
        }
        if (!may_send(octets, at)) break;
        hand_over(*frame, at);
        carry_out();
    }
}

// Whether line, node and duty cycle allow a frame of so many octets now; else wake_at_ knows when to ask again.
bool SerialTransport::may_send(std::size_t octets, TimePoint at) {
    if (port_.is_congested()) return false;  // on_written() comes back
    if (at < quiet_until_) {
        wake_at(quiet_until_);
        return false;
    }
    // Several frames at a time, not a wake-up and a system call for each.
    if (at + line_lead < line_free_at_) line_full_until_ = line_free_at_ - line_lead / 2;
    if (at < line_full_until_) {
        wake_at(line_full_until_);
        return false;
    }
    const auto allowed = duty_.earliest(driver_->air_time(octets), at);
    if (!allowed || *allowed <= at) return true;
    duty_.wait(at);
    wake_at(*allowed);
    say_wait(*allowed - at, at);
    return false;
}

void SerialTransport::hand_over(const OutgoingFrame& frame, TimePoint at) {
    const Duration air_time = driver_->air_time(frame.frame.size());
    if (!duty_.earliest(air_time, at)) {  // more than the whole window allows
        ++too_long_;
        departed(frame.token, Departure::failed);
        return queue_.pop();
    }
    duty_.spend(air_time, at);
    ++counters_.frames_out;
    counters_.octets_out += frame.frame.size();
    const Token token = frame.token;
    driver_->send(frame, at, output_);
    queue_.pop();
    if (driver_->traits().confirms_departure) return;
    line_free_at_ = std::max(line_free_at_, at) + std::max(line_.time_for(output_.wire.size()), air_time);
    if (wanted_.contains(token)) in_line_.push_back({token, line_free_at_});
}

// ---- the driver ----

void SerialTransport::carry_out() {
    // What is told below may come back with more to send.
    const DriverOutput done = std::exchange(output_, {});
    if (done.baud) {
        line_.baud = *done.baud;
        if (!port_.set_baud(*done.baud)) port_.reopen(fmt::format("the port cannot do {} baud", *done.baud));
    }
    if (!done.wire.empty() && port_.is_open()) {
        if (!port_.write(done.wire)) ++counters_.send_errors;
        wire_octets_out_ += done.wire.size();
    }
    deliver(done);
    if (done.reopen) port_.reopen(fmt::format("{} is opened again: the dongle makes no sense", line_.to_string()));
}

void SerialTransport::deliver(const DriverOutput& done) {
    for (const auto& note : done.notes)
        handler_->on_link_note(link_, static_cast<NoteLevel>(note.level), note.text);
    for (const auto& each : done.departed)
        departed(each.token, each.departure);
    update_limit();
    if (done.ready) {
        set_up(*done.ready, *done.ready ? fmt::format("works at {} baud (max frame {})", line_.baud, traits_.max_frame)
                                        : "the dongle is not ready");
    }
    if (done.received.empty()) return;
    const auto turnaround = config_.turnaround.value_or(driver_->traits().turnaround);
    if (turnaround > Duration::zero()) quiet_until_ = now() + turnaround;
    for (const auto& each : done.received) {
        ++counters_.frames_in;
        counters_.octets_in += each.size;
        if (handler_ == nullptr) return;
        handler_->on_frame({{link_, each.from}, each.signal}, done.frame(each));
    }
}

void SerialTransport::update_limit() {
    const std::size_t mtu = driver_->traits().mtu;
    if (mtu == traits_.max_frame) return;
    traits_.max_frame = mtu;
    handler_->on_link_limit(link_, mtu);
}

void SerialTransport::set_up(bool up, const std::string& reason) {
    if (up == is_up_) return;
    is_up_ = up;
    if (!up) {
        queue_.clear(dropped_);
        fail(dropped_);
    }
    handler_->on_link_state(link_, up, reason);
}

void SerialTransport::on_port_open() {
    const TimePoint at = now();
    is_open_ = true;
    line_ = config_.port.line;
    line_free_at_ = line_full_until_ = quiet_until_ = at;
    driver_->opened(at, output_);
    carry_out();
    flush();
}

void SerialTransport::on_port_closed(const std::string& reason) {
    if (std::exchange(is_open_, false)) {
        const TimePoint at = now();
        driver_->closed(at, output_);
        output_.ready.reset();  // the port's reason is the better one
        carry_out();
        for (const InLine& each : std::exchange(in_line_, {}))
            departed(each.token, Departure::failed);
    }
    if (is_up_) {
        set_up(false, reason);
    } else {
        handler_->on_link_state(link_, false, reason);
    }
    flush();
}

void SerialTransport::on_octets(Bytes octets) {
    const TimePoint at = now();
    wire_octets_in_ += octets.size();
    driver_->receive(octets, at, output_);
    carry_out();
    if (handler_ == nullptr) return;
    flush();
    handler_->on_batch_end();
}

void SerialTransport::on_written() {
    flush();
}

// ---- departures ----

void SerialTransport::departed(Token token, Departure departure) {
    const auto found = wanted_.find(token);
    if (found == wanted_.end()) return;
    reports_.emplace_back(found->second, departure);
    wanted_.erase(found);
}

void SerialTransport::fail(std::vector<Token>& tokens) {
    for (const Token token : tokens)
        departed(token, Departure::failed);
    tokens.clear();
}

void SerialTransport::settle_line(TimePoint at) {
    // With flow control the line may be slower than its speed says.
    while (!in_line_.empty() && in_line_.front().left_at <= at && port_.unwritten() == 0) {
        departed(in_line_.front().token, Departure::left);
        in_line_.pop_front();
    }
}

void SerialTransport::report_departures() {
    settle_line(now());
    while (!reports_.empty() && handler_ != nullptr) {
        for (const auto& [token, departure] : std::exchange(reports_, {}))
            handler_->on_departed(link_, token, departure);
    }
}

// ---- time ----

void SerialTransport::wake_at(std::optional<TimePoint> when) {
    if (when && (!wake_at_ || *when < *wake_at_)) wake_at_ = when;
}

void SerialTransport::rearm() {
    std::optional<TimePoint> next = wake_at_;
    const auto consider = [&](std::optional<TimePoint> when) {
        if (when && (!next || *when < *next)) next = when;
    };
    consider(driver_->next_timeout());
    if (!in_line_.empty() && port_.unwritten() == 0) consider(in_line_.front().left_at);
    // An alarm that comes too early costs one look; moving it with every frame would cost more.
    if (!next || (armed_for_ && *armed_for_ <= *next)) return;
    armed_for_ = next;
    timer_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        armed_for_.reset();
        on_timer();
    });
}

void SerialTransport::on_timer() {
    if (handler_ == nullptr) return;
    const TimePoint at = now();
    // After a stall of this process what looks like silence on the line may wait to be read.
    const auto due = driver_->next_timeout();
    if (due && *due <= at) {
        if (port_.has_input()) {
            port_.hurry();
        } else {
            driver_->timeout(at, output_);
            carry_out();
        }
    }
    if (handler_ == nullptr) return;
    flush();
    handler_->on_batch_end();
}

// ---- for people ----

void SerialTransport::say_wait(Duration wait, TimePoint at) {
    if (wait < long_wait || (wait_said_at_ && at < *wait_said_at_ + wait_said_every)) return;
    wait_said_at_ = at;
    handler_->on_link_note(
        link_, NoteLevel::info,
        fmt::format("the duty cycle of {:g} % holds the next frame for {} s; {} frames wait", config_.duty_cycle * 100,
                    std::chrono::ceil<std::chrono::seconds>(wait).count(), queue_.size()));
}

std::string SerialTransport::to_string(const Address& address) const {
    const std::string node = driver_ ? driver_->to_string(address) : std::string();
    return node.empty() ? traits_.name : fmt::format("{}/{}", traits_.name, node);
}

std::vector<NamedCount> SerialTransport::more_counters() const {
    const DriverCounters& driver = driver_->counters();
    const TransmitCounters& queue = queue_.counters();
    const DutyCycleCounters& duty = duty_.counters();
    const auto in_milliseconds = [](Duration time) { return static_cast<std::uint64_t>(time.count()) / 1000; };
    // The rest is in LinkCounters.
    static_assert(sizeof(driver) == 12 * sizeof(std::uint64_t), "show new counters of drivers below");
    static_assert(sizeof(queue) == 6 * sizeof(std::uint64_t), "show new counters of the queue below");
    static_assert(sizeof(duty) == 3 * sizeof(std::uint64_t), "show new counters of the duty cycle below");
    using enum NamedCount::Kind;
    return {{"line octets in", wire_octets_in_, octets},
            {"line octets out", wire_octets_out_, octets},
            {"times opened", port_.times_opened()},
            {"check errors", driver.check_errors},
            {"framing errors", driver.framing_errors},
            {"oversize", driver.oversize},
            {"skipped octets", driver.skipped_octets, octets},
            {"departed", driver.departed},
            {"send failures", driver.send_failures},
            {"send timeouts", driver.send_timeouts},
            {"sent again by the driver", driver.retried},
            {"dongle resets", driver.resets},
            {"unexpected replies", driver.unexpected},
            {"waiting now", queue_.size(), level},
            {"most waiting", queue.most_frames, level},
            {"duplicates not queued", queue.duplicates},
            {"displaced", queue.displaced},
            {"expired", queue.expired},
            {"too long", too_long_},
            {"refused while down", refused_down_},
            {"waits for the duty cycle", duty.waits},
            {"waited for the duty cycle", in_milliseconds(duty.waited), milliseconds},
            {"air time", in_milliseconds(duty.air_time), milliseconds}};
}

}  // namespace mqttsn::transports
